//! When should what have happened? The caller's sound once more through the same detector, after the call.
//!
//! Nothing is asked of the server: the moments follow from what was sent and when.

use std::time::{Duration, Instant};

use audio::{Decoder, Framer, Resampler, SampleRate};
use embedded::vad::Earshot;
use providers::vad::Vad as _;
use turn::{Completeness, Eagerness, Evidence, Sentence, Settings};

use crate::{caller::Log, speech::Repertoire, wire::Heard};

const RATE: SampleRate = SampleRate::HZ_16000;
/// How the machine bridges frames that are not quite speech; see `turn`.
const GAP: Duration = Duration::from_millis(60);
const BRIDGE: Duration = Duration::from_millis(100);
const STEADY: Duration = Duration::from_millis(40);
/// A server that answers earlier than this did not wait for the end of the turn. Two frames of the detector, because its
/// memory of what came before may move a decision.
const TOLERANCE: Duration = Duration::from_millis(32);

/// What one call shows.
#[derive(Default)]
pub(crate) struct Verdict {
    /// From the moment at which the silence was long enough to the first sound of the answer, in milliseconds.
    pub(crate) replies: Vec<f64>,
    /// From the moment at which the speech was long enough to interrupt to the message that says so, in milliseconds.
    pub(crate) stops: Vec<f64>,
    /// From the same moment to the last sound of the interrupted answer; zero where nothing came after it.
    pub(crate) last_bytes: Vec<f64>,
    /// Sound with an id that an earlier interruption had silenced.
    pub(crate) stale: usize,
}

/// A frame of the detector that was speech, and when its last sample was handed over.
struct Voiced {
    at: Instant,
    piece: usize,
    /// Whether it moves the end of speech.
    counts: bool,
}

pub(crate) fn judge(log: &Log, repertoire: &Repertoire) -> Verdict {
    let voiced = voiced(log, repertoire);
    // The agent under load has the default settings, and a question is what is understood.
    let understood = Evidence {
        completeness: Completeness::Complete,
        sentence: Sentence::Unknown,
        words: 1,
        ends_well: false,
        command: false,
        finality: 0.5,
    };
    let end_of_turn = turn::wait(Eagerness::Normal, understood);
    let mut verdict = Verdict::default();
    let mut silenced = 0;
    let mut last_audio = None;
    let mut answered: Option<Instant> = None;
    for &(heard, at) in &log.heard {
        match heard {
            Heard::Audio(id) => {
                verdict.stale += usize::from(id <= silenced);
                let end = voiced.partition_point(|v| v.at <= at);
                let last = voiced[..end].iter().rev().find(|v| v.counts).map(|v| v.at);
                // The first sound since the caller last spoke is the answer's. While the caller still speaks, or has
                // just stopped, it is an earlier answer's that goes on.
                if let Some(last) = last
                    && answered.is_none_or(|answered| answered < last)
                    && at + TOLERANCE >= last + end_of_turn
                {
                    verdict.replies.push(millis(at, last + end_of_turn));
                    answered = Some(at);
                }
                last_audio = Some(at);
            }
            Heard::Interruption(id) => {
                silenced = silenced.max(id);
                let barged = log
                    .barged
                    .iter()
                    .rev()
                    .find(|&&piece| log.pieces.get(piece).is_some_and(|&(_, sent)| sent <= at));
                if let Some(due) = barged.and_then(|&piece| interruption_due(&voiced, piece)) {
                    verdict.stops.push(millis(at, due));
                    verdict
                        .last_bytes
                        .push(last_audio.map_or(0.0, |last| millis(last, due)).max(0.0));
                }
                // The answer to what interrupted is still to come.
                answered = None;
            }
            _ => {}
        }
    }
    verdict
}

/// When speech that begins at this piece has lasted long enough to interrupt.
fn interruption_due(voiced: &[Voiced], piece: usize) -> Option<Instant> {
    let frame = RATE.duration_of(256);
    let settings = Settings::default();
    let longest = settings.barge_in.max(settings.speech_onset);
    let needed = longest.as_micros().div_ceil(frame.as_micros());
    let frames = voiced.iter().filter(|v| v.piece >= piece);
    frames
        .take(usize::try_from(needed).ok()?)
        .last()
        .map(|v| v.at)
}

/// Every frame of speech in a call.
fn voiced(log: &Log, repertoire: &Repertoire) -> Vec<Voiced> {
    let format = log.line.format();
    let mut decoder = Decoder::new(format);
    let mut resampler = Resampler::new(format.rate(), RATE);
    let mut detector = Earshot.detector();
    let mut framer = Framer::new(detector.frame_len());
    let frame_length = RATE.duration_of(detector.frame_len());
    let threshold = Settings::default().voice_threshold;
    let mut found: Vec<Voiced> = Vec::new();
    let (mut run, mut gap, mut since_voice) = (Duration::ZERO, Duration::ZERO, Duration::MAX);
    for (index, &(said, at)) in log.pieces.iter().enumerate() {
        let piece = said
            .and_then(|(s, p)| {
                repertoire
                    .sentences
                    .get(usize::from(s))?
                    .get(usize::from(p))
            })
            .unwrap_or(&repertoire.silence);
        framer.push(&resampler.push(&decoder.decode(&piece.sound)));
        while let Some(frame) = framer.next_frame() {
            since_voice = since_voice.saturating_add(frame_length);
            if detector.probability(frame) < threshold {
                gap += frame_length;
                if gap >= GAP {
                    run = Duration::ZERO;
                }
                continue;
            }
            run += frame_length;
            gap = Duration::ZERO;
            let counts = since_voice <= BRIDGE || run >= STEADY;
            if counts {
                since_voice = Duration::ZERO;
            }
            found.push(Voiced {
                at,
                piece: index,
                counts,
            });
        }
    }
    found
}

/// How long `at` is after `due`; negative when it is before.
fn millis(at: Instant, due: Instant) -> f64 {
    let seconds = at
        .checked_duration_since(due)
        .map_or_else(|| -(due - at).as_secs_f64(), |late| late.as_secs_f64());
    seconds * 1_000.0
}
