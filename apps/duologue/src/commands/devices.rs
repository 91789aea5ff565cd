//! `duologue devices`: what can be heard and spoken through, and whether it works.

use std::{
    f32::consts::TAU,
    time::{Duration, Instant},
};

use audio::{Level, SampleRate};
use devices::{
    DeviceInfo, Direction, Microphone, MicrophoneEvent, MicrophoneSettings, Speaker,
    SpeakerSettings, list,
};
use serde_json::json;
use tokio::time::timeout;

use crate::{
    Context,
    cli::Devices,
    out::Out,
    problem::{Outcome, Problem},
};

const RATE: SampleRate = SampleRate::HZ_16000;
/// The tone of the test: high enough to be told from hum, low enough for a telephone.
const TONE_HZ: f32 = 1_000.0;
const TONE: Duration = Duration::from_millis(600);
/// Where the sound system's buffers stand when a tone is played is chance: one is no measure.
const TONES: u64 = 3;
/// What 16 bits show of silence, in dBFS.
const NOTHING: f32 = -96.0;
/// How long the room is listened to before the tone.
const QUIET: Duration = Duration::from_millis(500);
/// How long the tone may take from the speaker to the microphone.
const PATIENCE: Duration = Duration::from_secs(2);
/// A slice of sound is the tone when so much of its energy is.
const SHARE: f32 = 0.5;
/// Slices of 5 ms: the round trip is known to that much.
const SLICE: usize = 80;

/// Lists the devices, or tests two of them.
pub(crate) async fn run(context: &Context, arguments: &Devices) -> Outcome<()> {
    let devices = list()
        .map_err(|error| Problem::failure("could not list the sound devices").because(error))?;
    show(context.out, &devices)?;
    if arguments.test {
        Box::pin(test(context.out, arguments)).await?;
    }
    Ok(())
}

fn show(out: Out, devices: &[DeviceInfo]) -> Outcome<()> {
    for direction in [Direction::Microphone, Direction::Speaker] {
        let these = devices
            .iter()
            .filter(|device| device.direction == direction);
        let mut any = false;
        out.line(format!("{direction}s:"))?;
        for device in these {
            any = true;
            out.line(format!(
                "{} {} ({}), {} Hz, {} channel{}, {}{}",
                if device.is_default { " *" } else { "  " },
                device.name,
                device.id,
                device.rate,
                device.channels,
                if device.channels == 1 { "" } else { "s" },
                device.format,
                if device.is_monitor {
                    ", hears what a speaker plays"
                } else {
                    ""
                },
            ))?;
            out.object(&json!({
                "type": direction.to_string(), "id": device.id, "name": device.name, "default": device.is_default,
                "monitor": device.is_monitor, "rate": device.rate, "channels": device.channels, "format": device.format,
            }))?;
        }
        if !any {
            out.line("   none")?;
        }
    }
    out.line("* is used unless --device-in or --device-out names another. Test them: duologue devices --test")
}

/// What the test found.
struct Found {
    quiet: Level,
    loudest: Level,
    /// Of those tones that were heard, shortest first.
    round_trips: Vec<Duration>,
}

impl Found {
    /// The middle one.
    fn round_trip(&self) -> Option<Duration> {
        self.round_trips.get(self.round_trips.len() / 2).copied()
    }
}

