//! Every documented shape of the speech wires is read, and written back as the reference has it.

#![allow(
    clippy::unwrap_used,
    reason = "a vector that cannot be read fails the test"
)]

use proptest::prelude::*;
use protocol::{
    agents::{AudioBytes, DecodeError},
    assemblyai::{ClientMessage, ServerMessage, Turn, Word},
    speech::{
        CharAlignment, Committed, GenerationConfig, SCRIBE_ERRORS, ScribeInput, ScribeOutput,
        ScribeWord, TtsAudio, TtsError, TtsInput, TtsOutput, VoiceSettings,
    },
};
use serde::Deserialize;
use serde_json::Value;

const VECTORS: &str = include_str!("../vectors/speech.json");

#[derive(Deserialize)]
struct Vector {
    wire: String,
    message: Value,
    /// How it is written, where that is not how it came.
    written: Option<Value>,
}

/// Read, written and read again, on the named wire.
fn again(wire: &str, text: &str) -> Result<String, DecodeError> {
    macro_rules! again {
        ($kind:ty) => {{
            let message = <$kind>::from_json(text)?;
            let written = message.to_json();
            assert_eq!(<$kind>::from_json(&written)?, message, "{wire}: {text}");
            Ok(written)
        }};
    }
    match wire {
        "tts_input" => again!(TtsInput),
        "tts_output" => again!(TtsOutput),
        "scribe_input" => again!(ScribeInput),
        "scribe_output" => again!(ScribeOutput),
        "aai_client" => again!(ClientMessage),
        "aai_server" => again!(ServerMessage),
        other => panic!("no wire {other}"),
    }
}

#[test]
fn every_documented_message_is_read_and_written_back() {
    let vectors: Vec<Vector> = serde_json::from_str(VECTORS).unwrap();
    assert!(vectors.len() > 30);
    for vector in vectors {
        let written = again(&vector.wire, &vector.message.to_string()).unwrap();
        let written: Value = serde_json::from_str(&written).unwrap();
        let expected = vector.written.unwrap_or(vector.message);
        assert_eq!(written, expected, "{}", vector.wire);
    }
}

