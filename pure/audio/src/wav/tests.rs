use std::io::{Cursor, Read};

use hound::{SampleFormat, WavSpec};
use proptest::prelude::*;

use super::*;
use std::time::Duration;

const MONO: NonZeroU16 = NonZeroU16::new(1).unwrap();
const STEREO: NonZeroU16 = NonZeroU16::new(2).unwrap();
const HOUR: Duration = Duration::from_hours(1);

fn written(samples: &[i16], rate: SampleRate, channels: NonZeroU16) -> Vec<u8> {
    let mut writer = Writer::new(Cursor::new(Vec::new()), rate, channels).unwrap();
    writer.write(samples).unwrap();
    writer.finish().unwrap().into_inner()
}

/// As a writer leaves it that was killed.
fn unfinished(samples: &[i16]) -> Vec<u8> {
    let mut writer = Writer::new(Vec::new(), SampleRate::HZ_16000, MONO).unwrap();
    writer.write(samples).unwrap();
    writer.close().unwrap()
}

fn by_hound<S: hound::Sample + Copy>(bits: u16, format: SampleFormat, samples: &[S]) -> Vec<u8> {
    let mut file = Cursor::new(Vec::new());
    let spec = WavSpec {
        channels: 1,
        sample_rate: 16_000,
        bits_per_sample: bits,
        sample_format: format,
    };
    let mut writer = hound::WavWriter::new(&mut file, spec).unwrap();
    for &sample in samples {
        writer.write_sample(sample).unwrap();
    }
    writer.finalize().unwrap();
    file.into_inner()
}

/// A header by hand, then `body`.
fn raw(tag: u16, channels: u16, hz: u32, bits: u16, riff: u32, data: u32, body: &[u8]) -> Vec<u8> {
    let block = channels * bits / 8;
    let mut file = b"RIFF".to_vec();
    file.extend(riff.to_le_bytes());
    file.extend(b"WAVEfmt \x10\0\0\0");
    file.extend(tag.to_le_bytes());
    file.extend(channels.to_le_bytes());
    file.extend(hz.to_le_bytes());
    file.extend((hz * u32::from(block)).to_le_bytes());
    file.extend(block.to_le_bytes());
    file.extend(bits.to_le_bytes());
    file.extend(b"data");
    file.extend(data.to_le_bytes());
    file.extend(body);
    file
}

fn samples(file: &[u8]) -> Vec<i16> {
    let mut reader = Reader::new(file).unwrap();
    let mut got = Vec::new();
    while reader.read(100, &mut got).unwrap() > 0 {}
    got
}

fn error(file: &[u8]) -> String {
    Reader::new(file).unwrap_err().to_string()
}

#[test]
fn every_width_is_read() {
    let int = SampleFormat::Int;
    assert_eq!(
        samples(&by_hound(8, int, &[-128i8, 0, 127])),
        [-32_768, 0, 32_512]
    );
    assert_eq!(
        samples(&by_hound(16, int, &[i16::MIN, 0, 5])),
        [i16::MIN, 0, 5]
    );
    assert_eq!(
        samples(&by_hound(24, int, &[-8_388_608, 256, 8_388_607])),
        [i16::MIN, 1, i16::MAX]
    );
    assert_eq!(
        samples(&by_hound(32, int, &[i32::MIN, 65_536, i32::MAX])),
        [i16::MIN, 1, i16::MAX]
    );
    let float = SampleFormat::Float;
    assert_eq!(
        samples(&by_hound(32, float, &[-1.0f32, 0.5, 2.0])),
        [i16::MIN, 16_384, i16::MAX]
    );
}

#[test]
fn telephone_codecs_are_read() {
    let file = raw(7, 1, 8_000, 8, 0, 3, &[0xff, 0x80, 0x00]);
    assert_eq!(samples(&file), [0, 32_124, -32_124]);
    let file = raw(6, 1, 8_000, 8, 0, 2, &[0xd5, 0x55]);
    assert_eq!(samples(&file), [8, -8]);
}

