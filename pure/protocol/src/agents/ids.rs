//! Event ids as they travel.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The number that ties server messages together: audio, the response it speaks, an interruption, a ping.
///
/// Ids of audio start at 1 and never decrease; an interruption with id N makes audio up to N stale. Pings may count
/// apart.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct EventId(pub u64);

impl fmt::Display for EventId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl From<u64> for EventId {
    fn from(id: u64) -> Self {
        Self(id)
    }
}

/// The id of a streamed piece of text, which some servers send as a number and some as a string. Written back in the
/// form it had.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum PartId {
    /// A number, as in the contract of `agent_chat_response_part`.
    Number(EventId),
    /// A string, as in the contract of `agent_reasoning_response_part`.
    Text(String),
}

impl PartId {
    /// The id as a number, if it is one in either form.
    pub fn event_id(&self) -> Option<EventId> {
        match self {
            Self::Number(id) => Some(*id),
            Self::Text(text) => text.parse().ok().map(EventId),
        }
    }
}

impl From<EventId> for PartId {
    fn from(id: EventId) -> Self {
        Self::Number(id)
    }
}
