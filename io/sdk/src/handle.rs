//! Saying things from elsewhere.

use protocol::agents::{
    AudioBytes, EventId, FileInput, MultimodalMessage, Score, TextInput, client::Command,
};
use serde_json::Value;
use tokio::sync::mpsc;

/// How many commands may wait to be carried out.
pub(crate) const COMMANDS: usize = 64;

/// The conversation is over, or nobody holds it any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the conversation is over")]
pub struct Over;

/// Says and does things in a conversation that somebody else pulls events from. Cheap to clone.
///
/// Commands are carried out while events are pulled; up to 64 wait. What cannot be done comes back as
/// [`Event::Refused`](crate::Event::Refused).
#[derive(Clone, Debug)]
pub struct Handle {
    commands: mpsc::Sender<Command>,
}

impl Handle {
    pub(crate) fn new() -> (Self, mpsc::Receiver<Command>) {
        let (commands, receiver) = mpsc::channel(COMMANDS);
        (Self { commands }, receiver)
    }

    /// Any command.
    pub async fn command(&self, command: Command) -> Result<(), Over> {
        self.commands.send(command).await.map_err(|_| Over)
    }

    /// Text that counts as finished speech of the user: it interrupts the agent and asks for an answer.
    pub async fn say(&self, text: impl Into<String>) -> Result<(), Over> {
        self.command(Command::Text {
            text: text.into(),
            rich_content_id: None,
        })
        .await
    }

    /// Something the agent should know. It interrupts nothing and asks for no answer.
    pub async fn context(&self, text: impl Into<String>) -> Result<(), Over> {
        self.command(Command::Context {
            text: text.into(),
            context_id: None,
        })
        .await
    }

    /// As [`Handle::context`]; a later text with the same id takes its place.
    pub async fn context_as(
        &self,
        id: impl Into<String>,
        text: impl Into<String>,
    ) -> Result<(), Over> {
        self.command(Command::Context {
            text: text.into(),
            context_id: Some(id.into()),
        })
        .await
    }

    /// The user is typing: the agent must not prompt.
    pub async fn activity(&self) -> Result<(), Over> {
        self.command(Command::Activity).await
    }

    /// A piece of the user's sound, in the format of [`Session::input`](crate::Session::input).
    pub async fn audio(&self, sound: impl Into<AudioBytes>) -> Result<(), Over> {
        self.command(Command::Audio(sound.into())).await
    }

    /// Text, a file that was uploaded before, or both, as one turn of the user.
    pub async fn multimodal(
        &self,
        text: Option<String>,
        file_id: Option<String>,
    ) -> Result<(), Over> {
        self.command(Command::Multimodal(MultimodalMessage {
            text: text.map(|text| TextInput { text }),
            file: file_id.map(|file_id| FileInput { file_id }),
            files: Vec::new(),
        }))
        .await
    }

    /// An opinion on the agent's latest answer, or on that with `event_id`; none takes it back.
    pub async fn rate(&self, score: Option<Score>, event_id: Option<EventId>) -> Result<(), Over> {
        self.command(Command::Rate { score, event_id }).await
    }

    /// The answer to [`Event::CallTool`](crate::Event::CallTool), by those who run tools themselves.
    pub async fn tool_result(
        &self,
        tool_call_id: impl Into<String>,
        result: Result<Value, String>,
    ) -> Result<(), Over> {
        let is_error = result.is_err();
        self.command(Command::ToolResult {
            tool_call_id: tool_call_id.into(),
            result: result.unwrap_or_else(Value::String),
            is_error,
        })
        .await
    }

    /// The answer to [`Event::AskApproval`](crate::Event::AskApproval).
    pub async fn approve(
        &self,
        tool_call_id: impl Into<String>,
        is_approved: bool,
    ) -> Result<(), Over> {
        self.command(Command::Approve {
            tool_call_id: tool_call_id.into(),
            is_approved,
        })
        .await
    }

    /// Ends the conversation. [`Event::Ended`](crate::Event::Ended) follows.
    pub async fn end(&self) -> Result<(), Over> {
        self.command(Command::End).await
    }
}
