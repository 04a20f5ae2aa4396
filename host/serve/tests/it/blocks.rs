//! A channel of blocks, a clock and a reader, all of which do what a test tells them.

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use bytes::Bytes;
use prost::Message;
use raddle_core::ids::{BlockNumber, ConfigSequence};
use raddle_proto::{
    common::{Block, BlockData, BlockHeader},
    wire::Envelope,
};
use raddle_serve::{
    channels::{
        BlockUnavailable, BoxFuture, Channels, Condition, DeliverChannel, Denied, Found, ModuleReport,
        ModulesReport, NotRead, Standing,
    },
    clock::Clock,
    server::{Server, ServerSettings},
};
use serde_json::json;
use tokio::sync::{Notify, watch};

use crate::doubles::{CHANNEL, Running, failure, run};

/// The time at which a test begins, and at which requests are signed.
pub fn now() -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(NOW_SECONDS)
}

/// The same, in seconds of Unix.
pub const NOW_SECONDS: u64 = 1_700_000_000;

/// What a test says about those who want to read.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Readers {
    All,
    /// None from this config sequence on.
    NoneFrom(u64),
    /// It cannot be found out.
    Unknown,
}

/// What happens to a block that is read.
pub type Reading = Box<dyn Fn(u64, Bytes) -> BoxFuture<Result<Bytes, BlockUnavailable>> + Send + Sync>;

pub struct TestBlocks {
    standing: Mutex<watch::Sender<Standing>>,
    blocks: Mutex<Vec<Bytes>>,
    sequence: AtomicU64,
    pub readers: Mutex<Readers>,
    pub ends: Mutex<Option<SystemTime>>,
    pub reading: Reading,
    /// The numbers of blocks that were asked for.
    pub read: Mutex<Vec<u64>>,
    /// There is somebody who wants to read.
    pub asked: Notify,
    /// Envelopes about which the policy was asked.
    pub judged: Mutex<Vec<Bytes>>,
}

impl TestBlocks {
    /// A channel of this many blocks, each with this much data.
    pub fn new(height: u64, size: usize) -> Arc<Self> {
        Self::reading(height, size, Box::new(|_, block| Box::pin(std::future::ready(Ok(block)))))
    }

    /// A channel of ten blocks, of which one is read when the gate is open.
    pub fn gated(number: u64, gate: &watch::Receiver<bool>) -> Arc<Self> {
        let gate = gate.clone();
        let reading = move |read, block| -> BoxFuture<_> {
            let mut gate = gate.clone();
            Box::pin(async move {
                if read == number {
                    gate.wait_for(|is_open| *is_open).await.unwrap();
                }
                Ok(block)
            })
        };
        Self::reading(10, 10, Box::new(reading))
    }

    pub fn reading(height: u64, size: usize, reading: Reading) -> Arc<Self> {
        let blocks: Vec<_> = (0..height).map(|number| block(number, size)).collect();
        Arc::new(Self {
            standing: Mutex::new(standing(height)),
            blocks: Mutex::new(blocks),
            sequence: AtomicU64::new(1),
            readers: Mutex::new(Readers::All),
            ends: Mutex::new(None),
            reading,
            read: Mutex::default(),
            judged: Mutex::default(),
            asked: Notify::new(),
        })
    }

    pub fn commit(&self, size: usize) {
        let mut blocks = self.blocks.lock().unwrap();
        let number = blocks.len() as u64;
        blocks.push(block(number, size));
        self.standing.lock().unwrap().send_modify(|standing| standing.height = number + 1);
    }

    /// As a node does it: the new config is there before its block is.
    pub fn commit_config(&self) {
        self.sequence.fetch_add(1, Ordering::SeqCst);
        self.commit(10);
    }

    pub fn set(&self, condition: Condition) {
        self.standing.lock().unwrap().send_modify(|standing| standing.condition = condition);
    }

    /// Leaves all sessions behind that there are.
    pub fn abandon_sessions(&self) {
        *self.standing.lock().unwrap() = standing(self.blocks.lock().unwrap().len() as u64);
    }

    /// Sessions that are open.
    pub fn sessions(&self) -> usize {
        self.standing.lock().unwrap().receiver_count()
    }

