//! What a server of gRPC counts, under Fabric's names.
//!
//! Counters are made when they are first needed, and kept by those who count: on an envelope's way nothing is looked up
//! by labels. What clients write is no label, so that nobody can make more series than there are channels.
//!
//! Source: fabric v2.5.16 `docs/source/metrics_reference.rst`.

mod broadcast;
mod deliver;
mod grpc;
mod refusals;

use std::sync::Arc;

use prometheus::core::Collector;
use prometheus::proto::MetricFamily;
use prometheus::{HistogramOpts, HistogramVec, IntCounter, IntCounterVec, Opts, Registry};

pub(crate) use broadcast::{Broadcasts, OfChannel, Processing};
pub(crate) use deliver::{Delivers, OpenRequest, OpenStream};
pub(crate) use grpc::{Calls, Counted};
pub(crate) use refusals::Refusals;
pub use refusals::{REFUSALS_KEPT, Refused};

/// The label of what no channel is known of, or no type. The word is Fabric's.
pub(crate) const UNKNOWN: &str = "unknown";

/// Everything that a server counts.
pub struct Metrics {
    registry: Registry,
    pub(crate) broadcasts: Broadcasts,
    pub(crate) refusals: Refusals,
    pub(crate) delivers: Delivers,
    pub(crate) calls: Arc<Calls>,
}

impl Metrics {
    /// Counts from now on.
    ///
    /// # Errors
    ///
    /// A name or a label is none: our bug.
    pub fn new() -> Result<Self, prometheus::Error> {
        let registry = Registry::new();
        Ok(Self {
            broadcasts: Broadcasts::new(&registry)?,
            refusals: Refusals::new(&registry)?,
            delivers: Delivers::new(&registry)?,
            calls: Arc::new(Calls::new(&registry)?),
            registry,
        })
    }

    /// The last envelopes that were not taken, the latest first.
    #[must_use]
    pub fn last_refusals(&self) -> Vec<Refused> {
        self.refusals.last()
    }

    /// What was counted so far, in order of names.
    #[must_use]
    pub fn gather(&self) -> Vec<MetricFamily> {
        self.registry.gather()
    }
}

/// A counter that stands in the registry.
fn counter(registry: &Registry, name: &str, help: &str) -> Result<IntCounter, prometheus::Error> {
    registered(registry, IntCounter::new(name, help)?)
}

/// Counters that stand in the registry.
fn counters(
    registry: &Registry,
    name: &str,
    help: &str,
    labels: &[&str],
) -> Result<IntCounterVec, prometheus::Error> {
    registered(registry, IntCounterVec::new(Opts::new(name, help), labels)?)
}

/// Histograms with the buckets of Prometheus's libraries.
fn histograms(
    registry: &Registry,
    name: &str,
    help: &str,
    labels: &[&str],
) -> Result<HistogramVec, prometheus::Error> {
    registered(registry, HistogramVec::new(HistogramOpts::new(name, help), labels)?)
}

/// What it is given, once it stands in the registry.
///
/// # Errors
///
/// The registry has another of that name: our bug.
pub fn registered<C: Collector + Clone + 'static>(
    registry: &Registry,
    all: C,
) -> Result<C, prometheus::Error> {
    registry.register(Box::new(all.clone()))?;
    Ok(all)
}
