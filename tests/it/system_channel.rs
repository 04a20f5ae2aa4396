//! A system channel creates channels: at a client's request, and by the records of its log.

use std::sync::Arc;
use std::time::SystemTime;

use bytes::Bytes;
use prost::Message as _;
use raddle::admin::edit::{edited, set, show};
use raddle::admin::update::{Draft, compute};
use raddle::client::{Answer, Client, Patience};
use raddle::identity::Signer;
use raddle::node::Channel;
use raddle::orderer::Orderer;
use raddle_core::channel_creation::NewChannel;
use raddle_core::ids::{BlockNumber, ChannelId};
use raddle_proto::common::{self, HeaderType, Status};
use raddle_proto::wire::{Envelope, KafkaMessage, Regular};
use tempfile::TempDir;

use crate::harness::orderer::{append, blocks_of, reach, same, start_as_recorded, wait_for_channel};
use crate::harness::{Recorded, golden};

const SYSTEM: &str = "syschannel";

async fn start(folder: &TempDir) -> Orderer {
    start_as_recorded(folder.path(), Recorded::syschannel().genesis).await
}

fn system(orderer: &Orderer) -> Arc<Channel> {
    orderer.node().channel(SYSTEM).unwrap()
}

/// The admin of the orderers, or of Org1.
pub fn admin(folder: &str) -> Signer {
    let msp_id = if folder == "org1-admin-msp" { "Org1MSP" } else { "OrdererMSP" };
    Signer::from_msp_dir(msp_id, &golden(folder)).unwrap()
}

pub async fn send(orderer: &Orderer, envelope: Envelope) -> (Status, String) {
    let client = Client::connect(&orderer.address().to_string(), Patience::default()).await.unwrap();
    let envelope =
        common::Envelope { payload: envelope.payload().clone(), signature: envelope.signature().clone() };
    match client.broadcast(tokio_stream::once(envelope)).next().await.unwrap() {
        Some(Answer::Taken) => (Status::Success, String::new()),
        Some(Answer::Refused(refusal)) => (Status::try_from(refusal.status).unwrap(), refusal.info),
        None => panic!("no answer"),
    }
}

/// The tool's request for `mychannel`, or for a channel of another name.
fn request(channel: &str) -> Draft {
    let draft = Draft::unmarshal(std::fs::read(golden("mychannel.tx")).unwrap().into()).unwrap();
    Draft::new(common::ConfigUpdate { channel_id: channel.into(), ..draft.update().clone() })
}

fn signed(mut draft: Draft, admins: &[&str]) -> Envelope {
    for folder in admins {
        draft.sign(&admin(folder)).unwrap();
    }
    draft.envelope(&admin("org1-admin-msp"), SystemTime::now()).unwrap()
}

/// Changes the system channel's config, and waits for it.
async fn change(orderer: &Orderer, path: &str, text: &str) {
    let channel = system(orderer);
    let config = channel.rules().config.config.clone();
    let mut json = show(&config).unwrap();
    set(&mut json, path, text).unwrap();
    let update = compute(&ChannelId(SYSTEM.into()), &config, &edited(&config, &json).unwrap()).unwrap();
    let mut draft = Draft::new(update);
    draft.sign(&admin("orderer-admin-msp")).unwrap();
    let envelope = draft.envelope(&admin("orderer-admin-msp"), SystemTime::now()).unwrap();
    let (height, sequence) = (channel.board().height(), channel.rules().bundle().sequence);
    assert_eq!(send(orderer, envelope).await, (Status::Success, String::new()), "{path}");
    reach(&channel, height + 1).await;
    // That block may be of a channel that was created before.
    let mut standing = channel.board().standing();
    while channel.rules().bundle().sequence == sequence {
        standing.changed().await.unwrap();
    }
}

fn first_block(channel: &Channel) -> Bytes {
    channel.ledger().block(BlockNumber(0)).unwrap().unwrap()
}

