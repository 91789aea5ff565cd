//! What goes wrong with a request, in the shape ElevenLabs' SDKs read.

use axum::{
    Json,
    http::StatusCode,
    response::{IntoResponse, Response},
};
use serde_json::json;

use crate::{ids, signature::SignatureError};

/// Why a request was not done. Written as `{"detail": {type, code, message, status, request_id, param?}}`.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Problem {
    status: StatusCode,
    kind: &'static str,
    code: &'static str,
    message: String,
    param: Option<String>,
}

impl Problem {
    fn new(
        status: StatusCode,
        kind: &'static str,
        code: &'static str,
        message: impl Into<String>,
    ) -> Self {
        Self {
            status,
            kind,
            code,
            message: message.into(),
            param: None,
        }
    }

    pub(crate) fn at(mut self, param: impl Into<String>) -> Self {
        self.param = Some(param.into());
        self
    }

    pub(crate) fn invalid(message: impl Into<String>) -> Self {
        Self::new(
            StatusCode::BAD_REQUEST,
            "validation_error",
            "invalid_parameters",
            message,
        )
    }

    pub(crate) fn missing(param: &str) -> Self {
        Self::new(
            StatusCode::UNPROCESSABLE_ENTITY,
            "validation_error",
            "missing_required_field",
            format!("{param} is required."),
        )
        .at(param)
    }

    pub(crate) fn malformed(message: impl Into<String>) -> Self {
        Self::new(
            StatusCode::BAD_REQUEST,
            "invalid_request",
            "malformed_json",
            message,
        )
    }

    pub(crate) fn too_large() -> Self {
        Self::new(
            StatusCode::PAYLOAD_TOO_LARGE,
            "invalid_request",
            "request_too_large",
            "The body is too large.",
        )
    }

    pub(crate) fn missing_key() -> Self {
        Self::new(
            StatusCode::UNAUTHORIZED,
            "authentication_error",
            "missing_api_key",
            "An API key is needed, in the header xi-api-key, X-API-Key or Authorization: Bearer.",
        )
    }

    pub(crate) fn invalid_key() -> Self {
        Self::new(
            StatusCode::UNAUTHORIZED,
            "authentication_error",
            "invalid_api_key",
            "This API key is not known here.",
        )
    }

    pub(crate) fn bad_token(why: SignatureError) -> Self {
        let message = match why {
            SignatureError::Invalid => "This token is not valid here.",
            SignatureError::Expired => "This token has expired; ask for a new one.",
            SignatureError::Used => "This token has been used; ask for a new one.",
        };
        Self::new(
            StatusCode::UNAUTHORIZED,
            "authentication_error",
            "unauthorized",
            message,
        )
    }

    pub(crate) fn forbidden(message: impl Into<String>) -> Self {
        Self::new(
            StatusCode::FORBIDDEN,
            "authorization_error",
            "forbidden",
            message,
        )
    }

    pub(crate) fn no_agent(id: &str) -> Self {
        Self::new(
            StatusCode::NOT_FOUND,
            "not_found",
            "agent_not_found",
            format!("There is no agent with the id {id}."),
        )
        .at("agent_id")
    }

    pub(crate) fn no_tool(id: &str) -> Self {
        Self::new(
            StatusCode::NOT_FOUND,
            "not_found",
            "tool_not_found",
            format!("There is no tool with the id {id}."),
        )
        .at("tool_id")
    }

    /// What is not there, for resources without a code of their own.
    pub(crate) fn none_of(what: &str, id: &str, param: &'static str) -> Self {
        Self::new(
            StatusCode::NOT_FOUND,
            "not_found",
            "not_found",
            format!("There is no {what} with the id {id}."),
        )
        .at(param)
    }

    pub(crate) fn no_conversation(id: &str) -> Self {
        Self::new(
            StatusCode::NOT_FOUND,
            "not_found",
            "conversation_not_found",
            format!("There is no conversation with the id {id}."),
        )
        .at("conversation_id")
    }

    pub(crate) fn no_sound(conversation: &str) -> Self {
        Self::new(
            StatusCode::NOT_FOUND,
            "not_found",
            "file_not_found",
            format!("No sound was kept of the conversation {conversation}."),
        )
        .at("conversation_id")
    }

    pub(crate) fn no_file(id: &str) -> Self {
        Self::new(
            StatusCode::NOT_FOUND,
            "not_found",
            "file_not_found",
            format!("There is no file with the id {id}."),
        )
        .at("file_id")
    }

