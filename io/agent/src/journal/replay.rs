//! Feeding a journal to a machine again.

use std::io::{self, BufRead};

use audio::Moment;

use super::{Entry, Header, wire};

/// What a replay found.
#[derive(Clone, Debug, PartialEq)]
pub struct Replay {
    /// The conversation that was written down.
    pub conversation: String,
    /// Inputs that were fed.
    pub inputs: usize,
    /// Decisions that came out the same.
    pub decisions: usize,
    /// The first decision that came out differently.
    pub difference: Option<Difference>,
    /// Whether the last line was cut off, as after a crash.
    pub cut_off: bool,
}

/// Where a replay went another way. Lines are in the journal's words.
#[derive(Clone, Debug, PartialEq)]
pub struct Difference {
    /// Line of the journal, counted from 1.
    pub line: usize,
    /// When.
    pub at: Moment,
    /// What was told.
    pub input: String,
    /// What was decided then.
    pub then: String,
    /// What is decided now.
    pub now: String,
}

/// A journal that cannot be replayed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReplayError {
    /// The file could not be read.
    #[error("the journal could not be read")]
    Unreadable(#[from] io::Error),
    /// It is no journal, or one of a newer kind.
    #[error("line {line} is not a journal's: {reason}")]
    Malformed {
        /// Counted from 1.
        line: usize,
        /// Why.
        reason: String,
    },
}

/// Feeds the inputs of a journal to a machine with the settings that stand in it, and reports the first decision that
/// differs. There is none unless the machine itself has changed since.
pub fn replay(reader: impl BufRead) -> Result<Replay, ReplayError> {
    replay_with(reader, |settings| settings)
}

/// The same with other settings, made by `change` from those in the journal: shows what they would have changed first.
pub fn replay_with(
    reader: impl BufRead,
    change: impl FnOnce(turn::Settings) -> turn::Settings,
) -> Result<Replay, ReplayError> {
    let mut lines = reader.lines().enumerate();
    let malformed = |index: usize, reason: String| ReplayError::Malformed {
        line: index + 1,
        reason,
    };
    let header: Header = match lines.next() {
        Some((_, line)) => {
            serde_json::from_str(&line?).map_err(|error| malformed(0, error.to_string()))?
        }
        None => return Err(malformed(0, "the file is empty".to_owned())),
    };
    if header.duologue_journal != 1 {
        return Err(malformed(
            0,
            format!("version {} is not known", header.duologue_journal),
        ));
    }
    let kept = header
        .settings
        .map(turn::Settings::from)
        .ok_or_else(|| malformed(0, "it does not hold the machine's settings".to_owned()))?;
    let mut machine = turn::Conversation::new(change(kept));
    let mut report = Replay {
        conversation: header.conversation,
        inputs: 0,
        decisions: 0,
        difference: None,
        cut_off: false,
    };
    while let Some((index, line)) = lines.next() {
        let line = line?;
        let entry: Entry = match serde_json::from_str(&line) {
            Ok(entry) => entry,
            Err(_) if lines.next().is_none() => {
                report.cut_off = true;
                break;
            }
            Err(error) => return Err(malformed(index, error.to_string())),
        };
        let at = Moment::from_micros(entry.at);
        let told = format!("{:?}", entry.input);
        let Some(input) = entry.input.into_turn() else {
            return Err(malformed(
                index,
                "it holds a fact newer than this program".to_owned(),
            ));
        };
        let now: Vec<wire::Output> = machine
            .handle(at, input)
            .map(|output| wire::Output::from(&output))
            .collect();
        report.inputs += 1;
        let same = entry
            .out
            .iter()
            .zip(&now)
            .take_while(|(then, now)| then == now)
            .count();
        report.decisions += same;
        if same < entry.out.len().max(now.len()) {
            let show = |outputs: &[wire::Output]| {
                outputs
                    .get(same)
                    .map_or_else(|| "nothing".to_owned(), |output| format!("{output:?}"))
            };
            report.difference = Some(Difference {
                line: index + 1,
                at,
                input: told,
                then: show(&entry.out),
                now: show(&now),
            });
            break;
        }
    }
    Ok(report)
}
