//! An agent of an account as a file, and back, without loss.

use serde_json::{Map, Value, json};

/// The table that says where a file's agent lives.
pub(super) const REMOTE: &str = "duologue_remote";
/// Fields that the platform keeps about an agent; nobody writes them.
const KEPT_THERE: [&str; 9] = [
    "agent_id",
    "metadata",
    "access_info",
    "phone_numbers",
    "whatsapp_accounts",
    "version_id",
    "branch_id",
    "main_branch_id",
    REMOTE,
];

/// Where a file's agent lives, and what both were when they were last brought together.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Remote {
    pub(super) host: String,
    pub(super) agent_id: String,
    /// The file's revision.
    pub(super) here: String,
    /// The account's: it adds to what it is given.
    pub(super) there: String,
    /// What TOML cannot say (a null in a list, a number beyond it), as JSON by its place.
    pub(super) json: Option<String>,
}

impl Remote {
    fn table(&self) -> toml::Table {
        let mut table = toml::Table::new();
        for (name, value) in [
            ("host", Some(&self.host)),
            ("agent_id", Some(&self.agent_id)),
            ("here", Some(&self.here)),
            ("there", Some(&self.there)),
            ("json", self.json.as_ref()),
        ] {
            if let Some(value) = value {
                table.insert(name.to_owned(), value.clone().into());
            }
        }
        table
    }
}

/// A file's text with another place in it; everything else, remarks too, stays as somebody wrote it.
pub(super) fn moved(text: &str, remote: &Remote) -> Result<String, toml::ser::Error> {
    let mut kept = String::with_capacity(text.len() + 256);
    let mut skipping = false;
    for line in text.lines() {
        if line.trim_start().starts_with('[') {
            skipping = line.trim() == format!("[{REMOTE}]");
        }
        if !skipping {
            kept.push_str(line);
            kept.push('\n');
        }
    }
    let place = toml::to_string_pretty(&remote.table())?;
    Ok(format!("{}\n\n[{REMOTE}]\n{place}", kept.trim_end()))
}

/// What of an agent is anybody's to change.
pub(super) fn content(agent: &Value) -> Value {
    let mut object = agent.as_object().cloned().unwrap_or_default();
    for name in KEPT_THERE {
        object.remove(name);
    }
    without_nulls(Value::Object(object))
}

/// A null says that something is not set, as its absence does; a file has no nulls.
fn without_nulls(value: Value) -> Value {
    match value {
        Value::Object(object) => object
            .into_iter()
            .filter(|(_, value)| !value.is_null())
            .map(|(name, value)| (name, without_nulls(value)))
            .collect(),
        other => other,
    }
}

