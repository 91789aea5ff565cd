//! What writing a reply took, and whether the llm has said so.

use providers::llm::{self, Author, Llm};
use turn::ReplyId;

use super::Session;
use crate::record::Fact;

/// The account of one reply.
pub(super) struct Meter {
    author: Author,
    /// It has written something.
    worked: bool,
    /// It has said how many tokens that took.
    accounted: bool,
}

impl Meter {
    pub(super) fn new(llm: &dyn Llm) -> Self {
        Self::of(Author::of(llm))
    }

    fn of(author: Author) -> Self {
        Self {
            author,
            worked: false,
            accounted: false,
        }
    }

    /// Whose account it is.
    pub(super) fn llm(&self) -> &str {
        &self.author.name
    }

    pub(super) fn note(&mut self, event: &llm::Event) {
        match event {
            llm::Event::Usage(usage) => self.accounted |= is_count(usage),
            llm::Event::Expect(_) | llm::Event::By(_) => {}
            _ => self.worked = true,
        }
    }

    /// Whether it has cost nobody knows what.
    fn is_open(&self) -> bool {
        self.worked && !self.accounted && !self.author.is_free
    }
}

/// Servers that do not count say so by leaving the numbers out, or by zeros.
pub(super) fn is_count(usage: &llm::Usage) -> bool {
    *usage != llm::Usage::default()
}

impl Session {
    /// The llm of a reply is asked no more. What it did and did not account for is remembered as unknown: an answer that
    /// was cut short was still paid for.
    pub(super) fn hang_up(&mut self, id: ReplyId) {
        let Some(reply) = self.replies.get_mut(&id) else {
            return;
        };
        reply.llm = None;
        if let Some(meter) = reply.meter.take() {
            self.close_account(&meter);
        }
    }

    /// Another llm writes from here on.
    pub(super) fn goes_on_by(&mut self, id: ReplyId, author: Author) {
        let Some(reply) = self.replies.get_mut(&id) else {
            return;
        };
        if let Some(before) = reply.meter.replace(Meter::of(author)) {
            self.close_account(&before);
        }
    }

    fn close_account(&self, meter: &Meter) {
        if meter.is_open() {
            let llm = meter.llm();
            self.options.recorder.record(
                &self.id,
                self.clock.now(),
                Fact::Usage { llm, usage: None },
            );
        }
    }
}
