//! `/v1/convai/agents/{id}/simulate-conversation`: the agent talks, in writing, with a user whom its llm plays.

use std::{sync::Arc, time::Duration};

use axum::{
    Json, Router,
    extract::{Path, State},
    response::{IntoResponse as _, Response},
    routing::post,
};
use protocol::agents::{ClientEvent, Initiation, ServerEvent};
use providers::llm::{Event, Llm, Message, Request};
use serde_json::{Map, Value, json};
use tokio::time::timeout;

use super::body::Body;
use crate::{Begun, Call, Problem, StoredAgent, http::House, ids};

/// Turns of the user, where the request does not say how many.
const TURNS: u64 = 10;
const MOST_TURNS: u64 = 50;
/// How long either side may take for a turn.
const PATIENCE: Duration = Duration::from_mins(1);
/// What whoever plays the user says when there is nothing more to say.
const END: &str = "[END]";

pub(super) fn routes() -> Router<Arc<House>> {
    let place = "/v1/convai/agents/{id}/simulate-conversation";
    Router::new()
        .route(place, post(simulate))
        .route(&format!("{place}/stream"), post(streamed))
}

type House_ = State<Arc<House>>;

async fn simulate(
    State(house): House_,
    Path(id): Path<String>,
    Body(body): Body,
) -> Result<Json<Value>, Problem> {
    let (turns, analysis) = hold(&house, &id, &body).await?;
    Ok(Json(
        json!({"simulated_conversation": turns, "analysis": analysis}),
    ))
}

/// The same, a JSON object per line: one for each turn, and one with the analysis.
async fn streamed(
    State(house): House_,
    Path(id): Path<String>,
    Body(body): Body,
) -> Result<Response, Problem> {
    let (turns, analysis) = hold(&house, &id, &body).await?;
    let mut lines = String::new();
    for turn in turns {
        lines.push_str(&json!({"simulated_conversation": [turn]}).to_string());
        lines.push('\n');
    }
    lines.push_str(&json!({ "analysis": analysis }).to_string());
    lines.push('\n');
    Ok(([("content-type", "application/json")], lines).into_response())
}

async fn hold(house: &Arc<House>, id: &str, body: &Value) -> Result<(Vec<Value>, Value), Problem> {
    let given = body
        .get("simulation_specification")
        .filter(|given| given.is_object())
        .ok_or_else(|| Problem::missing("simulation_specification"))?;
    let user = given
        .get("simulated_user_config")
        .filter(|user| user.is_object())
        .ok_or_else(|| Problem::missing("simulation_specification.simulated_user_config"))?;
    let history = given
        .get("partial_conversation_history")
        .and_then(Value::as_array);
    if history.is_some_and(|history| !history.is_empty()) {
        return Err(Problem::not_built(
            "Simulated conversations begin at the beginning here: leave out partial_conversation_history.",
        ));
    }
    let stored = house
        .registry
        .get(id)
        .ok_or_else(|| Problem::no_agent(id))?;
    let llm = house.answerer.llm(&stored).map_err(|_| {
        Problem::not_built(
            "Nobody can play the user: this needs an agent, or a server, with a language model.",
        )
    })?;
    let (agent, initiation) = prepared(house, stored, given)?;
    let begun = house
        .answerer
        .answer(Call {
            conversation_id: ids::new("conv_"),
            agent,
            registry: Arc::clone(&house.registry),
            setup: None,
            initiation: Box::new(initiation.clone()),
            trusted: true,
        })
        .await
        .map_err(|refusal| Problem::invalid(refusal.message))?;
    let most = body.get("new_turns_limit").and_then(Value::as_u64);
    let mut talk = Talk {
        begun,
        llm,
        prompt: prompt(user),
        turns: Vec::new(),
        said: Vec::new(),
    };
    let greets = user.get("first_message").and_then(Value::as_str);
    talk.hold(
        initiation,
        greets,
        most.unwrap_or(TURNS).clamp(1, MOST_TURNS),
    )
    .await?;
    let summary = talk
        .ask("Say in one or two sentences what this conversation was about and how it ended.")
        .await;
    let analysis = json!({"call_successful": "unknown", "transcript_summary": summary.unwrap_or_default(),
        "evaluation_criteria_results": {}, "data_collection_results": {}});
    Ok((talk.turns, analysis))
}

/// The agent in writing, its tools mocked as asked.
fn prepared(
    house: &House,
    stored: Arc<StoredAgent>,
    given: &Value,
) -> Result<(Arc<StoredAgent>, Initiation), Problem> {
    let mut agent = StoredAgent::clone(&house.registry.with_tools(stored, None));
    let mocks = given.get("tool_mock_config").and_then(Value::as_object);
    let mocks: Map<String, Value> = mocks.cloned().unwrap_or_default();
    let tools = agent
        .document
        .pointer_mut("/conversation_config/agent/prompt/tools")
        .and_then(Value::as_array_mut);
    for tool in tools.into_iter().flatten() {
        let mock = tool
            .get("name")
            .and_then(Value::as_str)
            .and_then(|name| mocks.get(name));
        if let (Some(mock), Some(tool)) = (mock.cloned(), tool.as_object_mut()) {
            let answer = json!([{"mock_result": mock.get("default_return_value").cloned().unwrap_or("".into()),
                "is_error": mock.get("default_is_error") == Some(&Value::Bool(true))}]);
            tool.insert("response_mocks".to_owned(), answer);
        }
    }
    let initiation = json!({
        "dynamic_variables": given.get("dynamic_variables").cloned().unwrap_or(Value::Null),
        "tool_mock_config": {"mocking_strategy": "selected", "mocked_tool_names": mocks.keys().collect::<Vec<_>>()},
        "conversation_config_override": {"conversation": {"text_only": true, "client_events":
            ["agent_response", "user_transcript", "agent_tool_request", "agent_tool_response_full_payload"]}},
    });
    let initiation = serde_json::from_value(initiation)
        .map_err(|error| Problem::invalid(error.to_string()).at("simulation_specification"))?;
    Ok((Arc::new(agent), initiation))
}

