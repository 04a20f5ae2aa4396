//! Looking at every block.

use std::sync::Arc;

use raddle_core::ids::BlockNumber;
use raddle_proto::hash::hex;

use crate::check::Place;
use crate::failure::{Damage, ReadError};
use crate::shared::Shared;

/// How much is read at once.
const CHUNK_BYTES: u64 = 4 << 20;

impl Shared {
    pub fn verify(&self, mut progress: impl FnMut(u64, u64)) -> Result<(), ReadError> {
        let tip = self.tip();
        let damaged = |number, damage| {
            let cause = Arc::new(self.store().damaged(number, damage));
            ReadError::Failed { cause }
        };
        let end = BlockNumber(tip.height());
        let mut place = Place::alone(BlockNumber(0));
        let mut next = BlockNumber(0);
        let mut hash = None;
        while next < end {
            for block in self.read_file(next, end, CHUNK_BYTES)? {
                hash = Some(place.take(&block).map_err(|fault| damaged(next, Damage::Fault(fault)))?);
                next = next.next();
            }
            progress(next.0, end.0);
        }
        let expected = tip.stored.chain.tip_hash;
        if hash != Some(expected) {
            let found = hash.map(|hash| hex(&hash.0)).unwrap_or_default();
            return Err(damaged(tip.stored.chain.tip, Damage::TipHash { found, expected: hex(&expected.0) }));
        }
        Ok(())
    }
}
