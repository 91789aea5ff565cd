//! Talk to a voice agent: transports, conversations and audio interfaces.
//!
//! A [`Transport`] carries the messages of `protocol::agents` between this side and a brain, wherever that lives; a
//! [`Conversation`] keeps the client's rules over it (answers pings, drops stale sound, speaks the negotiated format).
//! [`Speaker`] is what an edge plays from: it knows which sample of which chunk has sounded, pauses and resumes at the
//! exact sample and forgets what an interruption made stale. [`source`] and [`wav`] read and write sound from and to
//! files and pipes.

mod conversation;
pub mod source;
mod speaker;
mod transport;
pub mod wav;

pub use conversation::{ConnectError, Conversation};
pub use speaker::{Heard, Speaker};
pub use transport::{Channel, Gone, Transport};
