//! What agents of this server can do and know: their secrets, their documents, and where their tools may go.

use std::{collections::BTreeMap, fs, path::Path, sync::Arc};

use knowledge::Library;
use providers::{ApiKey, outbound::AllowedHosts};
use server::{Abilities, shelf::Folder};

use crate::{
    problem::{Outcome, Problem},
    settings::{Settings, keys},
};

/// Opens what is kept in the folder `data`.
pub(crate) async fn open(
    settings: &Settings,
    data: &Path,
    secrets: BTreeMap<String, ApiKey>,
) -> Outcome<Abilities> {
    let allowed = settings
        .get(keys::ALLOWED_PRIVATE_HOSTS)
        .unwrap_or_default();
    let allowed = AllowedHosts::parse(allowed).map_err(|words| {
        Problem::usage(format!("ALLOWED_PRIVATE_HOSTS cannot be read: {words}"))
            .fix("separate hosts with commas, such as 127.0.0.1:9000, crm.internal")
    })?;
    let unreadable = || Problem::failure(format!("could not read {}", data.display()));
    fs::create_dir_all(data).map_err(|error| unreadable().because_io(&error))?;
    let shelf = Arc::new(Folder::new(data.join("created")));
    let abilities = Abilities::open(shelf, secrets, allowed)
        .await
        .map_err(|error| unreadable().because_io(&error))?;
    let library = Library::open(data.join("knowledge.db"))
        .await
        .map_err(|error| unreadable().because(error))?;
    Ok(abilities.with_library(library))
}
