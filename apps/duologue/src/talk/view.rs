//! What people and machines are shown of a conversation.

use std::time::Duration;

use protocol::agents::{Stage, client::End};
use serde_json::{Value, json};

use super::{notes::why, screen::Screen};
use crate::{out::Out, problem::Outcome};

/// Something to show, and when it happened.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Shown {
    /// Something was chosen, for a reason: `brain`, `llm`, `agent`.
    Choice { name: &'static str, value: String },
    /// The conversation has begun.
    Started { conversation: String },
    /// What the user seems to be saying.
    Partial(String),
    /// What the user said.
    User(String),
    /// A piece of what the agent writes, in typed conversations.
    AgentPart(String),
    /// What the agent says.
    Agent(String),
    /// What the user heard of it, after an interruption.
    Heard { original: String, heard: String },
    /// A tool was called.
    Tool { name: String, failed: bool },
    /// Where the time of a turn went.
    Latency(Turn),
    /// Something worth knowing.
    Notice(String),
    /// The connection broke; another is being made.
    CutOff(End),
    /// It goes on in a new conversation.
    Continued { conversation: String, from: String },
    /// It is over.
    Ended {
        reason: String,
        message: String,
        seconds: f64,
    },
    /// Something was kept in a file.
    Kept { what: &'static str, file: String },
}

impl Shown {
    /// A turn of events in words; empty for everything else.
    pub(crate) fn notice(&self) -> String {
        match self {
            Self::CutOff(end) => {
                format!("the connection broke ({}); calling again", why(end))
            }
            Self::Continued { conversation, .. } => {
                format!("connected again; the agent was told what was said so far ({conversation})")
            }
            _ => String::new(),
        }
    }
}

/// Where the time of one turn went, from the user's last sound to the agent's first.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Turn {
    pub(crate) number: usize,
    pub(crate) stages: Vec<Stage>,
}

impl Turn {
    /// The whole wait, in milliseconds.
    pub(crate) fn total(&self) -> f64 {
        self.stages.iter().map(|stage| stage.ms).sum()
    }

    /// One line: the total and what it is made of.
    pub(crate) fn line(&self) -> String {
        let parts: Vec<_> = self
            .stages
            .iter()
            .filter(|stage| stage.ms >= 0.5)
            .map(|stage| format!("{} {:.0}", stage.name.replace('_', " "), stage.ms))
            .collect();
        let sum = if parts.is_empty() {
            String::new()
        } else {
            format!(" = {}", parts.join(" + "))
        };
        format!("turn {:<3} {:>5.0} ms{sum}", self.number, self.total())
    }
}

/// Who is shown it.
pub(crate) enum View {
    /// Lines on a pipe, or words beside a pipe of sound.
    Plain(Plain),
    /// One JSON object a line.
    Json(Out),
    /// A terminal that somebody watches.
    Screen(Box<Screen>),
}

/// Lines, and the latencies that are told at the end.
pub(crate) struct Plain {
    out: Out,
    turns: Vec<Turn>,
}

impl View {
    /// Lines or JSON, as `out` says.
    pub(crate) const fn new(out: Out) -> Self {
        if out.is_json() {
            Self::Json(out)
        } else {
            Self::Plain(Plain {
                out,
                turns: Vec::new(),
            })
        }
    }

    /// Shows something that happened `at` after the beginning.
    pub(crate) fn show(&mut self, at: Duration, shown: Shown) -> Outcome<()> {
        match self {
            Self::Plain(plain) => plain.show(shown),
            Self::Json(out) => out.object(&object(at, &shown)),
            Self::Screen(screen) => {
                let shown = screen.show(shown);
                self.keep_on(shown)
            }
        }
    }

    /// How loud both sides are, and whether the caller is muted; only a screen shows it.
    pub(crate) fn levels(
        &mut self,
        caller: audio::Level,
        agent: audio::Level,
        muted: bool,
    ) -> Outcome<()> {
        match self {
            Self::Screen(screen) => {
                let shown = screen.levels(caller, agent, muted);
                self.keep_on(shown)
            }
            Self::Plain(_) | Self::Json(_) => Ok(()),
        }
    }

