//! Another llm when the first one fails.

use std::{sync::Arc, time::Duration};

use providers::{
    ProviderError,
    llm::{Event, Generation, Llm, Request},
};
use tokio::{sync::mpsc, time::timeout};

/// Llms in order of preference.
///
/// The next one is asked when one fails, or says nothing for too long, before anything of its reply has been passed on.
/// After that its errors are passed on like everything else: half a reply cannot be taken back.
pub(super) struct Cascade {
    first: Arc<dyn Llm>,
    backup: Arc<dyn Llm>,
    patience: Duration,
}

impl Cascade {
    /// `backup` is asked when nothing useful comes from `first` within `patience`.
    pub(super) fn new(first: Arc<dyn Llm>, backup: Arc<dyn Llm>, patience: Duration) -> Self {
        Self {
            first,
            backup,
            patience,
        }
    }
}

impl Llm for Cascade {
    fn name(&self) -> &str {
        self.first.name()
    }

    fn generate(&self, request: Request) -> Generation {
        let (sender, receiver) = mpsc::channel(64);
        let first = self.first.generate(request.clone());
        let name = self.first.name().to_owned();
        let backup = Arc::clone(&self.backup);
        let patience = self.patience;
        tokio::spawn(async move {
            tokio::select! {
                // Whoever asked is no longer interested.
                () = sender.closed() => {}
                () = pass_on(&sender, first, name, backup, request, patience) => {}
            }
        });
        receiver
    }
}

async fn pass_on(
    sender: &mpsc::Sender<Result<Event, ProviderError>>,
    mut first: Generation,
    name: String,
    backup: Arc<dyn Llm>,
    request: Request,
    patience: Duration,
) {
    let error = match timeout(patience, first.recv()).await {
        Ok(Some(Ok(event))) => {
            if sender.send(Ok(event)).await.is_ok() {
                all(sender, first).await;
            }
            return;
        }
        Ok(Some(Err(error))) => error,
        Ok(None) => ProviderError::Failed {
            provider: name,
            reason: "it said nothing".to_owned(),
        },
        Err(_) => ProviderError::TimedOut {
            provider: name,
            after: patience,
        },
    };
    tracing::warn!(%error, backup = backup.name(), "asking the backup");
    drop(first);
    all(sender, backup.generate(request)).await;
}

async fn all(sender: &mpsc::Sender<Result<Event, ProviderError>>, mut events: Generation) {
    while let Some(event) = events.recv().await {
        if sender.send(event).await.is_err() {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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

    async fn said(first: Vec<Result<Event, ProviderError>>, hangs: bool) -> Vec<String> {
        let backup = Says("backup", vec![Ok(text("backup")), Ok(Event::Done)], false);
        let cascade = Cascade::new(
            Arc::new(Says("first", first, hangs)),
            Arc::new(backup),
            Duration::from_millis(50),
        );
        let mut events = cascade.generate(Request::default());
        let mut said = Vec::new();
        while let Some(event) = events.recv().await {
            said.push(match event {
                Ok(Event::Text(text)) => text,
                Ok(_) => "done".to_owned(),
                Err(_) => "error".to_owned(),
            });
        }
        said
    }

    #[tokio::test]
    async fn a_reply_that_comes_is_passed_on_whole() {
        let reply = vec![Ok(text("one")), Ok(text("two")), Ok(Event::Done)];
        assert_eq!(said(reply, false).await, ["one", "two", "done"]);
    }

    #[tokio::test]
    async fn an_error_or_silence_before_the_first_word_asks_the_backup() {
        assert_eq!(said(vec![failed()], false).await, ["backup", "done"]);
        assert_eq!(said(Vec::new(), false).await, ["backup", "done"]);
        assert_eq!(said(Vec::new(), true).await, ["backup", "done"]);
    }

    #[tokio::test]
    async fn an_error_in_the_middle_of_a_reply_is_told() {
        assert_eq!(
            said(vec![Ok(text("one")), failed()], false).await,
            ["one", "error"]
        );
    }
}
