//! Calls that must be answered, each exactly once.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use audio::Moment;

/// How many calls may be open at once.
pub(super) const OPEN_LIMIT: usize = 64;
/// How many closed calls are remembered, to tell a late answer from a wrong one.
const CLOSED_LIMIT: usize = 256;

/// Open calls with the moment by which they must be answered, and the names of those that were closed lately.
#[derive(Debug, Default)]
pub(super) struct Ledger {
    open: BTreeMap<String, Moment>,
    closed: BTreeSet<String>,
    closed_order: VecDeque<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Opening {
    New,
    /// It is open, or was closed a short while ago.
    Repeated,
    Full,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Closing {
    Closed,
    AlreadyClosed,
    NeverOpened,
}

impl Ledger {
    pub(super) fn open(&mut self, id: &str, until: Moment) -> Opening {
        if self.knows(id) {
            return Opening::Repeated;
        }
        if self.open.len() >= OPEN_LIMIT {
            self.remember(id.to_owned());
            return Opening::Full;
        }
        self.open.insert(id.to_owned(), until);
        Opening::New
    }

    pub(super) fn close(&mut self, id: &str) -> Closing {
        match self.open.remove_entry(id) {
            Some((id, _)) => {
                self.remember(id);
                Closing::Closed
            }
            None if self.closed.contains(id) => Closing::AlreadyClosed,
            None => Closing::NeverOpened,
        }
    }

    /// Closes and names the calls whose time is up.
    pub(super) fn expire(&mut self, now: Moment) -> Vec<String> {
        self.close_where(|until| until <= now)
    }

    /// Closes and names all that are open.
    pub(super) fn close_all(&mut self) -> Vec<String> {
        self.close_where(|_| true)
    }

    pub(super) fn deadline(&self) -> Option<Moment> {
        self.open.values().min().copied()
    }

    pub(super) fn len(&self) -> usize {
        self.open.len()
    }

    fn knows(&self, id: &str) -> bool {
        self.open.contains_key(id) || self.closed.contains(id)
    }

    fn close_where(&mut self, due: impl Fn(Moment) -> bool) -> Vec<String> {
        let ids: Vec<String> = self
            .open
            .iter()
            .filter(|(_, until)| due(**until))
            .map(|(id, _)| id.clone())
            .collect();
        for id in &ids {
            self.close(id);
        }
        ids
    }

    fn remember(&mut self, id: String) {
        if self.closed.insert(id.clone()) {
            self.closed_order.push_back(id);
        }
        if self.closed_order.len() > CLOSED_LIMIT
            && let Some(oldest) = self.closed_order.pop_front()
        {
            self.closed.remove(&oldest);
        }
    }
}
