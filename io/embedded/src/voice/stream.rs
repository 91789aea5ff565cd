//! One reply being spoken: texts in, chunks of sound with their words out.

use std::{collections::VecDeque, ffi::CString, sync::Arc, time::Duration};

use audio::SampleRate;
use providers::{
    ProviderError,
    tts::{Aligned, Chunk, Event, Input, Options},
};
use tokio::sync::mpsc;

use super::{
    Shared, choose,
    ffi::{Flite, Sink, Timing, VoiceHandle},
    text::{self, Sentence},
};

type Sent = Result<Event, ProviderError>;

/// A chunk lasts this long, but for the last of a sentence.
const CHUNK: Duration = Duration::from_millis(100);
/// The voice begins every sentence with a fifth of a second of silence. Before the first this is only delay: so much of
/// it is left.
const LEAD_KEPT: f32 = 0.02;

/// Speaks until the texts end or nobody listens.
pub(super) async fn run(
    shared: Arc<Shared>,
    options: Options,
    mut texts: mpsc::Receiver<Input>,
    chunks: mpsc::Sender<Sent>,
) {
    tokio::select! {
        // Whoever listened has gone: nothing more is said. A sentence under way sees it for itself.
        () = chunks.closed() => {}
        result = speak_all(&shared, &options, &mut texts, &chunks) => {
            let last = result.map(|()| Event::Done);
            // Fails only when nobody listens.
            let _ = chunks.send(last).await;
        }
    }
}

async fn speak_all(
    shared: &Arc<Shared>,
    options: &Options,
    texts: &mut mpsc::Receiver<Input>,
    chunks: &mpsc::Sender<Sent>,
) -> Result<(), ProviderError> {
    let id = choose(options)?;
    let mut speaker = None;
    let mut first = true;
    // Written but not said, such as an emoji: it goes with the next sound.
    let mut silent = String::new();
    loop {
        let mut ended = false;
        let mut text = String::new();
        match texts.recv().await {
            Some(Input::Text(more)) => text.push_str(&more),
            Some(Input::End) | None => ended = true,
        }
        // What has already come is said together.
        while !ended && text.len() < 2_000 {
            match texts.try_recv() {
                Ok(Input::Text(more)) => text.push_str(&more),
                Ok(Input::End) => ended = true,
                Err(_) => break,
            }
        }
        for sentence in text::sentences(&text, first) {
            if sentence.words.iter().all(|word| word.spoken.is_empty()) {
                silent.extend(sentence.words.iter().map(|word| word.text.as_str()));
                continue;
            }
            let (flite, voice) = match &speaker {
                Some(speaker) => speaker,
                None => speaker.insert(load(shared, id).await?),
            };
            let turn = shared.turn.acquire().await.map_err(|_| stopped())?;
            let mut job = Job {
                flite: Arc::clone(flite),
                voice: *voice,
                stretch: 1.0 / options.speed.clamp(0.5, 2.0),
                chunker: Chunker::new(sentence, std::mem::take(&mut silent), first, chunks.clone()),
            };
            let (job, result) = tokio::task::spawn_blocking(move || {
                let result = job.run();
                (job, result)
            })
            .await
            .map_err(|_| stopped())?;
            drop(turn);
            result?;
            for chunk in job.chunker.waiting {
                if chunks.send(Ok(Event::Chunk(chunk))).await.is_err() {
                    return Ok(());
                }
            }
            first = false;
        }
        if ended {
            break;
        }
    }
    if !silent.is_empty() {
        // The words must join to the text even when the last of them make no sound.
        let chunk = Chunk {
            samples: vec![0; SampleRate::HZ_16000.samples_in(Duration::from_millis(10))],
            rate: SampleRate::HZ_16000,
            alignment: vec![Aligned {
                text: silent,
                start: Duration::ZERO,
                duration: Duration::ZERO,
            }],
        };
        let _ = chunks.send(Ok(Event::Chunk(chunk))).await;
    }
    Ok(())
}

