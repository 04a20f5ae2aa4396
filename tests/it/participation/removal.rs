//! Channels that are removed, and come back.

use std::sync::Arc;
use std::time::SystemTime;

use raddle::client::{Client, ClientError, Patience, Place, range};
use raddle::identity::Signer;
use raddle::orderer::Orderer;
use raddle_core::ids::{BlockNumber, ChannelId};
use raddle_proto::common::{HeaderType, Status};
use raddle_proto::wire::Envelope;
use tempfile::TempDir;

use super::{asked, block, gone, join, list, remove, start};
use crate::harness::http;
use crate::harness::orderer::{blocks_of, reach, wait_for_channel};
use crate::system_channel::{admin, send};

const CHANNEL: &str = "mychannel";

fn message(org1: &Signer, text: &str) -> Envelope {
    let channel = ChannelId(CHANNEL.into());
    org1.envelope(&channel, HeaderType::Message, text.as_bytes().to_vec(), SystemTime::now()).unwrap()
}

/// What is in the blocks behind the first.
fn data(orderer: &Orderer, height: u64) -> Vec<bytes::Bytes> {
    let channel = orderer.node().channel(CHANNEL).unwrap();
    let blocks = blocks_of(&channel, usize::try_from(height).unwrap());
    blocks.into_iter().skip(1).flat_map(|block| block.data.unwrap().data).collect()
}

/// Orders a message; answers it.
async fn order(orderer: &Orderer, text: &str, height: u64) -> Envelope {
    let envelope = message(&admin("org1-admin-msp"), text);
    assert_eq!(send(orderer, envelope.clone()).await, (Status::Success, String::new()));
    let channel = wait_for_channel(orderer, CHANNEL).await;
    reach(&channel, height).await;
    envelope
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_removed_channel_is_gone_for_everybody_and_begins_anew_when_it_is_joined_again() {
    let folder = TempDir::new().unwrap();
    let orderer = start(folder.path(), &[]).await;
    assert_eq!(join(&orderer, block("mychannel.block")).await.code(), 201);
    assert_eq!(join(&orderer, block("appkafka.block")).await.code(), 201);
    order(&orderer, "before", 2).await;
    // A peer that follows the channel.
    let org1 = Arc::new(admin("org1-admin-msp"));
    let client = Client::connect(&orderer.address().to_string(), Patience::default()).await.unwrap();
    let seek = range(Place::Oldest, Place::Number(u64::MAX), true);
    let request = org1.seek(&ChannelId(CHANNEL.into()), &seek, SystemTime::now()).unwrap();
    let mut blocks = client.deliver(&request);
    for _ in 0..2 {
        blocks.next().await.unwrap().unwrap();
    }

    let removed = remove(&orderer, CHANNEL).await;
    assert_eq!((removed.status.as_str(), removed.body.len()), ("204 No Content", 0));
    let Err(ClientError::Refused(refusal)) = blocks.next().await else { panic!("it is still delivered") };
    assert_eq!(refusal.status, i32::from(Status::ServiceUnavailable));
    gone(&orderer, CHANNEL).await;
    let Err(ClientError::Refused(refusal)) = client.deliver(&request).next().await else {
        panic!("it is there")
    };
    assert_eq!(refusal.status, i32::from(Status::NotFound));
    let (status, info) = send(&orderer, message(&org1, "between")).await;
    assert_eq!((status, info.as_str()), (Status::BadRequest, NO_CHANNEL));
    let info = asked(&orderer, |address| http::info(address, CHANNEL)).await;
    assert_eq!((info.code(), info.text()), (404, "{\"error\":\"channel does not exist\"}\n"));
    let again = remove(&orderer, CHANNEL).await;
    assert_eq!(
        (again.code(), again.text()),
        (404, "{\"error\":\"cannot remove: channel does not exist\"}\n")
    );
    assert!(list(&orderer).await.contains("appkafka"), "the other channel stays");

    assert_eq!(join(&orderer, block("mychannel.block")).await.code(), 201);
    let after = order(&orderer, "after", 2).await;
    assert_eq!(data(&orderer, 2), [after.marshal()]);
    orderer.stop().await.unwrap();
    // What was removed did not come back with the log either.
    let orderer = start(folder.path(), &[]).await;
    let more = order(&orderer, "more", 3).await;
    assert_eq!(data(&orderer, 3), [after.marshal(), more.marshal()]);
    orderer.stop().await.unwrap();
}

const NO_CHANNEL: &str =
    "channel creation request not allowed because the orderer system channel is not defined";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_removal_that_was_begun_is_finished_at_the_next_start_wherever_it_had_come() {
    let folder = TempDir::new().unwrap();
    let ledgers = folder.path().join("ledgers");
    let removing = ledgers.join(".removing.mychannel");
    for place in ["ledger renamed", "files half gone", "folder alone"] {
        let orderer = start(folder.path(), &[]).await;
        assert_eq!(join(&orderer, block("mychannel.block")).await.code(), 201, "{place}");
        let sent = order(&orderer, place, 2).await;
        assert_eq!(data(&orderer, 2), [sent.marshal()], "{place}");
        orderer.stop().await.unwrap();
        std::fs::rename(ledgers.join(CHANNEL), &removing).unwrap();
        match place {
            "files half gone" => std::fs::remove_file(removing.join("blocks")).unwrap(),
            "folder alone" => {
                std::fs::remove_file(removing.join("blocks")).unwrap();
                std::fs::remove_file(removing.join("index.redb")).unwrap();
            }
            _ => {}
        }
        let orderer = start(folder.path(), &[]).await;
        assert!(!removing.exists() && orderer.failed().is_empty(), "{place}");
        assert_eq!(list(&orderer).await, "{\"systemChannel\":null,\"channels\":null}\n", "{place}");
        orderer.stop().await.unwrap();
    }
}

/// The folder that is to be deleted belongs to somebody else, as it were.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_removal_that_fails_is_shown_and_can_be_asked_for_again() {
    let folder = TempDir::new().unwrap();
    let ledgers = folder.path().join("ledgers");
    std::fs::create_dir_all(&ledgers).unwrap();
    // A file where a folder should be is neither deleted as one nor taken for a ledger.
    std::fs::write(ledgers.join(".removing.mychannel"), "").unwrap();
    let orderer = start(folder.path(), &[]).await;
    assert_eq!(orderer.failed().len(), 1);
    let info = asked(&orderer, |address| http::info(address, CHANNEL)).await;
    let expected = "{\"name\":\"mychannel\",\"url\":\"/participation/v1/channels/mychannel\",\
                    \"consensusRelation\":\"other\",\"status\":\"failed\",\"height\":0}\n";
    assert_eq!(info.text(), expected);
    assert!(list(&orderer).await.contains("mychannel"));
    let refused = join(&orderer, block("mychannel.block")).await;
    assert_eq!(
        (refused.code(), refused.text()),
        (500, "{\"error\":\"cannot join: channel removal failure\"}\n")
    );
    std::fs::remove_file(ledgers.join(".removing.mychannel")).unwrap();
    assert_eq!(remove(&orderer, CHANNEL).await.code(), 204);
    gone(&orderer, CHANNEL).await;
    assert_eq!(join(&orderer, block("mychannel.block")).await.code(), 201);
    orderer.stop().await.unwrap();
}

