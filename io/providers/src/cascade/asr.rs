//! Another recogniser when one fails, without losing what was said.

use std::{collections::VecDeque, sync::Arc, time::Duration};

use tokio::{
    sync::mpsc,
    time::{Instant, sleep_until},
};

use super::{Health, hung_up, in_turn, nobody, spawn_session, widest};
use crate::{
    ProviderError,
    asr::{Asr, Event, Expected, Input, Options, Session},
};

/// How much of one utterance is kept to be heard again.
const LONGEST: Duration = Duration::from_mins(1);
/// How many utterances may wait for their text.
const MOST_OWED: usize = 16;
/// How long a recogniser may take a piece of sound when another stands behind it.
const INPUT_PATIENCE: Duration = Duration::from_secs(2);
/// The same for the last.
const LAST_INPUT_PATIENCE: Duration = Duration::from_secs(30);
/// A text later than this is of no use to a conversation.
const LATEST: Duration = Duration::from_millis(2_800);

/// Recognisers in order of preference.
///
/// What is said is kept until its text has come. When a recogniser fails, closes, or owes a text for longer than its
/// patience, the next one hears all that waits for a text from the beginning, and goes on from there.
#[derive(Clone)]
pub struct AsrCascade {
    inner: Arc<Inner>,
}

struct Inner {
    asrs: Vec<Arc<dyn Asr>>,
    health: Health,
}

impl AsrCascade {
    /// `asrs` in order.
    ///
    /// # Errors
    /// [`ProviderError::Unsupported`] when there is none.
    pub fn new(asrs: Vec<Arc<dyn Asr>>) -> Result<Self, ProviderError> {
        if asrs.is_empty() {
            return Err(nobody("asr"));
        }
        Ok(Self {
            inner: Arc::new(Inner {
                health: Health::new(asrs.len()),
                asrs,
            }),
        })
    }
}

impl Asr for AsrCascade {
    fn name(&self) -> &str {
        self.inner.asrs.first().map_or("nobody", |asr| asr.name())
    }

    fn languages(&self) -> &[&str] {
        widest(self.inner.asrs.iter().map(|asr| asr.languages()))
    }

    fn final_patience(&self) -> Duration {
        // The first may take its time, and the next hears it all again.
        let all = self.inner.asrs.iter().map(|asr| asr.final_patience());
        if self.inner.asrs.len() == 1 {
            all.sum()
        } else {
            LATEST.max(all.max().unwrap_or_default())
        }
    }

    fn start(&self, options: Options) -> Session {
        let inner = Arc::clone(&self.inner);
        let rest = in_turn(&inner.health, &options.language, |index| {
            inner.asrs.get(index).map(|asr| asr.languages())
        });
        let hearing = Hearing {
            inner,
            options,
            rest,
            current: None,
            kept: VecDeque::new(),
        };
        let (input, events) = spawn_session(
            |inputs, sender| async move { hearing.run(inputs, &sender).await },
            64,
        );
        Session { input, events }
    }
}

type Sender = mpsc::Sender<Result<Event, ProviderError>>;

/// An utterance that has no text yet.
struct Kept {
    utterance: u64,
    expected: Expected,
    sound: Vec<i16>,
    /// When it ended.
    ended: Option<Instant>,
}

/// Who hears.
struct Current {
    index: usize,
    session: Session,
    /// How long it may take for a text, when somebody stands behind it.
    patience: Option<Duration>,
}

struct Hearing {
    inner: Arc<Inner>,
    options: Options,
    /// Who has not been asked yet.
    rest: VecDeque<usize>,
    current: Option<Current>,
    /// Oldest first; the last may still be open.
    kept: VecDeque<Kept>,
}

impl Hearing {
    async fn run(
        mut self,
        mut inputs: mpsc::Receiver<Input>,
        events: &Sender,
    ) -> Result<(), ProviderError> {
        let mut over = false;
        loop {
            if over && self.kept.is_empty() {
                return Ok(());
            }
            let deadline = self.deadline();
            let owed = self.kept.iter().filter(|kept| kept.ended.is_some()).count();
            tokio::select! {
                input = inputs.recv(), if !over && owed < MOST_OWED => match input {
                    Some(input) => self.take(input).await?,
                    None => {
                        over = true;
                        // One that was never ended has no text to wait for.
                        self.kept.retain(|kept| kept.ended.is_some());
                    }
                },
                event = next(&mut self.current) => self.on_event(event, events).await?,
                () = sleep_until(deadline.unwrap_or_else(Instant::now)), if deadline.is_some() => {
                    let error = ProviderError::TimedOut {
                        provider: self.name(),
                        after: self.current.as_ref().and_then(|current| current.patience).unwrap_or_default(),
                    };
                    self.fail_over(error).await?;
                }
            }
        }
    }

