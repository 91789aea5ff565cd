//! How well echo is kept out, and the caller let in.
