//! Channels that are joined, and those that are not.

use bytes::Bytes;
use prost::Message as _;
use raddle::orderer::Orderer;
use raddle_proto::common;
use tempfile::TempDir;

use super::{address, asked, block, join, list, settings, start};
use crate::harness::http;

/// The sentence of an error.
fn error(reply: &http::Reply) -> String {
    let json: serde_json::Value = serde_json::from_slice(&reply.body).unwrap();
    json["error"].as_str().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn channels_of_types_kafka_and_etcdraft_are_joined_order_and_are_there_after_a_restart() {
    let folder = TempDir::new().unwrap();
    let orderer = start(folder.path(), &[]).await;
    for (channel, relation) in [("appkafka", "other"), ("raftchannel", "consenter")] {
        let reply = join(&orderer, block(&format!("{channel}.block"))).await;
        let url = format!("/participation/v1/channels/{channel}");
        assert_eq!((reply.code(), reply.header("Location")), (201, Some(url.as_str())));
        let expected = format!(
            "{{\"name\":\"{channel}\",\"url\":\"{url}\",\"consensusRelation\":\"{relation}\",\"status\":\"active\",\
             \"height\":1}}\n"
        );
        assert_eq!(reply.text(), expected);
        let again = asked(&orderer, move |address| http::info(address, channel)).await;
        assert_eq!(again.text(), expected);
    }
    let both = list(&orderer).await;
    orderer.stop().await.unwrap();
    let orderer = start(folder.path(), &[]).await;
    assert_eq!(list(&orderer).await, both);
    orderer.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn beside_a_system_channel_nothing_is_joined_and_it_is_named_apart() {
    let folder = TempDir::new().unwrap();
    let orderer = start(folder.path(), &[block("kafka-genesis.block")]).await;
    for name in ["appkafka.block", "raftchannel.block", "kafka-genesis.block"] {
        let reply = join(&orderer, block(name)).await;
        assert_eq!((reply.code(), reply.header("Allow")), (405, Some("GET")), "{name}");
        assert_eq!(error(&reply), "cannot join: system channel exists", "{name}");
    }
    let remove = asked(&orderer, |address| http::remove(address, "appkafka")).await;
    assert_eq!((remove.code(), remove.header("Allow")), (405, Some("GET")));
    assert_eq!(error(&remove), "cannot remove: system channel exists");
    let remove = asked(&orderer, |address| http::remove(address, "syschannel")).await;
    assert_eq!(remove.code(), 400);
    assert_eq!(error(&remove), "cannot remove: cannot remove kafka system channel: syschannel");
    assert_eq!(
        list(&orderer).await,
        "{\"systemChannel\":{\"name\":\"syschannel\",\"url\":\"/participation/v1/channels/syschannel\"},\
         \"channels\":null}\n"
    );
    orderer.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_system_channel_is_joined_where_it_is_the_first() {
    let folder = TempDir::new().unwrap();
    let orderer = start(folder.path(), &[]).await;
    let reply = join(&orderer, block("kafka-genesis.block")).await;
    assert_eq!(reply.code(), 201, "{reply:?}");
    assert!(list(&orderer).await.starts_with("{\"systemChannel\":{\"name\":\"syschannel\""));
    assert_eq!(error(&join(&orderer, block("appkafka.block")).await), "cannot join: system channel exists");
    orderer.stop().await.unwrap();
}

fn changed(name: &str, change: impl FnOnce(&mut common::Block)) -> Bytes {
    let mut block = common::Block::decode(block(name)).unwrap();
    change(&mut block);
    block.encode_to_vec().into()
}

/// With another config, and the hash that belongs to it.
fn reconfigured(change: impl FnOnce(&mut common::ConfigEnvelope)) -> Bytes {
    changed("appkafka.block", |block| {
        let data = block.data.as_mut().unwrap();
        let mut envelope = common::Envelope::decode(data.data[0].clone()).unwrap();
        let mut payload = common::Payload::decode(envelope.payload.clone()).unwrap();
        let mut config = common::ConfigEnvelope::decode(payload.data.clone()).unwrap();
        change(&mut config);
        payload.data = config.encode_to_vec().into();
        envelope.payload = payload.encode_to_vec().into();
        data.data[0] = envelope.encode_to_vec().into();
        let hash = raddle_proto::hash::block_data_hash(data.data.iter().map(AsRef::as_ref));
        block.header.as_mut().unwrap().data_hash = hash.to_vec().into();
    })
}

fn without_group(name: &'static str) -> Bytes {
    reconfigured(|config| {
        let root = config.config.as_mut().unwrap().channel_group.as_mut().unwrap();
        root.groups.remove(name).unwrap();
    })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_block_that_cannot_be_joined_by_is_refused_in_fabrics_words() {
    let folder = TempDir::new().unwrap();
    let orderer = start(folder.path(), &[]).await;
    let header = |block: &mut common::Block| block.header.as_mut().unwrap().data_hash = Bytes::new();
    let capability = |config: &mut common::ConfigEnvelope| {
        let root = config.config.as_mut().unwrap().channel_group.as_mut().unwrap();
        let orderer = root.groups.get_mut("Orderer").unwrap();
        let value = common::Capabilities { capabilities: [("V9_9".to_owned(), Default::default())].into() };
        orderer.values.get_mut("Capabilities").unwrap().value = value.encode_to_vec().into();
    };
    let cases = [
        (Bytes::new(), "invalid join block: block is not a config block"),
        (
            changed("appkafka.block", |block| block.data.as_mut().unwrap().data.push(Bytes::new())),
            "invalid join block: block is not a config block",
        ),
        (
            changed("appkafka.block", |block| block.metadata = None),
            "invalid join block: invalid block: does not have metadata",
        ),
        (
            changed("appkafka.block", header),
            "invalid join block: invalid block: Header.DataHash is different from Hash(block.Data)",
        ),
        (
            changed("appkafka.block", |block| block.header = None),
            "invalid join block: invalid block: Header.DataHash is different from Hash(block.Data)",
        ),
        (
            reconfigured(|config| config.config = None),
            "invalid join block: channelconfig Config cannot be nil",
        ),
        (
            without_group("Application"),
            "invalid join block: invalid config: must have at least one of application or consortiums",
        ),
        (
            without_group("Orderer"),
            "cannot join: failed creating ledger resources: error checking bundle for channel: appkafka: config does \
             not contain orderer config",
        ),
        (
            reconfigured(capability),
            "cannot join: failed creating ledger resources: error checking bundle for channel: appkafka: config \
             requires unsupported orderer capabilities: Orderer capability V9_9 is required but not supported: Orderer \
             capability V9_9 is required but not supported",
        ),
        (
            changed("kafka-genesis.block", |block| block.header.as_mut().unwrap().number = 7),
            "cannot join: syschannel is a system channel, and block 7 is not its first: what it created would have to \
             be joined too; stop the node, and use `raddle channel join` for each of them",
        ),
        (
            changed("appkafka.block", |block| block.header.as_mut().unwrap().number = 7),
            "cannot join: appkafka is ordered by this node's own log, which holds no record of the blocks that would \
             be pulled; join it by its block 0, or map it to the Kafka cluster that its orderers use",
        ),
    ];
    for (block, sentence) in cases {
        let reply = join(&orderer, block).await;
        assert_eq!((reply.code(), error(&reply).as_str()), (400, sentence));
    }
    assert_eq!(list(&orderer).await, "{\"systemChannel\":null,\"channels\":null}\n");
    let left: Vec<_> = std::fs::read_dir(folder.path().join("ledgers")).unwrap().collect();
    assert!(left.is_empty(), "{left:?}");
    orderer.stop().await.unwrap();
}

/// What is there and does not start is not taken for a channel that can be joined.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_ledger_that_is_in_the_way_is_left_alone() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("ledgers/appkafka");
    std::fs::create_dir_all(&path).unwrap();
    std::fs::write(path.join("precious"), "x").unwrap();
    let orderer = Orderer::start(settings(folder.path(), &[], None)).await.unwrap();
    assert_eq!(orderer.failed().len(), 1);
    let later = changed("appkafka.block", |block| block.header.as_mut().unwrap().number = 7);
    for block in [block("appkafka.block"), later] {
        let reply = join(&orderer, block).await;
        let sentence = error(&reply);
        assert!(
            reply.code() == 400 && sentence.contains("exists, no new ledger is made in its place"),
            "{sentence}"
        );
    }
    assert!(path.join("precious").exists());
    orderer.stop().await.unwrap();
}

/// Joins race with each other: one is first.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_many_joins_of_one_channel_one_is_done() {
    let folder = TempDir::new().unwrap();
    let orderer = start(folder.path(), &[]).await;
    let address = address(&orderer);
    let joining = (0..8).map(|_| {
        let (address, block) = (address.clone(), block("appkafka.block"));
        tokio::task::spawn_blocking(move || http::join(&address, &block).code())
    });
    let mut codes = Vec::new();
    for joining in joining.collect::<Vec<_>>() {
        codes.push(joining.await.unwrap());
    }
    codes.sort_unstable();
    assert_eq!(codes, [201, 405, 405, 405, 405, 405, 405, 405]);
    orderer.stop().await.unwrap();
}
