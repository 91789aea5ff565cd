//! What goes wrong, as a person wants to read it: what failed, why, what to do.

use std::{fmt, io};

use serde_json::json;

/// Anything that ends a command early.
pub(crate) type Outcome<T> = Result<T, Problem>;

/// What failed, why, and what to do about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Problem {
    kind: Kind,
    what: String,
    why: Option<String>,
    fix: Option<String>,
}

/// Whose fault it is; decides the exit code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// Something failed: exit code 1.
    Failure,
    /// The command was called wrongly: exit code 2.
    Usage,
    /// Whoever read the output has gone: nothing to say, exit code 0.
    ReaderGone,
}

impl Problem {
    /// Something failed.
    pub(crate) fn failure(what: impl Into<String>) -> Self {
        Self::new(Kind::Failure, what)
    }

    /// The command was called wrongly.
    pub(crate) fn usage(what: impl Into<String>) -> Self {
        Self::new(Kind::Usage, what)
    }

    /// A write to standard output failed. A closed pipe (`duologue … | head`) is no problem to speak of.
    pub(crate) fn output(error: &io::Error) -> Self {
        if error.kind() == io::ErrorKind::BrokenPipe {
            return Self::new(Kind::ReaderGone, "the reader of the output has gone");
        }
        Self::failure("could not write to standard output").because_io(error)
    }

    fn new(kind: Kind, what: impl Into<String>) -> Self {
        Self {
            kind,
            what: what.into(),
            why: None,
            fix: None,
        }
    }

    /// The reason.
    pub(crate) fn because(mut self, why: impl fmt::Display) -> Self {
        self.why = Some(why.to_string());
        self
    }

    /// The reason, as the system gave it, and a remedy where one is known.
    pub(crate) fn because_io(self, error: &io::Error) -> Self {
        let fix = match error.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
                Some("free some space, or write to another disk")
            }
            io::ErrorKind::PermissionDenied => Some("choose a place you may use"),
            io::ErrorKind::NotFound => Some("check the spelling of the path"),
            _ => None,
        };
        let problem = self.because(plain(error));
        match fix {
            Some(fix) => problem.fix(fix),
            None => problem,
        }
    }

    /// What to do about it.
    pub(crate) fn fix(mut self, fix: impl Into<String>) -> Self {
        self.fix = Some(fix.into());
        self
    }

    /// What failed, and why, in one line.
    pub(crate) fn what(&self) -> String {
        match &self.why {
            Some(why) => format!("{}: {why}", self.what),
            None => self.what.clone(),
        }
    }

    /// What to do about it; empty where nobody knows.
    pub(crate) fn remedy(&self) -> String {
        self.fix.clone().unwrap_or_default()
    }

    /// The exit code that belongs to it.
    pub(crate) fn exit_code(&self) -> u8 {
        match self.kind {
            Kind::Failure => 1,
            Kind::Usage => 2,
            Kind::ReaderGone => 0,
        }
    }

    /// Whether there is anybody left to tell.
    pub(crate) fn is_silent(&self) -> bool {
        self.kind == Kind::ReaderGone
    }

    /// The same for machines.
    pub(crate) fn to_json(&self) -> serde_json::Value {
        json!({ "type": "error", "what": self.what, "why": self.why, "fix": self.fix })
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "error: {}", self.what)?;
        if let Some(why) = &self.why {
            write!(f, "\n  why: {}", indented(why))?;
        }
        if let Some(fix) = &self.fix {
            write!(f, "\n  fix: {}", indented(fix))?;
        }
        Ok(())
    }
}

impl std::error::Error for Problem {}

impl From<providers::ProviderError> for Problem {
    fn from(error: providers::ProviderError) -> Self {
        use providers::ProviderError as E;
        match error {
            E::Missing {
                provider,
                reason,
                remedy,
            } => Self::failure(format!("{provider} is not ready"))
                .because(reason)
                .fix(remedy),
            E::Unsupported { provider, reason } => {
                Self::failure(format!("{provider} cannot do this")).because(reason)
            }
            E::Unauthorised { provider, reason } => {
                Self::failure(format!("{provider} refused the credentials"))
                    .because(reason)
                    .fix("check the key; `duologue doctor` shows where it came from")
            }
            E::Unreachable { provider, reason } => {
                Self::failure(format!("{provider} could not be reached"))
                    .because(reason)
                    .fix("check the address and that it is running, or use `--llm scripted`")
            }
            other => Self::failure(other.to_string()),
        }
    }
}

/// An i/o error in plain words, without "(os error 2)".
pub(crate) fn plain(error: &io::Error) -> String {
    let text = error.to_string();
    match text.rfind(" (os error") {
        Some(end) => text[..end].to_lowercase(),
        None => text,
    }
}

fn indented(text: &str) -> String {
    text.replace('\n', "\n       ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_problem_says_what_why_and_what_to_do() {
        let problem = Problem::failure("could not read in.wav")
            .because("it is empty")
            .fix("record again");
        assert_eq!(
            problem.to_string(),
            "error: could not read in.wav\n  why: it is empty\n  fix: record again"
        );
        assert_eq!(problem.exit_code(), 1);
    }

    #[test]
    fn a_closed_pipe_is_silent_and_no_failure() {
        let problem = Problem::output(&io::Error::from(io::ErrorKind::BrokenPipe));
        assert!(problem.is_silent());
        assert_eq!(problem.exit_code(), 0);
    }

    #[test]
    fn a_full_disk_comes_with_a_remedy() {
        let problem =
            Problem::failure("could not write").because_io(&io::Error::from_raw_os_error(28));
        assert_eq!(
            problem.to_string(),
            "error: could not write\n  why: no space left on device\n  fix: free some space, or write to another disk"
        );
    }
}
