//! Which provider hears, thinks and speaks for an agent: what its `duologue_providers` name, made with the keys of the
//! settings.

use std::sync::Arc;

use embedded::Engine;
use providers::{
    ApiKey, ProviderError,
    asr::Asr,
    assemblyai::{self, AssemblyAi},
    cascade::{AsrCascade, LlmCascade, TtsCascade, VOICE_PATIENCE},
    elevenlabs::{self, Scribe, StreamInput},
    http::Authorities,
    llm::Llm,
    openai::{
        self, ChatCompletions, OPENAI_URL, Speech, SpeechSettings, TranscriptionSettings,
        Transcriptions,
    },
    tts::{self, Tts},
};
use sdk::Region;
use serde_json::Value;

use crate::{
    problem::Outcome,
    settings::{Key, Settings, keys},
    trust,
};

/// How long an llm may take for its first word when another stands behind it.
const LLM_PATIENCE: std::time::Duration = std::time::Duration::from_secs(4);

/// Accounts and addresses, out of the settings.
#[derive(Clone, Debug)]
pub(crate) struct Vendors {
    elevenlabs: Option<ApiKey>,
    elevenlabs_url: String,
    openai: Option<ApiKey>,
    openai_url: String,
    openai_model: Option<String>,
    speech_url: String,
    /// OpenAI's endpoint is another server, which may need no key.
    is_own: bool,
    assemblyai: Option<ApiKey>,
    assemblyai_url: String,
    /// Whose certificates are trusted.
    authorities: Authorities,
}

/// A provider as an agent names it: `"assemblyai"`, or a table with `name`, `model` and `voice`.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Named {
    pub(crate) name: String,
    pub(crate) model: Option<String>,
    pub(crate) voice: Option<String>,
}

/// What an agent names, in the order in which they are asked. Empty: the embedded ones, and the server's llm.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Wanted {
    pub(crate) asr: Vec<Named>,
    pub(crate) llm: Vec<Named>,
    pub(crate) tts: Vec<Named>,
    /// Nobody speaks when the voices that were named have failed.
    pub(crate) no_last_voice: bool,
}

impl Named {
    /// `NAME` or `NAME:MODEL`, as on the command line.
    pub(crate) fn parse(text: &str) -> Self {
        let (name, model) = match text.split_once(':') {
            Some((name, model)) => (name, Some(model.to_owned())),
            None => (text, None),
        };
        Self {
            name: name.to_lowercase(),
            model,
            voice: None,
        }
    }
}

impl Wanted {
    /// Reads `duologue_providers`.
    ///
    /// # Errors
    /// [`ProviderError::Unsupported`] says what is wrong in it.
    pub(crate) fn read(value: Option<&Value>) -> Result<Self, ProviderError> {
        let mut wanted = Self::default();
        let Some(value) = value.filter(|value| !value.is_null()) else {
            return Ok(wanted);
        };
        let Value::Object(table) = value else {
            return Err(wrong("it must be a table of asr, llm and tts"));
        };
        for (kind, value) in table {
            let list = match kind.as_str() {
                "last_voice" => {
                    let wish = value.as_bool();
                    wanted.no_last_voice =
                        !wish.ok_or_else(|| wrong("last_voice is true or false"))?;
                    continue;
                }
                "asr" => &mut wanted.asr,
                "llm" => &mut wanted.llm,
                "tts" => &mut wanted.tts,
                other => {
                    return Err(wrong(&format!(
                        "there is no {other}; there are asr, llm, tts and last_voice"
                    )));
                }
            };
            let entries = match value {
                Value::Array(entries) => entries.as_slice(),
                one => std::slice::from_ref(one),
            };
            *list = entries
                .iter()
                .map(|entry| named(kind, entry))
                .collect::<Result<_, _>>()?;
        }
        Ok(wanted)
    }