    pub(crate) fn no_webhook(id: &str) -> Self {
        Self::none_of("webhook", id, "webhook_id")
    }

    pub(crate) fn too_early(message: impl Into<String>) -> Self {
        Self::new(
            StatusCode::TOO_EARLY,
            "invalid_request",
            "bad_request",
            message,
        )
    }

    pub(crate) fn bad_cursor() -> Self {
        Self::new(
            StatusCode::BAD_REQUEST,
            "validation_error",
            "invalid_cursor",
            "This cursor points nowhere.",
        )
        .at("cursor")
    }

    pub(crate) fn bad_page_size() -> Self {
        Self::new(
            StatusCode::BAD_REQUEST,
            "validation_error",
            "invalid_page_size",
            "page_size is a number from 1 to 100.",
        )
        .at("page_size")
    }

    pub(crate) fn no_route(path: &str) -> Self {
        Self::new(
            StatusCode::NOT_FOUND,
            "not_found",
            "not_found",
            format!("There is nothing at {path}."),
        )
    }

    pub(crate) fn no_method(method: &str, path: &str) -> Self {
        Self::new(
            StatusCode::METHOD_NOT_ALLOWED,
            "invalid_request",
            "bad_request",
            format!("There is no {method} at {path}."),
        )
    }

    pub(crate) fn conflict(message: impl Into<String>) -> Self {
        Self::new(StatusCode::CONFLICT, "conflict", "conflict", message)
    }

    pub(crate) fn no_voice<'a>(id: &str, known: impl Iterator<Item = &'a str>) -> Self {
        let known: Vec<&str> = known.collect();
        Self::no_such_voice(format!(
            "There is no voice {id}; there are {}.",
            known.join(", ")
        ))
    }

    pub(crate) fn no_such_voice(message: impl Into<String>) -> Self {
        Self::new(
            StatusCode::NOT_FOUND,
            "not_found",
            "voice_not_found",
            message,
        )
        .at("voice_id")
    }

    pub(crate) fn no_document(id: &str) -> Self {
        Self::new(
            StatusCode::NOT_FOUND,
            "not_found",
            "document_not_found",
            format!("There is no document with the id {id}."),
        )
        .at("documentation_id")
    }

    pub(crate) fn no_secret(id: &str) -> Self {
        Self::none_of("secret", id, "secret_id")
    }

    pub(crate) fn bad_format(message: impl Into<String>) -> Self {
        Self::new(
            StatusCode::BAD_REQUEST,
            "validation_error",
            "invalid_output_format",
            message,
        )
        .at("output_format")
    }

    pub(crate) fn bad_audio(message: impl Into<String>) -> Self {
        Self::new(
            StatusCode::BAD_REQUEST,
            "validation_error",
            "invalid_audio_format",
            message,
        )
        .at("file")
    }

    pub(crate) fn bad_file(message: impl Into<String>) -> Self {
        Self::new(
            StatusCode::BAD_REQUEST,
            "validation_error",
            "invalid_file_type",
            message,
        )
        .at("file")
    }

    pub(crate) fn bad_text(code: &'static str, message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "validation_error", code, message).at("text")
    }

    pub(crate) fn too_many() -> Self {
        Self::new(
            StatusCode::TOO_MANY_REQUESTS,
            "rate_limit_error",
            "concurrent_limit_exceeded",
            "Too many requests are being worked on. Try again when some of them are done.",
        )
    }

    pub(crate) fn not_built(message: impl Into<String>) -> Self {
        Self::new(
            StatusCode::NOT_IMPLEMENTED,
            "authorization_error",
            "feature_not_available",
            message,
        )
    }

    pub(crate) fn storage(message: impl Into<String>) -> Self {
        Self::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "service_unavailable",
            "service_unavailable",
            message,
        )
    }

    /// What is wrong, in a sentence.
    pub fn message(&self) -> &str {
        &self.message
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let request_id = ids::new("");
        let mut detail = json!({
            "type": self.kind,
            "code": self.code,
            "message": self.message,
            "status": self.code,
            "request_id": request_id,
        });
        if let Some(param) = self.param {
            detail["param"] = param.into();
        }
        let mut response = (self.status, Json(json!({ "detail": detail }))).into_response();
        if let Ok(id) = request_id.parse() {
            response.headers_mut().insert("request-id", id);
        }
        response
    }
}
