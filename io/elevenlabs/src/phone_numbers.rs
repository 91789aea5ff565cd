//! Numbers that agents call from and are called at.

use reqwest::Method;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::{Account, ApiError, account::step};

/// A number that shall be known to the account.
#[derive(Clone, PartialEq, Serialize)]
#[serde(tag = "provider", rename_all = "snake_case")]
#[non_exhaustive]
pub enum NewPhoneNumber {
    /// A number at Twilio.
    Twilio {
        /// Such as `+43123456789`.
        phone_number: String,
        /// What it is called.
        label: String,
        /// The Twilio account.
        sid: String,
        /// Its token.
        token: String,
    },
    /// A number behind a SIP trunk.
    SipTrunk(Box<SipTrunk>),
}

/// A number behind a SIP trunk.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct SipTrunk {
    /// Such as `+43123456789`.
    pub phone_number: String,
    /// What it is called.
    pub label: String,
    /// Who may call in, and how: `allowed_addresses`, `credentials`, … Default: nobody calls in.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub inbound_trunk_config: Option<Value>,
    /// Where calls go out, and how: `address`, `transport`, `credentials`, … Default: none go out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub outbound_trunk_config: Option<Value>,
}

impl std::fmt::Debug for NewPhoneNumber {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Twilio {
                phone_number,
                label,
                ..
            } => f
                .debug_struct("Twilio")
                .field("phone_number", phone_number)
                .field("label", label)
                .finish_non_exhaustive(),
            Self::SipTrunk(trunk) => f
                .debug_struct("SipTrunk")
                .field("phone_number", &trunk.phone_number)
                .field("label", &trunk.label)
                .finish_non_exhaustive(),
        }
    }
}

/// A number of the account.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[non_exhaustive]
pub struct PhoneNumber {
    /// Its id.
    pub phone_number_id: String,
    /// The number.
    #[serde(default)]
    pub phone_number: String,
    /// What it is called.
    #[serde(default)]
    pub label: String,
    /// `twilio`, `sip_trunk` or `exotel`.
    #[serde(default)]
    pub provider: String,
    /// Who answers: `agent_id`, `agent_name`.
    #[serde(default)]
    pub assigned_agent: Option<Map<String, Value>>,
    /// Everything else.
    #[serde(flatten)]
    pub rest: Map<String, Value>,
}

/// The account's numbers. From [`Account::phone_numbers`].
#[derive(Clone, Copy, Debug)]
pub struct PhoneNumbers<'a>(&'a Account);

impl Account {
    /// The account's phone numbers.
    pub const fn phone_numbers(&self) -> PhoneNumbers<'_> {
        PhoneNumbers(self)
    }
}

impl PhoneNumbers<'_> {
    /// Makes a number known, and says its id.
    pub async fn create(&self, number: &NewPhoneNumber) -> Result<String, ApiError> {
        #[derive(Deserialize)]
        struct Answer {
            phone_number_id: String,
        }
        let request = self.0.post("/v1/convai/phone-numbers").once_only();
        let answer: Answer = request.json(number)?.read().await?;
        Ok(answer.phone_number_id)
    }

    /// All numbers.
    pub async fn list(&self) -> Result<Vec<PhoneNumber>, ApiError> {
        self.0.get("/v1/convai/phone-numbers").read().await
    }

    /// One number.
    pub async fn get(&self, id: &str) -> Result<PhoneNumber, ApiError> {
        self.0.get(&path(id)).read().await
    }

    /// Changes what `body` names: `label`, `agent_id` (null: nobody answers), trunks.
    pub async fn update(&self, id: &str, body: &Value) -> Result<PhoneNumber, ApiError> {
        let request = self.0.request(Method::PATCH, &path(id));
        request.json(body)?.read().await
    }

    /// Forgets a number.
    pub async fn delete(&self, id: &str) -> Result<(), ApiError> {
        self.0.request(Method::DELETE, &path(id)).done().await
    }
}

fn path(id: &str) -> String {
    format!("/v1/convai/phone-numbers/{}", step(id))
}
