//! Envelopes that were not taken: how many for which reason, and the last of them.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};
use std::time::SystemTime;

use prometheus::{IntCounterVec, Registry};
use raddle_proto::orderer::BroadcastResponse;

use super::counters;
use crate::channels::Code;

/// How many are remembered.
pub const REFUSALS_KEPT: usize = 20;

/// Characters that are kept of what a client was told: modules and clients have their share in it.
const INFO_CHARS_MAX: usize = 300;

/// An envelope that was not taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused {
    /// When.
    pub at: SystemTime,
    /// The channel, if it is one that exists.
    pub channel: String,
    /// Fabric's status.
    pub status: &'static str,
    /// Our code, `RDL-1201`.
    pub code: String,
    /// The beginning of what its client was told.
    pub info: String,
}

/// All of a server.
pub(crate) struct Refusals {
    counted: IntCounterVec,
    last: Mutex<VecDeque<Refused>>,
}

impl Refusals {
    pub(super) fn new(registry: &Registry) -> Result<Self, prometheus::Error> {
        let (name, help) =
            ("raddle_broadcast_refusals", "Envelopes that were not taken, by what keeps them.");
        Ok(Self { counted: counters(registry, name, help, &["channel", "code"])?, last: Mutex::default() })
    }

    /// To be told of the last answer of a stream, which is one of few: counters are looked up.
    pub(crate) fn add(&self, channel: &str, code: Code, answer: &BroadcastResponse) {
        let code = code.to_string();
        self.counted.with_label_values(&[channel, &code]).inc();
        let refused = Refused {
            at: SystemTime::now(),
            channel: channel.to_owned(),
            status: answer.status().as_str_name(),
            code,
            info: answer.info.chars().take(INFO_CHARS_MAX).collect(),
        };
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        last.push_front(refused);
        last.truncate(REFUSALS_KEPT);
    }

    pub(super) fn last(&self) -> Vec<Refused> {
        self.last.lock().unwrap_or_else(PoisonError::into_inner).iter().cloned().collect()
    }
}
