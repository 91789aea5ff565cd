//! The REST that the SDKs need to start.

mod agents;
mod body;
mod start;
mod tools;

use std::sync::Arc;

use axum::{Router, http::HeaderMap};

use crate::{Problem, access::Caller, http::House};

pub(crate) fn routes() -> Router<Arc<House>> {
    Router::new()
        .merge(start::routes())
        .merge(agents::routes())
        .merge(tools::routes())
}

/// Lets those pass who have a key, or need none.
fn need_key(house: &House, headers: &HeaderMap) -> Result<(), Problem> {
    match house.settings.keys.caller(headers)? {
        Caller::Local | Caller::Key(_) => Ok(()),
        Caller::Anonymous => Err(Problem::missing_key()),
    }
}
