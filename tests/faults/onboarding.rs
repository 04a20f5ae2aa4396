//! `kill -9` between the steps of a join whose blocks are pulled from another orderer, and of its removal.
//!
//! Where the node is, the names in its folder of ledgers tell. Wherever it is killed, what was promised holds: a
//! channel that was answered to be joined is there after the next start and comes to have all blocks, and one that was
//! answered to be removed is not, and nothing of it is left.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::process::Command;

use prost::Message as _;
use raddle::client::{Client, Patience};
use raddle::network::DevNetwork;
use raddle_proto::common::Block;
use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;
use tokio::task::spawn_blocking;

use crate::admin::{Admin, with_value};
use crate::client::Sender;
use crate::eventually::eventually_async;
use crate::http;
use crate::ports::free_port;
use crate::process::{Node, names_in};
use crate::steps::step_until;

const CHANNEL: &str = "demo";

/// More rounds than are ever needed.
const ROUNDS_MAX: usize = 200;

/// How far a join is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Join {
    Nothing,
    BlockKept,
    Pulling,
    Named,
    Joined,
}

/// How far a removal is, of a channel whose blocks are being pulled.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Removal {
    Before,
    Renamed,
    BlockGone,
    Gone,
}

/// An orderer that has the channel, and the folder of one that has not.
struct Scene {
    folder: TempDir,
    source: Node,
    admin: String,
    /// The block to join by.
    block: Vec<u8>,
    blocks: Vec<Vec<u8>>,
}

fn free_address() -> String {
    format!("127.0.0.1:{}", free_port())
}

impl Scene {
    async fn new() -> Self {
        let (folder, listen, admin) = (TempDir::new().unwrap(), free_address(), free_address());
        let mut command = Command::new(env!("CARGO_BIN_EXE_raddle"));
        // The channel's config names the address.
        command.args(["dev", "--listen", &listen, "--folder"]).arg(folder.path().join("source"));
        let source = Node::run(&mut command);
        let network = DevNetwork::read(&folder.path().join("source/network")).unwrap();
        let blocks = history(&network, &listen).await;
        let joined = &blocks
            [usize::try_from(raddle::client::last_config(&blocks[blocks.len() - 1]).unwrap()).unwrap()];
        assert!(joined.header.as_ref().unwrap().number > 0);
        let block = joined.encode_to_vec();
        let blocks = blocks.iter().map(Block::encode_to_vec).collect();
        let (msp_id, msp_dir) = network.orderer();
        let orderer = format!(
            "General:\n  ListenPort: {}\n  LocalMSPDir: {}\n  LocalMSPID: {msp_id}\n  BootstrapMethod: none\n\
             FileLedger:\n  Location: state\nAdmin:\n  ListenAddress: {admin}\n\
             ChannelParticipation:\n  Enabled: true\n",
            free_address().rsplit_once(':').unwrap().1,
            msp_dir.display()
        );
        fs::create_dir(folder.path().join("node")).unwrap();
        fs::write(folder.path().join("node/orderer.yaml"), orderer).unwrap();
        // The log is away: what is pulled is what there is.
        let ordering = "Ordering: {channels: {demo: ['127.0.0.1:1']}}\n";
        fs::write(folder.path().join("node/raddle.yaml"), ordering).unwrap();
        Self { folder, source, admin, block, blocks }
    }

    fn start(&self) -> Node {
        Node::start_by_settings(&self.folder.path().join("node"))
    }

    fn ledgers(&self) -> PathBuf {
        self.folder.path().join("node/state/ledgers")
    }

    async fn asked<T: Send + 'static>(&self, ask: impl FnOnce(&str) -> T + Send + 'static) -> T {
        http::asked(&self.admin, ask).await
    }

    async fn is_listed(&self) -> bool {
        self.asked(|admin| http::list(admin).contains(CHANNEL)).await
    }

    /// Waits until the channel has all blocks; they are the other's.
    async fn has_all(&self) {
        let end = format!("\"status\":\"active\",\"height\":{}}}\n", self.blocks.len());
        let info = async || self.asked(|admin| http::info(admin, CHANNEL).text().to_owned()).await;
        eventually_async(&end, async || info().await.ends_with(&end)).await;
        for (number, block) in self.blocks.iter().enumerate() {
            let path = format!("{}/{CHANNEL}/blocks/{number}", http::CHANNELS);
            let found = self.asked(move |admin| http::ask(admin, "GET", &path, &[], b"")).await;
            assert!(found.code() == 200 && found.body == *block, "block {number}");
        }
    }

    /// Removes the channel; nothing of it is left.
    async fn remove(&self) {
        assert_eq!(self.asked(|admin| http::remove(admin, CHANNEL).code()).await, 204);
        eventually_async("it is gone", async || !self.is_listed().await).await;
        assert_eq!(self.files(), [".removed"]);
    }

    fn files(&self) -> Vec<String> {
        names_in(&self.ledgers())
    }

    fn signal_source(&self, signal: Signal) {
        kill_process(Pid::from_raw(self.source.id().try_into().unwrap()).unwrap(), signal).unwrap();
    }
}

