//! A message of the speech sockets is read or refused; what was read survives being written.

#![no_main]

use libfuzzer_sys::fuzz_target;
use protocol::speech::{ScribeInput, ScribeOutput, TtsInput, TtsOutput};

macro_rules! survives {
    ($kind:ty, $text:expr) => {
        if let Ok(message) = <$kind>::from_json($text) {
            assert_eq!(<$kind>::from_json(&message.to_json()).ok(), Some(message));
        }
    };
}

fuzz_target!(|text: &str| {
    survives!(ScribeInput, text);
    survives!(ScribeOutput, text);
    survives!(TtsInput, text);
    survives!(TtsOutput, text);
});
