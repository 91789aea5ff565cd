//! Running what was called.

use std::{collections::HashMap, future, sync::Arc};

use protocol::agents::{ClientToolCall, client::Command};
use serde_json::Value;
use tokio::{
    sync::Semaphore,
    task::{AbortHandle, Id, JoinSet},
    time::timeout,
};

use super::{Outcome, Tools};

/// What the agent is told of a tool that panicked.
pub(super) const PANICKED: &str = "the tool failed unexpectedly";

/// Tools and the calls of them that are running.
#[derive(Debug)]
pub(crate) struct Toolbox {
    tools: Tools,
    slots: Arc<Semaphore>,
    running: JoinSet<Outcome>,
    calls: HashMap<Id, String>,
    aborts: HashMap<String, AbortHandle>,
}

impl Toolbox {
    pub(crate) fn new(tools: Tools) -> Self {
        Self {
            slots: Arc::new(Semaphore::new(tools.concurrency)),
            tools,
            running: JoinSet::new(),
            calls: HashMap::new(),
            aborts: HashMap::new(),
        }
    }

    /// Whether calls are answered here. Without tools, whoever pulls the events answers them.
    pub(crate) fn is_responsible(&self) -> bool {
        !self.tools.is_empty()
    }

    /// Runs what was called.
    pub(crate) fn start(&mut self, call: &ClientToolCall) {
        let name = call.tool_name.clone();
        let tool = self.tools.by_name.get(&name).cloned();
        let arguments = call.parameters.clone();
        let slots = Arc::clone(&self.slots);
        let limit = self.tools.timeout;
        let abort = self.running.spawn(async move {
            let Some(tool) = tool else {
                return Err(format!("this client has no tool called {name}"));
            };
            let run = async {
                // The semaphore is never closed.
                let _slot = slots.acquire().await;
                (tool.run)(arguments).await
            };
            timeout(limit, run)
                .await
                .unwrap_or_else(|_| Err("the tool took too long".to_owned()))
        });
        self.calls.insert(abort.id(), call.tool_call_id.clone());
        self.aborts.insert(call.tool_call_id.clone(), abort);
    }

    /// Stops a call nobody waits for. What blocks goes on; its result is dropped.
    pub(crate) fn abandon(&mut self, tool_call_id: &str) {
        if let Some(abort) = self.aborts.remove(tool_call_id) {
            self.calls.remove(&abort.id());
            abort.abort();
        }
    }

