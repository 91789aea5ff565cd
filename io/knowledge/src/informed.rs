//! An llm that reads before it answers.

use std::{fmt::Write as _, sync::Arc, time::Duration};

use providers::{
    ProviderError,
    llm::{Event, Generation, Llm, Message, Request},
};
use tokio::{sync::mpsc, time::timeout};

use crate::Library;

/// Looking things up takes no longer: an answer without them is better than none.
const PATIENCE: Duration = Duration::from_secs(2);
/// So much of it is read for one answer, in bytes.
const MOST_READ: usize = 6_000;
/// So many passages are read for one answer.
const MOST: usize = 5;

/// Another llm, which is told the passages that fit what was just said. They are told for one answer, and do not stay in
/// the conversation.
pub struct Informed {
    inner: Arc<dyn Llm>,
    library: Library,
    /// What is read as a whole, before everything else.
    whole: Vec<String>,
    /// What is looked through.
    documents: Vec<String>,
    most: usize,
}

impl Informed {
    /// `inner`, with `whole` documents in its prompt, and `documents` (folders with all that is in them) to be looked
    /// through at every turn. `most` passages are read for one answer; none: 5.
    pub fn new(
        inner: Arc<dyn Llm>,
        library: Library,
        whole: Vec<String>,
        documents: Vec<String>,
        most: Option<usize>,
    ) -> Self {
        Self {
            inner,
            library,
            whole,
            documents,
            most: most.unwrap_or(MOST).clamp(1, 20),
        }
    }
}

impl Llm for Informed {
    fn name(&self) -> &str {
        self.inner.name()
    }

    fn can_judge(&self) -> bool {
        self.inner.can_judge()
    }

    fn is_free(&self) -> bool {
        self.inner.is_free()
    }

    fn generate(&self, mut request: Request) -> Generation {
        let (sender, receiver) = mpsc::channel::<Result<Event, ProviderError>>(64);
        let inner = Arc::clone(&self.inner);
        let library = self.library.clone();
        let (whole, documents, most) = (self.whole.clone(), self.documents.clone(), self.most);
        tokio::spawn(async move {
            let work = async {
                let read = read(&library, &whole, &documents, most, &mut request);
                if timeout(PATIENCE, read).await.is_err() {
                    tracing::warn!("looking into the documents took too long; answering without");
                }
                let mut events = inner.generate(request);
                while let Some(event) = events.recv().await {
                    if sender.send(event).await.is_err() {
                        return;
                    }
                }
            };
            tokio::select! {
                () = work => {}
                // Whoever asked is no longer interested.
                () = sender.closed() => {}
            }
        });
        receiver
    }
}

async fn read(
    library: &Library,
    whole: &[String],
    documents: &[String],
    most: usize,
    request: &mut Request,
) {
    for id in whole {
        let (Ok(document), Ok(text)) = (library.get(id).await, library.text(id).await) else {
            tracing::warn!(document = id, "a document of the agent is not there");
            continue;
        };
        let _ = write!(request.prompt, "\n\n# {}\n{text}", document.name);
    }
    let said: Vec<&str> = request
        .messages
        .iter()
        .rev()
        .filter_map(|message| match message {
            Message::User(text) => Some(text.as_str()),
            _ => None,
        })
        .take(2)
        .collect();
    let Some(last) = said.first() else {
        return;
    };
    let mut hits = library.search(last, Some(documents), most).await;
    // "And on Sundays?" is only understood with what was asked before.
    if let (Ok(found), Some(before)) = (&hits, said.get(1))
        && found.is_empty()
    {
        hits = library.search(before, Some(documents), most).await;
    }
    let hits = match hits {
        Ok(hits) => hits,
        Err(error) => {
            tracing::warn!(%error, "the documents could not be looked through");
            return;
        }
    };
    let mut text = String::new();
    for hit in hits {
        if text.len() + hit.text.len() > MOST_READ {
            break;
        }
        let _ = write!(text, "# {}\n{}\n", hit.name, hit.text);
    }
    if text.is_empty() {
        return;
    }
    let at = request
        .messages
        .iter()
        .rposition(|message| matches!(message, Message::User(_)))
        .unwrap_or(request.messages.len());
    request.messages.insert(
        at,
        Message::Context(format!("# From the agent's documents\n{text}")),
    );
}
