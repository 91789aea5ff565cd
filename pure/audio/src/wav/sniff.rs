//! What a file is, from its first bytes.

use super::WavError;

/// Names what begins with `head` (up to 12 bytes), which is not a WAV.
pub(super) fn not_wav(head: &[u8]) -> WavError {
    let (found, example) = match head {
        [b'I', b'D', b'3', ..] => ("an MP3 file", "in.mp3"),
        // Eleven set bits, then version and layer; layer 0 is AAC in ADTS frames.
        [0xff, second, ..] if second & 0xf6 == 0xf0 => ("an AAC file", "in.aac"),
        [0xff, second, ..] if second & 0xe0 == 0xe0 => ("an MP3 file", "in.mp3"),
        [b'O', b'g', b'g', b'S', ..] => ("an Ogg file (Opus or Vorbis)", "in.ogg"),
        [b'f', b'L', b'a', b'C', ..] => ("a FLAC file", "in.flac"),
        [_, _, _, _, b'f', b't', b'y', b'p', ..] => ("an M4A or MP4 file", "in.m4a"),
        [b'F', b'O', b'R', b'M', ..] => ("an AIFF file", "in.aiff"),
        [b'c', b'a', b'f', b'f', ..] => ("a CAF file", "in.caf"),
        [b'.', b's', b'n', b'd', ..] => ("an AU file", "in.au"),
        [0x1a, 0x45, 0xdf, 0xa3, ..] => ("a WebM or Matroska file", "in.webm"),
        [b'#', b'!', b'A', b'M', b'R', ..] => ("an AMR file", "in.amr"),
        [b'R', b'I', b'F', b'X', ..] => ("a big-endian WAV (RIFX) file", "in.wav"),
        [b'R', b'I', b'F', b'F', ..] => ("another kind of RIFF file", "in.avi"),
        _ => ("something unknown", "in.mp3"),
    };
    WavError::NotWav { found, example }
}

/// The name of a codec by its number.
pub(super) const fn codec(tag: u16) -> &'static str {
    match tag {
        0x0001 => "PCM of an unusual width",
        0x0002 => "Microsoft ADPCM",
        0x0003 => "floats of an unusual width",
        0x0011 => "IMA ADPCM",
        0x0031 => "GSM 6.10",
        0x0040 | 0x0045 | 0x0064 => "G.726 ADPCM",
        0x0050 => "MPEG audio",
        0x0055 => "MP3",
        0x00ff | 0x1600..=0x1610 => "AAC",
        0x0160..=0x0163 => "Windows Media Audio",
        0x704f => "Opus",
        0xf1ac => "FLAC",
        _ => "an unknown codec",
    }
}
