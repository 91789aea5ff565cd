//! What happened in a simulated conversation, as it is logged.

use std::fmt::{self, Write as _};

use audio::Moment;
use turn::{Input, Origin, Output, ReplyEnd};

/// One line of the log.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    /// When.
    pub at: Moment,
    /// What.
    pub what: What,
}

/// What was logged.
#[derive(Clone, Debug, PartialEq)]
pub enum What {
    /// The machine was told something. Voice frames and ticks are left out.
    Told(Input),
    /// The machine decided something.
    Decided(Output),
    /// Something happened in the world.
    World(String),
}

impl fmt::Display for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.what {
            What::Told(input) => write!(f, "{}  > {input:?}", self.at),
            What::Decided(output) => write!(f, "{}  < {output:?}", self.at),
            What::World(text) => write!(f, "{}  * {text}", self.at),
        }
    }
}

/// The decisions that a reader of a scenario cares about, one a line, in hundredths of a second.
pub fn brief(log: &[Entry]) -> String {
    let mut lines = String::new();
    let mut playing = None;
    for entry in log {
        let What::Decided(output) = &entry.what else {
            continue;
        };
        let line = match output {
            Output::Listen => "listen".to_owned(),
            Output::DropUtterance { because, .. } => format!("ignore: {because}"),
            Output::Commit { text, .. } => format!("user: {text}"),
            Output::Generate {
                reply,
                origin,
                speculative,
            } => {
                let why = match origin {
                    Origin::Turn if speculative.is_some() => "in case",
                    Origin::Greeting => "greeting",
                    Origin::Turn => "answer",
                    Origin::Tools { .. } => "after tools",
                    Origin::ReEngage => "still there?",
                    Origin::Unheard => "unheard",
                    Origin::Filler => "filler",
                    Origin::MaxDuration => "time is up",
                    Origin::Rest { .. } => "the rest",
                };
                format!("think {reply}: {why}")
            }
            Output::Adopt { reply } => format!("adopt {reply}"),
            Output::Play { reply, .. } if playing != Some(*reply) => {
                playing = Some(*reply);
                format!("play {reply}")
            }
            Output::Duck { reply } => format!("duck {reply}"),
            Output::Resume { reply } => format!("resume {reply}"),
            Output::Stop { reply, .. } => format!("stop {reply}"),
            Output::Cancel { reply } => format!("cancel {reply}"),
            Output::ReplyEnded { reply, end } => match end {
                ReplyEnd::Finished => format!("{reply} finished"),
                ReplyEnd::Interrupted { heard } => format!("{reply} interrupted after: {heard}"),
                ReplyEnd::Cancelled => format!("{reply} unheard"),
                ReplyEnd::Failed { heard } if heard.is_empty() => format!("{reply} failed"),
                ReplyEnd::Failed { heard } => format!("{reply} failed after: {heard}"),
                ReplyEnd::Skipped => format!("{reply} skipped"),
            },
            Output::RunTool { call } => format!("tool {call}"),
            Output::ToolEnded { call, outcome } => {
                format!("tool {call} {outcome:?}").to_lowercase()
            }
            Output::End { reason } => format!("end: {reason:?}"),
            _ => continue,
        };
        let hundredths = entry.at.as_millis() / 10;
        let _ = writeln!(
            lines,
            "{}.{:02}  {line}",
            hundredths / 100,
            hundredths % 100
        );
    }
    lines
}
