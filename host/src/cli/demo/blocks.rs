//! The demo's blocks: pulled and verified as a peer does it, and what of them only the orderer tells.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, PoisonError};
use std::time::SystemTime;

use bytes::Bytes;
use raddle_core::chain::Note;
use raddle_core::cutter::CutReason;
use raddle_core::ids::{ChannelId, Offset};
use raddle_proto::common;
use raddle_proto::wire::Envelope;
use tokio::sync::watch;

use super::bug;
use super::cast::{CHANNEL, Cast};
use crate::cli::Failure;
use crate::client::{self, Client, Deliveries, Place, Verifier};
use crate::node::{Committed, Observer};
use crate::replay::BlockCount;

/// Remembers what blocks do not tell: why they were cut, and which envelopes are in none of them.
#[derive(Default)]
pub struct Witness {
    cuts: Mutex<BTreeMap<CutReason, BlockCount>>,
    refused_again: watch::Sender<Vec<Offset>>,
}

impl Witness {
    /// Blocks, by why they were cut.
    pub fn cuts(&self) -> BTreeMap<CutReason, BlockCount> {
        self.cuts.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Where envelopes stand in the log that a newer config does not let into a block, to look at or to wait for.
    pub fn refused_again(&self) -> watch::Receiver<Vec<Offset>> {
        self.refused_again.subscribe()
    }
}

impl Observer for Witness {
    fn committed(&self, _: &ChannelId, block: &Committed) {
        let mut counts = self.cuts.lock().unwrap_or_else(PoisonError::into_inner);
        counts.entry(block.reason).or_default().add(block.envelopes as u64, block.size_bytes);
    }

    fn noted(&self, _: &ChannelId, note: &Note) {
        if let Note::RefusedAgain { offset, .. } = note {
            self.refused_again.send_modify(|offsets| offsets.push(*offset));
        }
    }
}

/// Follows the channel from block 0 on. Hashes and signatures are verified on the way.
pub struct Follower {
    blocks: Deliveries,
    verifier: Verifier,
}

impl Follower {
    /// Asks for all blocks, those to come included.
    ///
    /// # Errors
    ///
    /// The cryptographic library fails.
    pub fn start(orderer: &Client, cast: &Cast) -> Result<Self, Failure> {
        let channel = ChannelId(CHANNEL.into());
        let seek = client::range(Place::Oldest, Place::Number(u64::MAX), true);
        let blocks = orderer.deliver(&cast.client.seek(&channel, &seek, SystemTime::now())?);
        Ok(Self { blocks, verifier: Verifier::from_start(channel) })
    }

    /// The next block. Nothing is lost if this is given up.
    ///
    /// # Errors
    ///
    /// The block does not hold, or none comes: our bug.
    pub async fn next(&mut self) -> Result<common::Block, Failure> {
        let block = self.blocks.next().await?.ok_or_else(|| bug("the blocks ended"))?;
        self.verifier.verify(&block)?;
        Ok(block)
    }

    /// Follows until all that was sent has come, each envelope once; answers how many blocks there are then.
    ///
    /// # Errors
    ///
    /// A block does not hold, an envelope comes twice, or one was never sent: our bug.
    pub async fn until_all(&mut self, mut sent: BTreeSet<Bytes>) -> Result<u64, Failure> {
        while !sent.is_empty() {
            let block = self.next().await?;
            // Block 0 is the channel's config.
            let is_first = self.verifier.next_number() == 1;
            for envelope in envelopes(&block)?.into_iter().filter(|_| !is_first) {
                if !sent.remove(envelope.signature()) {
                    return Err(bug("an envelope came twice, or was never sent"));
                }
            }
        }
        Ok(self.verifier.next_number())
    }
}

/// What a block holds.
///
/// # Errors
///
/// It holds something that is no envelope: our bug.
pub fn envelopes(block: &common::Block) -> Result<Vec<Envelope>, Failure> {
    let data = block.data.iter().flat_map(|data| &data.data);
    data.map(|bytes| Envelope::unmarshal(bytes.clone()).map_err(|error| bug(&error.to_string()))).collect()
}
