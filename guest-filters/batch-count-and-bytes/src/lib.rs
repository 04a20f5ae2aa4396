//! The standard rule: cut at a number of envelopes, or before a number of bytes.
//!
//! Source: fabric v2.5.16 `orderer/common/blockcutter/blockcutter.go` `Ordered`. It takes no settings: both numbers are
//! the channel's `BatchSize`.

use raddle_guest::{BatchPolicy, Channel, EnvelopeInfo, Pending, Settings, export_batch_policy};

struct CountAndBytes {
    max_message_count: u32,
    preferred_max_bytes: u64,
}

impl BatchPolicy for CountAndBytes {
    fn new(settings: &Settings, channel: &Channel) -> Result<Self, String> {
        settings.only(&[])?;
        let limits = channel.batch_size();
        Ok(Self {
            max_message_count: limits.max_message_count,
            preferred_max_bytes: u64::from(limits.preferred_max_bytes),
        })
    }

    fn fits(&mut self, envelope: &EnvelopeInfo, pending: Pending) -> bool {
        pending.size_bytes.saturating_add(envelope.size_bytes) <= self.preferred_max_bytes
    }

    fn add(&mut self, envelope: &EnvelopeInfo, pending: Pending) -> bool {
        // An envelope beyond the preferred size has come alone, and goes alone.
        envelope.size_bytes > self.preferred_max_bytes
            || pending.count.saturating_add(1) >= self.max_message_count
    }
}

export_batch_policy!(CountAndBytes);