/// Nobody is told that a channel goes which is there at the next start.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_removal_that_could_not_begin_begins_when_it_is_asked_for_again() {
    let folder = TempDir::new().unwrap();
    let orderer = start(folder.path(), &[]).await;
    assert_eq!(join(&orderer, block("mychannel.block")).await.code(), 201);
    // A file is in the way of the ledger's other name.
    let in_the_way = folder.path().join("ledgers/.removing.mychannel");
    std::fs::write(&in_the_way, "").unwrap();
    let refused = remove(&orderer, CHANNEL).await;
    assert_eq!(refused.code(), 400);
    assert!(
        refused.text().contains("the ledger of channel mychannel is not removed: "),
        "{}",
        refused.text()
    );
    let info = asked(&orderer, |address| http::info(address, CHANNEL)).await;
    assert!(info.text().contains("\"status\":\"failed\""), "{}", info.text());
    std::fs::remove_file(&in_the_way).unwrap();
    assert_eq!(remove(&orderer, CHANNEL).await.code(), 204);
    gone(&orderer, CHANNEL).await;
    assert!(!folder.path().join("ledgers").join(CHANNEL).exists());
    orderer.stop().await.unwrap();
    let orderer = start(folder.path(), &[]).await;
    assert_eq!(list(&orderer).await, "{\"systemChannel\":null,\"channels\":null}\n");
    orderer.stop().await.unwrap();
}

/// A ledger that a removal has left under its other name is not mixed up with the channel that is there again.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_an_earlier_removal_has_left_does_not_touch_the_channel_of_today() {
    let folder = TempDir::new().unwrap();
    let orderer = start(folder.path(), &[]).await;
    assert_eq!(join(&orderer, block("mychannel.block")).await.code(), 201);
    let sent = order(&orderer, "today", 2).await;
    orderer.stop().await.unwrap();
    let left = folder.path().join("ledgers/.removing.mychannel");
    std::fs::create_dir(&left).unwrap();
    let orderer = start(folder.path(), &[]).await;
    assert!(!left.exists());
    let channel = orderer.node().channel(CHANNEL).unwrap();
    reach(&channel, 2).await;
    assert_eq!(data(&orderer, 2), [sent.marshal()]);
    assert!(channel.ledger().block(BlockNumber(1)).unwrap().is_some());
    orderer.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_many_removals_of_one_channel_one_is_done() {
    let folder = TempDir::new().unwrap();
    let orderer = start(folder.path(), &[]).await;
    assert_eq!(join(&orderer, block("mychannel.block")).await.code(), 201);
    let address = super::address(&orderer);
    let removing = (0..8).map(|_| {
        let address = address.clone();
        tokio::task::spawn_blocking(move || http::remove(&address, CHANNEL).code())
    });
    let mut codes = Vec::new();
    for removing in removing.collect::<Vec<_>>() {
        codes.push(removing.await.unwrap());
    }
    assert_eq!(codes.iter().filter(|&&code| code == 204).count(), 1, "{codes:?}");
    assert!(codes.iter().all(|code| [204, 404, 409].contains(code)), "{codes:?}");
    orderer.stop().await.unwrap();
}
