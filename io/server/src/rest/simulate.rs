//! `/v1/convai/agents/{id}/simulate-conversation`: the agent talks, in writing, with a user whom an llm plays.

use std::{io, sync::Arc};

use axum::{
    Json, Router,
    body::{Body as Bytes, Bytes as Chunk},
    extract::{Path, State},
    http::header,
    response::{IntoResponse as _, Response},
    routing::post,
};
use futures_util::stream;
use providers::llm::Llm;
use serde_json::{Map, Value, json};
use tokio::sync::{OwnedSemaphorePermit, mpsc};

use super::body::Body;
use crate::{
    Problem, StoredAgent,
    http::House,
    records::{Questions, no_answer},
    rehearsal::{History, Player, Stage, Talk, Tools, simulate as hold},
};

/// Turns of the user, where the request does not say how many.
const TURNS: u64 = 10;
const MOST_TURNS: u64 = 50;
const HISTORY: &str = "simulation_specification.partial_conversation_history";

pub(super) fn routes() -> Router<Arc<House>> {
    let place = "/v1/convai/agents/{id}/simulate-conversation";
    Router::new()
        .route(place, post(simulate))
        .route(&format!("{place}/stream"), post(streamed))
}

type House_ = State<Arc<House>>;

/// A simulation that can be held.
struct Order {
    talk: Talk,
    player: Player,
    /// What was said before, as it came.
    before: Vec<Value>,
    history: History,
    most: u64,
    /// The agent with the criteria of this request.
    document: Value,
    judge: Result<Arc<dyn Llm>, String>,
    _turn: OwnedSemaphorePermit,
}

async fn order(house: &Arc<House>, id: &str, body: &Value) -> Result<Order, Problem> {
    let given = body
        .get("simulation_specification")
        .filter(|given| given.is_object())
        .ok_or_else(|| Problem::missing("simulation_specification"))?;
    let user = given
        .get("simulated_user_config")
        .filter(|user| user.is_object())
        .ok_or_else(|| Problem::missing("simulation_specification.simulated_user_config"))?;
    let stored = house.registry.need(id)?;
    let most = match body.get("new_turns_limit") {
        None | Some(Value::Null) => TURNS,
        Some(value) => value
            .as_u64()
            .filter(|most| (1..=MOST_TURNS).contains(most))
            .ok_or_else(|| {
                Problem::invalid(format!("new_turns_limit is 1 to {MOST_TURNS}."))
                    .at("new_turns_limit")
            })?,
    };
    let document = with_criteria(&stored, body.get("extra_evaluation_criteria"))?;
    let before = given.get("partial_conversation_history");
    let history = History::read(before, HISTORY)?;
    let player = Player::new(house, &stored, user)?;
    let mocks = match given.get("tool_mock_config") {
        Some(Value::Object(mocks)) => mocks.clone(),
        _ => Map::new(),
    };
    let turn = house.rehearsal().await?;
    let judge = house.answerer.llm(&stored);
    let talk = Talk::begin(
        house,
        Stage {
            agent: stored,
            history: &history,
            variables: given.get("dynamic_variables"),
            tools: Tools::Mocked(&mocks),
        },
    )
    .await?;
    Ok(Order {
        talk,
        player,
        before: before
            .and_then(Value::as_array)
            .cloned()
            .unwrap_or_default(),
        history,
        most,
        document,
        judge,
        _turn: turn,
    })
}

/// The agent's JSON with the criteria of a request beside its own.
fn with_criteria(agent: &StoredAgent, extra: Option<&Value>) -> Result<Value, Problem> {
    let mut document = agent.document.clone();
    let extra = match extra {
        None | Some(Value::Null) => return Ok(document),
        Some(Value::Array(extra)) => extra,
        Some(_) => {
            let field = "extra_evaluation_criteria";
            return Err(Problem::invalid(format!("{field} is a list.")).at(field));
        }
    };
    for criterion in extra {
        let scoring = criterion.get("scoring_mode").and_then(Value::as_str);
        if scoring.is_some_and(|mode| mode != "binary") {
            return Err(Problem::not_built(
                "Criteria are met or not here: leave out scoring_mode, or say \"binary\".",
            ));
        }
        for field in ["id", "conversation_goal_prompt"] {
            if criterion
                .get(field)
                .and_then(Value::as_str)
                .is_none_or(str::is_empty)
            {
                return Err(Problem::missing(&format!(
                    "extra_evaluation_criteria.{field}"
                )));
            }
        }
    }
    let own = "/platform_settings/evaluation/criteria";
    let own = document.pointer(own).and_then(Value::as_array).cloned();
    let criteria: Vec<Value> = own
        .unwrap_or_default()
        .into_iter()
        .chain(extra.iter().cloned())
        .collect();
    crate::agents::merge(
        &mut document,
        json!({"platform_settings": {"evaluation": {"criteria": criteria}}}),
    );
    Ok(document)
}

