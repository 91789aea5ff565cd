//! One conversation's settings: the agent's configuration, what the language changes, and what the client may override.

use std::{fmt::Write as _, time::Duration};

use audio::Format;
use protocol::agents::{
    AudioFormat, ClientEventKind, ConfigOverride, ErrorType, Initiation, Language,
};
use providers::{asr::Asr, tts::Tts};
use serde_json::{Map, Value};
use turn::{Eagerness, Patience};

use crate::{
    config::{Config, ConversationConfig, View},
    variables::{self, Missing, SYSTEM, Variables},
};

/// Why a conversation cannot begin, in the words and the type of the wire.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Refusal {
    pub(crate) error_type: ErrorType,
    pub(crate) message: String,
}

impl Refusal {
    fn new(error_type: ErrorType, message: impl Into<String>) -> Self {
        Self {
            error_type,
            message: message.into(),
        }
    }
}

/// Everything that holds for one conversation.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    pub(crate) prompt: String,
    pub(crate) first_message: String,
    pub(crate) parting_message: Option<String>,
    pub(crate) language: String,
    pub(crate) voice: Option<String>,
    /// The client chose the voice: it stays, whatever is spoken.
    chosen_voice: bool,
    pub(crate) speed: f32,
    pub(crate) keywords: Vec<String>,
    pub(crate) client_events: Vec<ClientEventKind>,
    pub(crate) text_only: bool,
    pub(crate) input_format: (AudioFormat, Format),
    pub(crate) output_format: (AudioFormat, Format),
    pub(crate) turn: turn::Settings,
    pub(crate) variables: Variables,
    pub(crate) extra_body: Map<String, Value>,
    pub(crate) temperature: Option<f32>,
    pub(crate) max_tokens: Option<u32>,
    pub(crate) user: Option<String>,
}

/// What a plan is made from besides the client's wishes.
pub(crate) struct Basis<'a> {
    pub(crate) config: &'a Config,
    pub(crate) asr: &'a dyn Asr,
    pub(crate) tts: &'a dyn Tts,
    /// The client is the agent's owner: it may override everything.
    pub(crate) trusted: bool,
    /// See [`crate::Options::soft_timeout`].
    pub(crate) soft_timeout: Option<Duration>,
    /// `system__…`.
    pub(crate) system: Variables,
}

/// No text is waited for longer: the caller hears nothing meanwhile.
const LONGEST_FINAL: Duration = Duration::from_millis(2_800);
/// Said when the answer takes long and the agent has no words of its own for that.
const ONE_MOMENT: &str = "One moment, please.";

impl Plan {
    /// From now on `language` is spoken, with the voice that the agent has for it.
    pub(crate) fn change_language(
        &mut self,
        config: &ConversationConfig,
        tts: &dyn Tts,
        language: &str,
    ) {
        language.clone_into(&mut self.language);
        if !self.chosen_voice {
            self.voice = voice_of(config, language).and_then(|voice| known_voice(tts, voice));
        }
    }

