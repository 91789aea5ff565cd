//! An ElevenLabs account: keys, regions, REST and signatures.
//!
//! [`Account`] is the client: made of [`Settings`], cheap to clone, it asks the platform (or any compatible server) and
//! answers with what was asked for or one [`ApiError`] that says what to do. Requests are made again as documented:
//! after 408, 409, 429 and 5xx, twice at most, when the platform asks for it or after one and two seconds. Sound comes
//! as a [`Body`], piece by piece. Keys and signatures print as `***`.
//!
//! ```no_run
//! # async fn run() -> Result<(), Box<dyn std::error::Error>> {
//! use elevenlabs::{Account, ApiKey, Settings, Speech};
//!
//! let account = Account::new(Settings {
//!     api_key: Some(ApiKey::new("sk_…")),
//!     ..Settings::default()
//! })?;
//! let mut sound = account
//!     .speak_streaming("JBFqnCBsd6RMkjVDRZzb", &Speech::new("Good morning."))
//!     .await?;
//! while let Some(piece) = sound.next().await? {
//!     println!("{} bytes", piece.len());
//! }
//! # Ok(())
//! # }
//! ```

mod account;
mod agents;
mod authorities;
mod batch_calls;
mod calls;
mod conversations;
mod dictionaries;
mod error;
pub mod http;
mod knowledge;
mod multipart;
mod page;
mod phone_numbers;
mod region;
mod retry;
mod secret;
mod sounds;
mod speech;
mod start;
mod stream;
mod tools;
mod transcription;
mod user;
mod voices;
pub mod webhook;

pub use account::{Account, Settings, SettingsError};
pub use agents::{Agent, AgentSummary, Agents, AgentsQuery};
pub use authorities::{Authorities, AuthoritiesError};
pub use batch_calls::{BatchCall, BatchCalls, NewBatchCall, Recipient};
pub use calls::{OutboundCall, PlacedCall, RegisteredCall};
pub use conversations::{
    ConversationRecord, ConversationSummary, Conversations, ConversationsQuery, TranscriptItem,
};
pub use dictionaries::{Dictionaries, Dictionary, PronunciationRule};
pub use error::{ApiError, Said};
pub use knowledge::{Document, DocumentSource, Knowledge, KnowledgeQuery};
pub use multipart::Upload;
pub use page::Page;
pub use phone_numbers::{NewPhoneNumber, PhoneNumber, PhoneNumbers, SipTrunk};
pub use region::{Region, UnknownRegion};
pub use reqwest::Url;
pub use secret::ApiKey;
pub use sounds::SoundEffect;
pub use speech::{CharacterTimes, DEFAULT_FORMAT, Pronunciation, Speech, TimedBody, TimedSpeech};
pub use start::{ConversationToken, SignedUrl, SingleUseToken, StartOptions, TokenKind};
pub use stream::Body;
pub use tools::{Tool, Tools, ToolsQuery};
pub use transcription::{Recording, Transcript, Word};
pub use user::{Model, ModelLanguage, Subscription, User};
pub use voices::{
    Cloned, Cloning, SharedVoice, SharedVoicesQuery, Voice, VoiceSettings, Voices, VoicesQuery,
};
