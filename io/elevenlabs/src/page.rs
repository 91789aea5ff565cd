//! Long lists, read a page at a time.

use serde::Deserialize;

/// One page of a list.
#[derive(Clone, Debug, PartialEq)]
pub struct Page<T> {
    /// What is on it.
    pub items: Vec<T>,
    /// What to ask with for the next page; none on the last.
    pub next: Option<String>,
}

/// The fields that tell of another page, under any of their names.
#[derive(Deserialize)]
pub(crate) struct Turning {
    #[serde(default)]
    has_more: bool,
    #[serde(default, alias = "next_page_token")]
    next_cursor: Option<String>,
}

impl Turning {
    pub(crate) fn page<T>(self, items: Vec<T>) -> Page<T> {
        Page {
            items,
            next: self
                .next_cursor
                .filter(|next| self.has_more && !next.is_empty()),
        }
    }
}