    /// A terminal that cannot be drawn on any more is no reason to hang up: lines go on.
    fn keep_on(&mut self, shown: Outcome<()>) -> Outcome<()> {
        match shown {
            Err(problem) if problem.is_silent() => Err(problem),
            Err(problem) => {
                tracing::debug!(%problem, "the terminal cannot be drawn on");
                self.close();
                Ok(())
            }
            Ok(()) => Ok(()),
        }
    }

    /// Gives the terminal back. What follows is printed as lines.
    pub(crate) fn close(&mut self) {
        if let Self::Screen(screen) = self {
            let turns = screen.close();
            *self = Self::Plain(Plain {
                out: Out::new(false),
                turns,
            });
        }
    }
}

impl Plain {
    fn show(&mut self, shown: Shown) -> Outcome<()> {
        let line = match shown {
            Shown::Partial(_) | Shown::AgentPart(_) | Shown::Started { .. } => return Ok(()),
            Shown::Choice { name, value } => format!("{name}: {value}"),
            Shown::User(text) => format!("user: {text}"),
            Shown::Agent(text) => format!("agent: {text}"),
            Shown::Heard { heard, .. } => format!("agent (heard): {heard}"),
            Shown::Tool {
                name,
                failed: false,
            } => format!("tool: {name}"),
            Shown::Tool { name, failed: true } => format!("tool: {name} failed"),
            Shown::Notice(text) => format!("note: {text}"),
            shown @ (Shown::CutOff(_) | Shown::Continued { .. }) => {
                format!("note: {}", shown.notice())
            }
            Shown::Latency(turn) => {
                self.turns.push(turn);
                return Ok(());
            }
            Shown::Ended {
                message, seconds, ..
            } => {
                if !self.turns.is_empty() {
                    self.out.line(
                        "latency, from the end of speech to the first sound of the answer:",
                    )?;
                    for turn in self.turns.drain(..) {
                        self.out.line(format!("  {}", turn.line()))?;
                    }
                }
                format!("ended after {seconds:.1} s: {message}")
            }
            Shown::Kept { what, file } => format!("{what}: {file}"),
        };
        self.out.line(line)
    }
}

fn object(at: Duration, shown: &Shown) -> Value {
    let mut object = match shown {
        Shown::Choice { name, value } => json!({ "type": "choice", "name": name, "value": value }),
        Shown::Started { conversation } => {
            json!({ "type": "started", "conversation_id": conversation })
        }
        Shown::Partial(text) => json!({ "type": "user_partial", "text": text }),
        Shown::User(text) => json!({ "type": "user", "text": text }),
        Shown::AgentPart(text) => json!({ "type": "agent_partial", "text": text }),
        Shown::Agent(text) => json!({ "type": "agent", "text": text }),
        Shown::Heard { original, heard } => {
            json!({ "type": "agent_heard", "text": heard, "original": original })
        }
        Shown::Tool { name, failed } => json!({ "type": "tool", "name": name, "failed": failed }),
        Shown::Latency(turn) => json!({
            "type": "latency", "turn": turn.number, "total_ms": turn.total(), "stages": turn.stages,
        }),
        Shown::Notice(text) => json!({ "type": "notice", "text": text }),
        Shown::CutOff(end) => json!({
            "type": "dropped", "code": end.code.as_ref().map(|code| code.as_u16()), "reason": end.reason,
        }),
        Shown::Continued { conversation, from } => {
            json!({ "type": "continued", "conversation_id": conversation, "from": from })
        }
        Shown::Ended {
            reason,
            message,
            seconds,
        } => json!({ "type": "ended", "reason": reason, "message": message, "seconds": seconds }),
        Shown::Kept { what, file } => json!({ "type": "kept", "what": what, "file": file }),
    };
    // Milliseconds are as fine as anything here is known.
    object["at"] = json!((at.as_secs_f64() * 1_000.0).round() / 1_000.0);
    object
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_turns_line_adds_up() {
        let stage = |name: &str, ms| Stage::new(name, Duration::from_millis(ms));
        let turn = Turn {
            number: 2,
            stages: vec![
                stage("end_of_turn", 700),
                stage("final_text", 0),
                stage("llm_first_token", 12),
            ],
        };
        assert_eq!(
            turn.line(),
            "turn 2     712 ms = end of turn 700 + llm first token 12"
        );
    }
}
