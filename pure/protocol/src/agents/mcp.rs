//! MCP tools as a client sees them: which servers are connected, and how far a call is.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{McpIntegrationType, decode::null_is_default};

/// Progress of one call of an MCP tool; sent again at each change of state.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct McpToolCall {
    /// The MCP server.
    pub service_id: String,
    /// The call.
    pub tool_call_id: String,
    /// The tool.
    pub tool_name: String,
    /// What the tool says of itself.
    #[serde(default)]
    pub tool_description: Option<String>,
    /// What it is called with.
    #[serde(default, deserialize_with = "null_is_default")]
    pub parameters: Map<String, Value>,
    /// When, in ISO 8601.
    pub timestamp: String,
    /// How far it is.
    #[serde(flatten)]
    pub state: McpState,
}

/// How far a call of an MCP tool is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum McpState {
    /// It runs.
    Loading {
        /// Seconds the client had to approve, if it had.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        approval_timeout_secs: Option<u32>,
    },
    /// It waits for the client's `mcp_tool_approval_result`.
    AwaitingApproval {
        /// Seconds until silence means no. Default 300.
        #[serde(default = "approval_timeout")]
        approval_timeout_secs: u32,
    },
    /// It has answered.
    Success {
        /// MCP content blocks.
        #[serde(default, deserialize_with = "null_is_default")]
        result: Vec<Value>,
    },
    /// It failed, was refused, or nobody approved in time.
    Failure {
        /// Why.
        error_message: String,
    },
}

fn approval_timeout() -> u32 {
    300
}

/// State of all MCP servers.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct McpConnections {
    /// One entry per server.
    pub integrations: Vec<McpIntegration>,
}

/// State of one MCP server.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct McpIntegration {
    /// The server.
    pub integration_id: String,
    /// How it was connected.
    pub integration_type: McpIntegrationType,
    /// Whether it answers.
    pub is_connected: bool,
    /// How many tools it offers. Default 0.
    #[serde(default)]
    pub tool_count: u32,
}
