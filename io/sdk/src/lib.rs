#![doc = include_str!("../../../docs/sdk.md")]

mod audio_interface;
mod callbacks;
mod connect;
mod continuation;
mod conversation;
mod door;
mod error;
mod handle;
mod known;
mod relay;
pub mod source;
mod speaker;
pub mod speech;
mod story;
mod tools;
mod transport;
pub mod wav;
mod websocket;

pub use audio_interface::{
    AudioInput, AudioInterface, AudioPieces, Channels, Loudspeaker, Microphone, Pace, Streams,
};
pub use callbacks::Callbacks;
pub use connect::{Access, Agents, Builder};
pub use continuation::Continuation;
pub use conversation::Conversation;
pub use door::Door;
pub use elevenlabs::{self as account, Account, ApiKey, Region, http::TlsTrouble};
pub use error::{ConnectError, ConversationError};
pub use handle::{Handle, Over};
pub use protocol::agents as wire;
pub use protocol::agents::client::{
    Abilities, Command, End, EndedBy, Output as Event, Refusal, Session, Settings,
};
pub use relay::relay;
pub use schemars;
pub use speaker::{Heard, Speaker};
pub use tools::Tools;
pub use transport::{Channel, Gone, Received, Transport};
pub use websocket::{Liveness, WebSocket};
