//! Envelopes that were admitted under an older config than they are met under, and time-to-cuts that the log does not
//! take at once: nothing is lost, and no block runs ahead of what must be durable first.

use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use prost::Message as _;
use raddle::node::{Ledgers, Node};
use raddle_core::chain::Note;
use raddle_core::cutter::CutReason;
use raddle_core::ids::{BlockNumber, ChannelId, Offset};
use raddle_ordering::OrderedLog;
use raddle_proto::common;
use raddle_proto::wire::{Class, KafkaMessage};
use raddle_serve::channels::Standing;
use tempfile::TempDir;
use tokio_stream::StreamExt as _;

use crate::harness::node::{Moody, Told, start};
use crate::harness::orderer::reach;
use crate::harness::{Recorded, golden};

const CHANNEL: &str = "mychannel";

/// A recorded envelope: a client's, with the answer that a Go orderer gave.
fn case(name: &str) -> Bytes {
    let bytes = std::fs::read(golden("broadcast-cases.json")).unwrap();
    let cases: Vec<serde_json::Value> = serde_json::from_slice(&bytes).unwrap();
    let case = cases.iter().find(|case| case["name"] == name).unwrap();
    STANDARD.decode(case["envelope"].as_str().unwrap()).unwrap().into()
}

/// The first config record of the recorded topic: from sequence 1 to 2.
fn first_config() -> Bytes {
    let is_config = |value: &Bytes| match KafkaMessage::unmarshal(value.clone()) {
        Ok(KafkaMessage::Regular(regular)) => regular.class == Class::Config,
        _ => false,
    };
    Recorded::mychannel().records().into_iter().find(is_config).unwrap()
}

async fn wait_for_height(node: &Node, height: u64) {
    reach(&node.channel(CHANNEL).unwrap(), height).await;
}

fn data(node: &Node, number: u64) -> Vec<Bytes> {
    let block = node.channel(CHANNEL).unwrap().ledger().block(BlockNumber(number)).unwrap().unwrap();
    common::Block::decode(block).unwrap().data.unwrap().data
}

