//! Orderers that share a broker, killed at any moment while their channel gets a filter and a batch policy: the same
//! blocks on all, and everything acknowledged in exactly one of them.

use std::collections::BTreeSet;
use std::hash::{BuildHasher as _, RandomState};
use std::path::PathBuf;
use std::time::SystemTime;

use bytes::Bytes;
use raddle::admin::modules::{Kind, OWNER, Spec, with};
use raddle::client::{Client, Patience};
use raddle::network::DevNetwork;
use raddle_proto::common::{Block, Config};
use raddle_rules::profile::ModuleLimits;
use tempfile::TempDir;

use crate::broker::Broker;
use crate::harness::admin::{Admin, filter, with_value};
use crate::harness::filters::refuses_longer;
use crate::harness::process::Node;
use crate::harness::sender::Sender;
use crate::harness::{dist, metadata_values};
use crate::settings::write_for;

const ORDERERS: usize = 3;

/// Rounds, in each of which one orderer is killed.
const KILLS: usize = 20;

/// Bytes of an envelope's data.
const BYTES: usize = 2000;

/// Most answers that an orderer gives in a round: thousands of envelopes in all, with `RADDLE_SOAK` a hundred thousand.
fn answers_max() -> u64 {
    if std::env::var_os("RADDLE_SOAK").is_some() { 4000 } else { 400 }
}

/// Three orderers of one channel, each a process, and a client of each.
struct Fleet {
    folders: Vec<PathBuf>,
    nodes: Vec<Node>,
    senders: Vec<Sender>,
    admin: Admin,
    _broker: Broker,
    _folder: TempDir,
}

impl Fleet {
    fn start() -> Self {
        let (broker, folder) = (Broker::start(&[]), TempDir::new().unwrap());
        let path = folder.path().join("network");
        let network = DevNetwork::generate(&path, "127.0.0.1:7050", SystemTime::now()).unwrap();
        let folders: Vec<_> =
            (0..ORDERERS).map(|number| folder.path().join(format!("orderer{number}"))).collect();
        for folder in &folders {
            std::fs::create_dir(folder).unwrap();
            write_for(folder, &network, &broker);
        }
        let nodes = folders.iter().map(|folder| Node::start_by_settings(folder)).collect();
        let senders = (0..ORDERERS).map(|_| Sender::of(&network)).collect();
        Self { folders, nodes, senders, admin: Admin::of(&network), _broker: broker, _folder: folder }
    }

    async fn client(&self, orderer: usize) -> Client {
        Client::connect(&self.nodes[orderer].address, Patience::default()).await.unwrap()
    }

    /// Changes the channel's config at one orderer.
    async fn change(&self, orderer: usize, change: impl FnOnce(&Config) -> Config) {
        let client = self.client(orderer).await;
        let config = self.admin.config(&client).await.unwrap().config.clone();
        self.admin.change_now(&client, &config, &change(&config)).await.unwrap();
    }

    /// Sends to all; one orderer is killed after so many answers of its own, and started again at the end.
    async fn round(&mut self, victim: usize, answers: [u64; ORDERERS]) {
        let folder = self.folders[victim].clone();
        let node = self.nodes.remove(victim);
        let [count, first, second] = answers.map(|count| usize::try_from(count % answers_max()).unwrap());
        let address = node.address.clone();
        let others: Vec<_> = self.nodes.iter().map(|node| node.address.clone()).collect();
        let mut senders: Vec<_> = self.senders.iter_mut().collect();
        let killed = senders.remove(victim);
        let [one, two] = senders.try_into().ok().unwrap();
        let refusals = tokio::join!(
            killed.send(&address, BYTES, count, || node.kill()),
            one.send_some(&others[0], BYTES, first),
            two.send_some(&others[1], BYTES, second),
        );
        assert_eq!([refusals.0, refusals.1, refusals.2].concat(), [""; 0]);
        self.nodes.insert(victim, Node::start_by_settings(&folder));
    }

    fn acknowledged(&self) -> BTreeSet<Bytes> {
        self.senders.iter().flat_map(|sender| sender.acknowledged.iter().cloned()).collect()
    }

    /// The blocks of an orderer up to this height.
    async fn blocks(&self, orderer: usize, height: u64) -> Vec<Block> {
        let mut deliveries = self.admin.blocks_from(&self.client(orderer).await, 0);
        let mut blocks = Vec::new();
        while (blocks.len() as u64) < height {
            blocks.push(deliveries.next().await.unwrap().unwrap());
        }
        blocks
    }
}

fn batch_policy() -> Spec {
    let (component, limits) = (dist("batch-count-and-bytes.wasm"), ModuleLimits::default());
    Spec {
        kind: Kind::BatchPolicy,
        fuel: limits.fuel_per_call(),
        memory_bytes: limits.memory_bytes(),
        ..filter("batch-count-and-bytes", component, &[])
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn orderers_that_are_killed_and_reloaded_have_equal_ledgers_and_lose_and_double_nothing() {
    let (mut fleet, random) = (Fleet::start(), RandomState::new());
    let capability = "/Channel/Orderer/Capabilities/capabilities/RADDLE_1_0";
    fleet.change(0, |config| with_value(config, capability, "{}")).await;
    for kill in 0..KILLS {
        let answers = [0, 1, 2].map(|place| random.hash_one((kill, place)));
        match kill {
            5 => {
                let component = refuses_longer();
                let spec = filter("short", component, &[("bytes", "1000000")]);
                fleet.change(1, |config| with(config, &spec, OWNER).unwrap()).await;
            }
            10 => fleet.change(2, |config| with(config, &batch_policy(), OWNER).unwrap()).await,
            _ => {}
        }
        fleet.round(kill % ORDERERS, answers).await;
    }
    let acknowledged = fleet.acknowledged();
    assert!(acknowledged.len() as u64 > answers_max());
    let newest = fleet.admin.newest(&fleet.client(0).await).await.unwrap();
    for (orderer, node) in fleet.nodes.iter().enumerate() {
        fleet.senders[orderer].acknowledged = acknowledged.clone();
        fleet.senders[orderer].all_is_in_one_block_each(&node.address).await;
    }
    let height = newest.header.unwrap().number + 1;
    let first = fleet.blocks(0, height).await;
    for orderer in 1..ORDERERS {
        for (ours, theirs) in first.iter().zip(fleet.blocks(orderer, height).await) {
            assert_eq!((&ours.header, &ours.data), (&theirs.header, &theirs.data), "orderer {orderer}");
            assert_eq!(metadata_values(ours), metadata_values(&theirs), "orderer {orderer}");
        }
    }
    for node in fleet.nodes {
        let ended = node.stop();
        assert!(ended.status.success(), "{}", ended.said);
    }
}
