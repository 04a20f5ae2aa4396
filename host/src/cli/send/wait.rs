//! Following the channel until what was sent is in blocks.

use std::collections::HashMap;
use std::time::Duration;

use raddle_core::duration;
use raddle_proto::hash::Sha256Hash;
use tokio::time::timeout;

use super::sent::{Sent, hash_of};
use crate::cli::connection::Connection;
use crate::cli::output::count;
use crate::cli::progress::Slow;
use crate::cli::{Code, Exit, Failure};
use crate::client::{Deliveries, Place};

/// Where an envelope stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
pub struct BlockPlace {
    /// The block's number.
    pub block: u64,
    /// The place in the block, from 0.
    pub index: usize,
}

/// Follows a channel from before anything is sent.
pub struct Waiting {
    blocks: Deliveries,
    wait_max: Duration,
}

impl Waiting {
    /// Begins at the newest block, whose arrival shows that the orderer follows: whatever is sent from then on comes in
    /// a block after it.
    ///
    /// # Errors
    ///
    /// The orderer does not let us read the channel, or does not answer.
    pub async fn begin(connection: &Connection, wait_max: Duration) -> Result<Self, Failure> {
        let mut blocks = connection.deliver(Place::Newest, Place::Number(u64::MAX), true)?;
        match blocks.next().await? {
            Some(_) => Ok(Self { blocks, wait_max }),
            None => Err(ended()),
        }
    }

    /// Finds the first `taken` of what was sent. Those behind are looked for as they come: one that was not answered
    /// may be in a block. Answers the places that were found, and why not all were.
    pub async fn find(mut self, sent: &[Sent], taken: usize) -> (Vec<Option<BlockPlace>>, Option<Failure>) {
        let mut places = vec![None; sent.len()];
        let mut wanted: HashMap<Sha256Hash, usize> =
            sent.iter().enumerate().map(|(place, sent)| (sent.hash, place)).collect();
        let mut left = taken;
        let wait_max = self.wait_max;
        let _slow = Slow::new("waiting for the blocks");
        let search = async {
            while left > 0 {
                let Some(block) = self.blocks.next_whenever().await? else { return Err(ended()) };
                let number = block.header.map(|header| header.number).unwrap_or_default();
                for (index, envelope) in block.data.unwrap_or_default().data.iter().enumerate() {
                    let Some(place) = wanted.remove(&hash_of(envelope)) else { continue };
                    if let Some(found) = places.get_mut(place) {
                        *found = Some(BlockPlace { block: number, index });
                    }
                    left = left.saturating_sub(usize::from(place < taken));
                }
            }
            Ok::<(), Failure>(())
        };
        let failure = match timeout(wait_max, search).await {
            Ok(Ok(())) => None,
            Ok(Err(failure)) => Some(failure),
            Err(_) => Some(not_found(left, wait_max)),
        };
        (places, failure)
    }
}

fn ended() -> Failure {
    let sentence = "the orderer ended the stream of blocks that was to go on";
    Failure::new(Code::BrokenOff, Exit::Unreachable, sentence)
}

fn not_found(left: usize, wait_max: Duration) -> Failure {
    let left = count(left as u64, "envelope is", "envelopes are");
    let sentence = format!("{left} taken, but in no block after {}", duration::text(wait_max));
    Failure::new(Code::NotInABlock, Exit::Failed, sentence)
}