    /// Whether the embedded recogniser and voice are needed.
    pub(crate) fn needs_embedded(&self) -> bool {
        [&self.asr, &self.tts]
            .into_iter()
            .any(|list| list.is_empty() || list.iter().any(|named| named.name == "embedded"))
    }

    /// The first who hears no faster than people speak, as it takes sound from a socket and answers in its own time.
    pub(crate) fn live_ears(&self) -> Option<&str> {
        let mut names = self.asr.iter().map(|named| named.name.as_str());
        names.find(|name| matches!(*name, "assemblyai" | "elevenlabs"))
    }

    /// For people: who hears or speaks.
    pub(crate) fn shown(list: &[Named]) -> String {
        let names: Vec<&str> = list.iter().map(|named| named.name.as_str()).collect();
        names.join(", then ")
    }
}

fn named(kind: &str, entry: &Value) -> Result<Named, ProviderError> {
    let text = |name: &str| match entry.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text.clone())),
        Some(_) => Err(wrong(&format!("{kind}: {name} must be text"))),
    };
    match entry {
        Value::String(name) => Ok(Named::parse(name)),
        Value::Object(fields) => {
            let known = ["name", "model", "voice"];
            if let Some(other) = fields.keys().find(|field| !known.contains(&field.as_str())) {
                return Err(wrong(&format!(
                    "{kind}: there is no {other}; there are name, model and voice"
                )));
            }
            Ok(Named {
                name: text("name")?
                    .ok_or_else(|| wrong(&format!("{kind}: a name is missing")))?
                    .to_lowercase(),
                model: text("model")?,
                voice: text("voice")?,
            })
        }
        _ => Err(wrong(&format!("{kind}: names, or tables with a name"))),
    }
}

fn wrong(reason: &str) -> ProviderError {
    ProviderError::Unsupported {
        provider: "duologue_providers".to_owned(),
        reason: reason.to_owned(),
    }
}

fn unknown(kind: &str, name: &str, known: &str) -> ProviderError {
    wrong(&format!(
        "{kind}: there is no provider {name:?}; there are {known}"
    ))
}

fn no_key(provider: &str, key: &Key) -> ProviderError {
    ProviderError::Missing {
        provider: provider.to_owned(),
        reason: format!("{} is not set", key.name),
        remedy: format!("Put {}=… into .env or the environment", key.name),
    }
}

impl Vendors {
    /// What the settings hold.
    pub(crate) fn of(settings: &Settings) -> Outcome<Self> {
        let key = |key| settings.get(key).map(ApiKey::new);
        let region: Region = settings
            .get(keys::ELEVENLABS_REGION)
            .and_then(|word| word.parse().ok())
            .unwrap_or_default();
        let openai = settings.get(keys::OPENAI_BASE_URL);
        let speech = settings.get(keys::OPENAI_SPEECH_URL).or(openai);
        Ok(Self {
            elevenlabs: key(keys::ELEVENLABS_API_KEY),
            elevenlabs_url: settings
                .get(keys::ELEVENLABS_BASE_URL)
                .map_or_else(|| format!("https://{}", region.host()), str::to_owned),
            openai: key(keys::OPENAI_API_KEY),
            openai_url: openai.unwrap_or(OPENAI_URL).to_owned(),
            openai_model: settings.get(keys::OPENAI_MODEL).map(str::to_owned),
            speech_url: speech.unwrap_or(OPENAI_URL).to_owned(),
            is_own: openai.is_some() || speech.is_some(),
            assemblyai: key(keys::ASSEMBLYAI_API_KEY),
            assemblyai_url: settings
                .get(keys::ASSEMBLYAI_BASE_URL)
                .unwrap_or(assemblyai::ASSEMBLYAI_URL)
                .to_owned(),
            authorities: trust::authorities(settings)?,
        })
    }

