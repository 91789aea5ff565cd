use super::*;

const fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

const fn at(millis: u64) -> Moment {
    Moment::from_millis(millis)
}

/// Reply 1 in two chunks of a second, eight words of 250 ms each, sent at once.
fn spoken(latency: u64) -> Ledger {
    let mut ledger = Ledger::new(ms(latency));
    let words = [
        "Your ", "order ", "left ", "us ", "this ", "morning ", "by ", "train.",
    ];
    for (event, half) in (1..).zip(words.chunks(4)) {
        let mut chunk = Chunk::new(1, event, ms(1000));
        for (index, word) in (0..).zip(half) {
            chunk = chunk.with(Piece::new(*word, ms(250) * index, ms(250)));
        }
        ledger.push(at(0), chunk);
    }
    ledger.finish(1);
    ledger
}

#[test]
fn nothing_is_heard_before_it_arrives() {
    let ledger = spoken(80);
    assert_eq!(ledger.heard(at(80), 1).duration, ms(0));
    assert_eq!(ledger.heard_text(at(80), 1), "");
    assert_eq!(ledger.heard(at(180), 1).duration, ms(100));
    assert_eq!(ledger.heard(at(180), 1).evidence, Evidence::Reckoned);
}

#[test]
fn a_word_counts_from_its_middle() {
    // Spaces belong to no word, so "Your" lasts 200 ms of its piece of 250.
    let ledger = spoken(0);
    assert_eq!(ledger.heard_text(at(99), 1), "");
    assert_eq!(ledger.heard_text(at(100), 1), "Your");
    assert_eq!(ledger.heard_text(at(600), 1), "Your order left");
    assert_eq!(ledger.heard_text(at(1200), 1), "Your order left us this");
}

#[test]
fn a_word_split_between_chunks_is_one_word() {
    let mut ledger = Ledger::default();
    ledger.push(at(0), Chunk::new(1, 1, ms(100)).saying("won"));
    ledger.push(at(0), Chunk::new(1, 2, ms(300)).saying("derful"));
    assert_eq!(ledger.heard_text(at(199), 1), "");
    assert_eq!(ledger.heard_text(at(200), 1), "wonderful");
}

#[test]
fn all_is_heard_when_the_finished_reply_has_sounded() {
    let mut ledger = spoken(0);
    assert!(!ledger.heard(at(1999), 1).all);
    assert!(ledger.heard(at(2000), 1).all);
    assert_eq!(
        ledger.heard_text(at(9000), 1),
        "Your order left us this morning by train."
    );
    ledger.push(at(2000), Chunk::new(2, 3, ms(10)));
    assert!(!ledger.heard(at(9000), 2).all, "more of it may come");
}

#[test]
fn a_late_chunk_sounds_when_it_arrives() {
    let mut ledger = Ledger::default();
    ledger.push(at(0), Chunk::new(1, 1, ms(100)));
    ledger.push(at(500), Chunk::new(1, 2, ms(100)));
    assert_eq!(ledger.heard(at(400), 1).duration, ms(100));
    assert_eq!(ledger.heard(at(550), 1).duration, ms(150));
    assert_eq!(ledger.ends_at(at(550)), Some(at(600)));
}

#[test]
fn a_late_chunk_without_sound_ends_nothing_later() {
    let mut ledger = Ledger::new(ms(50));
    ledger.push(at(0), Chunk::new(1, 1, ms(100)));
    ledger.push(at(120), Chunk::new(1, 2, ms(0)));
    assert_eq!(ledger.ends_at(at(120)), Some(at(150)));
}

#[test]
fn the_clock_stops_while_ducked() {
    let mut ledger = spoken(0);
    ledger.pause(at(500));
    assert_eq!(ledger.heard(at(3000), 1).duration, ms(500));
    assert_eq!(ledger.ends_at(at(3000)), None);
    assert_eq!(ledger.queued(at(3000)), ms(1500));
    ledger.resume(at(3000));
    assert_eq!(ledger.heard(at(3100), 1).duration, ms(600));
    assert_eq!(ledger.ends_at(at(3100)), Some(at(4500)));
}

#[test]
fn a_cut_freezes_what_was_heard() {
    let mut ledger = spoken(0);
    ledger.cut(at(620));
    assert_eq!(ledger.heard(at(9000), 1).duration, ms(620));
    assert!(!ledger.heard(at(9000), 1).all);
    assert_eq!(ledger.heard_text(at(9000), 1), "Your order left");
    assert_eq!(ledger.queued(at(620)), ms(0));
    assert_eq!(ledger.sounding(at(620)), None);

    ledger.push(at(1000), Chunk::new(2, 3, ms(100)));
    assert_eq!(ledger.heard(at(1050), 2).duration, ms(50));
    assert_eq!(ledger.heard(at(1050), 1).duration, ms(620));
}

