//! How tests wait, never for ever: for what tells nobody when it happens, and for what does tell.

use std::time::{Duration, Instant};

/// Generous, even for a machine that stalls: it only turns what never happens into a failure.
const PATIENCE: Duration = Duration::from_secs(120);

/// Between two looks.
const PAUSE: Duration = Duration::from_millis(5);

/// Until when something is waited for.
pub struct Deadline(Instant);

impl Deadline {
    pub fn new() -> Self {
        Self(Instant::now() + PATIENCE)
    }

    /// A pause between two looks, for those who look themselves.
    pub async fn pause(&self, what: &str) {
        self.check(what);
        tokio::time::sleep(PAUSE).await;
    }

    fn check(&self, what: &str) {
        assert!(Instant::now() < self.0, "in {PATIENCE:?} it did not happen that {what}");
    }
}

/// Waits until `is_true`.
pub async fn eventually(what: &str, is_true: impl Fn() -> bool) {
    eventually_async(what, async || is_true()).await;
}

/// The same where the look itself waits.
pub async fn eventually_async(what: &str, mut is_true: impl AsyncFnMut() -> bool) {
    let deadline = Deadline::new();
    while !is_true().await {
        deadline.pause(what).await;
    }
}

/// The same on a thread that may block.
pub fn eventually_blocking(what: &str, mut is_true: impl FnMut() -> bool) {
    let deadline = Deadline::new();
    while !is_true() {
        deadline.check(what);
        std::thread::sleep(PAUSE);
    }
}

/// Waits for what tells when it happens.
pub async fn in_time<T>(what: &str, telling: impl Future<Output = T>) -> T {
    let told = tokio::time::timeout(PATIENCE, telling).await;
    told.unwrap_or_else(|_| panic!("in {PATIENCE:?} it did not happen that {what}"))
}

/// Waits until something has begun to be counted and has not been counted on for five times `a_while`; says how many
/// there were.
pub async fn at_rest(a_while: Duration, count: impl Fn() -> usize) -> usize {
    let deadline = Deadline::new();
    let (mut before, mut looks_without_change) = (0, 0);
    while before == 0 || looks_without_change < 5 {
        deadline.check("it comes to rest");
        tokio::time::sleep(a_while).await;
        let now = count();
        looks_without_change = if now == before { looks_without_change + 1 } else { 0 };
        before = now;
    }
    before
}
