//! Calls that an agent makes.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::{Account, ApiError};

/// A call that shall be placed.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct OutboundCall {
    /// Who calls.
    pub agent_id: String,
    /// From which number of the account: its id, not the number itself.
    pub agent_phone_number_id: String,
    /// Which number is called, such as `+43123456789`.
    pub to_number: String,
    /// What the conversation begins with: overrides, dynamic variables, user id. Default: nothing special.
    #[serde(
        rename = "conversation_initiation_client_data",
        skip_serializing_if = "Option::is_none"
    )]
    pub initiation: Option<Value>,
    /// Whether Twilio keeps a recording of its own. For Twilio only. Default: by the account.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub call_recording_enabled: Option<bool>,
    /// `ringing_timeout_secs` and the like. Default: by the platform.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub telephony_call_config: Option<Value>,
}

/// A call that was placed, or not.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[non_exhaustive]
pub struct PlacedCall {
    /// Whether it rings.
    pub success: bool,
    /// What the platform says about it.
    #[serde(default)]
    pub message: String,
    /// The conversation it becomes.
    #[serde(default)]
    pub conversation_id: Option<String>,
    /// Twilio's id of the call.
    #[serde(default, rename = "callSid", alias = "call_sid")]
    pub call_sid: Option<String>,
    /// The SIP trunk's id of the call.
    #[serde(default)]
    pub sip_call_id: Option<String>,
    /// Everything else.
    #[serde(flatten)]
    pub rest: Map<String, Value>,
}

/// A call that Twilio has and the platform shall take over.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct RegisteredCall {
    /// Who talks; has to hear and speak `ulaw_8000`.
    pub agent_id: String,
    /// Who calls.
    pub from_number: String,
    /// Who is called.
    pub to_number: String,
    /// `inbound` or `outbound`. Default: by the platform.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub direction: Option<String>,
    /// As for [`OutboundCall::initiation`].
    #[serde(
        rename = "conversation_initiation_client_data",
        skip_serializing_if = "Option::is_none"
    )]
    pub initiation: Option<Value>,
}

impl Account {
    /// Has an agent call somebody by Twilio. Never tried twice, since that would ring twice.
    pub async fn call_by_twilio(&self, call: &OutboundCall) -> Result<PlacedCall, ApiError> {
        self.call("/v1/convai/twilio/outbound-call", call).await
    }

    /// Has an agent call somebody by a SIP trunk. Never tried twice, since that would ring twice.
    pub async fn call_by_sip_trunk(&self, call: &OutboundCall) -> Result<PlacedCall, ApiError> {
        self.call("/v1/convai/sip-trunk/outbound-call", call).await
    }

    /// The document to answer Twilio with, so that it hands its call to an agent.
    pub async fn register_twilio_call(&self, call: &RegisteredCall) -> Result<String, ApiError> {
        let request = self.post("/v1/convai/twilio/register-call").once_only();
        let body = request.json(call)?.whole().await?;
        String::from_utf8(body.to_vec()).map_err(|error| self.garbled(error.to_string()))
    }

    async fn call(&self, path: &str, call: &OutboundCall) -> Result<PlacedCall, ApiError> {
        self.post(path).once_only().json(call)?.read().await
    }
}
