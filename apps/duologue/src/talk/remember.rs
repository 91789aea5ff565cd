//! The conversation among the records of this machine.

use std::{path::PathBuf, sync::Arc, time::Duration};

use agent::{Agent, Options, Recorders};
use protocol::agents::Initiation;
use server::{Beginning, Judge, Records};

use crate::{Context, records};

/// How long what follows a conversation may take before the program ends. What is left is done by the next one.
const AFTERWARDS: Duration = Duration::from_secs(10);

/// The records, and who judges the conversation when it is over.
pub(crate) struct Remember {
    records: Records,
    judge: Judge,
    data: PathBuf,
}

impl Remember {
    /// Opens the records. Without them the conversation is held all the same.
    pub(crate) async fn open(context: &Context, agent: &Agent) -> Option<Self> {
        let settings = &context.settings;
        if !records::are_kept(settings) {
            return None;
        }
        let data = records::folder(settings, None).ok()?;
        let records = records::open(settings, &data)
            .await
            .inspect_err(|problem| {
                tracing::warn!("the conversation will not be among the records: {problem}");
            })
            .ok()?;
        let llm = agent.llm();
        let judge: Judge = Arc::new(move |_, _| {
            if llm.can_judge() {
                Ok(Arc::clone(&llm))
            } else {
                Err(format!(
                    "Not judged: the agent's replies come from {}, which cannot judge a conversation.",
                    llm.name()
                ))
            }
        });
        Some(Self {
            records,
            judge,
            data,
        })
    }

    /// Adds those who keep it to the conversation's options.
    pub(crate) fn begin(
        &self,
        conversation: &str,
        agent: &Agent,
        initiation: &Initiation,
        options: &mut Options,
    ) {
        let config = agent.config();
        let name = &config.view.name;
        let kept = self.records.begin(&Beginning {
            conversation,
            agent_name: if name.is_empty() { agent.id() } else { name },
            agent_document: &config.value,
            initiation,
            setup: None,
            source: Some("duologue_talk"),
        });
        options.recorder = Arc::new(Recorders(vec![
            Arc::clone(&options.recorder),
            kept.recorder,
        ]));
        options.journal = options.journal.take().or(kept.journal);
    }

    /// Does what follows the conversation, and closes the records.
    pub(crate) async fn finish(self) {
        let drained = server::drain(&self.records, self.judge, AFTERWARDS).await;
        if let Err(error) = drained {
            tracing::warn!(data = %self.data.display(), %error, "what follows the conversation is done another time");
        }
        self.records.store().close().await;
    }
}
