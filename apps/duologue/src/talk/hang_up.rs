//! Ctrl-C, by signal or by key, and the polite end that a first one asks for.

use std::sync::Arc;

use tokio::{signal, sync::mpsc};

use super::{desk::Switch, screen::Key};

/// Hears when the user wants to end.
pub(crate) struct HangUp {
    asked: mpsc::Receiver<()>,
}

impl HangUp {
    /// Listens to signals, and to the keys of a screen where there is one; the space bar works the microphone's switch.
    pub(crate) fn new(keys: Option<mpsc::Receiver<Key>>, switch: Arc<Switch>) -> Self {
        let (sender, asked) = mpsc::channel(4);
        let by_signal = sender.clone();
        tokio::spawn(async move {
            while interrupted().await {
                if by_signal.send(()).await.is_err() {
                    return;
                }
            }
        });
        if let Some(mut keys) = keys {
            tokio::spawn(async move {
                while let Some(key) = keys.recv().await {
                    match key {
                        Key::Space => switch.press(),
                        Key::HangUp => {
                            if sender.send(()).await.is_err() {
                                return;
                            }
                        }
                    }
                }
            });
        }
        Self { asked }
    }

    /// Waits until the user wants to end.
    pub(crate) async fn asked(&mut self) {
        if self.asked.recv().await.is_none() {
            // Nobody is left who could ask.
            std::future::pending::<()>().await;
        }
    }

    /// Whether the user has asked, without waiting.
    pub(crate) fn was_asked(&mut self) -> bool {
        self.asked.try_recv().is_ok()
    }
}

#[cfg(unix)]
async fn interrupted() -> bool {
    use signal::unix::{SignalKind, signal};
    let Ok(mut terminate) = signal(SignalKind::terminate()) else {
        return signal::ctrl_c().await.is_ok();
    };
    tokio::select! {
        result = signal::ctrl_c() => result.is_ok(),
        received = terminate.recv() => received.is_some(),
    }
}

#[cfg(not(unix))]
async fn interrupted() -> bool {
    signal::ctrl_c().await.is_ok()
}
