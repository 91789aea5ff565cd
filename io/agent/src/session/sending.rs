//! Towards the edge.

use std::{
    future::{Future, poll_fn},
    pin::pin,
    task::Poll,
};

use protocol::agents::{CloseCode, ErrorType, ServerEvent};
use tokio::sync::mpsc::error::TrySendError;
use turn::Input;

use super::{Over, Session};
use crate::agent::EndReason;

impl Session {
    /// Sends what the client subscribed to. Waits while the client is busy, but not for ever.
    pub(super) async fn send(&mut self, event: ServerEvent) {
        if !event.is_subscribed(&self.plan.client_events) {
            return;
        }
        let event = match self.outgoing.try_send(event) {
            Ok(()) => return,
            Err(TrySendError::Closed(_)) => return self.tell(Input::UserEnds),
            Err(TrySendError::Full(event)) => event,
        };
        let outgoing = self.outgoing.clone();
        // Whoever drives the clock is perhaps the very one who must read.
        for probe in self.asked.drain(..) {
            let _ = probe.send(());
        }
        let probes = &mut self.probes;
        let mut sending = pin!(tokio::time::timeout(
            self.options.slow_edge,
            outgoing.send(event)
        ));
        let sent = poll_fn(|cx| {
            let sent = sending.as_mut().poll(cx);
            if sent.is_pending()
                && let Some(probes) = probes
            {
                while let Poll::Ready(Some(probe)) = probes.poll_recv(cx) {
                    let _ = probe.send(());
                }
            }
            sent
        })
        .await;
        match sent {
            Ok(Err(_)) => self.tell(Input::UserEnds),
            Err(_) if self.over.is_none() => {
                // There is no use in an error message to somebody who does not read.
                self.over = Some(Over {
                    reason: EndReason::Failed,
                    code: CloseCode::Failed,
                    error_type: Some(ErrorType::WebsocketDisconnect),
                    message: format!(
                        "the client did not read its messages for {} s",
                        self.options.slow_edge.as_secs_f32()
                    ),
                });
            }
            Ok(Ok(())) | Err(_) => {}
        }
    }
}
