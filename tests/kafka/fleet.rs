//! Orderers that share a broker, killed at any moment while their channel gets a filter and a batch policy: the same
//! blocks on all, and everything acknowledged in exactly one of them. Without RADDLE_1_0, as beside Go orderers, in at
//! least one, and in several only where it was appended again.

use std::collections::{BTreeMap, BTreeSet};
use std::hash::{BuildHasher as _, RandomState};
use std::path::PathBuf;
use std::time::{Instant, SystemTime};

use bytes::Bytes;
use futures_util::StreamExt as _;
use raddle::admin::modules::{OWNER, with};
use raddle::client::{Client, Patience};
use raddle::network::DevNetwork;
use raddle_core::ids::{ChannelId, Offset};
use raddle_ordering::OrderedLog as _;
use raddle_ordering::kafka::KafkaLog;
use raddle_proto::common::Config;
use raddle_proto::wire::{Envelope, KafkaMessage};
use tempfile::TempDir;

use crate::broker::Broker;
use crate::harness::admin::{Admin, batch_policy, filter, guard, with_value};
use crate::harness::eventually::{eventually_async, in_time};
use crate::harness::filters::refuses_longer;
use crate::harness::process::Node;
use crate::harness::sender::{Followed, Sender};
use crate::ledgers::all_is_in_equal_ledgers;
use crate::settings::{kafka_of, write_for};

pub const ORDERERS: usize = 3;

/// Rounds, in each of which one orderer is killed.
const KILLS: usize = 20;

/// Bytes of an envelope's data.
const BYTES: usize = 2000;

/// Least envelopes that are acknowledged in all.
fn envelopes_min() -> usize {
    if std::env::var_os("RADDLE_SOAK").is_some() { 100_000 } else { 10_000 }
}

/// Most answers that an orderer gives in a round: with half of it on average, all rounds make about so many envelopes.
fn answers_max() -> u64 {
    (envelopes_min() / ORDERERS / KILLS * 2) as u64
}

/// Refusals, but for those of an orderer whose disk or processors are too busy to follow the log: it asks to wait, and
/// what it refused is in no block.
fn but_for_waits(mut refusals: Vec<String>) -> Vec<String> {
    refusals.retain(|refusal| !refusal.ends_with("is behind the channel's log; try again later"));
    refusals
}

/// Three orderers of one channel, each a process, and a client of each.
pub struct Fleet {
    pub folders: Vec<PathBuf>,
    pub nodes: Vec<Node>,
    pub senders: Vec<Sender>,
    pub network: DevNetwork,
    admin: Admin,
    pub broker: Broker,
    _folder: TempDir,
}

impl Fleet {
    pub fn start() -> Self {
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
        let admin = Admin::of(&network);
        Self { folders, nodes, senders, network, admin, broker, _folder: folder }
    }

    async fn client(&self, orderer: usize) -> Client {
        Client::connect(&self.nodes[orderer].address, Patience::default()).await.unwrap()
    }

    /// Changes the channel's config at one orderer.
    pub async fn change(&self, orderer: usize, change: impl FnOnce(&Config) -> Config) {
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
        assert_eq!(but_for_waits([refusals.0, refusals.1, refusals.2].concat()), [""; 0]);
        self.nodes.insert(victim, Node::start_by_settings(&folder));
    }

    fn acknowledged(&self) -> BTreeSet<Bytes> {
        self.senders.iter().flat_map(|sender| sender.acknowledged.iter().cloned()).collect()
    }

    /// Sends more until there are as many envelopes as there should be.
    async fn fill(&mut self) {
        loop {
            let missing = envelopes_min().saturating_sub(self.acknowledged().len());
            if missing == 0 {
                return;
            }
            eventually_async("more is taken", async || {
                let before = self.acknowledged().len();
                let refusals = self.senders[0].send_some(&self.nodes[0].address, BYTES, missing).await;
                assert_eq!(but_for_waits(refusals), [""; 0]);
                self.acknowledged().len() > before
            })
            .await;
        }
    }

