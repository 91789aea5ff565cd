//! What carries a conversation's messages.

use std::{
    future::{self, Future},
    sync::{Arc, OnceLock},
};

use protocol::agents::{ClientEvent, CloseCode, DecodeError, ServerEvent};
use tokio::sync::mpsc;

/// What came: a message, or something that is none.
pub type Received = Result<ServerEvent, DecodeError>;

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
    fn receive(&mut self) -> impl Future<Output = Option<Received>> + Send;

    /// A message that is already here, without waiting.
    fn try_receive(&mut self) -> Option<Received>;

    /// Says that nothing more will be sent. Messages may still arrive.
    fn hang_up(&mut self);

    /// [`Transport::hang_up`] with a code and a reason, where the transport can carry them.
    fn close(&mut self, code: CloseCode, reason: &str) {
        let _ = (code, reason);
        self.hang_up();
    }

    /// Waits until the other side knows that this one has hung up, for a short time at most.
    fn finish(&mut self) -> impl Future<Output = ()> + Send {
        future::ready(())
    }

    /// How the other side closed, once [`Transport::receive`] has given none. None: the connection broke.
    fn closed(&self) -> Option<(CloseCode, String)>;

    /// What is known of a connection that broke.
    fn lost(&self) -> Option<String> {
        None
    }
}

/// How a remote conversation behind a channel ended: closed, or broken.
pub(crate) type RemoteEnd = Result<(CloseCode, String), String>;

/// Two bounded channels within this process: typed messages, no JSON.
#[derive(Debug)]
pub struct Channel {
    sender: Option<mpsc::Sender<ClientEvent>>,
    permit: Option<mpsc::OwnedPermit<ClientEvent>>,
    receiver: mpsc::Receiver<ServerEvent>,
    remote: Option<Arc<OnceLock<RemoteEnd>>>,
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
            remote: None,
        }
    }

    /// As [`Channel::new`], with somebody at the other end who may be cut off.
    pub(crate) fn to_remote(
        sender: mpsc::Sender<ClientEvent>,
        receiver: mpsc::Receiver<ServerEvent>,
        end: Arc<OnceLock<RemoteEnd>>,
    ) -> Self {
        Self {
            remote: Some(end),
            ..Self::new(sender, receiver)
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

    async fn receive(&mut self) -> Option<Received> {
        self.receiver.recv().await.map(Ok)
    }

    fn try_receive(&mut self) -> Option<Received> {
        self.receiver.try_recv().ok().map(Ok)
    }

    fn hang_up(&mut self) {
        self.permit = None;
        self.sender = None;
    }

    /// A task that ended on purpose closed normally: within a process there is no network to break.
    fn closed(&self) -> Option<(CloseCode, String)> {
        match &self.remote {
            None => Some((CloseCode::Normal, String::new())),
            Some(end) => end.get()?.as_ref().ok().cloned(),
        }
    }

    fn lost(&self) -> Option<String> {
        let end = self.remote.as_ref()?.get()?;
        end.as_ref().err().cloned()
    }
}
