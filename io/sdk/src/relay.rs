//! A remote conversation as if it were in this process.

use std::sync::{Arc, OnceLock};

use protocol::agents::ClientEvent;
use tokio::sync::mpsc;

use crate::transport::{Channel, Transport};

/// How many messages wait in each direction.
const WAITING: usize = 256;

/// Carries messages between `remote` and the channel that is returned, until one side ends it.
///
/// For those who hold conversations with agents of this process and of elsewhere and want one type for both. What comes
/// from the remote side and is no message is logged and left out.
pub fn relay(mut remote: impl Transport + 'static) -> Channel {
    let (to_remote, mut commands) = mpsc::channel::<ClientEvent>(WAITING);
    let (events, from_remote) = mpsc::channel(WAITING);
    let end = Arc::new(OnceLock::new());
    let told = Arc::clone(&end);
    tokio::spawn(async move {
        loop {
            tokio::select! {
                received = remote.receive() => match received {
                    Some(Ok(event)) => {
                        if events.send(event).await.is_err() {
                            break;
                        }
                    }
                    Some(Err(error)) => tracing::warn!(%error, "what came is no message"),
                    None => {
                        let how = remote
                            .closed()
                            .ok_or_else(|| remote.lost().unwrap_or_default());
                        // Set once: this task ends here.
                        let _ = told.set(how);
                        return;
                    }
                },
                command = commands.recv() => match command {
                    Some(command) => {
                        if remote.ready().await.is_ok() {
                            remote.send_now(command);
                        }
                    }
                    None => break,
                },
            }
        }
        remote.hang_up();
        remote.finish().await;
    });
    Channel::to_remote(to_remote, from_remote, end)
}
