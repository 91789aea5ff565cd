//! What carries a conversation's messages.

use std::future::Future;

use protocol::agents::{ClientEvent, CloseCode, ServerEvent};
use tokio::sync::mpsc;

/// The connection is gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the connection is gone")]
pub struct Gone;

/// Carries messages between a client and a brain, in order, without loss, until one side ends it.
///
/// Dropping a transport ends the conversation. Every future may be cancelled without losing a message.
pub trait Transport: Send {
    /// Waits until a message can be sent.
    fn ready(&mut self) -> impl Future<Output = Result<(), Gone>> + Send;

    /// Sends a message for which [`Transport::ready`] has found room.
    fn send_now(&mut self, event: ClientEvent);

    /// The next message, or none once the conversation is over.
    fn receive(&mut self) -> impl Future<Output = Option<ServerEvent>> + Send;

    /// A message that is already here, without waiting.
    fn try_receive(&mut self) -> Option<ServerEvent>;

    /// Says that nothing more will be sent. Messages may still arrive.
    fn hang_up(&mut self);

    /// How the other side closed, once [`Transport::receive`] has given none. None: the connection broke.
    fn closed(&self) -> Option<(CloseCode, String)>;
}

/// Two bounded channels within this process: typed messages, no JSON.
#[derive(Debug)]
pub struct Channel {
    sender: Option<mpsc::Sender<ClientEvent>>,
    permit: Option<mpsc::OwnedPermit<ClientEvent>>,
    receiver: mpsc::Receiver<ServerEvent>,
}

impl Channel {
    /// The client's ends of a pair of channels.
    pub const fn new(
        sender: mpsc::Sender<ClientEvent>,
        receiver: mpsc::Receiver<ServerEvent>,
    ) -> Self {
        Self {
            sender: Some(sender),
            permit: None,
            receiver,
        }
    }
}

impl Transport for Channel {
    async fn ready(&mut self) -> Result<(), Gone> {
        if self.permit.is_none() {
            let sender = self.sender.clone().ok_or(Gone)?;
            self.permit = Some(sender.reserve_owned().await.map_err(|_| Gone)?);
        }
        Ok(())
    }

    fn send_now(&mut self, event: ClientEvent) {
        if let Some(permit) = self.permit.take() {
            permit.send(event);
        } else if let Some(sender) = &self.sender {
            // Without a permit there may be no room; a caller that did not ask has to bear that.
            let _ = sender.try_send(event);
        }
    }

    async fn receive(&mut self) -> Option<ServerEvent> {
        self.receiver.recv().await
    }

    fn try_receive(&mut self) -> Option<ServerEvent> {
        self.receiver.try_recv().ok()
    }

    fn hang_up(&mut self) {
        self.permit = None;
        self.sender = None;
    }

    /// A task that ended on purpose closed normally: within a process there is no network to break.
    fn closed(&self) -> Option<(CloseCode, String)> {
        Some((CloseCode::Normal, String::new()))
    }
}
