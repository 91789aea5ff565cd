//! A format name is one of the list or refused; any bytes can be decoded, in any pieces, to the same samples.

#![no_main]

use audio::{Decoder, Format};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: (String, Vec<u8>, usize)| {
    let (name, bytes, at) = input;
    if let Ok(format) = name.parse::<Format>() {
        assert_eq!(format.name(), name);
    }
    for format in Format::ALL {
        let whole = format.decode(&bytes);
        let (head, tail) = bytes.split_at(at.min(bytes.len()));
        let mut decoder = Decoder::new(format);
        let mut pieces = decoder.decode(head);
        pieces.extend(decoder.decode(tail));
        assert_eq!(whole, pieces);
    }
});
