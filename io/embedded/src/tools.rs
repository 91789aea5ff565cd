//! What the bundled agents can do: the clock, sums, notes, and an appointment book.

mod appointments;
mod book;
mod calculate;
mod clock;
mod notes;

use std::{collections::BTreeMap, path::PathBuf, sync::Arc};

use providers::tool::{Invocation, Tool};
use serde_json::Value;

pub use appointments::{Appointments, appointment_tools};
pub use book::{Appointment, Book, BookError, Hours};
pub use calculate::Calculate;
pub use clock::CurrentTime;
pub use notes::{Notes, note_tools};

/// What tools keep between conversations. One for each agent.
#[derive(Clone, Debug, Default)]
pub struct Shelf {
    /// The notes, by conversation.
    pub notes: Notes,
    /// The appointment book.
    pub appointments: Appointments,
}

impl Shelf {
    /// An empty shelf whose opening hours are those of an agent's variables (`open_from`, `open_until`,
    /// `open_days`, `slot_minutes`). With a path the book is read from that file and kept in it.
    ///
    /// # Errors
    ///
    /// When the file is there and cannot be read, or holds something else.
    pub fn open(
        variables: &BTreeMap<String, Value>,
        path: Option<PathBuf>,
    ) -> Result<Self, BookError> {
        let hours = Hours::from_variables(variables);
        let book = match path {
            Some(path) => Book::open(hours, path)?,
            None => Book::new(hours),
        };
        Ok(Self {
            notes: Notes::default(),
            appointments: Appointments::new(book),
        })
    }

    /// Every tool, by name.
    pub fn tools(&self) -> Vec<Arc<dyn Tool>> {
        let mut tools: Vec<Arc<dyn Tool>> = vec![Arc::new(CurrentTime), Arc::new(Calculate)];
        tools.extend(note_tools(&self.notes));
        tools.extend(appointment_tools(&self.appointments));
        tools
    }

    /// Those of the named tools that are here.
    pub fn named(&self, names: &[String]) -> Vec<Arc<dyn Tool>> {
        self.tools()
            .into_iter()
            .filter(|t| names.contains(&t.spec().name))
            .collect()
    }
}

/// A text argument, or what to tell the llm.
fn text<'a>(call: &'a Invocation, name: &str) -> Result<&'a str, String> {
    call.arguments
        .get(name)
        .and_then(Value::as_str)
        .map(str::trim)
        .filter(|t| !t.is_empty())
        .ok_or_else(|| format!("the argument `{name}` is missing or not a text"))
}

/// The wall clock of a call.
fn now(call: &Invocation) -> Result<jiff::Zoned, String> {
    call.now
        .parse()
        .map_err(|_| "the clock of this conversation cannot be read".to_owned())
}

/// A JSON schema of text arguments: name, what it is, whether it must be there.
fn schema(fields: &[(&str, &str, bool)]) -> Value {
    let properties: serde_json::Map<String, Value> = fields
        .iter()
        .map(|(name, what, _)| {
            (
                (*name).to_owned(),
                serde_json::json!({ "type": "string", "description": what }),
            )
        })
        .collect();
    let required: Vec<&str> = fields.iter().filter(|f| f.2).map(|f| f.0).collect();
    serde_json::json!({ "type": "object", "properties": properties, "required": required })
}