    fn name(&self) -> String {
        self.current
            .as_ref()
            .and_then(|current| self.inner.asrs.get(current.index))
            .map_or_else(String::new, |asr| asr.name().to_owned())
    }

    fn deadline(&self) -> Option<Instant> {
        let patience = self.current.as_ref()?.patience?;
        let ended = self.kept.front()?.ended?;
        Some(ended + patience)
    }

    fn is_open(&self) -> bool {
        self.kept.back().is_some_and(|kept| kept.ended.is_none())
    }

    async fn take(&mut self, input: Input) -> Result<(), ProviderError> {
        match &input {
            Input::Begin {
                utterance,
                expected,
            } => {
                // One that was never ended is forgotten.
                if self.is_open() {
                    self.kept.pop_back();
                }
                self.kept.push_back(Kept {
                    utterance: *utterance,
                    expected: expected.clone(),
                    sound: Vec::new(),
                    ended: None,
                });
            }
            Input::Audio(samples) => {
                let longest = self.options.rate.samples_in(LONGEST);
                if let Some(open) = self.kept.back_mut().filter(|kept| kept.ended.is_none()) {
                    let room = longest.saturating_sub(open.sound.len());
                    open.sound
                        .extend_from_slice(&samples[..samples.len().min(room)]);
                }
            }
            Input::End => {
                if let Some(open) = self.kept.back_mut().filter(|kept| kept.ended.is_none()) {
                    open.ended = Some(Instant::now());
                }
            }
            Input::Drop => {
                if self.is_open() {
                    self.kept.pop_back();
                }
            }
        }
        if self.current.is_none() {
            if !matches!(input, Input::Begin { .. }) {
                return Ok(());
            }
            self.start();
        }
        if let Err(error) = self.pass_on(input).await {
            // It may have said why before it went.
            let error = self.last_words().unwrap_or(error);
            self.fail_over(error).await?;
        }
        Ok(())
    }

    /// The next in the row begins.
    fn start(&mut self) {
        let Some(index) = self.rest.pop_front() else {
            return;
        };
        let Some(asr) = self.inner.asrs.get(index) else {
            return;
        };
        self.current = Some(Current {
            index,
            session: asr.start(self.options.clone()),
            patience: (!self.rest.is_empty()).then(|| asr.final_patience() * 2 / 3),
        });
    }

    async fn pass_on(&mut self, input: Input) -> Result<(), ProviderError> {
        let Some(current) = &self.current else {
            return Ok(());
        };
        let patience = if self.rest.is_empty() {
            LAST_INPUT_PATIENCE
        } else {
            INPUT_PATIENCE
        };
        let failed = |reason: &str| ProviderError::Failed {
            provider: self.name(),
            reason: reason.to_owned(),
        };
        match current.session.input.send_timeout(input, patience).await {
            Ok(()) => Ok(()),
            Err(mpsc::error::SendTimeoutError::Closed(_)) => Err(failed("it closed")),
            Err(mpsc::error::SendTimeoutError::Timeout(_)) => {
                Err(failed("it cannot keep up with speech"))
            }
        }
    }

    fn last_words(&mut self) -> Option<ProviderError> {
        let events = &mut self.current.as_mut()?.session.events;
        while let Ok(event) = events.try_recv() {
            if let Err(error) = event {
                return Some(error);
            }
        }
        None
    }

    async fn on_event(
        &mut self,
        event: Option<Result<Event, ProviderError>>,
        events: &Sender,
    ) -> Result<(), ProviderError> {
        match event {
            Some(Ok(event)) => {
                if let Event::Final { utterance, .. } = &event {
                    if !self.kept.iter().any(|kept| kept.utterance == *utterance) {
                        // Its text has come from another.
                        return Ok(());
                    }
                    self.kept.retain(|kept| kept.utterance != *utterance);
                    if let Some(current) = &self.current {
                        self.inner.health.worked(current.index);
                    }
                }
                // Whoever went away is noticed elsewhere.
                let _ = events.send(Ok(event)).await;
                Ok(())
            }
            Some(Err(error)) => self.fail_over(error).await,
            None => self.fail_over(hung_up(self.name())).await,
        }
    }

    /// The next in the row hears all that has no text.
    async fn fail_over(&mut self, error: ProviderError) -> Result<(), ProviderError> {
        let mut error = error;
        loop {
            if let Some(current) = self.current.take() {
                self.inner.health.failed(current.index, &error);
            }
            if self.rest.is_empty() {
                return Err(error);
            }
            self.start();
            tracing::warn!(%error, next = self.name(), "another recogniser hears");
            match self.replay().await {
                Ok(()) => return Ok(()),
                Err(also) => error = self.last_words().unwrap_or(also),
            }
        }
    }