fn prompt(user: &Value) -> String {
    let own = user.get("prompt");
    let own = own
        .and_then(|prompt| prompt.get("prompt").or(Some(prompt)))
        .and_then(Value::as_str)
        .unwrap_or("You are a caller with an ordinary question.");
    format!(
        "{own}\n\nYou play the user who talks with an assistant. Say only what the user says next, briefly. When the user has \
         nothing more to say, answer {END}."
    )
}

struct Talk {
    begun: Begun,
    llm: Arc<dyn Llm>,
    prompt: String,
    /// As the API shows it.
    turns: Vec<Value>,
    /// As whoever plays the user knows it: the agent is the other one.
    said: Vec<Message>,
}

impl Talk {
    async fn hold(
        &mut self,
        initiation: Initiation,
        greets: Option<&str>,
        most: u64,
    ) -> Result<(), Problem> {
        let begin = ClientEvent::ConversationInitiationClientData(Box::new(initiation));
        if self.begun.sender.send(begin).await.is_err() {
            return Ok(());
        }
        let mut first = greets
            .map(str::trim)
            .filter(|text| !text.is_empty())
            .map(str::to_owned);
        // An agent that has nothing to say first says nothing.
        let mut patience = Duration::from_millis(1_500);
        for _ in 0..most {
            if !self.listen(patience).await? {
                return Ok(());
            }
            patience = PATIENCE;
            let text = match first.take() {
                Some(text) => text,
                None => self.ask("").await.unwrap_or_default(),
            };
            let ends = text.contains(END);
            let text = text.replace(END, "").trim().to_owned();
            if text.is_empty() {
                return Ok(());
            }
            self.turns.push(turn("user", &text));
            self.said.push(Message::Agent {
                text: text.clone(),
                calls: Vec::new(),
            });
            let event = json!({"type": "user_message", "text": text}).to_string();
            let Ok(event) = ClientEvent::from_json(&event) else {
                return Ok(());
            };
            if self.begun.sender.send(event).await.is_err() || ends {
                return Ok(());
            }
        }
        self.listen(PATIENCE).await.map(drop)
    }

    /// Waits for what the agent says. False: it has ended the conversation.
    async fn listen(&mut self, patience: Duration) -> Result<bool, Problem> {
        let mut calls = Vec::new();
        let mut results = Vec::new();
        loop {
            let event = match timeout(patience, self.begun.receiver.recv()).await {
                Ok(Some(event)) => event,
                Ok(None) => return Ok(false),
                Err(_) => return Ok(true),
            };
            match event {
                ServerEvent::AgentResponse { agent_response_event: said } => {
                    let text = said.agent_response;
                    let mut turn = turn("agent", &text);
                    turn["tool_calls"] = std::mem::take(&mut calls).into();
                    turn["tool_results"] = std::mem::take(&mut results).into();
                    self.turns.push(turn);
                    self.said.push(Message::User(text));
                    return Ok(true);
                }
                ServerEvent::AgentToolRequest { agent_tool_request: call } => calls.push(json!({
                    "request_id": call.tool_call_id, "tool_name": call.tool_name, "params_as_json": "{}",
                    "tool_has_been_called": true})),
                ServerEvent::AgentToolResponseFullPayload { agent_tool_response_full_payload: full } => results.push(json!({
                    "request_id": full.response.tool_call_id, "tool_name": full.response.tool_name,
                    "result_value": full.full_tool_result, "is_error": full.response.is_error,
                    "tool_has_been_called": full.response.is_called})),
                ServerEvent::Error { error_event } => {
                    return Err(Problem::storage(error_event.message.unwrap_or_default()));
                }
                _ => {}
            }
        }
    }

    /// What whoever plays the user says next; with a `task` what they answer to that instead.
    async fn ask(&mut self, task: &str) -> Option<String> {
        let mut request = Request {
            prompt: if task.is_empty() {
                self.prompt.clone()
            } else {
                task.to_owned()
            },
            messages: self.said.clone(),
            language: "en".to_owned(),
            ..Request::default()
        };
        if !task.is_empty() {
            request.messages.push(Message::User(task.to_owned()));
        } else if request.messages.is_empty() {
            request.messages.push(Message::User(
                "(The assistant waits for the user to begin.)".to_owned(),
            ));
        }
        let mut events = self.llm.generate(request);
        let mut text = String::new();
        while let Ok(Some(Ok(event))) = timeout(PATIENCE, events.recv()).await {
            match event {
                Event::Text(piece) => text.push_str(&piece),
                Event::Done => return Some(text.trim().to_owned()),
                _ => {}
            }
        }
        None
    }
}

fn turn(role: &str, text: &str) -> Value {
    json!({"role": role, "message": text, "time_in_call_secs": 0, "tool_calls": [], "tool_results": []})
}
