//! What the commands print.

use std::{fs, io::BufWriter, num::NonZeroU16, path::Path, time::Duration};

use anyhow::Context;
use audio::{SampleRate, wav::Writer};
use turn::Eagerness;

use crate::{
    cancellers::Candidate,
    echo::{self, Score},
    fit,
    items::{self, Hesitations, Item, Kind},
    pauses,
    turns::{self, EdgeKind, Figures, Outcome, Recogniser},
    voice::Voices,
};

/// Makes the corpus, keeping clips below `target`.
///
/// # Errors
/// When a voice is missing.
pub fn corpus(target: &Path, hesitations: Hesitations) -> anyhow::Result<Vec<Item>> {
    items::build(&mut Voices::new(target.join("corpus/clips"))?, hesitations)
}

/// Writes every item as a WAV and its truth as JSON below `target`. Gives how many there are.
///
/// # Errors
/// When a voice is missing or the disk is full.
pub fn write(target: &Path) -> anyhow::Result<usize> {
    let items = corpus(target, Hesitations::Long)?;
    let folder = target.join("corpus/items");
    fs::create_dir_all(&folder)?;
    for (index, item) in items.iter().enumerate() {
        let path = folder.join(format!("{index:04}.wav"));
        let file =
            fs::File::create(&path).with_context(|| format!("writing {}", path.display()))?;
        let mut writer = Writer::new(BufWriter::new(file), SampleRate::HZ_16000, NonZeroU16::MIN)?;
        writer.write(&item.sound)?;
        writer.finish()?;
        let truth = serde_json::json!({
            "name": item.name, "kind": item.kind, "place": item.place, "held_out": item.held_out,
            "reply": item.reply.as_ref().map(|(text, _)| text), "truth": item.truth,
        });
        fs::write(
            path.with_extension("json"),
            serde_json::to_vec_pretty(&truth)?,
        )?;
    }
    Ok(items.len())
}

/// What to score.
#[derive(Clone, Copy, Debug)]
pub struct Choice {
    /// Which eagerness; none: all.
    pub eagerness: Option<Eagerness>,
    /// The held-out half instead of the other.
    pub held_out: bool,
    /// Who listens.
    pub recogniser: Recogniser,
    /// What the edge can do.
    pub edge: EdgeKind,
    /// How long callers hesitate.
    pub hesitations: Hesitations,
    /// Of so many items one is scored; 1: all.
    pub every: usize,
    /// Print how turns went by sort of text. Not for the held-out half, which is only scored as a whole.
    pub groups: bool,
    /// Print what became of each item that went wrong (1) or of each (2).
    pub detail: u8,
}

/// Scores turn-taking and prints a table.
///
/// # Errors
/// When a voice or the recogniser is missing.
pub fn turns(target: &Path, choice: Choice) -> anyhow::Result<Figures> {
    let items = corpus(target, choice.hesitations)?;
    let items: Vec<&Item> = items
        .iter()
        .filter(|item| item.held_out == choice.held_out)
        .step_by(choice.every.max(1))
        .collect();
    println!(
        "{} half, {} items; recogniser: {:?}; edge: {:?}; hesitations: {:?}",
        if choice.held_out {
            "held-out"
        } else {
            "tuning"
        },
        items.len(),
        choice.recogniser,
        choice.edge,
        choice.hesitations
    );
    println!("{}", Figures::heading());
    let mut last = None;
    let all = [Eagerness::Eager, Eagerness::Normal, Eagerness::Patient];
    for eagerness in all
        .into_iter()
        .filter(|e| choice.eagerness.is_none_or(|wanted| wanted == *e))
    {
        let outcomes = turns::play(&items, eagerness, choice.recogniser, choice.edge)?;
        let figures = turns::figures(&outcomes);
        println!("{}", figures.row(&format!("{eagerness:?}")));
        if choice.groups && !choice.held_out {
            groups(&outcomes);
        }
        detail(&outcomes, choice.detail);
        last = Some(figures);
    }
    for silence in [300, 400, 500, 700, 1_000, 1_300, 1_600, 2_000] {
        let outcomes = turns::silence_timer(&items, Duration::from_millis(silence));
        println!(
            "{}",
            turns::figures(&outcomes).row(&format!("silence timer {silence} ms"))
        );
    }
    last.context("no eagerness was chosen")
}

/// Fits what words and melody say about the end of a turn to the pauses of the tuning half, and prints it.
///
/// # Errors
/// When a voice is missing.
pub fn fit(target: &Path) -> anyhow::Result<()> {
    let items = corpus(target, Hesitations::Long)?;
    let items: Vec<&Item> = items.iter().filter(|item| !item.held_out).collect();
    print!("{}", fit::fit(&pauses::of(&items)));
    Ok(())
}

/// How turns went by sort of text.
fn groups(outcomes: &[Outcome]) {
    let turns = || outcomes.iter().filter(|o| o.kind == Kind::Turn);
    let mut names: Vec<&str> = Vec::new();
    for outcome in turns() {
        if !names.contains(&outcome.group.as_str()) {
            names.push(&outcome.group);
        }
    }
    for name in names {
        let group: Vec<Outcome> = turns().filter(|o| o.group == name).cloned().collect();
        println!("{}", turns::figures(&group).turns_row(&format!("  {name}")));
    }
}

fn detail(outcomes: &[Outcome], level: u8) {
    for kind in [Kind::Turn, Kind::Backchannel, Kind::BargeIn, Kind::Noise] {
        for outcome in outcomes.iter().filter(|o| o.kind == kind) {
            let off =
                outcome.heard_off.is_some_and(|off| off > 1) || outcome.resumed == Some(false);
            if level > 1 || (level == 1 && (outcome.wrong || off)) {
                println!(
                    "  {} {}: {}{}",
                    if outcome.wrong { "WRONG" } else { "     " },
                    outcome.name,
                    outcome.what,
                    if off {
                        format!(
                            "; heard off by {:?}, resumed {:?}",
                            outcome.heard_off, outcome.resumed
                        )
                    } else {
                        String::new()
                    }
                );
            }
        }
    }
}

/// Measures echo cancellers beside each other and prints a table.
///
/// # Errors
/// When a voice is missing, or the recogniser when it is wanted.
pub fn echo(
    target: &Path,
    candidates: &[Candidate],
    choice: echo::Choice,
) -> anyhow::Result<Vec<Score>> {
    let mut voices = Voices::new(target.join("corpus/clips"))?;
    println!("{}", Score::heading());
    candidates
        .iter()
        .map(|candidate| {
            let score = echo::run(&mut voices, *candidate, choice)?;
            println!("{}", score.row(&format!("{candidate:?}")));
            Ok(score)
        })
        .collect()
}
