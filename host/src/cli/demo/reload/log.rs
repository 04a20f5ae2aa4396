//! What the ordered log tells of envelopes that were judged twice.

use std::collections::BTreeSet;

use bytes::Bytes;
use raddle_core::ids::{ChannelId, Offset};
use raddle_ordering::OrderedLog;
use raddle_proto::wire::{Class, Envelope, KafkaMessage, Regular};
use tokio_stream::StreamExt as _;

use crate::cli::Failure;
use crate::cli::demo::bug;
use crate::cli::demo::cast::CHANNEL;

/// What was judged again, by the config sequence that judged it.
pub struct Again {
    /// Envelopes that were still good, and ordered once more behind the others.
    pub resubmitted: Vec<u64>,
    /// Envelopes that were not.
    pub refused: Vec<u64>,
    /// The signatures of the latter.
    pub signatures: BTreeSet<Bytes>,
}

/// Reads the log up to the offset `last`. At `refused_at` stand envelopes that were not admitted again.
///
/// # Errors
///
/// The log cannot be read, or has something else at one of these offsets: our bug.
pub async fn read(
    log: &dyn OrderedLog,
    last: Offset,
    refused_at: &[Offset],
    sequences: usize,
) -> Result<Again, Failure> {
    let none = || vec![0; sequences];
    let mut again = Again { resubmitted: none(), refused: none(), signatures: BTreeSet::new() };
    let last = refused_at.iter().copied().fold(last, Offset::max);
    let mut records = log.read(&ChannelId(CHANNEL.into()), Offset(0));
    let mut sequence = 0;
    while let Some(record) = records.next().await {
        let record = record.map_err(|error| bug(&error.to_string()))?;
        let message = KafkaMessage::unmarshal(record.value).map_err(|error| bug(&error.to_string()))?;
        if let KafkaMessage::Regular(regular) = message {
            let Regular { payload, config_sequence, class, original_offset } = regular;
            if class == Class::Config {
                sequence += 1;
            }
            if original_offset > 0 {
                count(&mut again.resubmitted, usize::try_from(config_sequence).unwrap_or(usize::MAX));
            }
            if refused_at.contains(&record.offset) {
                let envelope = Envelope::unmarshal(payload).map_err(|error| bug(&error.to_string()))?;
                again.signatures.insert(envelope.signature().clone());
                count(&mut again.refused, sequence);
            }
        }
        if record.offset >= last {
            return Ok(again);
        }
    }
    Err(bug("the log ended"))
}

fn count(counts: &mut [u64], sequence: usize) {
    if let Some(count) = counts.get_mut(sequence) {
        *count += 1;
    }
}
