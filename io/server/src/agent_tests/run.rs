//! Runs tests, one conversation each.

use std::sync::Arc;

use providers::llm::Llm;
use serde_json::{Map, Value, json};

use super::{TURNS, TestKind, conditions, document, verdict};
use crate::{
    Problem, StoredAgent,
    agents::merge,
    http::{House, now},
    ids,
    rehearsal::{
        Heard, History, PATIENCE, Player, Stage, Talk, Tools, language, simulate, tool_names,
    },
};

/// So many runs at once are ordered.
const MOST_RUNS: usize = 500;
const MOST_REPEATS: u64 = 20;

/// How a run went.
pub(super) struct Outcome {
    pub(super) passed: Option<bool>,
    /// What was found of each condition, or the one thing there is to say.
    pub(super) messages: Vec<String>,
    pub(super) turns: Vec<Value>,
}

/// What a test is run with.
struct Trial {
    agent: Arc<StoredAgent>,
    kind: TestKind,
    test: Value,
    llm: Result<Arc<dyn Llm>, String>,
}

/// Orders runs of tests, and gives the invocation.
pub(crate) async fn start(
    house: &Arc<House>,
    agent: &str,
    body: &Value,
) -> Result<Arc<Value>, Problem> {
    let wanted = body
        .get("tests")
        .and_then(Value::as_array)
        .filter(|tests| !tests.is_empty())
        .ok_or_else(|| Problem::missing("tests"))?;
    let repeat = match body.get("repeat_count") {
        None | Some(Value::Null) => 1,
        Some(count) => count
            .as_u64()
            .filter(|count| (1..=MOST_REPEATS).contains(count))
            .ok_or_else(|| {
                let words = format!("repeat_count is 1 to {MOST_REPEATS}.");
                Problem::invalid(words).at("repeat_count")
            })?,
    };
    if wanted.len().saturating_mul(repeat as usize) > MOST_RUNS {
        return Err(
            Problem::invalid(format!("{MOST_RUNS} runs at once are the most.")).at("tests"),
        );
    }
    let change = change(body)?;
    let stored = stage(house, agent, change.as_ref())?;
    let judge = house.answerer.llm(&stored);
    let id = ids::new("suite_");
    let mut runs = Vec::new();
    for one in wanted {
        let test = one
            .get("test_id")
            .and_then(Value::as_str)
            .ok_or_else(|| Problem::missing("tests.test_id"))?;
        if one
            .get("workflow_node_id")
            .is_some_and(|node| !node.is_null())
        {
            return Err(Problem::not_built(
                "Agents have no workflows here: leave out workflow_node_id.",
            ));
        }
        let record = house.tests.test(test)?;
        needs_judge(document(&record), &judge)?;
        for _ in 0..repeat {
            let mut run = run(&id, agent, test, document(&record));
            for field in ["root_folder_id", "root_folder_name"] {
                run[field] = one.get(field).cloned().unwrap_or_default();
            }
            runs.push(run);
        }
    }
    let invocation = json!({
        "id": id,
        "agent_id": agent,
        "created_at": now(),
        "repeat_count": repeat,
        "agent_config_override": change,
        "test_runs": runs,
    });
    house.tests.keep(&id, invocation).await?;
    go_on(house, id.clone());
    house.tests.invocation(&id)
}

/// Orders runs of an invocation once more, with the tests as they are now.
pub(crate) async fn again(house: &Arc<House>, id: &str, body: &Value) -> Result<(), Problem> {
    let invocation = house.tests.invocation(id)?;
    let agent = body
        .get("agent_id")
        .and_then(Value::as_str)
        .ok_or_else(|| Problem::missing("agent_id"))?;
    let wanted = body.get("test_run_ids").and_then(Value::as_array);
    let wanted = wanted
        .filter(|ids| !ids.is_empty())
        .ok_or_else(|| Problem::missing("test_run_ids"))?;
    let change = change(body)?;
    let judge = house.answerer.llm(&*stage(house, agent, change.as_ref())?);
    let mut fresh = Map::new();
    for wanted in wanted {
        let run_id = wanted.as_str().unwrap_or_default();
        let known = list(&invocation).find(|run| run["test_run_id"] == *run_id);
        let known = known.ok_or_else(|| Problem::none_of("test run", run_id, "test_run_ids"))?;
        let test = known["test_id"].as_str().unwrap_or_default();
        let record = house.tests.test(test)?;
        needs_judge(document(&record), &judge)?;
        let mut run = run(id, agent, test, document(&record));
        run["test_run_id"] = run_id.into();
        fresh.insert(run_id.to_owned(), run);
    }
    let changed = house.tests.invocations.change(id, |invocation| {
        if !change.as_ref().is_none_or(Value::is_null) {
            invocation["agent_config_override"] = change.unwrap_or_default();
        }
        let runs = invocation
            .get_mut("test_runs")
            .and_then(Value::as_array_mut);
        for run in runs.into_iter().flatten() {
            if let Some(again) = run["test_run_id"].as_str().and_then(|id| fresh.remove(id)) {
                *run = again;
            }
        }
    });
    changed.await?;
    go_on(house, id.to_owned());
    Ok(())
}