async fn load(
    shared: &Arc<Shared>,
    id: &'static str,
) -> Result<(Arc<Flite>, VoiceHandle), ProviderError> {
    let shared = Arc::clone(shared);
    tokio::task::spawn_blocking(move || shared.voice(id))
        .await
        .map_err(|_| stopped())?
}

/// The program is ending.
fn stopped() -> ProviderError {
    ProviderError::Failed {
        provider: super::PROVIDER.to_owned(),
        reason: "the worker has stopped".to_owned(),
    }
}

/// A sentence on its way through flite.
struct Job {
    flite: Arc<Flite>,
    voice: VoiceHandle,
    stretch: f32,
    chunker: Chunker,
}

impl Job {
    fn run(&mut self) -> Result<(), ProviderError> {
        if self.chunker.out.is_closed() {
            return Ok(());
        }
        // The text is plain ASCII without control characters, so there is no zero in it.
        let text = CString::new(self.chunker.sentence.spoken()).unwrap_or_default();
        self.flite
            .say(self.voice, &text, self.stretch, &mut self.chunker)?;
        self.chunker.finish();
        Ok(())
    }
}

/// Cuts sound into chunks and gives each its words.
struct Chunker {
    sentence: Sentence,
    /// Written before this sentence, not said.
    silent: String,
    first: bool,
    rate: SampleRate,
    /// Samples of silence at the beginning still to be left out.
    skip: usize,
    samples: Vec<i16>,
    /// Samples in chunks already made.
    made: usize,
    /// The words still to come, from the first sample kept.
    words: VecDeque<Aligned>,
    /// Chunks for which the channel had no room.
    waiting: VecDeque<Chunk>,
    out: mpsc::Sender<Sent>,
}

impl Chunker {
    fn new(sentence: Sentence, silent: String, first: bool, out: mpsc::Sender<Sent>) -> Self {
        Self {
            sentence,
            silent,
            first,
            rate: SampleRate::HZ_16000,
            skip: 0,
            samples: Vec::new(),
            made: 0,
            words: VecDeque::new(),
            waiting: VecDeque::new(),
            out,
        }
    }

    fn align(&mut self, timing: &Timing) {
        let trimmed = if self.first {
            (timing.lead - LEAD_KEPT).clamp(0.0, 1.0)
        } else {
            0.0
        };
        self.skip = self.rate.samples_in(Duration::from_secs_f32(trimmed));
        self.words = align(&self.sentence, timing, trimmed);
        if let Some(word) = self.words.front_mut() {
            word.text.insert_str(0, &self.silent);
            self.silent.clear();
        }
    }

    fn cut(&mut self, last: bool) {
        let size = self.rate.samples_in(CHUNK);
        while self.samples.len() >= size || (last && !self.samples.is_empty()) {
            let rest = self.samples.split_off(size.min(self.samples.len()));
            let samples = std::mem::replace(&mut self.samples, rest);
            let start = self.rate.duration_of(self.made);
            self.made += samples.len();
            let end = self.rate.duration_of(self.made);
            let all = last && self.samples.is_empty();
            let mut alignment = Vec::new();
            while let Some(mut word) = self.words.pop_front_if(|word| all || word.start < end) {
                word.start = word.start.saturating_sub(start);
                alignment.push(word);
            }
            self.waiting.push_back(Chunk {
                samples,
                rate: self.rate,
                alignment,
            });
        }
        self.flush();
    }

    /// Gives away what there is room for. Never waits: flite is held meanwhile.
    fn flush(&mut self) {
        while !self.waiting.is_empty() {
            let Ok(room) = self.out.try_reserve() else {
                return;
            };
            if let Some(chunk) = self.waiting.pop_front() {
                room.send(Ok(Event::Chunk(chunk)));
            }
        }
    }

