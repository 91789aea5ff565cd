//! A client's message is read or refused; what was read survives being written.

#![no_main]

use libfuzzer_sys::fuzz_target;
use protocol::agents::ClientEvent;

fuzz_target!(|text: &str| {
    if let Ok(event) = ClientEvent::from_json(text) {
        assert_eq!(ClientEvent::from_json(&event.to_json()), Ok(event));
    }
});