impl Order {
    async fn hold(&mut self, told: &mut (dyn FnMut(&Talk) + Send)) -> Result<(), Problem> {
        hold(
            &mut self.talk,
            &mut self.player,
            self.history.last(),
            self.most,
            told,
        )
        .await
    }

    /// What an llm says of it, as it would after a call.
    async fn analysis(&self) -> Value {
        let whole = self.talk.whole();
        let questions = Questions::of(&self.document);
        let findings = match &self.judge {
            Err(why) => questions.unanswered(&whole, why),
            Ok(llm) => match questions.ask(llm, &whole).await {
                Ok(findings) => findings,
                Err(trouble) => questions.unanswered(&whole, &no_answer(&trouble)),
            },
        };
        findings.analysis
    }

    /// What was said before and is not said again.
    fn before(&self) -> &[Value] {
        let said_again = usize::from(self.history.last().is_some());
        &self.before[..self.before.len().saturating_sub(said_again)]
    }
}

async fn simulate(
    State(house): House_,
    Path(id): Path<String>,
    Body(body): Body,
) -> Result<Json<Value>, Problem> {
    let mut order = order(&house, &id, &body).await?;
    order.hold(&mut |_| {}).await?;
    let mut turns = order.before().to_vec();
    turns.extend(order.talk.transcript());
    Ok(Json(
        json!({"simulated_conversation": turns, "analysis": order.analysis().await}),
    ))
}

/// The same, a JSON object per line as it happens: pieces of the conversation, at last the analysis.
async fn streamed(
    State(house): House_,
    Path(id): Path<String>,
    Body(body): Body,
) -> Result<Response, Problem> {
    let mut order = order(&house, &id, &body).await?;
    // A line for each step, so that none ever waits.
    let (sender, receiver) = mpsc::channel(MOST_TURNS as usize + 4);
    tokio::spawn(async move {
        let before = order.before().to_vec();
        tell(&sender, "simulated_conversation", &before.into());
        let mut shown = 0;
        let held = order
            .hold(&mut |talk| {
                let turns = talk.transcript();
                // Calls without an answer yet stand at the end, and belong to what comes.
                let said = turns.iter().filter(|turn| !turn["message"].is_null());
                let whole = said.count();
                let new = turns.get(shown..whole).unwrap_or_default().to_vec();
                shown = whole;
                tell(&sender, "simulated_conversation", &new.into());
            })
            .await;
        match held {
            Ok(()) => {
                let rest = order.talk.transcript().split_off(shown);
                tell(&sender, "simulated_conversation", &rest.into());
                tell(&sender, "analysis", &order.analysis().await);
            }
            Err(problem) => {
                // There is no better way to say so once the answer has begun: the stream breaks off.
                let _ = sender.try_send(Err(io::Error::other(problem)));
            }
        }
    });
    let lines = stream::unfold(receiver, |mut receiver| async move {
        receiver.recv().await.map(|line| (line, receiver))
    });
    Ok((
        [(header::CONTENT_TYPE, "application/json")],
        Bytes::from_stream(lines),
    )
        .into_response())
}

/// A line of the stream. What is empty is left out; a client that has gone does not matter.
fn tell(sender: &mpsc::Sender<io::Result<Chunk>>, name: &str, what: &Value) {
    if what.as_array().is_none_or(|list| !list.is_empty()) {
        let line = format!("{}\n", json!({ name: what }));
        let _ = sender.try_send(Ok(Chunk::from(line)));
    }
}