    fn finish(&mut self) {
        if !self.words.is_empty() && self.samples.is_empty() {
            // Nothing sounded at the end that these words could go with.
            self.samples
                .resize(self.rate.samples_in(Duration::from_millis(10)), 0);
        }
        self.cut(true);
    }
}

impl Sink for Chunker {
    fn take(&mut self, timing: Option<Timing>, samples: &[i16], rate: u32) -> bool {
        if let Ok(rate) = SampleRate::new(rate) {
            self.rate = rate;
        }
        if let Some(timing) = timing {
            self.align(&timing);
        }
        let skipped = self.skip.min(samples.len());
        self.skip -= skipped;
        self.samples.extend_from_slice(&samples[skipped..]);
        self.cut(false);
        !self.out.is_closed()
    }
}

/// When each written word sounds, `trimmed` seconds having been cut off.
fn align(sentence: &Sentence, timing: &Timing, trimmed: f32) -> VecDeque<Aligned> {
    let parts: usize = sentence.words.iter().map(|word| word.spoken.len()).sum();
    // Flite takes every part for one token. Were it not so, words would share the time evenly.
    let known = parts == timing.tokens.len();
    let total = timing.tokens.last().map_or(0.0, |span| span.end);
    let mut aligned: VecDeque<Aligned> = VecDeque::new();
    let mut at = 0;
    let mut unsaid = String::new();
    for word in &sentence.words {
        if word.spoken.is_empty() {
            match aligned.back_mut() {
                Some(before) => before.text.push_str(&word.text),
                None => unsaid.push_str(&word.text),
            }
            continue;
        }
        let from = at;
        at += word.spoken.len();
        let (start, end) = if known {
            (timing.tokens[from].start, timing.tokens[at - 1].end)
        } else {
            let share = |part: usize| total * part as f32 / parts.max(1) as f32;
            (share(from), share(at))
        };
        let start = (start - trimmed).max(0.0);
        let end = (end - trimmed).max(start);
        aligned.push_back(Aligned {
            text: std::mem::take(&mut unsaid) + &word.text,
            start: Duration::try_from_secs_f32(start).unwrap_or_default(),
            duration: Duration::try_from_secs_f32(end - start).unwrap_or_default(),
        });
    }
    aligned
}

#[cfg(test)]
mod tests {
    use super::{super::ffi::Span, *};

    fn millis(time: Duration) -> u32 {
        (time.as_secs_f32() * 1000.0).round() as u32
    }

    fn check(text: &str, tokens: &[(f32, f32)], expected: &[(&str, u32, u32)]) {
        let sentence = text::sentences(text, true).remove(0);
        let timing = Timing {
            lead: 0.2,
            tokens: tokens
                .iter()
                .map(|&(start, end)| Span { start, end })
                .collect(),
        };
        let aligned = align(&sentence, &timing, 0.1);
        let aligned: Vec<_> = aligned
            .iter()
            .map(|word| {
                (
                    word.text.as_str(),
                    millis(word.start),
                    millis(word.duration),
                )
            })
            .collect();
        assert_eq!(aligned, expected);
    }

    #[test]
    fn a_word_said_in_parts_sounds_from_the_first_to_the_last() {
        check(
            "to a@b.com, ok",
            &[
                (0.25, 0.5),
                (0.5, 0.75),
                (0.75, 1.0),
                (1.0, 1.25),
                (1.25, 1.5),
                (1.5, 1.75),
                (1.75, 2.0),
            ],
            &[
                ("to ", 150, 250),
                ("a@b.com, ", 400, 1250),
                ("ok", 1650, 250),
            ],
        );
    }

    #[test]
    fn what_is_not_said_goes_with_the_word_before_it() {
        check(
            "🎉 hello 🎉 you",
            &[(0.25, 0.5), (0.5, 0.75)],
            &[("🎉 hello 🎉 ", 150, 250), ("you", 400, 250)],
        );
    }
}
