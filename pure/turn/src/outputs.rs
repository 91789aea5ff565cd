//! The answer to an input.

use crate::output::Output;

/// What the machine decided, in order. Borrows the machine: nothing more can be told before this is dropped; what was
/// not read is gone then.
#[derive(Debug)]
pub struct Outputs<'a>(pub(crate) std::vec::Drain<'a, Output>);

impl Iterator for Outputs<'_> {
    type Item = Output;

    fn next(&mut self) -> Option<Output> {
        self.0.next()
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.0.size_hint()
    }
}

impl ExactSizeIterator for Outputs<'_> {}
