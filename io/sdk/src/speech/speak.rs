//! Text to speech.

use elevenlabs::{Account, ApiError, Pronunciation, SingleUseToken, VoiceSettings};
use protocol::speech::{GenerationConfig, TtsAudio, TtsInput, TtsOutput};

use super::{SpeechError, socket::Socket};
use crate::ConnectError;

/// How text is spoken.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct SpeakOptions {
    /// The model. Default: by the platform.
    pub model_id: Option<String>,
    /// How the sound is coded: `mp3_44100_128`, `pcm_16000`, `ulaw_8000`, … Default `mp3_44100_128`, by the platform.
    pub format: Option<String>,
    /// ISO 639-1. Default: found out.
    pub language_code: Option<String>,
    /// How the voice speaks. Default: as it was stored.
    pub voice_settings: Option<VoiceSettings>,
    /// At most three.
    pub pronunciations: Vec<Pronunciation>,
    /// After how many characters sound is made: the first time, the second, … 50 to 500 each. Default 120, 160, 250,
    /// 290, by the platform.
    ///
    /// Fewer sounds sooner, and less natural.
    pub chunk_lengths: Vec<u32>,
    /// Whether whole sentences are sent, of which sound is made at once. Default no.
    pub whole_sentences: bool,
    /// After how many seconds without text the platform hangs up, at most 180. Default 20, by the platform.
    pub inactivity_timeout: Option<u32>,
    /// `auto`, `on` or `off`: whether numbers and the like become words. Default `auto`, by the platform.
    pub text_normalization: Option<String>,
    /// The same seed tends to give the same sound. Default: any.
    pub seed: Option<u32>,
    /// In the place of a key. Default: the account's key.
    pub token: Option<SingleUseToken>,
}

/// Text on its way to sound. Dropping it ends it.
#[derive(Debug)]
pub struct Speaking {
    socket: Socket,
    finished: bool,
}

impl Speaking {
    /// Opens a socket at which `voice_id` speaks.
    pub async fn open(
        account: &Account,
        voice_id: &str,
        options: &SpeakOptions,
    ) -> Result<Self, ConnectError> {
        let mut url = account.socket_url("/v1/text-to-speech");
        if let Ok(mut path) = url.path_segments_mut() {
            path.extend([voice_id, "stream-input"]);
        }
        let seed = options.seed.map(|seed| seed.to_string());
        let timeout = options
            .inactivity_timeout
            .map(|seconds| seconds.to_string());
        let mut query = url.query_pairs_mut();
        for (name, value) in [
            ("model_id", options.model_id.as_deref()),
            ("output_format", options.format.as_deref()),
            ("language_code", options.language_code.as_deref()),
            ("inactivity_timeout", timeout.as_deref()),
            ("auto_mode", options.whole_sentences.then_some("true")),
            (
                "apply_text_normalization",
                options.text_normalization.as_deref(),
            ),
            ("seed", seed.as_deref()),
            (
                "enable_logging",
                account.zero_retention().then_some("false"),
            ),
            (
                "single_use_token",
                options.token.as_ref().map(SingleUseToken::expose),
            ),
        ] {
            if let Some(value) = value {
                query.append_pair(name, value);
            }
        }
        drop(query);
        let key = account.api_key().filter(|_| options.token.is_none());
        if key.is_none() && options.token.is_none() {
            return Err(ApiError::NoKey.into());
        }
        let mut socket = Socket::open(account, &url, key).await?;
        let begin = TtsInput {
            generation_config: (!options.chunk_lengths.is_empty()).then(|| GenerationConfig {
                chunk_length_schedule: options.chunk_lengths.clone(),
            }),
            pronunciation_dictionary_locators: (!options.pronunciations.is_empty()).then(|| {
                let locators = options.pronunciations.iter();
                locators
                    .map(|one| serde_json::to_value(one).unwrap_or_default())
                    .collect()
            }),
            ..TtsInput::begin(options.voice_settings.map(settings))
        };
        socket
            .send(begin.to_json())
            .await
            .map_err(|error| ConnectError::Lost {
                reason: error.to_string(),
            })?;
        Ok(Self {
            socket,
            finished: false,
        })
    }

    /// Adds text. Words may be split anywhere but in their middle.
    pub async fn say(&mut self, text: &str) -> Result<(), SpeechError> {
        // An empty text would end it, and without a space the next words would run into these.
        if text.trim().is_empty() {
            return Ok(());
        }
        let text = if text.ends_with(char::is_whitespace) {
            text.to_owned()
        } else {
            format!("{text} ")
        };
        self.send(&TtsInput {
            text,
            ..TtsInput::default()
        })
        .await
    }

    /// Has sound made of all text so far.
    pub async fn flush(&mut self) -> Result<(), SpeechError> {
        self.send(&TtsInput::flushed(" ")).await
    }

    /// Says that no more text follows. What is left of the sound still comes.
    pub async fn finish(&mut self) -> Result<(), SpeechError> {
        self.send(&TtsInput::end()).await?;
        self.finished = true;
        Ok(())
    }

    /// The next piece of sound; none at the end. May be cancelled without losing any.
    pub async fn next(&mut self) -> Result<Option<TtsAudio>, SpeechError> {
        while let Some(text) = self.socket.next().await? {
            match TtsOutput::from_json(&text) {
                Ok(TtsOutput::Audio(audio)) if audio.audio.is_none() => {
                    if audio.is_final == Some(true) {
                        self.socket.close().await;
                        return Ok(None);
                    }
                }
                Ok(TtsOutput::Audio(audio)) => return Ok(Some(audio)),
                Ok(TtsOutput::Error(error)) => {
                    self.socket.close().await;
                    return Err(SpeechError::Refused {
                        kind: error
                            .error
                            .or_else(|| error.code.map(|code| code.to_string()))
                            .unwrap_or_default(),
                        message: error.message,
                    });
                }
                Ok(_) => {}
                Err(error) => {
                    return Err(SpeechError::Garbled {
                        reason: error.to_string(),
                    });
                }
            }
        }
        Ok(None)
    }

    async fn send(&mut self, input: &TtsInput) -> Result<(), SpeechError> {
        if self.finished {
            return Err(SpeechError::Finished);
        }
        self.socket.send(input.to_json()).await
    }
}

const fn settings(settings: VoiceSettings) -> protocol::speech::VoiceSettings {
    protocol::speech::VoiceSettings {
        stability: settings.stability,
        similarity_boost: settings.similarity_boost,
        style: settings.style,
        use_speaker_boost: settings.use_speaker_boost,
        speed: settings.speed,
    }
}
