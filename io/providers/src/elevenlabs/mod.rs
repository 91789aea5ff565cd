//! ElevenLabs' speech: [`Scribe`] hears, [`StreamInput`] speaks.

mod scribe;
mod stream_input;

use crate::{ApiKey, http::Authorities};

pub use scribe::Scribe;
pub use stream_input::StreamInput;

/// Where ElevenLabs answers.
pub const ELEVENLABS_URL: &str = "https://api.elevenlabs.io";

/// The voice that speaks when nobody chose one.
pub const DEFAULT_VOICE: &str = "cjVigY5qzO86Huf0OWal";

/// Where to ask, and what all requests have in common.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The address up to and without `/v1`. Default [`ELEVENLABS_URL`].
    pub base_url: String,
    /// The account's key.
    pub key: ApiKey,
    /// Which model. None (the default): `scribe_v2_realtime` hears, `eleven_flash_v2_5` speaks.
    pub model: Option<String>,
    /// Whether the vendor may keep what was said. Default true; false needs an enterprise account.
    pub retention: bool,
    /// Whose certificates are trusted. Default: the public authorities.
    pub authorities: Authorities,
}

impl Settings {
    /// The defaults, with `key`.
    pub fn new(key: ApiKey) -> Self {
        Self {
            base_url: ELEVENLABS_URL.to_owned(),
            key,
            model: None,
            retention: true,
            authorities: Authorities::public(),
        }
    }
}
