//! Opening hardware streams: whatever the device offers comes and goes as interleaved or mono 16-bit samples.
//!
//! Callbacks run on the sound system's thread. They neither allocate nor lock nor log: they move samples through ring
//! buffers and count what happened.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use cpal::{
    BufferSize, Device, FromSample, Sample, SampleFormat, SizedSample, Stream, StreamConfig,
    SupportedBufferSize, SupportedStreamConfig,
    traits::{DeviceTrait, StreamTrait},
};
use rtrb::{Consumer, Producer};

use crate::{DeviceError, Direction, list::name};

/// How much a callback brings, as a part of a second: 1/50 s is 960 frames at 48 kHz.
const CAPTURES_PER_SECOND: u32 = 50;

/// How much a callback asks for, as a part of a second. Sound servers hold two of these: 80 ms bridge a busy machine, and
/// are what still sounds after a stop.
const PLAYS_PER_SECOND: u32 = 25;

/// How long a fade is, against clicks, as a part of a second: 5 ms.
const FADES_PER_SECOND: u32 = 200;

/// What a callback and its supervisor share.
#[derive(Debug, Default)]
pub(crate) struct Shared {
    /// Callbacks so far.
    pub(crate) callbacks: AtomicU64,
    /// Samples that did not fit or were not there in time.
    pub(crate) slips: AtomicU64,
    /// The stream reported an error that it does not recover from.
    pub(crate) failed: AtomicBool,
    /// Speaker: samples taken from the ring and given to the device.
    pub(crate) consumed: AtomicU64,
    /// Speaker: how far ahead of the ear the last callback wrote, in samples.
    pub(crate) ahead: AtomicU64,
    /// Speaker: how many samples the last callbacks asked for at once, at the most. Forgets slowly.
    pub(crate) block: AtomicU64,
    /// Speaker: while set, silence is played and nothing is taken from the ring.
    pub(crate) paused: AtomicBool,
    /// Speaker: raised by one to have the ring emptied.
    pub(crate) flush: AtomicU32,
    /// Speaker: the last value of `flush` that was obeyed.
    pub(crate) flushed: AtomicU32,
}

/// A stream that is running.
pub(crate) struct Running {
    /// Dropping it closes the device.
    _stream: Stream,
    pub(crate) shared: Arc<Shared>,
    pub(crate) channels: usize,
}

/// Starts capturing; interleaved samples of all channels go into `ring`.
pub(crate) fn capture(device: &Device, ring: Producer<i16>) -> Result<Running, DeviceError> {
    let config = usable(device, Direction::Microphone)?;
    let shared = Arc::new(Shared::default());
    let stream = match config.sample_format() {
        SampleFormat::I8 => build_capture::<i8>(device, &config, ring, &shared),
        SampleFormat::I16 => build_capture::<i16>(device, &config, ring, &shared),
        SampleFormat::I24 => build_capture::<cpal::I24>(device, &config, ring, &shared),
        SampleFormat::I32 => build_capture::<i32>(device, &config, ring, &shared),
        SampleFormat::U8 => build_capture::<u8>(device, &config, ring, &shared),
        SampleFormat::U16 => build_capture::<u16>(device, &config, ring, &shared),
        SampleFormat::U32 => build_capture::<u32>(device, &config, ring, &shared),
        SampleFormat::F32 => build_capture::<f32>(device, &config, ring, &shared),
        SampleFormat::F64 => build_capture::<f64>(device, &config, ring, &shared),
        other => return Err(unusable(device, format!("its samples are {other}"))),
    };
    run(device, stream, shared, &config)
}

/// Starts playing the mono samples of `ring` on all channels; what was really played, silence included, goes into
/// `reference`.
pub(crate) fn play(
    device: &Device,
    config: &SupportedStreamConfig,
    ring: Consumer<i16>,
    reference: Producer<i16>,
) -> Result<Running, DeviceError> {
    let shared = Arc::new(Shared::default());
    let stream = match config.sample_format() {
        SampleFormat::I8 => build_play::<i8>(device, config, ring, reference, &shared),
        SampleFormat::I16 => build_play::<i16>(device, config, ring, reference, &shared),
        SampleFormat::I24 => build_play::<cpal::I24>(device, config, ring, reference, &shared),
        SampleFormat::I32 => build_play::<i32>(device, config, ring, reference, &shared),
        SampleFormat::U8 => build_play::<u8>(device, config, ring, reference, &shared),
        SampleFormat::U16 => build_play::<u16>(device, config, ring, reference, &shared),
        SampleFormat::U32 => build_play::<u32>(device, config, ring, reference, &shared),
        SampleFormat::F32 => build_play::<f32>(device, config, ring, reference, &shared),
        SampleFormat::F64 => build_play::<f64>(device, config, ring, reference, &shared),
        other => return Err(unusable(device, format!("its samples are {other}"))),
    };
    run(device, stream, shared, config)
}

