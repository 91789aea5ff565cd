//! Sound becomes text: cut into stretches of speech, each of which is understood for itself.

use std::time::Duration;

use audio::SampleRate;
use providers::{
    ProviderError,
    asr::{self, Event, Input},
};
use tokio::time::timeout;

use super::{Speech, failed};
use crate::Problem;

/// What recognisers hear.
pub(crate) const RATE: SampleRate = SampleRate::HZ_16000;
/// From here on a frame is speech.
const THRESHOLD: f32 = 0.5;
/// So many frames of speech in a row are no click.
const ONSET: usize = 3;
/// Sound before the first frame of speech that belongs to it.
const LEAD: Duration = Duration::from_millis(300);
/// A longer stretch is cut.
const LONGEST: Duration = Duration::from_secs(30);
/// How long a text may take.
const PATIENCE: Duration = Duration::from_mins(1);

/// When a stretch of speech begins and ends.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cutting {
    /// How long a silence ends it.
    pub(crate) pause: Duration,
    /// How likely a frame must be speech.
    pub(crate) threshold: f32,
}

impl Default for Cutting {
    fn default() -> Self {
        Self {
            pause: Duration::from_millis(700),
            threshold: THRESHOLD,
        }
    }
}

/// A stretch of speech: where it lies in the sound, in samples, and its samples.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Stretch {
    pub(crate) start: usize,
    pub(crate) end: usize,
    pub(crate) samples: Vec<i16>,
}

/// Cuts sound into stretches.
pub(crate) struct Cutter {
    detector: Box<dyn providers::vad::Detector>,
    cutting: Cutting,
    /// Less than a frame.
    rest: Vec<i16>,
    samples: Vec<i16>,
    start: usize,
    speaking: bool,
    voiced: usize,
    silence: usize,
}

impl Cutter {
    pub(crate) fn new(speech: &Speech, cutting: Cutting) -> Result<Self, Problem> {
        let detector = speech.vad.detector();
        if detector.rate() != RATE || detector.frame_len() == 0 {
            return Err(Problem::storage(
                "The voice activity detector has another rate than 16 kHz.",
            ));
        }
        Ok(Self {
            detector,
            cutting,
            rest: Vec::new(),
            samples: Vec::new(),
            start: 0,
            speaking: false,
            voiced: 0,
            silence: 0,
        })
    }

    /// Whether somebody is speaking just now.
    pub(crate) fn is_speaking(&self) -> bool {
        self.speaking
    }

    /// What was heard of the stretch under way.
    pub(crate) fn so_far(&self) -> &[i16] {
        if self.speaking { &self.samples } else { &[] }
    }

    /// The stretches that end within these samples.
    pub(crate) fn push(&mut self, samples: &[i16]) -> Vec<Stretch> {
        self.rest.extend_from_slice(samples);
        let length = self.detector.frame_len();
        let rest = std::mem::take(&mut self.rest);
        let mut found = Vec::new();
        let frames = rest.chunks_exact(length);
        self.rest = frames.remainder().to_vec();
        for frame in frames {
            let voice = self.detector.probability(frame) >= self.cutting.threshold;
            found.extend(self.frame(frame, voice));
        }
        found
    }

    fn frame(&mut self, frame: &[i16], voice: bool) -> Option<Stretch> {
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
        let over = self.silence >= RATE.samples_in(self.cutting.pause)
            || self.samples.len() >= RATE.samples_in(LONGEST);
        if over { self.finish() } else { None }
    }

    /// The stretch under way, ended.
    pub(crate) fn finish(&mut self) -> Option<Stretch> {
        let samples = std::mem::take(&mut self.samples);
        let start = self.start;
        self.start += samples.len();
        let speaking = std::mem::take(&mut self.speaking);
        let silence = std::mem::take(&mut self.silence);
        self.voiced = 0;
        speaking.then(|| Stretch {
            start,
            end: self.start - silence.min(samples.len()),
            samples,
        })
    }
}

