//! What rules cost a node: time in filters, in the batch policy, and in what these ask the host to do natively.

use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use nix::time::{ClockId, clock_gettime};
use raddle_core::batch_policy::{
    Batch, BatchPolicies, BatchPolicy, EnvelopeInfo, Fault, LocalFault, Pending,
};
use raddle_core::bundle::CurrentConfig;

/// Counters of a node, from its start on.
///
/// The time is what threads use of the processors, and asking for it is a system call: about 1 µs an envelope. So it is
/// counted only where somebody wants to know.
#[derive(Debug)]
pub struct Usage {
    is_counting: bool,
    filters: Meter,
    native: Meter,
    batch_policy: Meter,
}

/// A copy of the counters.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Used {
    /// Time in the filters, all that they ask of the host included.
    pub filters: Duration,
    /// Of that, the time in signature checks and policy evaluations, which are native.
    pub native: Duration,
    /// Time in the batch policy.
    pub batch_policy: Duration,
}

#[derive(Debug, Default)]
struct Meter {
    nanoseconds: AtomicU64,
}

impl Usage {
    /// Counts from now on, or never.
    #[must_use]
    pub fn new(is_counting: bool) -> Self {
        Self {
            is_counting,
            filters: Meter::default(),
            native: Meter::default(),
            batch_policy: Meter::default(),
        }
    }

    pub(super) fn filters<T>(&self, work: impl FnOnce() -> T) -> T {
        self.time(&self.filters, work)
    }

    pub(super) fn native<T>(&self, work: impl FnOnce() -> T) -> T {
        self.time(&self.native, work)
    }

    fn batch_policy<T>(&self, work: impl FnOnce() -> T) -> T {
        self.time(&self.batch_policy, work)
    }

    fn time<T>(&self, meter: &Meter, work: impl FnOnce() -> T) -> T {
        if !self.is_counting {
            return work();
        }
        let start = thread_time();
        let done = work();
        let used = thread_time().saturating_sub(start);
        meter.nanoseconds.fetch_add(u64::try_from(used.as_nanos()).unwrap_or(u64::MAX), Ordering::Relaxed);
        done
    }

    /// What was used so far.
    #[must_use]
    pub fn used(&self) -> Used {
        Used {
            filters: self.filters.total(),
            native: self.native.total(),
            batch_policy: self.batch_policy.total(),
        }
    }
}

impl Meter {
    fn total(&self) -> Duration {
        Duration::from_nanos(self.nanoseconds.load(Ordering::Relaxed))
    }
}

/// What this thread has used of the processors.
fn thread_time() -> Duration {
    clock_gettime(ClockId::CLOCK_THREAD_CPUTIME_ID).map_or(Duration::ZERO, Duration::from)
}

/// Batch policies whose time is counted.
pub(super) struct Metered<P> {
    inner: P,
    usage: Arc<Usage>,
}

impl<P> Metered<P> {
    pub(super) const fn new(inner: P, usage: Arc<Usage>) -> Self {
        Self { inner, usage }
    }
}

impl<P: BatchPolicies> BatchPolicies for Metered<P> {
    fn batch_policy(&self, config: &Arc<CurrentConfig>) -> Result<Rc<dyn BatchPolicy>, LocalFault> {
        let inner = self.inner.batch_policy(config)?;
        Ok(Rc::new(Metered { inner, usage: Arc::clone(&self.usage) }))
    }
}

impl BatchPolicy for Metered<Rc<dyn BatchPolicy>> {
    fn begin(&self) -> Result<Box<dyn Batch>, Fault> {
        let inner = self.usage.batch_policy(|| self.inner.begin())?;
        Ok(Box::new(Metered { inner, usage: Arc::clone(&self.usage) }))
    }
}

impl Batch for Metered<Box<dyn Batch>> {
    fn fits(&mut self, envelope: &EnvelopeInfo<'_>, pending: Pending) -> Result<bool, Fault> {
        self.usage.batch_policy(|| self.inner.fits(envelope, pending))
    }

    fn add(&mut self, envelope: &EnvelopeInfo<'_>, pending: Pending) -> Result<bool, Fault> {
        self.usage.batch_policy(|| self.inner.add(envelope, pending))
    }
}
