//! `output_format`: how sound is coded on its way out.

use std::sync::Arc;

use audio::{Format, SampleRate};
use providers::mp3::{Channels, Mp3};

use super::mp3;
use crate::Problem;

/// The formats, as they are told to those who ask for another.
const KNOWN: &str = "mp3_22050_32, mp3_24000_48, mp3_44100_32, mp3_44100_64, mp3_44100_96, mp3_44100_128, mp3_44100_192, pcm_8000, pcm_16000, pcm_22050, pcm_24000, pcm_32000, pcm_44100, pcm_48000, wav_8000, wav_16000, wav_22050, wav_24000, wav_32000, wav_44100, wav_48000, ulaw_8000 and alaw_8000";
const MP3: [(u32, u32); 7] = [
    (22_050, 32),
    (24_000, 48),
    (44_100, 32),
    (44_100, 64),
    (44_100, 96),
    (44_100, 128),
    (44_100, 192),
];
const RATES: [u32; 7] = [8_000, 16_000, 22_050, 24_000, 32_000, 44_100, 48_000];
/// A frame of MP3 holds so many samples at the most; pieces are cut at multiples of it.
const FRAME: usize = 1_152;
/// Samples below this are silence: a good place to cut.
const QUIET: u16 = 200;

/// A format that was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Output {
    pub(crate) rate: SampleRate,
    coding: Coding,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Coding {
    Pcm,
    Telephone(Format),
    Wav,
    Mp3 { kbps: u32 },
}

impl Output {
    /// Reads a name. None: `mp3_44100_128`.
    pub(crate) fn parse(name: Option<&str>) -> Result<Self, Problem> {
        let name = name.unwrap_or("mp3_44100_128");
        let unknown = || {
            Problem::bad_format(format!(
                "The output format {name:?} is not to be had here; use {KNOWN}."
            ))
        };
        let mut parts = name.split('_');
        let codec = parts.next().unwrap_or_default();
        let hertz: u32 = parts
            .next()
            .and_then(|part| part.parse().ok())
            .ok_or_else(unknown)?;
        let kbps: Option<u32> = parts
            .next()
            .map(str::parse)
            .transpose()
            .map_err(|_| unknown())?;
        let coding = match (codec, kbps) {
            ("pcm", None) if RATES.contains(&hertz) => Coding::Pcm,
            ("wav", None) if RATES.contains(&hertz) => Coding::Wav,
            ("ulaw" | "alaw", None) => Coding::Telephone(name.parse().map_err(|_| unknown())?),
            ("mp3", Some(kbps)) if MP3.contains(&(hertz, kbps)) => Coding::Mp3 { kbps },
            _ => return Err(unknown()),
        };
        let rate = SampleRate::new(hertz).map_err(|_| unknown())?;
        Ok(Self { rate, coding })
    }

    /// The media type.
    pub(crate) fn media_type(self) -> &'static str {
        match self.coding {
            Coding::Pcm => "audio/pcm",
            Coding::Telephone(Format::Alaw8000) => "audio/alaw",
            Coding::Telephone(_) => "audio/basic",
            Coding::Wav => "audio/wav",
            Coding::Mp3 { .. } => "audio/mpeg",
        }
    }

    /// A coder for sound that comes in pieces. `whole`: nothing is needed before the end, and sizes can be told.
    pub(crate) fn coder(self, whole: bool, mp3: &Arc<dyn Mp3>) -> Coder {
        let output = match self.coding {
            Coding::Mp3 { kbps } => Self {
                coding: Coding::Mp3 {
                    kbps: kbps.max(mp3.least(self.rate)),
                },
                ..self
            },
            _ => self,
        };
        Coder {
            output,
            mp3: Arc::clone(mp3),
            whole,
            begun: false,
            waiting: Vec::new(),
        }
    }
}

/// What a coder is to do next.
pub(crate) enum Step {
    /// This sound follows.
    Push(Vec<i16>),
    /// What there is has to leave now.
    Flush,
    /// Nothing follows.
    Finish,
}

