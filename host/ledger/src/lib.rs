//! The ledger of one channel: its blocks, and beside them the chain state that the chain goes on from.
//!
//! [`Ledger::commit`] makes blocks durable together with the state behind the last of them. It is called by one thread
//! of the node, and blocks. [`Ledger::block`] gives committed blocks to as many readers as there are, those near the
//! channel's end from memory; no reader holds up a commit. Who waits for blocks is told of them elsewhere.
//!
//! # Why two files
//!
//! Blocks go to a plain file that only grows, and redb keeps where each one is, with the chain state. A commit appends
//! the blocks and syncs them, then writes rows and state in one transaction of redb, which syncs once more. Only what
//! the index names counts: what a crash left behind the last named block is cut off.
//!
//! redb alone, with the blocks as rows in it, was measured first, and misses what was asked for where a channel gets
//! long. At 20 GB, on two shared cores, commits a second of one block each; "file" is an append-only file with as many
//! fdatasyncs, measured in the same run:
//!
//! | | redb, quick repair | redb | a file and redb | asked for |
//! |---|---|---|---|---|
//! | fsyncs a commit | 2 | 1 | 2 | |
//! | blocks of 20 KB | 666, file 3,018: 0.22 | 1,986, file 2,766: 0.72 | 2,215, file 2,614: 0.85 | 0.7 |
//! | blocks of 100 KB | 683, file 2,567: 0.27 | 1,201, file 1,818: 0.66 | 1,396, file 1,401: 1.00 | 0.7 |
//! | blocks of 1 MB | 337, file 516: 0.65 | 753, file 1,138: 0.66 | 144, file 133: 1.08 | 0.7 |
//! | open after kill -9 | 0.01 s, cached | 28 s, not cached | 0.13 s, not cached | 2 s |
//! | bytes on disk per payload byte | 1.005 | 1.005 | 1.001 | 1.3 |
//!
//! Quick repair writes the state of redb's page allocator with every commit, half a megabyte for each 4 GiB of file:
//! 2.7 MB at 20 GB, so 13 MB at 100 GB, whatever the block's size. Without it redb reads the whole file after a crash.
//! (Blocks were cut into rows that fill redb's pages: without that, 1 MiB takes 2 MiB.)
//!
//! These are figures of the layouts alone; those of the ledger, which also hashes what it is given, stand in
//! `tests/bench/RESULTS.md`. Its index of 20 GB in blocks of 20 KB has 20 MB.
//!
//! It also means that bytes which clients choose never pass through redb, whose checksum of the last commit, the only
//! thing between a crash and half a transaction, is not a cryptographic one.
//!
//! # What a crash leaves
//!
//! All blocks of a commit and the state behind them, or none. What was reported committed is there.
//!
//! After a failed write or sync the ledger takes nothing more until it is opened again: what the disk holds can no
//! longer be told from what the kernel would like it to hold. What was committed before can still be read.
//!
//! # The files
//!
//! A ledger is a folder with two files. Integers are little-endian.
//!
//! `blocks`:
//!
//! | bytes | what |
//! |---|---|
//! | 0–11 | `raddleblocks` (ASCII) |
//! | 12–15 | the number of this format, 1 |
//! | 16–31 | the ledger's id, random, drawn when it was made |
//! | 32– | block 0, block 1, …, with nothing in between |
//!
//! Each block:
//!
//! | bytes | what |
//! |---|---|
//! | 0–3 | n, the block's size |
//! | 4–11 | XXH3, 64 bits with seed 0, of the block |
//! | 12–(n + 11) | the block, a marshalled `common.Block`, as it was given |
//!
//! `index.redb` is a redb database (file format 3 of redb, described in its `docs/design.md`) with two tables:
//!
//! | table | key | value |
//! |---|---|---|
//! | `raddle.ledger.meta` | `id` (UTF-8) | 16 bytes: the id that stands in `blocks` |
//! | `raddle.ledger.meta` | `channel` (UTF-8) | the channel's id, UTF-8 |
//! | `raddle.ledger.meta` | `state` (UTF-8) | the chain state, see below |
//! | `raddle.ledger.meta` | `anchor` (UTF-8) | the place in the ordered log, see below; missing where none is known |
//! | `raddle.ledger.blocks` | 8 bytes: number | 8 bytes: where the block's size stands in `blocks`; 4 bytes: n |
//!
//! Numbers have no gaps and begin at 0. The chain state ([`ChainState`]):
//!
//! | bytes | what |
//! |---|---|
//! | 0–7 | number of the last block |
//! | 8–39 | hash of its header |
//! | 40–47 | number of the last config block |
//! | 48–55 | last offset persisted, signed |
//! | 56–63 | last original offset processed, signed |
//! | 64–71 | offset of the config record resubmitted last, signed |
//! | 72 | 1 if the next record caused the last cut and is in no block yet, else 0 |
//!
//! The place in the ordered log ([`LogAnchor`]):
//!
//! | bytes | what |
//! |---|---|
//! | 0–7 | offset, signed |
//! | 8–39 | hash of the record there |
//! | 40–43 | k, the size of the log's kind |
//! | 44–(k + 43) | the log's kind, UTF-8 |
//! | (k + 44)– | the log's id, UTF-8 |
//!
//! A reader of format 1 refuses every other number; whatever changes the meaning of a byte gets a new one. The first 16
//! bytes of `blocks` mean the same in every format.

