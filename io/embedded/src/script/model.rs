//! A script as it stands in memory: names resolved, patterns read.

use std::collections::BTreeMap;

use jiff::civil::Time;
use serde_json::Value;

use super::pattern::Pattern;

/// What an agent says and does, read from its file.
#[derive(Clone, Debug, Default)]
pub(crate) struct Script {
    pub(crate) start: usize,
    pub(crate) states: Vec<State>,
    pub(crate) slots: Vec<Slot>,
    /// Understood in every state: digressions, and ways to another task.
    pub(crate) anywhere: Vec<Intent>,
    /// What a text may name besides slots; dynamic variables of the conversation come first.
    pub(crate) variables: BTreeMap<String, Value>,
    /// The replies that every script needs, by name.
    pub(crate) texts: BTreeMap<String, Vec<String>>,
}

#[derive(Clone, Debug, Default)]
pub(crate) struct State {
    pub(crate) hears: Vec<Intent>,
    pub(crate) steps: Vec<Step>,
    /// Slots forgotten on entering.
    pub(crate) fresh: Vec<usize>,
    /// What can be asked here, for one who was not understood.
    pub(crate) hints: Vec<String>,
    /// Whether what nothing else understands is looked up in the agent's prompt.
    pub(crate) knowledge: bool,
}

#[derive(Clone, Debug, Default)]
pub(crate) struct Intent {
    pub(crate) said: Vec<Pattern>,
    pub(crate) effect: Effect,
    /// Considered only where nothing else was understood.
    pub(crate) last: bool,
}

#[derive(Clone, Debug, Default)]
pub(crate) struct Effect {
    pub(crate) says: Vec<String>,
    pub(crate) forget: Vec<usize>,
    pub(crate) set: Vec<(usize, String)>,
    /// The text asks for this slot itself.
    pub(crate) asks: Option<usize>,
    pub(crate) go: Option<usize>,
    /// Go there and come back.
    pub(crate) visit: Option<usize>,
    pub(crate) end: bool,
}

#[derive(Clone, Debug)]
pub(crate) enum Step {
    Say(Vec<String>),
    Ask {
        slot: usize,
        says: Vec<String>,
        offer: bool,
    },
    Call {
        tool: String,
        with: Vec<(String, Value)>,
        on: Vec<Branch>,
    },
    Confirm {
        says: Vec<String>,
        no: Option<Effect>,
    },
    Listen(Vec<String>),
    Go(usize),
    End,
}

#[derive(Clone, Debug, Default)]
pub(crate) struct Branch {
    /// Fields of the result and their values; empty matches whatever is left. `error` is a failed call.
    pub(crate) when: Vec<(String, Value)>,
    pub(crate) effect: Effect,
}

#[derive(Clone, Debug)]
pub(crate) struct Slot {
    pub(crate) name: String,
    pub(crate) kind: Kind,
    pub(crate) ask: Vec<String>,
    pub(crate) offer: Vec<String>,
    pub(crate) hint: String,
    /// For times: what settles morning or afternoon.
    pub(crate) between: Option<(Time, Time)>,
    /// Words right before a value that say it is for this slot, or right after it.
    pub(crate) cues: Vec<Vec<String>>,
    pub(crate) tails: Vec<Vec<String>>,
    /// Takes the value that stands beside this slot's.
    pub(crate) beside: Option<usize>,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Kind {
    Name,
    Date,
    Time,
    Email,
    Phone,
    Number,
    Sum,
    YesNo,
    Text,
    Choice(Vec<(String, Pattern)>),
}

impl Kind {
    /// As the file and the recogniser call it.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Name => "name",
            Self::Date => "day",
            Self::Time => "time",
            Self::Email => "email",
            Self::Phone => "phone",
            Self::Number | Self::Sum => "number",
            Self::YesNo => "confirmation",
            Self::Text => "text",
            Self::Choice(_) => "choice",
        }
    }
}
