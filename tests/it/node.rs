//! A node from its log to its ledger: the blocks are those of any other orderer, whenever it stops and starts.

use bytes::Bytes;
use raddle::orderer::Orderer;
use raddle_proto::common;
use raddle_proto::wire::KafkaMessage;
use tempfile::TempDir;

use crate::harness::Recorded;
use crate::harness::orderer::{append, blocks_of, channel, same, start, wait_for_halt, wait_for_height};

fn blocks(orderer: &Orderer, count: usize) -> Vec<common::Block> {
    blocks_of(&channel(orderer), count)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_recorded_log_becomes_the_recorded_blocks() {
    let (recorded, folder) = (Recorded::mychannel(), TempDir::new().unwrap());
    append(folder.path(), "mychannel", &recorded.records()).await;
    let orderer = start(folder.path(), recorded.genesis.clone()).await;
    wait_for_height(&orderer, recorded.blocks.len() as u64).await;
    same(&blocks(&orderer, recorded.blocks.len()), &recorded.blocks);
    orderer.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_that_stops_and_starts_makes_the_blocks_of_one_that_does_not() {
    let (recorded, folder) = (Recorded::mychannel(), TempDir::new().unwrap());
    append(folder.path(), "mychannel", &recorded.records()).await;
    for height in [1, 2, 40, 41, 150, 151] {
        let orderer = start(folder.path(), recorded.genesis.clone()).await;
        wait_for_height(&orderer, height).await;
        // Wherever it is by then: in the middle of a batch, or with blocks on their way to the disk.
        orderer.stop().await.unwrap();
    }
    let orderer = start(folder.path(), recorded.genesis.clone()).await;
    wait_for_height(&orderer, recorded.blocks.len() as u64).await;
    same(&blocks(&orderer, recorded.blocks.len()), &recorded.blocks);
    orderer.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_pending_is_not_cut_by_a_stop_and_not_lost_either() {
    let (recorded, folder) = (Recorded::mychannel(), TempDir::new().unwrap());
    // The records before the first block's last: pending, as their time-to-cut is not there.
    let is_regular =
        |record: &&Bytes| matches!(KafkaMessage::unmarshal((*record).clone()), Ok(KafkaMessage::Regular(_)));
    let records = recorded.records();
    let pending: Vec<_> = records.iter().filter(is_regular).take(1).cloned().collect();
    append(folder.path(), "mychannel", &pending).await;
    let orderer = start(folder.path(), recorded.genesis.clone()).await;
    orderer.stop().await.unwrap();
    let orderer = start(folder.path(), recorded.genesis.clone()).await;
    assert_eq!(channel(&orderer).board().height(), 1, "a stop cuts nothing");
    // The batch timeout of the channel's config cuts it.
    wait_for_height(&orderer, 2).await;
    assert_eq!(blocks(&orderer, 2)[1].data.as_ref().unwrap().data.len(), 1);
    orderer.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_log_that_is_not_the_ledgers_halts_the_channel_and_leaves_its_blocks_readable() {
    let (recorded, folder) = (Recorded::mychannel(), TempDir::new().unwrap());
    let records = recorded.records();
    append(folder.path(), "mychannel", &records).await;
    let orderer = start(folder.path(), recorded.genesis.clone()).await;
    wait_for_height(&orderer, recorded.blocks.len() as u64).await;
    orderer.stop().await.unwrap();
    let log = folder.path().join("log.redb");
    std::fs::remove_file(&log).unwrap();
    append(folder.path(), "mychannel", &records[..5]).await;
    let orderer = start(folder.path(), recorded.genesis.clone()).await;
    let sentence = wait_for_halt(&orderer).await;
    assert!(
        sentence.starts_with(
            "the ordered log is not the one that the ledger was built from: the store was built from the local log "
        ),
        "{sentence}"
    );
    same(&blocks(&orderer, recorded.blocks.len()), &recorded.blocks);
    orderer.stop().await.unwrap();
}
