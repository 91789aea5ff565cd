//! Reading a script from an agent's file. Every complaint says where, what, and what to do.

mod fields;

use std::{
    collections::{BTreeMap, BTreeSet},
    ops::Range,
};

use serde_json::Value;
use toml::{
    Spanned,
    de::{DeTable, DeValue},
};

use fields::{as_str, as_table, items_of, json, known, required, strings, table_of};

use super::{
    model::{Branch, Effect, Intent, Kind, Script, Slot, State, Step},
    pattern::{Names, Pattern, one_of},
};

/// What is wrong with a script.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}, column {column}: {what}; {remedy}")]
pub struct ScriptError {
    /// The line, from 1.
    pub line: usize,
    /// The column in characters, from 1.
    pub column: usize,
    /// What is wrong.
    pub what: String,
    /// What to do about it.
    pub remedy: String,
}

type Table<'a> = DeTable<'a>;
type Item<'a> = Spanned<DeValue<'a>>;
/// An error at an offset of the text.
type Fault = (usize, String, String);
type Parsed<T> = Result<T, Fault>;

/// Reads the script of an agent's file; `None` when the file has none.
pub(crate) fn script(text: &str) -> Result<Option<Script>, ScriptError> {
    let located = |(at, what, remedy): Fault| {
        let (line, column) = place(text, at);
        ScriptError {
            line,
            column,
            what,
            remedy,
        }
    };
    let document = DeTable::parse(text).map_err(|e| {
        located((
            e.span().map_or(0, |s| s.start),
            format!(
                "this is not TOML: {}",
                e.message().lines().next().unwrap_or_default()
            ),
            "mend the syntax there".to_owned(),
        ))
    })?;
    let root = document.get_ref();
    let Some(script) = root.get("duologue_script") else {
        return Ok(None);
    };
    let placeholders = [
        "conversation_config",
        "agent",
        "dynamic_variables",
        "dynamic_variable_placeholders",
    ]
    .iter()
    .try_fold(root, |table, key| {
        table.get(*key).and_then(|v| v.get_ref().as_table())
    });
    Reader {
        text,
        slots: BTreeMap::new(),
        states: BTreeMap::new(),
        words: BTreeMap::new(),
        free: BTreeSet::new(),
        variables: BTreeMap::new(),
    }
    .read(script, placeholders)
    .map(Some)
    .map_err(located)
}

fn place(text: &str, at: usize) -> (usize, usize) {
    let before = &text[..text.floor_char_boundary(at)];
    let line = before.matches('\n').count() + 1;
    let column = before
        .rsplit('\n')
        .next()
        .unwrap_or_default()
        .chars()
        .count()
        + 1;
    (line, column)
}

struct Reader<'t> {
    text: &'t str,
    slots: BTreeMap<String, usize>,
    states: BTreeMap<String, usize>,
    words: BTreeMap<String, String>,
    free: BTreeSet<usize>,
    variables: BTreeMap<String, Value>,
}

/// The replies that a script may word for itself, and what they are for.
pub(crate) const TEXTS: &[(&str, &str)] = &[
    ("repair", "Sorry, I didn't catch that."),
    ("repair_again", "I'm sorry, I still didn't understand."),
    (
        "give_up",
        "I'm afraid I can't follow, so let us stop here rather than go round in circles. Goodbye.",
    ),
    ("hints", "You can {{hints}}."),
    ("still_there", "Are you still there?"),
    ("change", "Alright. What should be different?"),
    ("tool_failed", "I'm sorry, something went wrong on my side."),
    ("wait", "Take your time."),
    ("which_day", "Do you mean {{first}}, or {{second}}?"),
    ("which_half", "Is that in the morning or in the afternoon?"),
    ("which_time", "What time in the {{part}}?"),
];