mod blocks;
mod check;
mod failure;
mod format;
mod held;
mod open;
mod settings;
mod shared;
mod store;
mod tail;
#[cfg(test)]
mod tests;
mod verify;

use std::fmt;
use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use raddle_core::chain::ChainState;
use raddle_core::ids::{BlockNumber, ChannelId, Offset};

use shared::Shared;
use store::Files;

pub use check::{BlockFault, MAX_BLOCK_BYTES};
pub use failure::{CommitError, Damage, Failure, ReadError};
pub use format::FORMAT;
pub use open::{Foreign, OpenError};
pub use settings::Settings;

/// The ledger of one channel.
///
/// Clones share it. When the last clone goes, or when [`Ledger::close`] is called, the files are closed, and only what
/// is in memory can still be read; both wait for a commit that is being written.
#[derive(Clone)]
pub struct Ledger(Arc<Shared>);

/// A block to be committed, with what moved with it.
#[derive(Clone)]
pub struct NewBlock {
    /// A marshalled `common.Block`.
    pub block: Bytes,
    /// The chain behind it.
    pub state: ChainState,
    /// How far the ordered log was read for it.
    pub anchor: Option<LogAnchor>,
}

/// A place in an ordered log, and how to know that log again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogAnchor {
    /// What kind of log it is.
    pub log_kind: String,
    /// Which of them.
    pub log_id: String,
    /// The last offset that was read.
    pub offset: Offset,
    /// Hash of the record there.
    pub record_hash: [u8; 32],
}

/// What is stored behind the last block.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stored {
    /// What the chain goes on from.
    pub chain: ChainState,
    /// Where the ordered log was read to; none before the first block that was cut from it.
    pub anchor: Option<LogAnchor>,
}

// === impl Ledger ===

impl Ledger {
    /// Opens an existing ledger and looks at its end. Blocks; after a crash the index is repaired first.
    ///
    /// # Errors
    ///
    /// Anything else than a whole ledger of this format and channel that nobody else has open. Its files are not
    /// changed then, not by a byte.
    pub fn open(path: &Path, channel: &ChannelId, settings: &Settings) -> Result<Self, OpenError> {
        let files = open::files(path, channel)?;
        Self::start(path, channel, files, settings)
    }

    /// Takes away what crashes have left of ledgers that were being made in a folder. What somebody makes there now
    /// stays. Blocks.
    ///
    /// # Errors
    ///
    /// The folder cannot be read, or something in it not be taken away.
    pub fn clear_unfinished(folder: &Path) -> std::io::Result<()> {
        open::clear_unfinished(folder)
    }

