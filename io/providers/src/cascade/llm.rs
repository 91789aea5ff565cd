//! Another llm when the first one fails.

use std::{sync::Arc, time::Duration};

use tokio::{
    sync::mpsc,
    time::{Instant, timeout_at},
};

use super::{Health, hung_up, nobody};
use crate::{
    ProviderError,
    llm::{Author, Event, Generation, Llm, Request},
};

/// Whoever asked and goes away after so much silence has given the llm up; before, they have changed their mind.
const GIVEN_UP: Duration = Duration::from_secs(2);

/// Llms in order of preference.
///
/// The next one is asked when one fails, says nothing, or has neither text nor tool call within its patience, as long as
/// nothing of its reply has been passed on. After that its errors are passed on like everything else: half a reply cannot
/// be taken back, and the next llm would say it again.
#[derive(Clone)]
pub struct LlmCascade {
    inner: Arc<Inner>,
}

struct Inner {
    llms: Vec<Arc<dyn Llm>>,
    patience: Duration,
    health: Health,
}

impl LlmCascade {
    /// `llms` in order; each but the last has `patience` for its first word or tool call.
    ///
    /// # Errors
    /// [`ProviderError::Unsupported`] when there is none.
    pub fn new(llms: Vec<Arc<dyn Llm>>, patience: Duration) -> Result<Self, ProviderError> {
        if llms.is_empty() {
            return Err(nobody("llm"));
        }
        Ok(Self {
            inner: Arc::new(Inner {
                health: Health::new(llms.len()),
                llms,
                patience,
            }),
        })
    }
}

impl Llm for LlmCascade {
    fn name(&self) -> &str {
        self.inner.llms.first().map_or("nobody", |llm| llm.name())
    }

    fn is_free(&self) -> bool {
        self.inner.llms.iter().all(|llm| llm.is_free())
    }

    fn generate(&self, request: Request) -> Generation {
        let (sender, receiver) = mpsc::channel(64);
        let inner = Arc::clone(&self.inner);
        tokio::spawn(async move {
            inner.run(&sender, request).await;
        });
        receiver
    }
}

type Sender = mpsc::Sender<Result<Event, ProviderError>>;

impl Inner {
    async fn run(&self, sender: &Sender, request: Request) {
        let mut order = self.health.order().into_iter().peekable();
        while let Some(index) = order.next() {
            let Some(llm) = self.llms.get(index) else {
                continue;
            };
            let generation = llm.generate(request.clone());
            if order.peek().is_none() {
                if self.introduce(sender, index).await {
                    self.rest(sender, index, generation).await;
                }
                return;
            }
            let Err(error) = self.first(sender, index, generation).await else {
                return;
            };
            tracing::warn!(%error, "asking the next llm");
            self.health.failed(index, &error);
        }
    }

    /// Says whose the following is. False: nobody listens any more.
    async fn introduce(&self, sender: &Sender, index: usize) -> bool {
        let Some(llm) = self.llms.get(index) else {
            return false;
        };
        let author = Event::By(Author::of(&**llm));
        sender.send(Ok(author)).await.is_ok()
    }

    /// The reply of one that others stand behind. An error: nothing of it was passed on but what it took.
    async fn first(
        &self,
        sender: &Sender,
        index: usize,
        mut events: Generation,
    ) -> Result<(), ProviderError> {
        let name = self.name(index);
        let until = Instant::now() + self.patience;
        // What comes before the first word counts only if that word comes.
        let mut held = Vec::new();
        loop {
            let next = tokio::select! {
                // Whoever asked is no longer interested.
                () = sender.closed() => return Ok(()),
                next = timeout_at(until, events.recv()) => next,
            };
            let event = next.unwrap_or_else(|_| {
                Some(Err(ProviderError::TimedOut {
                    provider: name.clone(),
                    after: self.patience,
                }))
            });
            let begins = matches!(event, Some(Ok(Event::Text(_) | Event::Call(_))));
            let failure = match event {
                Some(Ok(Event::Done)) | None => ProviderError::Failed {
                    provider: name.clone(),
                    reason: "it said nothing".to_owned(),
                },
                Some(Err(error)) => error,
                Some(Ok(event)) => {
                    held.push(event);
                    if begins {
                        break;
                    }
                    continue;
                }
            };
            let spent = spent(held);
            if !spent.is_empty() {
                self.pass_on(sender, index, spent).await;
            }
            return Err(failure);
        }
        if self.pass_on(sender, index, held).await {
            self.rest(sender, index, events).await;
        }
        Ok(())
    }