#[test]
fn what_is_written_others_can_read() {
    let file = written(&[1, -2, 3, -4, 5], SampleRate::HZ_48000, STEREO);
    let mut reader = hound::WavReader::new(&file[..]).unwrap();
    assert_eq!(
        (reader.spec().channels, reader.spec().sample_rate),
        (2, 48_000)
    );
    let got: Vec<i16> = reader.samples().map(Result::unwrap).collect();
    assert_eq!(got, [1, -2, 3, -4, 5, 0], "the last frame is completed");
}

#[test]
fn sizes_from_pipes_mean_until_the_end() {
    for size in [0, u32::MAX, 0x7fff_f000] {
        for riff in [0, u32::MAX, 36, 0x7fff_f024] {
            let file = raw(1, 1, 16_000, 16, riff, size, &[1, 0, 2, 0, 3]);
            assert_eq!(samples(&file), [1, 2], "{size:x} in {riff:x}");
            assert_eq!(Reader::new(&file[..]).unwrap().duration(), None);
        }
    }
}

#[test]
fn an_endless_stream_is_read_as_it_comes() {
    let endless = unfinished(&[]);
    let mut reader = Reader::new(endless.chain(std::io::repeat(1))).unwrap();
    let mut got = Vec::new();
    assert_eq!(reader.read(320, &mut got).unwrap(), 320);
    assert_eq!(got, [0x0101; 320]);
    let sound = read_mono(
        unfinished(&[]).chain(std::io::repeat(1)),
        SampleRate::HZ_8000,
        Duration::from_secs(1),
    );
    let sound = sound.unwrap();
    assert_eq!((sound.samples.len(), sound.ending), (8_000, Ending::Limit));
}

#[test]
fn a_file_cut_short_yields_what_is_there_and_then_says_so() {
    let mut file = written(&[1, 2, 3, 4], SampleRate::HZ_16000, MONO);
    file.truncate(file.len() - 3);
    let mut reader = Reader::new(&file[..]).unwrap();
    let mut got = Vec::new();
    assert_eq!(reader.read(100, &mut got).unwrap(), 2);
    assert_eq!(got, [1, 2]);
    assert!(matches!(
        reader.read(100, &mut got),
        Err(WavError::Truncated { missing: 3 })
    ));
    assert_eq!(reader.read(100, &mut got).unwrap(), 0);
    let sound = read_mono(&file[..], SampleRate::HZ_16000, HOUR).unwrap();
    assert_eq!(
        (sound.samples, sound.ending),
        (vec![1, 2], Ending::Truncated)
    );
}

#[test]
fn what_follows_the_sound_is_not_sound() {
    let mut file = raw(1, 1, 16_000, 16, 50, 2, &[1, 0]);
    file.extend(b"LIST\x04\0\0\0abcd");
    assert_eq!(samples(&file), [1]);
    let mut empty = raw(1, 1, 16_000, 16, 48, 0, &[]);
    empty.extend(b"LIST\x04\0\0\0abcd");
    assert_eq!(samples(&empty), []);
}

#[test]
fn chunks_before_the_sound_are_skipped() {
    let mut file = written(&[7, 8], SampleRate::HZ_16000, MONO);
    file.splice(12..12, *b"LIST\x03\0\0\0abc\0");
    assert_eq!(samples(&file), [7, 8]);
}

#[test]
fn a_file_that_is_no_wav_is_named_with_a_remedy() {
    assert_eq!(error(b""), "the file is empty");
    for (head, name) in [
        (&b"ID3\x04\0\0"[..], "an MP3"),
        (b"\xff\xfb\x90\x64", "an MP3"),
        (b"\xff\xf1\x50\x80", "an AAC"),
        (b"OggS\0\x02", "an Ogg"),
        (b"fLaC\0\0", "a FLAC"),
        (b"\0\0\0\x20ftypM4A ", "an M4A"),
        (b"RIFF\0\0\0\0AVI ", "another kind of RIFF"),
        (b"{\"text\":", "something unknown"),
    ] {
        let error = error(head);
        assert!(
            error.starts_with(&format!("not a WAV file but {name}")),
            "{error}"
        );
        assert!(error.contains("ffmpeg -i in."), "{error}");
    }
}

