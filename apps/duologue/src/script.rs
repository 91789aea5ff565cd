//! Callers written down: what they say, and when.
//!
//! ```text
//! # A remark.
//! at 0.5s: hello                   half a second after the beginning
//! wait 2s: what time is it         two seconds after the caller's own line before
//! after 0.7s: thank you            once the agent has been silent for so long after its reply
//! during 1.5s: stop                that far into the agent's next reply: an interruption
//! goodbye                          the same as `after 0.7s`
//! ```

use std::time::Duration;

use crate::problem::{Outcome, Problem};

/// How long the agent is left to be silent before a line without a time.
const POLITE: Duration = Duration::from_millis(700);
/// The longest time a line may name.
const LONGEST: f64 = 600.0;

/// When a line is spoken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cue {
    /// So long after the beginning.
    At(Duration),
    /// So long after the end of the line before.
    Wait(Duration),
    /// So long after the agent has finished its reply.
    After(Duration),
    /// So far into the agent's next reply.
    During(Duration),
}

impl Cue {
    /// Whether it needs an agent to tell the time by.
    pub(crate) const fn needs_agent(self) -> bool {
        matches!(self, Self::After(_) | Self::During(_))
    }
}

/// One thing to say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Line {
    /// Where it stands in the file, from 1.
    pub(crate) number: usize,
    /// When.
    pub(crate) cue: Cue,
    /// What.
    pub(crate) text: String,
}

/// Reads a script. `name` is what the file is called in errors.
pub(crate) fn parse(name: &str, text: &str) -> Outcome<Vec<Line>> {
    let mut lines = Vec::new();
    for (index, line) in text.lines().enumerate() {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let number = index + 1;
        let (cue, text) =
            cue(line).map_err(|why| {
                Problem::usage(format!("{name}:{number} cannot be read"))
                    .because(why)
                    .fix("write a time before the colon: at 4.5s: …, wait 2s: …, after 0.7s: … or during 1.5s: …")
            })?;
        let text = text.trim();
        if text.is_empty() {
            return Err(Problem::usage(format!("{name}:{number} says nothing"))
                .fix("write what is said after the colon"));
        }
        lines.push(Line {
            number,
            cue,
            text: text.to_owned(),
        });
    }
    if lines.is_empty() {
        return Err(
            Problem::usage(format!("{name} has no lines to say")).fix("write one: at 0.5s: hello")
        );
    }
    Ok(lines)
}

/// The cue of a line, and the rest of it.
fn cue(line: &str) -> Result<(Cue, &str), String> {
    let plain = (Cue::After(POLITE), line);
    let Some((head, text)) = line.split_once(':') else {
        return Ok(plain);
    };
    let mut words = head.split_whitespace();
    let make = match words.next() {
        Some("at") => Cue::At,
        Some("wait") => Cue::Wait,
        Some("after") => Cue::After,
        Some("during") => Cue::During,
        // A colon in the middle of what is said.
        _ => return Ok(plain),
    };
    let (Some(time), None) = (words.next(), words.next()) else {
        return Ok(plain);
    };
    let seconds: f64 = time
        .strip_suffix('s')
        .unwrap_or(time)
        .parse()
        .map_err(|_| format!("{time:?} is not a time in seconds"))?;
    if !(0.0..=LONGEST).contains(&seconds) {
        return Err(format!("{time:?} is not between 0 and {LONGEST} seconds"));
    }
    Ok((make(Duration::from_secs_f64(seconds)), text))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cues(text: &str) -> Vec<(Cue, String)> {
        parse("script", text)
            .unwrap()
            .into_iter()
            .map(|line| (line.cue, line.text))
            .collect()
    }

    #[test]
    fn each_line_says_when_it_is_spoken() {
        let ms = Duration::from_millis;
        assert_eq!(
            cues(
                "# hi\n\nat 0.5s: hello\nwait 2: there\nafter 1s: fine\nduring 1.5s: stop\nwhat: me\n"
            ),
            [
                (Cue::At(ms(500)), "hello".to_owned()),
                (Cue::Wait(ms(2_000)), "there".to_owned()),
                (Cue::After(ms(1_000)), "fine".to_owned()),
                (Cue::During(ms(1_500)), "stop".to_owned()),
                (Cue::After(POLITE), "what: me".to_owned()),
            ]
        );
    }

    #[test]
    fn what_cannot_be_read_is_placed() {
        let wrong = |text: &str| parse("caller.txt", text).unwrap_err().to_string();
        assert!(wrong("hello\nat soon: hi").contains("caller.txt:2"));
        assert!(wrong("at -1s: hi").contains("not between"));
        assert!(wrong("wait NaN: hi").contains("not between"));
        assert!(wrong("at 1s:").contains("says nothing"));
        assert!(wrong("# nothing").contains("no lines"));
    }
}
