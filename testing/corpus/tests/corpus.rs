//! The corpus is what it says, and echo stays out.

use std::{path::PathBuf, time::Duration};

use corpus::{
    cancellers::Candidate,
    echo,
    items::{Hesitations, Kind},
    report,
    voice::Voices,
};

fn target() -> PathBuf {
    PathBuf::from(env!("CARGO_TARGET_TMPDIR"))
}

#[test]
fn the_corpus_is_the_same_every_time_and_half_of_it_is_held_out() {
    let first = report::corpus(&target().join("first"), Hesitations::Long).expect("voices");
    let second = report::corpus(&target().join("second"), Hesitations::Long).expect("voices");
    assert_eq!(first.len(), second.len());
    assert!(
        first
            .iter()
            .zip(&second)
            .all(|(a, b)| a.name == b.name && a.sound == b.sound && a.truth == b.truth)
    );
    for kind in [Kind::Turn, Kind::Backchannel, Kind::BargeIn, Kind::Noise] {
        let all = first.iter().filter(|item| item.kind == kind).count();
        let held_out = first
            .iter()
            .filter(|item| item.kind == kind && item.held_out)
            .count();
        // Of the turns less, since more of them came for tuning alone.
        assert!(
            (all / 10..=all * 3 / 4).contains(&held_out),
            "{kind:?}: {held_out} of {all}"
        );
    }
    for item in &first {
        assert!(
            item.truth.onset < item.truth.end && item.truth.end <= item.sound.len(),
            "{}",
            item.name
        );
    }
}

#[test]
fn the_agent_does_not_interrupt_itself_and_callers_interrupt_it() {
    let mut voices = Voices::new(target().join("clips")).expect("voices");
    let choice = echo::Choice {
        turns: 40,
        recognise: false,
        onset: Duration::from_millis(60),
    };
    let score = echo::run(&mut voices, Candidate::Chosen, choice).expect("voices");
    assert_eq!(score.self_interruptions, 0, "{score:?}");
    assert!(score.silent.len() * 10 >= score.barge_ins * 9, "{score:?}");
}