    /// The next answer; waits for ever where nothing runs. May be cancelled.
    pub(crate) async fn next(&mut self) -> Command {
        loop {
            let Some(joined) = self.running.join_next_with_id().await else {
                return future::pending().await;
            };
            let (id, outcome) = match joined {
                Ok(done) => done,
                Err(error) => (error.id(), Err(PANICKED.to_owned())),
            };
            let Some(tool_call_id) = self.calls.remove(&id) else {
                continue;
            };
            self.aborts.remove(&tool_call_id);
            let is_error = outcome.is_err();
            return Command::ToolResult {
                tool_call_id,
                result: Value::String(match outcome {
                    Ok(Value::String(text)) | Err(text) => text,
                    // Empty answers leave some models at a loss.
                    Ok(Value::Null) => "done".to_owned(),
                    Ok(value) => value.to_string(),
                }),
                is_error,
            };
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{
        sync::atomic::{AtomicUsize, Ordering},
        time::Duration,
    };

    use serde_json::json;
    use tokio::sync::oneshot;

    use super::*;

    fn call(id: &str, name: &str, parameters: Value) -> ClientToolCall {
        let Value::Object(parameters) = parameters else {
            panic!("parameters are an object");
        };
        ClientToolCall {
            tool_name: name.to_owned(),
            tool_call_id: id.to_owned(),
            parameters,
            ..ClientToolCall::default()
        }
    }

    async fn answer(tools: Tools, name: &str, parameters: Value) -> (String, bool) {
        let mut toolbox = Toolbox::new(tools);
        toolbox.start(&call("c1", name, parameters));
        read(toolbox.next().await)
    }

    fn read(command: Command) -> (String, bool) {
        let Command::ToolResult {
            result: Value::String(text),
            is_error,
            ..
        } = command
        else {
            panic!("tools answer with text: {command:?}");
        };
        (text, is_error)
    }

    #[derive(serde::Deserialize, schemars::JsonSchema)]
    struct Sum {
        a: i64,
        b: i64,
    }

    fn tools() -> Tools {
        Tools::new()
            .add("sum", "Adds.", |Sum { a, b }: Sum| async move {
                Ok::<_, String>(json!({"sum": a + b}))
            })
            .add_blocking("burst", "Panics.", |(): ()| -> Result<(), String> {
                panic!("as planned")
            })
            .add("crash", "Panics.", |_: Value| async {
                assert!(std::env::args().count() == 0, "as planned");
                Ok::<_, String>(())
            })
            .add("quiet", "Says nothing.", |_: Value| async {
                Ok::<_, String>(())
            })
            .add("fails", "Fails.", |_: Value| async {
                Err::<(), _>("no paper")
            })
    }

    #[tokio::test]
    async fn a_result_is_sent_as_text() {
        let (text, is_error) = answer(tools(), "sum", json!({"a": 2, "b": 3})).await;
        assert_eq!((text.as_str(), is_error), (r#"{"sum":5}"#, false));
        assert_eq!(
            answer(tools(), "quiet", json!({})).await,
            ("done".to_owned(), false)
        );
    }

    #[tokio::test]
    async fn the_agent_is_told_what_failed() {
        let (text, is_error) = answer(tools(), "sum", json!({"a": 2})).await;
        assert!(is_error && text.contains("missing field `b`"), "{text}");
        let (text, is_error) = answer(tools(), "fly", json!({})).await;
        assert!(is_error && text.contains("no tool called fly"), "{text}");
        assert_eq!(
            answer(tools(), "fails", json!({})).await,
            ("no paper".to_owned(), true)
        );
    }

    #[tokio::test]
    async fn a_panic_is_an_answer() {
        assert_eq!(
            answer(tools(), "crash", json!({})).await,
            (PANICKED.to_owned(), true)
        );
        let raw = Tools::new().add_blocking("burst", "", |_: Value| -> Result<(), String> {
            panic!("as planned")
        });
        assert_eq!(
            answer(raw, "burst", json!({})).await,
            (PANICKED.to_owned(), true)
        );
    }

    #[tokio::test(start_paused = true)]
    async fn what_takes_too_long_is_answered_for() {
        let slow = Tools::new()
            .timeout(Duration::from_secs(5))
            .add("slow", "", |_: Value| {
                future::pending::<Result<(), String>>()
            });
        let (text, is_error) = answer(slow, "slow", json!({})).await;
        assert!(is_error && text.contains("too long"), "{text}");
    }

    #[tokio::test]
    async fn an_abandoned_call_gives_no_answer() {
        let (tell, told) = oneshot::channel::<()>();
        let told = Arc::new(std::sync::Mutex::new(Some(told)));
        let tools = tools().add("waits", "", move |_: Value| {
            let told = told.lock().ok().and_then(|mut told| told.take());
            async move {
                if let Some(told) = told {
                    let _ = told.await;
                }
                Ok::<_, String>(())
            }
        });
        let mut toolbox = Toolbox::new(tools);
        toolbox.start(&call("old", "waits", json!({})));
        toolbox.abandon("old");
        drop(tell);
        toolbox.start(&call("new", "quiet", json!({})));
        let Command::ToolResult { tool_call_id, .. } = toolbox.next().await else {
            panic!("tools answer");
        };
        assert_eq!(tool_call_id, "new");
    }

    #[tokio::test]
    async fn no_more_run_at_once_than_allowed() {
        static RUNNING: AtomicUsize = AtomicUsize::new(0);
        static MOST: AtomicUsize = AtomicUsize::new(0);
        let tools = Tools::new()
            .concurrency(2)
            .add("busy", "", |_: Value| async {
                let running = RUNNING.fetch_add(1, Ordering::SeqCst) + 1;
                MOST.fetch_max(running, Ordering::SeqCst);
                for _ in 0..10 {
                    tokio::task::yield_now().await;
                }
                RUNNING.fetch_sub(1, Ordering::SeqCst);
                Ok::<_, String>(())
            });
        let mut toolbox = Toolbox::new(tools);
        for id in 0..6 {
            toolbox.start(&call(&id.to_string(), "busy", json!({})));
        }
        for _ in 0..6 {
            toolbox.next().await;
        }
        assert_eq!(MOST.load(Ordering::SeqCst), 2);
    }
}
