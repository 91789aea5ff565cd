//! Files of sound that somebody sends.

use std::{io::Cursor, num::NonZeroU16, time::Duration};

use audio::{Resampler, SampleRate, frame, wav};
use symphonia::core::{
    codecs::audio::AudioDecoderOptions,
    errors::Error,
    formats::{FormatOptions, TrackType, probe::Hint},
    io::{MediaSourceStream, MediaSourceStreamOptions},
    meta::MetadataOptions,
};

/// What is understood, for people.
pub(crate) const KINDS: &str = "WAV, MP3, FLAC, Ogg Vorbis and M4A (AAC)";

/// A whole file as one channel at `rate`, up to `longest` of it.
///
/// # Errors
/// In words, what is wrong with it.
pub(crate) fn read(
    bytes: Vec<u8>,
    rate: SampleRate,
    longest: Duration,
) -> Result<Vec<i16>, String> {
    let samples = if bytes.starts_with(b"RIFF") {
        let sound = wav::read_mono(Cursor::new(bytes), rate, longest);
        sound.map_err(|error| error.to_string())?.samples
    } else {
        decode(bytes, rate, longest).map_err(|error| match error {
            Error::Unsupported(_) => format!("it is none of {KINDS}"),
            error => error.to_string(),
        })?
    };
    if samples.is_empty() {
        return Err("there is no sound in it".to_owned());
    }
    Ok(samples)
}

fn decode(bytes: Vec<u8>, rate: SampleRate, longest: Duration) -> Result<Vec<i16>, Error> {
    let stream = MediaSourceStream::new(
        Box::new(Cursor::new(bytes)),
        MediaSourceStreamOptions::default(),
    );
    let mut format = symphonia::default::get_probe().probe(
        &Hint::new(),
        stream,
        FormatOptions::default(),
        MetadataOptions::default(),
    )?;
    let none = Error::Unsupported("no track of sound");
    let track = format.default_track(TrackType::Audio).ok_or(none)?;
    let id = track.id;
    let codec = track.codec_params.as_ref().and_then(|codec| codec.audio());
    let codec = codec.ok_or(Error::Unsupported("no codec of sound"))?;
    let mut decoder = symphonia::default::get_codecs()
        .make_audio_decoder(codec, &AudioDecoderOptions::default())?;
    let most = rate.samples_in(longest);
    let (mut samples, mut interleaved, mut mono) = (Vec::new(), Vec::<i16>::new(), Vec::new());
    let mut resampler: Option<(SampleRate, Resampler)> = None;
    // What follows a torn packet may be whole; what follows a torn file is not.
    while let Ok(Some(packet)) = format.next_packet() {
        if packet.track_id != id || samples.len() >= most {
            continue;
        }
        let sound = match decoder.decode(&packet) {
            Ok(sound) => sound,
            Err(Error::DecodeError(_)) => continue,
            Err(_) => break,
        };
        let own = SampleRate::new(sound.spec().rate()).ok();
        let channels = u16::try_from(sound.spec().channels().count());
        let channels = channels.ok().and_then(NonZeroU16::new);
        let (Some(own), Some(channels)) = (own, channels) else {
            break;
        };
        interleaved.clear();
        sound.copy_to_vec_interleaved(&mut interleaved);
        mono.clear();
        frame::downmix_into(&interleaved, channels, &mut mono);
        let resampler = match &mut resampler {
            Some((known, resampler)) if *known == own => resampler,
            other => {
                if let Some((_, mut before)) = other.take() {
                    samples.extend(before.flush());
                }
                &mut other.insert((own, Resampler::new(own, rate))).1
            }
        };
        resampler.push_into(&mono, &mut samples);
    }
    if let Some((_, mut resampler)) = resampler {
        samples.extend(resampler.flush());
    }
    samples.truncate(most);
    Ok(samples)
}

#[cfg(test)]
mod tests {
    use providers::mp3::{Channels, Mp3 as _};

    use super::*;
    use crate::speech::mp3::BuiltIn;

    const HOUR: Duration = Duration::from_hours(1);

    /// A second of 440 Hz.
    fn tone(rate: SampleRate) -> Vec<i16> {
        let step = 440.0 * std::f64::consts::TAU / f64::from(rate.hz());
        (0..rate.hz())
            .map(|at| ((f64::from(at) * step).sin() * 8_000.0) as i16)
            .collect()
    }

    fn encoded(rate: SampleRate) -> Vec<u8> {
        BuiltIn
            .encode(&tone(rate), rate, Channels::Mono, 128)
            .unwrap()
    }

    /// How often the samples cross zero on their way up.
    fn crossings(samples: &[i16]) -> usize {
        samples
            .windows(2)
            .filter(|pair| pair[0] < 0 && pair[1] >= 0)
            .count()
    }

    #[test]
    fn an_mp3_sounds_as_it_did() {
        let samples = read(encoded(SampleRate::HZ_44100), SampleRate::HZ_16000, HOUR).unwrap();
        assert!(
            (15_500..18_500).contains(&samples.len()),
            "{}",
            samples.len()
        );
        let cycles = crossings(&samples[2_000..10_000]);
        assert!(
            (215..=225).contains(&cycles),
            "{cycles} in half a second of 440 Hz"
        );
    }

    #[test]
    fn an_mp3_that_is_cut_short_is_read_as_far_as_it_goes() {
        let mut bytes = encoded(SampleRate::HZ_44100);
        bytes.truncate(bytes.len() / 2);
        let samples = read(bytes, SampleRate::HZ_16000, HOUR).unwrap();
        assert!(
            (6_000..10_000).contains(&samples.len()),
            "{}",
            samples.len()
        );
    }

    #[test]
    fn no_more_is_read_than_the_longest() {
        let limit = Duration::from_millis(250);
        let samples = read(encoded(SampleRate::HZ_44100), SampleRate::HZ_16000, limit).unwrap();
        assert_eq!(samples.len(), 4_000);
    }

    #[test]
    fn what_is_no_sound_is_refused_in_words() {
        for bytes in [
            &b""[..],
            b"hello",
            b"RIFF",
            &[0; 5_000],
            &[0xff; 5_000],
            b"fLaC",
            b"OggS",
        ] {
            let words = read(bytes.to_vec(), SampleRate::HZ_16000, HOUR).unwrap_err();
            assert!(!words.is_empty());
        }
    }
}