#[test]
fn sound_on_its_way_is_heard_before_the_cut_arrives() {
    let mut ledger = spoken(80);
    assert_eq!(ledger.heard(at(600), 1).duration, ms(520));
    ledger.cut(at(600));
    assert_eq!(ledger.heard(at(680), 1).duration, ms(600));
}

#[test]
fn a_report_is_believed_over_the_clock() {
    let mut ledger = spoken(0);
    assert!(ledger.report(at(1500), 1, ms(900)));
    let heard = ledger.heard(at(1500), 1);
    assert_eq!(
        (heard.duration, heard.evidence),
        (ms(900), Evidence::Reported)
    );
    assert_eq!(ledger.ends_at(at(1500)), Some(at(2600)));
    assert_eq!(
        ledger.sounding(at(1500)),
        Some(Sounding {
            reply: 1,
            event: 1,
            position: ms(900)
        })
    );
    assert!(ledger.report(at(1700), 2, ms(100)));
    assert_eq!(ledger.heard(at(1700), 1).duration, ms(1100));
    assert!(ledger.report(at(1800), 1, ms(200)), "an old report");
    assert_eq!(ledger.heard(at(1800), 1).duration, ms(1100));
    assert!(ledger.report(at(3000), 2, ms(99_000)), "beyond the end");
    assert!(ledger.heard(at(3000), 1).all);
}

#[test]
fn a_report_about_an_unknown_chunk_changes_nothing() {
    let mut ledger = spoken(0);
    assert!(!ledger.report(at(100), 77, ms(10)));
    assert_eq!(ledger.heard(at(100), 1).evidence, Evidence::Reckoned);
}

#[test]
fn an_edge_that_promised_reports_is_waited_for() {
    let mut ledger = spoken(0);
    ledger.expect_reports();
    let heard = ledger.heard(at(5000), 1);
    assert_eq!(
        (heard.duration, heard.evidence),
        (ms(0), Evidence::Reported)
    );
    assert_eq!(ledger.ends_at(at(5000)), Some(at(2000)), "it is late");
}

#[test]
fn the_last_report_after_a_cut_counts() {
    let mut ledger = spoken(0);
    ledger.report(at(300), 1, ms(300));
    ledger.cut(at(1200));
    assert_eq!(ledger.heard(at(1200), 1).duration, ms(300));
    ledger.report(at(1250), 2, ms(150));
    assert_eq!(ledger.heard(at(1250), 1).duration, ms(1150));
}

#[test]
fn a_report_about_the_next_reply_does_not_revive_what_was_cut() {
    let mut ledger = spoken(0);
    ledger.report(at(300), 1, ms(300));
    ledger.cut(at(310));
    ledger.push(at(1000), Chunk::new(2, 3, ms(500)));
    ledger.report(at(1100), 3, ms(100));
    assert_eq!(ledger.heard(at(1100), 1).duration, ms(300));
    assert_eq!(ledger.queued(at(1100)), ms(400));
}

#[test]
fn alignment_may_run_ahead_of_the_sound() {
    let mut ledger = Ledger::default();
    ledger.push(
        at(0),
        Chunk::new(1, 1, ms(100)).with(Piece::new("one two", ms(0), ms(700))),
    );
    ledger.push(at(0), Chunk::new(1, 2, ms(600)));
    assert_eq!(ledger.heard_text(at(149), 1), "");
    assert_eq!(ledger.heard_text(at(150), 1), "one");
    assert_eq!(ledger.heard_text(at(550), 1), "one two");
}

#[test]
fn characters_without_spaces_between_words_count_one_by_one() {
    let mut ledger = Ledger::default();
    ledger.push(at(0), Chunk::new(1, 1, ms(600)).saying("你好。再见。"));
    assert_eq!(ledger.heard_text(at(310), 1), "你好。");
}

#[test]
fn a_forgotten_reply_leaves_the_others_alone() {
    let mut ledger = spoken(0);
    ledger.push(at(0), Chunk::new(2, 3, ms(1000)).saying("Next"));
    ledger.set_latency(at(2500), ms(0));
    ledger.forget(1);
    assert_eq!(ledger.heard(at(2600), 1).sent, ms(0));
    assert_eq!(ledger.heard(at(2600), 2).duration, ms(600));
    assert_eq!(ledger.ends_at(at(2600)), Some(at(3000)));
}
