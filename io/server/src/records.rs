//! What remains of conversations, and what is done about them afterwards.

mod account;
mod analysis;
mod cost;
mod delivery;
mod hooks;
mod policy;
mod scribe;
mod shown;
mod sound;
mod view;
mod work;

use std::{
    io,
    sync::{Arc, PoisonError, RwLock},
};

use agent::{NoRecorder, Recorder, Recorders, journal::Journal, recording::Recordings};
use protocol::agents::{EnclaveSetup, Initiation};
use providers::http::Authorities;
use providers::mp3::Mp3;
use serde_json::Value;
use store::{Ended, NewJob, Prices, Store, StoreError, Whole};
use tokio::sync::{Notify, Semaphore};

pub use account::Model;
pub(crate) use analysis::{Questions, answer, no_answer, object_in, transcript_text};
pub(crate) use delivery::last_failure;
pub(crate) use hooks::{SETTINGS, WEBHOOK};
pub use policy::Policy;
pub(crate) use sound::recording;
pub(crate) use view::transcript;
pub use view::{conversation as conversation_view, summary as summary_view};
pub use work::{Judge, Workers, drain};

use crate::speech::mp3::BuiltIn;
use scribe::Scribe;

/// Keeps conversations in a [`Store`]. Cheap to clone.
#[derive(Clone)]
pub struct Records {
    shared: Arc<Shared>,
}

struct Shared {
    store: Store,
    recordings: Recordings,
    prices: RwLock<Prices>,
    keep: bool,
    models: Vec<Model>,
    authorities: Authorities,
    mp3: RwLock<Arc<dyn Mp3>>,
    /// Recordings that are coded at a time.
    coding: Semaphore,
    /// There is something to do.
    work: Arc<Notify>,
}

/// How records are kept.
#[derive(Clone, Debug)]
pub struct RecordSettings {
    /// Whether anything is kept of conversations at all. Default true. False wins over what agents say.
    pub keep: bool,
    /// What llms cost. Default: nothing is known.
    pub prices: Prices,
    /// What `/v1/models` lists. Default: nothing.
    pub models: Vec<Model>,
    /// Whose certificates webhooks are sent to. Default: the public authorities.
    pub authorities: Authorities,
}

impl Default for RecordSettings {
    fn default() -> Self {
        Self {
            keep: true,
            prices: Prices::default(),
            models: Vec::new(),
            authorities: Authorities::public(),
        }
    }
}

/// What is known of a conversation before it begins.
#[derive(Clone, Copy, Debug)]
pub struct Beginning<'a> {
    /// Its id.
    pub conversation: &'a str,
    /// What people call the agent.
    pub agent_name: &'a str,
    /// The agent's JSON.
    pub agent_document: &'a Value,
    /// What the caller asks for.
    pub initiation: &'a Initiation,
    /// What the caller of the self-hosted door sent.
    pub setup: Option<&'a EnclaveSetup>,
    /// Where the call comes from, for those who do not say.
    pub source: Option<&'a str>,
}

/// Who keeps a conversation.
pub struct Kept {
    /// Its facts.
    pub recorder: Arc<dyn Recorder>,
    /// Its inputs and decisions.
    pub journal: Option<Journal>,
}

/// The kind of the job that follows every conversation.
const AFTER: &str = "after_call";

impl Records {
    /// Records in `store`. Conversations that a process left behind when it died are ended: their turns stay, their
    /// recordings are made whole, and what follows a conversation follows.
    ///
    /// # Errors
    /// The folder of the recordings cannot be used.
    pub async fn open(store: Store, settings: RecordSettings) -> io::Result<Self> {
        let recordings = Recordings::in_folder(&store.places().recordings)?;
        let records = Self {
            shared: Arc::new(Shared {
                store,
                recordings,
                prices: RwLock::new(settings.prices),
                keep: settings.keep,
                models: settings.models,
                authorities: settings.authorities,
                mp3: RwLock::new(Arc::new(BuiltIn)),
                coding: Semaphore::new(2),
                work: Arc::default(),
            }),
        };
        if let Err(error) = records.mend().await {
            tracing::error!(%error, "what an earlier run left behind could not be put in order");
        }
        Ok(records)
    }

    /// The store behind it.
    pub fn store(&self) -> &Store {
        &self.shared.store
    }

    /// Whether anything is kept of conversations.
    pub(crate) fn keeps(&self) -> bool {
        self.shared.keep
    }

    /// Keeps other prices from now on.
    pub fn set_prices(&self, prices: Prices) {
        *self
            .shared
            .prices
            .write()
            .unwrap_or_else(PoisonError::into_inner) = prices;
    }

