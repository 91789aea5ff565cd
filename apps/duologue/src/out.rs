//! Standard output: lines for people or JSON for machines.

use std::io::{self, IsTerminal as _, Write as _};

use serde::Serialize;

use crate::problem::{Outcome, Problem};

/// How a command prints.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Out {
    json: bool,
    /// Standard output carries sound; words go to standard error.
    aside: bool,
}

impl Out {
    /// Lines, or JSON.
    pub(crate) const fn new(json: bool) -> Self {
        Self { json, aside: false }
    }

    /// The same, but on standard error, because standard output carries something else.
    pub(crate) const fn aside(self) -> Self {
        Self {
            aside: true,
            ..self
        }
    }

    /// Whether machines read this.
    pub(crate) const fn is_json(self) -> bool {
        self.json
    }

    /// Whether a person watches the words as they come.
    pub(crate) fn is_watched(self) -> bool {
        !self.json
            && if self.aside {
                io::stderr().is_terminal()
            } else {
                io::stdout().is_terminal()
            }
    }

    /// A line for people; nothing where machines read.
    pub(crate) fn line(self, line: impl AsRef<str>) -> Outcome<()> {
        if self.json {
            Ok(())
        } else {
            self.write(line.as_ref())
        }
    }

    /// An object for machines; nothing where people read.
    pub(crate) fn object(self, object: &impl Serialize) -> Outcome<()> {
        if !self.json {
            return Ok(());
        }
        let text = serde_json::to_string(object)
            .map_err(|e| Problem::failure("could not write JSON").because(e))?;
        self.write(&text)
    }

    fn write(self, line: &str) -> Outcome<()> {
        let result = if self.aside {
            writeln!(io::stderr().lock(), "{line}")
        } else {
            let mut out = io::stdout().lock();
            writeln!(out, "{line}").and_then(|()| out.flush())
        };
        result.map_err(|error| Problem::output(&error))
    }
}
