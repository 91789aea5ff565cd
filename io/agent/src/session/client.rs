//! What the client says.

use std::time::Duration;

use protocol::agents::ClientEvent;
use turn::{EventId, Input};

use super::Session;
use crate::record::Fact;

impl Session {
    pub(super) async fn on_client(&mut self, event: ClientEvent) {
        let now = self.clock.now();
        self.last_heard_of = now;
        match event {
            ClientEvent::UserAudioChunk { user_audio_chunk } => {
                self.on_audio(user_audio_chunk.as_ref()).await;
            }
            ClientEvent::Pong { event_id } => {
                if let Some(index) = self.pings.iter().position(|(id, _)| *id == event_id.0) {
                    let (_, sent) = self.pings[index];
                    self.pings.drain(..=index);
                    let round = now - sent;
                    self.ping_ms = Some(u64::try_from(round.as_millis()).unwrap_or(u64::MAX));
                    self.one_way = round / 2;
                    self.tell(Input::Delay { one_way: round / 2 });
                }
            }
            ClientEvent::UserMessage { text, .. } => {
                match text.filter(|text| !text.trim().is_empty()) {
                    Some(text) => self.tell(Input::UserText { text }),
                    None => self.tell(Input::UserActivity),
                }
            }
            ClientEvent::MultimodalMessage(message) => self.on_multimodal(message).await,
            ClientEvent::UserActivity => self.tell(Input::UserActivity),
            ClientEvent::ContextualUpdate { text, context_id } => {
                self.context.note(context_id, text);
                self.tell(Input::ContextUpdated);
            }
            ClientEvent::Feedback { event_id, score } => {
                self.options.recorder.record(
                    &self.id,
                    now,
                    Fact::Feedback {
                        event: event_id.0,
                        score,
                    },
                );
            }
            ClientEvent::ClientToolResult {
                tool_call_id,
                result,
                is_error,
            } => self.on_client_result(&tool_call_id, result, is_error),
            ClientEvent::DuologueClient {
                can_pause,
                reports_played,
            } => {
                self.wants_metrics = true;
                self.reports_played = reports_played;
                if reports_played {
                    self.track.expect_reports();
                }
                self.tell(Input::Edge {
                    can_pause,
                    reports_played,
                });
            }
            ClientEvent::DuologuePlayed { event_id, ms } => {
                let position = Duration::from_millis(ms);
                self.reports_played = true;
                self.track.report(event_id.0, position, now - self.one_way);
                self.tell(Input::Played {
                    event: EventId(event_id.0),
                    position,
                });
            }
            // A second initiation changes nothing; approvals are for tools this agent does not have; the rest is newer.
            _ => {}
        }
    }
}
