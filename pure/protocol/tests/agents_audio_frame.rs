//! The short way for audio frames gives the answers of the general way, whatever the spelling of the message.

use std::fmt::Write as _;

use proptest::prelude::*;
use protocol::agents::{Alignment, AudioBytes, AudioEvent, ClientEvent, EventId, ServerEvent};

/// Base64 as somebody might spell it: padded or not, its characters escaped or not, now and then broken.
fn base64_text() -> impl Strategy<Value = String> {
    (
        prop::collection::vec(any::<u8>(), 0..80),
        0u8..3,
        prop::option::weighted(0.2, (any::<prop::sample::Index>(), "[!=\\-_ a/]")),
        prop::collection::vec(any::<bool>(), 0..120),
    )
        .prop_map(|(bytes, padding, damage, escapes)| {
            let mut text = AudioBytes::from(bytes).to_base64();
            match padding {
                0 => text.truncate(text.trim_end_matches('=').len()),
                1 => text.push('='),
                _ => {}
            }
            if let Some((at, with)) = damage {
                text.insert_str(at.index(text.len() + 1), &with);
            }
            let mut out = String::new();
            for (n, c) in text.chars().enumerate() {
                match (c, escapes.get(n)) {
                    ('/', Some(true)) => out.push_str("\\/"),
                    (c, Some(true)) if n % 7 == 0 => {
                        let _ = write!(out, "\\u{:04x}", u32::from(c));
                    }
                    (c, _) => out.push(c),
                }
            }
            out
        })
}

fn space() -> impl Strategy<Value = String> {
    prop_oneof![3 => Just(String::new()), 1 => "[ \t\r\n]{1,90}"]
}

fn joined(fields: &[String], space: &str) -> String {
    format!(
        "{{{space}{}{space}}}",
        fields.join(&format!("{space},{space}"))
    )
}

/// Fields that may be there, too, some of them at odds with the rest.
fn strays(pool: &'static [&'static str]) -> impl Strategy<Value = Vec<String>> {
    let stray = prop::sample::select(pool).prop_map(str::to_owned);
    prop_oneof![2 => Just(Vec::new()), 1 => prop::collection::vec(stray, 1..3)]
}

fn client_text() -> impl Strategy<Value = String> {
    const STRAYS: &[&str] = &[
        r#""type":null"#,
        r#""type":"user_audio_chunk""#,
        r#""type":"user_activity""#,
        r#""type":"newer""#,
        r#""type":3"#,
        r#""user_audio_chunk":"AAAA""#,
        r#""user_audio_chunk":null"#,
        r#""user_audio_chunk":["AAAA"]"#,
        r#""more":{"a":[1,"\ud800"]}"#,
        r#""more":1e999"#,
    ];
    (base64_text(), strays(STRAYS), space())
        .prop_flat_map(|(sound, mut fields, space)| {
            fields.push(format!("\"user_audio_chunk\"{space}:{space}\"{sound}\""));
            (Just(fields).prop_shuffle(), Just(space))
        })
        .prop_map(|(fields, space)| joined(&fields, &space))
}

fn server_text() -> impl Strategy<Value = String> {
    const OUTER: &[&str] = &[
        r#""type":"ping""#,
        r#""type":null"#,
        r#""audio_event":null"#,
        r#""audio_event":["AAAA",1]"#,
        r#""more":"\ud800""#,
        r#""more":1e999"#,
    ];
    const INNER: &[&str] = &[
        r#""alignment":null"#,
        r#""alignment":{"chars":["a","\n"],"char_start_times_ms":[0,1],"char_durations_ms":[1,2]}"#,
        r#""alignment":{"chars":["a"],"char_start_times_ms":[0.5],"char_durations_ms":[1]}"#,
        r#""alignment":{"chars":[],"char_start_times_ms":[],"char_durations_ms":[],"words":[]}"#,
        r#""alignment":{}"#,
        r#""is_final":true"#,
        r#""is_final":null"#,
        r#""is_final":0"#,
        r#""event_id":9"#,
        r#""audio_base_64":7"#,
        r#""response_id":"\u00e4""#,
    ];
    let id = prop_oneof![
        4 => any::<u64>().prop_map(|id| id.to_string()),
        1 => prop::sample::select(&["-1", "-0", "1.0", "1e2", "\"1\"", "null", "18446744073709551616"][..])
            .prop_map(str::to_owned),
    ];
    (base64_text(), id, strays(OUTER), strays(INNER), space())
        .prop_flat_map(|(sound, id, outer, mut inner, space)| {
            inner.push(format!("\"audio_base_64\":{space}\"{sound}\""));
            inner.push(format!("\"event_id\"{space}:{id}"));
            (Just(outer), Just(inner).prop_shuffle(), Just(space))
        })
        .prop_flat_map(|(mut outer, inner, space)| {
            outer.push(r#""type":"audio""#.to_owned());
            outer.push(format!("\"audio_event\":{}", joined(&inner, &space)));
            (Just(outer).prop_shuffle(), Just(space))
        })
        .prop_map(|(fields, space)| joined(&fields, &space))
}

fn alignment() -> impl Strategy<Value = Alignment> {
    prop::collection::vec((any::<char>(), any::<u32>(), any::<u32>()), 0..8).prop_map(|entries| {
        Alignment {
            chars: entries.iter().map(|entry| entry.0.to_string()).collect(),
            char_start_times_ms: entries.iter().map(|entry| entry.1).collect(),
            char_durations_ms: entries.iter().map(|entry| entry.2).collect(),
        }
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2048))]

    #[test]
    fn a_chunk_of_the_user_is_read_alike_both_ways(text in client_text()) {
        prop_assert_eq!(ClientEvent::from_json(&text), ClientEvent::from_json_general(&text));
    }

    #[test]
    fn a_chunk_of_the_agent_is_read_alike_both_ways(text in server_text()) {
        prop_assert_eq!(ServerEvent::from_json(&text), ServerEvent::from_json_general(&text));
    }

    #[test]
    fn a_chunk_is_written_alike_both_ways_and_read_back(
        sound in prop::collection::vec(any::<u8>(), 0..400),
        id in any::<u64>(),
        alignment in prop::option::of(alignment()),
        is_final in prop::option::of(any::<bool>()),
    ) {
        let event = ClientEvent::audio(sound.clone());
        prop_assert_eq!(event.to_json(), serde_json::to_string(&event).unwrap());
        prop_assert_eq!(ClientEvent::from_json(&event.to_json()), Ok(event));

        let event = ServerEvent::from(AudioEvent {
            audio_base_64: sound.into(),
            event_id: EventId(id),
            alignment,
            is_final,
        });
        prop_assert_eq!(event.to_json(), serde_json::to_string(&event).unwrap());
        prop_assert_eq!(ServerEvent::from_json(&event.to_json()), Ok(event));
    }
}

#[test]
fn a_frame_is_appended_to_what_is_there() {
    let mut out = String::from("> ");
    ClientEvent::audio(vec![0, 0, 0]).write_json(&mut out);
    assert_eq!(out, r#"> {"user_audio_chunk":"AAAA"}"#);
}
