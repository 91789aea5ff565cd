//! Lists in pieces, and the queries that routes share.

use axum::{Json, extract::Query, http::Uri};
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::{Value, json};

use crate::{
    Problem,
    agents::{Page, PageQuery},
};

/// `force=true`: delete what is in use all the same.
#[derive(Deserialize)]
pub(super) struct Force {
    force: Option<String>,
}

impl Force {
    pub(super) fn is_set(&self) -> bool {
        self.force.as_deref() == Some("true")
    }
}

/// A piece of a list under its name, with what leads to the next.
pub(super) fn listed<T>(name: &str, page: Page<T>, show: impl FnMut(T) -> Value) -> Json<Value> {
    let next = page.next_cursor;
    let items: Vec<Value> = page.items.into_iter().map(show).collect();
    Json(json!({name: items, "has_more": next.is_some(), "next_cursor": next}))
}

/// The page and the rest of a query. Of what is repeated, the last counts: [`repeated`] gives all.
pub(super) fn page_of<T: DeserializeOwned>(query: &str) -> Result<(PageQuery, T), Problem> {
    Ok((single(query)?, single(query)?))
}

/// A query of which of what is repeated the last counts.
pub(super) fn single<T: DeserializeOwned>(query: &str) -> Result<T, Problem> {
    let wrong = |words: String| Problem::invalid(words);
    let mut single: Vec<&str> = Vec::new();
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        let name = |pair: &str| pair.split('=').next().unwrap_or_default().to_owned();
        single.retain(|known| name(known) != name(pair));
        single.push(pair);
    }
    let uri: Uri = format!("/?{}", single.join("&"))
        .parse()
        .map_err(|_| wrong("The query cannot be read.".to_owned()))?;
    let query = Query::try_from_uri(&uri);
    query
        .map(|query| query.0)
        .map_err(|error| wrong(error.to_string()))
}

/// The values of a parameter that may come more than once.
pub(super) fn repeated(query: &str, name: &str) -> Vec<String> {
    let pairs = query.split('&').filter_map(|pair| pair.split_once('='));
    pairs
        .filter(|(known, _)| *known == name)
        .filter_map(|(_, value)| {
            let uri: Uri = format!("/?v={value}").parse().ok()?;
            let pair = Query::<Vec<(String, String)>>::try_from_uri(&uri).ok()?;
            pair.0.into_iter().next().map(|(_, value)| value)
        })
        .take(50)
        .collect()
}
