//! A server's message is read or refused; what was read survives being written.

#![no_main]

use libfuzzer_sys::fuzz_target;
use protocol::agents::ServerEvent;

fuzz_target!(|text: &str| {
    if let Ok(event) = ServerEvent::from_json(text) {
        assert_eq!(ServerEvent::from_json(&event.to_json()), Ok(event));
    }
});
