//! Secrets: given when the server starts, or made over REST. Their values go to servers, and are never shown.

use std::{
    collections::BTreeMap,
    io,
    sync::{Arc, PoisonError, RwLock},
};

use providers::ApiKey;
use serde_json::{Value, json};

use crate::{
    Problem, ids,
    shelf::{Kind, Shelf},
};

/// No value is longer, in bytes.
const LONGEST: usize = 16 * 1024;

/// A secret that was made over REST.
#[derive(Clone, Debug)]
pub(crate) struct Secret {
    pub(crate) id: String,
    pub(crate) name: String,
    value: ApiKey,
}

/// All secrets.
pub(crate) struct Vault {
    /// By name; from the environment.
    given: BTreeMap<String, ApiKey>,
    made: RwLock<BTreeMap<String, Secret>>,
    shelf: Arc<dyn Shelf>,
}

impl Vault {
    pub(crate) fn empty(shelf: Arc<dyn Shelf>, given: BTreeMap<String, ApiKey>) -> Self {
        Self {
            given,
            made: RwLock::default(),
            shelf,
        }
    }

    pub(crate) async fn open(
        shelf: Arc<dyn Shelf>,
        given: BTreeMap<String, ApiKey>,
    ) -> io::Result<Self> {
        let mut made = BTreeMap::new();
        for (id, record) in shelf.all(Kind::Secret).await? {
            let field = |name: &str| record.get(name).and_then(Value::as_str);
            if let (Some(name), Some(value)) = (field("name"), field("value")) {
                let secret = Secret {
                    id: id.clone(),
                    name: name.to_owned(),
                    value: ApiKey::new(value),
                };
                made.insert(id, secret);
            }
        }
        Ok(Self {
            given,
            made: RwLock::new(made),
            shelf,
        })
    }

    /// The value of a secret, by its id or by its name.
    pub(crate) fn value(&self, id: &str) -> Option<ApiKey> {
        let made = self.made.read().unwrap_or_else(PoisonError::into_inner);
        made.get(id)
            .or_else(|| made.values().find(|secret| secret.name == id))
            .map(|secret| secret.value.clone())
            .or_else(|| self.given.get(id).cloned())
    }

    /// Every secret by its id and by its name.
    pub(crate) fn all(&self) -> BTreeMap<String, ApiKey> {
        let mut all = self.given.clone();
        let made = self.made.read().unwrap_or_else(PoisonError::into_inner);
        for secret in made.values() {
            all.insert(secret.name.clone(), secret.value.clone());
        }
        for (id, secret) in made.iter() {
            all.insert(id.clone(), secret.value.clone());
        }
        all
    }

    pub(crate) fn list(&self) -> Vec<Secret> {
        let made = self.made.read().unwrap_or_else(PoisonError::into_inner);
        made.values().cloned().collect()
    }

    pub(crate) fn get(&self, id: &str) -> Result<Secret, Problem> {
        let made = self.made.read().unwrap_or_else(PoisonError::into_inner);
        made.get(id).cloned().ok_or_else(|| Problem::no_secret(id))
    }

    /// Keeps a new secret, or another name or value of a known one.
    pub(crate) async fn put(
        &self,
        id: Option<&str>,
        name: Option<&str>,
        value: Option<&str>,
    ) -> Result<Secret, Problem> {
        let known = id.map(|id| self.get(id)).transpose()?;
        let missing = |field| Problem::missing(field);
        let name = name
            .map(str::trim)
            .filter(|name| !name.is_empty())
            .map(str::to_owned)
            .or_else(|| known.as_ref().map(|secret| secret.name.clone()))
            .ok_or_else(|| missing("name"))?;
        let value = value
            .filter(|value| !value.is_empty())
            .map(ApiKey::new)
            .or_else(|| known.as_ref().map(|secret| secret.value.clone()))
            .ok_or_else(|| missing("value"))?;
        if value.expose().len() > LONGEST {
            return Err(
                Problem::invalid(format!("A secret has {LONGEST} bytes at the most.")).at("value"),
            );
        }
        let id = id.map_or_else(|| ids::new("sec_"), str::to_owned);
        let taken = self
            .list()
            .iter()
            .any(|other| other.name == name && other.id != id);
        if taken {
            return Err(Problem::conflict(format!(
                "There is a secret called {name} already."
            )));
        }
        let record = json!({"name": name, "value": value.expose()});
        self.shelf
            .put(Kind::Secret, &id, &record)
            .await
            .map_err(|error| Problem::storage(error.to_string()))?;
        let secret = Secret { id, name, value };
        let mut made = self.made.write().unwrap_or_else(PoisonError::into_inner);
        made.insert(secret.id.clone(), secret.clone());
        Ok(secret)
    }

    pub(crate) async fn delete(&self, id: &str) -> Result<(), Problem> {
        self.get(id)?;
        self.shelf
            .remove(Kind::Secret, id)
            .await
            .map_err(|error| Problem::storage(error.to_string()))?;
        let mut made = self.made.write().unwrap_or_else(PoisonError::into_inner);
        made.remove(id);
        Ok(())
    }
}