/// Codes sound.
pub(crate) struct Coder {
    output: Output,
    mp3: Arc<dyn Mp3>,
    whole: bool,
    begun: bool,
    waiting: Vec<i16>,
}

/// The coder failed; it says how.
pub(crate) type Coded = Result<Vec<u8>, Problem>;

impl Coder {
    /// Does a step, away from the threads that serve where it takes time.
    pub(crate) async fn step(mut self, step: Step) -> (Self, Coded) {
        let (output, mp3) = (self.output, Arc::clone(&self.mp3));
        let work = move || {
            let coded = match step {
                Step::Push(samples) => self.push(&samples),
                Step::Flush => self.flush(),
                Step::Finish => self.finish(),
            };
            (self, coded)
        };
        if !matches!(output.coding, Coding::Mp3 { .. }) {
            return work();
        }
        match tokio::task::spawn_blocking(work).await {
            Ok(done) => done,
            Err(error) => (output.coder(false, &mp3), Err(mp3::broken(&error))),
        }
    }

    /// How much sound waits to be coded.
    pub(crate) fn held(&self) -> std::time::Duration {
        self.output.rate.duration_of(self.waiting.len())
    }

    /// What can be sent after these samples.
    fn push(&mut self, samples: &[i16]) -> Coded {
        match self.output.coding {
            Coding::Pcm => Ok(pcm(samples)),
            Coding::Telephone(format) => Ok(format.encode(samples)),
            Coding::Wav if self.whole => {
                self.waiting.extend_from_slice(samples);
                Ok(Vec::new())
            }
            Coding::Wav => {
                // A stream has no size: players read the greatest one as "until the end".
                let mut bytes = if self.begun {
                    Vec::new()
                } else {
                    header(self.output.rate, None)
                };
                self.begun = true;
                bytes.extend(pcm(samples));
                Ok(bytes)
            }
            Coding::Mp3 { kbps } => {
                self.waiting.extend_from_slice(samples);
                let least = self.output.rate.hz() as usize / 2;
                if self.whole || self.waiting.len() < least {
                    return Ok(Vec::new());
                }
                match self.cut() {
                    Some(end) => {
                        let rest = self.waiting.split_off(end);
                        let piece = std::mem::replace(&mut self.waiting, rest);
                        self.coded(&piece, kbps)
                    }
                    None => Ok(Vec::new()),
                }
            }
        }
    }

    /// What is left.
    fn finish(&mut self) -> Coded {
        let waiting = std::mem::take(&mut self.waiting);
        match self.output.coding {
            Coding::Pcm | Coding::Telephone(_) => Ok(Vec::new()),
            Coding::Wav if self.whole => {
                let sound = pcm(&waiting);
                let mut bytes = header(self.output.rate, Some(sound.len()));
                bytes.extend(sound);
                Ok(bytes)
            }
            Coding::Wav if self.begun => Ok(Vec::new()),
            Coding::Wav => Ok(header(self.output.rate, None)),
            Coding::Mp3 { kbps } => self.coded(&waiting, kbps),
        }
    }

    /// A piece of MP3 that stands for itself: pieces can be put one behind the other.
    fn coded(&self, samples: &[i16], kbps: u32) -> Coded {
        let rate = self.output.rate;
        self.mp3
            .encode(samples, rate, Channels::Mono, kbps)
            .map_err(|error| mp3::broken(&error))
    }

    /// What is sent for sound that has to leave now: a whole piece for itself.
    fn flush(&mut self) -> Coded {
        match self.output.coding {
            Coding::Mp3 { kbps } => {
                let waiting = std::mem::take(&mut self.waiting);
                self.coded(&waiting, kbps)
            }
            _ => Ok(Vec::new()),
        }
    }

    /// Where the waiting sound may be cut: at the end of a frame within silence, late rather than early.
    fn cut(&self) -> Option<usize> {
        let frames = self.waiting.len() / FRAME;
        let longest = self.output.rate.hz() as usize * 8 / FRAME;
        (8..=frames)
            .rev()
            .map(|frame| frame * FRAME)
            .find(|end| {
                self.waiting[end - FRAME..*end]
                    .iter()
                    .all(|sample| sample.unsigned_abs() < QUIET)
            })
            .or_else(|| (frames >= longest).then_some(frames * FRAME))
    }
}