#[test]
fn headers_that_cannot_be_used_are_refused_with_the_reason() {
    assert!(error(b"RIFF\0\0").contains("cut short"));
    assert!(error(&raw(0x11, 1, 8_000, 4, 0, 0, &[])).contains("IMA ADPCM"));
    assert!(error(&raw(1, 0, 8_000, 16, 0, 0, &[])).contains("no channels"));
    assert!(error(&raw(1, 1, 4_000, 16, 0, 0, &[])).contains("rate"));
    assert!(error(b"RIFF\0\0\0\0WAVEdata\0\0\0\0").contains("before its format"));
    assert!(error(b"RIFF\0\0\0\0WAVEjunk\xff\xff\xff\xff").contains("64 MiB"));
}

#[test]
fn a_dead_writers_file_is_mended_once() {
    let mut bytes = unfinished(&[1, 2, 3]);
    bytes.push(9);
    let mut file = Cursor::new(bytes);
    let mended = mend(&mut file).unwrap();
    assert_eq!(mended, Mended::Now(SampleRate::HZ_16000.duration_of(3)));
    assert_eq!(mend(&mut file).unwrap(), Mended::WasRight);
    file.set_position(0);
    let got: Vec<i16> = hound::WavReader::new(file)
        .unwrap()
        .samples()
        .map(Result::unwrap)
        .collect();
    assert_eq!(got, [1, 2, 3]);
}

#[test]
fn a_finished_file_needs_no_mending() {
    let bytes = written(&[1, 2, 3], SampleRate::HZ_16000, MONO);
    let mut file = Cursor::new(bytes.clone());
    assert_eq!(mend(&mut file).unwrap(), Mended::WasRight);
    assert_eq!(file.into_inner(), bytes);
}

#[test]
fn a_file_becomes_one_channel_at_the_rate_that_is_needed() {
    let file = written(&vec![1_000; 96_000], SampleRate::HZ_48000, STEREO);
    let sound = read_mono(&file[..], SampleRate::HZ_16000, HOUR).unwrap();
    assert_eq!(
        (sound.samples.len(), sound.ending),
        (16_000, Ending::Complete)
    );
    assert!(
        sound.samples[200..15_800]
            .iter()
            .all(|s| (999..=1_001).contains(s))
    );
}

proptest! {
    #[test]
    fn samples_survive_writing_and_reading(samples: Vec<i16>, hz in 8_000u32..=192_000, channels in 1u16..9) {
        let channels = NonZeroU16::new(channels).unwrap();
        let file = written(&samples, SampleRate::new(hz).unwrap(), channels);
        let mut reader = Reader::new(&file[..]).unwrap();
        prop_assert_eq!(reader.spec(), Spec { rate: SampleRate::new(hz).unwrap(), channels, encoding: Encoding::I16 });
        let mut got = Vec::new();
        while reader.read(7, &mut got).unwrap() > 0 {}
        prop_assert_eq!(&got[..samples.len()], &samples[..]);
        prop_assert_eq!(got.len(), samples.len().next_multiple_of(usize::from(channels.get())));
    }

    #[test]
    fn garbled_files_are_never_a_panic(
        at in 0usize..60, noise in prop::collection::vec(any::<u8>(), 0..40), cut in 0usize..80,
    ) {
        let mut file = written(&[5; 20], SampleRate::HZ_16000, MONO);
        for (index, byte) in noise.into_iter().enumerate() {
            if let Some(place) = file.get_mut(at + index) {
                *place = byte;
            }
        }
        file.truncate(file.len() - cut);
        let _ = read_mono(&file[..], SampleRate::HZ_8000, Duration::from_secs(1));
        let _ = mend(&mut Cursor::new(file));
    }
}
