//! One conversation being listened to: sound in, texts out.

use std::{future::Future, pin::Pin, sync::Arc, time::Duration};

use audio::{Resampler, SampleRate};
use providers::{
    ProviderError,
    asr::{Event, Input, Options},
};
use tokio::sync::{AcquireError, OwnedSemaphorePermit, mpsc};

use super::{
    PROVIDER,
    ffi::Normalisation,
    grammar::{self, Grammar},
    keywords::Keywords,
    pool::{Lease, Pool},
    stable::Stable,
};

type Sent = Result<Event, ProviderError>;
type Waiting = Pin<Box<dyn Future<Output = Result<OwnedSemaphorePermit, AcquireError>> + Send>>;

const RATE: SampleRate = SampleRate::HZ_16000;
/// The decoder is fed so much at a time; the text is looked at after each.
const STEP: usize = 960;

/// Listens until the sound ends or nobody wants the texts.
pub(super) async fn run(
    pool: Arc<Pool>,
    options: Options,
    longest: Duration,
    mut sound: mpsc::Receiver<Input>,
    texts: mpsc::Sender<Sent>,
) {
    let conversation = Conversation {
        pool,
        partials: options.partials,
        longest: RATE.samples_in(longest),
        channel: None,
        keywords: None,
        texts: texts.clone(),
    };
    tokio::select! {
        () = texts.closed() => {}
        result = listen(conversation, &options, &mut sound) => {
            if let Err(error) = result {
                // Fails only when nobody listens.
                let _ = texts.send(Err(error)).await;
            }
        }
    }
}

async fn listen(
    mut conversation: Conversation,
    options: &Options,
    sound: &mut mpsc::Receiver<Input>,
) -> Result<(), ProviderError> {
    if !options.language.is_empty() && !options.language.starts_with("en") {
        return Err(ProviderError::Unsupported {
            provider: PROVIDER.to_owned(),
            reason: format!("it understands English, not {:?}", options.language),
        });
    }
    let mut resampler = Resampler::new(options.rate, RATE);
    let mut current: Option<Utterance> = None;
    loop {
        let waiting = current
            .as_mut()
            .and_then(|utterance| utterance.waiting.as_mut());
        let input = tokio::select! {
            biased;
            place = wait(waiting) => {
                if let (Some(utterance), Ok(place)) = (current.as_mut(), place) {
                    utterance.waiting = None;
                    conversation.lease(utterance, place).await?;
                    conversation.hear(utterance).await?;
                }
                continue;
            }
            input = sound.recv() => input,
        };
        match input {
            None => return Ok(()),
            Some(Input::Begin {
                utterance,
                expected,
            }) => {
                // One that was never ended is forgotten.
                drop(current.take());
                conversation.keywords(&options.keywords).await?;
                let grammar = conversation.grammar(expected).await?;
                resampler = Resampler::new(options.rate, RATE);
                current = Some(Utterance {
                    id: utterance,
                    grammar,
                    samples: Vec::new(),
                    heard: 0,
                    waiting: None,
                    lease: None,
                    stable: Stable::default(),
                });
            }
            Some(Input::Audio(samples)) => {
                let Some(utterance) = current.as_mut() else {
                    continue;
                };
                let samples = resampler.push(&samples);
                let room = conversation
                    .longest
                    .saturating_sub(utterance.samples.len())
                    .min(samples.len());
                utterance.samples.extend_from_slice(&samples[..room]);
                if utterance.lease.is_some() {
                    conversation.hear(utterance).await?;
                } else if utterance.waiting.is_none() && !utterance.samples.is_empty() {
                    let places = Arc::clone(&conversation.pool.free_places);
                    utterance.waiting = Some(Box::pin(places.acquire_owned()));
                }
            }
            Some(Input::End) => {
                if let Some(mut utterance) = current.take() {
                    utterance.samples.extend(resampler.flush());
                    if let Some(waiting) = utterance.waiting.take() {
                        let place = waiting.await.map_err(|_| stopped())?;
                        conversation.lease(&mut utterance, place).await?;
                    }
                    conversation.finish(utterance).await?;
                }
            }
            Some(Input::Drop) => drop(current.take()),
        }
    }
}

/// A place in the pool, if one is waited for.
async fn wait(waiting: Option<&mut Waiting>) -> Result<OwnedSemaphorePermit, AcquireError> {
    match waiting {
        Some(waiting) => waiting.await,
        None => std::future::pending().await,
    }
}

/// What outlives an utterance.
struct Conversation {
    pool: Arc<Pool>,
    partials: bool,
    /// Samples of the longest utterance.
    longest: usize,
    /// What is known about the speaker's channel.
    channel: Option<Normalisation>,
    /// What is likely throughout; none before the first utterance.
    keywords: Option<Arc<Keywords>>,
    texts: mpsc::Sender<Sent>,
}

