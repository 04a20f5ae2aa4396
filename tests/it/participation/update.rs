//! Configs that are changed and blocks that are fetched over HTTP, as 3.x has it.

use std::time::SystemTime;

use bytes::Bytes;
use prost::Message as _;
use raddle::admin::edit::{edited, set, show};
use raddle::admin::update::{Draft, compute};
use raddle::orderer::Orderer;
use raddle_core::ids::ChannelId;
use raddle_proto::common::{self, HeaderType};
use raddle_proto::wire::Envelope;
use tempfile::TempDir;

use super::{asked, block, start};
use crate::harness::http;
use crate::harness::orderer::{reach, wait_for_channel};
use crate::system_channel::admin;

const CHANNEL: &str = "mychannel";

/// An update of the channel's batch size, signed by these admins.
async fn update(orderer: &Orderer, admins: &[&str]) -> Bytes {
    let channel = wait_for_channel(orderer, CHANNEL).await;
    let config = channel.rules().config.config.clone();
    let mut json = show(&config).unwrap();
    set(&mut json, "/Channel/Orderer/BatchSize/max_message_count", "7").unwrap();
    let update = compute(&ChannelId(CHANNEL.into()), &config, &edited(&config, &json).unwrap()).unwrap();
    let mut draft = Draft::new(update);
    for folder in admins {
        draft.sign(&admin(folder)).unwrap();
    }
    draft.envelope(&admin("org1-admin-msp"), SystemTime::now()).unwrap().marshal()
}

async fn send(orderer: &Orderer, envelope: Bytes) -> http::Reply {
    asked(orderer, move |address| http::update(address, &envelope)).await
}

async fn fetch(orderer: &Orderer, which: &'static str) -> http::Reply {
    let path = format!("{}/{CHANNEL}/blocks/{which}", http::CHANNELS);
    asked(orderer, move |address| http::ask(address, "GET", &path, &[], b"")).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_update_that_is_signed_well_is_ordered_and_its_block_can_be_fetched() {
    let folder = TempDir::new().unwrap();
    let orderer = start(folder.path(), &[block("mychannel.block")]).await;
    let reply = send(&orderer, update(&orderer, &["orderer-admin-msp"]).await).await;
    assert_eq!(
        (reply.code(), reply.header("Location")),
        (201, Some("/participation/v1/channels/mychannel")),
        "{}",
        reply.text()
    );
    let channel = wait_for_channel(&orderer, CHANNEL).await;
    reach(&channel, 2).await;
    assert_eq!(channel.rules().bundle().batch_size.max_message_count, 7);
    for (which, number) in [("oldest", 0), ("0", 0), ("newest", 1), ("config", 1), ("1", 1), ("-1", 1)] {
        let reply = fetch(&orderer, which).await;
        let block = common::Block::decode(Bytes::from(reply.body.clone())).unwrap();
        assert_eq!((reply.code(), block.header.unwrap().number), (200, number), "{which}");
        assert_eq!(reply.header("Content-Type"), Some("application/octet-stream"));
        assert_eq!(reply.header("Cache-Control"), Some("no-store"));
    }
    let reply = fetch(&orderer, "2").await;
    assert_eq!((reply.code(), reply.text()), (404, "{\"error\":\"no such block number [2] in index\"}\n"));
    orderer.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_update_that_is_none_is_refused_in_fabrics_words() {
    let folder = TempDir::new().unwrap();
    let orderer = start(folder.path(), &[block("mychannel.block")]).await;
    let org1 = admin("org1-admin-msp");
    let message = |channel: &str, kind, data: &[u8]| {
        let channel = ChannelId(channel.into());
        org1.envelope(&channel, kind, data.to_vec(), SystemTime::now()).unwrap().marshal()
    };
    let unsigned = update(&orderer, &[]).await;
    let raw = |payload: common::Payload| {
        Envelope::unmarshal(
            common::Envelope { payload: payload.encode_to_vec().into(), ..Default::default() }
                .encode_to_vec()
                .into(),
        )
        .unwrap()
        .marshal()
    };
    let bad_header = common::Header { channel_header: Bytes::from_static(b"\xff"), ..Default::default() };
    let with_header = common::Payload { header: Some(bad_header), ..Default::default() };
    let other = {
        let update = common::ConfigUpdate { channel_id: "other".into(), ..Default::default() };
        let update = common::ConfigUpdateEnvelope {
            config_update: update.encode_to_vec().into(),
            ..Default::default()
        };
        message("other", HeaderType::ConfigUpdate, &update.encode_to_vec())
    };
    let no_update =
        common::ConfigUpdateEnvelope { config_update: Bytes::from_static(b"\xff"), ..Default::default() };
    let denied = "cannot update: failed update config of channel mychannel: error applying config update to existing \
                  channel 'mychannel': error authorizing update: error validating DeltaSet: policy for [Value]  \
                  /Channel/Orderer/BatchSize not satisfied: implicit policy evaluation failed - 0 sub-policies were \
                  satisfied, but this policy requires 1 of the 'Admins' sub-policies to be satisfied";
    let invalid = |what: &str| format!("invalid config update envelope: {what}");
    let cases = [
        (Bytes::from_static(b"\x0a\x01\xff"), 400, invalid("bad payload")),
        (Bytes::new(), 400, invalid("bad header")),
        (raw(with_header), 400, invalid("could not unmarshall channel header")),
        (message(CHANNEL, HeaderType::Message, b""), 400, invalid("bad type")),
        (message("", HeaderType::ConfigUpdate, b""), 400, invalid("empty channel id")),
        (
            message(CHANNEL, HeaderType::ConfigUpdate, b"\xff"),
            400,
            invalid("error unmarshaling ConfigUpdateEnvelope: proto: cannot parse invalid wire-format data"),
        ),
        (
            message(CHANNEL, HeaderType::ConfigUpdate, &no_update.encode_to_vec()),
            400,
            invalid("error unmarshaling ConfigUpdate: proto: cannot parse invalid wire-format data"),
        ),
        (other, 405, "cannot update: channel does not exist".to_owned()),
        (unsigned, 400, denied.to_owned()),
    ];
    for (envelope, code, sentence) in cases {
        let reply = send(&orderer, envelope).await;
        let json: serde_json::Value = serde_json::from_slice(&reply.body).unwrap();
        assert_eq!((reply.code(), json["error"].as_str().unwrap()), (code, sentence.as_str()));
    }
    orderer.stop().await.unwrap();
}
