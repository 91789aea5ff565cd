//! The conversation itself: messages in, messages out, until one side has enough.

use std::{fmt, future::pending, time::Duration};

use protocol::agents::{ClientEvent, CloseCode, ErrorType, EventId, ServerEvent};
use tokio::{
    sync::mpsc,
    time::{sleep, timeout},
};

use super::{
    kept::Kept,
    opening::Opened,
    socket::{Incoming, Reader, Socket, Writer},
};
use crate::{Ending, Refusal, http::House};

/// How many messages are taken together when they have piled up.
const BATCH: usize = 64;
/// How long an agent that has stopped talking may take to say why.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// Why it is over.
#[derive(Debug)]
pub(super) enum End {
    /// The agent's doing.
    Agent(Ending),
    /// The caller hung up or vanished.
    Caller,
    /// The caller did not read.
    Slow,
    /// The caller said something that cannot be.
    Refused(Refusal),
    Oversized,
    /// The server stops.
    Stopped,
}

impl fmt::Display for End {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Agent(ending) => write!(f, "{} {}", ending.code, ending.reason),
            Self::Caller => f.write_str("the caller hung up"),
            Self::Slow => f.write_str("the caller did not read"),
            Self::Refused(refusal) => write!(f, "{} {refusal}", refusal.code),
            Self::Oversized => f.write_str("a message was too large"),
            Self::Stopped => f.write_str("the server stops"),
        }
    }
}

/// Holds the conversation and closes the socket.
pub(super) async fn talk(house: &House, opened: Opened, mut socket: Socket) -> End {
    let Opened { begun, early, .. } = opened;
    let limit = house.settings.limits.receive;
    let records = house.records.as_ref().filter(|records| records.keeps());
    let log = records.map(|records| records.store().log());
    let (reader, writer) = socket.halves();
    let end = tokio::select! {
        end = hear(reader, begun.sender, early, limit) => end,
        end = tell(writer, Kept::new(begun.receiver, log)) => match end {
            None => End::Agent(last_words(begun.ending).await),
            Some(end) => end,
        },
        () = house.closed.cancelled() => End::Stopped,
    };
    match &end {
        End::Agent(ending) => socket.close(ending.code, &ending.reason).await,
        End::Caller => socket.close(CloseCode::Normal, "").await,
        End::Refused(refusal) => socket.refuse(refusal).await,
        End::Oversized => socket.refuse_oversized().await,
        End::Stopped => {
            socket
                .close(CloseCode::Other(1001), "This server is stopping.")
                .await;
        }
        // Nothing that is sent would be read.
        End::Slow => {}
    }
    end
}

async fn last_words(ending: impl Future<Output = Ending>) -> Ending {
    timeout(LAST_WORDS, ending)
        .await
        .unwrap_or_else(|_| Ending {
            code: CloseCode::Crashed,
            reason: "The agent stopped without a word.".to_owned(),
        })
}

/// From the caller to the agent.
async fn hear(
    reader: &mut Reader,
    sender: mpsc::Sender<ClientEvent>,
    early: Vec<ClientEvent>,
    limit: Duration,
) -> End {
    for event in early {
        if sender.send(event).await.is_err() {
            return pending().await;
        }
    }
    let silence = sleep(limit);
    let mut silence = std::pin::pin!(silence);
    loop {
        let incoming = tokio::select! {
            incoming = reader.next() => incoming,
            () = silence.as_mut() => {
                let words = "Nothing was heard from the caller for too long.";
                return End::Refused(Refusal::new(ErrorType::TransportReceiveTimeout, words));
            }
        };
        let event = match incoming {
            Incoming::Event(event) => event,
            Incoming::Wrong(refusal) => return End::Refused(refusal),
            Incoming::Oversized => return End::Oversized,
            Incoming::Gone => return End::Caller,
        };
        if let Some(refusal) = refused(&event) {
            return End::Refused(refusal);
        }
        if matches!(event, ClientEvent::Unknown(_)) {
            continue;
        }
        silence.as_mut().reset(tokio::time::Instant::now() + limit);
        // A full channel holds the caller up, by the socket's own flow control. When the agent has gone, what it said
        // last is still being written: that side ends the conversation.
        if sender.send(event).await.is_err() {
            return pending().await;
        }
    }
}

/// What no caller may say in the middle of a conversation.
fn refused(event: &ClientEvent) -> Option<Refusal> {
    match event {
        ClientEvent::ConversationInitiationClientData(_) | ClientEvent::EnclaveSetupConfig(_) => {
            Some(Refusal::new(
                ErrorType::InvalidMessage,
                format!("{} may come once, at the beginning.", event.kind()),
            ))
        }
        ClientEvent::MultimodalMessage(message) if message.is_empty() => Some(Refusal::new(
            ErrorType::MissingFields,
            "multimodal_message needs text or a file.",
        )),
        _ => None,
    }
}

/// From the agent to the caller. None when the agent has said all.
async fn tell(writer: &mut Writer, mut messages: Kept) -> Option<End> {
    let mut batch = Vec::with_capacity(BATCH);
    while messages.next(&mut batch, BATCH).await {
        drop_stale(&mut batch);
        if writer.send(batch.drain(..)).await.is_err() {
            return Some(End::Slow);
        }
    }
    None
}

/// When messages have piled up for a slow caller, sound that a later interruption silences is not sent at all.
fn drop_stale(batch: &mut Vec<ServerEvent>) {
    let mut watermark = EventId(0);
    for event in batch.iter() {
        if let ServerEvent::Interruption { interruption_event } = event {
            watermark = watermark.max(interruption_event.event_id);
        }
    }
    if watermark > EventId(0) {
        batch.retain(|event| match event {
            ServerEvent::Audio { audio_event } => audio_event.event_id > watermark,
            _ => true,
        });
    }
}

#[cfg(test)]
mod tests {
    use protocol::agents::{AudioBytes, AudioEvent, Interruption};

    use super::*;

    fn audio(id: u64) -> ServerEvent {
        ServerEvent::Audio {
            audio_event: AudioEvent {
                audio_base_64: AudioBytes::from(vec![0]),
                event_id: EventId(id),
                alignment: None,
                is_final: None,
            },
        }
    }

    #[test]
    fn sound_that_is_already_stale_is_not_sent() {
        let interruption = ServerEvent::Interruption {
            interruption_event: Interruption {
                event_id: EventId(2),
                reason: None,
            },
        };
        let mut batch = vec![audio(1), audio(2), interruption.clone(), audio(3)];
        drop_stale(&mut batch);
        assert_eq!(batch, [interruption, audio(3)]);
        let mut batch = vec![audio(1)];
        drop_stale(&mut batch);
        assert_eq!(batch.len(), 1);
    }
}
