//! Doing what the machine decided.

use audio::Moment;
use protocol::agents::{
    AgentResponseComplete, AgentResponseCorrection, AgentToolResponse, ErrorEvent, ErrorType,
    EventId, Interruption, ServerEvent, ToolType, UserTranscript,
};
use turn::{CloseReason, Input, Output, ReplyEnd, ReplyId, UtteranceId};

use super::{Session, voice::Chunk};
use crate::{latency::Moments, record::Fact};

impl Session {
    pub(super) async fn perform(&mut self, now: Moment, output: Output, chunk: &mut Option<Chunk>) {
        match output {
            Output::OpenUtterance { utterance, since } => {
                self.last_final = None;
                if let Some(hearing) = &mut self.hearing {
                    hearing.open(utterance, since);
                }
            }
            Output::CloseUtterance { utterance } => {
                if let Some(hearing) = &mut self.hearing
                    && let Some(finality) = hearing.close(utterance)
                {
                    self.tell(Input::Prosody { finality });
                }
            }
            Output::DropUtterance { utterance, .. } => {
                if let Some(hearing) = &mut self.hearing {
                    hearing.drop_utterance(utterance);
                }
            }
            Output::Commit { text, utterance } => self.commit(now, &text, utterance).await,
            Output::Generate {
                reply,
                origin,
                speculative,
            } => self.generate(reply, origin, speculative).await,
            Output::Adopt { reply } => self.adopt(reply).await,
            Output::Speak { reply, text } => self.speak(reply, text),
            Output::SpeakEnd { reply } => self.speak_end(reply),
            Output::Play { reply, event } => {
                if let Some(chunk) = chunk.take() {
                    self.play(now, reply, event.0, chunk).await;
                }
            }
            Output::Duck { .. } => {
                self.paused.get_or_insert(now);
                self.track.pause(now);
                let event_id = EventId(self.last_event);
                self.send(ServerEvent::DuologueDuck { event_id }).await;
            }
            Output::Resume { .. } => {
                if let Some(since) = self.paused.take() {
                    self.plays_until += now - since;
                }
                self.track.resume(now);
                let event_id = EventId(self.last_event);
                self.send(ServerEvent::DuologueResume { event_id }).await;
            }
            Output::Stop { last, .. } => self.stop(now, last.0).await,
            Output::Cancel { reply } => self.forget_reply(reply),
            // Told when the reply is over and handed to the recorder, which follows at once.
            Output::Correct {
                reply,
                original,
                heard,
            } => self.correction = Some((reply, original, heard)),
            Output::ReplyEnded { reply, end } => self.reply_ended(now, reply, &end).await,
            Output::RunTool { call } => self.run_tool(call).await,
            Output::ToolEnded { call, outcome } => self.tool_ended(now, call, outcome).await,
            Output::End { reason } => self.machine_ended(reason).await,
            // Listening needs nothing done; what is newer than this crate has no words here.
            _ => {}
        }
    }

    async fn commit(&mut self, now: Moment, text: &str, utterance: Option<UtteranceId>) {
        self.context.user(text);
        self.summary.user_turns += 1;
        self.options
            .recorder
            .record(&self.id, now, Fact::UserTurn { text });
        self.turn_moments = Some(Moments {
            speech_end: if utterance.is_some() {
                self.last_voice
            } else {
                now
            },
            decided: Some(now),
            final_text: utterance.and(self.last_final),
            ..Moments::default()
        });
        self.send(ServerEvent::UserTranscript {
            user_transcription_event: UserTranscript {
                user_transcript: text.to_owned(),
                event_id: Some(self.next_event()),
            },
        })
        .await;
    }

    pub(super) async fn send_tentative(&mut self, text: &str) {
        if text.trim().is_empty() {
            return;
        }
        self.send(ServerEvent::TentativeUserTranscript {
            tentative_user_transcription_event: UserTranscript {
                user_transcript: text.to_owned(),
                event_id: Some(self.next_event()),
            },
        })
        .await;
    }

    async fn stop(&mut self, now: Moment, last: u64) {
        self.summary.interruptions += 1;
        self.paused = None;
        self.plays_until = now;
        self.track.stop(now);
        self.send(
            Interruption {
                event_id: EventId(last),
                reason: None,
            }
            .into(),
        )
        .await;
    }

    /// Tells what was heard of a reply that was not heard out.
    async fn correct(&mut self, id: ReplyId, original: String, heard: String) {
        self.announce(id).await;
        let event_id = Some(self.event_of(id));
        if self.replies.get(&id).is_some_and(|reply| reply.announced) {
            self.send(
                AgentResponseCorrection {
                    original_agent_response: original,
                    corrected_agent_response: heard,
                    event_id,
                }
                .into(),
            )
            .await;
        }
    }

    /// The recorder has the turn before any client reads that it is over.
    async fn reply_ended(&mut self, now: Moment, id: ReplyId, end: &ReplyEnd) {
        let heard = match end {
            ReplyEnd::Finished => None,
            ReplyEnd::Interrupted { heard } | ReplyEnd::Failed { heard } => Some(heard.as_str()),
            _ => Some(""),
        };
        if let Some(reply) = self.replies.get(&id) {
            let text = reply.text.trim();
            let heard = heard.unwrap_or(text);
            if !heard.is_empty() {
                self.summary.agent_turns += 1;
            }
            if !text.is_empty() || !heard.is_empty() {
                self.options.recorder.record(
                    &self.id,
                    now,
                    Fact::AgentTurn {
                        event: reply.first_event,
                        text,
                        heard,
                        interrupted: matches!(
                            end,
                            ReplyEnd::Interrupted { .. } | ReplyEnd::Cancelled
                        ),
                        reckoned: !self.reports_played && !self.plan.text_only,
                    },
                );
            }
        }
        if let Some((_, original, heard)) = self.correction.take_if(|(reply, ..)| *reply == id) {
            self.correct(id, original, heard).await;
        }
        if matches!(end, ReplyEnd::Finished | ReplyEnd::Failed { .. }) {
            self.announce(id).await;
        }
        if matches!(end, ReplyEnd::Finished) {
            let event_id = Some(self.event_of(id));
            self.send(AgentResponseComplete { event_id }.into()).await;
        }
        self.context.over(id, heard);
        self.replies.remove(&id);
    }

    async fn machine_ended(&mut self, reason: CloseReason) {
        if self.over.is_some() {
            return;
        }
        if let Some((error_type, message)) = self.fatal.take() {
            return self.fail(error_type, message).await;
        }
        match reason {
            CloseReason::AgentEnded => {
                // The JavaScript SDK hangs up when it reads this, so it comes when the goodbye was heard.
                if let Some((tool_name, tool_call_id)) = self.ending_call.take() {
                    self.tool_answered(
                        AgentToolResponse {
                            tool_name,
                            tool_call_id,
                            tool_type: ToolType::System,
                            is_error: false,
                            is_called: true,
                            event_id: Some(self.next_event()),
                        },
                        "",
                    )
                    .await;
                }
            }
            CloseReason::MaxDuration => {
                let error_event = ErrorEvent::new(
                    ErrorType::MaxDurationExceeded,
                    "the conversation reached its longest permitted duration",
                );
                self.send(ServerEvent::Error { error_event }).await;
            }
            _ => {}
        }
        self.end(reason);
    }
}
