//! The REST that the SDKs need to start.

mod absent;
mod account;
mod agent_tests;
mod agents;
mod body;
mod conversations;
mod knowledge;
mod list;
mod scribe;
mod secrets;
mod simulate;
mod single_use;
mod start;
mod stt;
mod test_invocations;
mod tools;
mod tts;
mod tts_socket;
mod voices;
mod webhooks;
mod widget;

use std::sync::Arc;

use axum::{
    Router,
    http::{HeaderMap, header},
};

pub(crate) use absent::{no_method, nowhere};

use crate::{Abilities, Problem, Speech, access::Caller, http::House, records::Records};

pub(crate) fn routes() -> Router<Arc<House>> {
    Router::new()
        .merge(start::routes())
        .merge(agents::routes())
        .merge(account::routes())
        .merge(conversations::routes())
        .merge(webhooks::routes())
        .merge(tools::routes())
        .merge(tts::routes())
        .merge(stt::routes())
        .merge(voices::routes())
        .merge(knowledge::routes())
        .merge(secrets::routes())
        .merge(widget::routes())
        .merge(simulate::routes())
        .merge(single_use::routes())
        .merge(agent_tests::routes())
        .merge(test_invocations::routes())
        .merge(absent::routes())
}

/// What agents can do and know here.
fn abilities(house: &House) -> Result<&Abilities, Problem> {
    let missing = || Problem::not_built("This server keeps no secrets and no documents.");
    house.settings.abilities.as_ref().ok_or_else(missing)
}

/// The voice and the recogniser, where there are any.
fn speech(house: &House) -> Result<&Speech, Problem> {
    let missing = || Problem::not_built("This server has no speech of its own.");
    house.settings.speech.as_ref().ok_or_else(missing)
}

/// Where clients find this server, `http://` or `https://`: as told, else as this client did.
fn public_url(house: &House, headers: &HeaderMap) -> Result<String, Problem> {
    if let Some(url) = &house.settings.public_url {
        let url = url.trim_end_matches('/');
        return Ok(match url.split_once("://") {
            Some(("ws", rest)) => format!("http://{rest}"),
            Some(("wss", rest)) => format!("https://{rest}"),
            _ => url.to_owned(),
        });
    }
    let host = headers
        .get(header::HOST)
        .and_then(|host| host.to_str().ok());
    let host = host.ok_or_else(|| Problem::invalid("A Host header is needed.").at("Host"))?;
    Ok(format!("http://{host}"))
}

/// Who keeps conversations here.
fn records(house: &House) -> Result<&Records, Problem> {
    house.records.as_ref().ok_or_else(|| {
        Problem::not_built("This server keeps no records: it was started without a store.")
    })
}

/// Lets those pass who have a key, or need none.
fn need_key(house: &House, headers: &HeaderMap) -> Result<(), Problem> {
    match house.settings.keys.caller(headers)? {
        Caller::Local | Caller::Key(_) => Ok(()),
        Caller::Anonymous => Err(Problem::missing_key()),
    }
}
