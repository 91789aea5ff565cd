//! Another voice when one fails, from where it stopped; and one that is always there, when all have.

use std::{collections::VecDeque, sync::Arc, time::Duration};

use audio::{Resampler, SampleRate};
use tokio::{
    sync::mpsc,
    time::{Instant, sleep_until},
};

use super::{Health, hung_up, in_turn, nobody, spawn_session, speaks, widest};
use crate::{
    ProviderError,
    estimate::words,
    tts::{Aligned, Chunk, Event, Input, Options, Session, TookOver, Tts, Voice},
};

/// How long a voice may be silent while there is text to say, when another stands behind it. Default of
/// [`TtsCascade::new`]'s callers; what has been sent ahead sounds meanwhile.
pub const VOICE_PATIENCE: Duration = Duration::from_millis(1_200);

/// Voices in order of preference.
///
/// When one fails, closes, or is silent for too long, the next says what has not been spoken. A word that had begun is said
/// again in full, but stands in the text once. All sound has the rate of the first.
///
/// A last resort is asked when all of them have failed in a reply, or did lately. It is not what the caller was to hear, so it
/// explains itself first, where [`Options::excuse`] says how.
#[derive(Clone)]
pub struct TtsCascade {
    inner: Arc<Inner>,
}

struct Inner {
    voices: Vec<Arc<dyn Tts>>,
    patience: Duration,
    health: Health,
    last: Option<Arc<dyn Tts>>,
}

impl TtsCascade {
    /// `voices` in order; each but the last may be silent for `patience`.
    ///
    /// # Errors
    /// [`ProviderError::Unsupported`] when there is none.
    pub fn new(voices: Vec<Arc<dyn Tts>>, patience: Duration) -> Result<Self, ProviderError> {
        Self::make(voices, patience, None)
    }

    /// The same with `last` behind them: a voice that needs no network and nobody's leave.
    ///
    /// # Errors
    /// [`ProviderError::Unsupported`] when there is no other.
    pub fn with_last_resort(
        voices: Vec<Arc<dyn Tts>>,
        patience: Duration,
        last: Arc<dyn Tts>,
    ) -> Result<Self, ProviderError> {
        Self::make(voices, patience, Some(last))
    }

    fn make(
        voices: Vec<Arc<dyn Tts>>,
        patience: Duration,
        last: Option<Arc<dyn Tts>>,
    ) -> Result<Self, ProviderError> {
        if voices.is_empty() {
            return Err(nobody("tts"));
        }
        Ok(Self {
            inner: Arc::new(Inner {
                health: Health::new(voices.len()),
                voices,
                patience,
                last,
            }),
        })
    }
}

impl Tts for TtsCascade {
    fn name(&self) -> &str {
        self.inner.voices.first().map_or("nobody", |tts| tts.name())
    }

    fn voices(&self) -> Vec<Voice> {
        let mut all = Vec::new();
        for tts in &self.inner.voices {
            let voices = tts.voices();
            if voices.is_empty() {
                return voices;
            }
            all.extend(voices);
        }
        all
    }

    fn languages(&self) -> &[&str] {
        widest(self.inner.voices.iter().map(|tts| tts.languages()))
    }

    fn estimates_alignment(&self) -> bool {
        self.inner
            .voices
            .iter()
            .any(|tts| tts.estimates_alignment())
    }

    fn start(&self, options: Options) -> Session {
        let inner = Arc::clone(&self.inner);
        let mut rest = in_turn(&inner.health, &options.language, |index| {
            inner.voices.get(index).map(|tts| tts.languages())
        });
        let last = inner.last.clone();
        let last_can = last
            .as_ref()
            .is_some_and(|last| speaks(last.languages(), &options.language));
        if last_can && rest.iter().all(|index| inner.health.is_resting(*index)) {
            // All of them failed a moment ago: nobody waits for that again.
            rest.clear();
        }
        let reply = Reply {
            inner,
            options,
            rest,
            last,
            last_can,
            given_up: None,
            tried: 0,
            news: VecDeque::new(),
            current: None,
            text: String::new(),
            ended: false,
            spoken: 0,
            repeated: 0,
            aligned: false,
            sounded: Duration::ZERO,
            rate: None,
            resampler: None,
        };
        let (input, events) = spawn_session(
            |inputs, sender| async move { reply.run(inputs, &sender).await },
            8,
        );
        Session { input, events }
    }
}

