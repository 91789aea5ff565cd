//! What a request holds: values from the llm, from dynamic variables, or fixed.

use std::collections::BTreeMap;

use serde_json::{Map, Number, Value, json};

use super::{WebhookError, template, wrong};

/// Nothing is nested deeper.
const DEEPEST: usize = 16;

/// One value of a request, or many.
pub(super) enum Property {
    Literal(Literal),
    Object(Object),
    Array(Array),
}

pub(super) struct Literal {
    kind: Kind,
    source: Source,
    description: String,
    allowed: Vec<Value>,
    /// A dynamic variable that holds the values the llm may choose.
    allowed_in: Option<String>,
}

pub(super) struct Object {
    source: Source,
    description: String,
    pub(super) properties: BTreeMap<String, Property>,
    required: Vec<String>,
}

pub(super) struct Array {
    source: Source,
    description: String,
    items: Option<Box<Property>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Boolean,
    Text,
    Integer,
    Number,
}

/// Who says the value.
enum Source {
    Llm,
    Variable(String),
    Constant(Value),
    Omitted,
}

/// The values to fill in.
pub(super) struct Values<'a> {
    pub(super) variables: &'a BTreeMap<String, Value>,
}

impl Source {
    fn read(schema: &Value) -> Self {
        let text = |name: &str| {
            schema
                .get(name)
                .and_then(Value::as_str)
                .filter(|text| !text.is_empty())
        };
        let is = |name: &str| schema.get(name).and_then(Value::as_bool) == Some(true);
        if is("is_omitted") || is("is_system_provided") {
            return Self::Omitted;
        }
        match schema.get("constant_value") {
            // An empty text is how forms say that there is no constant.
            Some(constant) if !constant.is_null() && constant.as_str() != Some("") => {
                return Self::Constant(constant.clone());
            }
            _ => {}
        }
        text("dynamic_variable").map_or(Self::Llm, |name| Self::Variable(name.to_owned()))
    }
}

impl Property {
    pub(super) fn read(schema: &Value, path: &str) -> Result<Self, WebhookError> {
        Self::read_within(schema, path, DEEPEST)
    }

    fn read_within(schema: &Value, path: &str, depth: usize) -> Result<Self, WebhookError> {
        if depth == 0 {
            return Err(wrong(path, "it is nested too deeply"));
        }
        let description = schema
            .get("description")
            .and_then(Value::as_str)
            .unwrap_or_default()
            .to_owned();
        let source = Source::read(schema);
        let kind = match schema.get("type").and_then(Value::as_str) {
            Some("object") => {
                let mut properties = BTreeMap::new();
                if let Some(Value::Object(known)) = schema.get("properties") {
                    for (name, inner) in known {
                        let path = format!("{path}.properties.{name}");
                        properties
                            .insert(name.clone(), Self::read_within(inner, &path, depth - 1)?);
                    }
                }
                let required = schema.get("required").and_then(Value::as_array);
                let required = required.into_iter().flatten();
                return Ok(Self::Object(Object {
                    source,
                    description,
                    properties,
                    required: required
                        .filter_map(|name| Some(name.as_str()?.to_owned()))
                        .collect(),
                }));
            }
            Some("array") => {
                let items = match schema.get("items") {
                    Some(items) if items.is_object() => Some(Box::new(Self::read_within(
                        items,
                        &format!("{path}.items"),
                        depth - 1,
                    )?)),
                    _ => None,
                };
                return Ok(Self::Array(Array {
                    source,
                    description,
                    items,
                }));
            }
            Some("boolean") => Kind::Boolean,
            Some("string") => Kind::Text,
            Some("integer") => Kind::Integer,
            Some("number") => Kind::Number,
            _ => {
                return Err(wrong(
                    format!("{path}.type"),
                    "boolean, string, integer, number, object or array is needed",
                ));
            }
        };
        Ok(Self::Literal(Literal {
            kind,
            source,
            description,
            allowed: schema
                .get("enum")
                .and_then(Value::as_array)
                .cloned()
                .unwrap_or_default(),
            allowed_in: schema
                .get("allowed_values_dynamic_variable")
                .and_then(Value::as_str)
                .map(str::to_owned),
        }))
    }

