//! What came out of looking at something, with the way to mend it.

use serde_json::json;

use crate::{out::Out, problem::Outcome};

/// What came out of looking at one thing.
pub(crate) struct Finding {
    pub(crate) name: String,
    pub(crate) state: State,
    pub(crate) says: String,
    pub(crate) fix: Option<String>,
}

/// How good it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum State {
    Good,
    /// Works without it.
    Note,
    /// Something that was asked for does not work.
    Bad,
}

impl State {
    const fn word(self) -> &'static str {
        match self {
            Self::Good => "ok",
            Self::Note => "note",
            Self::Bad => "missing",
        }
    }
}

impl Finding {
    pub(crate) fn new(name: impl Into<String>, state: State, says: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            state,
            says: says.into(),
            fix: None,
        }
    }

    pub(crate) fn fix(mut self, fix: impl Into<String>) -> Self {
        self.fix = Some(fix.into());
        self
    }

    /// Tells all of them, and gives how many are bad.
    pub(crate) fn tell(findings: &[Self], out: Out) -> Outcome<usize> {
        for finding in findings {
            out.line(format!(
                "  {:<8} {:<16} {}",
                finding.state.word(),
                finding.name,
                finding.says
            ))?;
            if let Some(fix) = &finding.fix {
                out.line(format!("           {:<16} fix: {fix}", ""))?;
            }
            out.object(&json!({
                "type": "finding", "name": finding.name, "state": finding.state.word(),
                "says": finding.says, "fix": finding.fix,
            }))?;
        }
        Ok(findings
            .iter()
            .filter(|finding| finding.state == State::Bad)
            .count())
    }
}