    /// Passes on what was held back, with the name of its author. False: nobody listens any more.
    async fn pass_on(&self, sender: &Sender, index: usize, held: Vec<Event>) -> bool {
        if !self.introduce(sender, index).await {
            return false;
        }
        for event in held {
            if sender.send(Ok(event)).await.is_err() {
                return false;
            }
        }
        true
    }

    async fn rest(&self, sender: &Sender, index: usize, mut events: Generation) {
        let mut since = Instant::now();
        loop {
            let event = tokio::select! {
                () = sender.closed() => {
                    let after = since.elapsed();
                    if after >= GIVEN_UP {
                        let provider = self.name(index);
                        self.health.failed(index, &ProviderError::TimedOut { provider, after });
                    }
                    return;
                }
                event = events.recv() => event,
            };
            since = Instant::now();
            // One that hung up in the middle: the reply is lost, and the next one is somebody else's.
            let event = event.unwrap_or_else(|| Err(hung_up(self.name(index))));
            let ends = matches!(event, Ok(Event::Done) | Err(_));
            match &event {
                Ok(Event::Done) => self.health.worked(index),
                Ok(_) => {}
                Err(error) => self.health.failed(index, error),
            }
            if sender.send(event).await.is_err() || ends {
                return;
            }
        }
    }

    fn name(&self, index: usize) -> String {
        self.llms
            .get(index)
            .map_or_else(String::new, |llm| llm.name().to_owned())
    }
}