fn run(
    device: &Device,
    stream: Result<Stream, cpal::Error>,
    shared: Arc<Shared>,
    config: &SupportedStreamConfig,
) -> Result<Running, DeviceError> {
    let error = |error: cpal::Error| DeviceError::from_cpal(&name(device), &error);
    let stream = stream.map_err(error)?;
    stream.play().map_err(error)?;
    Ok(Running {
        _stream: stream,
        shared,
        channels: usize::from(config.channels()),
    })
}

/// Whether a stream comes to life, for which it has a second. Sound systems open streams of a suspended device as well.
pub(crate) fn wakes(shared: &Shared) -> bool {
    calls_beyond(shared, 0, Duration::from_secs(1))
}

/// Whether a speaker that has come to life goes on: for a suspended one, sound systems ask once to fill their buffer. They
/// may ask for seconds of sound at once.
pub(crate) fn goes_on(shared: &Shared) -> bool {
    if !wakes(shared) {
        return false;
    }
    thread::sleep(Duration::from_millis(200));
    let filled = shared.callbacks.load(Ordering::Relaxed);
    calls_beyond(shared, filled, Duration::from_secs(3))
}

fn calls_beyond(shared: &Shared, known: u64, patience: Duration) -> bool {
    let deadline = Instant::now() + patience;
    while shared.callbacks.load(Ordering::Relaxed) <= known {
        if Instant::now() >= deadline {
            return false;
        }
        thread::sleep(Duration::from_millis(5));
    }
    true
}

/// The configuration to run `device` at: its own default where it has one, else the nearest to 48 kHz with few channels.
pub(crate) fn usable(
    device: &Device,
    direction: Direction,
) -> Result<SupportedStreamConfig, DeviceError> {
    let default = match direction {
        Direction::Microphone => device.default_input_config(),
        Direction::Speaker => device.default_output_config(),
    };
    let error = match default {
        Ok(config) => return Ok(config),
        Err(error) => error,
    };
    let ranges: Vec<_> = match direction {
        Direction::Microphone => device.supported_input_configs().map(Iterator::collect),
        Direction::Speaker => device.supported_output_configs().map(Iterator::collect),
    }
    .unwrap_or_default();
    ranges
        .into_iter()
        .map(|range| {
            let rate = 48_000.clamp(range.min_sample_rate(), range.max_sample_rate());
            range.with_sample_rate(rate)
        })
        .min_by_key(|config| (config.sample_rate().abs_diff(48_000), config.channels()))
        .ok_or_else(|| DeviceError::from_cpal(&name(device), &error))
}

fn unusable(device: &Device, reason: String) -> DeviceError {
    DeviceError::Unsupported {
        device: name(device),
        reason,
    }
}

fn stream_config(config: &SupportedStreamConfig, per_second: u32) -> StreamConfig {
    let wanted = config.sample_rate() / per_second;
    let buffer_size = match config.buffer_size() {
        SupportedBufferSize::Range { min, max } => BufferSize::Fixed(wanted.clamp(*min, *max)),
        SupportedBufferSize::Unknown => BufferSize::Default,
    };
    StreamConfig {
        buffer_size,
        ..config.config()
    }
}

fn build_capture<T>(
    device: &Device,
    config: &SupportedStreamConfig,
    mut ring: Producer<i16>,
    shared: &Arc<Shared>,
) -> Result<Stream, cpal::Error>
where
    T: SizedSample,
    i16: FromSample<T>,
{
    let channels = usize::from(config.channels()).max(1);
    let counters = Arc::clone(shared);
    device.build_input_stream(
        stream_config(config, CAPTURES_PER_SECOND),
        move |samples: &[T], _| {
            counters.callbacks.fetch_add(1, Ordering::Relaxed);
            // Whole frames only, so that the channels never change places.
            let room = ring.slots() / channels * channels;
            let taken = samples.len().min(room);
            if taken < samples.len() {
                let lost = (samples.len() - taken) / channels;
                counters.slips.fetch_add(lost as u64, Ordering::Relaxed);
            }
            for sample in &samples[..taken] {
                // There is room: it was asked for above.
                let _ = ring.push(i16::from_sample(*sample));
            }
        },
        on_error(shared),
        None,
    )
}

