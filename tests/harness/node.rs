//! A node on a log of the test's own.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use futures_util::{StreamExt as _, stream};
use raddle::identity::Signer;
use raddle::node::{
    Committed, Ledgers, Modules, NoObserver, Node, NodeParts, NodeSettings, Observer, OneLog,
};
use raddle_core::bundle::read_genesis;
use raddle_core::chain::Note;
use raddle_core::ids::{ChannelId, Offset};
use raddle_ordering::local::{LocalLog, Settings, system_clock};
use raddle_ordering::{
    Append, AppendError, Cause, OrderedLog, ReadError, Readiness, RecordHashFuture, Records,
};
use raddle_serve::channels::Channels;
use raddle_serve::server::{Server, ServerError, ServerSettings};
use tokio::sync::{oneshot, watch};
use tokio::task::JoinHandle;

use super::repository;

/// A local log whose appends fail or wait, and whose readers break off, as the test says; all that it is, its real log
/// is.
pub struct Moody {
    log: LocalLog,
    /// So many appends fail before one is tried.
    failures: AtomicUsize,
    /// While it is closed, appends are held back here, in their order.
    gate: Mutex<Gate>,
    /// How many are.
    held: watch::Sender<usize>,
    /// Once true, readers get an error behind what they have.
    is_broken: watch::Sender<bool>,
    /// While false, the log says that it has not worked yet.
    is_ready: watch::Sender<bool>,
}

struct Gate {
    /// So many appends pass; all of them if it was never closed.
    may_pass: usize,
    held: VecDeque<Held>,
}

/// An append that is held back.
struct Held {
    channel: ChannelId,
    record: Bytes,
    answer: oneshot::Sender<Result<Offset, AppendError>>,
}

impl Gate {
    fn take_pass(&mut self) {
        if self.may_pass < usize::MAX {
            self.may_pass -= 1;
        }
    }
}

impl Moody {
    pub fn create(folder: &Path) -> Arc<Self> {
        Self::create_with(folder, &Settings::default())
    }

    pub fn create_with(folder: &Path, settings: &Settings) -> Arc<Self> {
        Self::of(LocalLog::create(&folder.join("log.redb"), settings, system_clock()).unwrap())
    }

    /// The log that is in the folder.
    pub fn open(folder: &Path) -> Arc<Self> {
        Self::of(LocalLog::open(&folder.join("log.redb"), &Settings::default(), system_clock()).unwrap())
    }

    fn of(log: LocalLog) -> Arc<Self> {
        let (is_broken, is_ready) = (watch::Sender::new(false), watch::Sender::new(true));
        let gate = Mutex::new(Gate { may_pass: usize::MAX, held: VecDeque::new() });
        let held = watch::Sender::new(0);
        Arc::new(Self { log, failures: AtomicUsize::new(0), gate, held, is_broken, is_ready })
    }

    pub fn fail(&self, appends: usize) {
        self.failures.store(appends, Ordering::SeqCst);
    }

    pub fn failures_left(&self) -> usize {
        self.failures.load(Ordering::SeqCst)
    }

    /// Lets appends through, those that were held back first, or holds them back.
    pub fn set_open(&self, is_open: bool) {
        self.open_for(if is_open { usize::MAX } else { 0 });
    }

    /// So many appends pass, those after them wait.
    pub fn open_for(&self, appends: usize) {
        let mut gate = self.gate.lock().unwrap();
        gate.may_pass = appends;
        while gate.may_pass > 0
            && let Some(Held { channel, record, answer }) = gate.held.pop_front()
        {
            gate.take_pass();
            let append = self.log.append(&channel, record);
            tokio::spawn(async { drop(answer.send(append.await)) });
        }
        self.held.send_replace(gate.held.len());
    }

    /// Waits until so many appends are held back.
    pub async fn wait_for_held(&self, count: usize) {
        self.held.subscribe().wait_for(|held| *held >= count).await.unwrap();
    }

    /// Ends all that is read of it.
    pub fn break_off(&self) {
        self.is_broken.send_replace(true);
    }

    pub fn set_ready(&self, is_ready: bool) {
        self.is_ready.send_replace(is_ready);
    }

    /// Appends whatever the mood.
    pub async fn put(&self, channel: &str, record: Bytes) -> Offset {
        self.log.append(&ChannelId(channel.into()), record).await.unwrap()
    }
}

#[derive(Debug, thiserror::Error)]
#[error("the test wants it so")]
struct Mood;

/// The handle that a node gets; the test keeps the log itself.
pub struct Handle(pub Arc<Moody>);

