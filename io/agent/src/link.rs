//! The in-process transport: two bounded channels of typed messages.

use protocol::agents::{ClientEvent, ServerEvent};
use tokio::sync::mpsc;

/// Messages that wait for the agent.
const TO_AGENT: usize = 64;
/// Messages that wait for the edge: enough for a second of sound and everything beside it.
const TO_EDGE: usize = 256;

/// The agent's end of a link.
#[derive(Debug)]
pub struct Link {
    pub(crate) incoming: mpsc::Receiver<ClientEvent>,
    pub(crate) outgoing: mpsc::Sender<ServerEvent>,
}

/// The client's end of a link. Dropping the sender hangs up.
#[derive(Debug)]
pub struct Edge {
    /// What the client says.
    pub sender: mpsc::Sender<ClientEvent>,
    /// What the agent says. A client that does not read loses the conversation after a while.
    pub receiver: mpsc::Receiver<ServerEvent>,
}

/// A link and the edge it leads to.
pub fn link() -> (Link, Edge) {
    let (sender, incoming) = mpsc::channel(TO_AGENT);
    let (outgoing, receiver) = mpsc::channel(TO_EDGE);
    (Link { incoming, outgoing }, Edge { sender, receiver })
}