/// A recogniser at work.
pub(crate) struct Hearing {
    session: asr::Session,
    utterance: u64,
    name: String,
}

impl Hearing {
    pub(crate) fn new(
        speech: &Speech,
        language: &str,
        keywords: Vec<String>,
        partials: bool,
    ) -> Self {
        Self {
            session: speech.asr.start(asr::Options {
                rate: RATE,
                language: language.to_owned(),
                keywords,
                partials,
            }),
            utterance: 0,
            name: speech.asr.name().to_owned(),
        }
    }

    /// A stretch begins.
    pub(crate) async fn begin(&mut self) {
        self.utterance += 1;
        let begin = Input::Begin {
            utterance: self.utterance,
            expected: asr::Expected::default(),
        };
        // One that has gone says why when it is asked for the text.
        let _ = self.session.input.send(begin).await;
    }

    /// Some of its sound.
    pub(crate) async fn audio(&mut self, samples: &[i16]) {
        let _ = self
            .session
            .input
            .send(Input::Audio(samples.to_vec()))
            .await;
    }

    /// What it understands of the stretch so far, if that is new.
    pub(crate) fn partial(&mut self) -> Option<String> {
        let mut last = None;
        while let Ok(event) = self.session.events.try_recv() {
            if let Ok(Event::Partial { utterance, text }) = event
                && utterance == self.utterance
            {
                last = Some(text);
            }
        }
        last
    }

    /// The stretch is over: its text.
    pub(crate) async fn end(&mut self) -> Result<String, Problem> {
        let _ = self.session.input.send(Input::End).await;
        loop {
            let event = timeout(PATIENCE, self.session.events.recv()).await;
            let event = event.map_err(|_| {
                failed(&ProviderError::TimedOut {
                    provider: self.name.clone(),
                    after: PATIENCE,
                })
            })?;
            match event {
                Some(Ok(Event::Final { utterance, text })) if utterance == self.utterance => {
                    return Ok(text);
                }
                Some(Ok(_)) => {}
                Some(Err(error)) => return Err(failed(&error)),
                None => {
                    return Err(failed(&ProviderError::Failed {
                        provider: self.name.clone(),
                        reason: "it stopped without a word".to_owned(),
                    }));
                }
            }
        }
    }
}

/// A word or a space, and when it was said, in seconds from the beginning. Recognisers of stretches do not tell when
/// each word was said: the time of the stretch is shared out by the words' lengths.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Word {
    pub(crate) text: String,
    pub(crate) is_space: bool,
    pub(crate) start: f64,
    pub(crate) end: f64,
}

/// The words of a stretch between two moments, with the spaces between them.
pub(crate) fn words(text: &str, start: f64, end: f64) -> Vec<Word> {
    let letters = text.chars().count().max(1) as f64;
    let mut at = 0;
    let mut found: Vec<Word> = Vec::new();
    let mut add = |piece: &str, is_space: bool| {
        let length = piece.chars().count();
        let moment = |at: usize| start + (end - start) * at as f64 / letters;
        found.push(Word {
            text: piece.to_owned(),
            is_space,
            start: moment(at),
            end: moment(at + length),
        });
        at += length;
    };
    for (index, word) in text.split(' ').filter(|word| !word.is_empty()).enumerate() {
        if index > 0 {
            add(" ", true);
        }
        add(word, false);
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_share_the_time_of_their_stretch() {
        let found = words("ab cd", 1.0, 2.0);
        let texts: Vec<&str> = found.iter().map(|word| word.text.as_str()).collect();
        assert_eq!(texts, ["ab", " ", "cd"]);
        assert!((found[0].start - 1.0).abs() < 1e-9 && (found[2].end - 2.0).abs() < 1e-9);
        assert!((found[1].start - 1.4).abs() < 1e-9);
    }
}