/// Goes on with what an earlier process left undone.
pub(crate) fn resume(house: &Arc<House>) {
    for (id, invocation) in house.tests.invocations() {
        if pending(&invocation).is_some() {
            go_on(house, id);
        }
    }
}

/// A change of the agent for these runs only.
fn change(body: &Value) -> Result<Option<Value>, Problem> {
    if body
        .get("branch_id")
        .and_then(Value::as_str)
        .is_some_and(|id| !id.is_empty())
    {
        return Err(Problem::not_built(
            "Agents have no branches here: leave out branch_id.",
        ));
    }
    let change = body
        .get("agent_config_override")
        .filter(|change| change.is_object());
    let nodes = change.and_then(|change| change.pointer("/workflow/nodes")?.as_object());
    if nodes.is_some_and(|nodes| nodes.len() > 1) {
        return Err(Problem::not_built(
            "Agents have no workflows here: leave out workflow.",
        ));
    }
    Ok(change.cloned())
}

fn stage(house: &House, agent: &str, change: Option<&Value>) -> Result<Arc<StoredAgent>, Problem> {
    let stored = house.registry.need(agent)?;
    let Some(change) = change else {
        return Ok(stored);
    };
    let mut stored = StoredAgent::clone(&stored);
    merge(&mut stored.document, change.clone());
    Ok(Arc::new(stored))
}

fn needs_judge(test: &Value, judge: &Result<Arc<dyn Llm>, String>) -> Result<(), Problem> {
    let needs = match TestKind::of(test) {
        Some(TestKind::Tool) => verdict::needs_judge(test.get("tool_call_parameters")),
        _ => true,
    };
    match judge {
        Err(why) if needs => {
            let name = test.get("name").and_then(Value::as_str).unwrap_or_default();
            Err(Problem::not_built(format!(
                "The test \"{name}\" needs a language model to judge what the agent says. {why}"
            )))
        }
        _ => Ok(()),
    }
}

/// A run that waits.
fn run(invocation: &str, agent: &str, id: &str, test: &Value) -> Value {
    let kind = TestKind::of(test).unwrap_or(TestKind::Llm);
    let mut info = test.as_object().cloned().unwrap_or_default();
    info.insert("type".to_owned(), kind.as_str().into());
    for field in ["name", "parent_folder_id"] {
        info.remove(field);
    }
    json!({
        "test_run_id": ids::new("trun_"),
        "test_info": info,
        "test_invocation_id": invocation,
        "agent_id": agent,
        "status": "pending",
        "agent_responses": null,
        "test_id": id,
        "test_name": test.get("name"),
        "condition_result": null,
        "last_updated_at_unix": now(),
        "metadata": {"workspace_id": "", "test_name": test.get("name"), "ran_by_user_email": "",
            "test_type": if kind == TestKind::Tool { "tool_call" } else { kind.as_str() }},
        "environment": "production",
    })
}

fn list(invocation: &Value) -> impl Iterator<Item = &Value> {
    invocation
        .get("test_runs")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
}

fn pending(invocation: &Value) -> Option<&Value> {
    list(invocation).find(|run| run["status"] == "pending")
}

/// Runs what waits of an invocation, one after the other, in a task that ends with the server. What is left then waits
/// for the next one.
fn go_on(house: &Arc<House>, id: String) {
    let task = Arc::clone(house);
    house.calls.spawn(async move {
        let house = task;
        let closing = house.closing.clone();
        tokio::select! {
            () = closing.cancelled() => {}
            () = all(&house, &id) => {}
        }
    });
}

async fn all(house: &Arc<House>, id: &str) {
    while let Ok(invocation) = house.tests.invocation(id) {
        let Some(run) = pending(&invocation) else {
            return;
        };
        let Ok(_place) = Arc::clone(&house.rehearsals).acquire_owned().await else {
            return;
        };
        let outcome = try_out(house, &invocation, run)
            .await
            .unwrap_or_else(|problem| Outcome {
                passed: None,
                messages: vec![problem.message().to_owned()],
                turns: Vec::new(),
            });
        let run_id = run["test_run_id"].clone();
        let kept = house.tests.invocations.change(id, |invocation| {
            let runs = invocation
                .get_mut("test_runs")
                .and_then(Value::as_array_mut);
            let mut runs = runs.into_iter().flatten();
            if let Some(run) = runs.find(|run| run["test_run_id"] == run_id) {
                finish(run, outcome);
            }
        });
        if kept.await.is_err() {
            // The disk is full or gone: it stays pending, and is run again after a restart.
            return;
        }
    }
}