type Sender = mpsc::Sender<Result<Event, ProviderError>>;

struct Current {
    /// None: the last resort.
    index: Option<usize>,
    name: String,
    session: Session,
    /// What it has no room for yet.
    waiting: VecDeque<Input>,
    /// What it says is no part of the text.
    explains: bool,
}

struct Reply {
    inner: Arc<Inner>,
    options: Options,
    /// Who has not been asked yet.
    rest: VecDeque<usize>,
    /// Who is asked after them.
    last: Option<Arc<dyn Tts>>,
    /// Whether it speaks the language.
    last_can: bool,
    /// Why the text stays unspoken, while that is explained.
    given_up: Option<ProviderError>,
    /// How many have been silent for too long.
    tried: u32,
    /// What whoever listens is to know.
    news: VecDeque<TookOver>,
    current: Option<Current>,
    /// All of the text so far.
    text: String,
    ended: bool,
    /// Letters of it that were passed on with their sound, white space not counted.
    spoken: usize,
    /// Letters that the next voice says again, and that are not told again.
    repeated: usize,
    /// Some sound came with its words.
    aligned: bool,
    /// How much sound was passed on.
    sounded: Duration,
    rate: Option<SampleRate>,
    resampler: Option<(SampleRate, Resampler)>,
}

impl Reply {
    async fn run(
        mut self,
        mut inputs: mpsc::Receiver<Input>,
        events: &Sender,
    ) -> Result<(), ProviderError> {
        let mut since = Instant::now();
        loop {
            while let Some(news) = self.news.pop_front() {
                // Whoever went away is noticed elsewhere.
                let _ = events.send(Ok(Event::TookOver(news))).await;
            }
            let owed = self.current.is_some() && (self.ended || self.spoken < letters(&self.text));
            let has_other = !self.rest.is_empty() || self.last.is_some();
            let limit = (owed && has_other).then(|| since + self.patience());
            tokio::select! {
                input = inputs.recv(), if !self.ended => {
                    if !owed {
                        since = Instant::now();
                    }
                    match input {
                        Some(Input::Text(text)) => {
                            self.text.push_str(&text);
                            self.give(Input::Text(text));
                        }
                        Some(Input::End) | None => {
                            self.ended = true;
                            if self.current.is_none() && self.text.trim().is_empty() {
                                let _ = events.send(Ok(Event::Done)).await;
                                return Ok(());
                            }
                            self.give(Input::End);
                        }
                    }
                }
                event = step(&mut self.current) => {
                    match event {
                        // Taking more text is no sign of life.
                        Step::Fed => continue,
                        Step::Event(Some(Ok(Event::Chunk(chunk)))) => {
                            self.pass_on(chunk, events).await;
                        }
                        Step::Event(Some(Ok(Event::TookOver(news)))) => self.news.push_back(news),
                        Step::Event(Some(Ok(Event::Done))) => {
                            if !self.explained()? {
                                self.finish(events).await;
                                return Ok(());
                            }
                        }
                        Step::Event(Some(Err(error))) => self.fail_over(error)?,
                        Step::Event(None) => self.fail_over(hung_up(self.name()))?,
                    }
                    since = Instant::now();
                }
                () = sleep_until(limit.unwrap_or(since)), if limit.is_some() => {
                    let error = ProviderError::TimedOut {
                        provider: self.name(),
                        after: self.patience(),
                    };
                    self.tried += 1;
                    self.fail_over(error)?;
                    since = Instant::now();
                }
            }
        }
    }

    fn name(&self) -> String {
        self.current
            .as_ref()
            .map_or_else(String::new, |current| current.name.clone())
    }

    /// How long the present one may be silent. Where nothing has sounded yet, those who come later have less time: the
    /// caller has waited for those before them.
    fn patience(&self) -> Duration {
        if self.sounded.is_zero() {
            self.inner.patience / (self.tried + 1)
        } else {
            self.inner.patience
        }
    }

    fn give(&mut self, input: Input) {
        if self.current.is_none() {
            self.start();
        }
        if let Some(current) = &mut self.current
            && !current.explains
        {
            current.waiting.push_back(input);
        }
    }

