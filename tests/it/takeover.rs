//! A node that begins with the blocks of another orderer, and goes on in the log that they were cut from.

use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use prost::Message as _;
use raddle::client::{Patience, last_config, offsets};
use raddle::identity::Signer;
use raddle::node::Ledgers;
use raddle::orderer::{LEDGERS, Orderer, OrdererSettings};
use raddle::pull::{JoinBlock, Pull};
use raddle_core::ids::BlockNumber;
use raddle_proto::common;
use raddle_proto::hash::hex;
use raddle_proto::wire::{Class, KafkaMessage};
use tempfile::TempDir;
use tokio::sync::watch;

use crate::client::double::{Double, Manner};
use crate::harness::orderer::{append, blocks_of, channel, put_blocks, reach, same, settings, wait_for_halt};
use crate::harness::{Recorded, golden};

/// Pulls the channel's first blocks from an orderer that has no more of them.
async fn pull(folder: &Path, recorded: &Recorded, tip: usize) {
    let blocks = recorded.blocks[..=tip].to_vec();
    let joined = usize::try_from(last_config(&blocks[tip]).unwrap()).unwrap();
    let joined = JoinBlock::read(blocks[joined].encode_to_vec().into()).unwrap();
    let double = Double::start(blocks, Manner::Fair);
    let ledgers = Ledgers::at(folder.join(LEDGERS));
    ledgers.make_folder().unwrap();
    let signer = Arc::new(Signer::from_msp_dir("OrdererMSP", &golden("orderer-msp")).unwrap());
    let (sources, patience, height) =
        (vec![double.address.clone()], Patience::default(), watch::Sender::default());
    let told = height.subscribe();
    let pull = Pull { ledgers, joined, signer, sources, tls: None, patience, height };
    let pulled = pull.run(&mut |_| {}).await.unwrap();
    assert_eq!(pulled.tip, BlockNumber(tip as u64));
    assert_eq!(*told.borrow(), tip as u64 + 1);
}

/// A node on these records and the channel's first blocks.
async fn begin(recorded: &Recorded, tip: usize, records: &[Bytes]) -> (TempDir, Orderer) {
    let folder = TempDir::new().unwrap();
    pull(folder.path(), recorded, tip).await;
    append(folder.path(), "mychannel", records).await;
    let settings = OrdererSettings { genesis: Vec::new(), ..settings(folder.path(), Bytes::new()) };
    let orderer = Orderer::start(settings).await.unwrap();
    (folder, orderer)
}

fn last_persisted(block: &common::Block) -> usize {
    usize::try_from(offsets(block).unwrap().last_offset_persisted).unwrap()
}

