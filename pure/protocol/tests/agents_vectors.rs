//! Every documented shape of every message is read, and written back as the contract has it.

#![allow(
    clippy::unwrap_used,
    reason = "a vector that cannot be read fails the test"
)]

use std::fmt::Debug;

use proptest::prelude::*;
use protocol::agents::{ClientEvent, DecodeError, ServerEvent};
use serde::Deserialize;
use serde_json::Value;

const CLIENT: &str = include_str!("../vectors/client_event.json");
const SERVER: &str = include_str!("../vectors/server_event.json");
const REFUSED: &str = include_str!("../vectors/refused.json");

#[derive(Deserialize)]
struct Vector {
    name: String,
    message: Value,
    /// How it is written, where that is not how it came.
    written: Option<Value>,
    #[serde(default)]
    unknown: bool,
}

#[derive(Deserialize)]
struct Refused {
    from: String,
    text: String,
    error: String,
}

fn vectors(json: &str) -> Vec<Vector> {
    serde_json::from_str(json).unwrap()
}

/// What both directions have in common, so that each rule is written once.
trait Event: Sized + PartialEq + Debug + Clone {
    const KINDS: &'static [&'static str];
    fn read(text: &str) -> Result<Self, DecodeError>;
    fn read_general(text: &str) -> Result<Self, DecodeError>;
    fn write(&self) -> String;
    fn kind(&self) -> &str;
    fn is_unknown(&self) -> bool;
}

macro_rules! event {
    ($name:ident) => {
        impl Event for $name {
            const KINDS: &'static [&'static str] = Self::KINDS;
            fn read(text: &str) -> Result<Self, DecodeError> {
                Self::from_json(text)
            }
            fn read_general(text: &str) -> Result<Self, DecodeError> {
                Self::from_json_general(text)
            }
            fn write(&self) -> String {
                self.to_json()
            }
            fn kind(&self) -> &str {
                self.kind()
            }
            fn is_unknown(&self) -> bool {
                matches!(self, Self::Unknown(_))
            }
        }
    };
}

event!(ClientEvent);
event!(ServerEvent);

fn check_round_trips<E: Event>(json: &str) {
    for Vector {
        name,
        message,
        written,
        unknown,
    } in vectors(json)
    {
        let event = E::read(&message.to_string()).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(event.is_unknown(), unknown, "{name}");
        let text = event.write();
        let back: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(back, written.unwrap_or(message), "{name}");
        assert_eq!(E::read(&text), Ok(event), "{name}");
    }
}

fn check_every_kind_is_covered<E: Event>(json: &str) {
    let events: Vec<E> = vectors(json)
        .iter()
        .map(|vector| E::read(&vector.message.to_string()).unwrap())
        .collect();
    for kind in E::KINDS {
        assert!(
            events
                .iter()
                .any(|event| event.kind() == *kind && !event.is_unknown()),
            "no vector for {kind}"
        );
    }
}

#[test]
fn every_shape_of_a_client_message_is_read_and_written() {
    check_round_trips::<ClientEvent>(CLIENT);
    check_every_kind_is_covered::<ClientEvent>(CLIENT);
}

#[test]
fn every_shape_of_a_server_message_is_read_and_written() {
    check_round_trips::<ServerEvent>(SERVER);
    check_every_kind_is_covered::<ServerEvent>(SERVER);
}

#[test]
fn a_bad_message_is_refused_with_its_kind_and_field() {
    let refused: Vec<Refused> = serde_json::from_str(REFUSED).unwrap();
    for Refused { from, text, error } in refused {
        let got = match from.as_str() {
            "client" => ClientEvent::from_json(&text).map(|_| ()),
            _ => ServerEvent::from_json(&text).map(|_| ()),
        };
        assert_eq!(got.unwrap_err().to_string(), error, "{text}");
    }
}

#[test]
fn the_serde_way_and_the_text_way_agree() {
    for vector in vectors(CLIENT) {
        let event: ClientEvent = serde_json::from_value(vector.message).unwrap();
        let text: Value = serde_json::from_str(&event.to_json()).unwrap();
        assert_eq!(serde_json::to_value(&event).unwrap(), text);
    }
    for vector in vectors(SERVER) {
        let event: ServerEvent = serde_json::from_value(vector.message).unwrap();
        let text: Value = serde_json::from_str(&event.to_json()).unwrap();
        assert_eq!(serde_json::to_value(&event).unwrap(), text);
    }
}

/// Any JSON value, small.
fn json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        "[a-zA-Z0-9+/=_]{0,8}".prop_map(Value::from),
        any::<String>().prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 12, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map("[a-z_]{1,12}", inner, 0..4)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

/// Replaces, removes or adds something at the place that `path` leads to.
fn mutate(value: &mut Value, path: &[usize], with: &Value, remove: bool) {
    let Some((first, rest)) = path.split_first() else {
        *value = with.clone();
        return;
    };
    match value {
        Value::Object(map) if !map.is_empty() => {
            let key = map
                .keys()
                .nth(first % map.len())
                .cloned()
                .unwrap_or_default();
            if rest.is_empty() && remove {
                map.remove(&key);
            } else if let Some(inner) = map.get_mut(&key) {
                mutate(inner, rest, with, remove);
            }
        }
        Value::Array(items) if !items.is_empty() => {
            let at = first % items.len();
            if rest.is_empty() && remove {
                items.remove(at);
            } else {
                mutate(&mut items[at], rest, with, remove);
            }
        }
        leaf => *leaf = with.clone(),
    }
}

/// Reads both ways, which must agree; what can be read must survive being written.
fn check_text<E: Event>(text: &str) {
    let event = E::read(text);
    assert_eq!(event, E::read_general(text), "{text}");
    match event {
        Ok(event) => assert_eq!(E::read(&event.write()), Ok(event), "{text}"),
        Err(error) => {
            assert_eq!(error.close_code().as_u16(), 1008);
            assert!(!error.to_string().is_empty());
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1024))]

    #[test]
    fn arbitrary_text_is_read_or_refused(text in any::<String>()) {
        check_text::<ClientEvent>(&text);
        check_text::<ServerEvent>(&text);
    }

    #[test]
    fn arbitrary_bodies_of_known_kinds_are_read_or_refused(
        kind in prop::sample::select([ClientEvent::KINDS, ServerEvent::KINDS].concat()),
        mut body in json(),
    ) {
        if let Value::Object(map) = &mut body {
            map.insert("type".to_owned(), Value::from(kind));
        }
        check_text::<ClientEvent>(&body.to_string());
        check_text::<ServerEvent>(&body.to_string());
    }

    #[test]
    fn a_mutated_message_is_read_or_refused(
        which in any::<prop::sample::Index>(),
        path in prop::collection::vec(0usize..8, 0..5),
        with in json(),
        remove in any::<bool>(),
    ) {
        let all: Vec<Vector> = vectors(CLIENT).into_iter().chain(vectors(SERVER)).collect();
        let mut message = which.get(&all).message.clone();
        mutate(&mut message, &path, &with, remove);
        let text = message.to_string();
        check_text::<ClientEvent>(&text);
        check_text::<ServerEvent>(&text);
    }
}