#[test]
fn every_scribe_error_is_an_error() {
    for kind in SCRIBE_ERRORS {
        let text = format!(r#"{{"message_type":"{kind}","error":"why"}}"#);
        let message = ScribeOutput::from_json(&text).unwrap();
        assert!(matches!(message, ScribeOutput::Error { .. }), "{kind}");
        assert_eq!(message.kind(), kind);
    }
}

#[test]
fn what_is_wrong_is_named() {
    let wrong = |wire: &str, text: &str| again(wire, text).unwrap_err().to_string();
    assert!(wrong("aai_server", r#"{"type":"Turn","turn_order":"one"}"#).contains("turn_order"));
    assert!(wrong("aai_server", r#"{"type":"Begin","id":"x"}"#).contains("expires_at"));
    assert!(wrong("scribe_input", r#"{"audio_base_64":""}"#).contains("type"));
    let base64 = r#"{"message_type":"input_audio_chunk","audio_base_64":"*"}"#;
    assert!(wrong("scribe_input", base64).contains("base64"));
    assert!(wrong("tts_output", r#"{"audio":"*"}"#).contains("base64"));
    for wire in ["tts_input", "tts_output", "scribe_output", "aai_client"] {
        assert!(wrong(wire, "[]").contains("object"), "{wire}");
        assert!(wrong(wire, "{").contains("JSON"), "{wire}");
    }
}

#[test]
fn a_key_in_a_message_is_not_shown() {
    let message = TtsInput {
        xi_api_key: Some("made-up".to_owned()),
        authorization: Some("made-up".to_owned()),
        ..TtsInput::begin(None)
    };
    assert!(message.to_json().contains("made-up"));
    assert!(!format!("{message:?}").contains("made-up"));
}

fn audio() -> impl Strategy<Value = AudioBytes> {
    prop::collection::vec(any::<u8>(), 0..64).prop_map(AudioBytes::from)
}

fn number() -> impl Strategy<Value = f64> {
    (-1_000_i32..1_000).prop_map(|number| f64::from(number) / 8.0)
}

fn alignment() -> impl Strategy<Value = CharAlignment> {
    prop::collection::vec((any::<char>(), any::<u32>(), any::<u32>()), 0..8).prop_map(|letters| {
        CharAlignment {
            chars: letters.iter().map(|letter| letter.0.to_string()).collect(),
            starts_ms: letters.iter().map(|letter| letter.1).collect(),
            durations_ms: letters.iter().map(|letter| letter.2).collect(),
        }
    })
}

prop_compose! {
    fn tts_input()(
        text in any::<String>(),
        settings in prop::option::of((prop::option::of(number()), prop::option::of(any::<bool>()))),
        schedule in prop::option::of(prop::collection::vec(50_u32..500, 0..5)),
        flush in any::<Option<bool>>(),
        key in any::<Option<String>>(),
    ) -> TtsInput {
        TtsInput {
            text,
            voice_settings: settings.map(|(speed, use_speaker_boost)| VoiceSettings {
                speed, use_speaker_boost, ..VoiceSettings::default()
            }),
            generation_config: schedule.map(|chunk_length_schedule| GenerationConfig { chunk_length_schedule }),
            flush,
            xi_api_key: key,
            ..TtsInput::default()
        }
    }
}

prop_compose! {
    fn turn()(
        turn_order in any::<u64>(),
        flags in any::<(bool, bool)>(),
        transcript in any::<String>(),
        confidence in number(),
        words in prop::collection::vec((any::<String>(), any::<u64>(), any::<bool>(), any::<Option<String>>()), 0..4),
        language_code in any::<Option<String>>(),
    ) -> Turn {
        Turn {
            turn_order,
            turn_is_formatted: flags.0,
            end_of_turn: flags.1,
            utterance: transcript.clone(),
            transcript,
            end_of_turn_confidence: confidence,
            words: words.into_iter().map(|(text, start, word_is_final, speaker)| Word {
                text, start, end: start, confidence, word_is_final, speaker,
            }).collect(),
            language_code,
            ..Turn::default()
        }
    }
}

fn committed() -> impl Strategy<Value = Committed> {
    let word =
        (any::<String>(), number(), any::<Option<String>>()).prop_map(|(text, at, speaker_id)| {
            ScribeWord {
                text,
                kind: "word".to_owned(),
                logprob: at,
                start: Some(at),
                end: None,
                speaker_id,
            }
        });
    (
        any::<String>(),
        any::<Option<String>>(),
        prop::option::of(prop::collection::vec(word, 0..4)),
    )
        .prop_map(|(text, language_code, words)| Committed {
            text,
            language_code,
            words,
        })
}

proptest! {
    #[test]
    fn whatever_is_written_is_read_again(
        input in tts_input(),
        sound in (prop::option::of(audio()), any::<Option<bool>>(), prop::option::of(alignment())),
        trouble in (any::<String>(), any::<Option<String>>(), any::<Option<u16>>()),
        chunk in (audio(), any::<bool>(), any::<Option<u32>>(), any::<Option<String>>()),
        text in committed(),
        turn in turn(),
    ) {
        prop_assert_eq!(&TtsInput::from_json(&input.to_json()).unwrap(), &input);
        let sound = TtsOutput::Audio(TtsAudio { audio: sound.0, is_final: sound.1, alignment: sound.2, normalized_alignment: None });
        prop_assert_eq!(&TtsOutput::from_json(&sound.to_json()).unwrap(), &sound);
        let error = TtsOutput::Error(TtsError { message: trouble.0.clone(), error: trouble.1, code: trouble.2 });
        prop_assert_eq!(&TtsOutput::from_json(&error.to_json()).unwrap(), &error);
        let chunk = ScribeInput { audio: chunk.0, commit: chunk.1, sample_rate: chunk.2, previous_text: chunk.3 };
        prop_assert_eq!(&ScribeInput::from_json(&chunk.to_json()).unwrap(), &chunk);
        for message in [
            ScribeOutput::Partial { text: text.text.clone() },
            ScribeOutput::Final(text.clone()),
            ScribeOutput::Committed(text.clone()),
            ScribeOutput::CommittedWithTimestamps(text),
            ScribeOutput::Error { kind: "input_error".to_owned(), error: trouble.0.clone() },
        ] {
            prop_assert_eq!(&ScribeOutput::from_json(&message.to_json()).unwrap(), &message);
        }
        let turn = ServerMessage::Turn(turn);
        prop_assert_eq!(&ServerMessage::from_json(&turn.to_json()).unwrap(), &turn);
        let error = ServerMessage::Error { error_code: Some(3_005), error: trouble.0 };
        prop_assert_eq!(&ServerMessage::from_json(&error.to_json()).unwrap(), &error);
    }

    #[test]
    fn nothing_that_comes_breaks_a_reader(text in ".{0,80}") {
        for wire in ["tts_input", "tts_output", "scribe_input", "scribe_output", "aai_client", "aai_server"] {
            let _ = again(wire, &text);
        }
    }
}
