//! Verifies the blocks that come, and writes those that are right.

use std::path::{Path, PathBuf};

use bytes::Bytes;
use prost::Message as _;
use raddle_core::block::{BlockHash, Offsets};
use raddle_core::chain::ChainState;
use raddle_core::ids::{BlockNumber, Offset};
use raddle_ledger::{Ledger, NewBlock};
use raddle_proto::common;
use raddle_proto::hash::{Sha256Hash, hex};
use raddle_proto::orderer::KafkaMetadata;
use tokio::sync::{mpsc, watch};

use super::{JoinBlock, PullError, SourceFault, hidden};
use crate::client::{BlockFault, Config, Verifier, block_hash, offsets};
use crate::node::Ledgers;

/// Blocks that may wait for the writer. Each has at most the bytes that a message may have.
const QUEUE: usize = 4;

/// Bytes of blocks that go into one transaction, a lone block apart.
const TRANSACTION_BYTES_MAX: usize = 16 << 20;

/// A way to the writer.
pub(super) fn queue() -> (mpsc::Sender<common::Block>, mpsc::Receiver<common::Block>) {
    mpsc::channel(QUEUE)
}

/// The ledger that is being pulled.
pub(super) struct Writer {
    ledgers: Ledgers,
    joined: JoinBlock,
    path: PathBuf,
    /// None before block 0.
    ledger: Option<Ledger>,
    verifier: Verifier,
    written: watch::Sender<u64>,
}

impl Writer {
    /// Begins, or goes on where an earlier pull was interrupted.
    pub(super) fn open(
        ledgers: Ledgers,
        joined: JoinBlock,
        written: watch::Sender<u64>,
    ) -> Result<Self, PullError> {
        let path = ledgers.joining_path(joined.channel());
        let verifier = Verifier::from_start(joined.channel().clone());
        let mut writer = Self { ledgers, joined, path, ledger: None, verifier, written };
        if writer.path.exists() {
            let ledger = writer.ledgers.open_at(&writer.path, writer.joined.channel())?;
            writer.go_on(ledger)?;
        }
        writer.tell();
        Ok(writer)
    }

