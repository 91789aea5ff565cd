//! `duologue transcribe`: a recording to text, with times.

use std::time::Duration;

use embedded::{Engine, recogniser};
use providers::asr;
use sdk::source;
use serde_json::json;

use crate::{
    Context,
    cli::{Channel, Transcribe},
    files::{self, RATE},
    problem::{Outcome, Problem},
    progress::Progress,
    speech,
    vendors::{Named, Vendors},
};

/// Speech begins after this many frames of it…
const ONSET: usize = 3;
/// …and ends after this much silence.
const PAUSE: Duration = Duration::from_millis(600);
/// How much before the first frame of speech is listened to as well: soft beginnings are not judged as speech.
const LEAD: Duration = Duration::from_millis(300);
/// An utterance is cut here, for the recogniser keeps it whole in memory.
const LONGEST: Duration = Duration::from_secs(30);
/// Recognisers are handed sound in pieces of this length.
const PIECE: Duration = Duration::from_millis(100);
/// The probability from which a frame counts as speech.
const THRESHOLD: f32 = 0.5;

/// Listens to a recording.
pub(crate) async fn run(context: &Context, arguments: &Transcribe) -> Outcome<()> {
    let channel = match arguments.channel {
        Channel::Both => source::Channel::Mix,
        Channel::Left => source::Channel::Only(0),
        Channel::Right => source::Channel::Only(1),
    };
    let mut source = files::open_sound(&arguments.input, channel)?;
    let engine = Engine::new(
        speech::paths(&context.settings),
        &recogniser::Settings {
            decoders: 1,
            // The same recording gives the same text, whatever came before it.
            repeatable: true,
            ..recogniser::Settings::default()
        },
    );
    let mut detector = engine.vad().detector();
    let names: Vec<Named> = arguments
        .providers
        .iter()
        .map(|name| Named::parse(name))
        .collect();
    let asr = Vendors::of(&context.settings)?.asr(&engine, &names)?;
    // This vendor ends sessions that are faster than speech.
    let in_time = names.iter().any(|named| named.name == "assemblyai");
    let mut session = asr.start(asr::Options {
        partials: false,
        ..asr::Options::default()
    });
    let total = source.length().map(|length| RATE.samples_in(length) as u64);
    let mut progress = Progress::new("listening", total);
    let mut segments = Segments::default();
    let mut frame = vec![0; detector.frame_len()];
    let mut heard = 0_usize;
    let mut words = Vec::new();
    loop {
        let count = source.read(&mut frame).map_err(|error| {
            Problem::failure(format!(
                "could not read {} further",
                files::named(&arguments.input)
            ))
            .because_io(&error)
        })?;
        frame[count..].fill(0);
        let finished = if count == 0 {
            segments.finish()
        } else {
            let voice = detector.probability(&frame) >= THRESHOLD;
            segments.push(&frame, voice)
        };
        heard += count;
        if let Some(segment) = finished {
            let text = recognise(
                &mut session,
                words.len() as u64 + 1,
                &segment.samples,
                in_time,
            )
            .await?;
            let (start, end) = (
                RATE.duration_of(segment.start).as_secs_f64(),
                RATE.duration_of(segment.end.min(heard)).as_secs_f64(),
            );
            context.out.object(&json!({
                "type": "utterance", "start": start, "end": end, "text": text,
            }))?;
            context
                .out
                .line(format!("{start:7.2} – {end:7.2}  {text}"))?;
            words.push(text);
        }
        progress.at(heard as u64);
        // Once the end has come, one more round closes the last utterance.
        if count == 0 {
            break;
        }
    }
    drop(progress);
    if heard == 0 {
        return Err(Problem::failure(format!(
            "could not transcribe {}",
            files::named(&arguments.input)
        ))
        .because("there is no sound in it")
        .fix("record again"));
    }
    if let Some(warning) = files::truncated(&arguments.input, &source) {
        eprintln!("warning: {warning}");
    }
    let seconds = RATE.duration_of(heard).as_secs_f64();
    if words.is_empty() {
        context.out.line("(no speech was found)")?;
    }
    context.out.object(&json!({
        "type": "transcript", "seconds": seconds, "text": words.join(" ").trim(),
    }))
}