fn build_play<T>(
    device: &Device,
    config: &SupportedStreamConfig,
    mut ring: Consumer<i16>,
    mut reference: Producer<i16>,
    shared: &Arc<Shared>,
) -> Result<Stream, cpal::Error>
where
    T: SizedSample + FromSample<i16>,
{
    let channels = usize::from(config.channels()).max(1);
    let rate = config.sample_rate();
    let counters = Arc::clone(shared);
    let mut fader = Fader::new((rate / FADES_PER_SECOND).max(1));
    device.build_output_stream(
        stream_config(config, PLAYS_PER_SECOND),
        move |output: &mut [T], info| {
            counters.callbacks.fetch_add(1, Ordering::Relaxed);
            let stamp = info.timestamp();
            let lead = stamp.playback.saturating_duration_since(stamp.callback);
            let ahead = lead.as_micros() as u64 * u64::from(rate) / 1_000_000;
            counters.ahead.store(ahead, Ordering::Relaxed);

            let asked = (output.len() / channels) as u64;
            let known = counters.block.load(Ordering::Relaxed);
            counters
                .block
                .store(asked.max(known - known / 64), Ordering::Relaxed);

            let flush = counters.flush.load(Ordering::Acquire);
            let flushing = flush != counters.flushed.load(Ordering::Relaxed);
            let paused = counters.paused.load(Ordering::Acquire);
            let mut consumed = 0;
            for frame in output.chunks_mut(channels) {
                let sample = fader.next(flushing || paused, || {
                    let sample = ring.pop().ok();
                    consumed += u64::from(sample.is_some());
                    sample
                });
                frame.fill(T::from_sample(sample));
                // A full reference means that nobody cancels echo: losing it is right.
                let _ = reference.push(sample);
            }
            if flushing && fader.is_silent() {
                while ring.pop().is_ok() {}
                counters.flushed.store(flush, Ordering::Release);
            }
            counters.consumed.fetch_add(consumed, Ordering::Release);
        },
        on_error(shared),
        None,
    )
}

fn on_error(shared: &Arc<Shared>) -> impl FnMut(cpal::Error) + Send + 'static {
    let shared = Arc::clone(shared);
    move |error| match error.kind() {
        // The stream goes on by itself after these.
        cpal::ErrorKind::DeviceChanged
        | cpal::ErrorKind::RealtimeDenied
        | cpal::ErrorKind::Xrun => {
            shared.slips.fetch_add(1, Ordering::Relaxed);
        }
        _ => shared.failed.store(true, Ordering::Release),
    }
}

/// Fades the sound out when it is to stop, and in when it comes back. While faded out, nothing is taken.
#[derive(Debug)]
pub(crate) struct Fader {
    steps: u32,
    gain: u32,
    last: i16,
}

impl Fader {
    pub(crate) fn new(steps: u32) -> Self {
        Self {
            steps,
            gain: steps,
            last: 0,
        }
    }

    pub(crate) fn is_silent(&self) -> bool {
        self.gain == 0
    }

    /// The next sample to play. `take` gives the next one of the sound, where there is one.
    pub(crate) fn next(&mut self, quiet: bool, take: impl FnOnce() -> Option<i16>) -> i16 {
        if quiet {
            if self.gain == 0 {
                return 0;
            }
            self.gain -= 1;
        } else if self.gain < self.steps {
            self.gain += 1;
        }
        let sample = take().unwrap_or_else(|| {
            // Nothing there: let the last sample die away instead of breaking off.
            (i32::from(self.last) * 7 / 8) as i16
        });
        self.last = sample;
        (i64::from(sample) * i64::from(self.gain) / i64::from(self.steps)) as i16
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pause_fades_out_and_takes_nothing_more() {
        let mut fader = Fader::new(4);
        let mut taken = 0;
        let played: Vec<i16> = (0..8)
            .map(|_| {
                fader.next(true, || {
                    taken += 1;
                    Some(1_000)
                })
            })
            .collect();
        assert_eq!(played, [750, 500, 250, 0, 0, 0, 0, 0]);
        assert_eq!(taken, 4);
        assert!(fader.is_silent());
    }

    #[test]
    fn sound_comes_back_by_a_fade() {
        let mut fader = Fader::new(2);
        for _ in 0..3 {
            fader.next(true, || Some(100));
        }
        assert_eq!(fader.next(false, || Some(100)), 50);
        assert_eq!(fader.next(false, || Some(100)), 100);
    }

    #[test]
    fn an_underrun_dies_away() {
        let mut fader = Fader::new(1);
        fader.next(false, || Some(8_000));
        let first = fader.next(false, || None);
        let second = fader.next(false, || None);
        assert!(first > second && second > 0);
    }
}