    /// Who hears.
    pub(crate) fn asr(
        &self,
        engine: &Engine,
        names: &[Named],
    ) -> Result<Arc<dyn Asr>, ProviderError> {
        if names.is_empty() {
            return Ok(engine.asr());
        }
        let mut made = each(names, |named| self.one_asr(engine, named))?;
        Ok(match made.len() {
            1 => made.remove(0),
            _ => Arc::new(AsrCascade::new(made)?),
        })
    }

    /// One of those who hear, by itself.
    pub(crate) fn one_asr(
        &self,
        engine: &Engine,
        named: &Named,
    ) -> Result<Arc<dyn Asr>, ProviderError> {
        Ok(match named.name.as_str() {
            "embedded" => engine.asr(),
            "elevenlabs" => Arc::new(Scribe::new(self.elevenlabs(named)?)?),
            "assemblyai" => {
                let key = self.assemblyai.clone();
                let key = key.ok_or_else(|| no_key("AssemblyAI", keys::ASSEMBLYAI_API_KEY))?;
                Arc::new(AssemblyAi::new(assemblyai::Settings {
                    base_url: self.assemblyai_url.clone(),
                    model: named.model.clone(),
                    authorities: self.authorities.clone(),
                    ..assemblyai::Settings::new(key)
                })?)
            }
            "openai" => {
                let defaults = TranscriptionSettings::default();
                Arc::new(Transcriptions::new(TranscriptionSettings {
                    base_url: self.speech_url.clone(),
                    key: self.openai_key()?,
                    model: named.model.clone().unwrap_or(defaults.model),
                    authorities: self.authorities.clone(),
                    ..TranscriptionSettings::default()
                })?)
            }
            other => {
                return Err(unknown(
                    "asr",
                    other,
                    "embedded, elevenlabs, assemblyai and openai",
                ));
            }
        })
    }

    /// Who speaks.
    pub(crate) fn tts(
        &self,
        engine: &Engine,
        names: &[Named],
    ) -> Result<Arc<dyn Tts>, ProviderError> {
        if names.is_empty() {
            return Ok(engine.tts());
        }
        let mut made = self.voices(engine, names)?;
        Ok(match made.len() {
            1 => made.remove(0),
            _ => Arc::new(TtsCascade::new(made, VOICE_PATIENCE)?),
        })
    }

    /// Who speaks in a conversation: as [`Vendors::tts`], with the embedded voice as a last resort behind others, when it is
    /// there and wanted.
    pub(crate) fn speaker(
        &self,
        engine: &Engine,
        wanted: &Wanted,
    ) -> Result<Arc<dyn Tts>, ProviderError> {
        let is_named = |one: &Named| one.name == "embedded";
        let is_there = wanted.tts.is_empty() || wanted.tts.iter().any(is_named);
        if is_there || wanted.no_last_voice || !engine.can_speak() {
            return self.tts(engine, &wanted.tts);
        }
        let made = self.voices(engine, &wanted.tts)?;
        let speaker = TtsCascade::with_last_resort(made, VOICE_PATIENCE, engine.tts())?;
        Ok(Arc::new(speaker))
    }

    fn voices(&self, engine: &Engine, names: &[Named]) -> Result<Vec<Arc<dyn Tts>>, ProviderError> {
        let embedded: Vec<String> = engine
            .tts()
            .voices()
            .into_iter()
            .map(|voice| voice.id)
            .collect();
        each(names, |named| {
            let tts = self.one_tts(engine, named)?;
            Ok(Arc::new(WithVoice {
                tts,
                voice: named.voice.clone(),
                foreign: if named.name == "embedded" {
                    Vec::new()
                } else {
                    embedded.clone()
                },
            }) as Arc<dyn Tts>)
        })
    }

