//! What can be set about a local log.

use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use crate::TimestampMs;

use super::OpenError;

/// Most that [`Settings::max_record_bytes`] can be: 1 GiB. redb holds no value above 3 GiB.
pub const MAX_RECORD_BYTES_CEILING: u64 = 1 << 30;

/// Tells the time. It may go back; the log's timestamps do not.
pub type Clock = Arc<dyn Fn() -> TimestampMs + Send + Sync>;

/// The clock of this machine.
#[must_use]
pub fn system_clock() -> Clock {
    Arc::new(|| {
        let ms = |it: std::time::Duration| i64::try_from(it.as_millis()).unwrap_or(i64::MAX);
        TimestampMs(match SystemTime::now().duration_since(UNIX_EPOCH) {
            Ok(since) => ms(since),
            Err(before) => ms(before.duration()).saturating_neg(),
        })
    })
}

/// What can be set about a local log. None of it changes the file's format.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The largest record that is taken, 1 byte to 1 GiB. Larger ones that are in the file can be read all the same.
    pub max_record_bytes: u64,
    /// The budget of each channel for records that are not durable yet; each counts 128 bytes more than it has. A
    /// channel that has nothing on its way may always append one record.
    pub max_in_flight_bytes: u64,
    /// How much of each channel's end is kept in memory for its readers, counted the same way.
    pub tail_bytes: u64,
    /// redb's cache, for all channels together.
    pub cache_bytes: usize,
    /// Whether the file opens within milliseconds after a crash, for a second sync in each commit; about half the
    /// appends a second. Otherwise such an opening reads the whole file once, and redb tells by a checksum, which is
    /// not a cryptographic one, whether the last commit is whole.
    pub quick_repair: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            max_record_bytes: 100 << 20,
            max_in_flight_bytes: 64 << 20,
            tail_bytes: 4 << 20,
            cache_bytes: 64 << 20,
            quick_repair: false,
        }
    }
}

impl Settings {
    pub(super) fn check(&self) -> Result<(), OpenError> {
        let (found, max) = (self.max_record_bytes, MAX_RECORD_BYTES_CEILING);
        if (1..=max).contains(&found) {
            return Ok(());
        }
        Err(OpenError::Setting { name: "max_record_bytes", found, min: 1, max })
    }
}