    /// The part that the llm fills in, as JSON schema. None: nothing of it.
    pub(super) fn for_llm(&self) -> Option<Value> {
        match self {
            Self::Literal(literal) => {
                if !matches!(literal.source, Source::Llm) {
                    return None;
                }
                let mut schema =
                    json!({"type": literal.kind.name(), "description": literal.description});
                if !literal.allowed.is_empty() {
                    schema["enum"] = literal.allowed.clone().into();
                }
                Some(schema)
            }
            Self::Object(object) => {
                if !matches!(object.source, Source::Llm) {
                    return None;
                }
                let properties: Map<String, Value> = object
                    .properties
                    .iter()
                    .filter_map(|(name, property)| Some((name.clone(), property.for_llm()?)))
                    .collect();
                if properties.is_empty() && !object.properties.is_empty() {
                    return None;
                }
                let required: Vec<&String> = object
                    .required
                    .iter()
                    .filter(|name| properties.contains_key(*name))
                    .collect();
                Some(json!({"type": "object", "description": object.description,
                    "properties": properties, "required": required}))
            }
            Self::Array(array) => {
                if !matches!(array.source, Source::Llm) {
                    return None;
                }
                let mut schema = json!({"type": "array", "description": array.description});
                if let Some(items) = array.items.as_ref().and_then(|items| items.for_llm()) {
                    schema["items"] = items;
                }
                Some(schema)
            }
        }
    }

    /// The value of the request; none: it is left out. `argument` is the llm's. An error is for the llm.
    pub(super) fn build(
        &self,
        path: &str,
        argument: Option<&Value>,
        values: &Values<'_>,
    ) -> Result<Option<Value>, String> {
        let (Self::Literal(Literal { source, .. })
        | Self::Object(Object { source, .. })
        | Self::Array(Array { source, .. })) = self;
        match source {
            Source::Omitted => return Ok(None),
            Source::Constant(Value::String(text)) => {
                let text = template::fill(text, values.variables, false)?;
                return Ok(Some(match self {
                    Self::Literal(literal) => literal.kind.fit(path, &Value::String(text))?,
                    _ => Value::String(text),
                }));
            }
            Source::Constant(constant) => return Ok(Some(constant.clone())),
            Source::Variable(name) => {
                let value = template::variable(name, values.variables, false)?.clone();
                return Ok(Some(match self {
                    Self::Literal(literal) => literal.kind.fit(path, &value)?,
                    // Lists and objects may be kept as text.
                    _ => match &value {
                        Value::String(text) => serde_json::from_str(text).unwrap_or(value),
                        _ => value,
                    },
                }));
            }
            Source::Llm => {}
        }
        let argument = argument.filter(|argument| !argument.is_null());
        match self {
            Self::Literal(literal) => argument
                .map(|argument| literal.check(path, argument, values))
                .transpose(),
            Self::Object(object) => object.build(path, argument, values),
            Self::Array(array) => {
                let Some(argument) = argument else {
                    return Ok(None);
                };
                let Value::Array(given) = argument else {
                    return Err(format!("{path} must be a list"));
                };
                let Some(items) = &array.items else {
                    return Ok(Some(argument.clone()));
                };
                let mut built = Vec::new();
                for (index, item) in given.iter().enumerate() {
                    built.extend(items.build(&format!("{path}.{index}"), Some(item), values)?);
                }
                Ok(Some(Value::Array(built)))
            }
        }
    }
}

impl Object {
    pub(super) fn requires(&self, name: &str) -> bool {
        self.required.iter().any(|known| known == name)
    }

    fn build(
        &self,
        path: &str,
        argument: Option<&Value>,
        values: &Values<'_>,
    ) -> Result<Option<Value>, String> {
        if argument.is_some_and(|argument| !argument.is_object()) {
            return Err(format!("{path} must be an object"));
        }
        if self.properties.is_empty() {
            return Ok(argument.cloned());
        }
        let built = self.build_from(path, |name| argument?.get(name), values)?;
        if built.is_empty() && argument.is_none() {
            return Ok(None);
        }
        Ok(Some(Value::Object(built)))
    }

