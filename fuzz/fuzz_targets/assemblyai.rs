//! A message of AssemblyAI's streaming socket is read or refused; what was read survives being written.

#![no_main]

use libfuzzer_sys::fuzz_target;
use protocol::assemblyai::{ClientMessage, ServerMessage};

fuzz_target!(|text: &str| {
    if let Ok(message) = ServerMessage::from_json(text) {
        assert_eq!(ServerMessage::from_json(&message.to_json()).ok(), Some(message));
    }
    if let Ok(message) = ClientMessage::from_json(text) {
        assert_eq!(ClientMessage::from_json(&message.to_json()).ok(), Some(message));
    }
});
