//! What holds of the ledger whatever happens to it.

use std::time::Duration;

use audio::{
    Moment,
    playout::{Chunk, Ledger},
};
use proptest::prelude::*;

#[derive(Clone, Debug)]
enum Step {
    Wait(u64),
    Send(u64),
    Pause,
    Resume,
    Cut,
    Report(u64, u64),
    Latency(u64),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        4 => (0u64..400).prop_map(Step::Wait),
        4 => (0u64..500).prop_map(Step::Send),
        1 => Just(Step::Pause),
        1 => Just(Step::Resume),
        1 => Just(Step::Cut),
        1 => (0u64..30, 0u64..600).prop_map(|(event, ms)| Step::Report(event, ms)),
        1 => (0u64..200).prop_map(Step::Latency),
    ];
    prop::collection::vec(step, 0..60)
}

/// Plays `steps`, one reply between two cuts, and calls `check` after each with the latest reply.
fn play(steps: Vec<Step>, mut check: impl FnMut(&Ledger, Moment, u64)) {
    let mut ledger = Ledger::new(Duration::from_millis(50));
    let (mut now, mut reply, mut event) = (Moment::from_millis(1_000), 1, 0);
    for step in steps {
        match step {
            Step::Wait(ms) => now += Duration::from_millis(ms),
            Step::Send(ms) => {
                event += 1;
                let chunk = Chunk::new(reply, event, Duration::from_millis(ms));
                ledger.push(now, chunk.saying(format!("word{event} and ")));
            }
            Step::Pause => ledger.pause(now),
            Step::Resume => ledger.resume(now),
            Step::Cut => {
                ledger.cut(now);
                reply += 1;
            }
            Step::Report(event, ms) => {
                ledger.report(now, event, Duration::from_millis(ms));
            }
            Step::Latency(ms) => ledger.set_latency(now, Duration::from_millis(ms)),
        }
        check(&ledger, now, reply);
    }
}

proptest! {
    #[test]
    fn nothing_is_heard_that_was_not_sent(steps in steps()) {
        play(steps, |ledger, now, latest| {
            for reply in 1..=latest {
                let heard = ledger.heard(now, reply);
                assert!(heard.duration <= heard.sent);
                assert!(!heard.all, "no reply was finished");
                let text = ledger.heard_text(now, reply);
                assert!(ledger.text(reply).starts_with(&text));
                assert_eq!(text.trim_end(), text);
            }
        });
    }

    #[test]
    fn the_latest_reply_is_heard_or_queued(steps in steps()) {
        play(steps, |ledger, now, latest| {
            let heard = ledger.heard(now, latest);
            assert_eq!(heard.duration + ledger.queued(now), heard.sent);
            assert_eq!(ledger.sounding(now).is_none(), ledger.queued(now).is_zero());
        });
    }

    #[test]
    fn by_reckoning_nothing_heard_is_taken_back(steps in steps()) {
        let steps = steps.into_iter().filter(|s| !matches!(s, Step::Report(..))).collect();
        let mut before = vec![Duration::ZERO; 64];
        play(steps, |ledger, now, latest| {
            for reply in 1..=latest {
                let heard = ledger.heard(now, reply).duration;
                assert!(heard >= before[reply as usize]);
                before[reply as usize] = heard;
            }
        });
    }

    #[test]
    fn left_alone_everything_is_heard_when_it_was_said_to_end(steps in steps()) {
        let steps = steps.into_iter().filter(|s| !matches!(s, Step::Report(..))).collect();
        play(steps, |ledger, now, _| {
            if let Some(end) = ledger.ends_at(now) {
                assert!(ledger.queued(end).is_zero());
                assert!(!ledger.queued(end - Duration::from_micros(1)).is_zero());
            }
        });
    }
}