    pub fn height(&self) -> u64 {
        self.standing.lock().unwrap().borrow().height
    }

    pub fn judged_count(&self) -> usize {
        self.judged.lock().unwrap().len()
    }

    pub fn read_count(&self) -> usize {
        self.read.lock().unwrap().len()
    }
}

fn standing(height: u64) -> watch::Sender<Standing> {
    watch::Sender::new(Standing { height, condition: Condition::Serving })
}

/// What the double says to those who may not read.
pub fn denied() -> NotRead {
    let text = "signature set did not satisfy policy: permission denied".to_owned();
    Denied { text, proof: Some(json!({ "needed": 1 })) }.into()
}

impl DeliverChannel for TestBlocks {
    fn standing(&self) -> watch::Receiver<Standing> {
        self.standing.lock().unwrap().subscribe()
    }

    fn block(&self, number: BlockNumber) -> BoxFuture<Result<Bytes, BlockUnavailable>> {
        self.read.lock().unwrap().push(number.0);
        // A stream that asks for a block that is not committed fails its test here.
        let block = self.blocks.lock().unwrap()[usize::try_from(number.0).unwrap()].clone();
        (self.reading)(number.0, block)
    }

    fn config_sequence(&self) -> ConfigSequence {
        ConfigSequence(self.sequence.load(Ordering::SeqCst))
    }

    fn may_read(&self, envelope: &Envelope) -> BoxFuture<Result<ConfigSequence, NotRead>> {
        self.judged.lock().unwrap().push(envelope.marshal().clone());
        self.asked.notify_one();
        let sequence = self.config_sequence();
        let verdict = match *self.readers.lock().unwrap() {
            Readers::NoneFrom(least) if sequence.0 >= least => Err(denied()),
            Readers::Unknown => Err(failure().into()),
            _ => Ok(sequence),
        };
        Box::pin(std::future::ready(verdict))
    }

    fn session_ends(&self, _: &Envelope) -> Option<SystemTime> {
        *self.ends.lock().unwrap()
    }

    fn modules(&self) -> ModulesReport {
        ModulesReport { modules: vec![ModuleReport { name: "a".into(), calls: 7, ..Default::default() }] }
    }
}

/// A marshalled block.
pub fn block(number: u64, size: usize) -> Bytes {
    let header = BlockHeader { number, previous_hash: vec![1; 32].into(), data_hash: vec![2; 32].into() };
    let data = BlockData { data: vec![vec![7; size].into()] };
    Block { header: Some(header), data: Some(data), metadata: None }.encode_to_vec().into()
}

/// Has no channel but [`CHANNEL`], and takes no envelopes.
struct OneChannel(Arc<TestBlocks>);

impl Channels for OneChannel {
    fn find(&self, _: &str) -> Found {
        Found::Unknown
    }

    fn find_blocks(&self, channel_id: &str) -> Option<Arc<dyn DeliverChannel>> {
        (channel_id == CHANNEL).then(|| Arc::clone(&self.0) as Arc<dyn DeliverChannel>)
    }
}

/// A clock that is moved by hand.
#[derive(Clone)]
pub struct TestClock(pub watch::Sender<SystemTime>);

impl TestClock {
    pub fn new() -> Self {
        Self(watch::Sender::new(now()))
    }

    pub fn advance(&self, by: Duration) {
        self.0.send_modify(|now| *now += by);
    }
}

impl Clock for TestClock {
    fn now(&self) -> SystemTime {
        *self.0.borrow()
    }

    fn passes(&self, time: SystemTime) -> BoxFuture<()> {
        let mut now = self.0.subscribe();
        Box::pin(async move {
            let _ = now.wait_for(|now| *now > time).await;
        })
    }
}

pub async fn serve_blocks(channel: &Arc<TestBlocks>, clock: &TestClock, settings: ServerSettings) -> Running {
    let channels = Arc::new(OneChannel(Arc::clone(channel)));
    let server = Server::bind("127.0.0.1:0".parse().unwrap(), channels, settings).await.unwrap();
    run(server.with_clock(Arc::new(clock.clone())))
}
