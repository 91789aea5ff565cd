//! The machine's settings as a journal's head has them. Durations are whole microseconds.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use turn::{Eagerness, InterruptionMode, Patience};

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "the machine's settings, one by one"
)]
pub(super) struct Settings {
    greets: bool,
    text_only: bool,
    eagerness: String,
    spelling_patience: bool,
    speculative: bool,
    voice_threshold: f32,
    speech_onset: u64,
    utterance_pause: u64,
    barge_in: u64,
    wordless_barge_in: u64,
    interruptible: bool,
    greeting_interruptible: bool,
    ignore_terms: Vec<String>,
    edge_can_pause: bool,
    edge_reports: bool,
    turn_timeout: Option<u64>,
    re_engagements: u32,
    initial_wait: Option<u64>,
    silence_end: Option<u64>,
    soft_timeout: Option<u64>,
    filler: String,
    max_duration: u64,
    final_timeout: u64,
    reply_timeout: u64,
    playout_grace: u64,
}

fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}

impl From<&turn::Settings> for Settings {
    fn from(settings: &turn::Settings) -> Self {
        Self {
            greets: settings.greets,
            text_only: settings.text_only,
            eagerness: match settings.eagerness {
                Eagerness::Patient => "patient",
                Eagerness::Normal => "normal",
                Eagerness::Eager => "eager",
            }
            .to_owned(),
            spelling_patience: settings.spelling_patience == Patience::Auto,
            speculative: settings.speculative,
            voice_threshold: settings.voice_threshold,
            speech_onset: micros(settings.speech_onset),
            utterance_pause: micros(settings.utterance_pause),
            barge_in: micros(settings.barge_in),
            wordless_barge_in: micros(settings.wordless_barge_in),
            interruptible: settings.interruption == InterruptionMode::Allowed,
            greeting_interruptible: settings.greeting_interruptible,
            ignore_terms: settings.ignore_terms.clone(),
            edge_can_pause: settings.edge_can_pause,
            edge_reports: settings.edge_reports,
            turn_timeout: settings.turn_timeout.map(micros),
            re_engagements: settings.re_engagements,
            initial_wait: settings.initial_wait.map(micros),
            silence_end: settings.silence_end.map(micros),
            soft_timeout: settings.soft_timeout.map(micros),
            filler: settings.filler.clone(),
            max_duration: micros(settings.max_duration),
            final_timeout: micros(settings.final_timeout),
            reply_timeout: micros(settings.reply_timeout),
            playout_grace: micros(settings.playout_grace),
        }
    }
}

impl From<Settings> for turn::Settings {
    fn from(settings: Settings) -> Self {
        let duration = Duration::from_micros;
        Self {
            greets: settings.greets,
            text_only: settings.text_only,
            eagerness: match settings.eagerness.as_str() {
                "patient" => Eagerness::Patient,
                "eager" => Eagerness::Eager,
                _ => Eagerness::Normal,
            },
            spelling_patience: if settings.spelling_patience {
                Patience::Auto
            } else {
                Patience::Off
            },
            speculative: settings.speculative,
            voice_threshold: settings.voice_threshold,
            speech_onset: duration(settings.speech_onset),
            utterance_pause: duration(settings.utterance_pause),
            barge_in: duration(settings.barge_in),
            wordless_barge_in: duration(settings.wordless_barge_in),
            interruption: if settings.interruptible {
                InterruptionMode::Allowed
            } else {
                InterruptionMode::Never
            },
            greeting_interruptible: settings.greeting_interruptible,
            ignore_terms: settings.ignore_terms,
            edge_can_pause: settings.edge_can_pause,
            edge_reports: settings.edge_reports,
            turn_timeout: settings.turn_timeout.map(duration),
            re_engagements: settings.re_engagements,
            initial_wait: settings.initial_wait.map(duration),
            silence_end: settings.silence_end.map(duration),
            soft_timeout: settings.soft_timeout.map(duration),
            filler: settings.filler,
            max_duration: duration(settings.max_duration),
            final_timeout: duration(settings.final_timeout),
            reply_timeout: duration(settings.reply_timeout),
            playout_grace: duration(settings.playout_grace),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_come_back_as_they_were() {
        let settings = turn::Settings {
            greets: true,
            eagerness: Eagerness::Patient,
            spelling_patience: Patience::Off,
            interruption: InterruptionMode::Never,
            turn_timeout: None,
            silence_end: Some(Duration::from_millis(12_500)),
            soft_timeout: Some(Duration::from_millis(2_500)),
            ignore_terms: vec!["right".to_owned()],
            ..turn::Settings::default()
        };
        let text = serde_json::to_string(&Settings::from(&settings)).unwrap();
        let read: Settings = serde_json::from_str(&text).unwrap();
        assert_eq!(turn::Settings::from(read), settings);
    }
}
