//! Talk with a voice agent from a terminal.
fn main() {}
