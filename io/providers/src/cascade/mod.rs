//! Another provider when one fails: the same traits over several vendors, in order of preference.
//!
//! * [`LlmCascade`] asks the next llm while nothing of a reply has been passed on. Half a reply is never said twice.
//! * [`AsrCascade`] gives the next recogniser the sound of every utterance that still waits for its text.
//! * [`TtsCascade`] has the next voice say what has not been spoken yet.
//!
//! A provider that failed is not asked first again for a while ([`COOL_DOWN`], or as long as it said itself), so that one
//! that hangs costs one wait and not one in every turn.

mod asr;
mod llm;
mod tts;

use std::{
    collections::VecDeque,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use tokio::{sync::mpsc, time::Instant};

use crate::ProviderError;

pub use asr::AsrCascade;
pub use llm::LlmCascade;
pub use tts::{TtsCascade, VOICE_PATIENCE};

/// How long a provider that failed is asked last.
pub const COOL_DOWN: Duration = Duration::from_secs(30);
/// The same for one that refused the key or is not installed: somebody has to mend that.
const LONG_COOL_DOWN: Duration = Duration::from_mins(5);

/// Which providers failed lately, shared by all conversations.
#[derive(Debug)]
struct Health(Mutex<Vec<Option<Instant>>>);

impl Health {
    fn new(count: usize) -> Self {
        Self(Mutex::new(vec![None; count]))
    }

    /// All providers, the ones to prefer first. Those that failed lately come last, in their old order.
    fn order(&self) -> Vec<usize> {
        let now = Instant::now();
        let until = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let ill = |index: &usize| until[*index].is_some_and(|until| until > now);
        let (last, mut first): (Vec<usize>, Vec<usize>) = (0..until.len()).partition(ill);
        first.extend(last);
        first
    }

    fn is_resting(&self, index: usize) -> bool {
        let until = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let until = until.get(index).copied().flatten();
        until.is_some_and(|until| until > Instant::now())
    }

    fn failed(&self, index: usize, error: &ProviderError) {
        let rest = match error {
            // That is about the request, not about the provider.
            ProviderError::Unsupported { .. } => return,
            ProviderError::Unauthorised { .. } | ProviderError::Missing { .. } => LONG_COOL_DOWN,
            ProviderError::RateLimited { retry_after, .. } => {
                retry_after.unwrap_or(COOL_DOWN).min(LONG_COOL_DOWN)
            }
            _ => COOL_DOWN,
        };
        self.set(index, Some(Instant::now() + rest));
    }

    fn worked(&self, index: usize) {
        self.set(index, None);
    }

    fn set(&self, index: usize, until: Option<Instant>) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(entry) = all.get_mut(index) {
            *entry = until;
        }
    }
}

/// The languages of the provider that has most; none when one of them does not say.
fn widest<'a>(lists: impl Iterator<Item = &'a [&'a str]>) -> &'a [&'a str] {
    let mut widest: &[&str] = &[];
    for list in lists {
        if list.is_empty() {
            return &[];
        }
        if list.len() > widest.len() {
            widest = list;
        }
    }
    widest
}

/// All providers in the order in which they are asked, but for those that do not speak the language. Where none does, the first
/// is asked all the same, and says so.
fn in_turn<'a>(
    health: &Health,
    language: &str,
    languages: impl Fn(usize) -> Option<&'a [&'a str]>,
) -> VecDeque<usize> {
    let order = health.order();
    let first = order.first().copied();
    let able: VecDeque<usize> = order
        .into_iter()
        .filter(|index| languages(*index).is_some_and(|known| speaks(known, language)))
        .collect();
    if able.is_empty() {
        first.into_iter().collect()
    } else {
        able
    }
}

/// Passes on what `run` makes of a session's inputs, and its error, if there is one. Whoever asked and went away ends it.
fn spawn_session<I: Send + 'static, E: Send + 'static, F>(
    run: impl FnOnce(mpsc::Receiver<I>, mpsc::Sender<Result<E, ProviderError>>) -> F,
    room: usize,
) -> (mpsc::Sender<I>, mpsc::Receiver<Result<E, ProviderError>>)
where
    F: Future<Output = Result<(), ProviderError>> + Send + 'static,
{
    let (input, inputs) = mpsc::channel(64);
    let (sender, events) = mpsc::channel(room);
    let work = run(inputs, sender.clone());
    tokio::spawn(async move {
        tokio::select! {
            () = sender.closed() => {}
            result = work => {
                if let Err(error) = result {
                    let _ = sender.send(Err(error)).await;
                }
            }
        }
    });
    (input, events)
}

/// The session of one that went away without a word.
fn hung_up(provider: String) -> ProviderError {
    ProviderError::Failed {
        provider,
        reason: "it closed in the middle".to_owned(),
    }
}

fn speaks(languages: &[&str], language: &str) -> bool {
    let base = language.split('-').next().unwrap_or_default();
    languages.is_empty() || languages.contains(&base)
}

/// A cascade needs somebody to ask.
fn nobody(kind: &str) -> ProviderError {
    ProviderError::Unsupported {
        provider: kind.to_owned(),
        reason: "no provider was named".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn who_failed_is_asked_last_for_a_while() {
        let health = Health::new(3);
        let failed = ProviderError::Failed {
            provider: "first".to_owned(),
            reason: "broken".to_owned(),
        };
        health.failed(0, &failed);
        assert_eq!(health.order(), [1, 2, 0]);
        tokio::time::advance(COOL_DOWN).await;
        assert_eq!(health.order(), [0, 1, 2]);
        let limited = ProviderError::RateLimited {
            provider: "first".to_owned(),
            retry_after: Some(Duration::from_secs(90)),
        };
        health.failed(1, &limited);
        tokio::time::advance(Duration::from_mins(1)).await;
        assert_eq!(health.order(), [0, 2, 1]);
        health.worked(1);
        assert_eq!(health.order(), [0, 1, 2]);
    }
}
