//! What becomes of envelopes.
//!
//! Source: fabric v2.5.16 `orderer/common/broadcast/{metrics,broadcast}.go`.

use std::collections::HashMap;
use std::sync::{Arc, OnceLock, PoisonError, RwLock};
use std::time::Instant;

use prometheus::{Histogram, HistogramVec, IntCounter, IntCounterVec, Registry};
use raddle_proto::common::{HeaderType, Status};

use super::{UNKNOWN, counters, histograms};

/// Types of headers, in the order of their numbers, which leave out 7 and 8.
const TYPES: [HeaderType; 7] = [
    HeaderType::Message,
    HeaderType::Config,
    HeaderType::ConfigUpdate,
    HeaderType::EndorserTransaction,
    HeaderType::OrdererTransaction,
    HeaderType::DeliverSeekInfo,
    HeaderType::ChaincodePackage,
];

/// All that Broadcast answers.
const STATUSES: [Status; 9] = [
    Status::Success,
    Status::BadRequest,
    Status::Forbidden,
    Status::NotFound,
    Status::RequestEntityTooLarge,
    Status::InternalServerError,
    Status::NotImplemented,
    Status::ServiceUnavailable,
    Status::Unknown,
];

const LABELS: [&str; 3] = ["channel", "type", "status"];

/// The counters of all channels.
pub(crate) struct Broadcasts {
    families: Families,
    channels: RwLock<HashMap<String, Arc<OfChannel>>>,
    unknown: Arc<OfChannel>,
}

#[derive(Clone)]
struct Families {
    processed: IntCounterVec,
    validate: HistogramVec,
    enqueue: HistogramVec,
}

/// The counters of one channel: for each type, unknown ones last, and each status, those that were needed.
pub(crate) struct OfChannel {
    channel: String,
    families: Families,
    series: [[OnceLock<Option<Series>>; STATUSES.len()]; TYPES.len() + 1],
}

struct Series {
    processed: IntCounter,
    validate: Histogram,
    enqueue: OnceLock<Option<Histogram>>,
}

/// An envelope on its way to its answer.
///
/// Differs: Fabric looks at one envelope of a stream at a time, so that its two durations are of the work alone. Here
/// an envelope counts as being validated from its receipt on, with the time that it waits for a guest thread, and as
/// being enqueued until its answer can be given, with the time that it waits for those before it on the stream.
///
/// Source: fabric v2.5.16 `orderer/common/broadcast/broadcast.go` `ProcessMessage`.
pub(crate) struct Processing {
    of: Arc<OfChannel>,
    kind: usize,
    began: Instant,
    admitted: Option<Instant>,
}

impl Broadcasts {
    pub(super) fn new(registry: &Registry) -> Result<Self, prometheus::Error> {
        let families = Families {
            processed: counters(
                registry,
                "broadcast_processed_count",
                "The number of transactions processed.",
                &LABELS,
            )?,
            validate: histograms(
                registry,
                "broadcast_validate_duration",
                "The time to validate a transaction in seconds.",
                &LABELS,
            )?,
            enqueue: histograms(
                registry,
                "broadcast_enqueue_duration",
                "The time to enqueue a transaction in seconds.",
                &LABELS,
            )?,
        };
        let unknown = Arc::new(OfChannel::new(UNKNOWN, &families));
        Ok(Self { families, channels: RwLock::default(), unknown })
    }

    /// The counters of a channel. It must be one that exists.
    pub(crate) fn of(&self, channel: &str) -> Arc<OfChannel> {
        if let Some(of) = self.channels.read().unwrap_or_else(PoisonError::into_inner).get(channel) {
            return Arc::clone(of);
        }
        let mut channels = self.channels.write().unwrap_or_else(PoisonError::into_inner);
        let of = channels.entry(channel.to_owned());
        Arc::clone(of.or_insert_with(|| Arc::new(OfChannel::new(channel, &self.families))))
    }

    /// Those of envelopes that no channel takes.
    pub(crate) const fn of_nobody(&self) -> &Arc<OfChannel> {
        &self.unknown
    }
}

