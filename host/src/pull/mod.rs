//! Joining a channel behind its block 0: the blocks come from an orderer that has them.
//!
//! ```text
//!  orderer ─▶ Deliver ─▶ queue ─▶ Writer: verify ─▶ a ledger under a hidden name ─▶ the channel's ledger
//! ```
//!
//! What is trusted is the config block that the operator gives. All blocks up to it are bound to it by their hashes,
//! the later ones by the signatures that its config asks for. Until the given block is reached a source may lie about
//! what comes before it, so nothing of what was pulled has the ledger's name by then.
//!
//! Differs: Fabric's follower pulls for as long as it is no consenter. Here the ordered log gives all that comes after
//! the newest block of a source.

mod error;
mod hidden;
mod source;
mod upstream;
mod writer;

use std::future::{Future, pending};
use std::pin::pin;
use std::sync::Arc;

use bytes::Bytes;
use raddle_core::bundle::{CurrentConfig, GenesisError, read_config_block};
use raddle_core::ids::{BlockNumber, ChannelId};
use raddle_proto::hash::Sha256Hash;
use raddle_proto::orderer::KafkaMetadata;
use tokio::sync::watch;
use tokio::task::spawn_blocking;

use crate::client::{ClientTls, Patience, block_hash};
use crate::identity::Signer;
use crate::node::Ledgers;

pub use error::{PullError, SourceFault};
pub use hidden::forget;
use source::Source;
pub use source::addresses;
pub use upstream::Upstream;
use writer::Writer;

/// The config block by which a channel is joined.
#[derive(Clone)]
pub struct JoinBlock {
    /// The block's number.
    pub number: BlockNumber,
    /// SHA-256 of its header.
    pub hash: Sha256Hash,
    /// The config in it.
    pub config: Arc<CurrentConfig>,
}

/// What is to be pulled, and from whom.
pub struct Pull {
    /// Where the channel's ledger will be.
    pub ledgers: Ledgers,
    /// The block that is trusted.
    pub joined: JoinBlock,
    /// Who asks for blocks: the channel must let it read.
    pub signer: Arc<Signer>,
    /// Orderers, `host:port` each, asked one after the other until one has given all.
    pub sources: Vec<String>,
    /// How the sources are spoken to; none: without TLS.
    pub tls: Option<ClientTls>,
    /// How long a source may be silent.
    pub patience: Patience,
    /// Is told how many blocks are written.
    pub height: watch::Sender<u64>,
}

/// Something that a pull tells while it runs.
#[derive(Debug)]
pub enum Told<'a> {
    /// A source begins to deliver.
    Source {
        /// Its address.
        address: &'a str,
        /// The first block that is asked for.
        first: u64,
        /// The last one.
        last: u64,
    },
    /// One more block has come.
    Block,
    /// A source does not give what was asked for; the next one is asked.
    Failed {
        /// Its address.
        address: &'a str,
        /// Why.
        fault: &'a SourceFault,
    },
}

/// What was pulled.
#[derive(Debug)]
pub struct Pulled {
    /// The ledger's last block.
    pub tip: BlockNumber,
    /// How many blocks an earlier, interrupted pull had left.
    pub kept: u64,
    /// Who gave the others: the address, the first block and the last.
    pub from: Vec<(String, u64, u64)>,
    /// Where the last block was cut, if it says so.
    pub offsets: Option<KafkaMetadata>,
    /// Sources that did not give all, and why.
    pub failed: Vec<(String, SourceFault)>,
}

/// How it ended with a source.
enum Outcome {
    All,
    Failed(SourceFault),
    /// The pull is not wanted any more.
    Stopped,
}

// === impl JoinBlock ===

impl JoinBlock {
    /// Reads a marshalled config block.
    ///
    /// # Errors
    ///
    /// It is none, or its config cannot be ordered by.
    pub fn read(bytes: Bytes) -> Result<Self, GenesisError> {
        let read = read_config_block(bytes)?;
        let header = read.block.header.unwrap_or_default();
        Ok(Self { number: BlockNumber(header.number), hash: block_hash(&header), config: read.config })
    }

