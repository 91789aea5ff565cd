use std::io::Cursor;

use super::*;

fn wav(tag: u16, channels: u16, hz: u32, bits: u16, length: u32, data: &[u8]) -> Vec<u8> {
    let block = channels * bits / 8;
    let mut file = b"RIFF\0\0\0\0WAVELIST\x03\0\0\0abc\0fmt \x10\0\0\0".to_vec();
    file.extend(tag.to_le_bytes());
    file.extend(channels.to_le_bytes());
    file.extend(hz.to_le_bytes());
    file.extend((hz * u32::from(block)).to_le_bytes());
    file.extend(block.to_le_bytes());
    file.extend(bits.to_le_bytes());
    file.extend(b"data");
    file.extend(length.to_le_bytes());
    file.extend(data);
    file
}

fn open(file: Vec<u8>, raw: bool) -> Result<Source, SourceError> {
    Source::open(Cursor::new(file), SampleRate::HZ_16000, Channel::Mix, raw)
}

fn all(source: &mut Source) -> Vec<i16> {
    let mut out = Vec::new();
    let mut frame = [0; 320];
    loop {
        let count = source.read(&mut frame).unwrap();
        out.extend(&frame[..count]);
        if count < frame.len() {
            return out;
        }
    }
}

#[test]
fn sixteen_bit_mono_comes_through_unchanged() {
    let file = wav(1, 1, 16_000, 16, 6, &[1, 0, 2, 0, 255, 255]);
    let mut source = open(file, false).unwrap();
    assert_eq!(all(&mut source), [1, 2, -1]);
    assert_eq!(source.missing(), None);
}

#[test]
fn twenty_four_bit_stereo_is_mixed() {
    let file = wav(1, 2, 16_000, 24, 6, &[0, 100, 0, 0, 50, 0]);
    assert_eq!(all(&mut open(file, false).unwrap()), [75]);
}

#[test]
fn a_second_of_44_1_khz_becomes_a_second_of_16_khz() {
    let file = wav(1, 1, 44_100, 16, 88_200, &vec![0; 88_200]);
    let count = all(&mut open(file, false).unwrap()).len();
    assert!((15_990..=16_010).contains(&count), "{count}");
}

#[test]
fn telephone_codings_and_floats_are_read() {
    let loud = |tag, bits, data: &[u8]| {
        let file = wav(tag, 1, 16_000, bits, data.len() as u32, data);
        all(&mut open(file, false).unwrap())[0]
    };
    assert_eq!(loud(7, 8, &[0x80]), 32_124);
    assert_eq!(loud(7, 8, &[0xff]), 0);
    assert_eq!(loud(6, 8, &[0xaa]), 32_256);
    assert_eq!(loud(6, 8, &[0xd5]), 8);
    assert_eq!(loud(3, 32, &0.5_f32.to_le_bytes()), 16_384);
    assert_eq!(loud(3, 32, &9.0_f32.to_le_bytes()), i16::MAX);
    assert_eq!(loud(3, 64, &f64::NAN.to_le_bytes()), 0);
    assert_eq!(loud(1, 8, &[255]), 32_512);
}

#[test]
fn one_channel_can_be_chosen() {
    let file = wav(1, 2, 16_000, 16, 4, &[1, 0, 9, 0]);
    let mut right = Source::open(
        Cursor::new(file.clone()),
        SampleRate::HZ_16000,
        Channel::Only(1),
        false,
    )
    .unwrap();
    assert_eq!(all(&mut right), [9]);
    let third = Source::open(
        Cursor::new(file),
        SampleRate::HZ_16000,
        Channel::Only(2),
        false,
    );
    assert!(matches!(third, Err(SourceError::NoSuchChannel { has: 2 })));
}

#[test]
fn a_truncated_file_gives_what_it_has_and_says_what_is_missing() {
    let file = wav(1, 1, 16_000, 16, 32_000, &[7, 0, 7, 0, 7]);
    let mut source = open(file, false).unwrap();
    assert_eq!(all(&mut source), [7, 7]);
    assert!(source.missing().unwrap() > Duration::from_millis(990));
}

#[test]
fn a_pipe_of_unknown_length_is_read_to_its_end() {
    let file = wav(1, 1, 16_000, 16, u32::MAX, &[7, 0, 8, 0]);
    let mut source = open(file, true).unwrap();
    assert_eq!(source.length(), None);
    assert_eq!(all(&mut source), [7, 8]);
    assert_eq!(source.missing(), None);
}

#[test]
fn raw_samples_are_read_where_they_are_expected() {
    let samples: Vec<u8> = (0..40).flat_map(|n: i16| n.to_le_bytes()).collect();
    let expected: Vec<i16> = (0..40).collect();
    assert_eq!(all(&mut open(samples.clone(), true).unwrap()), expected);
    assert!(matches!(
        open(samples, false),
        Err(SourceError::NotWav { .. })
    ));
}

#[test]
fn other_files_are_called_by_their_name() {
    let found = |bytes: &[u8]| match open(bytes.to_vec(), true) {
        Err(SourceError::NotWav { found }) => found,
        _ => "accepted",
    };
    assert_eq!(found(b"ID3\x04\0\0\0\0\0\0\0\0"), "MP3");
    assert_eq!(found(&[0xff, 0xfb, 0x90, 0, 0, 0]), "MP3");
    assert_eq!(found(b"fLaC\0\0\0\0"), "FLAC");
    // Raw silence just below zero is no MP3.
    assert_eq!(found(&[0xff, 0xff, 0xff, 0xff]), "accepted");
}

#[test]
fn broken_headers_are_errors() {
    assert!(matches!(open(Vec::new(), true), Err(SourceError::Empty)));
    assert!(matches!(
        open(wav(1, 1, 16_000, 16, 0, &[]), false),
        Err(SourceError::Empty)
    ));
    assert!(matches!(
        open(b"RIFF\0\0".to_vec(), false),
        Err(SourceError::Damaged(_))
    ));
    assert!(matches!(
        open(wav(1, 0, 16_000, 16, 4, &[0; 4]), false),
        Err(SourceError::Damaged(_))
    ));
    assert!(matches!(
        open(wav(1, 1, 1, 16, 4, &[0; 4]), false),
        Err(SourceError::Damaged(_))
    ));
    assert!(matches!(
        open(wav(0x55, 1, 16_000, 16, 4, &[0; 4]), false),
        Err(SourceError::Coding(_))
    ));
    let mut endless = b"RIFF\0\0\0\0WAVE".to_vec();
    endless.extend(b"junk\xff\xff\xff\xff");
    assert!(matches!(open(endless, false), Err(SourceError::Damaged(_))));
}
