//! Speech over sockets: text that becomes sound while it is still being written, and sound that becomes text while it is
//! still being spoken.

mod listen;
mod socket;
mod speak;

use std::time::Duration;

pub use listen::{Commit, ListenOptions, Listening};
pub use protocol::speech::{CharAlignment, ScribeOutput, ScribeWord, TtsAudio};
pub use speak::{SpeakOptions, Speaking};

/// Why speech over a socket ended too soon.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SpeechError {
    /// The platform refused, and said why.
    #[error(
        "the platform refused: {message} ({kind}); check what was sent and what the account may do"
    )]
    Refused {
        /// A word for programs, such as `quota_exceeded` or a close code.
        kind: String,
        /// What was said.
        message: String,
    },
    /// The connection broke.
    #[error("the connection broke: {reason}; begin again")]
    Lost {
        /// What the network said.
        reason: String,
    },
    /// Nothing was taken in, or no sign of life was given.
    #[error("the platform did not answer within {} s; check the network, then begin again", after.as_secs_f32())]
    TimedOut {
        /// How long was waited.
        after: Duration,
    },
    /// What came is no message.
    #[error("what came is no message: {reason}; is the address right?")]
    Garbled {
        /// What is wrong with it.
        reason: String,
    },
    /// Nothing more can be said: it was finished.
    #[error("nothing can be said after the end")]
    Finished,
}
