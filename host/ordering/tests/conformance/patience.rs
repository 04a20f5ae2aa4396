//! Waiting, for so long and no longer.

use std::time::Duration;

/// After this a test that waits for something has failed.
const PATIENCE: Duration = Duration::from_secs(120);

pub fn block_on<T>(future: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    runtime.block_on(async { tokio::time::timeout(PATIENCE, future).await.expect("nothing happens") })
}