impl OfChannel {
    fn new(channel: &str, families: &Families) -> Self {
        Self { channel: channel.to_owned(), families: families.clone(), series: Default::default() }
    }

    pub(crate) fn channel(&self) -> &str {
        &self.channel
    }

    fn series(&self, kind: usize, status: Status) -> Option<&Series> {
        let place = STATUSES.iter().position(|it| *it == status)?;
        let series = self.series.get(kind)?.get(place)?;
        series.get_or_init(|| self.make(kind, status)).as_ref()
    }

    fn make(&self, kind: usize, status: Status) -> Option<Series> {
        let labels = self.labels(kind, status);
        Some(Series {
            processed: self.families.processed.get_metric_with_label_values(&labels).ok()?,
            validate: self.families.validate.get_metric_with_label_values(&labels).ok()?,
            enqueue: OnceLock::new(),
        })
    }

    fn labels(&self, kind: usize, status: Status) -> [&str; 3] {
        let kind = TYPES.get(kind).map_or(UNKNOWN, HeaderType::as_str_name);
        [&self.channel, kind, status.as_str_name()]
    }

    fn enqueue<'a>(&'a self, series: &'a Series, kind: usize, status: Status) -> Option<&'a Histogram> {
        let labels = self.labels(kind, status);
        let make = || self.families.enqueue.get_metric_with_label_values(&labels).ok();
        series.enqueue.get_or_init(make).as_ref()
    }
}

impl Processing {
    /// An envelope that was received just now. Of headers that cannot be read there is no type.
    ///
    /// Differs: Fabric has the number of a type that it does not know, and of a channel that does not exist the name.
    pub(crate) fn begin(of: Arc<OfChannel>, began: Instant, kind: Option<i32>) -> Self {
        let place = |kind| TYPES.iter().position(|it| i32::from(*it) == kind);
        Self { of, kind: kind.and_then(place).unwrap_or(TYPES.len()), began, admitted: None }
    }

    /// The rules let it pass.
    pub(crate) fn admitted(&mut self) {
        self.admitted = Some(Instant::now());
    }

    /// The channel that it is for, or [`UNKNOWN`].
    pub(crate) fn channel(&self) -> &str {
        self.of.channel()
    }

    /// It is answered.
    pub(crate) fn answered(self, status: Status) {
        let Some(series) = self.of.series(self.kind, status) else { return };
        let now = Instant::now();
        let validated = self.admitted.unwrap_or(now);
        series.validate.observe((validated - self.began).as_secs_f64());
        if let Some(admitted) = self.admitted
            && let Some(enqueue) = self.of.enqueue(series, self.kind, status)
        {
            enqueue.observe((now - admitted).as_secs_f64());
        }
        series.processed.inc();
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn every_type_and_status_that_there_is_has_a_place() {
        for number in -1..1000 {
            if let Ok(kind) = HeaderType::try_from(number) {
                assert!(TYPES.contains(&kind), "{kind:?}");
            }
            if let Ok(status) = Status::try_from(number) {
                assert!(STATUSES.contains(&status), "{status:?}");
            }
        }
    }

    #[test]
    fn only_what_happened_is_there() {
        let registry = Registry::new();
        let broadcasts = Broadcasts::new(&registry).unwrap();
        let names = || {
            let all = registry.gather().into_iter();
            all.map(|family| (family.name().to_owned(), family.get_metric().len())).collect::<Vec<_>>()
        };
        assert_eq!(names(), []);
        let begin = |kind| Processing::begin(broadcasts.of("demo"), Instant::now(), kind);
        begin(Some(3)).answered(Status::Forbidden);
        begin(Some(99)).answered(Status::BadRequest);
        begin(None).answered(Status::BadRequest);
        let of = |name: &str, count| (name.to_owned(), count);
        assert_eq!(names(), [of("broadcast_processed_count", 2), of("broadcast_validate_duration", 2)]);
        let mut taken = begin(Some(3));
        taken.admitted();
        taken.answered(Status::Success);
        assert!(names().contains(&of("broadcast_enqueue_duration", 1)));
        assert!(Arc::ptr_eq(&broadcasts.of("demo"), &broadcasts.of("demo")));
    }
}
