//! Orderers in this process, on sockets that the system chooses.

use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use prost::Message as _;
use raddle::client::{block_hash, last_config};
use raddle::identity::Signer;
use raddle::logs::Mapping;
use raddle::node::{Channel, Doing, NoObserver, NodeSettings};
use raddle::orderer::{LEDGERS, Orderer, OrdererSettings};
use raddle_core::block::{BlockHash, Offsets};
use raddle_core::chain::ChainState;
use raddle_core::ids::{BlockNumber, ChannelId};
use raddle_ledger::{Ledger, NewBlock};
use raddle_ordering::OrderedLog;
use raddle_ordering::local::{LocalLog, Settings, system_clock};
use raddle_proto::common;
use raddle_rules::artifact::CompileWorker;
use raddle_serve::server::ServerSettings;
use tempfile::TempDir;

use super::{golden, metadata_values, repository};

/// What an orderer of tests is started with: it signs with an identity that no channel knows.
pub fn settings(folder: &Path, genesis: Bytes) -> OrdererSettings {
    let identity = repository().join("tests/golden/identity");
    OrdererSettings {
        tls: None,
        folder: folder.to_owned(),
        listen: "127.0.0.1:0".parse().unwrap(),
        genesis: vec![genesis],
        logs: Mapping::Local,
        signer: Arc::new(Signer::from_msp_dir("OrdererMSP", &identity).unwrap()),
        observer: Arc::new(NoObserver),
        worker: worker(),
        node: NodeSettings::default(),
        server: ServerSettings::default(),
        admin: None,
        operations: None,
    }
}

pub async fn start(folder: &Path, genesis: Bytes) -> Orderer {
    Orderer::start(settings(folder, genesis)).await.unwrap()
}

/// The same, by the identity of the orderer that channels and cases were recorded from.
pub async fn start_as_recorded(folder: &Path, genesis: Bytes) -> Orderer {
    let signer = Arc::new(Signer::from_msp_dir("OrdererMSP", &golden("orderer-msp")).unwrap());
    Orderer::start(OrdererSettings { signer, ..settings(folder, genesis) }).await.unwrap()
}

/// Modules are compiled by the command, as everywhere: this process is the tests'.
pub fn worker() -> CompileWorker {
    CompileWorker::new(env!("CARGO_BIN_EXE_raddle"), ["compile-worker"])
}

/// The one channel of an orderer.
pub fn channel(orderer: &Orderer) -> Arc<Channel> {
    let channels = orderer.node().channels();
    let [channel] = channels.as_slice() else { panic!("{} channels", channels.len()) };
    Arc::clone(channel)
}

/// Waits until there is a channel of this id.
pub async fn wait_for_channel(orderer: &Orderer, id: &str) -> Arc<Channel> {
    let node = orderer.node();
    node.count().wait_for(|_| node.channel(id).is_some()).await.unwrap();
    node.channel(id).unwrap()
}

/// Waits until so many blocks of the one channel are committed.
pub async fn wait_for_height(orderer: &Orderer, height: u64) {
    reach(&channel(orderer), height).await;
}

/// Waits until so many blocks are committed; a halt ends the test with its reason.
pub async fn reach(channel: &Channel, height: u64) {
    let mut standing = channel.board().standing();
    let mut doing = channel.board().doing();
    tokio::select! {
        reached = standing.wait_for(|standing| standing.height >= height) => { reached.unwrap(); }
        halted = doing.wait_for(|doing| matches!(doing, Doing::Halted(_))) => panic!("{:?}", *halted.unwrap()),
    }
}

/// Waits until the one channel halts; answers the sentence.
pub async fn wait_for_halt(orderer: &Orderer) -> String {
    halted(&channel(orderer)).await
}

/// Waits until the channel halts; answers the sentence.
pub async fn halted(channel: &Channel) -> String {
    let mut doing = channel.board().doing();
    let doing = doing.wait_for(|doing| matches!(doing, Doing::Halted(_))).await.unwrap();
    let Doing::Halted(halt) = &*doing else { unreachable!() };
    halt.to_string()
}

/// Appends records to the log of a folder, as if an orderer had.
pub async fn append(folder: &Path, channel: &str, records: &[Bytes]) {
    let (path, settings) = (folder.join("log.redb"), Settings::default());
    let log = if path.exists() {
        LocalLog::open(&path, &settings, system_clock()).unwrap()
    } else {
        LocalLog::create(&path, &settings, system_clock()).unwrap()
    };
    let channel = ChannelId(channel.into());
    let appends: Vec<_> = records.iter().map(|record| log.append(&channel, record.clone())).collect();
    for append in appends {
        append.await.unwrap();
    }
}

/// Makes a channel's ledger of blocks as they are, as if they had been pulled.
pub fn put_blocks(folder: &Path, channel: &str, blocks: &[common::Block]) {
    let ledgers = folder.join(LEDGERS);
    std::fs::create_dir_all(&ledgers).unwrap();
    let (id, genesis) = (ChannelId(channel.into()), blocks[0].encode_to_vec().into());
    let settings = raddle_ledger::Settings::default();
    let ledger = Ledger::create(&ledgers.join(channel), &id, &genesis, &settings).unwrap();
    for block in &blocks[1..] {
        let header = block.header.as_ref().unwrap();
        let state = ChainState {
            tip: BlockNumber(header.number),
            tip_hash: BlockHash(block_hash(header)),
            last_config: BlockNumber(last_config(block).unwrap()),
            offsets: Offsets::START,
            is_cut_by_next_record: false,
        };
        ledger.commit(&[NewBlock { block: block.encode_to_vec().into(), state, anchor: None }]).unwrap();
    }
}

/// The first blocks of a channel.
pub fn blocks_of(channel: &Channel, count: usize) -> Vec<common::Block> {
    let blocks =
        (0..count as u64).map(|number| channel.ledger().block(BlockNumber(number)).unwrap().unwrap());
    blocks.map(|block| common::Block::decode(block).unwrap()).collect()
}

/// All but signatures is equal.
pub fn same(ours: &[common::Block], theirs: &[common::Block]) {
    assert_eq!(ours.len(), theirs.len());
    for (ours, theirs) in ours.iter().zip(theirs) {
        assert_eq!((&ours.header, &ours.data), (&theirs.header, &theirs.data));
        assert_eq!(metadata_values(ours), metadata_values(theirs), "{:?}", ours.header);
    }
}

/// An orderer for tests that are no tasks themselves.
pub struct Background {
    pub address: String,
    _orderer: Orderer,
    _runtime: tokio::runtime::Runtime,
    _folder: TempDir,
}

impl Background {
    pub fn start(genesis: Bytes) -> Self {
        let folder = TempDir::new().unwrap();
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
        let orderer = runtime.block_on(start(folder.path(), genesis));
        let address = orderer.address().to_string();
        Self { address, _orderer: orderer, _runtime: runtime, _folder: folder }
    }
}