    #[expect(clippy::too_many_lines, reason = "one field after the other")]
    pub(crate) fn make(basis: Basis<'_>, wishes: &Initiation) -> Result<Self, Refusal> {
        let view = &basis.config.view;
        let config = &view.conversation_config;
        let overrides = &wishes.conversation_config_override;
        check_overrides(basis.config, overrides, basis.trusted)?;

        let language = overrides
            .agent
            .language
            .as_ref()
            .map_or(config.agent.language.as_str(), |language| language.as_str())
            .to_owned();
        let preset = (language != config.agent.language)
            .then(|| config.language_presets.get(&language))
            .flatten();
        // The client's word counts before the language's, and that before the agent's.
        let layers = [Some(overrides), preset.map(|preset| &preset.overrides)];
        let pick = |get: fn(&ConfigOverride) -> Option<&String>| {
            layers
                .iter()
                .flatten()
                .find_map(|layer| get(layer))
                .cloned()
        };

        let text_only = config.conversation.text_only || overrides.is_text_only();
        if !text_only {
            let speech = [
                ("recogniser", basis.asr.name(), basis.asr.languages()),
                ("voice", basis.tts.name(), basis.tts.languages()),
            ];
            for (what, name, languages) in speech {
                if let Some(reason) = lacks(what, name, languages, &language) {
                    return Err(Refusal::new(ErrorType::OverrideError, reason));
                }
            }
        }

        let mut values = config
            .agent
            .dynamic_variables
            .dynamic_variable_placeholders
            .clone();
        if let Some(name) = wishes.reserved_variables().next() {
            return Err(Refusal::new(
                ErrorType::ValueError,
                format!(
                    "the variable {name} is set by the platform; names with {SYSTEM} are not the client's"
                ),
            ));
        }
        values.extend(wishes.dynamic_variables.clone());
        values.extend(basis.system);
        values.insert(
            "system__is_text_only".to_owned(),
            protocol::agents::DynamicVariable::Bool(text_only),
        );

        let fill = |text: &str| {
            variables::fill(text, &values).map_err(|Missing(name)| {
                Refusal::new(
                    ErrorType::MissingDynamicVariable,
                    if name.starts_with(variables::SECRET) {
                        format!("the variable {name} is a secret; secrets cannot stand in what the agent says or thinks")
                    } else {
                        format!("the variable {name} has no value; send it in dynamic_variables or give it a placeholder")
                    },
                )
            })
        };
        let translated = preset
            .and_then(|preset| preset.first_message_translation.as_ref())
            .map(|translation| translation.text.clone())
            .filter(|text| !text.is_empty());
        let first_message = fill(
            &pick(|layer| layer.agent.first_message.as_ref())
                .or(translated)
                .unwrap_or_else(|| config.agent.first_message.clone()),
        )?;
        let prompt = fill(
            &pick(|layer| layer.agent.prompt.prompt.as_ref())
                .unwrap_or_else(|| config.agent.prompt.prompt.clone()),
        )?;
        let parting_message = pick(|layer| layer.agent.max_conversation_duration_message.as_ref())
            .or_else(|| config.agent.max_conversation_duration_message.clone())
            .map(|text| fill(&text))
            .transpose()?
            .filter(|text| !text.trim().is_empty());

        let mut turn = turn_settings(view, basis.soft_timeout);
        if let Some(message) = pick(|layer| layer.turn.soft_timeout_config.message.as_ref()) {
            turn.filler = message;
        }
        turn.filler = fill(&turn.filler)?;
        // Recognisers that do all their work after the end of an utterance take longer.
        turn.final_timeout = turn
            .final_timeout
            .max(basis.asr.final_patience())
            .min(LONGEST_FINAL);
        turn.text_only = text_only;
        turn.greets = !first_message.trim().is_empty();

        let speed = layers
            .iter()
            .flatten()
            .find_map(|layer| layer.tts.speed)
            .map_or_else(|| config.tts.speed.unwrap_or(1.0), |speed| speed as f32);
        Ok(Self {
            prompt,
            first_message,
            parting_message,
            voice: overrides
                .tts
                .voice_id
                .clone()
                .or_else(|| voice_of(config, &language))
                .and_then(|voice| known_voice(basis.tts, voice)),
            chosen_voice: overrides.tts.voice_id.is_some(),
            speed: speed.clamp(0.7, 1.2),
            keywords: overrides
                .asr
                .keywords
                .clone()
                .unwrap_or_else(|| config.asr.keywords.clone()),
            client_events: overrides
                .conversation
                .client_events
                .clone()
                .or_else(|| config.conversation.client_events.clone())
                .unwrap_or_else(default_events),
            text_only,
            input_format: format(
                &config.asr.user_input_audio_format,
                "asr.user_input_audio_format",
            )?,
            output_format: format(
                &config.tts.agent_output_audio_format,
                "tts.agent_output_audio_format",
            )?,
            turn,
            variables: values,
            extra_body: extra_body(view, wishes, basis.trusted)?,
            temperature: config.agent.prompt.temperature,
            max_tokens: config
                .agent
                .prompt
                .max_tokens
                .and_then(|tokens| u32::try_from(tokens).ok()),
            user: wishes.user_id.clone(),
            language,
        })
    }
}

