//! One node on its own log, all at once: load, configs with modules that come and go, and `kill -9`. What was
//! acknowledged is in the ledger, once unless it was sent again; the ledger is whole; and the node does not grow.
//!
//! A quarter of a minute; with `RADDLE_SOAK=1` (`cargo xtask soak scenes`) `SOAK_SECONDS`, 900 where nobody says.

use std::collections::{BTreeMap, BTreeSet};
use std::hash::{BuildHasher as _, RandomState};
use std::path::Path;
use std::time::{Duration, Instant, SystemTime};

use bytes::Bytes;
use prost::Message as _;
use raddle::client::{Client, Patience, Place, Verifier, range};
use raddle::network::DevNetwork;
use raddle_core::ids::{BlockNumber, ChannelId};
use raddle_ledger::{Ledger, Settings};
use raddle_proto::common::Block;
use raddle_proto::wire::Envelope;
use tempfile::TempDir;
use tokio::sync::watch;
use tokio::task::block_in_place;
use tokio::time::{sleep_until, timeout};

use crate::admin::{Admin, with_value};
use crate::endurance::{Done, Endurance, Times, memory_is_flat};
use crate::process::Node;
use crate::soak::soak_time;

const CLIENTS: usize = 4;

/// Follows the chain of hashes and signatures from block 0 on, as it is on the disk. Answers the height, and the blocks
/// of each envelope by its signature.
fn read(folder: &Path) -> (u64, BTreeMap<Bytes, Vec<u64>>) {
    let channel = ChannelId("demo".into());
    let ledger = Ledger::open(&folder.join("ledgers/demo"), &channel, &Settings::default()).unwrap();
    ledger.verify(|_, _| {}).unwrap();
    let (mut verifier, mut places) = (Verifier::from_start(channel), BTreeMap::<_, Vec<_>>::new());
    for number in 0..ledger.height() {
        let block = Block::decode(ledger.block(BlockNumber(number)).unwrap().unwrap()).unwrap();
        assert_eq!(verifier.verify(&block).unwrap().number, number);
        for envelope in block.data.unwrap().data {
            let envelope = Envelope::unmarshal(envelope).unwrap();
            places.entry(Bytes::copy_from_slice(envelope.signature())).or_default().push(number);
        }
    }
    (ledger.height(), places)
}

/// Reads the channel from block 0 on until all that was acknowledged has come, or for a minute. What is pending when a
/// node stops is in its log and in no block.
async fn wait_for_blocks(admin: &Admin, address: &str, acknowledged: &BTreeSet<Bytes>) {
    let client = Client::connect(address, Patience::default()).await.unwrap();
    let seek = range(Place::Oldest, Place::Number(u64::MAX), true);
    let seek = admin.client().seek(admin.channel(), &seek, SystemTime::now()).unwrap();
    let (mut blocks, mut missing) = (client.deliver(&seek), acknowledged.clone());
    let all = async {
        while !missing.is_empty() {
            for envelope in blocks.next().await.unwrap().unwrap().data.unwrap().data {
                missing.remove(Envelope::unmarshal(envelope).unwrap().signature());
            }
        }
    };
    let _ = timeout(Duration::from_secs(60), all).await;
}

/// Without the capability a batch policy of the channel's own is refused.
async fn allow_batch_policies(admin: &Admin, address: &str) {
    let capability = "/Channel/Orderer/Capabilities/capabilities/RADDLE_1_0";
    let client = Client::connect(address, Patience::default()).await.unwrap();
    let config = admin.config(&client).await.unwrap().config;
    admin.change_now(&client, &config, &with_value(&config, capability, "{}")).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_node_with_load_reloads_and_kills_loses_nothing_and_does_not_grow() {
    let folder = TempDir::new().unwrap();
    let folder = folder.path().join("state");
    let all = soak_time(900).unwrap_or(Duration::from_secs(15));
    let (random, began) = (RandomState::new(), Instant::now());
    let mut node = block_in_place(|| Node::start(&folder));
    let network = DevNetwork::read(&folder.join("network")).unwrap();
    let address = watch::Sender::new(node.address.clone());
    allow_batch_policies(&Admin::of(&network), &node.address).await;
    let endurance = Endurance::start(&network, &[address.subscribe()], CLIENTS, all / 120);
    let (times, mut kills) = (Times::of(all), 0u64);
    while Instant::now() < times.kills_end {
        times.pause(random.hash_one(kills)).await;
        node = block_in_place(|| {
            node.kill();
            Node::start(&folder)
        });
        address.send_replace(node.address.clone());
        kills += 1;
    }
    sleep_until(times.first_look.into()).await;
    let before = endurance.memory_at_rest(|| vec![node.id()]).await;
    sleep_until(times.end.into()).await;
    let after = endurance.memory_at_rest(|| vec![node.id()]).await;
    let Done { acknowledged, uncertain, fates, refused, broken, reloads } = endurance.end().await;
    wait_for_blocks(&Admin::of(&network), &node.address, &acknowledged).await;
    let ended = block_in_place(|| node.stop());
    assert_eq!(ended.status.code(), Some(0), "{}", ended.said);
    let (height, places) = block_in_place(|| read(&folder));
    let doubled: Vec<_> = places.iter().filter(|(_, blocks)| blocks.len() > 1).collect();
    println!(
        "one node, {} s: {kills} kills, {reloads} reloads, {} envelopes acknowledged, {height} blocks; {refused} \
         refused and sent again, {broken} streams broke, {} of unknown fate sent again, {} in two blocks; {} MiB at \
         rest, then {} MiB",
        began.elapsed().as_secs(),
        acknowledged.len(),
        uncertain.len(),
        doubled.len(),
        before[0] >> 20,
        after[0] >> 20,
    );
    let lost = acknowledged.iter().filter(|signature| !places.contains_key(*signature)).count();
    assert_eq!(lost, 0, "acknowledged and in no block");
    let unexplained = doubled.iter().filter(|(signature, _)| !uncertain.contains(*signature));
    let unexplained: Vec<_> =
        unexplained.map(|(signature, blocks)| (blocks, fates.get(*signature))).collect();
    assert!(unexplained.is_empty(), "{unexplained:?}");
    assert!(kills > 2);
    memory_is_flat(&before, &after);
}
