//! Whose certificates are trusted: the public authorities, and those of the settings. For everything that goes out over TLS.

use providers::http::Authorities;

use crate::{
    problem::{Outcome, Problem},
    settings::{Settings, keys},
};

/// The authorities of the settings.
pub(crate) fn authorities(settings: &Settings) -> Outcome<Authorities> {
    let setting = settings.setting(keys::CA_FILE);
    let Some(file) = setting.value() else {
        return Ok(Authorities::public());
    };
    Authorities::public().and_file(file).map_err(|error| {
        Problem::usage(format!("{file} cannot be used ({})", setting.origin))
            .because(error)
            .fix("name a PEM file with the certificate of the authority that signed the server's")
    })
}
