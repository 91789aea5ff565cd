//! The short way of reading audio frames answers like the general way, errors included.

#![no_main]

use libfuzzer_sys::fuzz_target;
use protocol::agents::{ClientEvent, ServerEvent};

fuzz_target!(|text: &str| {
    let frames = [
        text.to_owned(),
        format!("{{\"user_audio_chunk\":\"{text}\"}}"),
        format!(
            "{{\"type\":\"audio\",\"audio_event\":{{\"audio_base_64\":\"{text}\",\"event_id\":1}}}}"
        ),
        format!("{{\"audio_event\":{{{text}}},\"type\":\"audio\"}}"),
    ];
    for frame in frames {
        assert_eq!(
            ClientEvent::from_json(&frame),
            ClientEvent::from_json_general(&frame)
        );
        assert_eq!(
            ServerEvent::from_json(&frame),
            ServerEvent::from_json_general(&frame)
        );
    }
});
