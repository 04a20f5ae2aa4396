//! What time it is, where clients are told that they are too late.

use std::time::{Duration, SystemTime};

use tokio::time::sleep;

use crate::channels::BoxFuture;

/// Where a server gets the time of day from.
pub trait Clock: Send + Sync + 'static {
    /// What time it is.
    fn now(&self) -> SystemTime;

    /// Ready once [`Clock::now`] is later than `time`.
    fn passes(&self, time: SystemTime) -> BoxFuture<()>;
}

/// The system's clock, which may be set while somebody waits for it.
#[derive(Clone, Copy, Debug)]
pub struct SystemClock;

/// How long is slept before the system is asked again.
const SLEEP_MAX: Duration = Duration::from_secs(60);

impl Clock for SystemClock {
    fn now(&self) -> SystemTime {
        SystemTime::now()
    }

    fn passes(&self, time: SystemTime) -> BoxFuture<()> {
        Box::pin(async move {
            while let Ok(left) = time.duration_since(SystemTime::now()) {
                // At least the resolution of timers, since the very moment has not passed yet.
                sleep(left.clamp(Duration::from_millis(1), SLEEP_MAX)).await;
            }
        })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use futures_util::FutureExt;

    use super::*;

    #[tokio::test]
    async fn what_has_passed_is_not_waited_for() {
        let past = SystemTime::now() - Duration::from_millis(1);
        assert!(SystemClock.passes(past).now_or_never().is_some());
    }

    #[tokio::test]
    async fn a_time_that_passes_is_later_than_it_was() {
        let soon = SystemTime::now() + Duration::from_millis(20);
        SystemClock.passes(soon).await;
        assert!(SystemTime::now() > soon);
    }
}