/// Changes when the content does. Not a secret's hash: it only tells texts apart.
pub(super) fn revision(content: &Value) -> String {
    // FNV-1a. Maps are in the order of their names.
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    for byte in ordered(content).to_string().bytes() {
        hash = (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
    }
    format!("{hash:016x}")
}

/// With its maps in order and whole numbers alike, however they were written.
fn ordered(value: &Value) -> Value {
    match value {
        Value::Object(object) => {
            let mut names: Vec<&String> = object.keys().collect();
            names.sort();
            Value::Object(
                names
                    .into_iter()
                    .map(|name| (name.clone(), ordered(&object[name])))
                    .collect(),
            )
        }
        Value::Array(values) => values.iter().map(ordered).collect(),
        Value::Number(number) => match number.as_f64() {
            // A server may write 1.0 as 1.
            Some(float) if float.fract() == 0.0 && float.abs() < 9e15 => json!(float as i64),
            _ => value.clone(),
        },
        other => other.clone(),
    }
}

/// The text of a new file.
pub(super) fn to_toml(content: &Value, remote: &Remote) -> Result<String, toml::ser::Error> {
    let mut awkward = Map::new();
    let mut file = match table(content, "", &mut awkward) {
        Some(toml::Value::Table(table)) => table,
        _ => toml::Table::new(),
    };
    let mut remote = remote.clone();
    remote.json = (!awkward.is_empty()).then(|| Value::Object(awkward).to_string());
    let place = remote.table();
    file.insert(REMOTE.to_owned(), toml::Value::Table(place));
    toml::to_string_pretty(&file)
}

fn table(value: &Value, path: &str, awkward: &mut Map<String, Value>) -> Option<toml::Value> {
    Some(match value {
        Value::Null => return None,
        Value::Bool(yes) => (*yes).into(),
        Value::String(text) => text.clone().into(),
        Value::Number(number) => match (number.as_i64(), number.as_f64()) {
            (Some(whole), _) => whole.into(),
            (None, Some(float)) if number.is_f64() => float.into(),
            _ => {
                awkward.insert(path.to_owned(), value.clone());
                return None;
            }
        },
        Value::Array(values) => {
            let mut inner = Map::new();
            let list: Vec<_> = values
                .iter()
                .filter_map(|value| table(value, "", &mut inner))
                .collect();
            if list.len() < values.len() || !inner.is_empty() {
                awkward.insert(path.to_owned(), value.clone());
                return None;
            }
            toml::Value::Array(list)
        }
        Value::Object(object) => {
            let mut out = toml::Table::new();
            for (name, value) in object {
                // As in a JSON pointer.
                let step = name.replace('~', "~0").replace('/', "~1");
                if let Some(value) = table(value, &format!("{path}/{step}"), awkward) {
                    out.insert(name.clone(), value);
                }
            }
            toml::Value::Table(out)
        }
    })
}

/// What a file says of its agent, read as the agent's JSON, and where that lives.
pub(super) fn from_file(agent: &Value) -> (Value, Option<Remote>) {
    let place = agent.get(REMOTE);
    let text = |name: &str| {
        place
            .and_then(|place| place.get(name))
            .and_then(Value::as_str)
            .map(str::to_owned)
    };
    let mut content = content(agent);
    let awkward: Map<String, Value> = text("json")
        .and_then(|json| serde_json::from_str(&json).ok())
        .unwrap_or_default();
    for (path, value) in awkward {
        put(&mut content, &path, value);
    }
    let remote = (|| {
        Some(Remote {
            host: text("host")?,
            agent_id: text("agent_id")?,
            here: text("here").unwrap_or_default(),
            there: text("there").unwrap_or_default(),
            json: text("json"),
        })
    })();
    (content, remote)
}

/// Puts a value where a JSON pointer says; what is on the way is made. What has been written there since stays.
fn put(content: &mut Value, path: &str, value: Value) {
    let mut place = content;
    for step in path.split('/').skip(1) {
        let step = step.replace("~1", "/").replace("~0", "~");
        let Value::Object(object) = place else {
            return;
        };
        place = object.entry(step).or_insert(Value::Null);
        if place.is_null() && !value.is_null() {
            *place = json!({});
        }
    }
    if *place == json!({}) {
        *place = value;
    }
}

/// The paths of what `there` has and `here` does not.
pub(super) fn left_out(here: &Value, there: &Value) -> Vec<String> {
    fn walk(here: &Value, there: &Value, path: &str, out: &mut Vec<String>) {
        let (Value::Object(here), Value::Object(there)) = (here, there) else {
            return;
        };
        for (name, value) in there {
            let path = if path.is_empty() {
                name.clone()
            } else {
                format!("{path}.{name}")
            };
            match here.get(name) {
                Some(inner) => walk(inner, value, &path, out),
                None if value.is_null() || *value == json!({}) || *value == json!([]) => {}
                None => out.push(path),
            }
        }
    }
    let mut out = Vec::new();
    walk(here, there, "", &mut out);
    out
}

#[cfg(test)]
mod tests {
    use agent::config::AgentFile;

    use super::*;

    fn remote() -> Remote {
        Remote {
            host: "h".to_owned(),
            agent_id: "agent_1".to_owned(),
            here: "r".to_owned(),
            there: "s".to_owned(),
            json: None,
        }
    }

    #[test]
    fn a_round_trip_loses_nothing() {
        let agent = json!({
            "agent_id": "agent_1", "metadata": {"created_at_unix_secs": 1}, "name": "Desk", "tags": ["a", "b"],
            "conversation_config": {
                "agent": {"first_message": "Say \"hello\",\n{{name}}: ünï \\ 'x'", "prompt": {"prompt": "", "temperature": 0.0,
                    "max_tokens": -1, "tools": [{"name": "t", "list": [1, 2.5, true, "x"]}], "odd": [1, null]}},
                "tts": {"speed": 1.25, "empty": {}, "none": []},
                "a.b/c~d": {"e": 18_446_744_073_709_551_615_u64}
            },
            "workflow": {"nodes": {"start_node": {"position": {"x": 0.1, "y": -3}}}},
            "unheard_of": [[1, 2], [3]], "nothing": null
        });
        let content = content(&agent);
        let text = to_toml(&content, &remote()).unwrap();
        let file = AgentFile::parse(&text).unwrap();
        let (read, place) = from_file(&file.config.value);
        assert_eq!(read, content, "{text}");
        let place = place.unwrap();
        assert_eq!((&*place.agent_id, &*place.there), ("agent_1", "s"));
        // Where it moves, what TOML cannot say goes with it.
        let text = moved(
            &text,
            &Remote {
                here: "x".to_owned(),
                ..place
            },
        )
        .unwrap();
        let file = AgentFile::parse(&text).unwrap();
        let (again, place) = from_file(&file.config.value);
        assert_eq!(
            (again, place.unwrap().here),
            (content.clone(), "x".to_owned())
        );
        assert_eq!(revision(&read), revision(&content));
    }

    #[test]
    fn a_revision_follows_the_content_and_nothing_else() {
        let one = json!({"a": 1, "b": {"c": 2.0}});
        assert_eq!(revision(&one), revision(&json!({"b": {"c": 2}, "a": 1})));
        assert_ne!(revision(&one), revision(&json!({"b": {"c": 2.5}, "a": 1})));
    }

    #[test]
    fn remarks_in_a_file_stay() {
        let text = "# Mine.\nname = \"x\" # yes\n\n[duologue_remote]\nhost = \"old\"\n\n[conversation_config]\n# here\n";
        let text = moved(text, &remote()).unwrap();
        assert!(text.starts_with("# Mine.\nname = \"x\" # yes\n\n[conversation_config]\n# here\n\n[duologue_remote]\n"), "{text}");
        assert!(!text.contains("old"), "{text}");
    }

    #[test]
    fn what_a_file_leaves_out_is_named() {
        let there = json!({"name": "x", "a": {"b": 1, "c": {"d": 2}, "e": {}}});
        assert_eq!(
            left_out(&json!({"a": {"c": {}}}), &there),
            ["a.b", "a.c.d", "name"]
        );
    }
}
