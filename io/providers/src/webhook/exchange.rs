//! One call: the request, its retries, and what the llm is told of the answer.

use std::{collections::BTreeMap, time::Duration};

use reqwest::{Method, StatusCode, Url, header::RETRY_AFTER};
use serde_json::{Map, Value};

use super::{
    Webhook, WebhookError,
    schema::{Property, Values},
    template, wrong,
};
use crate::{
    outbound::{Answer, OutboundError, redirect},
    tool::Invocation,
};

/// More of an answer is not read.
const LONGEST_ANSWER: usize = 256 * 1024;
/// Pauses before the second and the third attempt.
const PAUSES: [Duration; 2] = [Duration::from_millis(200), Duration::from_millis(800)];
/// So much of a server's error is passed on.
const LONGEST_ERROR: usize = 500;

/// What the llm is told when it fails (`tool_error_handling_mode`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Errors {
    /// That it failed, and how, in our words.
    Ours,
    /// The server's words as well.
    Whole,
    /// Only that it failed.
    Hidden,
}

impl Errors {
    pub(super) fn read(config: &Value) -> Self {
        match config
            .get("tool_error_handling_mode")
            .and_then(Value::as_str)
        {
            Some("passthrough" | "summarized") => Self::Whole,
            Some("hide") => Self::Hidden,
            _ => Self::Ours,
        }
    }
}

/// Which of the answer the llm is told (`response_filter`).
pub(super) enum Filter {
    All,
    Paths(Vec<String>),
    Nothing,
}

impl Filter {
    pub(super) fn read(filter: Option<&Value>) -> Result<Self, WebhookError> {
        let Some(filter) = filter.filter(|filter| filter.is_object()) else {
            return Ok(Self::All);
        };
        match filter.get("mode").and_then(Value::as_str) {
            None | Some("all") => Ok(Self::All),
            Some("hide_all") => Ok(Self::Nothing),
            Some("allow") => {
                let paths = filter.get("filters").and_then(Value::as_array);
                let paths = paths.into_iter().flatten();
                Ok(Self::Paths(
                    paths
                        .filter_map(|path| Some(path.as_str()?.to_owned()))
                        .collect(),
                ))
            }
            Some(other) => Err(wrong(
                "api_schema.response_filter.mode",
                format!("{other} is neither all, allow nor hide_all"),
            )),
        }
    }

    /// What is left of an answer.
    pub(super) fn apply(&self, value: &Value) -> Value {
        match self {
            Self::All => value.clone(),
            Self::Nothing => Value::String("The tool succeeded.".to_owned()),
            Self::Paths(paths) => {
                let mut kept = Value::Object(Map::new());
                for path in paths {
                    if let Some(found) = at(value, path) {
                        put(&mut kept, path, found.clone());
                    }
                }
                kept
            }
        }
    }
}

/// The value at a dotted path, such as `data.0.id`.
fn at<'a>(value: &'a Value, path: &str) -> Option<&'a Value> {
    path.split('.').try_fold(value, |value, name| match value {
        Value::Array(items) => items.get(name.parse::<usize>().ok()?),
        _ => value.get(name),
    })
}

fn put(kept: &mut Value, path: &str, found: Value) {
    let mut place = kept;
    for name in path.split('.') {
        if !place.is_object() {
            *place = Value::Object(Map::new());
        }
        place = match place {
            Value::Object(object) => object.entry(name).or_insert(Value::Null),
            other => other,
        };
    }
    *place = found;
}

/// A request that can be sent again.
struct Prepared {
    url: Url,
    headers: Vec<(String, String)>,
    body: Option<(&'static str, String)>,
}

impl Webhook {
    /// Calls the server. Dropping the future stops it.
    pub(super) async fn exchange(&self, call: Invocation) -> Result<Value, String> {
        let mut variables = self.placeholders.clone();
        variables.extend(call.variables);
        let prepared = self.prepare(&call.arguments, &variables)?;
        let answer = self
            .send(&prepared)
            .await
            .map_err(|error| match self.errors {
                Errors::Hidden => failed(),
                _ => format!("The tool failed: {error}."),
            })?;
        if !answer.status.is_success() {
            return Err(self.refused(&answer));
        }
        let text = String::from_utf8_lossy(&answer.body);
        match serde_json::from_str::<Value>(&text) {
            Ok(value) => Ok(value),
            Err(_) if text.trim().is_empty() => Ok(Value::String(format!(
                "The tool succeeded (HTTP {}).",
                answer.status.as_u16()
            ))),
            Err(_) => Ok(Value::String(text.into_owned())),
        }
    }

    fn refused(&self, answer: &Answer) -> String {
        let status = answer.status;
        match self.errors {
            Errors::Hidden => failed(),
            Errors::Ours => format!("The tool failed: HTTP {status}."),
            Errors::Whole => {
                let text = String::from_utf8_lossy(&answer.body);
                let text: String = text.trim().chars().take(LONGEST_ERROR).collect();
                format!("The tool failed: HTTP {status}: {text}")
            }
        }
    }

