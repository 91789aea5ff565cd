//! The agents that come with Duologue.

use crate::script::{ScriptError, Scripted};

/// An agent of the house: an agent file, and what it needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bundled {
    /// Its id.
    pub id: &'static str,
    /// What it does, in a line.
    pub summary: &'static str,
    /// Its file: ElevenLabs' agent JSON written as TOML, with a `duologue_script`.
    pub toml: &'static str,
}

/// The general assistant, which explains Duologue and does small chores.
pub const ASSISTANT: Bundled = Bundled {
    id: "assistant",
    summary: "explains Duologue; tells the time, does sums, keeps notes",
    toml: include_str!("../agents/assistant.toml"),
};

/// The receptionist of a small practice.
pub const RECEPTIONIST: Bundled = Bundled {
    id: "receptionist",
    summary: "books, moves and cancels appointments at a small practice",
    toml: include_str!("../agents/receptionist.toml"),
};

/// Every bundled agent; the first is the default.
pub const ALL: [Bundled; 2] = [ASSISTANT, RECEPTIONIST];

/// The bundled agent of an id.
pub fn by_id(id: &str) -> Option<Bundled> {
    ALL.into_iter().find(|a| a.id == id)
}

impl Bundled {
    /// Its brain.
    ///
    /// # Errors
    ///
    /// Never with the files of this crate; the tests see to it.
    pub fn scripted(&self) -> Result<Scripted, ScriptError> {
        Scripted::from_toml(self.toml)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tools::Shelf;

    #[test]
    fn every_bundled_agent_can_be_read_and_has_its_tools() {
        for agent in ALL {
            let brain = agent
                .scripted()
                .unwrap_or_else(|e| panic!("{}: {e}", agent.id));
            let shelf = Shelf::open(brain.variables(), None).expect("a shelf");
            let names = brain.tools();
            assert!(!names.is_empty());
            assert_eq!(shelf.named(&names).len(), names.len(), "{}", agent.id);
        }
    }
}
