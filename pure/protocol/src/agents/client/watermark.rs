//! Which audio an interruption made stale.

use crate::agents::EventId;

/// The highest id that must not be played. Rises with interruptions and never falls.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Watermark(Option<EventId>);

impl Watermark {
    /// Audio up to and including `id` is stale from now on.
    pub fn raise(&mut self, id: EventId) {
        self.0 = self.0.max(Some(id));
    }

    /// Whether audio with this id must not be played. Before the first interruption nothing is silenced.
    ///
    /// The official SDKs disagree about the interrupted id itself; here it is stale, as the server that sends it says.
    pub fn silences(self, id: EventId) -> bool {
        self.0.is_some_and(|mark| id <= mark)
    }

    /// The mark, once there was an interruption.
    pub fn event_id(self) -> Option<EventId> {
        self.0
    }
}
