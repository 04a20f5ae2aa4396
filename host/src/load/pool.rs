//! Envelopes that are signed before anything is measured.

use std::num::NonZero;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::SystemTime;

use bytes::Bytes;
use prost::Message as _;
use raddle_core::ids::ChannelId;
use raddle_proto::common::{self, HeaderType};

use crate::client::{MESSAGE_BYTES_MAX, message};
use crate::identity::{Signer, SignerError};

/// Most bytes that a pool's envelopes have together.
const POOL_BYTES_MAX: u64 = 256 << 20;

/// Signed envelopes, which are sent in turn, and again from the first on when all were sent. Never empty.
pub struct Pool {
    envelopes: Vec<common::Envelope>,
    /// Of the first, as it is sent.
    bytes: usize,
}

/// How much an envelope is to carry so that it has a size.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PlannedSize {
    /// Bytes of its data.
    pub data_bytes: usize,
    /// Bytes of all of it, but for a few by which signatures differ.
    pub envelope_bytes: usize,
}

/// Why no pool can be made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PoolError {
    /// Headers, certificate and signature take more.
    #[error("{size} bytes are too few for an envelope of this identity: without any data it has {least}")]
    TooSmall {
        /// What was asked for.
        size: usize,
        /// The least.
        least: usize,
    },
    /// No orderer reads one as long.
    #[error("{size} bytes are more than the {MESSAGE_BYTES_MAX} that an orderer reads in one piece")]
    TooLarge {
        /// What was asked for.
        size: usize,
    },
    /// Nothing can be signed.
    #[error(transparent)]
    Signer(#[from] SignerError),
    /// Nobody signs.
    #[error("no identity is named to sign with")]
    NoSigner,
}

// === impl Pool ===

impl Pool {
    /// A pool of envelopes that were signed elsewhere.
    ///
    /// # Errors
    ///
    /// [`PoolError::NoSigner`] if there are none.
    pub fn of(envelopes: Vec<common::Envelope>) -> Result<Self, PoolError> {
        let bytes = envelopes.first().ok_or(PoolError::NoSigner)?.encoded_len();
        Ok(Self { envelopes, bytes })
    }

    /// Signs up to `count` envelopes of about `size` bytes, the identities in turn, on all processors; fewer where they
    /// would have more than 256 MiB together, and at least one. `signed` counts along.
    ///
    /// # Errors
    ///
    /// [`PoolError`].
    pub fn sign(
        signers: &[Signer],
        channel: &ChannelId,
        size: usize,
        count: u64,
        signed: &AtomicU64,
    ) -> Result<Self, PoolError> {
        let first = signers.first().ok_or(PoolError::NoSigner)?;
        let planned = PlannedSize::of(first, channel, size)?;
        let count = Self::room(count, planned.envelope_bytes);
        let data = Bytes::from(vec![b'x'; planned.data_bytes]);
        let threads = thread::available_parallelism().map_or(1, NonZero::get).min(count.max(1));
        let sign = |thread: usize| -> Result<Vec<common::Envelope>, SignerError> {
            let mut envelopes = Vec::new();
            for number in thread * count / threads..(thread + 1) * count / threads {
                let signer = signers.get(number % signers.len()).unwrap_or(first);
                envelopes.push(envelope(signer, channel, &data)?);
                signed.fetch_add(1, Ordering::Relaxed);
            }
            Ok(envelopes)
        };
        let parts = thread::scope(|scope| {
            let sign = &sign;
            let threads: Vec<_> = (0..threads).map(|thread| scope.spawn(move || sign(thread))).collect();
            threads
                .into_iter()
                .map(|thread| thread.join().unwrap_or(Err(SignerError::Library)))
                .collect::<Vec<_>>()
        });
        let mut envelopes = Vec::with_capacity(count);
        for part in parts {
            envelopes.extend(part?);
        }
        Self::of(envelopes)
    }

    /// How many of `count` envelopes of this size a pool holds.
    #[must_use]
    pub fn room(count: u64, envelope_bytes: usize) -> usize {
        let most = (POOL_BYTES_MAX / (envelope_bytes as u64).max(1)).max(1);
        usize::try_from(count.clamp(1, most)).unwrap_or(usize::MAX)
    }

    /// The envelope that is sent as this one of all, and its place in the pool.
    pub(super) fn get(&self, number: u64) -> (usize, Option<&common::Envelope>) {
        let place = (number % self.envelopes.len() as u64) as usize;
        (place, self.envelopes.get(place))
    }

    /// How many different envelopes there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.envelopes.len()
    }

    /// Whether there are none, which never is.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.envelopes.is_empty()
    }

    /// Bytes of an envelope as it is sent.
    #[must_use]
    pub const fn envelope_bytes(&self) -> usize {
        self.bytes
    }

    /// Signatures, which are never twice the same, in the order of the envelopes.
    pub fn signatures(&self) -> impl Iterator<Item = &Bytes> {
        self.envelopes.iter().map(|envelope| &envelope.signature)
    }
}

// === impl PlannedSize ===

impl PlannedSize {
    /// What an envelope of this identity carries when it has so many bytes in all.
    ///
    /// # Errors
    ///
    /// [`PoolError::TooSmall`], [`PoolError::TooLarge`], or nothing can be signed.
    pub fn of(signer: &Signer, channel: &ChannelId, size: usize) -> Result<Self, PoolError> {
        if size > MESSAGE_BYTES_MAX {
            return Err(PoolError::TooLarge { size });
        }
        let least = envelope(signer, channel, &Bytes::new())?.encoded_len();
        // Lengths are written before what they measure, in more bytes the longer it is.
        let data_bytes = size.checked_sub(least).ok_or(PoolError::TooSmall { size, least })?;
        let around = envelope(signer, channel, &Bytes::from(vec![0; data_bytes]))?.encoded_len() - data_bytes;
        Ok(Self { data_bytes: size.saturating_sub(around), envelope_bytes: size })
    }
}

fn envelope(signer: &Signer, channel: &ChannelId, data: &Bytes) -> Result<common::Envelope, SignerError> {
    let envelope = signer.envelope(channel, HeaderType::Message, data.clone(), SystemTime::now())?;
    Ok(message(&envelope))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pool_has_an_end() {
        assert_eq!(Pool::room(1_000, 2_048), 1_000);
        assert_eq!(Pool::room(u64::MAX, 2_048), 131_072);
        assert_eq!(Pool::room(5, 100 << 20), 2);
        assert_eq!((Pool::room(5, 1 << 40), Pool::room(0, 0)), (1, 1));
    }
}
