//! The agent that most tests talk to, and what callers do.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use audio::Format;
use protocol::agents::AudioBytes;
use serde_json::{Value, json};
use server::{InProcess, Origin, StoredAgent};
use tokio::time::{Instant, sleep_until, timeout};

use super::{
    Caller, House, PATIENCE,
    fakes::{Brain, Fake},
    open,
};

const TOOLS: &str = r#"[{"type": "client", "name": "find_order", "description": "Finds.", "expects_response": true,
    "response_timeout_secs": 1, "parameters": {"type": "object", "properties": {"order": {"type": "string"}}}}]"#;

/// The desk with `changes`; all events are subscribed unless the changes say otherwise.
pub(crate) fn desk(changes: Value) -> StoredAgent {
    let toml = "name = \"Desk\"\n[conversation_config.agent]\nfirst_message = \"Hi there.\"";
    let mut agent = StoredAgent::from_file("desk", toml, Origin::Bundled).unwrap();
    let all = [
        "audio",
        "agent_response",
        "agent_response_correction",
        "agent_chat_response_part",
        "interruption",
        "user_transcript",
        "tentative_user_transcript",
        "agent_tool_request",
        "agent_tool_response",
        "agent_tool_response_full_payload",
        "vad_score",
        "context_usage",
        "agent_reasoning_response_part",
        "agent_response_complete",
        "asr_initiation_metadata",
        "internal_tentative_agent_response",
        "internal_turn_probability",
    ];
    let base = json!({"conversation_config": {
        "conversation": {"client_events": all},
        "agent": {"prompt": {"prompt": "Be short.", "tools": serde_json::from_str::<Value>(TOOLS).unwrap(),
            "built_in_tools": {"end_call": {"name": "end_call"}, "skip_turn": {"name": "skip_turn"}}}}}});
    for more in [base, changes] {
        put(&mut agent.document, more);
    }
    agent
}

pub(crate) fn put(document: &mut Value, changes: Value) {
    match (document, changes) {
        (Value::Object(document), Value::Object(changes)) => {
            for (name, change) in changes {
                put(document.entry(name).or_insert(Value::Null), change);
            }
        }
        (document, changes) => *document = changes,
    }
}

pub(crate) async fn house(changes: Value, brain: Brain) -> House {
    house_of(vec![desk(changes)], brain).await
}

/// A server of these agents.
pub(crate) async fn house_of(agents: Vec<StoredAgent>, brain: Brain) -> House {
    let mut settings = open();
    settings.limits.ping = Duration::from_millis(100);
    let answerer = InProcess::new(Arc::new(Fake(brain)), BTreeMap::new(), &settings.limits);
    House::with(settings, Arc::new(answerer), agents).await
}

pub(crate) async fn begin(house: &House, initiation: Value) -> Caller {
    let mut caller = house.call("agent_id=desk").await;
    let mut message = json!({"type": "conversation_initiation_client_data"});
    put(&mut message, initiation);
    caller.say(&message).await;
    caller
}

pub(crate) fn text_only() -> Value {
    json!({"conversation_config_override": {"text_only": true}})
}

pub(crate) async fn say(caller: &mut Caller, words: &str) {
    caller
        .say(&json!({"type": "user_message", "text": words}))
        .await;
}

pub(crate) async fn answer_ping(caller: &mut Caller, message: &Value) {
    if message["type"] == "ping" {
        caller
            .say(&json!({"type": "pong", "event_id": message["ping_event"]["event_id"]}))
            .await;
    }
}

/// The next message of this kind; pings are answered meanwhile.
pub(crate) async fn next(caller: &mut Caller, kind: &str) -> Value {
    let mut others = Vec::new();
    let found = timeout(PATIENCE, async {
        loop {
            let message = caller.next().await;
            answer_ping(caller, &message).await;
            if message["type"] == kind {
                return message;
            }
            assert_ne!(message["type"], "error", "{message}");
            if !["ping", "audio", "vad_score"].contains(&message["type"].as_str().unwrap()) {
                others.push(message);
            }
        }
    });
    let found = found.await;
    found.unwrap_or_else(|_| panic!("no {kind}, but {others:#?}"))
}

/// A caller's mouth: frames of 20 ms at the pace of sound.
pub(crate) struct Mouth {
    format: Format,
    due: Instant,
}

impl Mouth {
    pub(crate) fn new(format: &str) -> Self {
        Self {
            format: format.parse().unwrap(),
            due: Instant::now(),
        }
    }

    fn frame(&self, level: i16) -> Value {
        let samples = self.format.rate().samples_in(FRAME);
        let bytes = self.format.encode(&vec![level; samples]);
        json!({"user_audio_chunk": AudioBytes::from(bytes)})
    }

    /// Sound of this loudness; 0 is silence. What arrives meanwhile stays unread.
    pub(crate) async fn say(&mut self, caller: &mut Caller, seconds: f64, level: i16) {
        let frame = self.frame(level);
        for _ in 0..(seconds * 50.0) as usize {
            caller.say(&frame).await;
            sleep_until(self.next_due()).await;
        }
    }

    /// Silence until a message of one of these kinds; also how many frames that took.
    pub(crate) async fn quiet_until(
        &mut self,
        caller: &mut Caller,
        kinds: &[&str],
    ) -> (Value, u32) {
        let quiet = self.frame(0);
        let mut frames = 0;
        let until = Instant::now() + PATIENCE;
        let mut due = self.next_due();
        loop {
            assert!(Instant::now() < until, "none of {kinds:?}");
            tokio::select! {
                message = caller.next() => {
                    answer_ping(caller, &message).await;
                    if kinds.iter().any(|kind| message["type"] == *kind) {
                        return (message, frames);
                    }
                }
                () = sleep_until(due) => {
                    caller.say(&quiet).await;
                    frames += 1;
                    due = self.next_due();
                }
            }
        }
    }

    /// When the next frame is to be sent. A late one is not caught up with: sound that comes in a heap says nothing about
    /// pauses.
    fn next_due(&mut self) -> Instant {
        self.due = (self.due + FRAME).max(Instant::now());
        self.due
    }
}

const FRAME: Duration = Duration::from_millis(20);

/// 16 kHz sound of this loudness.
pub(crate) async fn sound(caller: &mut Caller, seconds: f64, level: i16) {
    Mouth::new("pcm_16000").say(caller, seconds, level).await;
}
