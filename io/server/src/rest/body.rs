//! Bodies that are JSON objects.

use std::sync::Arc;

use axum::{
    extract::{FromRequest, Request},
    http::header,
};
use serde_json::Value;

use super::need_key;
use crate::{Problem, http::House};

/// A JSON object from somebody with a key. An empty body is an empty object.
pub(super) struct Body(pub(super) Value);

impl FromRequest<Arc<House>> for Body {
    type Rejection = Problem;

    async fn from_request(request: Request, house: &Arc<House>) -> Result<Self, Problem> {
        need_key(house, request.headers())?;
        // A page of a stranger can send text without asking first; it cannot send this type.
        let kind = request
            .headers()
            .get(header::CONTENT_TYPE)
            .and_then(|kind| kind.to_str().ok());
        let is_json = kind.is_none_or(|kind| kind.trim_start().starts_with("application/json"));
        let limit = house.settings.limits.body_bytes;
        let bytes = axum::body::to_bytes(request.into_body(), limit)
            .await
            .map_err(|_| Problem::too_large())?;
        if bytes.is_empty() {
            return Ok(Self(Value::Object(serde_json::Map::new())));
        }
        if !is_json {
            return Err(Problem::malformed("The body must be application/json."));
        }
        match serde_json::from_slice(&bytes) {
            Ok(value @ Value::Object(_)) => Ok(Self(value)),
            Ok(_) => Err(Problem::malformed("The body must be a JSON object.")),
            Err(error) => Err(Problem::malformed(format!(
                "The body is not JSON: {error}."
            ))),
        }
    }
}
