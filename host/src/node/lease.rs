//! When the files of a node are free again.

use std::sync::Arc;

use tokio::sync::watch;

/// Kept by all that keeps a file of the node open, as its last part: a stream that ends, say, lets go of its channel
/// when a thread of the runtime comes to it.
#[derive(Clone, Debug)]
pub(super) struct Lease(Arc<watch::Sender<()>>);

impl Lease {
    pub(super) fn new() -> Self {
        Self(Arc::new(watch::Sender::new(())))
    }

    /// Ends when nobody has it any more.
    pub(super) fn ended(&self) -> impl Future<Output = ()> + use<> {
        let mut watched = self.0.subscribe();
        async move { while watched.changed().await.is_ok() {} }
    }
}