impl OrderedLog for Handle {
    fn append(&self, channel: &ChannelId, record: Bytes) -> Append {
        let fails =
            self.0.failures.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1));
        if fails.is_ok() {
            return Append::failed(AppendError::Unavailable { cause: Cause::new(Mood) });
        }
        let mut gate = self.0.gate.lock().unwrap();
        if gate.may_pass > 0 {
            gate.take_pass();
            return self.0.log.append(channel, record);
        }
        let (answer, answered) = oneshot::channel();
        gate.held.push_back(Held { channel: channel.clone(), record, answer });
        self.0.held.send_replace(gate.held.len());
        Append::waiting(answered)
    }

    /// Its failures come one by one.
    fn fails_in_order(&self) -> bool {
        false
    }

    fn record_bytes_max(&self, channel: &ChannelId) -> Option<u64> {
        self.0.log.record_bytes_max(channel)
    }

    fn read(&self, channel: &ChannelId, from: Offset) -> Records {
        let mut broken = self.0.is_broken.subscribe();
        let breaking = Box::pin(async move { broken.wait_for(|is_broken| *is_broken).await.map(|_| ()) });
        let error = async { Err(ReadError::Unavailable { cause: Cause::new(Mood) }) };
        Records::new(self.0.log.read(channel, from).take_until(breaking).chain(stream::once(error)))
    }

    fn state(&self, channel: &ChannelId) -> watch::Receiver<Readiness> {
        let mut ready = self.0.is_ready.subscribe();
        let mut state = self.0.log.state(channel);
        let (told, telling) = watch::channel(Readiness::Starting);
        tokio::spawn(async move {
            ready.wait_for(|is_ready| *is_ready).await.unwrap();
            loop {
                let now = state.borrow_and_update().clone();
                if told.send(now).is_err() || state.changed().await.is_err() {
                    return;
                }
            }
        });
        telling
    }

    fn record_hash(&self, channel: &ChannelId, offset: Offset) -> RecordHashFuture {
        self.0.log.record_hash(channel, offset)
    }
}

/// Remembers what a node told.
#[derive(Default)]
pub struct Told {
    pub blocks: Mutex<Vec<Committed>>,
    pub notes: watch::Sender<Vec<Note>>,
}

impl Observer for Told {
    fn committed(&self, _: &ChannelId, block: &Committed) {
        self.blocks.lock().unwrap().push(*block);
    }

    fn noted(&self, _: &ChannelId, note: &Note) {
        self.notes.send_modify(|notes| notes.push(note.clone()));
    }
}

/// A node with one new channel.
pub fn start(folder: &Path, genesis: Bytes, log: &Arc<Moody>, observer: Arc<dyn Observer>) -> Node {
    let parts = NodeParts { observer, ..parts(folder, log) };
    start_on(&genesis, parts, NodeSettings::default())
}

/// What a node on this log works with; it signs as nobody whom a channel knows.
pub fn parts(folder: &Path, log: &Arc<Moody>) -> NodeParts {
    let identity = repository().join("tests/golden/identity");
    NodeParts {
        logs: Arc::new(OneLog(Arc::new(Handle(Arc::clone(log))))),
        signer: Arc::new(Signer::from_msp_dir("OrdererMSP", &identity).unwrap()),
        observer: Arc::new(NoObserver),
        modules: Modules { worker: super::orderer::worker(), cache: None },
        ledgers: Ledgers::at(folder.to_owned()),
        runtime: tokio::runtime::Handle::current(),
    }
}

/// A node with one channel, whose ledger is there or is made.
pub fn start_on(genesis: &Bytes, parts: NodeParts, settings: NodeSettings) -> Node {
    let node = Node::new(parts, settings).unwrap();
    let channel = read_genesis(genesis.clone()).unwrap().config.channel().clone();
    node.make_channel(&channel, genesis).unwrap();
    node
}

/// A socket on which a node is served.
pub struct Served {
    pub address: SocketAddr,
    stop: oneshot::Sender<()>,
    serving: JoinHandle<Result<(), ServerError>>,
}

impl Served {
    pub async fn start(node: &Arc<Node>) -> Self {
        Self::start_at(node, "127.0.0.1:0".parse().unwrap()).await
    }

    pub async fn start_at(node: &Arc<Node>, address: SocketAddr) -> Self {
        let channels = Arc::clone(node) as Arc<dyn Channels>;
        let server = Server::bind(address, channels, ServerSettings::default()).await.unwrap();
        let address = server.local_address().unwrap();
        let (stop, stopped) = oneshot::channel();
        let serving = tokio::spawn(server.run(async { drop(stopped.await) }));
        Self { address, stop, serving }
    }

    pub async fn stop(self) {
        let _ = self.stop.send(());
        self.serving.await.unwrap().unwrap();
    }
}
