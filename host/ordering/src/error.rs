//! What can go wrong between a caller and an ordered log.

use std::error::Error;
use std::fmt;
use std::sync::Arc;

use raddle_core::ids::Offset;

/// Why a log does not work: the engine's own error, shared by everybody who has to hear of it.
#[derive(Clone)]
pub struct Cause(Arc<dyn Error + Send + Sync>);

impl Cause {
    /// Wraps an engine's error.
    pub fn new(error: impl Error + Send + Sync + 'static) -> Self {
        Self(Arc::new(error))
    }

    /// The engine's error, to be downcast by those who know the engine.
    #[must_use]
    pub fn get(&self) -> &(dyn Error + Send + Sync + 'static) {
        &*self.0
    }
}

impl fmt::Debug for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl Error for Cause {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.0.source()
    }
}

/// Why an append has no offset.
///
/// After all but [`AppendError::OutcomeUnknown`] the record is certainly not in the log and never will be.
#[derive(Clone, Debug, thiserror::Error)]
pub enum AppendError {
    /// The record is larger than the log takes.
    #[error(
        "the record has {size_bytes} bytes, the ordered log takes at most {limit_bytes}; with Kafka raise \
         max.message.bytes of the topic, and message.max.bytes and replica.fetch.max.bytes of the brokers, above the \
         channel's AbsoluteMaxBytes"
    )]
    TooLarge {
        /// The record's size.
        size_bytes: u64,
        /// The most that the log takes.
        limit_bytes: u64,
    },

    /// Too much of this channel is on its way already. It clears by itself as records become durable.
    #[error(
        "{in_flight_bytes} bytes of this channel are on their way to the ordered log, {size_bytes} more would pass \
         its budget of {limit_bytes}"
    )]
    Busy {
        /// What is on its way, with a fixed share for each record.
        in_flight_bytes: u64,
        /// What this record would add.
        size_bytes: u64,
        /// The channel's budget.
        limit_bytes: u64,
    },

    /// The log does not work; the record was not written.
    #[error("the ordered log is unavailable: {cause}")]
    Unavailable {
        /// What keeps it from working.
        cause: Cause,
    },

    /// The log is closed, or about to be: this process is ending.
    #[error("the ordered log is closed")]
    Closed,

    /// The log failed while the record was being written: it may be in the log, now or after a restart.
    #[error("whether the record is in the ordered log is unknown: {cause}")]
    OutcomeUnknown {
        /// What happened.
        cause: Cause,
    },
}

impl AppendError {
    /// Whether the record may still turn up in the log.
    #[must_use]
    pub const fn is_outcome_unknown(&self) -> bool {
        matches!(self, Self::OutcomeUnknown { .. })
    }
}

/// Why there is no next record.
#[derive(Clone, Debug, thiserror::Error)]
pub enum ReadError {
    /// The log no longer holds this place: it begins later.
    #[error(
        "the ordered log no longer holds offset {from}, its first is {first}: take the channel's ledger from an \
         orderer that has read on, and set retention.ms=-1 and retention.bytes=-1 on the topic, so that no more go"
    )]
    Gone {
        /// The place that was asked for.
        from: Offset,
        /// The first place that can be read.
        first: Offset,
    },

    /// The log ends before this place: it is not the log in which the place was once seen.
    #[error(
        "the ordered log ends before offset {from}, its next record will have offset {end}: it was made anew or cut \
         off; put it back as it was, another one gives other blocks than the ledger has"
    )]
    Beyond {
        /// The place that was asked for.
        from: Offset,
        /// The place after the last durable record.
        end: Offset,
    },

    /// The log does not work. What was read before stays true.
    #[error("the ordered log is unavailable: {cause}")]
    Unavailable {
        /// What keeps it from working.
        cause: Cause,
    },

    /// The log is closed, or about to be: this process is ending.
    #[error("the ordered log is closed")]
    Closed,
}
