//! Calls of the platform that have no name here.

use std::fmt;

use reqwest::Method;
use serde::Serialize;
use serde_json::Value;

use crate::{Account, ApiError, Body, account::Request};

/// Any call of the platform, with the account's key, retries and errors. From [`Account::ask`].
///
/// ```no_run
/// # async fn run(account: &elevenlabs::Account) -> Result<(), elevenlabs::ApiError> {
/// use elevenlabs::Method;
///
/// let usage = account
///     .ask(Method::GET, "/v1/usage/character-stats")
///     .query("start_unix", 0)
///     .answer()
///     .await?;
/// println!("{usage}");
/// # Ok(())
/// # }
/// ```
#[must_use = "nothing is asked before the answer is wanted"]
pub struct Ask<'a>(Request<'a>);

impl Account {
    /// A call of `path`, such as `/v1/usage/character-stats`.
    ///
    /// A `POST` is asked again only where it was certainly not done (429); everything else as documented.
    pub fn ask(&self, method: Method, path: &str) -> Ask<'_> {
        let once = method == Method::POST;
        let request = self.request(method, path);
        Ask(if once { request.once_only() } else { request })
    }
}

impl Ask<'_> {
    /// A parameter of the query.
    pub fn query(self, name: &str, value: impl fmt::Display) -> Self {
        Self(self.0.query(name, value))
    }

    /// The body.
    ///
    /// # Errors
    /// [`ApiError::Invalid`] where `body` cannot be JSON.
    pub fn json(self, body: &impl Serialize) -> Result<Self, ApiError> {
        self.0.json(body).map(Self)
    }

    /// The answer as JSON; null where there is none.
    pub async fn answer(self) -> Result<Value, ApiError> {
        self.0.read_or_null().await
    }

    /// The answer as it comes, for sound and files.
    pub async fn stream(self) -> Result<Body, ApiError> {
        self.0.stream().await
    }
}

impl fmt::Debug for Ask<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ask").finish_non_exhaustive()
    }
}