    /// The next in the row begins.
    fn start(&mut self) {
        if let Some(index) = self.rest.pop_front() {
            if let Some(tts) = self.inner.voices.get(index).cloned() {
                self.current = Some(self.session(Some(index), &tts));
            }
        } else if let Some(last) = self.last.take() {
            let news = TookOver {
                last_resort: true,
                ..news(&last, "all others have failed a moment ago")
            };
            self.news.push_back(news);
            self.current = Some(self.session(None, &last));
        }
    }

    fn session(&self, index: Option<usize>, tts: &Arc<dyn Tts>) -> Current {
        let mut options = self.options.clone();
        let known = tts.voices();
        if let Some(voice) = &options.voice
            && !known.is_empty()
            && !known.iter().any(|one| one.id == *voice)
        {
            // Another vendor's voice: its own has to do.
            options.voice = None;
        }
        Current {
            index,
            name: tts.name().to_owned(),
            session: tts.start(options),
            waiting: VecDeque::new(),
            explains: false,
        }
    }

    fn fail_over(&mut self, error: ProviderError) -> Result<(), ProviderError> {
        let failed = self.current.take();
        if let Some(index) = failed.as_ref().and_then(|current| current.index) {
            self.inner.health.failed(index, &error);
        }
        if failed.is_some_and(|current| current.explains) {
            return Err(self.given_up.take().unwrap_or(error));
        }
        if !self.aligned && self.sounded > Duration::ZERO {
            // A voice that does not say what it says: reckoned.
            self.spoken = letters(&self.text).min((self.sounded.as_millis() / 66) as usize);
        }
        if let Some(index) = self.rest.pop_front() {
            let Some(tts) = self.inner.voices.get(index).cloned() else {
                return Err(error);
            };
            self.news.push_back(news(&tts, &error.to_string()));
            let next = self.session(Some(index), &tts);
            self.go_on(next);
            return Ok(());
        }
        let excuse = self.options.excuse.take();
        let Some(last) = self.last.take_if(|_| self.last_can || excuse.is_some()) else {
            return Err(error);
        };
        self.news.push_back(TookOver {
            last_resort: true,
            excused: excuse.is_some(),
            gives_up: !self.last_can,
            ..news(&last, &error.to_string())
        });
        let Some(excuse) = excuse else {
            let next = self.session(None, &last);
            self.go_on(next);
            return Ok(());
        };
        let words = if self.last_can {
            excuse.goes_on
        } else {
            self.given_up = Some(error);
            excuse.gives_up
        };
        self.resampler = None;
        self.explain(&last, words);
        Ok(())
    }

    /// Another one begins where the last one stopped.
    fn go_on(&mut self, mut next: Current) {
        let (rest, repeated) = unspoken(&self.text, self.spoken);
        self.repeated = repeated;
        self.resampler = None;
        if !rest.trim().is_empty() {
            next.waiting.push_back(Input::Text(rest));
        }
        if self.ended {
            next.waiting.push_back(Input::End);
        }
        self.current = Some(next);
    }

    /// The last resort says why it speaks, in a language it has.
    fn explain(&mut self, last: &Arc<dyn Tts>, words: String) {
        let language = self.options.language.clone();
        if !self.last_can {
            last.languages()
                .first()
                .copied()
                .unwrap_or("en")
                .clone_into(&mut self.options.language);
        }
        let mut session = self.session(None, last);
        self.options.language = language;
        session.explains = true;
        session.waiting = [Input::Text(words), Input::End].into();
        self.current = Some(session);
    }

    fn explains(&self) -> bool {
        self.current
            .as_ref()
            .is_some_and(|current| current.explains)
    }

    /// The present one has said all it was given. True: that was the explanation, and the text follows. An error: nothing
    /// follows.
    fn explained(&mut self) -> Result<bool, ProviderError> {
        if !self.explains() {
            return Ok(false);
        }
        if let Some(error) = self.given_up.take() {
            return Err(error);
        }
        let Some(last) = self.inner.last.clone() else {
            return Ok(false);
        };
        let next = self.session(None, &last);
        self.go_on(next);
        Ok(true)
    }

