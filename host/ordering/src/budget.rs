//! What of a channel may be on its way to a log at once.

use crate::AppendError;

/// What each record counts besides its bytes, so that many small ones are bounded too.
const RECORD_OVERHEAD_BYTES: u64 = 128;

pub(crate) fn size_bytes(record: &[u8]) -> u64 {
    u64::try_from(record.len()).unwrap_or(u64::MAX)
}

/// What a record counts in budgets.
pub(crate) fn cost_bytes(record: &[u8]) -> u64 {
    cost_of(size_bytes(record))
}

/// What a record of so many bytes counts in budgets.
pub(crate) const fn cost_of(size_bytes: u64) -> u64 {
    size_bytes.saturating_add(RECORD_OVERHEAD_BYTES)
}

/// Whether a record may join those that are on their way. One alone always may.
///
/// # Errors
///
/// [`AppendError::Busy`].
pub(crate) const fn check(
    in_flight_bytes: u64,
    cost_bytes: u64,
    limit_bytes: u64,
) -> Result<(), AppendError> {
    if in_flight_bytes > 0 && in_flight_bytes.saturating_add(cost_bytes) > limit_bytes {
        return Err(AppendError::Busy { in_flight_bytes, size_bytes: cost_bytes, limit_bytes });
    }
    Ok(())
}