    async fn replay(&mut self) -> Result<(), ProviderError> {
        let now = Instant::now();
        let mut inputs = Vec::new();
        let piece = self
            .options
            .rate
            .samples_in(Duration::from_millis(100))
            .max(1);
        for kept in &mut self.kept {
            inputs.push(Input::Begin {
                utterance: kept.utterance,
                expected: kept.expected.clone(),
            });
            inputs.extend(
                kept.sound
                    .chunks(piece)
                    .map(|sound| Input::Audio(sound.to_vec())),
            );
            if let Some(ended) = &mut kept.ended {
                *ended = now;
                inputs.push(Input::End);
            }
        }
        for input in inputs {
            self.pass_on(input).await?;
        }
        Ok(())
    }
}

async fn next(current: &mut Option<Current>) -> Option<Result<Event, ProviderError>> {
    match current {
        Some(current) => current.session.events.recv().await,
        None => std::future::pending().await,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// How a recogniser fails, and after how many samples of an utterance.
    #[derive(Clone, Copy, Debug, PartialEq)]
    enum Fault {
        None,
        Refuses,
        Closes(usize),
        Hangs,
        Stuck,
    }

    struct Counts(Fault);

    impl Asr for Counts {
        fn name(&self) -> &'static str {
            "counts"
        }
        fn languages(&self) -> &[&str] {
            &["en"]
        }
        fn start(&self, _: Options) -> Session {
            let (input, mut inputs) = mpsc::channel(4);
            let (sender, events) = mpsc::channel(8);
            let fault = self.0;
            tokio::spawn(async move {
                let mut now = (0, 0);
                while let Some(input) = inputs.recv().await {
                    match input {
                        Input::Begin { utterance, .. } => now = (utterance, 0),
                        Input::Audio(samples) => now.1 += samples.len(),
                        Input::End if fault == Fault::Hangs => {}
                        Input::End => {
                            let text = format!("{} samples", now.1);
                            let _ = sender
                                .send(Ok(Event::Final {
                                    utterance: now.0,
                                    text,
                                }))
                                .await;
                        }
                        Input::Drop => {}
                    }
                    match fault {
                        Fault::Refuses => {
                            let error = ProviderError::Unauthorised {
                                provider: "counts".to_owned(),
                                reason: "no".to_owned(),
                            };
                            let _ = sender.send(Err(error)).await;
                            return;
                        }
                        Fault::Closes(after) if now.1 >= after => return,
                        Fault::Stuck => std::future::pending().await,
                        _ => {}
                    }
                }
            });
            Session { input, events }
        }
    }

    async fn heard(first: Fault) -> Vec<String> {
        let cascade =
            AsrCascade::new(vec![Arc::new(Counts(first)), Arc::new(Counts(Fault::None))]).unwrap();
        let mut session = cascade.start(Options::default());
        let mut texts = Vec::new();
        for utterance in 1..=2 {
            let expected = Expected::default();
            let begin = Input::Begin {
                utterance,
                expected,
            };
            session.input.send(begin).await.unwrap();
            for _ in 0..10 {
                session
                    .input
                    .send(Input::Audio(vec![1; 320]))
                    .await
                    .unwrap();
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
            session.input.send(Input::End).await.unwrap();
            match session.events.recv().await.unwrap().unwrap() {
                Event::Final {
                    utterance: of,
                    text,
                } if of == utterance => texts.push(text),
                other => panic!("{other:?}"),
            }
        }
        texts
    }

    #[tokio::test(start_paused = true)]
    async fn an_utterance_survives_whatever_happens_to_its_recogniser() {
        for fault in [
            Fault::None,
            Fault::Refuses,
            Fault::Closes(640),
            Fault::Closes(3_200),
            Fault::Hangs,
            Fault::Stuck,
        ] {
            assert_eq!(
                heard(fault).await,
                ["3200 samples", "3200 samples"],
                "{fault:?}"
            );
        }
    }

    #[tokio::test(start_paused = true)]
    async fn when_all_have_failed_one_error_is_told() {
        let refuses = || Arc::new(Counts(Fault::Refuses)) as Arc<dyn Asr>;
        let cascade = AsrCascade::new(vec![refuses(), refuses()]).unwrap();
        let mut session = cascade.start(Options::default());
        let expected = Expected::default();
        let begin = Input::Begin {
            utterance: 1,
            expected,
        };
        session.input.send(begin).await.unwrap();
        let first = session.events.recv().await;
        assert!(
            matches!(first, Some(Err(ProviderError::Unauthorised { .. }))),
            "{first:?}"
        );
        assert!(session.events.recv().await.is_none());
    }
}
