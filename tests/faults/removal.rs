//! `kill -9` between the steps of a channel's removal, and of a join.
//!
//! The node is let go on for some microseconds at a time, and stopped and looked at in between: the names in the folder
//! of ledgers and the writes of the log's thread tell how far it is. Wherever it is killed, the channel is there whole
//! afterwards or not at all, and can be joined anew without anything of what it was.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use raddle::client::{Answer, Client, Patience, Place as At, message, range};
use raddle::identity::Signer;
use raddle_core::ids::ChannelId;
use raddle_proto::common::{Block, HeaderType};
use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

use crate::eventually::eventually_blocking;
use crate::http;
use crate::ports::free_port;
use crate::process::Node;
use crate::steps::step_until;

const CHANNEL: &str = "mychannel";

/// More rounds than are ever needed.
const ROUNDS_MAX: usize = 500;

/// Envelopes of a channel before it is removed: enough for some blocks.
const ENVELOPES: usize = 30;

const STEP: Duration = Duration::from_micros(30);

/// How far a removal is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Place {
    Before,
    Renamed,
    RecordsGone,
    FilesGone,
    Gone,
}

const PLACES: [Place; 4] = [Place::Before, Place::Renamed, Place::RecordsGone, Place::Gone];

fn golden(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/fabric-2.5").join(name)
}

/// A node by settings, whose admins are served.
struct Scene {
    folder: TempDir,
    admin: String,
    org1: Arc<Signer>,
    block: Vec<u8>,
}

impl Scene {
    fn new() -> Self {
        let folder = TempDir::new().unwrap();
        let (listen, admin) = (free_port(), format!("127.0.0.1:{}", free_port()));
        let orderer = format!(
            "General:\n  ListenPort: {listen}\n  LocalMSPDir: {}\n  LocalMSPID: OrdererMSP\n  BootstrapMethod: none\n\
             FileLedger:\n  Location: state\nAdmin:\n  ListenAddress: {admin}\n\
             ChannelParticipation:\n  Enabled: true\n",
            golden("orderer-msp").display()
        );
        fs::write(folder.path().join("orderer.yaml"), orderer).unwrap();
        fs::write(folder.path().join("raddle.yaml"), "Ordering: {kafka: local}\n").unwrap();
        let org1 = Arc::new(Signer::from_msp_dir("Org1MSP", &golden("org1-admin-msp")).unwrap());
        Self { folder, admin, org1, block: fs::read(golden("mychannel.block")).unwrap() }
    }

    fn ledgers(&self) -> PathBuf {
        self.folder.path().join("state/ledgers")
    }

    fn start(&self) -> Node {
        Node::start_by_settings(self.folder.path())
    }

    /// Joins the channel, unless it is there.
    async fn join(&self) {
        let (admin, block) = (self.admin.clone(), self.block.clone());
        let joining =
            move || http::list(&admin).contains(CHANNEL) || http::join(&admin, &block).code() == 201;
        assert!(tokio::task::spawn_blocking(joining).await.unwrap());
    }

    async fn is_joined(&self) -> bool {
        let admin = self.admin.clone();
        tokio::task::spawn_blocking(move || http::list(&admin).contains(CHANNEL)).await.unwrap()
    }

    /// Orders envelopes, and waits for the last of them; answers all blocks up to it.
    async fn order(&self, node: &Node, what: &str, count: usize) -> Vec<Block> {
        let (client, channel) =
            (Client::connect(&node.address, Patience::default()).await.unwrap(), ChannelId(CHANNEL.into()));
        let envelopes: Vec<_> = (0..count)
            .map(|number| {
                let data = format!("{what} {number}").into_bytes();
                self.org1.envelope(&channel, HeaderType::Message, data, SystemTime::now()).unwrap()
            })
            .collect();
        let mut answers =
            client.broadcast(tokio_stream::iter(envelopes.iter().map(message).collect::<Vec<_>>()));
        for _ in 0..count {
            assert_eq!(answers.next().await.unwrap(), Some(Answer::Taken));
        }
        let seek = range(At::Oldest, At::Number(u64::MAX), true);
        let mut deliveries = client.deliver(&self.org1.seek(&channel, &seek, SystemTime::now()).unwrap());
        let (mut blocks, last) = (Vec::new(), envelopes.last().unwrap().marshal());
        loop {
            let block = deliveries.next().await.unwrap().unwrap();
            let is_last = block.data.as_ref().unwrap().data.contains(&last);
            blocks.push(block);
            if is_last {
                return blocks;
            }
        }
    }
}

/// Envelopes in blocks behind the first.
fn envelopes(blocks: &[Block]) -> usize {
    blocks.iter().skip(1).map(|block| block.data.as_ref().unwrap().data.len()).sum()
}

/// A node that goes on by small steps.
struct Steps {
    id: u32,
    ledgers: PathBuf,
    log: PathBuf,
    before: u64,
}