fn finish(run: &mut Value, outcome: Outcome) {
    let result = match outcome.passed {
        Some(true) => "success",
        Some(false) => "failure",
        None => "unknown",
    };
    run["status"] = if outcome.passed == Some(true) {
        "passed"
    } else {
        "failed"
    }
    .into();
    run["agent_responses"] = outcome.turns.into();
    run["condition_result"] = json!({"result": result, "rationale": {
        "summary": outcome.messages.join(" "), "messages": outcome.messages}});
    run["last_updated_at_unix"] = now().into();
}

async fn try_out(house: &Arc<House>, invocation: &Value, run: &Value) -> Result<Outcome, Problem> {
    let change = invocation
        .get("agent_config_override")
        .filter(|change| !change.is_null());
    let agent = stage(house, run["agent_id"].as_str().unwrap_or_default(), change)?;
    let test = run["test_info"].clone();
    let trial = Trial {
        llm: house.answerer.llm(&agent),
        kind: TestKind::of(&test).unwrap_or(TestKind::Llm),
        agent,
        test,
    };
    match trial.kind {
        TestKind::Simulation => trial.simulate(house).await,
        TestKind::Llm | TestKind::Tool => trial.answer(house).await,
    }
}

impl Trial {
    /// The agent's next step.
    async fn answer(&self, house: &Arc<House>) -> Result<Outcome, Problem> {
        let history = History::read(self.test.get("chat_history"), "chat_history")?;
        let mut talk = self.begin(house, &history, Tools::Idle).await?;
        let said = talk.say(history.last().unwrap_or_default()).await;
        let heard = talk.listen(PATIENCE).await?;
        let turns = talk.transcript();
        if !said || heard == Heard::Silence {
            return Ok(Outcome {
                passed: None,
                messages: vec!["The agent did not answer.".to_owned()],
                turns,
            });
        }
        let (passed, messages) = match self.kind {
            TestKind::Tool => {
                let called = talk.calls();
                verdict::of_calls(&self.llm, &house.registry, &self.test, &called).await
            }
            _ => verdict::of_reply(&self.llm, &self.test, &talk.whole()).await,
        };
        Ok(Outcome {
            passed,
            messages,
            turns,
        })
    }

    /// A conversation with somebody in a situation.
    async fn simulate(&self, house: &Arc<House>) -> Result<Outcome, Problem> {
        let history = History::read(self.test.get("chat_history"), "chat_history")?;
        let llm = self.llm.clone().map_err(Problem::not_built)?;
        let names = self.mocked(house);
        let mocks = self
            .test
            .get("tool_mock_config")
            .filter(|mocks| !mocks.is_null());
        let tools = match mocks {
            None => Tools::Idle,
            Some(mocks) => Tools::Chosen {
                names: &names,
                fallback: mocks
                    .get("fallback_strategy")
                    .and_then(Value::as_str)
                    .unwrap_or("raise_error"),
            },
        };
        let mut talk = self.begin(house, &history, tools).await?;
        let scenario = self.test["simulation_scenario"]
            .as_str()
            .unwrap_or_default();
        let mut player = Player::in_scenario(Arc::clone(&llm), scenario, language(&self.agent));
        let most = self.test["simulation_max_turns"].as_u64().unwrap_or(TURNS);
        simulate(&mut talk, &mut player, history.last(), most, &mut |_| {}).await?;
        let (passed, messages) =
            verdict::of_conversation(&llm, &conditions(&self.test), &talk.whole()).await;
        Ok(Outcome {
            passed,
            messages,
            turns: talk.transcript(),
        })
    }

    /// The names of the tools that a simulation mocks.
    fn mocked(&self, house: &House) -> Vec<String> {
        let mocks = &self.test["tool_mock_config"];
        match mocks["mocking_strategy"].as_str() {
            Some("all") => {
                let agent = house.registry.with_tools(Arc::clone(&self.agent), None);
                tool_names(&agent).into_iter().map(str::to_owned).collect()
            }
            Some("selected") => {
                let ids = mocks["mocked_tool_ids"].as_array().into_iter().flatten();
                ids.filter_map(Value::as_str)
                    .map(|id| house.registry.tool_name(id))
                    .collect()
            }
            _ => Vec::new(),
        }
    }

    async fn begin(
        &self,
        house: &House,
        history: &History,
        tools: Tools<'_>,
    ) -> Result<Talk, Problem> {
        let stage = Stage {
            agent: Arc::clone(&self.agent),
            history,
            variables: self.test.get("dynamic_variables"),
            tools,
        };
        Talk::begin(house, stage).await
    }
}
