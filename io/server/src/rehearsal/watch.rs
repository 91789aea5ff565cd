//! What happens in a conversation that is tried, as it happens.

use std::sync::{Mutex, PoisonError};

use agent::{Fact, Recorder};
use audio::Moment;
use store::{Role, ToolCall, Turn, Whole};
use tokio::sync::Notify;

/// Keeps the turns and tool calls of one conversation in memory.
pub(super) struct Watch {
    whole: Mutex<Whole>,
    answered: Notify,
}

impl Watch {
    pub(super) fn after(before: &Whole) -> Self {
        Self {
            whole: Mutex::new(before.clone()),
            answered: Notify::new(),
        }
    }

    pub(super) fn whole(&self) -> Whole {
        self.lock().clone()
    }

    /// How often the agent has answered.
    pub(super) fn answers(&self) -> usize {
        let whole = self.lock();
        whole
            .turns
            .iter()
            .filter(|turn| turn.role == Role::Agent)
            .count()
    }

    /// Waits for the agent's next answer.
    pub(super) async fn changed(&self) {
        self.answered.notified().await;
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Whole> {
        self.whole.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Recorder for Watch {
    fn record(&self, _: &str, at: Moment, fact: Fact<'_>) {
        let at = i64::try_from(at.since_start().as_micros()).unwrap_or(i64::MAX);
        let mut whole = self.lock();
        let number = (whole.turns.len() + whole.tools.len()) as u64;
        match fact {
            Fact::UserTurn { text } => whole.turns.push(Turn {
                number,
                at,
                role: Role::User,
                text: text.to_owned(),
                heard: text.to_owned(),
                ..Turn::default()
            }),
            Fact::AgentTurn {
                text,
                heard,
                interrupted,
                ..
            } => {
                whole.turns.push(Turn {
                    number,
                    at,
                    role: Role::Agent,
                    text: text.to_owned(),
                    heard: heard.to_owned(),
                    interrupted,
                    ..Turn::default()
                });
                self.answered.notify_one();
            }
            Fact::ToolCall {
                id,
                name,
                arguments,
                result,
                is_error,
                took,
            } => {
                whole.tools.push(ToolCall {
                    number,
                    at,
                    call_id: id.to_owned(),
                    name: name.to_owned(),
                    arguments: arguments.clone(),
                    result: result.to_owned(),
                    is_error,
                    took: i64::try_from(took.as_micros()).unwrap_or(i64::MAX),
                });
            }
            _ => {}
        }
    }
}
