//! Failed handshakes in the log: a line each, and not more lines than an operator can read.
//!
//! Each cause has its own account, so that a scan does not hide the peer whose certificate has ended.

use std::{
    collections::HashMap,
    mem::{Discriminant, discriminant},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use tokio::time::sleep;

use super::HandshakeError;

/// Lines of one cause that are told within [`WINDOW`]; the others are counted.
const LINES_MAX: u64 = 10;

const WINDOW: Duration = Duration::from_secs(10);

/// How many failed, by cause.
#[derive(Clone, Default)]
pub(super) struct Failures(Arc<Mutex<Counts>>);

#[derive(Default)]
struct Counts {
    all: u64,
    in_window: HashMap<Discriminant<HandshakeError>, u64>,
}

impl Failures {
    /// Tells of a failure, or counts it. Must be called within tokio.
    pub(super) fn tell(&self, listener: &'static str, peer: &str, error: &HandshakeError) {
        // Whoever looks whether the port is open does nothing wrong.
        if *error == HandshakeError::Silent {
            tracing::debug!(listener, peer, "TLS handshake: {error}");
            return;
        }
        let cause = discriminant(error);
        match self.count(cause) {
            1 => {
                self.close_later(listener, cause);
                tracing::warn!(listener, peer, "TLS handshake failed: {error}");
            }
            2..=LINES_MAX => tracing::warn!(listener, peer, "TLS handshake failed: {error}"),
            _ => {}
        }
    }

    /// How many there were since the listener was opened.
    pub(super) fn all(&self) -> u64 {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).all
    }

    fn count(&self, cause: Discriminant<HandshakeError>) -> u64 {
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        counts.all += 1;
        let count = counts.in_window.entry(cause).or_default();
        *count += 1;
        *count
    }

    fn close_later(&self, listener: &'static str, cause: Discriminant<HandshakeError>) {
        let failures = self.clone();
        tokio::spawn(async move {
            sleep(WINDOW).await;
            let mut counts = failures.0.lock().unwrap_or_else(PoisonError::into_inner);
            let count = counts.in_window.remove(&cause).unwrap_or_default();
            drop(counts);
            if let Some(more) = count.checked_sub(LINES_MAX).filter(|more| *more > 0) {
                let seconds = WINDOW.as_secs();
                tracing::warn!(
                    listener,
                    "{more} more TLS handshakes failed in the same way within {seconds} s, and are not told one by one"
                );
            }
        });
    }
}