/// Why a recogniser or a voice cannot be used in this language, with the names of those that can. None if it can; a
/// provider that lists no languages takes any.
pub(crate) fn lacks(what: &str, name: &str, languages: &[&str], wanted: &str) -> Option<String> {
    let base = wanted.split('-').next().unwrap_or_default();
    if languages.is_empty() || languages.contains(&base) {
        return None;
    }
    let mut reason = format!(
        "the {what} {name} lacks {wanted:?}, it has {}",
        languages.join(", ")
    );
    if !matches!(Language::from(base), Language::Unknown(_)) {
        let kind = if what == "voice" { "tts" } else { "asr" };
        let _ = write!(
            reason,
            "; elevenlabs and openai have it (duologue_providers.{kind})"
        );
    }
    Some(reason)
}

/// What a client is told when nobody says what: the contract's list, and what was heard of an interrupted reply. Programs
/// that remember what the agent said would be wrong without it, and both SDKs pass it on.
fn default_events() -> Vec<ClientEventKind> {
    let mut events = ClientEventKind::DEFAULT.to_vec();
    events.push(ClientEventKind::AgentResponseCorrection);
    events
}

fn check_overrides(
    config: &Config,
    overrides: &ConfigOverride,
    trusted: bool,
) -> Result<(), Refusal> {
    overrides
        .check()
        .map_err(|problem| Refusal::new(ErrorType::OverrideError, problem.to_string()))?;
    if trusted {
        return Ok(());
    }
    // The Python SDK says `text_only` at the top whenever it has no sound of its own, whatever the agent allows. That says
    // what the client can do, not how the agent should be.
    let mut asked = overrides.clone();
    asked.text_only = None;
    let permissions = &config.view.platform_settings.overrides;
    match asked
        .paths()
        .into_iter()
        .find(|path| !permissions.allow(path) && is_another(config, &asked, path))
    {
        Some(path) => Err(Refusal::new(
            ErrorType::OverrideError,
            format!(
                "the agent does not allow {path} to be overridden (platform_settings.overrides)"
            ),
        )),
        None => Ok(()),
    }
}

/// Whether the agent would be another with what is asked for at `path`. What it is anyway needs no permission: the official
/// widget says in every conversation which language the agent speaks, and that there shall be sound.
fn is_another(config: &Config, asked: &ConfigOverride, path: &str) -> bool {
    let own = &config.view.conversation_config;
    match path {
        "agent.language" => {
            let language = asked.agent.language.as_ref();
            language.is_some_and(|language| language.as_str() != own.agent.language)
        }
        "conversation.text_only" => asked
            .conversation
            .text_only
            .is_some_and(|text_only| text_only != own.conversation.text_only),
        _ => {
            let at = path.replace('.', "/");
            let wish = serde_json::to_value(asked).unwrap_or_default();
            let is = config.value.pointer(&format!("/conversation_config/{at}"));
            wish.pointer(&format!("/{at}")) != is
        }
    }
}

/// The client's own fields for the llm, under the name ElevenLabs gives them.
fn extra_body(
    view: &View,
    wishes: &Initiation,
    trusted: bool,
) -> Result<Map<String, Value>, Refusal> {
    let Some(fields) = wishes
        .custom_llm_extra_body
        .as_ref()
        .filter(|fields| !fields.is_empty())
    else {
        return Ok(Map::new());
    };
    if !trusted && !view.platform_settings.overrides.custom_llm_extra_body {
        return Err(Refusal::new(
            ErrorType::OverrideError,
            "the agent does not allow custom_llm_extra_body (platform_settings.overrides)",
        ));
    }
    let mut body = Map::new();
    body.insert(
        "elevenlabs_extra_body".to_owned(),
        Value::Object(fields.clone()),
    );
    Ok(body)
}

