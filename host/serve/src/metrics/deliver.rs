//! What is asked of Deliver, and what is sent.
//!
//! Source: fabric v2.5.16 `common/deliver/{metrics,deliver}.go`.

use prometheus::{IntCounter, IntCounterVec, Registry};

use super::{counter, counters};

/// Blocks are delivered whole and as blocks: filtered ones are a peer's, and so is private data.
const FILTERED: &str = "false";
const DATA_TYPE: &str = "block";

/// The counters of all streams.
pub(crate) struct Delivers {
    opened: IntCounter,
    closed: IntCounter,
    received: IntCounterVec,
    completed: IntCounterVec,
    sent: IntCounterVec,
}

/// A stream that is open. It is closed when this is dropped.
pub(crate) struct OpenStream(IntCounter);

/// A request for blocks that is being served. It is completed when this is dropped, and in vain unless it was said to
/// have succeeded.
pub(crate) struct OpenRequest {
    sent: IntCounter,
    succeeded: IntCounter,
    failed: IntCounter,
    has_succeeded: bool,
}

impl Delivers {
    pub(super) fn new(registry: &Registry) -> Result<Self, prometheus::Error> {
        let labels = ["channel", "filtered", "data_type"];
        let of = |what: &str, verb: &str| format!("The number of {what} that have been {verb}.");
        let streams = |verb: &str| of("GRPC streams", verb).replace('.', " for the deliver service.");
        Ok(Self {
            opened: counter(registry, "deliver_streams_opened", &streams("opened"))?,
            closed: counter(registry, "deliver_streams_closed", &streams("closed"))?,
            received: counters(
                registry,
                "deliver_requests_received",
                &of("deliver requests", "received"),
                &labels,
            )?,
            completed: counters(
                registry,
                "deliver_requests_completed",
                &of("deliver requests", "completed"),
                &["channel", "filtered", "data_type", "success"],
            )?,
            sent: counters(
                registry,
                "deliver_blocks_sent",
                "The number of blocks sent by the deliver service.",
                &labels,
            )?,
        })
    }

    pub(crate) fn open(&self) -> OpenStream {
        self.opened.inc();
        OpenStream(self.closed.clone())
    }

    /// A request to read a channel, which must be one that exists.
    pub(crate) fn request(&self, channel: &str) -> OpenRequest {
        let labels = [channel, FILTERED, DATA_TYPE];
        self.received.with_label_values(&labels).inc();
        let completed = |success| self.completed.with_label_values(&[channel, FILTERED, DATA_TYPE, success]);
        OpenRequest {
            sent: self.sent.with_label_values(&labels),
            succeeded: completed("true"),
            failed: completed("false"),
            has_succeeded: false,
        }
    }
}

impl Drop for OpenStream {
    fn drop(&mut self) {
        self.0.inc();
    }
}

impl OpenRequest {
    pub(crate) fn sent(&self) {
        self.sent.inc();
    }

    pub(crate) fn succeeded(mut self) {
        self.has_succeeded = true;
    }
}

impl Drop for OpenRequest {
    fn drop(&mut self) {
        if self.has_succeeded { self.succeeded.inc() } else { self.failed.inc() }
    }
}