    /// The channel.
    #[must_use]
    pub fn channel(&self) -> &ChannelId {
        self.config.channel()
    }
}

// === impl Pull ===

impl Pull {
    /// Pulls all blocks up to the newest of the first source that has them, and gives the ledger its name. What an
    /// earlier call left is gone on with. Must be called within tokio.
    ///
    /// # Errors
    ///
    /// See [`PullError`]. Blocks that were verified stay under a hidden name, from where the next call goes on.
    pub async fn run(&self, tell: &mut (dyn FnMut(Told<'_>) + Send)) -> Result<Pulled, PullError> {
        self.run_until(pending(), tell).await
    }

    /// The same, ended before if `stop` is ready before. Nothing of it is at work any more when this is ready.
    ///
    /// # Errors
    ///
    /// As [`Pull::run`], and [`PullError::Stopped`].
    pub async fn run_until(
        &self,
        stop: impl Future<Output = ()> + Send,
        tell: &mut (dyn FnMut(Told<'_>) + Send),
    ) -> Result<Pulled, PullError> {
        let mut stop = pin!(stop);
        let (ledgers, joined, height) = (self.ledgers.clone(), self.joined.clone(), self.height.clone());
        let mut writer = spawn_blocking(move || Writer::open(ledgers, joined, height)).await??;
        let kept = writer.height();
        let (mut from, mut failed) = (Vec::new(), Vec::new());
        for address in &self.sources {
            let (first, outcome);
            first = writer.height();
            (writer, outcome) = self.pull_from(address, writer, stop.as_mut(), tell).await?;
            if writer.height() > first {
                from.push((address.clone(), first, writer.height().saturating_sub(1)));
            }
            match outcome {
                Outcome::All => break,
                Outcome::Stopped => {
                    let stopped = PullError::Stopped { channel: self.joined.channel().clone() };
                    // Not on this thread: the disk may be waited for.
                    spawn_blocking(move || drop(writer)).await?;
                    return Err(stopped);
                }
                Outcome::Failed(fault) => {
                    tell(Told::Failed { address, fault: &fault });
                    failed.push((address.clone(), fault));
                }
            }
        }
        if !writer.has_joined() {
            let (channel, path) = (self.joined.channel().clone(), writer.path().to_owned());
            return Err(PullError::NoSource { channel, path, kept: writer.height(), failed });
        }
        let (tip, offsets) = (BlockNumber(writer.height().saturating_sub(1)), writer.offsets());
        spawn_blocking(move || writer.finish()).await??;
        Ok(Pulled { tip, kept, from, offsets, failed })
    }

    /// Goes on with one source. The writer comes back, whatever the source did.
    async fn pull_from(
        &self,
        address: &str,
        mut writer: Writer,
        mut stop: std::pin::Pin<&mut (impl Future<Output = ()> + Send)>,
        tell: &mut (dyn FnMut(Told<'_>) + Send),
    ) -> Result<(Writer, Outcome), PullError> {
        let found = tokio::select! {
            biased;
            () = stop.as_mut() => return Ok((writer, Outcome::Stopped)),
            found = Source::find(address, self, writer.tip()) => found,
        };
        let (source, newest) = match found {
            Ok(found) => found,
            Err(fault) => return Ok((writer, Outcome::Failed(fault))),
        };
        let first = writer.height();
        if first > newest {
            return Ok((writer, Outcome::All));
        }
        tell(Told::Source { address, first, last: newest });
        let (sender, blocks) = writer::queue();
        let writing = spawn_blocking(move || {
            let written = writer.write(blocks);
            (writer, written)
        });
        let received = tokio::select! {
            biased;
            () = stop => None,
            received = source.deliver(first, newest, &sender, tell) => Some(received),
        };
        drop(sender);
        let (writer, written) = writing.await?;
        // A block that is wrong ends both; what is wrong with it says more.
        let outcome = match (received, written?) {
            (None, _) => Outcome::Stopped,
            (_, Err(fault)) | (Some(Err(fault)), Ok(())) => Outcome::Failed(fault),
            (Some(Ok(())), Ok(())) => Outcome::All,
        };
        Ok((writer, outcome))
    }
}