    fn go_on(&mut self, ledger: Ledger) -> Result<(), PullError> {
        let bad = |what: &dyn ToString| PullError::Kept { path: self.path.clone(), what: what.to_string() };
        let read = |number: BlockNumber| {
            let bytes = ledger.block(number)?.ok_or_else(|| bad(&format!("block {number} is missing")))?;
            let block = common::Block::decode(bytes).map_err(|error| bad(&error))?;
            let header = block.header.clone().ok_or_else(|| bad(&format!("block {number} has no header")))?;
            Ok::<_, PullError>((header, block))
        };
        let state = ledger.state().chain;
        let (tip, _) = read(state.tip)?;
        let number = self.joined.number;
        if number <= state.tip {
            let kept = block_hash(&read(number)?.0);
            if kept != self.joined.hash {
                let (path, kept, given) = (self.path.clone(), hex(&kept), hex(&self.joined.hash));
                return Err(PullError::OtherJoin { path, number, kept, given });
            }
        }
        let (_, config) = read(state.last_config)?;
        let channel = self.joined.channel();
        let config = Config::read(channel, &config).map_err(|fault| bad(&fault))?;
        self.verifier = Verifier::after(channel.clone(), &tip, config);
        self.ledger = Some(ledger);
        Ok(())
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// The number of blocks that are there.
    pub(super) fn height(&self) -> u64 {
        self.verifier.next_number()
    }

    fn tell(&self) {
        self.written.send_replace(self.ledger.as_ref().map_or(0, Ledger::height));
    }

    /// The last block that is there.
    pub(super) fn tip(&self) -> Option<(BlockNumber, Sha256Hash)> {
        let state = self.ledger.as_ref()?.state().chain;
        Some((state.tip, state.tip_hash.0))
    }

    /// Whether the given block is there, so that all before it is the channel's.
    pub(super) fn has_joined(&self) -> bool {
        self.height() > self.joined.number.0
    }

    /// Where the last block was cut.
    pub(super) fn offsets(&self) -> Option<KafkaMetadata> {
        let (number, _) = self.tip()?;
        let block = self.ledger.as_ref()?.block(number).ok()??;
        offsets(&common::Block::decode(block).ok()?)
    }

    /// Writes what comes until there is no more. Blocks.
    ///
    /// # Errors
    ///
    /// Inside: what is wrong with the first wrong block; all before it are written. Outside: what is wrong here.
    pub(super) fn write(
        &mut self,
        mut blocks: mpsc::Receiver<common::Block>,
    ) -> Result<Result<(), SourceFault>, PullError> {
        while let Some(first) = blocks.blocking_recv() {
            let (mut group, mut bytes) = (Vec::new(), 0_usize);
            let mut next = Some(first);
            let mut fault = None;
            while let Some(block) = next.take() {
                match self.check(&block) {
                    Ok(new) => {
                        bytes = bytes.saturating_add(new.block.len());
                        group.push(new);
                    }
                    Err(found) => fault = Some(found),
                }
                if fault.is_none() && bytes < TRANSACTION_BYTES_MAX {
                    next = blocks.try_recv().ok();
                }
            }
            self.commit(group)?;
            if let Some(fault) = fault {
                return self.meet(fault).map(Err);
            }
        }
        Ok(Ok(()))
    }

    /// The block, if it is the next one of the channel.
    fn check(&mut self, block: &common::Block) -> Result<NewBlock, SourceFault> {
        let header = block.header.clone().unwrap_or_default();
        let (number, hash) = (BlockNumber(header.number), block_hash(&header));
        if number == self.joined.number && hash != self.joined.hash {
            let (expected, found) = (hex(&self.joined.hash), hex(&hash));
            return Err(SourceFault::OtherBlock { number, expected, found });
        }
        self.verifier.verify(block)?;
        let last_config = self.verifier.config().map_or(0, Config::number);
        let state = ChainState {
            tip: number,
            tip_hash: BlockHash(hash),
            last_config: BlockNumber(last_config),
            offsets: offsets(block).map_or(Offsets::START, read_offsets),
            is_cut_by_next_record: false,
        };
        Ok(NewBlock { block: block.encode_to_vec().into(), state, anchor: None })
    }

    fn commit(&mut self, mut group: Vec<NewBlock>) -> Result<(), PullError> {
        if self.ledger.is_none() && !group.is_empty() {
            let genesis: Bytes = group.remove(0).block;
            self.ledger = Some(self.ledgers.create_at(&self.path, self.joined.channel(), &genesis)?);
        }
        if let Some(ledger) = &self.ledger {
            ledger.commit(&group)?;
        }
        self.tell();
        Ok(())
    }

    /// If the given block itself does not fit, then what was taken before it is wrong.
    fn meet(&mut self, fault: SourceFault) -> Result<SourceFault, PullError> {
        let number = self.joined.number;
        let SourceFault::Block(BlockFault::PreviousHash { number: at, expected, found }) = fault else {
            return Ok(fault);
        };
        if at != number.0 {
            return Ok(BlockFault::PreviousHash { number: at, expected, found }.into());
        }
        let dropped = self.height();
        if let Some(ledger) = self.ledger.take() {
            ledger.close();
            drop(ledger);
            hidden::remove(&self.path)?;
        }
        self.tell();
        self.verifier = Verifier::from_start(self.joined.channel().clone());
        Ok(SourceFault::Unfounded { number, expected, found, dropped })
    }

    /// Closes the ledger and gives it its name.
    pub(super) fn finish(mut self) -> Result<(), PullError> {
        if let Some(ledger) = self.ledger.take() {
            ledger.close();
        }
        hidden::reveal(&self.ledgers, self.joined.channel())
    }
}

fn read_offsets(metadata: KafkaMetadata) -> Offsets {
    Offsets {
        last_persisted: Offset(metadata.last_offset_persisted),
        last_original_processed: Offset(metadata.last_original_offset_processed),
        last_resubmitted_config: Offset(metadata.last_resubmitted_config_offset),
    }
}