fn pcm(samples: &[i16]) -> Vec<u8> {
    samples
        .iter()
        .flat_map(|sample| sample.to_le_bytes())
        .collect()
}

/// The head of a WAV file of mono 16-bit sound. None: a stream of unknown length.
fn header(rate: SampleRate, bytes: Option<usize>) -> Vec<u8> {
    let size = bytes.and_then(|bytes| u32::try_from(bytes).ok());
    let hertz = rate.hz();
    let mut head = Vec::with_capacity(44);
    head.extend(b"RIFF");
    head.extend(
        size.map_or(u32::MAX, |size| size.saturating_add(36))
            .to_le_bytes(),
    );
    head.extend(b"WAVEfmt ");
    head.extend(16_u32.to_le_bytes());
    head.extend(1_u16.to_le_bytes());
    head.extend(1_u16.to_le_bytes());
    head.extend(hertz.to_le_bytes());
    head.extend((hertz * 2).to_le_bytes());
    head.extend(2_u16.to_le_bytes());
    head.extend(16_u16.to_le_bytes());
    head.extend(b"data");
    head.extend(size.unwrap_or(u32::MAX).to_le_bytes());
    head
}

#[cfg(test)]
mod tests {
    use super::*;

    fn built_in() -> Arc<dyn Mp3> {
        Arc::new(mp3::BuiltIn)
    }

    #[test]
    fn formats_are_known_by_name_and_others_are_refused_with_a_list() {
        for name in KNOWN.replace(" and ", ", ").split(", ") {
            assert!(Output::parse(Some(name)).is_ok(), "{name}");
        }
        for name in [
            "opus_48000_64",
            "mp3_44100",
            "mp3_44100_320",
            "pcm_11025",
            "ulaw_16000",
            "wav",
            "pcm_16000_2",
        ] {
            let problem = Output::parse(Some(name)).unwrap_err();
            assert!(problem.message().contains("mp3_44100_128"), "{name}");
        }
    }

    #[test]
    fn a_piece_of_mp3_is_made_of_whole_frames() {
        let output = Output::parse(None).unwrap();
        let sound: Vec<i16> = (0..44_100)
            .map(|at| ((at as f32 * 0.1).sin() * 8_000.0) as i16)
            .chain(std::iter::repeat_n(0, 44_100))
            .collect();
        let mut coder = output.coder(false, &built_in());
        let mut bytes = coder.push(&sound).unwrap();
        assert!(!bytes.is_empty(), "sound leaves before the end");
        bytes.extend(coder.finish().unwrap());
        // 128 kbit/s at 44.1 kHz: frames of 417 or 418 bytes, each beginning with eleven ones.
        let (mut at, mut frames) = (0, 0);
        while at < bytes.len() {
            assert_eq!((bytes[at], bytes[at + 1] & 0xe0), (0xff, 0xe0), "at {at}");
            let padding = usize::from(bytes[at + 2] >> 1 & 1);
            at += 417 + padding;
            frames += 1;
        }
        assert_eq!(at, bytes.len());
        assert!(frames >= 88_200 / FRAME, "{frames}");
    }

    #[test]
    fn wav_tells_its_size_where_it_is_known() {
        let output = Output::parse(Some("wav_8000")).unwrap();
        let mut coder = output.coder(true, &built_in());
        assert!(coder.push(&[1, 2, 3]).unwrap().is_empty());
        let bytes = coder.finish().unwrap();
        assert_eq!(
            (bytes.len(), &bytes[40..44]),
            (50, &6_u32.to_le_bytes()[..])
        );
        let mut coder = output.coder(false, &built_in());
        assert_eq!(coder.push(&[1]).unwrap().len(), 46);
        assert_eq!(coder.push(&[1]).unwrap().len(), 2);
    }
}