    async fn pass_on(&mut self, mut chunk: Chunk, events: &Sender) {
        let rate = *self.rate.get_or_insert(chunk.rate);
        let explains = self.explains();
        if explains {
            // It sounds, and none of the text is in it.
            chunk.alignment = vec![Aligned {
                text: String::new(),
                start: Duration::ZERO,
                duration: Duration::ZERO,
            }];
        } else {
            self.sounded += chunk.rate.duration_of(chunk.samples.len());
            self.aligned |= !chunk.alignment.is_empty();
        }
        let mut alignment = Vec::with_capacity(chunk.alignment.len());
        for word in chunk.alignment {
            let told = self.untold(word);
            self.spoken += letters(&told.text);
            if explains || !told.text.is_empty() {
                alignment.push(told);
            }
        }
        chunk.alignment = alignment;
        if chunk.rate != rate {
            let (from, resampler) = self
                .resampler
                .get_or_insert_with(|| (chunk.rate, Resampler::new(chunk.rate, rate)));
            if *from == chunk.rate {
                chunk.samples = resampler.push(&chunk.samples);
            }
            chunk.rate = rate;
            // Its last words may begin in sound that is still on its way.
            let lasts = rate.duration_of(chunk.samples.len());
            for word in &mut chunk.alignment {
                word.start = word.start.min(lasts);
            }
        }
        // Whoever went away is noticed elsewhere.
        let _ = events.send(Ok(Event::Chunk(chunk))).await;
    }

    /// What of a word has not been told before.
    fn untold(&mut self, word: Aligned) -> Aligned {
        if self.repeated == 0 {
            return word;
        }
        let mut text = String::new();
        for letter in word.text.chars() {
            if self.repeated > 0 && !letter.is_whitespace() {
                self.repeated -= 1;
            } else if self.repeated == 0 {
                text.push(letter);
            }
        }
        Aligned { text, ..word }
    }

    async fn finish(&mut self, events: &Sender) {
        if let Some(index) = self.current.as_ref().and_then(|current| current.index) {
            self.inner.health.worked(index);
        }
        if let (Some((_, resampler)), Some(rate)) = (&mut self.resampler, self.rate) {
            let chunk = Chunk {
                samples: resampler.flush(),
                rate,
                alignment: Vec::new(),
            };
            // Whoever went away is noticed elsewhere.
            let _ = events.send(Ok(Event::Chunk(chunk))).await;
        }
        let _ = events.send(Ok(Event::Done)).await;
    }
}

enum Step {
    /// Text was handed over.
    Fed,
    Event(Option<Result<Event, ProviderError>>),
}

/// Hands over what waits, or gives what comes.
async fn step(current: &mut Option<Current>) -> Step {
    let Some(Current {
        session, waiting, ..
    }) = current
    else {
        return std::future::pending().await;
    };
    if waiting.is_empty() {
        return Step::Event(session.events.recv().await);
    }
    tokio::select! {
        biased;
        event = session.events.recv() => Step::Event(event),
        permit = session.input.reserve() => match (permit, waiting.pop_front()) {
            (Ok(permit), Some(input)) => {
                permit.send(input);
                Step::Fed
            }
            // It says why, or closes, on the other channel.
            _ => {
                waiting.clear();
                Step::Fed
            }
        }
    }
}

/// `by` speaks from here on.
fn news(by: &Arc<dyn Tts>, because: &str) -> TookOver {
    let by = by.name().to_owned();
    tracing::warn!(because, by, "another voice speaks");
    TookOver {
        by,
        because: because.to_owned(),
        last_resort: false,
        excused: false,
        gives_up: false,
    }
}

fn letters(text: &str) -> usize {
    text.chars()
        .filter(|letter| !letter.is_whitespace())
        .count()
}