    /// Codes recordings as MP3 with this from now on, as [`crate::Speech::with_mp3`] does speech.
    pub fn set_mp3(&self, mp3: Arc<dyn Mp3>) {
        *self
            .shared
            .mp3
            .write()
            .unwrap_or_else(PoisonError::into_inner) = mp3;
    }

    fn mp3_encoder(&self) -> Arc<dyn Mp3> {
        let mp3 = self.shared.mp3.read();
        Arc::clone(&mp3.unwrap_or_else(PoisonError::into_inner))
    }

    pub(crate) fn prices(&self) -> Prices {
        self.shared
            .prices
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    pub(crate) fn models(&self) -> &[Model] {
        &self.shared.models
    }

    /// Who keeps this conversation, as far as the server and the agent let it be kept.
    pub fn begin(&self, beginning: &Beginning<'_>) -> Kept {
        let policy = Policy::of(beginning.agent_document);
        if !self.shared.keep || policy.zero_retention {
            return Kept {
                recorder: Arc::new(NoRecorder),
                journal: None,
            };
        }
        let scribe = Arc::new(Scribe::new(self, beginning, policy));
        let recorder: Arc<dyn Recorder> = if policy.record_voice {
            // The recording's end is told before the conversation's, so that it is whole when others look.
            Arc::new(Recorders(vec![
                Arc::new(self.shared.recordings.clone()),
                scribe,
            ]))
        } else {
            scribe
        };
        let journal = self
            .shared
            .store
            .conversations()
            .journal(beginning.conversation);
        Kept {
            recorder,
            journal: journal
                .ok()
                .map(|path| Journal::new(scribe::LateFile::new(path))),
        }
    }

    /// Lets a changed agent's retention hold for the conversations it has had, if it says so.
    pub(crate) async fn apply_retention(&self, agent: &str, document: &Value) {
        let applies = "/platform_settings/privacy/apply_to_existing_conversations";
        if document.pointer(applies).and_then(Value::as_bool) != Some(true) {
            return;
        }
        let policy = Policy::of(document);
        let (mut after, _) = policy.erasure(0);
        if policy.zero_retention {
            after = Some(0);
        }
        let conversations = self.shared.store.conversations();
        if let Err(error) = conversations.keep_for(agent, after).await {
            tracing::error!(%error, agent, "the agent's retention is not applied to what it has had");
        }
    }

    /// Looks at a conversation that is over, and keeps what is found.
    pub(crate) async fn analyse(&self, whole: &Whole, judge: &Judge) -> Result<(), StoreError> {
        let questions = analysis::Questions::of(&whole.agent_document);
        let findings = match judge(&whole.summary.agent, &whole.agent_document) {
            Err(why) => questions.unanswered(whole, &why),
            Ok(llm) => match questions.ask(&llm, whole).await {
                Ok(findings) => findings,
                Err(trouble) => questions.unanswered(whole, &analysis::no_answer(&trouble)),
            },
        };
        let conversations = self.shared.store.conversations();
        let status = &whole.summary.status;
        conversations
            .found(&whole.summary.id, &findings, status, None, &[])
            .await
    }

    /// Ends what was under way in processes that live no more.
    async fn mend(&self) -> Result<(), StoreError> {
        let conversations = self.shared.store.conversations();
        for id in conversations.abandoned().await? {
            let path = conversations.recording(&id)?;
            let mended = tokio::task::spawn_blocking(move || mend_recording(&path)).await;
            if let Ok(Err(error)) = mended {
                tracing::warn!(conversation = id, %error, "the recording could not be made whole");
            }
            let ended = Ended {
                duration: None,
                termination: "the server stopped in the middle of the conversation".to_owned(),
                close_code: None,
                status: "processing".to_owned(),
                jobs: vec![after_call(&id, Value::Null)],
            };
            if conversations.end(&id, &ended).await? {
                tracing::info!(conversation = id, "ended after a crash");
            }
        }
        self.shared.store.jobs().take_over().await?;
        self.shared.work.notify_one();
        Ok(())
    }
}

/// The job that follows a conversation. Its id is the conversation's, so that there is one however often it is asked for.
fn after_call(conversation: &str, hooks: Value) -> NewJob {
    NewJob {
        id: format!("after_{conversation}"),
        kind: AFTER.to_owned(),
        conversation: Some(conversation.to_owned()),
        payload: hooks,
        due: 0,
    }
}

fn mend_recording(path: &std::path::Path) -> io::Result<()> {
    let mut file = match std::fs::File::options().read(true).write(true).open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        other => other?,
    };
    agent::recording::mend(&mut file)
        .map(drop)
        .map_err(io::Error::other)
}

impl std::fmt::Debug for Records {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "records in {}",
            self.shared.store.places().folder.display()
        )
    }
}