    /// Everything acknowledged is in a block of each orderer, and the orderers have equal blocks.
    pub async fn all_is_in_equal_ledgers(&mut self) -> Followed {
        self.senders[0].acknowledged = self.acknowledged();
        let addresses: Vec<_> = self.nodes.iter().map(|node| node.address.clone()).collect();
        all_is_in_equal_ledgers(&self.senders[0], &self.admin, &addresses).await
    }

    /// Where the channel's topic has each envelope, by its signature: its offset there, and its original one.
    async fn records(&self) -> BTreeMap<Bytes, Vec<(Offset, i64)>> {
        let log = KafkaLog::open(kafka_of(&self.broker)).unwrap();
        let channel = ChannelId("demo".into());
        let end = log.append(&channel, KafkaMessage::Connect.marshal()).await.unwrap();
        let (mut records, mut places) = (log.read(&channel, Offset(0)), BTreeMap::<_, Vec<_>>::new());
        loop {
            let record = in_time("another record comes", records.next()).await.unwrap().unwrap();
            if record.offset == end {
                tokio::task::spawn_blocking(move || drop((records, log))).await.unwrap();
                return places;
            }
            if let KafkaMessage::Regular(regular) = KafkaMessage::unmarshal(record.value).unwrap() {
                let envelope = Envelope::unmarshal(regular.payload).unwrap();
                let signature = Bytes::copy_from_slice(envelope.signature());
                places.entry(signature).or_default().push((record.offset, regular.original_offset));
            }
        }
    }

    /// What came of it, for those who watch, and how long it took.
    fn tell(&self, followed: &Followed, began: Instant) {
        println!(
            "{} envelopes of {BYTES} bytes acknowledged, {} committed in {} blocks, {} of them doubled; {} s",
            self.senders[0].acknowledged.len(),
            followed.places.len(),
            followed.height,
            followed.doubles().count(),
            began.elapsed().as_secs(),
        );
    }

    pub fn stop(self) {
        for node in self.nodes {
            let ended = node.stop();
            assert!(ended.status.success(), "{}", ended.said);
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn orderers_that_are_killed_and_reloaded_have_equal_ledgers_and_lose_and_double_nothing() {
    let (mut fleet, random, began) = (Fleet::start(), RandomState::new(), Instant::now());
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
            10 => fleet.change(2, |config| with(config, &batch_policy(config), OWNER).unwrap()).await,
            _ => {}
        }
        fleet.round(kill % ORDERERS, answers).await;
    }
    fleet.fill().await;
    let followed = fleet.all_is_in_equal_ledgers().await;
    fleet.tell(&followed, began);
    assert_eq!(followed.doubles().collect::<Vec<_>>(), []);
    fleet.stop();
}

/// The config changes while envelopes are on their way, so that all orderers append those again which are stale.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_the_capability_an_envelope_is_in_several_blocks_only_if_it_was_appended_again() {
    let (mut fleet, random, began) = (Fleet::start(), RandomState::new(), Instant::now());
    for kill in 0..KILLS {
        let victim = kill % ORDERERS;
        let answers = [0, 1, 2].map(|place| random.hash_one((kill, place)));
        let (admin, client) = (fleet.admin.clone(), fleet.client((victim + 1) % ORDERERS).await);
        let change = tokio::spawn(async move {
            admin.change_until_taken(&client, |config| with(config, &guard(config), OWNER).unwrap()).await
        });
        fleet.round(victim, answers).await;
        assert!(change.await.unwrap().unwrap());
    }
    fleet.fill().await;
    let followed = fleet.all_is_in_equal_ledgers().await;
    fleet.tell(&followed, began);
    let records = fleet.records().await;
    let is_again = |records: &Vec<(Offset, i64)>| records.iter().any(|(_, original)| *original > 0);
    assert!(records.values().any(is_again), "nothing was appended again");
    for (signature, blocks) in followed.doubles() {
        let records = &records[signature];
        assert!(is_again(records), "in blocks {blocks:?}, of records {records:?}");
    }
    fleet.stop();
}