/// What is to be told of an llm that has failed without a word: what it took, and that it thought, but not what.
fn spent(mut events: Vec<Event>) -> Vec<Event> {
    events.retain(|event| matches!(event, Event::By(_) | Event::Usage(_) | Event::Reasoning(_)));
    for event in &mut events {
        if let Event::Reasoning(text) = event {
            text.clear();
        }
    }
    events
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::llm::Usage;

    /// Says these things; then hangs if it is to.
    struct Says(&'static str, Vec<Result<Event, ProviderError>>, bool);

    impl Llm for Says {
        fn name(&self) -> &str {
            self.0
        }

        fn generate(&self, _: Request) -> Generation {
            let (sender, receiver) = mpsc::channel(8);
            let (events, hangs) = (self.1.clone(), self.2);
            tokio::spawn(async move {
                for event in events {
                    let _ = sender.send(event).await;
                }
                if hangs {
                    sender.closed().await;
                }
            });
            receiver
        }
    }

    fn failed() -> Result<Event, ProviderError> {
        Err(ProviderError::Failed {
            provider: "first".to_owned(),
            reason: "broken".to_owned(),
        })
    }

    fn text(text: &str) -> Event {
        Event::Text(text.to_owned())
    }

    fn cascade(first: Vec<Result<Event, ProviderError>>, hangs: bool) -> LlmCascade {
        let backup = Says("backup", vec![Ok(text("backup")), Ok(Event::Done)], false);
        LlmCascade::new(
            vec![Arc::new(Says("first", first, hangs)), Arc::new(backup)],
            Duration::from_secs(4),
        )
        .unwrap()
    }

    async fn said(cascade: &LlmCascade) -> Vec<String> {
        let mut events = cascade.generate(Request::default());
        let mut said = Vec::new();
        while let Some(event) = events.recv().await {
            said.push(match event {
                Ok(Event::Text(text)) => text,
                Ok(Event::Usage(_)) => "usage".to_owned(),
                Ok(Event::By(author)) => format!("by {}", author.name),
                Ok(Event::Reasoning(text)) => format!("thinks {text}"),
                Ok(_) => "done".to_owned(),
                Err(_) => "error".to_owned(),
            });
        }
        said
    }

    #[tokio::test]
    async fn a_reply_that_comes_is_passed_on_whole() {
        let usage = Event::Usage(Usage::default());
        let reply = vec![Ok(usage), Ok(text("one")), Ok(text("two")), Ok(Event::Done)];
        assert_eq!(
            said(&cascade(reply, false)).await,
            ["by first", "usage", "one", "two", "done"]
        );
    }

    #[tokio::test(start_paused = true)]
    async fn an_error_or_silence_before_the_first_word_asks_the_next() {
        for (events, hangs) in [
            (vec![failed()], false),
            (vec![], false),
            (vec![], true),
            (vec![Ok(Event::Done)], false),
        ] {
            let cascade = cascade(events.clone(), hangs);
            let wanted = ["by backup", "backup", "done"];
            assert_eq!(said(&cascade).await, wanted, "{events:?}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn what_one_used_before_it_failed_stays_its_own() {
        let thinks = Ok(Event::Reasoning("Let me see.".to_owned()));
        let usage = Ok(Event::Usage(Usage::default()));
        for (events, hangs, told) in [
            (vec![usage.clone(), Ok(Event::Done)], false, vec!["usage"]),
            (
                vec![thinks.clone(), usage.clone(), failed()],
                false,
                vec!["thinks ", "usage"],
            ),
            (vec![thinks], true, vec!["thinks "]),
        ] {
            let cascade = cascade(events.clone(), hangs);
            let mut wanted = vec!["by first"];
            wanted.extend(told);
            wanted.extend(["by backup", "backup", "done"]);
            assert_eq!(said(&cascade).await, wanted, "{events:?}");
        }
    }

    #[tokio::test]
    async fn what_one_thinks_is_passed_on_with_its_first_word() {
        let thinks = Ok(Event::Reasoning("Let me see.".to_owned()));
        let reply = vec![thinks, Ok(text("one")), Ok(Event::Done)];
        assert_eq!(
            said(&cascade(reply, false)).await,
            ["by first", "thinks Let me see.", "one", "done"]
        );
    }

    #[tokio::test]
    async fn an_error_in_the_middle_of_a_reply_is_told() {
        assert_eq!(
            said(&cascade(vec![Ok(text("one")), failed()], false)).await,
            ["by first", "one", "error"]
        );
    }

    #[tokio::test]
    async fn one_that_hangs_up_in_the_middle_is_told_and_asked_last() {
        let cascade = cascade(vec![Ok(text("one"))], false);
        assert_eq!(said(&cascade).await, ["by first", "one", "error"]);
        assert_eq!(said(&cascade).await, ["by backup", "backup", "done"]);
    }

    #[tokio::test(start_paused = true)]
    async fn one_that_stalls_in_the_middle_is_asked_last_and_one_that_is_interrupted_is_not() {
        for (waited, next) in [(2_500, vec!["backup", "done"]), (500, vec!["one"])] {
            let cascade = cascade(vec![Ok(text("one"))], true);
            let mut events = cascade.generate(Request::default());
            assert!(matches!(events.recv().await, Some(Ok(Event::By(_)))));
            assert!(matches!(events.recv().await, Some(Ok(Event::Text(_)))));
            tokio::time::sleep(Duration::from_millis(waited)).await;
            drop(events);
            tokio::time::sleep(Duration::from_millis(1)).await;
            let mut events = cascade.generate(Request::default());
            assert!(matches!(events.recv().await, Some(Ok(Event::By(_)))));
            let mut said = Vec::new();
            for _ in &next {
                match events.recv().await {
                    Some(Ok(Event::Text(text))) => said.push(text),
                    other => said.push(format!("{:?}", other.map(|event| event.is_ok()))),
                }
            }
            let next: Vec<&str> = next
                .into_iter()
                .map(|word| if word == "done" { "Some(true)" } else { word })
                .collect();
            assert_eq!(said, next, "{waited}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn one_that_hangs_costs_one_wait_and_not_one_in_every_turn() {
        let cascade = cascade(vec![], true);
        let began = Instant::now();
        said(&cascade).await;
        assert_eq!(began.elapsed().as_secs(), 4);
        said(&cascade).await;
        assert_eq!(began.elapsed().as_secs(), 4);
    }
}
