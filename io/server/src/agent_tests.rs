//! Tests of agents: what they are, and how they went.
//!
//! | type | passes when |
//! |---|---|
//! | `llm` | an llm finds that the agent's next reply meets the condition |
//! | `tool` | the agent's next step is the expected call, or is none of it |
//! | `simulation` | an llm finds that a conversation with a user played by an llm meets every condition |

mod folders;
mod run;
mod shown;
mod verdict;

use std::{io, sync::Arc};

use serde_json::{Value, json};

pub(crate) use self::{
    run::{again, resume, start},
    shown::{invocation, invocation_line},
};
use crate::{
    Problem, ids,
    rehearsal::History,
    shelf::{Collection, Kind, Shelf},
};

/// So many invocations are kept; the oldest are forgotten.
const MOST_INVOCATIONS: usize = 1_000;
/// Turns of the user in a simulation, where the test does not say how many.
const TURNS: u64 = 5;
const MOST_TURNS: u64 = 50;

/// Tests, folders of tests, and what came of them.
pub(crate) struct AgentTests {
    tests: Collection,
    folders: Collection,
    invocations: Collection,
}

/// What kind of test.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TestKind {
    Llm,
    Tool,
    Simulation,
}

impl TestKind {
    /// Of a test as it came; none is `llm`.
    pub(crate) fn of(document: &Value) -> Option<Self> {
        match document.get("type").and_then(Value::as_str) {
            None | Some("llm") => Some(Self::Llm),
            Some("tool") => Some(Self::Tool),
            Some("simulation") => Some(Self::Simulation),
            Some(_) => None,
        }
    }

    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Llm => "llm",
            Self::Tool => "tool",
            Self::Simulation => "simulation",
        }
    }
}

impl AgentTests {
    pub(crate) async fn open(shelf: Arc<dyn Shelf>) -> io::Result<Self> {
        let open = |kind| Collection::open(Arc::clone(&shelf), kind);
        Ok(Self {
            tests: open(Kind::Test).await?,
            folders: open(Kind::TestFolder).await?,
            invocations: open(Kind::TestInvocation).await?,
        })
    }

    /// The test as it came.
    pub(crate) fn test(&self, id: &str) -> Result<Arc<Value>, Problem> {
        self.tests
            .get(id)
            .ok_or_else(|| Problem::none_of("test", id, "test_id"))
    }

    /// Keeps a test: a new one, or in the place of the one with this id. Gives its id.
    pub(crate) async fn put(
        &self,
        id: Option<&str>,
        document: Value,
        now: u64,
    ) -> Result<String, Problem> {
        check(&document)?;
        let known = id.map(|id| self.test(id)).transpose()?;
        let parent = match document.get("parent_folder_id") {
            Some(Value::String(folder)) => self.target(Some(folder))?,
            _ => known
                .as_ref()
                .and_then(|known| known.get("parent_folder_id"))
                .cloned()
                .unwrap_or(Value::Null),
        };
        let created = known.and_then(|known| known.get("created_at_unix_secs").cloned());
        let id = id.map_or_else(|| ids::new("test_"), str::to_owned);
        let record = json!({
            "document": document,
            "parent_folder_id": parent,
            "created_at_unix_secs": created.unwrap_or_else(|| now.into()),
            "last_updated_at_unix_secs": now,
        });
        self.tests.put(&id, record).await?;
        Ok(id)
    }

    pub(crate) async fn delete(&self, id: &str) -> Result<(), Problem> {
        if self.tests.remove(id).await? {
            Ok(())
        } else {
            Err(Problem::none_of("test", id, "test_id"))
        }
    }

    pub(crate) fn invocation(&self, id: &str) -> Result<Arc<Value>, Problem> {
        self.invocations
            .get(id)
            .ok_or_else(|| Problem::none_of("test invocation", id, "test_invocation_id"))
    }

    /// All invocations, the newest first.
    pub(crate) fn invocations(&self) -> Vec<(String, Arc<Value>)> {
        let mut all = self.invocations.all();
        all.sort_by(|(a_id, a), (b_id, b)| {
            let at = |value: &Value| value.get("created_at").and_then(Value::as_u64);
            at(b).cmp(&at(a)).then_with(|| a_id.cmp(b_id))
        });
        all
    }

    /// Keeps a new invocation, and forgets the oldest where there are too many.
    async fn keep(&self, id: &str, invocation: Value) -> Result<(), Problem> {
        self.invocations.put(id, invocation).await?;
        for (old, _) in self.invocations().into_iter().skip(MOST_INVOCATIONS) {
            self.invocations.remove(&old).await?;
        }
        Ok(())
    }
}

/// The document of a test record.
pub(crate) fn document(record: &Value) -> &Value {
    record.get("document").unwrap_or(&Value::Null)
}

/// What of a test can be told to be wrong before it is run.
fn check(document: &Value) -> Result<(), Problem> {
    let text = |name: &str| {
        let text = document.get(name).and_then(Value::as_str).map(str::trim);
        text.filter(|text| !text.is_empty())
    };
    text("name").ok_or_else(|| Problem::missing("name"))?;
    let kind = TestKind::of(document).ok_or_else(|| {
        Problem::invalid("The type of a test is llm, tool or simulation.").at("type")
    })?;
    let history = History::read(document.get("chat_history"), "chat_history")?;
    if kind != TestKind::Simulation && history.last().is_none() {
        let words = "chat_history ends with what the user says: the test is about the agent's answer to it.";
        return Err(Problem::invalid(words).at("chat_history"));
    }
    match kind {
        TestKind::Llm => text("success_condition")
            .map(drop)
            .ok_or_else(|| Problem::missing("success_condition")),
        TestKind::Tool => verdict::check(document.get("tool_call_parameters")),
        TestKind::Simulation => check_simulation(document, &text),
    }
}

fn check_simulation<'a>(
    document: &'a Value,
    text: &impl Fn(&str) -> Option<&'a str>,
) -> Result<(), Problem> {
    text("simulation_scenario").ok_or_else(|| Problem::missing("simulation_scenario"))?;
    if conditions(document).is_empty() {
        return Err(Problem::missing("success_conditions"));
    }
    if text("simulation_environment").is_some_and(|name| name != "production") {
        let words = "There are no environments here: leave out simulation_environment.";
        return Err(Problem::not_built(words).at("simulation_environment"));
    }
    match document.get("simulation_max_turns") {
        None | Some(Value::Null) => Ok(()),
        Some(most)
            if most
                .as_u64()
                .is_some_and(|most| (1..=MOST_TURNS).contains(&most)) =>
        {
            Ok(())
        }
        Some(_) => {
            let words = format!("simulation_max_turns is 1 to {MOST_TURNS}.");
            Err(Problem::invalid(words).at("simulation_max_turns"))
        }
    }
}

/// What a simulation has to meet, all of it.
fn conditions(document: &Value) -> Vec<&str> {
    let list = document.get("success_conditions").and_then(Value::as_array);
    list.into_iter()
        .flatten()
        .chain(document.get("success_condition"))
        .filter_map(Value::as_str)
        .filter(|text| !text.trim().is_empty())
        .collect()
}