async fn recognise(
    session: &mut asr::Session,
    utterance: u64,
    samples: &[i16],
    in_time: bool,
) -> Outcome<String> {
    let gone = || {
        Problem::failure("the recogniser stopped in the middle")
            .because("it gave no reason")
            .fix("run it again with LOG_LEVEL=debug, and report what it says")
    };
    let mut inputs = vec![asr::Input::Begin {
        utterance,
        expected: asr::Expected::default(),
    }];
    let pieces = samples.chunks(RATE.samples_in(PIECE));
    inputs.extend(pieces.map(|piece| asr::Input::Audio(piece.to_vec())));
    inputs.push(asr::Input::End);
    for input in inputs {
        if in_time && matches!(input, asr::Input::Audio(_)) {
            tokio::time::sleep(PIECE).await;
        }
        if session.input.send(input).await.is_err() {
            // It says why below.
            break;
        }
    }
    loop {
        match session.events.recv().await.ok_or_else(gone)?? {
            asr::Event::Final {
                utterance: id,
                text,
            } if id == utterance => return Ok(text),
            _ => {}
        }
    }
}

/// A stretch of speech.
struct Segment {
    /// In samples from the beginning.
    start: usize,
    end: usize,
    samples: Vec<i16>,
}

/// Cuts sound into stretches of speech.
#[derive(Default)]
struct Segments {
    /// What may belong to the next stretch, or does.
    samples: Vec<i16>,
    /// Where `samples` begins.
    start: usize,
    speaking: bool,
    voiced: usize,
    silence: usize,
}

impl Segments {
    fn push(&mut self, frame: &[i16], voice: bool) -> Option<Segment> {
        self.samples.extend_from_slice(frame);
        self.voiced = if voice { self.voiced + 1 } else { 0 };
        self.silence = if voice { 0 } else { self.silence + frame.len() };
        if !self.speaking {
            self.speaking = self.voiced >= ONSET;
            let lead = RATE.samples_in(LEAD) + ONSET * frame.len();
            if !self.speaking && self.samples.len() > lead {
                let surplus = self.samples.len() - lead;
                self.samples.drain(..surplus);
                self.start += surplus;
            }
            return None;
        }
        let over = self.silence >= RATE.samples_in(PAUSE)
            || self.samples.len() >= RATE.samples_in(LONGEST);
        if over { self.finish() } else { None }
    }

    fn finish(&mut self) -> Option<Segment> {
        let samples = std::mem::take(&mut self.samples);
        let start = self.start;
        self.start += samples.len();
        let speaking = std::mem::take(&mut self.speaking);
        let silence = std::mem::take(&mut self.silence);
        self.voiced = 0;
        speaking.then(|| Segment {
            start,
            end: self.start - silence.min(samples.len()),
            samples,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Frames of 320 samples: `#` is speech, `.` silence. Gives start and end in frames.
    fn cut(sound: &str) -> Vec<(usize, usize)> {
        let mut segments = Segments::default();
        let mut found = Vec::new();
        for mark in sound.chars() {
            found.extend(segments.push(&[0; 320], mark == '#'));
        }
        found.extend(segments.finish());
        found
            .iter()
            .map(|segment| (segment.start / 320, segment.end / 320))
            .collect()
    }

    #[test]
    fn a_pause_ends_an_utterance_and_a_breath_does_not() {
        let breath = ".".repeat(10);
        let pause = ".".repeat(60);
        let sound = format!("{pause}#####{breath}#####{pause}#####");
        assert_eq!(cut(&sound), [(44, 80), (124, 145)]);
    }

    #[test]
    fn a_click_is_no_speech() {
        assert!(cut("....##....#....").is_empty());
    }
}