    /// One of those who speak, by itself.
    pub(crate) fn one_tts(
        &self,
        engine: &Engine,
        named: &Named,
    ) -> Result<Arc<dyn Tts>, ProviderError> {
        Ok(match named.name.as_str() {
            "embedded" => engine.tts(),
            "elevenlabs" => Arc::new(StreamInput::new(self.elevenlabs(named)?)?),
            "openai" => {
                let defaults = SpeechSettings::default();
                Arc::new(Speech::new(SpeechSettings {
                    base_url: self.speech_url.clone(),
                    key: self.openai_key()?,
                    model: named.model.clone().unwrap_or(defaults.model),
                    authorities: self.authorities.clone(),
                    ..SpeechSettings::default()
                })?)
            }
            other => return Err(unknown("tts", other, "embedded, elevenlabs and openai")),
        })
    }

    /// Who thinks; `scripted` is the agent's own script, `default` what the server was started with. None: nobody was
    /// named.
    pub(crate) fn llm(
        &self,
        names: &[Named],
        scripted: &Arc<dyn Llm>,
        default: &Arc<dyn Llm>,
    ) -> Result<Arc<dyn Llm>, ProviderError> {
        if names.is_empty() {
            return Ok(Arc::clone(default));
        }
        let mut made = each(names, |named| {
            Ok(match named.name.as_str() {
                "scripted" => Arc::clone(scripted),
                "default" => Arc::clone(default),
                "openai" | "openai-responses" => {
                    let settings = openai::Settings::default();
                    let settings = openai::Settings {
                        base_url: self.openai_url.clone(),
                        key: self.openai_key()?,
                        model: named
                            .model
                            .clone()
                            .or_else(|| self.openai_model.clone())
                            .unwrap_or_else(|| settings.model.clone()),
                        authorities: self.authorities.clone(),
                        ..settings
                    };
                    if named.name == "openai" {
                        Arc::new(ChatCompletions::new(settings)?) as Arc<dyn Llm>
                    } else {
                        Arc::new(openai::Responses::new(settings)?) as Arc<dyn Llm>
                    }
                }
                other => {
                    return Err(unknown(
                        "llm",
                        other,
                        "default, scripted, openai and openai-responses",
                    ));
                }
            })
        })?;
        Ok(match made.len() {
            1 => made.remove(0),
            _ => Arc::new(LlmCascade::new(made, LLM_PATIENCE)?),
        })
    }

    fn elevenlabs(&self, named: &Named) -> Result<elevenlabs::Settings, ProviderError> {
        let key = self.elevenlabs.clone();
        let key = key.ok_or_else(|| no_key("ElevenLabs", keys::ELEVENLABS_API_KEY))?;
        Ok(elevenlabs::Settings {
            base_url: self.elevenlabs_url.clone(),
            model: named.model.clone(),
            authorities: self.authorities.clone(),
            ..elevenlabs::Settings::new(key)
        })
    }

    fn openai_key(&self) -> Result<Option<ApiKey>, ProviderError> {
        match &self.openai {
            Some(key) => Ok(Some(key.clone())),
            None if self.is_own => Ok(None),
            None => Err(no_key("OpenAI", keys::OPENAI_API_KEY)),
        }
    }
}

/// Makes all of them. One without its key is left out where others remain; a wrong name never is.
fn each<T>(
    names: &[Named],
    make: impl Fn(&Named) -> Result<T, ProviderError>,
) -> Result<Vec<T>, ProviderError> {
    let mut made = Vec::with_capacity(names.len());
    let mut missing = None;
    for named in names {
        match make(named) {
            Ok(one) => made.push(one),
            Err(error @ ProviderError::Missing { .. }) => {
                tracing::warn!(%error, "a provider is left out");
                missing.get_or_insert(error);
            }
            Err(error) => return Err(error),
        }
    }
    match (made.is_empty(), missing) {
        (true, Some(error)) => Err(error),
        _ => Ok(made),
    }
}

/// A voice of its own for one provider, whatever the agent's is.
struct WithVoice {
    tts: Arc<dyn Tts>,
    voice: Option<String>,
    /// Voices that mean nothing to it.
    foreign: Vec<String>,
}

impl Tts for WithVoice {
    fn name(&self) -> &str {
        self.tts.name()
    }

