//! Recordings as others want them.

use std::{
    io::{self, Cursor},
    path::Path,
    time::Duration,
};

use audio::{Resampler, SampleRate, wav::Reader};
use providers::mp3::{Channels, Mp3};

use super::{Records, mend_recording};

const RATE: SampleRate = SampleRate::HZ_44100;
/// For each channel, where the encoder can do with so little.
const KBPS: u32 = 64;
/// How much is read at a time.
const FRAMES: usize = 16_000;

impl Records {
    /// A recording as MP3, one channel for each party where there are two. A few are coded at a time.
    pub(crate) async fn mp3(&self, path: &Path) -> io::Result<Vec<u8>> {
        let wav = recording(path).await?;
        let _place = self
            .shared
            .coding
            .acquire()
            .await
            .map_err(io::Error::other)?;
        let mp3 = self.mp3_encoder();
        tokio::task::spawn_blocking(move || encode(wav, &*mp3))
            .await
            .map_err(io::Error::other)?
    }
}

fn encode(wav: Vec<u8>, mp3: &dyn Mp3) -> io::Result<Vec<u8>> {
    let mut reader = Reader::new(Cursor::new(wav)).map_err(io::Error::other)?;
    let spec = reader.spec();
    let two = spec.channels.get() == 2;
    let channels = if two { 2 } else { 1 };
    let mut resamplers: Vec<_> = (0..channels)
        .map(|_| Resampler::new(spec.rate, RATE))
        .collect();
    let (mut sound, mut read) = (Vec::new(), Vec::new());
    loop {
        read.clear();
        let more = if two {
            reader.read(FRAMES, &mut read)
        } else {
            reader.read_mono(FRAMES, &mut read)
        };
        let more = more.map_err(io::Error::other)? > 0;
        let parts: Vec<Vec<i16>> = resamplers
            .iter_mut()
            .enumerate()
            .map(|(at, resampler)| {
                let channel: Vec<i16> = read.iter().skip(at).step_by(channels).copied().collect();
                let mut part = resampler.push(&channel);
                if !more {
                    part.extend(resampler.flush());
                }
                part
            })
            .collect();
        let frames = parts.iter().map(Vec::len).min().unwrap_or(0);
        sound.extend((0..frames).flat_map(|at| parts.iter().map(move |part| part[at])));
        if !more {
            break;
        }
    }
    let channels = if two { Channels::Two } else { Channels::Mono };
    let kbps = KBPS.max(mp3.least(RATE)) * channels.count();
    mp3.encode(&sound, RATE, channels, kbps)
        .map_err(io::Error::other)
}

/// The bytes of a recording. The end of a conversation is told a moment before its file is finished.
pub(crate) async fn recording(path: &Path) -> io::Result<Vec<u8>> {
    for _ in 0..50 {
        let bytes = tokio::fs::read(path).await?;
        if is_whole(&bytes) {
            return Ok(bytes);
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    // Nobody finishes it any more: its process died.
    let place = path.to_owned();
    tokio::task::spawn_blocking(move || mend_recording(&place))
        .await
        .map_err(io::Error::other)??;
    tokio::fs::read(path).await
}

/// Whether a WAV is as long as its header says.
fn is_whole(bytes: &[u8]) -> bool {
    let length = bytes.get(4..8).and_then(|length| length.try_into().ok());
    length.is_some_and(|length| u32::from_le_bytes(length) as usize + 8 == bytes.len())
}
