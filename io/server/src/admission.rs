//! How many conversations there may be.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use protocol::agents::ErrorType;

use crate::{
    Refusal,
    access::{Caller, KeyId},
};

/// Counts the conversations under way, in all and per key.
#[derive(Debug)]
pub(crate) struct Admission {
    total: usize,
    per_key: Option<usize>,
    counts: Mutex<Counts>,
}

#[derive(Debug, Default)]
struct Counts {
    total: usize,
    keys: HashMap<KeyId, usize>,
}

/// A place in the house; dropping it makes it free.
#[derive(Debug)]
pub(crate) struct Place {
    admission: Arc<Admission>,
    key: Option<KeyId>,
}

impl Admission {
    pub(crate) fn new(total: usize, per_key: Option<usize>) -> Self {
        Self {
            total,
            per_key,
            counts: Mutex::default(),
        }
    }

    /// A place, if there is one.
    pub(crate) fn enter(self: &Arc<Self>, caller: Caller) -> Result<Place, Refusal> {
        let key = match caller {
            Caller::Key(key) => Some(key),
            Caller::Local | Caller::Anonymous => None,
        };
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        if counts.total >= self.total {
            return Err(full("Too many concurrent conversations on this server."));
        }
        if let Some(key) = key {
            let count = counts.keys.entry(key).or_default();
            if self.per_key.is_some_and(|limit| *count >= limit) {
                return Err(full("Too many concurrent conversations with this API key."));
            }
            *count += 1;
        }
        counts.total += 1;
        Ok(Place {
            admission: Arc::clone(self),
            key,
        })
    }

    /// How many there are now.
    pub(crate) fn count(&self) -> usize {
        self.counts
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .total
    }
}

fn full(message: &str) -> Refusal {
    Refusal::new(ErrorType::NotStated, message).with_code(3008)
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut counts = self
            .admission
            .counts
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        counts.total -= 1;
        let Some(key) = self.key else { return };
        if let Some(count) = counts.keys.get_mut(&key) {
            *count -= 1;
            if *count == 0 {
                counts.keys.remove(&key);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderMap;

    use super::*;
    use crate::Keys;

    fn caller(key: &'static str) -> Caller {
        let headers: HeaderMap = [("x-api-key".parse().unwrap(), key.parse().unwrap())]
            .into_iter()
            .collect();
        Keys::new(["one", "two"]).caller(&headers).unwrap()
    }

    #[test]
    fn a_place_that_is_left_is_free_again() {
        let admission = Arc::new(Admission::new(2, Some(1)));
        let first = admission.enter(caller("one")).unwrap();
        let refusal = admission.enter(caller("one")).unwrap_err();
        assert_eq!(refusal.code.as_u16(), 3008);
        let _second = admission.enter(caller("two")).unwrap();
        assert!(
            admission.enter(Caller::Anonymous).is_err(),
            "the house is full"
        );
        drop(first);
        let _third = admission.enter(caller("one")).unwrap();
        assert_eq!(admission.count(), 2);
    }
}
