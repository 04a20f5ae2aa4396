//! Config updates over a real socket: every answer is Fabric's, and what is answered SUCCESS is the channel's config.

use raddle::client::{Client, Patience};
use raddle::orderer::Orderer;
use tempfile::TempDir;

use crate::harness::Recorded;
use crate::harness::cases::config_update_cases;
use crate::harness::orderer::{channel, start_as_recorded, wait_for_height};

async fn start(folder: &TempDir) -> Orderer {
    start_as_recorded(folder.path(), Recorded::mychannel().genesis).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_recorded_update_gets_the_recorded_answer_and_changes_what_it_changed() {
    let folder = TempDir::new().unwrap();
    let orderer = start(&folder).await;
    let client = Client::connect(&orderer.address().to_string(), Patience::default()).await.unwrap();
    let mut height = 1;
    for case in config_update_cases() {
        if case.send(&client).await {
            height += 1;
            wait_for_height(&orderer, height).await;
        }
    }
    let sequence = channel(&orderer).rules().bundle().sequence;
    assert_eq!(sequence.0, height, "the channel began at sequence 1");
    orderer.stop().await.unwrap();
    let orderer = start(&folder).await;
    assert_eq!(channel(&orderer).rules().bundle().sequence, sequence, "a restart finds the same config");
    orderer.stop().await.unwrap();
}
