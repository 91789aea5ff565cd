//! Tools the agent may call on this side.

mod runner;

use std::{collections::BTreeMap, fmt, future::Future, sync::Arc, time::Duration};

use futures_util::future::BoxFuture;
use schemars::{JsonSchema, generate::SchemaSettings};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::{Map, Value, json};
use tokio::task;

pub(crate) use runner::Toolbox;

/// What a tool was called with.
type Arguments = Map<String, Value>;
/// What it gives: a value, or words that say what failed.
type Outcome = Result<Value, String>;

/// Tools the agent may call here, by name.
///
/// Each call is answered exactly once: with the tool's result, or with an error that tells the agent what was wrong
/// with its arguments, that the tool failed, panicked, took too long or is not known.
///
/// ```
/// use duologue::Tools;
///
/// #[derive(serde::Deserialize, schemars::JsonSchema)]
/// struct Page {
///     /// Name of the page.
///     page: String,
/// }
///
/// let tools = Tools::new()
///     .add("open_page", "Opens a page of the application.", |Page { page }: Page| async move {
///         Ok::<_, String>(format!("{page} is open"))
///     })
///     .add_blocking("log_off", "Logs the user off.", |_: serde_json::Value| {
///         Err::<(), _>("nobody is logged on")
///     });
/// assert_eq!(tools.definitions()[1]["parameters"]["required"][0], "page");
/// ```
#[derive(Clone)]
pub struct Tools {
    by_name: BTreeMap<String, Tool>,
    concurrency: usize,
    timeout: Duration,
}

#[derive(Clone)]
struct Tool {
    description: String,
    parameters: Value,
    run: Arc<dyn Fn(Arguments) -> BoxFuture<'static, Outcome> + Send + Sync>,
}

impl Default for Tools {
    fn default() -> Self {
        Self {
            by_name: BTreeMap::new(),
            concurrency: 8,
            timeout: Duration::from_secs(18),
        }
    }
}

impl fmt::Debug for Tools {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.by_name.keys()).finish()
    }
}

impl Tools {
    /// No tools yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// How many may run at once; the others wait. Default 8, at least 1.
    #[must_use]
    pub fn concurrency(mut self, limit: usize) -> Self {
        self.concurrency = limit.max(1);
        self
    }

    /// How long a call may take, waiting included. Default 18 s.
    ///
    /// The platform waits 20 s unless the tool's settings there say otherwise (1 to 120 s).
    #[must_use]
    pub fn timeout(mut self, limit: Duration) -> Self {
        self.timeout = limit;
        self
    }

    /// An async tool. The schema of its arguments is that of `A`.
    #[must_use]
    pub fn add<A, R, E, F>(
        self,
        name: impl Into<String>,
        description: impl Into<String>,
        tool: impl Fn(A) -> F + Send + Sync + 'static,
    ) -> Self
    where
        A: DeserializeOwned + JsonSchema,
        F: Future<Output = Result<R, E>> + Send + 'static,
        R: Serialize,
        E: fmt::Display,
    {
        self.put(name, description, schema::<A>(), move |arguments| {
            let running = read(arguments).map(&tool);
            Box::pin(async move { write(running?.await) })
        })
    }

    /// A tool that blocks: it runs on a thread of its own. The schema of its arguments is that of `A`.
    #[must_use]
    pub fn add_blocking<A, R, E>(
        self,
        name: impl Into<String>,
        description: impl Into<String>,
        tool: impl Fn(A) -> Result<R, E> + Send + Sync + 'static,
    ) -> Self
    where
        A: DeserializeOwned + JsonSchema + Send + 'static,
        R: Serialize,
        E: fmt::Display,
    {
        let tool = Arc::new(tool);
        self.put(name, description, schema::<A>(), move |arguments| {
            let tool = Arc::clone(&tool);
            Box::pin(async move {
                let arguments = read(arguments)?;
                task::spawn_blocking(move || write(tool(arguments)))
                    .await
                    .unwrap_or_else(|_| Err(runner::PANICKED.to_owned()))
            })
        })
    }

    /// An async tool whose arguments are described by a JSON schema and come as they are.
    #[must_use]
    pub fn add_with_schema<F>(
        self,
        name: impl Into<String>,
        description: impl Into<String>,
        parameters: Value,
        tool: impl Fn(Map<String, Value>) -> F + Send + Sync + 'static,
    ) -> Self
    where
        F: Future<Output = Result<Value, String>> + Send + 'static,
    {
        self.put(name, description, parameters, move |arguments| {
            Box::pin(tool(arguments))
        })
    }

    fn put(
        mut self,
        name: impl Into<String>,
        description: impl Into<String>,
        parameters: Value,
        run: impl Fn(Arguments) -> BoxFuture<'static, Outcome> + Send + Sync + 'static,
    ) -> Self {
        let tool = Tool {
            description: description.into(),
            parameters,
            run: Arc::new(run),
        };
        self.by_name.insert(name.into(), tool);
        self
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.by_name.is_empty()
    }

    /// Each tool as the platform describes client tools, sorted by name; for `POST /v1/convai/tools`.
    pub fn definitions(&self) -> Vec<Value> {
        self.by_name
            .iter()
            .map(|(name, tool)| {
                json!({
                    "type": "client",
                    "name": name,
                    "description": tool.description,
                    "parameters": tool.parameters,
                    "expects_response": true,
                })
            })
            .collect()
    }

    /// How long the longest call may take, with a moment to spare.
    pub(crate) fn patience(&self) -> Duration {
        self.timeout + Duration::from_secs(1)
    }
}

fn schema<A: JsonSchema>() -> Value {
    let mut settings = SchemaSettings::draft2020_12();
    settings.inline_subschemas = true;
    settings.meta_schema = None;
    let mut schema = settings.into_generator().into_root_schema_for::<A>();
    schema.remove("title");
    let mut value = schema.to_value();
    // An argument type that takes anything takes an object, too; nothing else is ever sent.
    if let Value::Object(object) = &mut value {
        object.entry("type").or_insert_with(|| json!("object"));
        object.entry("properties").or_insert_with(|| json!({}));
    } else {
        value = json!({"type": "object", "properties": {}});
    }
    value
}

fn read<A: DeserializeOwned>(arguments: Arguments) -> Result<A, String> {
    serde_json::from_value(Value::Object(arguments))
        .map_err(|error| format!("the arguments do not fit: {error}"))
}

fn write<R: Serialize, E: fmt::Display>(result: Result<R, E>) -> Outcome {
    let value = result.map_err(|error| error.to_string())?;
    serde_json::to_value(value).map_err(|error| format!("the result cannot be sent: {error}"))
}
