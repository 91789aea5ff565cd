//! The platform over HTTP: agents, and the socket over which they are talked to, as ElevenLabs' SDKs expect them.
//!
//! [`Server::bind`] takes [`Settings`], a [`Registry`] of agents and an [`Answerer`], which begins conversations. The
//! server knows who may come in, how messages travel and how much there may be of everything; what an agent says is
//! the answerer's business. [`InProcess`] is the answerer that runs agents in this process.
//!
//! # Where the contract leaves a gap
//!
//! | Gap | What is done here |
//! |---|---|
//! | refusals at the socket | the upgrade is accepted, one `error` message says why, then a close with the same code |
//! | first message is not an initiation, or there is none for 3 s | the conversation begins with the agent's defaults |
//! | the self-hosted door's path | the same path without an `agent_id`; the first message must be `enclave_setup_config` |
//! | the self-hosted door's credentials | a key, or a signed URL for any agent of this server; nothing where no keys are set |
//! | code of too many conversations | closed with 3008, as the official widget expects of a queue that ran out; the `error` before it says 1008, the nearest the contract has |
//! | `error_type` of too many conversations, of a bad key and of a stop | none is documented: `unknown`, `value_error`, none |
//! | a second initiation or setup | `invalid_message`, 1008 |
//! | kinds the server does not know | ignored, so that newer clients can talk to it |
//! | binary frames | `invalid_message`, 1008 |
//! | messages above the limit | `invalid_message`, 1008; the rest of the message is read and thrown away, up to 32 MiB |
//! | `text_only` at the top of the overrides | needs no permission: the Python SDK says it whenever it has no sound of its own |
//! | nothing for 60 s | counts everything a client sends, pongs included: who types slowly is not cut off, who vanished is |
//! | `client_tool_call.expects_response` | not sent: the contract does not have it |
//! | refusals at the door | wait half a second for the first message: one SDK fails without a word when the socket is closed by then |
//! | ping interval | 2 s; `ping_ms` is null until the first pong, then the last round trip |
//! | the server stops | running conversations go on for up to 30 s; then 1001, which both SDKs take as an orderly end |
//! | permessage-deflate | not taken up |
//! | PATCH | objects change field by field, lists and plain values whole; null is kept as a value |

mod abilities;
mod access;
mod admission;
mod agent_tests;
mod agents;
mod answerer;
mod conversation;
mod http;
mod ids;
mod in_process;
mod problem;
mod records;
mod rehearsal;
mod rest;
mod settings;
pub mod shelf;
mod signature;
mod speech;
mod websocket;

pub use abilities::Abilities;
pub use access::Keys;
pub use agents::{Origin, Registry, StoredAgent};
pub use answerer::{Answer, Answerer, Begun, Call, Ending, Refusal, Rehearsal};
pub use http::{BindError, Server};
pub use in_process::{Engine, Equipment, InProcess};
pub use problem::Problem;
pub use records::{
    Beginning, Judge, Kept, Model, Policy, RecordSettings, Records, Workers, conversation_view,
    drain, summary_view,
};
pub use settings::{Limits, Settings};
pub use speech::Speech;
