//! What real orderers did over Kafka: a node on a real broker answers the same, and makes the same blocks.

use std::time::SystemTime;

use prost::Message as _;
use raddle::admin::update::Draft;
use raddle::client::{Answer, Client, Deliveries, Patience, Place, message, range};
use raddle::identity::Signer;
use raddle::logs::Mapping;
use raddle::orderer::{Orderer, OrdererSettings};
use raddle_core::ids::{ChannelId, Offset};
use raddle_ordering::OrderedLog as _;
use raddle_ordering::kafka::KafkaLog;
use raddle_proto::common::HeaderType;
use raddle_proto::orderer::SeekInfo;
use raddle_proto::orderer::seek_info::SeekErrorResponse;
use raddle_proto::wire::{self, Envelope};
use tempfile::TempDir;

use crate::broker::Broker;
use crate::harness::cases::{broadcast_cases, config_update_cases};
use crate::harness::orderer::{blocks_of, reach, same, settings, wait_for_channel};
use crate::harness::process::Node;
use crate::harness::{Recorded, golden};
use crate::settings::{kafka_of, load, write};

fn admin(msp_id: &str, folder: &str) -> Signer {
    Signer::from_msp_dir(msp_id, &golden(folder)).unwrap()
}

/// All blocks of a channel, and those to come.
fn follow(client: &Client, channel: &str) -> Deliveries {
    let seek = SeekInfo {
        // Also while the channel looks for its place in the log.
        error_response: SeekErrorResponse::BestEffort.into(),
        ..range(Place::Number(0), Place::Number(u64::MAX), true)
    };
    let seek = seek.encode_to_vec();
    let channel = ChannelId(channel.into());
    let signer = admin("OrdererMSP", "orderer-admin-msp");
    client.deliver(&signer.envelope(&channel, HeaderType::DeliverSeekInfo, seek, SystemTime::now()).unwrap())
}

async fn next_config_block(blocks: &mut Deliveries) {
    loop {
        let block = blocks.next().await.unwrap().unwrap();
        let envelope = Envelope::unmarshal(block.data.unwrap().data[0].clone()).unwrap();
        let header_type = wire::channel_header(&envelope).unwrap().r#type;
        if [HeaderType::Config as i32, HeaderType::OrdererTransaction as i32].contains(&header_type) {
            return;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_on_a_broker_answers_as_the_recorded_orderer_did() {
    let (broker, folder) = (Broker::start(&[]), TempDir::new().unwrap());
    write(folder.path(), &broker);
    let node = Node::start_by_settings(folder.path());
    let client = Client::connect(&node.address, Patience::default()).await.unwrap();
    let mut system = follow(&client, "syschannel");
    next_config_block(&mut system).await;
    let org1 = admin("Org1MSP", "org1-admin-msp");
    let mut request = Draft::unmarshal(std::fs::read(golden("mychannel.tx")).unwrap().into()).unwrap();
    request.sign(&org1).unwrap();
    let request = message(&request.envelope(&org1, SystemTime::now()).unwrap());
    let answer = client.broadcast(tokio_stream::once(request)).next().await.unwrap();
    assert!(matches!(answer, Some(Answer::Taken)), "{answer:?}");
    // The channel is there before the block is.
    next_config_block(&mut system).await;
    let mut blocks = follow(&client, "mychannel");
    next_config_block(&mut blocks).await;
    for case in broadcast_cases() {
        case.send(&client).await;
    }
    for case in config_update_cases() {
        if case.send(&client).await {
            next_config_block(&mut blocks).await;
        }
    }
    let ended = node.stop();
    assert!(ended.status.success(), "{}", ended.said);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn recorded_topics_on_a_broker_become_the_recorded_blocks() {
    let (broker, folder) = (Broker::start(&[]), TempDir::new().unwrap());
    let recorded = [("syschannel", Recorded::syschannel()), ("mychannel", Recorded::mychannel())];
    let log = KafkaLog::open(kafka_of(&broker)).unwrap();
    for (channel, recorded) in &recorded {
        let id = ChannelId((*channel).to_owned());
        let appends: Vec<_> = recorded.records().into_iter().map(|record| log.append(&id, record)).collect();
        for (append, offset) in appends.into_iter().zip(0..) {
            assert_eq!(append.await.unwrap(), Offset(offset), "{channel}");
        }
    }
    tokio::task::spawn_blocking(move || drop(log)).await.unwrap();
    write(folder.path(), &broker);
    let configured = load(folder.path());
    let logs = Mapping::By { ordering: Box::new(configured.ordering), kafka: Box::new(configured.kafka) };
    let state = folder.path().join("state");
    let settings = OrdererSettings { logs, ..settings(&state, recorded[0].1.genesis.clone()) };
    let orderer = Orderer::start(settings).await.unwrap();
    for (channel, recorded) in &recorded {
        let channel = wait_for_channel(&orderer, channel).await;
        reach(&channel, recorded.blocks.len() as u64).await;
        same(&blocks_of(&channel, recorded.blocks.len()), &recorded.blocks);
    }
    orderer.stop().await.unwrap();
}