/// The records of the log from `from` on, so many of them.
async fn logged(log: &dyn OrderedLog, from: i64, count: usize) -> Vec<KafkaMessage> {
    let records = log.read(&ChannelId(CHANNEL.into()), Offset(from)).take(count);
    records.map(|record| KafkaMessage::unmarshal(record.unwrap().value).unwrap()).collect().await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stale_envelope_is_judged_again_and_appended_again_or_refused_and_noted() {
    let folder = TempDir::new().unwrap();
    let log = Moody::create(folder.path());
    let told = Arc::new(Told::default());
    log.put(CHANNEL, first_config()).await;
    let (good, ended) = (case("message-ok"), case("certificate-expired"));
    log.put(CHANNEL, KafkaMessage::normal(good.clone(), 1, 0).marshal()).await;
    log.put(CHANNEL, KafkaMessage::normal(ended, 1, 0).marshal()).await;
    let node = start(folder.path(), Recorded::mychannel().genesis, &log, told.clone());
    wait_for_height(&node, 3).await;
    assert_eq!(data(&node, 2), std::slice::from_ref(&good));
    let appended = logged(&**node.channels()[0].log(), 3, 1).await;
    let KafkaMessage::Regular(again) = &appended[0] else { panic!("{appended:?}") };
    assert_eq!((again.config_sequence, again.original_offset, &again.payload), (2, 1, &good));
    let refused = |notes: &Vec<Note>| {
        notes.iter().any(|note| {
            matches!(note, Note::RefusedAgain { offset: Offset(2), reason } if reason.contains("expired"))
        })
    };
    told.notes.subscribe().wait_for(refused).await.unwrap();
    node.stop();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_block_is_committed_before_what_it_settles_is_durable_again() {
    let folder = TempDir::new().unwrap();
    let log = Moody::create(folder.path());
    let told = Arc::new(Told::default());
    log.put(CHANNEL, first_config()).await;
    let good = case("message-ok");
    log.put(CHANNEL, KafkaMessage::normal(good.clone(), 1, 0).marshal()).await;
    log.put(CHANNEL, KafkaMessage::normal(good.clone(), 2, 0).marshal()).await;
    // The cut of block 2 stands behind the stale envelope, whose copy the log does not take yet.
    log.put(CHANNEL, KafkaMessage::time_to_cut(2).marshal()).await;
    log.set_open(false);
    let node = start(folder.path(), Recorded::mychannel().genesis, &log, told.clone());
    wait_for_height(&node, 2).await;
    // A time-to-cut for block 5 is met only after block 2 was cut.
    log.put(CHANNEL, KafkaMessage::time_to_cut(5).marshal()).await;
    let met = |notes: &Vec<Note>| notes.iter().any(|note| matches!(note, Note::ForkSuspected { .. }));
    told.notes.subscribe().wait_for(met).await.unwrap();
    let channel = node.channel(CHANNEL).unwrap();
    assert_eq!(channel.board().height(), 2, "block 2 waits");
    // Stopped now, it is not committed at all: a restart finds the stale envelope again.
    log.set_open(true);
    wait_for_height(&node, 4).await;
    assert_eq!((data(&node, 2), data(&node, 3)), (vec![good.clone()], vec![good]));
    node.stop();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_time_to_cut_that_the_log_does_not_take_is_posted_until_it_does() {
    let folder = TempDir::new().unwrap();
    let log = Moody::create(folder.path());
    let told = Arc::new(Told::default());
    log.put(CHANNEL, KafkaMessage::normal(case("message-ok"), 1, 0).marshal()).await;
    log.fail(2);
    let node = start(folder.path(), Recorded::mychannel().genesis, &log, told.clone());
    wait_for_height(&node, 2).await;
    assert_eq!(log.failures_left(), 0);
    node.stop();
    let blocks = told.blocks.lock().unwrap();
    assert_eq!(blocks.iter().map(|block| block.reason).collect::<Vec<_>>(), [CutReason::TimeToCut]);
}

/// Copies what a process that ends now leaves: what it has written, synced or not.
fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let (from, to) = (entry.path(), to.join(entry.file_name()));
        if from.is_dir() {
            copy(&from, &to);
        } else {
            std::fs::copy(&from, &to).unwrap();
        }
    }
}

/// The envelopes of some blocks.
fn all(node: &Node, numbers: Range<u64>) -> Vec<Bytes> {
    numbers.flat_map(|number| data(node, number)).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_append_that_fails_and_an_end_in_the_midst_of_resubmissions_lose_nothing_and_keep_the_order() {
    let folder = TempDir::new().unwrap();
    let (before, after) = (folder.path().join("before"), folder.path().join("after"));
    std::fs::create_dir(&before).unwrap();
    let (log, told) = (Moody::create(&before), Arc::new(Told::default()));
    let stale = ["message-ok", "message-admin-ok", "endorser-transaction-ok", "made-client-ok"].map(case);
    let fresh = case("epoch-version-txid-ok");
    log.put(CHANNEL, first_config()).await;
    for envelope in &stale {
        log.put(CHANNEL, KafkaMessage::normal(envelope.clone(), 1, 0).marshal()).await;
    }
    log.put(CHANNEL, KafkaMessage::normal(fresh.clone(), 2, 0).marshal()).await;
    log.put(CHANNEL, KafkaMessage::time_to_cut(2).marshal()).await;
    // The first copy fails once, and two get through.
    log.fail(1);
    log.open_for(2);
    let node = start(&before, Recorded::mychannel().genesis, &log, told.clone());
    let copies = logged(&**node.channels()[0].log(), 7, 2).await;
    for (copy, original) in copies.iter().zip([1, 2]) {
        let KafkaMessage::Regular(copy) = copy else { panic!("{copies:?}") };
        assert_eq!((copy.original_offset, &copy.payload), (original, &stale[original as usize - 1]));
    }
    assert_eq!(log.failures_left(), 0);
    // The chain has gone beyond the cut of block 2.
    log.put(CHANNEL, KafkaMessage::time_to_cut(9).marshal()).await;
    let met = |notes: &Vec<Note>| notes.iter().any(|note| matches!(note, Note::ForkSuspected { .. }));
    told.notes.subscribe().wait_for(met).await.unwrap();
    let mut standing = node.channel(CHANNEL).unwrap().board().standing();
    let height = standing.wait_for(|standing| standing.height >= 2).await.unwrap().height;
    assert_eq!(height, 2, "no block is ahead of the other copies");
    drop(standing);
    copy(&before, &after);
    node.stop();

    let (log, told) = (Moody::open(&after), Arc::new(Told::default()));
    log.fail(1);
    let channel = ChannelId(CHANNEL.into());
    let ledger = Ledgers::at(after.clone()).open(&channel).unwrap();
    assert_eq!(ledger.height(), 2);
    ledger.close();
    drop(ledger);
    let node = start(&after, Recorded::mychannel().genesis, &log, told);
    let mut standing = node.channel(CHANNEL).unwrap().board().standing();
    let whole = |standing: &Standing| all(&node, 2..standing.height).len() >= 5;
    let height = standing.wait_for(whole).await.unwrap().height;
    let [one, two, three, four] = stale;
    assert_eq!(all(&node, 2..height), [fresh, one, two, three, four]);
    assert_eq!(log.failures_left(), 0);
    node.stop();
}
