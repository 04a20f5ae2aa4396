//! The demo's blocks: pulled and verified as a peer does it, and why each was cut.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, PoisonError};
use std::time::SystemTime;

use bytes::Bytes;
use raddle_core::chain::Note;
use raddle_core::cutter::CutReason;
use raddle_core::ids::ChannelId;
use raddle_proto::wire::Envelope;

use super::cast::{CHANNEL, Cast};
use crate::cli::{Code, Exit, Failure};
use crate::client::{self, Client, Place, Verifier};
use crate::node::{Committed, Observer};
use crate::replay::BlockCount;

/// Remembers why blocks were cut, which blocks themselves do not tell.
#[derive(Default)]
pub struct Cuts(Mutex<BTreeMap<CutReason, BlockCount>>);

impl Cuts {
    /// Blocks, by why they were cut.
    pub fn counted(&self) -> BTreeMap<CutReason, BlockCount> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Observer for Cuts {
    fn committed(&self, _: &ChannelId, block: &Committed) {
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        counts.entry(block.reason).or_default().add(block.envelopes as u64, block.size_bytes);
    }

    fn noted(&self, _: &ChannelId, _: &Note) {}
}

/// Follows the channel from block 0 until all that was sent has come, each envelope once; answers how many blocks that
/// took, block 0 included. Hashes and signatures are verified on the way.
///
/// # Errors
///
/// A block does not hold, an envelope comes twice, or one was never sent: our bug.
pub async fn follow(orderer: &Client, cast: &Cast, mut sent: BTreeSet<Bytes>) -> Result<u64, Failure> {
    let channel = ChannelId(CHANNEL.into());
    let seek = client::range(Place::Oldest, Place::Number(u64::MAX), true);
    let mut blocks = orderer.deliver(&cast.client.seek(&channel, &seek, SystemTime::now())?);
    let mut verifier = Verifier::from_start(channel);
    while !sent.is_empty() {
        let Some(block) = blocks.next().await? else {
            return Err(bug("the blocks ended before all envelopes had come"));
        };
        let number = verifier.verify(&block)?.number;
        // Block 0 is the channel's config.
        for envelope in block.data.filter(|_| number > 0).into_iter().flat_map(|data| data.data) {
            let envelope = Envelope::unmarshal(envelope).map_err(|error| bug(&error.to_string()))?;
            if !sent.remove(envelope.signature()) {
                return Err(bug("an envelope came twice, or was never sent"));
            }
        }
    }
    Ok(verifier.next_number())
}

fn bug(sentence: &str) -> Failure {
    Failure::new(Code::Bug, Exit::Bug, sentence)
}
