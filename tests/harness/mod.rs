//! What tests of the whole share: recorded channels, modules as batch policies, and a driver that stops everywhere.
#![allow(dead_code, reason = "each test binary uses a part of it")]

pub mod admin;
pub mod cases;
pub mod endurance;
pub mod eventually;
pub mod filters;
/// Batch policies from WebAssembly text.
#[path = "../../host/rules/src/tests/guest.rs"]
pub mod guest;
pub mod http;
pub mod https;
pub mod node;
pub mod orderer;
/// Batch policies with too much of something.
#[path = "../../host/rules/src/tests/oversized.rs"]
pub mod oversized;
pub mod ports;
pub mod process;
pub mod scene;
pub mod sender;
pub mod shell;
pub mod soak;
pub mod walkthrough;

use std::io::Read as _;
use std::num::NonZeroU16;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::sync::Arc;

use bytes::Bytes;
use flate2::read::GzDecoder;
use prost::Message as _;
use raddle::client::offsets;
use raddle::node::Modules;
use raddle::replay::{Records, Topic};
use raddle::{ConfigBatchPolicies, load_shipped};
use raddle_core::batch_policy::{BatchPolicies, BatchPolicy, LocalFault};
use raddle_core::block::BlockHash;
use raddle_core::bundle::{Bundle, CurrentConfig, Genesis, read_genesis};
use raddle_core::chain::{Action, Chain, ChainState, CutBlock, Event, Note, Verdict};
use raddle_core::ids::Offset;
use raddle_proto::wire::KafkaMessage;
use raddle_proto::{common, hash};
use raddle_rules::profile::{Limit, ModuleLimits};
use raddle_rules::store::ModuleStore;
use raddle_rules::{BatchEngine, BatchModule, FilterEngine, GuestStack, NoLog, Settings, on_guest_stack};

pub fn repository() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

pub fn golden(name: &str) -> PathBuf {
    repository().join("tests/golden/fabric-2.5").join(name)
}

/// A channel as real orderers left it.
pub struct Recorded {
    pub genesis: Bytes,
    pub topic: PathBuf,
    pub blocks: Vec<common::Block>,
}

impl Recorded {
    pub fn mychannel() -> Self {
        Self::read("mychannel", "mychannel.block")
    }

    pub fn syschannel() -> Self {
        Self::read("syschannel", "kafka-genesis.block")
    }

    fn read(channel: &str, genesis: &str) -> Self {
        let blocks = gunzip(&golden(&format!("{channel}.blocks.gz")));
        Self {
            genesis: std::fs::read(golden(genesis)).unwrap().into(),
            topic: golden(&format!("{channel}.topic.jsonl.gz")),
            blocks: read_blocks(blocks),
        }
    }

    pub fn records(&self) -> Vec<Bytes> {
        let mut records: Records = Topic::File(self.topic.clone()).open(Arc::default()).unwrap();
        std::iter::from_fn(|| records.next_record().unwrap()).map(|record| record.value).collect()
    }

    /// The number of the first block that a time-to-cut ended: nothing waits for a cut behind it.
    pub fn cut_by_time(&self) -> usize {
        let records = self.records();
        let is_cut_by_time = |block: &common::Block| {
            let at = offsets(block).and_then(|it| usize::try_from(it.last_offset_persisted).ok());
            let record =
                at.and_then(|at| records.get(at)).map(|record| KafkaMessage::unmarshal(record.clone()));
            matches!(record, Some(Ok(KafkaMessage::TimeToCut(_))))
        };
        self.blocks.iter().position(is_cut_by_time).unwrap()
    }

    pub fn start(&self) -> (ChainState, Arc<CurrentConfig>) {
        let Genesis { block, config } = read_genesis(self.genesis.clone()).unwrap();
        let header = block.header.unwrap();
        let genesis_hash = hash::block_header_hash(header.number, &header.previous_hash, &header.data_hash);
        (ChainState::genesis(BlockHash(genesis_hash)), config)
    }
}

pub fn gunzip(path: &Path) -> Vec<u8> {
    let mut bytes = Vec::new();
    GzDecoder::new(std::fs::File::open(path).unwrap()).read_to_end(&mut bytes).unwrap();
    bytes
}

pub fn read_blocks(bytes: impl Into<Bytes>) -> Vec<common::Block> {
    let mut bytes = bytes.into();
    let mut blocks = Vec::new();
    while !bytes.is_empty() {
        blocks.push(common::Block::decode_length_delimited(&mut bytes).unwrap());
    }
    blocks
}

/// The values of the metadata entries, without signatures.
pub fn metadata_values(block: &common::Block) -> Vec<Bytes> {
    let entries = &block.metadata.as_ref().unwrap().metadata;
    entries.iter().map(|entry| common::Metadata::decode(entry.clone()).unwrap().value).collect()
}

// === batch policies ===

/// One module as every config's batch policy.
pub struct ModulePolicies {
    module: BatchModule,
    stack: GuestStack,
    settings: Settings,
    limits: ModuleLimits,
}