/// A config block in the middle of some megabytes of others.
async fn history(network: &DevNetwork, address: &str) -> Vec<Block> {
    let (admin, mut sender) = (Admin::of(network), Sender::of(network));
    let client = Client::connect(address, Patience::default()).await.unwrap();
    assert_eq!(sender.send_some(address, 30_000, 300).await, [""; 0]);
    let config = admin.config(&client).await.unwrap().config;
    let changed = with_value(&config, "/Channel/Orderer/BatchTimeout/timeout", "1s");
    admin.change_now(&client, &config, &changed).await.unwrap();
    assert_eq!(sender.send_some(address, 30_000, 300).await, [""; 0]);
    sender.all_is_in_one_block_each(address).await;
    let newest = admin.newest(&client).await.unwrap().header.unwrap().number;
    let mut deliveries = admin.blocks_from(&client, 0);
    let mut blocks = Vec::new();
    for _ in 0..=newest {
        blocks.push(deliveries.next().await.unwrap().unwrap());
    }
    blocks
}

fn join(ledgers: &std::path::Path) -> Join {
    let is_there = |name: &str| ledgers.join(name).exists();
    match (is_there(CHANNEL), is_there(".join-block.demo"), is_there(".joining-demo")) {
        (true, true, _) => Join::Named,
        (true, false, _) => Join::Joined,
        (false, true, true) => Join::Pulling,
        (false, true, false) => Join::BlockKept,
        (false, false, _) => Join::Nothing,
    }
}

fn removal(ledgers: &std::path::Path) -> Removal {
    let is_there = |name: &str| ledgers.join(name).exists();
    match (is_there(".removing.demo"), is_there(".join-block.demo")) {
        (false, true) => Removal::Before,
        (true, true) => Removal::Renamed,
        (true, false) => Removal::BlockGone,
        (false, false) => Removal::Gone,
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_kill_between_any_two_steps_of_a_join_that_pulls_leaves_a_channel_that_comes_to_have_all_blocks() {
    const PLACES: [Join; 4] = [Join::BlockKept, Join::Pulling, Join::Named, Join::Joined];
    let scene = Scene::new().await;
    let mut seen: BTreeMap<Join, usize> = BTreeMap::new();
    let (mut node, mut round) = (scene.start(), 0);
    while round < 8 || PLACES.iter().any(|place| !seen.contains_key(place)) {
        assert!(round < ROUNDS_MAX, "{seen:?}");
        let (admin, block) = (scene.admin.clone(), scene.block.clone());
        // The answer may be lost with the node.
        let joining = std::thread::spawn(move || http::join(&admin, &block).code());
        // Killed once, and every other time once more while it goes on.
        for kill in 0..=round % 2 {
            let (ledgers, target) = (scene.ledgers(), PLACES[(round / 2 + kill) % PLACES.len()]);
            let stepping = spawn_blocking(move || {
                let place = step_until(node.id(), target, round % 7, || join(&ledgers));
                node.kill();
                place
            });
            let place = stepping.await.unwrap();
            *seen.entry(place).or_default() += 1;
            node = scene.start();
            assert_eq!(scene.is_listed().await, place != Join::Nothing, "{place:?}");
            if place == Join::Nothing {
                break;
            }
        }
        let is_promised = matches!(joining.join(), Ok(201));
        assert!(!is_promised || scene.is_listed().await, "it was promised that it is joined");
        if scene.is_listed().await {
            scene.has_all().await;
            scene.remove().await;
        }
        round += 1;
    }
    assert_eq!(node.stop().status.code(), Some(0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_kill_between_any_two_steps_of_the_removal_of_such_a_join_leaves_it_whole_or_nothing_of_it() {
    const PLACES: [Removal; 4] = [Removal::Before, Removal::Renamed, Removal::BlockGone, Removal::Gone];
    let scene = Scene::new().await;
    let mut seen: BTreeMap<Removal, usize> = BTreeMap::new();
    let (mut node, mut round) = (scene.start(), 0);
    while round < 8 || PLACES.iter().any(|place| !seen.contains_key(place)) {
        assert!(round < ROUNDS_MAX, "{seen:?}");
        let (block, ledgers, id) = (scene.block.clone(), scene.ledgers(), node.id());
        assert_eq!(scene.asked(move |admin| http::join(admin, &block).code()).await, 201);
        // Some blocks are there, and no more come.
        let place =
            spawn_blocking(move || step_until(id, Join::Pulling, 0, || join(&ledgers))).await.unwrap();
        scene.signal_source(Signal::STOP);
        kill_process(Pid::from_raw(id.try_into().unwrap()).unwrap(), Signal::CONT).unwrap();
        if place == Join::Pulling {
            let (admin, ledgers, target) =
                (scene.admin.clone(), scene.ledgers(), PLACES[round % PLACES.len()]);
            let removing = std::thread::spawn(move || http::remove(&admin, CHANNEL).code());
            let stepping = spawn_blocking(move || {
                let place = step_until(node.id(), target, round % 7, || removal(&ledgers));
                node.kill();
                place
            });
            let place = stepping.await.unwrap();
            let is_promised = matches!(removing.join(), Ok(204));
            *seen.entry(place).or_default() += 1;
            scene.signal_source(Signal::CONT);
            node = scene.start();
            let is_listed = scene.is_listed().await;
            assert!(!is_promised || !is_listed, "{place:?}: it was promised that it goes");
            assert_eq!(is_listed, place <= Removal::Renamed, "{place:?}");
            if !is_listed {
                assert_eq!(scene.files(), [".removed"], "{place:?}");
            }
        } else {
            scene.signal_source(Signal::CONT);
        }
        if scene.is_listed().await {
            scene.has_all().await;
            scene.remove().await;
        }
        round += 1;
    }
    assert_eq!(node.stop().status.code(), Some(0));
}
