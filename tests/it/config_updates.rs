//! Config updates over a real socket: every answer is Fabric's, and what is answered SUCCESS is the channel's config.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use prost::Message as _;
use raddle::client::{Answer, Client, Patience};
use raddle::identity::Signer;
use raddle::orderer::{Orderer, OrdererSettings};
use raddle_proto::common;
use tempfile::TempDir;

use crate::harness::orderer::{channel, settings, wait_for_height};
use crate::harness::{Recorded, golden};

#[derive(serde::Deserialize)]
struct Case {
    name: String,
    status: String,
    info: String,
    envelope: String,
}

/// Go's library writes `proto:` and then one of two spaces at random, and words of its own.
fn comparable(info: &str) -> String {
    info.split("proto:").next().unwrap_or_default().to_owned()
}

/// The orderer that the cases were recorded from, as far as its key is concerned.
async fn start(folder: &TempDir) -> Orderer {
    let signer = Signer::from_msp_dir("OrdererMSP", &golden("orderer-msp")).unwrap();
    let settings = settings(folder.path(), Recorded::mychannel().genesis);
    Orderer::start(OrdererSettings { signer: Arc::new(signer), ..settings }).await.unwrap()
}

async fn answer(client: &Client, envelope: common::Envelope) -> (String, String) {
    match client.broadcast(tokio_stream::once(envelope)).next().await.unwrap() {
        Some(Answer::Taken) => ("SUCCESS".to_owned(), String::new()),
        Some(Answer::Refused(refusal)) => {
            let status = common::Status::try_from(refusal.status).unwrap();
            (status.as_str_name().to_owned(), refusal.info)
        }
        None => panic!("no answer"),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_recorded_update_gets_the_recorded_answer_and_changes_what_it_changed() {
    let folder = TempDir::new().unwrap();
    let orderer = start(&folder).await;
    let client = Client::connect(&orderer.address().to_string(), Patience::default()).await.unwrap();
    let cases: Vec<Case> =
        serde_json::from_slice(&std::fs::read(golden("config-update-cases.json")).unwrap()).unwrap();
    assert_eq!(cases.len(), 33);
    let mut height = 1;
    for case in cases {
        let envelope = common::Envelope::decode(STANDARD.decode(&case.envelope).unwrap().as_slice()).unwrap();
        let (status, info) = answer(&client, envelope).await;
        assert_eq!((&status, comparable(&info)), (&case.status, comparable(&case.info)), "{}", case.name);
        if status == "SUCCESS" {
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
