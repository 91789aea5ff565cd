//! Answers that are read as they come.

use bytes::{Bytes, BytesMut};
use reqwest::Response;
use tokio::time::timeout;

use crate::{
    Account, ApiError,
    account::{broken, header, late},
};

/// The body of an answer, piece by piece. Dropping it ends the request.
#[derive(Debug)]
pub struct Body {
    response: Response,
    account: Account,
}

impl Body {
    pub(crate) fn new(response: Response, account: &Account) -> Self {
        Self {
            response,
            account: account.clone(),
        }
    }

    /// The next piece; none at the end. Fails if nothing comes within the account's time limit.
    pub async fn next(&mut self) -> Result<Option<Bytes>, ApiError> {
        match timeout(self.account.patience(), self.response.chunk()).await {
            Ok(Ok(piece)) => Ok(piece),
            Ok(Err(error)) => Err(broken(&self.account, error)),
            Err(_) => Err(late(&self.account)),
        }
    }

    /// Everything, if it is no longer than `limit` bytes.
    pub async fn whole(mut self, limit: usize) -> Result<Bytes, ApiError> {
        let mut all = BytesMut::new();
        while let Some(piece) = self.next().await? {
            if all.len() + piece.len() > limit {
                return Err(ApiError::Garbled {
                    host: self.account.host(),
                    reason: format!("the answer is longer than {limit} bytes"),
                });
            }
            all.extend_from_slice(&piece);
        }
        Ok(all.freeze())
    }

    /// The media type, such as `audio/mpeg`; not always that of the format that was asked for.
    pub fn content_type(&self) -> Option<String> {
        header(self.response.headers(), "content-type")
    }

    /// To be quoted to the platform's support.
    pub fn request_id(&self) -> Option<String> {
        header(self.response.headers(), "request-id")
    }

    /// Credits this request cost.
    pub fn character_cost(&self) -> Option<u64> {
        header(self.response.headers(), "character-cost")?
            .parse()
            .ok()
    }
}