impl ModulePolicies {
    pub fn new(stack: GuestStack, bytes: &[u8], settings: &[(&str, &str)], limits: ModuleLimits) -> Rc<Self> {
        let engine = BatchEngine::new().unwrap();
        let settings = settings.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned()));
        Rc::new(Self {
            module: engine.load("under-test", bytes).unwrap(),
            stack,
            settings: Settings::new(settings).unwrap(),
            limits,
        })
    }
}

impl ModulePolicies {
    pub fn bind(&self, bundle: Arc<Bundle>) -> Rc<dyn BatchPolicy> {
        let (settings, limits) = (self.settings.clone(), self.limits);
        Rc::new(self.module.bind(self.stack, bundle, settings, limits, Arc::new(NoLog)).unwrap())
    }
}

impl BatchPolicies for ModulePolicies {
    fn batch_policy(&self, config: &Arc<CurrentConfig>) -> Result<Rc<dyn BatchPolicy>, LocalFault> {
        Ok(self.bind(Arc::clone(&config.bundle)))
    }
}

/// What a node cuts by: the module of the config, or the shipped one.
pub fn shipped(stack: GuestStack) -> Rc<ConfigBatchPolicies> {
    let engine = Arc::new(BatchEngine::new().unwrap());
    let filters = Arc::new(FilterEngine::new(NonZeroU16::MIN).unwrap());
    let modules = Modules { worker: orderer::worker(), cache: None };
    let store = Arc::new(ModuleStore::new(filters, Arc::clone(&engine), modules.settings()));
    Rc::new(ConfigBatchPolicies::new(load_shipped(&engine).unwrap(), store, stack))
}

/// A component of `guest-filters/dist`.
pub fn dist(name: &str) -> Vec<u8> {
    std::fs::read(repository().join("guest-filters/dist").join(name)).unwrap()
}

pub fn with_guest_stack<T: Send>(work: impl FnOnce(GuestStack) -> T + Send) -> T {
    on_guest_stack("test", work).unwrap()
}

// === drivers ===

/// What a run of a chain left.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Ran {
    pub hashes: Vec<BlockHash>,
    pub metadata: Vec<Bytes>,
    /// Envelopes in each block.
    pub counts: Vec<usize>,
    /// Offsets at which the batch policy broke.
    pub faults: Vec<i64>,
}

impl Ran {
    fn block(&mut self, cut: &CutBlock) {
        self.hashes.push(cut.block.hash());
        self.metadata.push(cut.block.consenter_metadata.clone());
        self.counts.push(cut.block.data.len());
    }
}

/// Gives all records to one chain.
pub fn run(recorded: &Recorded, records: &[Bytes], policies: &Rc<dyn BatchPolicies>) -> Ran {
    let (state, config) = recorded.start();
    let mut chain = Chain::new(state, config, Rc::clone(policies)).unwrap();
    let mut ran = Ran::default();
    for (offset, value) in records.iter().enumerate() {
        step(&mut chain, record(offset, value), &mut |action| match action {
            Action::WriteBlock(cut) => ran.block(cut),
            Action::Note(Note::BatchPolicyFault { offset, .. }) => ran.faults.push(offset.0),
            _ => {}
        });
    }
    ran
}

/// Stops after every record, and after every block even where its record makes another; starts again each time from
/// what was stored with the last block.
pub fn run_with_stops(recorded: &Recorded, records: &[Bytes], policies: &Rc<dyn BatchPolicies>) -> Ran {
    let (mut state, mut config) = recorded.start();
    let mut ran = Ran::default();
    for last in 0..records.len() {
        'restart: loop {
            let mut chain = Chain::new(state, Arc::clone(&config), Rc::clone(policies)).unwrap();
            let from = usize::try_from(state.offsets.last_persisted.0 + 1).unwrap_or(0);
            for (offset, value) in records.iter().enumerate().take(last + 1).skip(from) {
                let mut first: Option<Box<CutBlock>> = None;
                step(&mut chain, record(offset, value), &mut |action| match action {
                    Action::WriteBlock(cut) if first.is_none() => first = Some(cut.clone()),
                    // Seen again after each restart, and to be counted once.
                    Action::Note(Note::BatchPolicyFault { offset, .. })
                        if first.is_none() && ran.faults.last() != Some(&offset.0) =>
                    {
                        ran.faults.push(offset.0);
                    }
                    _ => {}
                });
                if let Some(cut) = first {
                    state = cut.state;
                    config = cut.config.clone().unwrap_or(config);
                    ran.block(&cut);
                    continue 'restart;
                }
            }
            break;
        }
    }
    ran
}

fn record(offset: usize, value: &Bytes) -> Event {
    Event::Record { offset: Offset(offset as i64), value: value.clone() }
}

/// One step; whatever is to be judged is admitted.
pub fn step(chain: &mut Chain, event: Event, see: &mut dyn FnMut(&Action)) {
    for action in chain.step(event).unwrap() {
        see(&action);
        if let Action::Judge { envelope, .. } = action {
            step(chain, Event::Judged(Verdict::Admitted { envelope }), see);
        }
    }
}
