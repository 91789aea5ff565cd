//! Files that a caller shows, for the agent.

use agent::{FileFinder, ShownFile};

use super::Records;

impl Records {
    /// Finds what was uploaded into a conversation. Files of other conversations are not there.
    pub(crate) fn files(&self) -> FileFinder {
        let records = self.clone();
        std::sync::Arc::new(move |conversation, file| {
            let (records, conversation, file) =
                (records.clone(), conversation.to_owned(), file.to_owned());
            Box::pin(async move {
                let conversations = records.store().conversations();
                let files = conversations.files(&conversation).await;
                let entry = files.inspect_err(warn).ok()?;
                let entry = entry.into_iter().find(|entry| entry.id == file)?;
                let bytes = conversations.file(&file).await.inspect_err(warn).ok()??;
                Some(ShownFile {
                    name: entry.name,
                    mime: entry.mime,
                    bytes,
                })
            })
        })
    }
}

fn warn(error: &store::StoreError) {
    tracing::error!(%error, "a shown file was not read");
}
