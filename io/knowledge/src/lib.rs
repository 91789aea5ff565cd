//! What agents know: documents, cut into passages, found again by their words.
//!
//! A [`Library`] keeps documents in one `SQLite` file with a full-text index. [`Informed`] is an llm that reads the passages
//! which fit what was just said before it answers; [`Search`] is the tool with which an llm looks further by itself, and
//! whose results say where each passage stands.
//!
//! Documents come from strangers: what a file may unpack to, how long reading it may take and how much text is kept are
//! bounded ([`extract`]).

pub mod extract;
mod informed;
mod library;
mod markup;
mod passages;
mod search;

pub use informed::Informed;
pub use library::{Document, Hit, Kind, Library, LibraryError, New, Passage};
pub use search::{SEARCH, Search};