/// A voice the provider has; any other becomes its default.
/// The voice for a language, or the agent's.
fn voice_of(config: &ConversationConfig, language: &str) -> Option<String> {
    (language != config.agent.language)
        .then(|| config.language_presets.get(language))
        .flatten()
        .and_then(|preset| preset.overrides.tts.voice_id.as_ref())
        .or(config.tts.voice_id.as_ref())
        .cloned()
}

fn known_voice(tts: &dyn Tts, voice: String) -> Option<String> {
    let known = tts.voices();
    if known.is_empty() || known.iter().any(|one| one.id == voice) {
        Some(voice)
    } else {
        tracing::warn!(
            voice,
            tts = tts.name(),
            "the voice is not known; using the default voice"
        );
        None
    }
}

fn format(name: &AudioFormat, path: &str) -> Result<(AudioFormat, Format), Refusal> {
    match name.as_str().parse::<Format>() {
        Ok(format) => Ok((name.clone(), format)),
        Err(error) => Err(Refusal::new(
            ErrorType::ValueError,
            format!("{path}: {error}"),
        )),
    }
}

/// Seconds as the configuration has them: negative means never.
fn seconds(value: Option<f64>, default: Option<Duration>) -> Option<Duration> {
    match value {
        None => default,
        Some(seconds) if seconds.is_finite() && seconds >= 0.0 => {
            Some(Duration::from_secs_f64(seconds.min(86_400.0)))
        }
        Some(_) => None,
    }
}

fn turn_settings(view: &View, soft_timeout: Option<Duration>) -> turn::Settings {
    let config = &view.conversation_config;
    let from = &config.turn;
    let default = turn::Settings::default();
    turn::Settings {
        eagerness: match from.turn_eagerness.as_deref() {
            Some("patient") => Eagerness::Patient,
            Some("eager") => Eagerness::Eager,
            _ => Eagerness::Normal,
        },
        spelling_patience: match from.spelling_patience.as_deref() {
            Some("off") => Patience::Off,
            _ => Patience::Auto,
        },
        speculative: from.speculative_turn.unwrap_or(default.speculative),
        greeting_interruptible: !config.agent.disable_first_message_interruptions,
        ignore_terms: from.interruption_ignore_terms.clone(),
        turn_timeout: seconds(from.turn_timeout, default.turn_timeout),
        initial_wait: seconds(from.initial_wait_time, None),
        silence_end: seconds(from.silence_end_call_timeout, None),
        soft_timeout: seconds(from.soft_timeout_config.timeout_seconds, soft_timeout),
        filler: from.soft_timeout_config.message.clone().unwrap_or_else(|| {
            if from.soft_timeout_config.timeout_seconds.is_some() {
                default.filler.clone()
            } else {
                ONE_MOMENT.to_owned()
            }
        }),
        max_duration: seconds(config.conversation.max_duration_seconds, None)
            .unwrap_or(default.max_duration),
        ..default
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_language_brings_its_voice_and_gives_the_agents_back() {
        let config: ConversationConfig = serde_json::from_value(serde_json::json!({
            "tts": {"voice_id": "own"},
            "language_presets": {"fr": {"overrides": {"tts": {"voice_id": "of french"}}}, "de": {"overrides": {}}},
        }))
        .unwrap();
        let voice = |language| voice_of(&config, language);
        assert_eq!(voice("fr").as_deref(), Some("of french"));
        assert_eq!(voice("de").as_deref(), Some("own"));
        assert_eq!(voice("en").as_deref(), Some("own"));
    }
}