/// Blocks behind which a restart is not what it seems: before and behind config blocks, and the one that a time-to-cut
/// ended after configs had been appended again; and some others.
fn places(recorded: &Recorded) -> Vec<usize> {
    let last = recorded.blocks.len() - 2;
    let is_config = |number: &usize| last_config(&recorded.blocks[*number]).unwrap() == *number as u64;
    let around = (1..last).filter(is_config).flat_map(|number| [number - 1, number, number + 1]);
    let every = if std::env::var_os("RADDLE_SOAK").is_some() { 1 } else { 5 };
    let by_time = recorded.cut_by_time();
    let some = around.step_by(every).chain((1..last).step_by(9 * every));
    let mut places: Vec<usize> = some.chain([1, by_time - 1, by_time, by_time + 1, last]).collect();
    places.retain(|place| (1..=last).contains(place));
    places.sort_unstable();
    places.dedup();
    places
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn wherever_a_go_orderers_ledger_is_taken_over_the_next_blocks_are_its_own() {
    let recorded = Recorded::mychannel();
    let records = recorded.records();
    for tip in places(&recorded) {
        let (_folder, orderer) = begin(&recorded, tip, &records).await;
        reach(&channel(&orderer), recorded.blocks.len() as u64).await;
        let blocks = blocks_of(&channel(&orderer), recorded.blocks.len());
        assert_eq!(&blocks[..=tip], &recorded.blocks[..=tip], "as they were pulled");
        same(&blocks, &recorded.blocks);
        orderer.stop().await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_that_took_over_starts_again_like_any_other() {
    let recorded = Recorded::mychannel();
    let records = recorded.records();
    let tip = recorded.cut_by_time();
    let (of_the_blocks, rest) = records.split_at(last_persisted(&recorded.blocks[tip]) + 1);
    // The first start commits nothing, the third finds what the second has committed.
    let (folder, orderer) = begin(&recorded, tip, of_the_blocks).await;
    reach(&channel(&orderer), tip as u64 + 1).await;
    orderer.stop().await.unwrap();
    append(folder.path(), "mychannel", rest).await;
    for _ in 0..2 {
        let settings = OrdererSettings { genesis: Vec::new(), ..settings(folder.path(), Bytes::new()) };
        let orderer = Orderer::start(settings).await.unwrap();
        reach(&channel(&orderer), recorded.blocks.len() as u64).await;
        same(&blocks_of(&channel(&orderer), recorded.blocks.len()), &recorded.blocks);
        orderer.stop().await.unwrap();
    }
}

/// The channel halts, says this, and nothing is behind its pulled blocks.
async fn halts(recorded: &Recorded, tip: usize, records: &[Bytes], says: &[&str]) {
    let (_folder, orderer) = begin(recorded, tip, records).await;
    let halt = wait_for_halt(&orderer).await;
    for says in says {
        assert!(halt.contains(says), "{halt}\nwanted: {says}");
    }
    assert_eq!(channel(&orderer).ledger().height(), tip as u64 + 1);
    orderer.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_log_halts_the_channel_with_what_is_here_and_what_is_there() {
    let recorded = Recorded::mychannel();
    let records = recorded.records();
    let tip = 100;
    let end = last_persisted(&recorded.blocks[tip]);
    let place = format!("block 100 was pulled from another orderer and was cut at offset {end} of its log: ");
    let beyond = |count: usize| {
        format!("the ordered log ends before offset {end}, its next record will have offset {count}")
    };
    // A topic made anew, and one that was cut off.
    halts(&recorded, tip, &[KafkaMessage::Connect.marshal()], &[&place, &beyond(1)]).await;
    halts(&recorded, tip, &records[..end], &[&place, &beyond(end)]).await;
    // Made anew, and grown past the place: nothing in it is an envelope.
    let connects = vec![KafkaMessage::Connect.marshal(); end + 50];
    halts(
        &recorded,
        tip,
        &connects,
        &["makes no block 85 of its records up to there", "Ordering in raddle.yaml"],
    )
    .await;
    halts(&recorded, tip, &connects[..=end], &["makes no block 85 of its records up to there"]).await;
    // The same records but one, and the same records one place on.
    let mut changed = records.clone();
    let at = (0..=end).rev().find(|at| is_new_envelope(&changed[*at])).unwrap();
    changed[at] = changed[at - 200].clone();
    assert!(is_new_envelope(&changed[at]));
    let hash = raddle::client::block_hash(recorded.blocks[tip].header.as_ref().unwrap());
    let hash = hex(&hash);
    halts(
        &recorded,
        tip,
        &changed,
        &[&format!("block 100 was pulled from another orderer and has hash {hash}")],
    )
    .await;
    let shifted: Vec<Bytes> =
        [KafkaMessage::Connect.marshal()].into_iter().chain(records.iter().cloned()).collect();
    halts(&recorded, tip, &shifted, &["it is not the log that the blocks were cut from"]).await;
}

fn is_new_envelope(record: &Bytes) -> bool {
    let message = KafkaMessage::unmarshal(record.clone());
    matches!(message, Ok(KafkaMessage::Regular(it)) if it.class == Class::Normal && it.original_offset == 0)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn blocks_that_no_log_ordered_are_not_gone_on_from() {
    let mut recorded = Recorded::mychannel();
    let folder = TempDir::new().unwrap();
    recorded.blocks.truncate(4);
    let block = &mut recorded.blocks[3];
    let entry = common::Metadata::default().encode_to_vec();
    block.metadata.as_mut().unwrap().metadata[0] = entry.into();
    put_blocks(folder.path(), "mychannel", &recorded.blocks);
    let settings = OrdererSettings { genesis: Vec::new(), ..settings(folder.path(), Bytes::new()) };
    let orderer = Orderer::start(settings).await.unwrap();
    let halt = wait_for_halt(&orderer).await;
    assert!(
        halt.starts_with("block 3 was pulled from another orderer and names no offset in an ordered log"),
        "{halt}"
    );
    orderer.stop().await.unwrap();
}
