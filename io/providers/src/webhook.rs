//! Tools that are web servers: ElevenLabs' `webhook` tools.
//!
//! [`Webhook::new`] reads a `tool_config`. What the llm is to fill in becomes the tool's parameters; constants and dynamic
//! variables are filled in here and never shown to it. Where two places have a parameter of the same name, the one of the
//! query becomes `query_name` and the one of the body `body_name`.

mod exchange;
mod schema;
mod template;

use std::{collections::BTreeMap, fmt, sync::Arc, time::Duration};

use reqwest::Method;
use serde_json::{Map, Value, json};

use self::{exchange::Errors, schema::Property, template::Header};
use crate::{
    ApiKey,
    llm::ToolSpec,
    outbound::Outbound,
    tool::{Invocation, Tool, ToolFuture},
};

/// Finds a secret by its id.
pub type Secrets = Arc<dyn Fn(&str) -> Option<ApiKey> + Send + Sync>;

/// A tool that is a request to a web server.
pub struct Webhook {
    spec: ToolSpec,
    timeout: Duration,
    method: Method,
    /// With `{name}` for path parameters and `{{name}}` for dynamic variables.
    url: String,
    path: Vec<Parameter>,
    query: Vec<Parameter>,
    body: Option<Property>,
    /// What the llm calls a field of the body.
    body_names: BTreeMap<String, String>,
    headers: Vec<(String, Header)>,
    is_form: bool,
    filter: exchange::Filter,
    errors: Errors,
    /// Domains a redirect may lead to. None: redirects are not followed.
    redirects: Option<Vec<String>>,
    placeholders: BTreeMap<String, Value>,
    outbound: Outbound,
    secrets: Secrets,
}

/// A parameter of the path or the query.
struct Parameter {
    name: String,
    /// What the llm calls it.
    argument: String,
    required: bool,
    property: Property,
}

/// The configuration is no webhook that can be called.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{path}: {reason}")]
pub struct WebhookError {
    /// Where, such as `api_schema.url`.
    pub path: String,
    /// What is wrong there.
    pub reason: String,
}

fn wrong(path: impl Into<String>, reason: impl Into<String>) -> WebhookError {
    WebhookError {
        path: path.into(),
        reason: reason.into(),
    }
}

impl Webhook {
    /// The tool that `config` describes: a `tool_config` of type `webhook`.
    ///
    /// # Errors
    /// Says which field cannot be used, and why. `auth_connection` is not supported: use a header with a secret.
    pub fn new(config: &Value, outbound: Outbound, secrets: Secrets) -> Result<Self, WebhookError> {
        let api = config
            .get("api_schema")
            .filter(|api| api.is_object())
            .ok_or_else(|| wrong("api_schema", "it is missing"))?;
        if api
            .get("auth_connection")
            .is_some_and(|value| !value.is_null())
        {
            return Err(wrong(
                "api_schema.auth_connection",
                "not supported; use request_headers with {\"secret_id\": \"…\"}",
            ));
        }
        let text = |name: &str| api.get(name).and_then(Value::as_str);
        let url = text("url").unwrap_or_default().trim().to_owned();
        let shown = template::host_part(&url);
        if !(url.starts_with("http://") || url.starts_with("https://")) || shown.contains('{') {
            return Err(wrong(
                "api_schema.url",
                "it must begin with http:// or https:// and a host; only what follows may hold placeholders",
            ));
        }
        let method = text("method").unwrap_or("GET").to_ascii_uppercase();
        if !matches!(method.as_str(), "GET" | "POST" | "PUT" | "PATCH" | "DELETE") {
            return Err(wrong(
                "api_schema.method",
                "GET, POST, PUT, PATCH or DELETE is needed",
            ));
        }
        let method = Method::from_bytes(method.as_bytes())
            .map_err(|error| wrong("api_schema.method", error.to_string()))?;
        let is_form = match text("content_type") {
            None | Some("application/json") => false,
            Some("application/x-www-form-urlencoded") => true,
            Some(other) => {
                return Err(wrong(
                    "api_schema.content_type",
                    format!(
                        "{other} is neither application/json nor application/x-www-form-urlencoded"
                    ),
                ));
            }
        };
        let mut taken = Vec::new();
        let path = parameters(api.get("path_params_schema"), Required::All, "", &mut taken)?;
        for name in template::placeholders(&url) {
            if !path.iter().any(|parameter| parameter.name == name) {
                return Err(wrong(
                    "api_schema.path_params_schema",
                    format!("the URL's {{{name}}} is not described"),
                ));
            }
        }
        let query = api.get("query_params_schema");
        let query = parameters(
            query.and_then(|query| query.get("properties")),
            Required::Listed(query.and_then(|query| query.get("required"))),
            "query_",
            &mut taken,
        )?;
        let body = match api.get("request_body_schema") {
            None | Some(Value::Null) => None,
            Some(_) if matches!(method, Method::GET | Method::DELETE) => None,
            Some(schema) => Some(Property::read(schema, "api_schema.request_body_schema")?),
        };
        let mut tool = Self {
            spec: ToolSpec {
                name: name(config)?,
                description: config
                    .get("description")
                    .and_then(Value::as_str)
                    .unwrap_or_default()
                    .to_owned(),
                parameters: Value::Null,
            },
            timeout: timeout(config),
            method,
            url,
            path,
            query,
            body,
            body_names: BTreeMap::new(),
            headers: headers(api)?,
            is_form,
            filter: exchange::Filter::read(api.get("response_filter"))?,
            errors: Errors::read(config),
            redirects: redirects(config),
            placeholders: config
                .pointer("/dynamic_variables/dynamic_variable_placeholders")
                .and_then(Value::as_object)
                .map(|values| values.clone().into_iter().collect())
                .unwrap_or_default(),
            outbound,
            secrets,
        };
        tool.spec.parameters = tool.parameters(&mut taken);
        Ok(tool)
    }

