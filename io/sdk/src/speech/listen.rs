//! Speech to text, in real time.

use std::time::Duration;

use elevenlabs::{Account, ApiError, SingleUseToken};
use protocol::{
    agents::AudioBytes,
    speech::{ScribeInput, ScribeOutput},
};

use super::{SpeechError, socket::Socket};
use crate::ConnectError;

/// When a segment is over.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Commit {
    /// When [`Listening::commit`] says so. The default.
    #[default]
    Manual,
    /// When nothing is said for so long, 0.3 to 3 s.
    Silence(Duration),
}

/// How is listened.
#[derive(Clone, Debug, PartialEq)]
pub struct ListenOptions {
    /// The model. Default `scribe_v2_realtime`.
    pub model_id: String,
    /// How the sound is coded: `pcm_8000` to `pcm_48000`, `ulaw_8000`. Default `pcm_16000`.
    pub format: String,
    /// When a segment is over.
    pub commit: Commit,
    /// ISO 639-1 or -3. Default: found out.
    pub language_code: Option<String>,
    /// Whether words come with their times. Default no.
    pub timestamps: bool,
    /// Words to listen for: at most 50 of 20 characters.
    pub keyterms: Vec<String>,
    /// Whether hesitations are left out. Default no.
    pub no_verbatim: bool,
    /// What was said before, to be understood with. Default: nothing.
    pub previous_text: Option<String>,
    /// In the place of a key. Default: the account's key.
    pub token: Option<SingleUseToken>,
}

impl Default for ListenOptions {
    fn default() -> Self {
        Self {
            model_id: "scribe_v2_realtime".to_owned(),
            format: "pcm_16000".to_owned(),
            commit: Commit::Manual,
            language_code: None,
            timestamps: false,
            keyterms: Vec::new(),
            no_verbatim: false,
            previous_text: None,
            token: None,
        }
    }
}

/// Sound on its way to text. Dropping it ends it.
#[derive(Debug)]
pub struct Listening {
    socket: Socket,
    rate: Option<u32>,
    previous_text: Option<String>,
}

impl Listening {
    /// Opens a socket that listens.
    pub async fn open(account: &Account, options: &ListenOptions) -> Result<Self, ConnectError> {
        let mut url = account.socket_url("/v1/speech-to-text/realtime");
        let mut query = url.query_pairs_mut();
        query
            .append_pair("model_id", &options.model_id)
            .append_pair("audio_format", &options.format);
        match options.commit {
            Commit::Manual => query.append_pair("commit_strategy", "manual"),
            Commit::Silence(silence) => query.append_pair("commit_strategy", "vad").append_pair(
                "vad_silence_threshold_secs",
                &silence.as_secs_f64().to_string(),
            ),
        };
        let flag = |yes: bool| yes.then_some("true");
        for (name, value) in [
            ("language_code", options.language_code.as_deref()),
            ("include_timestamps", flag(options.timestamps)),
            ("no_verbatim", flag(options.no_verbatim)),
            (
                "enable_logging",
                account.zero_retention().then_some("false"),
            ),
            ("token", options.token.as_ref().map(SingleUseToken::expose)),
        ] {
            if let Some(value) = value {
                query.append_pair(name, value);
            }
        }
        for term in &options.keyterms {
            query.append_pair("keyterms", term);
        }
        drop(query);
        let key = account.api_key().filter(|_| options.token.is_none());
        if key.is_none() && options.token.is_none() {
            return Err(ApiError::NoKey.into());
        }
        Ok(Self {
            socket: Socket::open(account, &url, key).await?,
            rate: options
                .format
                .rsplit('_')
                .next()
                .and_then(|rate| rate.parse().ok()),
            previous_text: options.previous_text.clone(),
        })
    }

    /// A piece of sound in the format of the options, of any length; a tenth of a second to a second is good.
    pub async fn hear(&mut self, sound: impl Into<AudioBytes>) -> Result<(), SpeechError> {
        self.send(sound.into(), false).await
    }

    /// Ends a segment: its text comes as [`ScribeOutput::Committed`].
    pub async fn commit(&mut self) -> Result<(), SpeechError> {
        self.send(AudioBytes::default(), true).await
    }

    /// The next message; none at the end. An error of the platform is an error here. May be cancelled without losing any.
    pub async fn next(&mut self) -> Result<Option<ScribeOutput>, SpeechError> {
        let Some(text) = self.socket.next().await? else {
            return Ok(None);
        };
        match ScribeOutput::from_json(&text) {
            Ok(ScribeOutput::Error { kind, error }) => Err(SpeechError::Refused {
                kind,
                message: error,
            }),
            Ok(output) => Ok(Some(output)),
            Err(error) => Err(SpeechError::Garbled {
                reason: error.to_string(),
            }),
        }
    }

    /// Hangs up.
    pub async fn end(mut self) {
        self.socket.close().await;
    }

    async fn send(&mut self, audio: AudioBytes, commit: bool) -> Result<(), SpeechError> {
        let input = ScribeInput {
            audio,
            commit,
            sample_rate: self.rate,
            previous_text: self.previous_text.take(),
        };
        self.socket.send(input.to_json()).await
    }
}
