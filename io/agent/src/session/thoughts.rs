//! What an agent has in mind before it speaks: reasoning, and answers that may never be given. Both go only to clients
//! that asked for them.

use protocol::agents::{PartId, PartKind, ServerEvent, TentativeAgentResponse, TextPart};
use turn::ReplyId;

use super::Session;

impl Session {
    /// The llm reasons. What it thinks about a speculative reply is not told: it may be about nothing.
    pub(super) async fn on_reasoning(&mut self, id: ReplyId, text: String) {
        let Some(reply) = self.replies.get_mut(&id) else {
            return;
        };
        if !reply.adopted || text.is_empty() {
            return;
        }
        if !std::mem::replace(&mut reply.reasoning, true) {
            self.send_thought(id, PartKind::Start, String::new()).await;
        }
        self.send_thought(id, PartKind::Delta, text).await;
    }

    /// The llm says or does something: it is done with reasoning for now.
    pub(super) async fn end_reasoning(&mut self, id: ReplyId) {
        let was = self
            .replies
            .get_mut(&id)
            .is_some_and(|reply| std::mem::take(&mut reply.reasoning));
        if was {
            self.send_thought(id, PartKind::Stop, String::new()).await;
        }
    }

    async fn send_thought(&mut self, id: ReplyId, kind: PartKind, text: String) {
        let event = self.event_of(id);
        self.send(ServerEvent::AgentReasoningResponsePart {
            reasoning_response_part: TextPart {
                text,
                kind,
                event_id: Some(PartId::Text(event.0.to_string())),
            },
        })
        .await;
    }

    /// An answer is being prepared before the user's turn is over.
    pub(super) async fn tell_tentative_answer(&mut self, so_far: String) {
        self.send(ServerEvent::InternalTentativeAgentResponse {
            tentative_agent_response_internal_event: TentativeAgentResponse {
                tentative_agent_response: so_far,
            },
        })
        .await;
    }
}