/// The recorded record that creates `mychannel`.
fn creation() -> Bytes {
    let is_config =
        |record: &Bytes| matches!(KafkaMessage::unmarshal(record.clone()), Ok(KafkaMessage::Regular(_)));
    Recorded::syschannel().records().into_iter().find(is_config).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_recorded_topic_creates_the_recorded_channel_and_a_restart_finds_both() {
    let (recorded, folder) = (Recorded::syschannel(), TempDir::new().unwrap());
    append(folder.path(), SYSTEM, &recorded.records()).await;
    for turn in ["created", "restarted"] {
        let orderer = start(&folder).await;
        let channel = wait_for_channel(&orderer, "mychannel").await;
        assert_eq!(first_block(&channel), std::fs::read(golden("mychannel.block")).unwrap(), "{turn}");
        reach(&system(&orderer), recorded.blocks.len() as u64).await;
        same(&blocks_of(&system(&orderer), recorded.blocks.len()), &recorded.blocks);
        assert!(orderer.failed().is_empty());
        orderer.stop().await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_request_that_an_admin_signed_creates_a_channel_of_the_recorded_config() {
    let folder = TempDir::new().unwrap();
    let orderer = start(&folder).await;
    let request = signed(request("mychannel"), &["org1-admin-msp"]);
    assert_eq!(send(&orderer, request.clone()).await, (Status::Success, String::new()));
    let channel = wait_for_channel(&orderer, "mychannel").await;
    let recorded = raddle_core::bundle::read_genesis(Recorded::mychannel().genesis).unwrap();
    assert_eq!(channel.rules().config.config, recorded.config.config);
    reach(&system(&orderer), 2).await;
    let block = blocks_of(&system(&orderer), 2).remove(1);
    let envelope = Envelope::unmarshal(block.data.unwrap().data[0].clone()).unwrap();
    let created = NewChannel::read(&envelope).unwrap().unwrap();
    assert_eq!((created.channel.0.as_str(), created.genesis), ("mychannel", first_block(&channel)));
    // From now on the channel itself is asked.
    let (status, info) = send(&orderer, request).await;
    assert_eq!(status, Status::BadRequest);
    assert!(
        info.starts_with("error applying config update to existing channel 'mychannel': error authorizing"),
        "{info}"
    );
    let org1 = admin("org1-admin-msp");
    let message = |channel: &str| {
        let channel = ChannelId(channel.into());
        org1.envelope(&channel, HeaderType::Message, b"hello".to_vec(), SystemTime::now()).unwrap()
    };
    assert_eq!(send(&orderer, message("mychannel")).await, (Status::Success, String::new()));
    reach(&channel, 2).await;
    assert_eq!(
        send(&orderer, message("other")).await,
        (Status::NotFound, "channel does not exist".to_owned())
    );
    orderer.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_request_without_the_authority_creates_nothing_and_says_why() {
    let folder = TempDir::new().unwrap();
    let orderer = start(&folder).await;
    let consortium = |name: &str| {
        let mut update = request("other").update().clone();
        let value = common::Consortium { name: name.into() }.encode_to_vec();
        update.write_set.as_mut().unwrap().values.get_mut("Consortium").unwrap().value = value.into();
        Draft::new(update)
    };
    let failed = "error validating channel creation transaction for new channel 'other', could not successfully apply \
                  update to template configuration: error authorizing update: error validating DeltaSet: policy for \
                  [Group]  /Channel/Application not satisfied: implicit policy evaluation failed - 0 sub-policies were \
                  satisfied, but this policy requires 1 of the 'Admins' sub-policies to be satisfied";
    let bad_id = "initializing configtx manager failed: bad channel ID: ";
    let cases = [
        (signed(request("other"), &[]), failed.to_owned()),
        (signed(request("other"), &["orderer-admin-msp"]), failed.to_owned()),
        (signed(consortium("Nobody"), &["org1-admin-msp"]), "Unknown consortium name: Nobody".to_owned()),
        (signed(request(""), &["org1-admin-msp"]), format!("{bad_id}channel ID illegal, cannot be empty")),
        (signed(request("a/b"), &["org1-admin-msp"]), format!("{bad_id}'a/b' contains illegal characters")),
    ];
    for (request, info) in cases {
        assert_eq!(send(&orderer, request).await, (Status::BadRequest, info));
    }
    assert_eq!(orderer.node().channels().len(), 1);
    assert_eq!(system(&orderer).board().height(), 1, "nothing was ordered");
    orderer.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_limit_of_channels_and_maintenance_are_obeyed_and_end() {
    let folder = TempDir::new().unwrap();
    let orderer = start(&folder).await;
    change(&orderer, "/Channel/Orderer/ChannelRestrictions/max_count", "1").await;
    let create = |channel| signed(request(channel), &["org1-admin-msp"]);
    assert_eq!(send(&orderer, create("one")).await.0, Status::Success);
    wait_for_channel(&orderer, "one").await;
    let full = "channel creation would exceed maximimum number of channels: 1";
    assert_eq!(send(&orderer, create("two")).await, (Status::BadRequest, full.to_owned()));
    change(&orderer, "/Channel/Orderer/ChannelRestrictions/max_count", "0").await;
    change(&orderer, "/Channel/Orderer/ConsensusType/state", "STATE_MAINTENANCE").await;
    let closed = "channel creation is not permitted: maintenance mode";
    assert_eq!(send(&orderer, create("two")).await, (Status::ServiceUnavailable, closed.to_owned()));
    change(&orderer, "/Channel/Orderer/ConsensusType/state", "STATE_NORMAL").await;
    assert_eq!(send(&orderer, create("two")).await.0, Status::Success);
    wait_for_channel(&orderer, "two").await;
    orderer.stop().await.unwrap();
}

/// Two requests for one channel were on their way at once.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_second_creation_is_in_a_block_and_leaves_the_channel_alone() {
    let (recorded, folder) = (Recorded::syschannel(), TempDir::new().unwrap());
    append(folder.path(), SYSTEM, &recorded.records()).await;
    let orderer = start(&folder).await;
    let channel = wait_for_channel(&orderer, "mychannel").await;
    let message = admin("org1-admin-msp")
        .envelope(&ChannelId("mychannel".into()), HeaderType::Message, b"hello".to_vec(), SystemTime::now())
        .unwrap();
    assert_eq!(send(&orderer, message).await.0, Status::Success);
    reach(&channel, 2).await;
    let height = recorded.blocks.len() as u64;
    system(&orderer).log().append(&ChannelId(SYSTEM.into()), creation()).await.unwrap();
    reach(&system(&orderer), height + 1).await;
    let blocks = blocks_of(&system(&orderer), recorded.blocks.len() + 1);
    assert_eq!(blocks.last().unwrap().data, recorded.blocks.last().unwrap().data);
    assert_eq!((channel.board().height(), orderer.node().channels().len()), (2, 2));
    orderer.stop().await.unwrap();
}

/// The channel's ledger is made before the block of the system channel is committed.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_crash_between_the_channel_and_the_block_that_creates_it_leaves_no_trace() {
    let (recorded, folder) = (Recorded::syschannel(), TempDir::new().unwrap());
    append(folder.path(), SYSTEM, &recorded.records()).await;
    let orderer = start(&folder).await;
    reach(&system(&orderer), recorded.blocks.len() as u64).await;
    orderer.stop().await.unwrap();
    // As if the system channel had not come so far.
    std::fs::remove_dir_all(folder.path().join("ledgers").join(SYSTEM)).unwrap();
    let orderer = start(&folder).await;
    reach(&system(&orderer), recorded.blocks.len() as u64).await;
    same(&blocks_of(&system(&orderer), recorded.blocks.len()), &recorded.blocks);
    let channel = orderer.node().channel("mychannel").unwrap();
    assert_eq!(first_block(&channel), std::fs::read(golden("mychannel.block")).unwrap());
    assert!(orderer.failed().is_empty());
    orderer.stop().await.unwrap();
}

/// A request was admitted by a config that is not the newest any more where it stands in the log.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stale_creation_is_judged_again_and_creates_its_channel_later() {
    let folder = TempDir::new().unwrap();
    let orderer = start(&folder).await;
    change(&orderer, "/Channel/Orderer/BatchSize/max_message_count", "7").await;
    let KafkaMessage::Regular(Regular { config_sequence, .. }) = KafkaMessage::unmarshal(creation()).unwrap()
    else {
        panic!("no envelope")
    };
    assert!(config_sequence < system(&orderer).rules().bundle().sequence.0);
    system(&orderer).log().append(&ChannelId(SYSTEM.into()), creation()).await.unwrap();
    let channel = wait_for_channel(&orderer, "mychannel").await;
    assert_eq!(channel.rules().bundle().batch_size.max_message_count, 7, "made of the newest config");
    reach(&system(&orderer), 3).await;
    let block = blocks_of(&system(&orderer), 3).remove(2);
    let envelope = Envelope::unmarshal(block.data.unwrap().data[0].clone()).unwrap();
    assert_eq!(NewChannel::read(&envelope).unwrap().unwrap().genesis, first_block(&channel));
    orderer.stop().await.unwrap();
}

/// Whoever can write the topic can write this.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_creation_in_the_log_whose_config_is_none_is_skipped_and_the_system_channel_goes_on() {
    let (recorded, folder) = (Recorded::syschannel(), TempDir::new().unwrap());
    let inner = admin("orderer-admin-msp")
        .envelope(&ChannelId("evil/one".into()), HeaderType::Config, b"\xff".to_vec(), SystemTime::now())
        .unwrap();
    let system_id = ChannelId(SYSTEM.into());
    let outer = admin("orderer-admin-msp")
        .envelope(&system_id, HeaderType::OrdererTransaction, inner.marshal().to_vec(), SystemTime::now())
        .unwrap();
    let forged = KafkaMessage::config(outer.marshal(), 0, 0).marshal();
    append(folder.path(), SYSTEM, &[forged]).await;
    append(folder.path(), SYSTEM, &recorded.records()).await;
    let orderer = start(&folder).await;
    wait_for_channel(&orderer, "mychannel").await;
    reach(&system(&orderer), recorded.blocks.len() as u64).await;
    assert_eq!(orderer.node().channels().len(), 2);
    orderer.stop().await.unwrap();
}