/// The text from the word on in which the first `spoken` letters end, and how many letters of that word were spoken.
fn unspoken(text: &str, spoken: usize) -> (String, usize) {
    let mut left = spoken;
    let mut rest = String::new();
    let mut repeated = 0;
    for word in words(text) {
        let length = letters(&word);
        if rest.is_empty() && length <= left {
            left -= length;
            continue;
        }
        if rest.is_empty() {
            repeated = left;
        }
        rest.push_str(&word);
    }
    (rest, repeated)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tts::Excuse;

    #[derive(Clone, Copy, Debug, PartialEq)]
    enum Fault {
        None,
        Refuses,
        Hangs,
        /// After so many letters.
        Closes(usize),
        Stalls(usize),
    }

    /// A letter is 10 ms.
    struct Letters(Fault, SampleRate);

    impl Tts for Letters {
        fn name(&self) -> &'static str {
            "letters"
        }
        fn voices(&self) -> Vec<Voice> {
            vec![Voice {
                id: "a".to_owned(),
                name: String::new(),
                description: String::new(),
                language: "en".to_owned(),
            }]
        }
        fn languages(&self) -> &[&str] {
            &["en"]
        }
        fn start(&self, options: Options) -> Session {
            assert!(options.voice.is_none_or(|voice| voice == "a"));
            let (input, mut inputs) = mpsc::channel(4);
            let (sender, events) = mpsc::channel(4);
            let Self(fault, rate) = *self;
            tokio::spawn(async move {
                let mut said = 0;
                while let Some(Input::Text(text)) = inputs.recv().await {
                    if fault == Fault::Refuses {
                        let error = ProviderError::RateLimited {
                            provider: "letters".to_owned(),
                            retry_after: None,
                        };
                        let _ = sender.send(Err(error)).await;
                        return;
                    }
                    for letter in text.chars() {
                        match fault {
                            Fault::Closes(after) if said == after => return,
                            Fault::Stalls(after) if said == after => sender.closed().await,
                            Fault::Hangs => sender.closed().await,
                            _ => {}
                        }
                        said += 1;
                        let duration = Duration::from_millis(10);
                        let chunk = Chunk {
                            samples: vec![1; rate.samples_in(duration)],
                            rate,
                            alignment: vec![Aligned {
                                text: letter.to_string(),
                                start: Duration::ZERO,
                                duration,
                            }],
                        };
                        if sender.send(Ok(Event::Chunk(chunk))).await.is_err() {
                            return;
                        }
                    }
                }
                let _ = sender.send(Ok(Event::Done)).await;
            });
            Session { input, events }
        }
    }

    async fn spoken(
        cascade: &TtsCascade,
        texts: &[&str],
    ) -> (String, Duration, Option<ProviderError>) {
        let mut session = cascade.start(Options {
            voice: Some("somebody else's".to_owned()),
            ..Options::default()
        });
        for text in texts {
            let text = Input::Text((*text).to_owned());
            session.input.send(text).await.unwrap();
        }
        session.input.send(Input::End).await.unwrap();
        let mut said = String::new();
        let mut lasts = Duration::ZERO;
        let mut rate = None;
        loop {
            match session.events.recv().await.unwrap() {
                Ok(Event::Chunk(chunk)) => {
                    assert_eq!(*rate.get_or_insert(chunk.rate), chunk.rate);
                    lasts += chunk.rate.duration_of(chunk.samples.len());
                    said.extend(chunk.alignment.into_iter().map(|word| word.text));
                }
                Ok(Event::TookOver(_)) => {}
                Ok(Event::Done) => return (said, lasts, None),
                Err(error) => return (said, lasts, Some(error)),
            }
        }
    }

    fn cascade(first: Fault, second: Fault) -> TtsCascade {
        let voices: Vec<Arc<dyn Tts>> = vec![
            Arc::new(Letters(first, SampleRate::HZ_16000)),
            Arc::new(Letters(second, SampleRate::HZ_24000)),
        ];
        TtsCascade::new(voices, VOICE_PATIENCE).unwrap()
    }

    fn plain(text: &str) -> String {
        text.split_whitespace().collect()
    }

    #[tokio::test(start_paused = true)]
    async fn the_next_voice_says_what_was_not_spoken_and_no_word_twice() {
        let texts = ["Good morning. ", "How are you today?"];
        for fault in [
            Fault::None,
            Fault::Refuses,
            Fault::Hangs,
            Fault::Closes(0),
            Fault::Closes(8),
            Fault::Closes(20),
            Fault::Stalls(5),
            Fault::Stalls(14),
        ] {
            let began = Instant::now();
            let (said, lasts, error) = spoken(&cascade(fault, Fault::None), &texts).await;
            assert!(error.is_none(), "{fault:?}: {error:?}");
            assert_eq!(plain(&said), plain(&texts.concat()), "{fault:?}");
            assert!(lasts >= Duration::from_millis(250), "{fault:?}: {lasts:?}");
            assert!(began.elapsed() <= VOICE_PATIENCE, "{fault:?}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn when_all_have_failed_one_error_is_told() {
        let (said, _, error) =
            spoken(&cascade(Fault::Closes(5), Fault::Refuses), &["Good day."]).await;
        assert_eq!(plain(&said), "Good");
        assert!(matches!(error, Some(ProviderError::RateLimited { .. })));
    }

    /// What is said, how long it lasts, who took over, and the error at the end; `excuse` and the text's language as given.
    async fn resorted(
        cascade: &TtsCascade,
        excuse: bool,
        language: &str,
    ) -> (String, Duration, Vec<TookOver>, Option<ProviderError>) {
        let mut session = cascade.start(Options {
            language: language.to_owned(),
            excuse: excuse.then(|| Excuse {
                goes_on: "x".repeat(100),
                gives_up: "y".repeat(50),
            }),
            ..Options::default()
        });
        for text in ["Good morning. ", "How are you?"] {
            let text = Input::Text(text.to_owned());
            // One that has given up takes no more.
            let _ = session.input.send(text).await;
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        let _ = session.input.send(Input::End).await;
        let (mut said, mut lasts, mut news) = (String::new(), Duration::ZERO, Vec::new());
        loop {
            match session.events.recv().await.unwrap() {
                Ok(Event::Chunk(chunk)) => {
                    lasts += chunk.rate.duration_of(chunk.samples.len());
                    said.extend(chunk.alignment.into_iter().map(|word| word.text));
                }
                Ok(Event::TookOver(one)) => news.push(one),
                Ok(Event::Done) => return (said, lasts, news, None),
                Err(error) => return (said, lasts, news, Some(error)),
            }
        }
    }

    fn with_last(first: Fault) -> TtsCascade {
        let first: Arc<dyn Tts> = Arc::new(Letters(first, SampleRate::HZ_24000));
        let last = Arc::new(Letters(Fault::None, SampleRate::HZ_16000));
        TtsCascade::with_last_resort(vec![first], VOICE_PATIENCE, last).unwrap()
    }

    #[tokio::test(start_paused = true)]
    async fn a_last_resort_explains_itself_once_and_goes_on() {
        for fault in [Fault::Refuses, Fault::Hangs, Fault::Closes(8)] {
            let cascade = with_last(fault);
            let began = Instant::now();
            let (said, lasts, news, error) = resorted(&cascade, true, "en").await;
            assert!(error.is_none(), "{fault:?}: {error:?}");
            assert_eq!(plain(&said), "Goodmorning.Howareyou?", "{fault:?}");
            // A hundred letters of explanation and all of the text, at 10 ms each.
            assert!(lasts > Duration::from_millis(1_200), "{fault:?}: {lasts:?}");
            let [news] = news.as_slice() else {
                panic!("{fault:?}: {news:?}")
            };
            assert!(news.last_resort && news.excused && !news.gives_up);
            assert!(began.elapsed() < VOICE_PATIENCE + Duration::from_millis(200));
            // The next reply does not wait for the one that failed, and explains nothing.
            let began = Instant::now();
            let (said, lasts, news, error) = resorted(&cascade, false, "en").await;
            assert_eq!((plain(&said).len(), error.is_none()), (22, true));
            assert!(lasts < Duration::from_millis(400), "{lasts:?}");
            assert!(news[0].last_resort && !news[0].excused);
            assert!(began.elapsed() < Duration::from_millis(300));
        }
        let (_, lasts, news, _) = resorted(&with_last(Fault::None), true, "en").await;
        assert!(lasts < Duration::from_millis(400) && news.is_empty());
    }

    #[tokio::test(start_paused = true)]
    async fn a_last_resort_that_lacks_the_language_says_so_and_gives_up() {
        let (said, lasts, news, error) = resorted(&with_last(Fault::Refuses), true, "fr").await;
        assert_eq!(said, "");
        assert!(lasts >= Duration::from_millis(490), "{lasts:?}");
        assert!(news[0].gives_up, "{news:?}");
        assert!(matches!(error, Some(ProviderError::RateLimited { .. })));
        // Nothing is said twice.
        let (_, lasts, _, error) = resorted(&with_last(Fault::Refuses), false, "fr").await;
        assert!(lasts.is_zero() && error.is_some());
    }

    #[test]
    fn a_word_that_had_begun_is_said_again() {
        assert_eq!(unspoken("Good day, Ann.", 6), ("day, Ann.".to_owned(), 2));
        assert_eq!(unspoken("Good day, Ann.", 4), ("day, Ann.".to_owned(), 0));
        assert_eq!(unspoken("Good day, Ann.", 99), (String::new(), 0));
    }
}