    /// What the llm fills in.
    fn parameters(&mut self, taken: &mut Vec<String>) -> Value {
        let mut properties = Map::new();
        let mut required = Vec::new();
        for parameter in self.path.iter().chain(&self.query) {
            if let Some(schema) = parameter.property.for_llm() {
                properties.insert(parameter.argument.clone(), schema);
                if parameter.required {
                    required.push(parameter.argument.clone());
                }
            }
        }
        if let Some(Property::Object(body)) = &self.body {
            for (name, property) in &body.properties {
                let Some(schema) = property.for_llm() else {
                    continue;
                };
                let argument = unused(name, "body_", taken);
                if body.requires(name) {
                    required.push(argument.clone());
                }
                self.body_names.insert(name.clone(), argument.clone());
                properties.insert(argument, schema);
            }
        }
        json!({"type": "object", "properties": properties, "required": required})
    }
}

fn name(config: &Value) -> Result<String, WebhookError> {
    config
        .get("name")
        .and_then(Value::as_str)
        .filter(|name| !name.is_empty())
        .map(str::to_owned)
        .ok_or_else(|| wrong("name", "it is missing"))
}

/// `response_timeout_secs`, 1 to 300 s, default 20 s.
fn timeout(config: &Value) -> Duration {
    let seconds = config.get("response_timeout_secs").and_then(Value::as_f64);
    Duration::from_secs_f64(seconds.unwrap_or(20.0).clamp(1.0, 300.0))
}

fn redirects(config: &Value) -> Option<Vec<String>> {
    if config.get("follow_redirects").and_then(Value::as_bool) != Some(true) {
        return None;
    }
    let domains = config.get("follow_redirects_allowed_domains");
    let domains = domains.and_then(Value::as_array).into_iter().flatten();
    Some(
        domains
            .filter_map(|domain| Some(domain.as_str()?.to_owned()))
            .collect(),
    )
}

/// A name for the llm that is not used yet.
fn unused(name: &str, prefix: &str, taken: &mut Vec<String>) -> String {
    let mut unused = name.to_owned();
    while taken.contains(&unused) {
        unused.insert_str(0, prefix);
    }
    taken.push(unused.clone());
    unused
}

/// Which parameters a request cannot do without.
#[derive(Clone, Copy)]
enum Required<'a> {
    All,
    Listed(Option<&'a Value>),
}

/// The parameters of the path or of the query.
fn parameters(
    properties: Option<&Value>,
    required: Required<'_>,
    prefix: &str,
    taken: &mut Vec<String>,
) -> Result<Vec<Parameter>, WebhookError> {
    let place = match required {
        Required::All => "api_schema.path_params_schema",
        Required::Listed(_) => "api_schema.query_params_schema.properties",
    };
    let Some(Value::Object(properties)) = properties else {
        return Ok(Vec::new());
    };
    let is_required = |name: &str| match required {
        Required::All => true,
        Required::Listed(list) => list
            .and_then(Value::as_array)
            .is_some_and(|list| list.iter().any(|known| known == name)),
    };
    properties
        .iter()
        .map(|(name, schema)| {
            let property = Property::read(schema, &format!("{place}.{name}"))?;
            if !matches!(property, Property::Literal(_)) {
                return Err(wrong(
                    format!("{place}.{name}"),
                    "only plain values can stand here",
                ));
            }
            Ok(Parameter {
                argument: unused(name, prefix, taken),
                required: is_required(name),
                name: name.clone(),
                property,
            })
        })
        .collect()
}

fn headers(api: &Value) -> Result<Vec<(String, Header)>, WebhookError> {
    let Some(Value::Object(headers)) = api.get("request_headers") else {
        return Ok(Vec::new());
    };
    headers
        .iter()
        .filter(|(_, value)| !value.is_null())
        .map(|(name, value)| {
            let header = Header::read(value).ok_or_else(|| {
                wrong(
                    format!("api_schema.request_headers.{name}"),
                    "text, {\"secret_id\"}, {\"variable_name\"} or {\"env_var_label\"} is needed",
                )
            })?;
            Ok((name.clone(), header))
        })
        .collect()
}

impl Tool for Webhook {
    fn spec(&self) -> ToolSpec {
        self.spec.clone()
    }

    fn timeout(&self) -> Duration {
        self.timeout
    }

    fn call(&self, call: Invocation) -> ToolFuture<'_> {
        Box::pin(self.exchange(call))
    }

    fn shown(&self, result: &Value) -> Value {
        self.filter.apply(result)
    }
}

impl fmt::Debug for Webhook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Webhook")
            .field("name", &self.spec.name)
            .field("method", &self.method)
            .field("url", &self.url)
            .finish_non_exhaustive()
    }
}
