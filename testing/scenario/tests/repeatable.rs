//! Same seed, same log.

use scenario::{Faults, Script, broken_rule, random, run};

fn log(seed: u64) -> String {
    let entries = random(seed, Faults::Many).log;
    let lines: Vec<String> = entries.iter().map(ToString::to_string).collect();
    lines.join("\n")
}

#[test]
fn the_same_seed_gives_the_same_log_to_the_byte() {
    for seed in 0..20 {
        assert_eq!(log(seed), log(seed));
    }
    assert_ne!(log(1), log(2));
}

#[test]
fn random_dialogues_break_no_rule() {
    for faults in [Faults::None, Faults::Some, Faults::Many] {
        for seed in 0..150 {
            assert_eq!(
                broken_rule(&random(seed, faults)),
                None,
                "seed {seed}, {faults:?}"
            );
        }
    }
}

#[test]
fn every_dialogue_on_file_runs_and_breaks_no_rule() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/dialogues");
    let mut count = 0;
    for file in std::fs::read_dir(folder).unwrap() {
        let path = file.unwrap().path();
        let text = std::fs::read_to_string(&path).unwrap();
        let script =
            Script::read(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        assert_eq!(broken_rule(&run(script)), None, "{}", path.display());
        count += 1;
    }
    assert!(count >= 5);
}

#[test]
fn a_line_that_makes_no_sense_is_named() {
    let error = Script::read("0.0 agent: Hello.\n1.0 dances").unwrap_err();
    assert_eq!(error.to_string(), "line 2: nobody can `dances`");
}
