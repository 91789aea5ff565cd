//! The first words: which agent, and what the caller asks for.

use std::sync::Arc;

use protocol::agents::{ClientEvent, EnclaveSetup, ErrorType, Initiation};
use tokio::time::{Instant, timeout_at};

use super::{
    door::Visit,
    self_hosted,
    socket::{Incoming, Socket},
};
use crate::{Begun, Call, Refusal, StoredAgent, http::House, ids};

/// Sound that came before the initiation; more than a second of any format is more than any client sends.
const EARLY_BYTES: usize = 512 * 1024;

/// A conversation that may begin.
pub(super) struct Opened {
    pub(super) conversation_id: String,
    pub(super) agent_id: String,
    pub(super) begun: Begun,
    /// What the caller said so far, to be told to the agent first.
    pub(super) early: Vec<ClientEvent>,
}

/// Why it does not begin.
pub(super) enum NotOpened {
    Gone,
    Oversized,
    Refused(Refusal),
}

impl From<Refusal> for NotOpened {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

/// Listens until it is clear what the caller wants, and begins the conversation.
pub(super) async fn open(
    house: &House,
    agent: Option<Arc<StoredAgent>>,
    visit: &Visit,
    socket: &mut Socket,
) -> Result<Opened, NotOpened> {
    let first = listen(house, agent.is_none(), socket).await?;
    let (agent, setup) = match (first.setup, agent) {
        (None, Some(agent)) => (agent, None),
        (Some(setup), base) => (
            Arc::new(self_hosted::agent(&setup, base.as_deref())?),
            Some(setup),
        ),
        (None, None) => {
            return Err(Refusal::new(
                ErrorType::MissingFields,
                "Without an agent_id the first message must be enclave_setup_config.",
            )
            .into());
        }
    };
    let agent_id = agent.id.clone();
    let conversation_id = visit
        .signed_conversation()
        .map_or_else(|| ids::new("conv_"), str::to_owned);
    let prompt = &first.initiation.conversation_config_override.agent.prompt;
    let call = Call {
        conversation_id: conversation_id.clone(),
        agent: house.registry.with_tools(agent, prompt.tool_ids.as_deref()),
        registry: Arc::clone(&house.registry),
        trusted: setup.is_some(),
        setup,
        initiation: first.initiation.clone(),
        rehearsal: None,
    };
    let begun = house.answerer.answer(call).await?;
    let mut early = vec![ClientEvent::ConversationInitiationClientData(
        first.initiation,
    )];
    early.extend(first.early);
    Ok(Opened {
        conversation_id,
        agent_id,
        begun,
        early,
    })
}

struct First {
    setup: Option<Box<EnclaveSetup>>,
    initiation: Box<Initiation>,
    early: Vec<ClientEvent>,
}

/// Sound may come before the initiation; anything else before it means that none will come.
async fn listen(house: &House, self_hosted: bool, socket: &mut Socket) -> Result<First, NotOpened> {
    let deadline = Instant::now() + house.settings.limits.initiation;
    let mut first = First {
        setup: None,
        initiation: Box::default(),
        early: Vec::new(),
    };
    let mut early_bytes = 0;
    loop {
        let incoming = match timeout_at(deadline, socket.next()).await {
            Ok(incoming) => incoming,
            Err(_) if self_hosted && first.setup.is_none() => {
                let words = "Nothing was said for too long.";
                return Err(Refusal::new(ErrorType::TransportReceiveTimeout, words).into());
            }
            Err(_) => return Ok(first),
        };
        let event = match incoming {
            Incoming::Event(event) => event,
            Incoming::Wrong(refusal) => return Err(refusal.into()),
            Incoming::Oversized => return Err(NotOpened::Oversized),
            Incoming::Gone => return Err(NotOpened::Gone),
        };
        match event {
            ClientEvent::ConversationInitiationClientData(initiation) => {
                first.initiation = initiation;
                return Ok(first);
            }
            ClientEvent::EnclaveSetupConfig(setup) if first.setup.is_none() => {
                first.setup = Some(setup);
            }
            ClientEvent::UserAudioChunk { user_audio_chunk } => {
                early_bytes += user_audio_chunk.len();
                if early_bytes > EARLY_BYTES {
                    return Ok(first);
                }
                first
                    .early
                    .push(ClientEvent::UserAudioChunk { user_audio_chunk });
            }
            ClientEvent::Unknown(_) => {}
            other => {
                first.early.push(other);
                return Ok(first);
            }
        }
    }
}
