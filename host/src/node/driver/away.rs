//! Telling readers when the ordered log is away: another orderer may read it.

use std::sync::Arc;
use std::time::Duration;

use raddle_ordering::kafka::Failure;
use raddle_ordering::{Cause, Readiness};
use tokio::sync::watch;
use tokio::time::timeout;

use crate::node::answers;
use crate::node::board::Board;

/// How long the log may be away before readers that want no old blocks are told.
///
/// Differs: Fabric has `Kafka.Retry.NetworkTimeouts.ReadTimeout` for it, which is this in its sample.
///
/// Source: fabric v2.5.16 `orderer/consensus/kafka/chain.go` `processMessagesToBlocks`, `common/deliver/deliver.go`
/// `deliverBlocks`.
const AWAY_MAX: Duration = Duration::from_secs(10);

/// Follows the log's state for as long as there is one.
pub(super) async fn tell_of_log(mut state: watch::Receiver<Readiness>, board: Arc<Board>) {
    let is_away = |state: &Readiness| why(state).is_some();
    loop {
        if state.wait_for(is_away).await.is_err() {
            return;
        }
        match timeout(AWAY_MAX, state.wait_for(|state| !is_away(state))).await {
            Ok(Ok(_)) => continue,
            Ok(Err(_)) => return,
            Err(_) => {}
        }
        loop {
            let cause = why(&state.borrow_and_update());
            board.log_is_away(cause.as_ref().map(answers::unreadable));
            if cause.is_none() {
                break;
            }
            if state.changed().await.is_err() {
                return;
            }
        }
    }
}

/// Why the log cannot be read.
fn why(state: &Readiness) -> Option<Cause> {
    let Readiness::Unavailable { cause } = state else { return None };
    let failure = cause.get().downcast_ref::<Failure>()?;
    (!failure.lets_read()).then(|| cause.clone())
}