    /// Makes a new ledger, a folder that holds block 0 with the state that belongs to it, and opens it. Blocks. A crash
    /// meanwhile leaves nothing of that name.
    ///
    /// # Errors
    ///
    /// Something of that name exists, the folder it goes to cannot be written, or `genesis` is not a marshalled
    /// `common.Block` with number 0 whose data match its header.
    pub fn create(
        path: &Path,
        channel: &ChannelId,
        genesis: &Bytes,
        settings: &Settings,
    ) -> Result<Self, OpenError> {
        open::create(path, channel, genesis, settings)?;
        Self::open(path, channel, settings)
    }

    fn start(path: &Path, channel: &ChannelId, files: Files, settings: &Settings) -> Result<Self, OpenError> {
        let opened = open::open(path, channel, files, settings)?;
        Ok(Self(Arc::new(Shared::new(opened, settings))))
    }

    /// Whose ledger it is.
    #[must_use]
    pub fn channel(&self) -> &ChannelId {
        self.0.channel()
    }

    /// The number of committed blocks.
    #[must_use]
    pub fn height(&self) -> u64 {
        self.0.tip().height()
    }

    /// What is stored behind the last committed block.
    #[must_use]
    pub fn state(&self) -> Arc<Stored> {
        self.0.tip().stored
    }

    /// Makes consecutive blocks on top of the last one durable, with the state and the place in the ordered log that
    /// came with the last of them. When it returns, all of them are on the disk and readers see them; in a crash
    /// before that, all or none are there. Blocks; a second caller waits.
    ///
    /// No blocks at all is no error and does nothing.
    ///
    /// # Errors
    ///
    /// See [`CommitError`]: one of them leaves the outcome open and ends the ledger, the others commit nothing.
    pub fn commit(&self, blocks: &[NewBlock]) -> Result<(), CommitError> {
        self.0.commit(blocks)
    }

    /// A committed block, marshalled, as it was given; none where the channel does not reach. Blocks.
    ///
    /// # Errors
    ///
    /// It cannot be read, or the ledger is closed.
    pub fn block(&self, number: BlockNumber) -> Result<Option<Bytes>, ReadError> {
        if number.0 >= self.height() {
            return Ok(None);
        }
        match self.0.recent(number) {
            Some(block) => Ok(Some(block)),
            None => self.0.read_file(number, number.next(), 0).map(|blocks| blocks.into_iter().next()),
        }
    }

    /// A committed block that is in memory, as those near the channel's end are. Does not block.
    #[must_use]
    pub fn recent(&self, number: BlockNumber) -> Option<Bytes> {
        // Memory has blocks a moment before they count.
        (number.0 < self.height()).then(|| self.0.recent(number)).flatten()
    }

    /// Reads every block and compares all that depends on another: numbers, previous hashes, data hashes, checksums,
    /// places, and the chain state at the end. Blocks that come meanwhile are left out. Calls `progress` with the
    /// number of blocks that are checked and of those that will be. Blocks.
    ///
    /// # Errors
    ///
    /// The first block that is wrong or cannot be read.
    pub fn verify(&self, progress: impl FnMut(u64, u64)) -> Result<(), ReadError> {
        self.0.verify(progress)
    }

    /// Closes the files. Waits for a commit that is being written.
    pub fn close(&self) {
        self.0.close();
    }
}

impl fmt::Debug for Ledger {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ledger")
            .field("channel", self.channel())
            .field("height", &self.height())
            .finish_non_exhaustive()
    }
}

// === impl NewBlock ===

/// Shows how long the block is, not the block: it is made of clients' bytes, and long.
impl fmt::Debug for NewBlock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NewBlock")
            .field("block_bytes", &self.block.len())
            .field("state", &self.state)
            .field("anchor", &self.anchor)
            .finish()
    }
}
