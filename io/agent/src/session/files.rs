//! Files that the user shows in the middle of a conversation.

use std::time::Duration;

use protocol::agents::MultimodalMessage;
use providers::llm::Image;
use turn::Input;

use super::Session;

/// How long a file may take to be found.
const PATIENCE: Duration = Duration::from_secs(5);
/// What stands for the words of a user who shows something and says nothing.
const NO_WORDS: &str = "(a file)";

impl Session {
    /// Pictures are shown to the llm; of other files it is told that they came.
    pub(super) async fn on_multimodal(&mut self, message: MultimodalMessage) {
        let text = message.text.map(|text| text.text);
        let text = text.filter(|text| !text.trim().is_empty());
        let mut shown = false;
        for file in message.file.iter().chain(&message.files) {
            shown = true;
            let id = &file.file_id;
            let found = match &self.options.files {
                Some(find) => tokio::time::timeout(PATIENCE, find(&self.id, id))
                    .await
                    .ok()
                    .flatten(),
                None => None,
            };
            match found {
                Some(file) if file.mime.starts_with("image/") => self.context.show(Image {
                    url: file.data_url(),
                    detail: None,
                }),
                Some(file) => {
                    let note = format!(
                        "The user sent the file {} ({}), which you cannot open.",
                        file.name, file.mime
                    );
                    self.context.note(None, note);
                }
                None => self.context.note(
                    None,
                    format!("The user sent the file {id}, which is not here."),
                ),
            }
        }
        self.tell(Input::ContextUpdated);
        if text.is_some() || shown {
            let text = text.unwrap_or_else(|| NO_WORDS.to_owned());
            self.tell(Input::UserText { text });
        }
    }
}