async fn test(out: Out, arguments: &Devices) -> Outcome<()> {
    let refused =
        |error: devices::DeviceError| Problem::failure("the test did not begin").because(error);
    let speaker = Speaker::open(SpeakerSettings {
        device: arguments.device_out.clone(),
    })
    .await
    .map_err(refused)?;
    let settings = MicrophoneSettings {
        device: arguments.device_in.clone(),
        ..MicrophoneSettings::default()
    };
    let mut microphone = Microphone::open(settings, None).await.map_err(refused)?;
    out.line(format!(
        "\n{TONES} tones of {} ms go out of {} and are listened for at {}",
        TONE.as_millis(),
        speaker.device(),
        microphone.device()
    ))?;
    let found = timeout(Duration::from_secs(20), listen(&speaker, &mut microphone))
        .await
        .map_err(|_| {
            Problem::failure("the microphone gives no sound")
                .because("nothing came for twenty seconds")
                .fix("choose another: duologue devices --test --device-in NAME")
        })?;
    out.line(format!(
        "level in: {:.0} dBFS before the tone, {:.0} dBFS at its loudest",
        found.quiet.rms.decibels().max(NOTHING),
        found.loudest.rms.decibels().max(NOTHING)
    ))?;
    out.object(&json!({
        "type": "test", "quiet_dbfs": found.quiet.rms.decibels(), "loudest_dbfs": found.loudest.rms.decibels(),
        "round_trip_ms": found.round_trip().map(|time| time.as_millis() as u64),
    }))?;
    match (found.round_trip(), found.round_trips.as_slice()) {
        (Some(middle), [first, .., last]) => out.line(format!(
            "round trip: {} ms ({} to {})",
            middle.as_millis(),
            first.as_millis(),
            last.as_millis()
        )),
        (Some(time), _) => out.line(format!("round trip: {} ms", time.as_millis())),
        (None, _) => out.line(
            "no tone was heard: with a headset that is right; otherwise turn the volume up, or choose other devices",
        ),
    }
}

async fn listen(speaker: &Speaker, microphone: &mut Microphone) -> Found {
    let mut quiet = Vec::new();
    while quiet.len() < RATE.samples_in(QUIET) {
        match microphone.next().await {
            Some(MicrophoneEvent::Frame(frame)) => quiet.extend(frame.samples),
            Some(_) => {}
            None => break,
        }
    }
    let tone: Vec<i16> = (0..RATE.samples_in(TONE))
        .map(|at| ((at as f32 * TONE_HZ * TAU / RATE.hz() as f32).sin() * 8_000.0) as i16)
        .collect();
    let mut found = Found {
        quiet: Level::of(&quiet),
        loudest: Level::SILENCE,
        round_trips: Vec::new(),
    };
    for number in 1..=TONES {
        let played = Instant::now();
        speaker.play(number, RATE, tone.clone()).await;
        let mut after = Vec::new();
        // The first frame began before the tone was played.
        let mut before = Duration::ZERO;
        while after.len() < RATE.samples_in(PATIENCE) {
            match microphone.next().await {
                Some(MicrophoneEvent::Frame(frame)) => {
                    if after.is_empty() {
                        let length = RATE.duration_of(frame.samples.len());
                        before = length.saturating_sub(played.elapsed());
                    }
                    after.extend(frame.samples);
                }
                Some(_) => {}
                None => break,
            }
        }
        let onset = after
            .chunks(SLICE)
            .position(|slice| share_of_tone(slice) > SHARE)
            .map(|slice| RATE.duration_of(slice * SLICE).saturating_sub(before));
        found.round_trips.extend(onset);
        found.loudest = after
            .chunks(SLICE * 4)
            .map(Level::of)
            .chain([found.loudest])
            .max_by(|a, b| a.rms.decibels().total_cmp(&b.rms.decibels()))
            .unwrap_or(Level::SILENCE);
    }
    found.round_trips.sort_unstable();
    found
}

/// How much of the energy of `samples` is the tone's, 0 to 1; zero for near silence.
fn share_of_tone(samples: &[i16]) -> f32 {
    let (mut re, mut im, mut energy) = (0.0, 0.0, 0.0);
    for (at, sample) in samples.iter().enumerate() {
        let (value, phase) = (
            f32::from(*sample),
            at as f32 * TONE_HZ * TAU / RATE.hz() as f32,
        );
        re += value * phase.cos();
        im += value * phase.sin();
        energy += value * value;
    }
    if energy < 100.0 * samples.len() as f32 {
        return 0.0;
    }
    2.0 * (re * re + im * im) / (energy * samples.len() as f32)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tone_is_told_from_silence_and_from_hum() {
        let wave = |hz: f32| -> Vec<i16> {
            (0..SLICE)
                .map(|at| ((at as f32 * hz * TAU / RATE.hz() as f32).sin() * 5_000.0) as i16)
                .collect()
        };
        assert!(share_of_tone(&wave(TONE_HZ)) > 0.9);
        assert!(share_of_tone(&wave(200.0)) < SHARE);
        assert!(share_of_tone(&[0; SLICE]) < SHARE);
    }
}
