//! Where conversations are kept on this machine.

use std::{
    env, fs,
    path::{Path, PathBuf},
};

use server::{Model, RecordSettings, Records};
use store::{Places, Prices, Store, StoreError};

use crate::{
    problem::{Outcome, Problem},
    settings::{Settings, keys},
    trust,
};

/// The folder of everything that outlives the program.
pub(crate) fn folder(settings: &Settings, flag: Option<&Path>) -> Outcome<PathBuf> {
    if let Some(folder) = flag {
        return Ok(folder.to_owned());
    }
    if let Some(folder) = settings.get(keys::DATA_DIR) {
        return Ok(folder.into());
    }
    let home = env::home_dir()
        .filter(|home| home.is_dir())
        .ok_or_else(|| {
            Problem::failure("there is no home folder to keep data in")
                .fix("name one: --data FOLDER, or DATA_DIR")
        })?;
    Ok(home.join(".local/share/duologue"))
}

/// Whether anything is kept of conversations.
pub(crate) fn are_kept(settings: &Settings) -> bool {
    !settings
        .get(keys::ENABLE_LOGGING)
        .is_some_and(|value| value.eq_ignore_ascii_case("false"))
}

/// Where the parts of the store are.
pub(crate) fn places(settings: &Settings, data: &Path) -> Outcome<Places> {
    let mut places = Places::in_folder(data);
    if let Some(url) = settings.get(keys::DATABASE_URL) {
        places.database = sqlite_file(url)?;
    }
    if let Some(url) = settings.get(keys::RECORDINGS_URL) {
        places.recordings = local_folder(url)?;
    }
    Ok(places)
}

fn sqlite_file(url: &str) -> Outcome<PathBuf> {
    let path = url
        .strip_prefix("sqlite://")
        .or_else(|| url.strip_prefix("sqlite:"))
        .or_else(|| (!url.contains("://")).then_some(url));
    match path {
        Some(path) if !path.is_empty() => Ok(path.into()),
        _ => Err(Problem::usage(format!(
            "DATABASE_URL cannot be {:?}",
            url.split_once("://").map_or(url, |(scheme, _)| scheme)
        ))
        .because("this version keeps its database in a SQLite file")
        .fix("say DATABASE_URL=sqlite:/path/to/duologue.db, or leave it out")),
    }
}

fn local_folder(url: &str) -> Outcome<PathBuf> {
    let path = url
        .strip_prefix("file://")
        .or_else(|| (!url.contains("://")).then_some(url));
    match path {
        Some(path) if !path.is_empty() => Ok(path.into()),
        _ => Err(Problem::usage(format!("RECORDINGS_URL cannot be {url:?}"))
            .because("this version keeps recordings in a folder of this machine")
            .fix("name a folder, or leave it out")),
    }
}

/// Opens the store in `data`.
pub(crate) async fn open_store(settings: &Settings, data: &Path) -> Outcome<Store> {
    Store::open_at(places(settings, data)?)
        .await
        .map_err(|error| failed(&error, data))
}

/// A store's trouble in our words.
pub(crate) fn failed(error: &StoreError, data: &Path) -> Problem {
    Problem::failure(format!("could not use the records in {}", data.display()))
        .because(error)
        .fix("see that the folder can be written and the disk has room, or name another: --data FOLDER")
}

/// Opens the store, ready to keep conversations.
pub(crate) async fn open(settings: &Settings, data: &Path) -> Outcome<Records> {
    let store = open_store(settings, data).await?;
    let record_settings = RecordSettings {
        keep: are_kept(settings),
        prices: prices(data)?,
        models: models(),
        authorities: trust::authorities(settings)?,
    };
    Records::open(store, record_settings)
        .await
        .map_err(|error| {
            Problem::failure(format!("could not use the records in {}", data.display()))
                .because_io(&error)
        })
}

/// The prices that come with the program.
const SHIPPED: &str = include_str!("../prices.toml");

/// `prices.toml` in the data folder, if it is there, before those that come with the program.
pub(crate) fn prices(data: &Path) -> Outcome<Prices> {
    let shipped = Prices::from_toml(SHIPPED).map_err(|error| {
        Problem::failure("the prices that come with the program are broken").because(error)
    })?;
    let path = data.join("prices.toml");
    match fs::read_to_string(&path) {
        Ok(text) => Prices::from_toml(&text)
            .map(|own| own.or(shipped))
            .map_err(|error| {
                Problem::usage(format!("{} is wrong", path.display()))
                    .because(error)
                    .fix("see docs/records.md for what a price looks like")
            }),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(shipped),
        Err(error) => {
            Err(Problem::failure(format!("could not read {}", path.display())).because_io(&error))
        }
    }
}

fn models() -> Vec<Model> {
    let english = || vec![("en".to_owned(), "English".to_owned())];
    vec![
        Model {
            id: "flite".to_owned(),
            name: "Flite".to_owned(),
            description: "The voice on this machine.".to_owned(),
            speaks: true,
            languages: english(),
        },
        Model {
            id: "pocketsphinx".to_owned(),
            name: "PocketSphinx".to_owned(),
            description: "The recogniser on this machine.".to_owned(),
            speaks: false,
            languages: english(),
        },
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prices_that_come_along_are_known_and_those_in_the_data_folder_win() {
        let home = tempfile::tempdir().unwrap();
        let usage = |llm: &str| store::Usage {
            llm: llm.to_owned(),
            input_tokens: 1_000_000,
            ..store::Usage::default()
        };
        let cost = |llm: &str| {
            let prices = prices(home.path()).unwrap();
            prices
                .cost(&usage(llm), "2026-11-21")
                .map(store::prices::Cost::total)
        };
        let model = "gpt-4.1-mini-2025-04-14 at api.openai.com";
        assert_eq!(cost(model), Some(0.4));
        assert_eq!(cost("gpt-4.1-mini at 127.0.0.1:8080"), None);
        assert_eq!(cost("another at api.openai.com"), None);
        let own = "[[price]]\nllm = \"gpt-4.1-mini\"\nfrom = \"2026-01-01\"\ninput = 3\noutput = 3";
        fs::write(home.path().join("prices.toml"), own).unwrap();
        assert_eq!(cost(model), Some(3.0));
    }

    #[test]
    fn only_what_is_built_is_accepted() {
        for url in ["sqlite:/x/y.db", "sqlite:///x/y.db", "/x/y.db"] {
            assert_eq!(sqlite_file(url).unwrap(), Path::new("/x/y.db"), "{url}");
        }
        assert!(sqlite_file("postgres://me:secret@host/db").is_err());
        let told = sqlite_file("postgres://me:secret@host/db").unwrap_err();
        assert!(!told.to_string().contains("secret"));
        assert_eq!(local_folder("file:///x").unwrap(), Path::new("/x"));
        assert!(local_folder("s3://bucket").is_err());
    }
}