    fn prepare(
        &self,
        arguments: &Value,
        variables: &BTreeMap<String, Value>,
    ) -> Result<Prepared, String> {
        let values = Values { variables };
        let mut address = template::fill_url(&self.url, variables)?;
        for parameter in &self.path {
            let value = parameter
                .property
                .build(
                    &parameter.argument,
                    arguments.get(&parameter.argument),
                    &values,
                )?
                .ok_or_else(|| format!("{} is missing", parameter.argument))?;
            let text = template::to_text(&value);
            if text.is_empty() {
                return Err(format!("{} is empty", parameter.argument));
            }
            address = address.replace(&format!("{{{}}}", parameter.name), &template::encode(&text));
        }
        let mut url = Url::parse(&address)
            .map_err(|error| format!("the tool's address is wrong: {error}"))?;
        for parameter in &self.query {
            let value = parameter.property.build(
                &parameter.argument,
                arguments.get(&parameter.argument),
                &values,
            )?;
            match value {
                Some(value) => {
                    url.query_pairs_mut()
                        .append_pair(&parameter.name, &template::to_text(&value));
                }
                None if parameter.required && parameter.property.for_llm().is_some() => {
                    return Err(format!("{} is missing", parameter.argument));
                }
                None => {}
            }
        }
        let mut headers = Vec::new();
        for (name, header) in &self.headers {
            headers.push((name.clone(), header.value(variables, &*self.secrets)?));
        }
        Ok(Prepared {
            url,
            headers,
            body: self.body(arguments, &values)?,
        })
    }

    fn body(
        &self,
        arguments: &Value,
        values: &Values<'_>,
    ) -> Result<Option<(&'static str, String)>, String> {
        let body = match &self.body {
            None => return Ok(None),
            Some(Property::Object(object)) => match object.whole(values)? {
                Some(whole) => whole,
                None => {
                    let argument = |name: &str| {
                        arguments.get(self.body_names.get(name).map_or(name, String::as_str))
                    };
                    Value::Object(object.build_from("", argument, values)?)
                }
            },
            Some(other) => other
                .build("body", arguments.get("body"), values)?
                .unwrap_or(Value::Null),
        };
        if !self.is_form {
            return Ok(Some(("application/json", body.to_string())));
        }
        let Value::Object(fields) = body else {
            return Err("a form holds fields, and this body is none".to_owned());
        };
        // The library writes forms as the query of an address.
        let mut form = Url::parse("http://form.invalid/").map_err(|error| error.to_string())?;
        for (name, value) in &fields {
            form.query_pairs_mut()
                .append_pair(name, &template::to_text(value));
        }
        Ok(Some((
            "application/x-www-form-urlencoded",
            form.query().unwrap_or_default().to_owned(),
        )))
    }

    /// Sends it; again where that can do no harm: methods that may be repeated, and requests that were never sent.
    async fn send(&self, prepared: &Prepared) -> Result<Answer, OutboundError> {
        let repeatable = matches!(self.method, Method::GET | Method::PUT | Method::DELETE);
        let mut pauses = PAUSES.into_iter();
        loop {
            let answer = self.attempt(prepared).await;
            let again = match &answer {
                Ok(answer) => repeatable && passing(answer.status),
                Err(OutboundError::Unreachable(_)) => true,
                Err(OutboundError::Broken(_)) => repeatable,
                Err(_) => false,
            };
            let Some(pause) = pauses.next().filter(|_| again) else {
                return answer;
            };
            let asked = answer.ok().and_then(|answer| {
                let seconds = answer.headers.get(RETRY_AFTER)?.to_str().ok()?;
                seconds.trim().parse().ok().map(Duration::from_secs)
            });
            // Whoever waits longer than the tool may take is stopped from outside.
            tokio::time::sleep(asked.map_or(pause, |asked| asked.max(pause))).await;
        }
    }

    async fn attempt(&self, prepared: &Prepared) -> Result<Answer, OutboundError> {
        let mut request = self
            .outbound
            .request(self.method.clone(), prepared.url.clone());
        if let Some((kind, body)) = &prepared.body {
            request = request.header("Content-Type", *kind).body(body.clone());
        }
        for (name, value) in &prepared.headers {
            request = request.header(name, value);
        }
        let mut request = request.build().map_err(|_| {
            OutboundError::Refused("a header holds what no header can hold".to_owned())
        })?;
        for (name, value) in request.headers_mut() {
            // Their values stay out of logs.
            if prepared
                .headers
                .iter()
                .any(|(known, _)| known.eq_ignore_ascii_case(name.as_str()))
            {
                value.set_sensitive(true);
            }
        }
        let answer = self.outbound.send(request, LONGEST_ANSWER).await?;
        let (Some(next), Some(domains)) = (redirect(&answer), &self.redirects) else {
            return Ok(answer);
        };
        let known = next.host_str().is_some_and(|host| {
            domains
                .iter()
                .any(|domain| domain.eq_ignore_ascii_case(host))
        });
        if !known {
            return Err(OutboundError::Refused(
                "it redirects to a domain that the tool does not allow".to_owned(),
            ));
        }
        // Nothing that was meant for the first server goes to the second.
        self.outbound.fetch(next, 0, LONGEST_ANSWER).await
    }
}

/// Whether the same request may succeed in a moment.
fn passing(status: StatusCode) -> bool {
    matches!(status.as_u16(), 429 | 502 | 503 | 504)
}

fn failed() -> String {
    "The tool failed.".to_owned()
}