    fn voices(&self) -> Vec<tts::Voice> {
        // One that has its voice takes any name for it.
        if self.voice.is_some() {
            return Vec::new();
        }
        self.tts.voices()
    }

    fn languages(&self) -> &[&str] {
        self.tts.languages()
    }

    fn estimates_alignment(&self) -> bool {
        self.tts.estimates_alignment()
    }

    fn start(&self, mut options: tts::Options) -> tts::Session {
        if self.voice.is_some() {
            options.voice.clone_from(&self.voice);
        } else if options
            .voice
            .as_ref()
            .is_some_and(|voice| self.foreign.contains(voice))
        {
            options.voice = None;
        }
        self.tts.start(options)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use embedded::{Paths, recogniser};
    use serde_json::json;

    use super::*;
    use crate::settings::Sources;

    fn vendors(pairs: &[(&str, &str)]) -> Vendors {
        let environment: BTreeMap<String, String> = pairs
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect();
        let sources = Sources {
            environment,
            ..Sources::default()
        };
        Vendors::of(&Settings::fold(&sources).unwrap()).unwrap()
    }

    fn engine() -> Engine {
        Engine::new(Paths::default(), &recogniser::Settings::default())
    }

    fn wanted(value: &Value) -> Wanted {
        Wanted::read(Some(value)).unwrap()
    }

    #[test]
    fn an_agent_names_its_providers_in_order() {
        let wanted = wanted(&json!({
            "asr": ["assemblyai", "embedded"],
            "tts": [{"name": "elevenlabs", "model": "eleven_v3", "voice": "v1"}, "openai:tts-1"],
            "llm": "scripted",
        }));
        assert_eq!(Wanted::shown(&wanted.asr), "assemblyai, then embedded");
        assert_eq!(wanted.live_ears(), Some("assemblyai"));
        assert_eq!(wanted.tts[0].voice.as_deref(), Some("v1"));
        assert_eq!(wanted.tts[1], Named::parse("openai:tts-1"));
        assert!(wanted.needs_embedded());
        assert!(Wanted::default().needs_embedded());
    }

    #[test]
    fn what_is_wrong_is_named() {
        for (value, word) in [
            (json!([]), "table"),
            (json!({"ears": []}), "ears"),
            (json!({"asr": [7]}), "asr"),
            (json!({"asr": [{"model": "x"}]}), "name"),
            (json!({"tts": [{"name": "x", "url": "http://x"}]}), "url"),
        ] {
            let error = Wanted::read(Some(&value)).unwrap_err().to_string();
            assert!(error.contains(word), "{error}");
        }
        let error = vendors(&[]).asr(&engine(), &[Named::parse("telex")]);
        assert!(error.err().unwrap().to_string().contains("assemblyai"));
    }

    #[test]
    fn one_without_its_key_is_left_out_where_another_remains() {
        let names = [Named::parse("assemblyai"), Named::parse("embedded")];
        let asr = vendors(&[]).asr(&engine(), &names).unwrap();
        assert_eq!(asr.name(), engine().asr().name());
        let error = vendors(&[]).asr(&engine(), &names[..1]).err().unwrap();
        assert!(error.to_string().contains("ASSEMBLYAI_API_KEY"), "{error}");
        let with = vendors(&[("ASSEMBLYAI_API_KEY", "made-up-key")]);
        assert_eq!(with.asr(&engine(), &names).unwrap().name(), "AssemblyAI");
        assert!(!format!("{with:?}").contains("made-up-key"));
    }

    #[test]
    fn a_server_of_ones_own_needs_no_key() {
        let names = [Named::parse("openai:whisper-1")];
        assert!(vendors(&[]).asr(&engine(), &names).is_err());
        let own = vendors(&[("OPENAI_SPEECH_URL", "http://127.0.0.1:9/v1")]);
        let asr = own.asr(&engine(), &names).unwrap();
        assert_eq!(asr.name(), "whisper-1 at 127.0.0.1:9");
    }
}