impl Steps {
    fn of(node: &Node, ledgers: PathBuf) -> Self {
        let threads = fs::read_dir(format!("/proc/{}/task", node.id())).unwrap();
        let mut folders = threads.map(|thread| thread.unwrap().path());
        let is_log = |folder: &PathBuf| {
            fs::read_to_string(folder.join("comm")).is_ok_and(|name| name.trim_end() == "ordered-log")
        };
        let log = folders.find(is_log).unwrap().join("io");
        let mut steps = Self { id: node.id(), ledgers, log, before: 0 };
        steps.before = steps.writes();
        steps
    }

    fn writes(&self) -> u64 {
        let counters = fs::read_to_string(&self.log).unwrap();
        let line = counters.lines().find_map(|line| line.strip_prefix("syscw: ")).unwrap();
        line.parse::<u64>().unwrap() - self.before
    }

    fn place(&self) -> Place {
        let removing = self.ledgers.join(format!(".removing.{CHANNEL}"));
        if self.ledgers.join(CHANNEL).exists() {
            Place::Before
        } else if !removing.exists() {
            Place::Gone
        } else if !removing.join("blocks").exists() || !removing.join("index.redb").exists() {
            Place::FilesGone
        } else if self.writes() > 0 {
            Place::RecordsGone
        } else {
            Place::Renamed
        }
    }

    /// Lets the node go on at least `least` steps, and until it is at `place`; stops it there.
    fn until(&self, place: Place, least: usize) -> Place {
        step_until(self.id, place, least, || self.place())
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_kill_between_any_two_steps_of_a_removal_leaves_the_channel_whole_or_nothing_of_it() {
    let scene = Scene::new();
    let mut seen: BTreeMap<Place, usize> = BTreeMap::new();
    let (mut stayed, mut round) = (0, 0);
    let mut node = scene.start();
    while round < 12 || PLACES.iter().any(|place| !seen.contains_key(place)) {
        assert!(round < ROUNDS_MAX, "{seen:?}");
        scene.join().await;
        let whole = scene.order(&node, &format!("round {round}"), ENVELOPES).await;
        let (steps, target) = (Steps::of(&node, scene.ledgers()), PLACES[round % PLACES.len()]);
        let admin = scene.admin.clone();
        // The answer may be lost with the node.
        let removing = std::thread::spawn(move || http::remove(&admin, CHANNEL).code());
        let stepping = tokio::task::spawn_blocking(move || {
            let place = steps.until(target, round % 40);
            node.kill();
            place
        });
        let place = stepping.await.unwrap();
        let is_promised = matches!(removing.join(), Ok(204));
        *seen.entry(place).or_default() += 1;

        node = scene.start();
        let is_joined = scene.is_joined().await;
        assert!(!is_promised || !is_joined, "{place:?}: it was promised that it goes");
        assert_eq!(is_joined, place == Place::Before, "{place:?}");
        scene.join().await;
        let blocks = scene.order(&node, "then", 1).await;
        match is_joined {
            true => {
                assert_eq!(blocks[..whole.len()], whole, "{place:?}");
                stayed += 1;
            }
            false => assert_eq!(envelopes(&blocks), 1, "{place:?}: nothing came back"),
        }
        round += 1;
    }
    assert!(stayed > 0 && stayed < round, "{stayed} of {round} stayed; {seen:?}");
    assert_eq!(node.stop().status.code(), Some(0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_kill_between_any_two_steps_of_a_join_leaves_the_channel_whole_or_nothing_of_it() {
    let scene = Scene::new();
    let (mut joined, mut round) = (0, 0);
    let mut node = scene.start();
    while round < 12 || joined == 0 || joined == round {
        assert!(round < ROUNDS_MAX, "{joined} of {round} joined");
        let pid = Pid::from_raw(node.id().try_into().unwrap()).unwrap();
        let (admin, block) = (scene.admin.clone(), scene.block.clone());
        let joining = std::thread::spawn(move || http::join(&admin, &block).code());
        let stepping = tokio::task::spawn_blocking(move || {
            // The first half-millisecond on the way, then a little more each round.
            std::thread::sleep(STEP * (round % 100) as u32 * 8);
            kill_process(pid, Signal::STOP).unwrap();
            node.kill();
        });
        stepping.await.unwrap();
        let is_promised = matches!(joining.join(), Ok(201));
        node = scene.start();
        let is_joined = scene.is_joined().await;
        assert!(!is_promised || is_joined, "it was promised that it is there");
        if is_joined {
            let admin = scene.admin.clone();
            let removed = tokio::task::spawn_blocking(move || {
                assert_eq!(http::remove(&admin, CHANNEL).code(), 204);
                eventually_blocking("it is gone", || !http::list(&admin).contains(CHANNEL));
            });
            removed.await.unwrap();
            joined += 1;
        }
        round += 1;
    }
    scene.join().await;
    assert_eq!(envelopes(&scene.order(&node, "then", 1).await), 1);
    assert_eq!(node.stop().status.code(), Some(0));
}