impl Reader<'_> {
    #[expect(
        clippy::too_many_lines,
        reason = "one part of the file after the other"
    )]
    fn read(mut self, item: &Item<'_>, placeholders: Option<&Table<'_>>) -> Parsed<Script> {
        let table = as_table(item, "duologue_script")?;
        known(
            table,
            &[
                "start",
                "variables",
                "words",
                "texts",
                "slots",
                "anywhere",
                "state",
            ],
            "the script",
        )?;
        for (name, value) in placeholders.into_iter().flat_map(|t| t.iter()) {
            self.variables
                .insert(name.get_ref().to_string(), json(value));
        }
        for (name, value) in table_of(table, "variables")?
            .into_iter()
            .flat_map(|t| t.iter())
        {
            self.variables
                .insert(name.get_ref().to_string(), json(value));
        }
        for (name, value) in table_of(table, "words")?.into_iter().flat_map(|t| t.iter()) {
            self.words.insert(
                name.get_ref().to_string(),
                as_str(value, "a word class")?.to_owned(),
            );
        }
        let slot_table = table_of(table, "slots")?;
        // Names first, for patterns may name slots that come later.
        for (i, (name, slot)) in slot_table.into_iter().flat_map(|t| t.iter()).enumerate() {
            self.slots.insert(name.get_ref().to_string(), i);
            let kind = slot
                .get_ref()
                .as_table()
                .and_then(|t| t.get("kind"))
                .and_then(|k| k.get_ref().as_str());
            if kind == Some("text") {
                self.free.insert(i);
            }
        }
        let state_items = items_of(table, "state")?;
        for (i, state) in state_items.iter().enumerate() {
            let fields = as_table(state, "a state")?;
            let name = required(fields, "name", state, "a state")?;
            if self
                .states
                .insert(as_str(name, "name")?.to_owned(), i)
                .is_some()
            {
                return Err((
                    name.span().start,
                    "a second state of this name".to_owned(),
                    "rename one of them".to_owned(),
                ));
            }
        }
        if state_items.is_empty() {
            return Err((
                item.span().start,
                "a script without states".to_owned(),
                "add a [[duologue_script.state]]".to_owned(),
            ));
        }
        let mut slots = Vec::new();
        for (name, value) in slot_table.into_iter().flat_map(|t| t.iter()) {
            slots.push(self.slot(name.get_ref(), value)?);
        }
        let anywhere = items_of(table, "anywhere")?
            .iter()
            .map(|i| self.intent(i))
            .collect::<Parsed<_>>()?;
        let states = state_items
            .iter()
            .map(|s| self.state(s))
            .collect::<Parsed<_>>()?;
        let start = match table.get("start") {
            Some(start) => self.state_named(start)?,
            None => 0,
        };
        let mut texts: BTreeMap<String, Vec<String>> = TEXTS
            .iter()
            .map(|(k, v)| ((*k).to_owned(), vec![(*v).to_owned()]))
            .collect();
        for (name, value) in table_of(table, "texts")?.into_iter().flat_map(|t| t.iter()) {
            let key = name.get_ref().to_string();
            if !texts.contains_key(&key) {
                let names: Vec<String> = texts.keys().cloned().collect();
                return Err((
                    name.span().start,
                    format!("unknown text `{key}`"),
                    one_of(names.iter(), "text"),
                ));
            }
            texts.insert(key, strings(value, "a text")?);
        }
        Ok(Script {
            start,
            states,
            slots,
            anywhere,
            variables: self.variables,
            texts,
        })
    }

    fn slot(&self, name: &str, item: &Item<'_>) -> Parsed<Slot> {
        let table = as_table(item, "a slot")?;
        known(
            table,
            &[
                "kind", "ask", "offer", "hint", "between", "choices", "cues", "tails", "beside",
            ],
            "a slot",
        )?;
        let kind_item = required(table, "kind", item, "a slot")?;
        let kind = match as_str(kind_item, "kind")? {
            "name" => Kind::Name,
            "date" | "day" => Kind::Date,
            "time" => Kind::Time,
            "email" => Kind::Email,
            "phone" => Kind::Phone,
            "number" => Kind::Number,
            "sum" => Kind::Sum,
            "yes_no" => Kind::YesNo,
            "text" => Kind::Text,
            "choice" => {
                let choices = required(table, "choices", item, "a choice")?;
                Kind::Choice(
                    as_table(choices, "choices")?
                        .iter()
                        .map(|(value, said)| Ok((value.get_ref().to_string(), self.pattern(said)?)))
                        .collect::<Parsed<_>>()?,
                )
            }
            other => {
                return Err((
                    kind_item.span().start,
                    format!("unknown kind `{other}`"),
                    "use name, date, time, email, phone, number, sum, yes_no, text or choice"
                        .to_owned(),
                ));
            }
        };
        let between = match table.get("between") {
            Some(item) => {
                let times = strings(item, "between")?;
                let read = |s: &String| s.parse::<jiff::civil::Time>().ok();
                match times.as_slice() {
                    [a, b] => read(a).zip(read(b)),
                    _ => None,
                }
                .map(Some)
                .ok_or_else(|| {
                    (
                        item.span().start,
                        "`between` is not a pair of times".to_owned(),
                        "write it as [\"09:00\", \"17:00\"]".to_owned(),
                    )
                })?
            }
            None => None,
        };
        Ok(Slot {
            name: name.to_owned(),
            kind,
            ask: self.texts(table, "ask")?,
            offer: self.texts(table, "offer")?,
            hint: table
                .get("hint")
                .map_or(Ok(""), |h| as_str(h, "hint"))?
                .to_owned(),
            between,
            cues: self.phrases(table, "cues")?,
            tails: self.phrases(table, "tails")?,
            beside: table
                .get("beside")
                .map(|s| self.slot_at(as_str(s, "beside")?, s.span()))
                .transpose()?,
        })
    }

    /// Patterns without slots, as the word sequences they stand for.
    fn phrases(&self, table: &Table<'_>, key: &str) -> Parsed<Vec<Vec<String>>> {
        let Some(item) = table.get(key) else {
            return Ok(Vec::new());
        };
        let single = std::slice::from_ref(item);
        let list = match item.get_ref() {
            DeValue::Array(list) => list,
            _ => single,
        };
        let mut out = Vec::new();
        for pattern in list {
            let phrases = self.pattern(pattern)?.phrases(&[], 400);
            out.extend(
                phrases
                    .iter()
                    .map(|p| p.split(' ').map(str::to_owned).collect()),
            );
        }
        Ok(out)
    }

    fn state(&self, item: &Item<'_>) -> Parsed<State> {
        let table = as_table(item, "a state")?;
        known(
            table,
            &["name", "hints", "fresh", "knowledge", "hears", "step"],
            "a state",
        )?;
        let name = as_str(required(table, "name", item, "a state")?, "name")?.to_owned();
        let knowledge = match table.get("knowledge") {
            Some(value) => value.get_ref().as_bool().ok_or_else(|| {
                (
                    value.span().start,
                    "`knowledge` is neither true nor false".to_owned(),
                    "write true or false".to_owned(),
                )
            })?,
            None => false,
        };
        let steps: Vec<Step> = items_of(table, "step")?
            .iter()
            .map(|s| self.step(s))
            .collect::<Parsed<_>>()?;
        if steps.is_empty() {
            return Err((
                item.span().start,
                format!("the state `{name}` has no step, so nobody would ever leave it"),
                "add a [[duologue_script.state.step]]".to_owned(),
            ));
        }
        Ok(State {
            hears: items_of(table, "hears")?
                .iter()
                .map(|i| self.intent(i))
                .collect::<Parsed<_>>()?,
            steps,
            fresh: self.slot_list(table, "fresh")?,
            hints: self.texts(table, "hints")?,
            knowledge,
        })
    }

    fn intent(&self, item: &Item<'_>) -> Parsed<Intent> {
        let table = as_table(item, "what is heard")?;
        known(
            table,
            &[
                "said", "last", "says", "forget", "set", "asks", "go", "visit", "end",
            ],
            "what is heard",
        )?;
        let said = required(table, "said", item, "what is heard")?;
        let said = match said.get_ref() {
            DeValue::Array(list) => list
                .iter()
                .map(|p| self.pattern(p))
                .collect::<Parsed<Vec<_>>>()?,
            _ => vec![self.pattern(said)?],
        };
        let effect = self.effect(table)?;
        let idle = effect.says.is_empty()
            && effect.go.is_none()
            && effect.visit.is_none()
            && !effect.end
            && effect.set.is_empty()
            && effect.forget.is_empty();
        if idle {
            return Err((
                item.span().start,
                "it is heard, and nothing follows".to_owned(),
                "add says, go, visit, set, forget or end".to_owned(),
            ));
        }
        let last = table
            .get("last")
            .is_some_and(|v| v.get_ref().as_bool() == Some(true));
        Ok(Intent { said, effect, last })
    }

    fn effect(&self, table: &Table<'_>) -> Parsed<Effect> {
        let set = match table_of(table, "set")? {
            Some(set) => set
                .iter()
                .map(|(name, value)| {
                    let slot = self.slot_at(name.get_ref(), name.span())?;
                    self.template(value)?;
                    Ok((slot, as_str(value, "a value to set")?.to_owned()))
                })
                .collect::<Parsed<_>>()?,
            None => Vec::new(),
        };
        Ok(Effect {
            says: self.texts(table, "says")?,
            forget: self.slot_list(table, "forget")?,
            set,
            asks: table
                .get("asks")
                .map(|s| self.slot_at(as_str(s, "asks")?, s.span()))
                .transpose()?,
            go: table.get("go").map(|s| self.state_named(s)).transpose()?,
            visit: table
                .get("visit")
                .map(|s| self.state_named(s))
                .transpose()?,
            end: table
                .get("end")
                .is_some_and(|v| v.get_ref().as_bool() == Some(true)),
        })
    }

    fn step(&self, item: &Item<'_>) -> Parsed<Step> {
        const KINDS: [&str; 8] = [
            "say", "ask", "offer", "call", "confirm", "listen", "go", "end",
        ];
        let table = as_table(item, "a step")?;
        let kinds: Vec<&str> = KINDS
            .iter()
            .copied()
            .filter(|k| table.contains_key(*k))
            .collect();
        let [kind] = kinds[..] else {
            let what = if kinds.is_empty() {
                "a step that does nothing"
            } else {
                "a step that does two things"
            };
            return Err((
                item.span().start,
                what.to_owned(),
                format!("give it one of: {}", KINDS.join(", ")),
            ));
        };
        let value = &table[kind];
        match kind {
            "call" => known(table, &["call", "with", "on"], "a call")?,
            "ask" | "offer" => known(table, &["ask", "offer", "says"], "a question")?,
            "confirm" => known(table, &["confirm", "no"], "a confirmation")?,
            _ => known(table, &[kind], "this step")?,
        }
        Ok(match kind {
            "say" => Step::Say(self.texts(table, "say")?),
            "listen" => Step::Listen(self.texts(table, "listen")?),
            "ask" | "offer" => Step::Ask {
                slot: self.slot_at(as_str(value, kind)?, value.span())?,
                says: self.texts(table, "says")?,
                offer: kind == "offer",
            },
            "confirm" => Step::Confirm {
                says: self.texts(table, "confirm")?,
                no: match table_of(table, "no")? {
                    Some(no) => Some(self.effect(no)?),
                    None => None,
                },
            },
            "go" => Step::Go(self.state_named(value)?),
            "end" => Step::End,
            _ => {
                let tool = as_str(value, "call")?;
                if tool.is_empty()
                    || !tool
                        .chars()
                        .all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-'))
                {
                    return Err((
                        value.span().start,
                        format!("`{tool}` cannot be the name of a tool"),
                        "use letters, digits, _ and -".to_owned(),
                    ));
                }
                let mut with = Vec::new();
                for (name, argument) in table_of(table, "with")?.into_iter().flat_map(|t| t.iter())
                {
                    if let Some(text) = argument.get_ref().as_str() {
                        match raw_slot(text) {
                            Some(slot) => {
                                self.slot_at(slot, argument.span())?;
                            }
                            None => self.template(argument)?,
                        }
                    }
                    with.push((name.get_ref().to_string(), json(argument)));
                }
                let on = items_of(table, "on")?
                    .iter()
                    .map(|b| {
                        let fields = as_table(b, "a branch")?;
                        known(
                            fields,
                            &[
                                "when", "says", "forget", "set", "asks", "go", "visit", "end",
                            ],
                            "a branch",
                        )?;
                        let when = table_of(fields, "when")?
                            .into_iter()
                            .flat_map(|t| t.iter())
                            .map(|(k, v)| (k.get_ref().to_string(), json(v)))
                            .collect();
                        Ok(Branch {
                            when,
                            effect: self.effect(fields)?,
                        })
                    })
                    .collect::<Parsed<_>>()?;
                Step::Call {
                    tool: tool.to_owned(),
                    with,
                    on,
                }
            }
        })
    }

    fn pattern(&self, item: &Item<'_>) -> Parsed<Pattern> {
        let text = as_str(item, "a pattern")?;
        let names = Names {
            slots: &self.slots,
            words: &self.words,
            free: &self.free,
        };
        Pattern::parse(text, &names)
            .map_err(|(at, what, remedy)| (self.inside(item, at), what, remedy))
    }

    /// The place in the file of an offset in a string: right as long as the string has no escapes before it.
    fn inside(&self, item: &Item<'_>, at: usize) -> usize {
        let span = item.span();
        let quotes = if self.text[span.start..].starts_with("\"\"\"")
            || self.text[span.start..].starts_with("'''")
        {
            3
        } else {
            1
        };
        (span.start + quotes + at).min(span.end)
    }

    fn slot_at(&self, name: &str, span: Range<usize>) -> Parsed<usize> {
        self.slots.get(name).copied().ok_or_else(|| {
            (
                span.start,
                format!("unknown slot `{name}`"),
                one_of(self.slots.keys(), "slot"),
            )
        })
    }

    fn slot_list(&self, table: &Table<'_>, key: &str) -> Parsed<Vec<usize>> {
        let Some(item) = table.get(key) else {
            return Ok(Vec::new());
        };
        match item.get_ref() {
            DeValue::Array(list) => list
                .iter()
                .map(|s| self.slot_at(as_str(s, key)?, s.span()))
                .collect(),
            _ => Ok(vec![self.slot_at(as_str(item, key)?, item.span())?]),
        }
    }

    fn state_named(&self, item: &Item<'_>) -> Parsed<usize> {
        let name = as_str(item, "a state")?;
        self.states.get(name).copied().ok_or_else(|| {
            (
                item.span().start,
                format!("unknown state `{name}`"),
                one_of(self.states.keys(), "state"),
            )
        })
    }

    /// Texts to say: one, or variants. What they name must be there.
    fn texts(&self, table: &Table<'_>, key: &str) -> Parsed<Vec<String>> {
        let Some(item) = table.get(key) else {
            return Ok(Vec::new());
        };
        match item.get_ref() {
            DeValue::Array(list) => list.iter().try_for_each(|t| self.template(t))?,
            _ => self.template(item)?,
        }
        strings(item, key)
    }

    fn template(&self, item: &Item<'_>) -> Parsed<()> {
        let text = as_str(item, "a text")?;
        let mut from = 0;
        while let Some(open) = text[from..].find("{{").map(|i| i + from) {
            let Some(close) = text[open..].find("}}").map(|i| i + open) else {
                return Err((
                    self.inside(item, open),
                    "`{{` is never closed".to_owned(),
                    "add `}}`".to_owned(),
                ));
            };
            let name = text[open + 2..close].trim();
            let root = name.split('.').next().unwrap_or_default();
            let fine = root == "result"
                || name.starts_with("system__")
                || self.slots.contains_key(name)
                || self.variables.contains_key(name)
                || matches!(name, "hints" | "first" | "second" | "part");
            if !fine {
                let names: Vec<String> = self
                    .slots
                    .keys()
                    .chain(self.variables.keys())
                    .cloned()
                    .collect();
                return Err((
                    self.inside(item, open),
                    format!("unknown variable `{name}`"),
                    one_of(names.iter(), "variable"),
                ));
            }
            from = close + 2;
        }
        Ok(())
    }
}

/// `{day}` and nothing else: the value itself, not its words.
pub(crate) fn raw_slot(text: &str) -> Option<&str> {
    text.strip_prefix('{')?
        .strip_suffix('}')
        .filter(|name| !name.contains(['{', '}']))
}