    /// The object from arguments that may have other names.
    pub(super) fn build_from<'a>(
        &self,
        path: &str,
        argument: impl Fn(&str) -> Option<&'a Value>,
        values: &Values<'_>,
    ) -> Result<Map<String, Value>, String> {
        let mut built = Map::new();
        for (name, property) in &self.properties {
            let inner = if path.is_empty() {
                name.clone()
            } else {
                format!("{path}.{name}")
            };
            match property.build(&inner, argument(name), values)? {
                Some(value) => {
                    built.insert(name.clone(), value);
                }
                None if self.requires(name) && property.for_llm().is_some() => {
                    return Err(format!("{inner} is missing"));
                }
                None => {}
            }
        }
        Ok(built)
    }

    /// The whole of it, where it does not come from the llm field by field.
    pub(super) fn whole(&self, values: &Values<'_>) -> Result<Option<Value>, String> {
        match &self.source {
            Source::Llm | Source::Omitted => Ok(None),
            Source::Constant(constant) => Ok(Some(constant.clone())),
            Source::Variable(name) => Ok(Some(
                template::variable(name, values.variables, false)?.clone(),
            )),
        }
    }
}

impl Literal {
    fn check(&self, path: &str, argument: &Value, values: &Values<'_>) -> Result<Value, String> {
        let value = self.kind.fit(path, argument)?;
        if !self.allowed.is_empty() && !self.allowed.iter().any(|one| same(one, &value)) {
            return Err(format!("{path} must be one of {}", list(&self.allowed)));
        }
        if let Some(name) = &self.allowed_in {
            let known = template::variable(name, values.variables, false)?;
            let parsed = known
                .as_str()
                .and_then(|text| serde_json::from_str::<Value>(text).ok());
            let allowed = parsed
                .as_ref()
                .unwrap_or(known)
                .as_array()
                .cloned()
                .unwrap_or_default();
            if !allowed.iter().any(|one| same(one, &value)) {
                return Err(format!("{path} must be one of {}", list(&allowed)));
            }
        }
        Ok(value)
    }
}

impl Kind {
    fn name(self) -> &'static str {
        match self {
            Self::Boolean => "boolean",
            Self::Text => "string",
            Self::Integer => "integer",
            Self::Number => "number",
        }
    }

    /// The value as this kind, where it can be read as such: llms and variables often give numbers as text.
    fn fit(self, path: &str, value: &Value) -> Result<Value, String> {
        let fitted = match (self, value) {
            (Self::Boolean, Value::Bool(_))
            | (Self::Text, Value::String(_))
            | (Self::Number, Value::Number(_)) => Some(value.clone()),
            (Self::Boolean, Value::String(text)) => match text.trim() {
                "true" => Some(Value::Bool(true)),
                "false" => Some(Value::Bool(false)),
                _ => None,
            },
            (Self::Text, Value::Null) => None,
            (Self::Text, other) => Some(Value::String(other.to_string())),
            (Self::Integer, Value::Number(number)) => whole(number).map(Value::Number),
            (Self::Integer, Value::String(text)) => text.trim().parse::<i64>().ok().map(Into::into),
            (Self::Number, Value::String(text)) => text
                .trim()
                .parse::<f64>()
                .ok()
                .and_then(Number::from_f64)
                .map(Value::Number),
            _ => None,
        };
        fitted.ok_or_else(|| {
            let shown: String = value.to_string().chars().take(80).collect();
            format!("{path} must be of type {}, not {shown}", self.name())
        })
    }
}

fn whole(number: &Number) -> Option<Number> {
    if number.is_i64() || number.is_u64() {
        return Some(number.clone());
    }
    let value = number.as_f64()?;
    (value.fract() == 0.0 && value.abs() < 9e15).then(|| Number::from(value as i64))
}

fn same(known: &Value, value: &Value) -> bool {
    known == value || template::to_text(known) == template::to_text(value)
}

fn list(values: &[Value]) -> String {
    let shown: Vec<String> = values.iter().take(50).map(template::to_text).collect();
    shown.join(", ")
}