/// An utterance under way.
struct Utterance {
    id: u64,
    grammar: Option<Arc<Grammar>>,
    samples: Vec<i16>,
    /// Samples the decoder has had.
    heard: usize,
    waiting: Option<Waiting>,
    lease: Option<Lease>,
    stable: Stable,
}

impl Conversation {
    /// Looks up how the keywords sound, once.
    async fn keywords(&mut self, terms: &[String]) -> Result<(), ProviderError> {
        if self.keywords.is_none() {
            self.keywords = Some(if terms.is_empty() {
                Arc::default()
            } else {
                let pool = Arc::clone(&self.pool);
                let terms = terms.to_vec();
                blocking(move || Ok(Arc::new(Keywords::new(&terms, &*pool.lexicon()?)))).await?
            });
        }
        Ok(())
    }

    async fn grammar(
        &self,
        expected: providers::asr::Expected,
    ) -> Result<Option<Arc<Grammar>>, ProviderError> {
        if expected.phrases.is_empty() && expected.kind.is_none() {
            return Ok(None);
        }
        let pool = Arc::clone(&self.pool);
        blocking(move || Ok(grammar::grammar(&expected, &*pool.lexicon()?).map(Arc::new))).await
    }

    /// Takes a decoder for the utterance.
    async fn lease(
        &self,
        utterance: &mut Utterance,
        place: OwnedSemaphorePermit,
    ) -> Result<(), ProviderError> {
        let pool = Arc::clone(&self.pool);
        let channel = self.channel.clone();
        let grammar = utterance.grammar.clone();
        let keywords = self.keywords.clone().unwrap_or_default();
        let lease = blocking(move || {
            let mut lease = pool.lease(place)?;
            lease
                .ears()?
                .begin(channel.as_ref(), &keywords, grammar.as_deref())?;
            Ok(lease)
        })
        .await?;
        utterance.lease = Some(lease);
        Ok(())
    }

    /// Gives the decoder what it has not had.
    async fn hear(&self, utterance: &mut Utterance) -> Result<(), ProviderError> {
        let Some(mut lease) = utterance.lease.take() else {
            return Ok(());
        };
        let samples = utterance.samples[utterance.heard..].to_vec();
        let mut at = utterance.heard;
        utterance.heard = utterance.samples.len();
        let mut stable = std::mem::take(&mut utterance.stable);
        let partials = self.partials;
        let (lease, stable, partial) = blocking(move || {
            let mut partial = None;
            for step in samples.chunks(STEP) {
                lease.ears()?.hear(step)?;
                at += step.len();
                if partials {
                    let text = lease.ears()?.text();
                    if let Some(text) = stable.follow(RATE.duration_of(at), &text) {
                        partial = Some(text.to_owned());
                    }
                }
            }
            Ok((lease, stable, partial))
        })
        .await?;
        utterance.lease = Some(lease);
        utterance.stable = stable;
        if let Some(text) = partial {
            // A partial for which there is no room is out of date by the time there is.
            let _ = self.texts.try_send(Ok(Event::Partial {
                utterance: utterance.id,
                text,
            }));
        }
        Ok(())
    }

    /// Ends the utterance and says what it was.
    async fn finish(&mut self, mut utterance: Utterance) -> Result<(), ProviderError> {
        let mut text = String::new();
        if let Some(mut lease) = utterance.lease.take() {
            let pool = Arc::clone(&self.pool);
            let (heard, channel) = blocking(move || {
                let ears = lease.ears()?;
                for step in utterance.samples[utterance.heard..].chunks(STEP) {
                    ears.hear(step)?;
                }
                let whole = pool.repeatable.then_some(utterance.samples.as_slice());
                ears.end(whole, utterance.grammar.as_deref(), &*pool.lexicon()?)
            })
            .await?;
            tracing::debug!(?heard, "an utterance was heard");
            if !self.pool.repeatable {
                self.channel = Some(channel);
            }
            heard.text().clone_into(&mut text);
        }
        let _ = self
            .texts
            .send(Ok(Event::Final {
                utterance: utterance.id,
                text,
            }))
            .await;
        Ok(())
    }
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, ProviderError> + Send + 'static,
) -> Result<T, ProviderError> {
    tokio::task::spawn_blocking(work)
        .await
        .map_err(|_| stopped())?
}

/// The program is ending.
fn stopped() -> ProviderError {
    ProviderError::Failed {
        provider: PROVIDER.to_owned(),
        reason: "the worker has stopped".to_owned(),
    }
}
