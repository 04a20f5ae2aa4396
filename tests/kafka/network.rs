//! A network between three orderers and their broker that stalls, or is slow.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use raddle::admin::modules::{OWNER, with};
use raddle::client::{ClientError, Place, range};
use raddle_core::ids::ChannelId;
use raddle_proto::common::Status;
use raddle_proto::orderer::SeekInfo;
use raddle_proto::orderer::seek_info::SeekErrorResponse;
use raddle_proto::wire::KafkaMessage;
use raddle_rules::shipped::EMPTY;
use raddle_serve::channels::Condition;

use crate::broker::Broker;
use crate::broker::admin::{Admin as Topics, Foreign};
use crate::harness::admin::{filter, with_value};
use crate::harness::eventually::eventually;
use crate::trio::{APPEND_TIMEOUT, BYTES, Trio};

/// Longer than the orderers wait for an answer, for an append and before they tell readers.
fn stall() -> Duration {
    Duration::from_secs(if std::env::var_os("RADDLE_SOAK").is_some() { 60 } else { 12 })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_network_that_stalls_under_load_loses_nothing_and_all_are_well_again_by_themselves() {
    let (broker, proxy, _) = Broker::start_behind_proxy();
    let trio = Trio::start(&[broker.address()]).await;
    let mut load = trio.load();
    trio.goes_on(2).await;
    load.all_was_taken();
    proxy.stall();
    let began = Instant::now();
    for orderer in 0..3 {
        let cause = load.refused(orderer).await;
        assert!(cause.contains("broker") || cause.contains("partition 0 of topic demo"), "{cause}");
    }
    // Those who want the newest had better ask another orderer; what is here is delivered to those who want it.
    for orderer in 0..3 {
        let Condition::Failed(failure) = trio.serves(orderer, false).await else { panic!() };
        assert!(
            failure.detail.reason["cause"].as_str().unwrap().starts_with("no Kafka broker of"),
            "{failure:?}"
        );
        let client = trio.client(orderer).await;
        let refused = trio.admin.newest(&client).await.unwrap_err();
        let ClientError::Refused(refusal) = refused else { panic!("{refused}") };
        assert_eq!(refusal.status, Status::ServiceUnavailable as i32);
        let seek = SeekInfo {
            error_response: SeekErrorResponse::BestEffort.into(),
            ..range(Place::Number(1), Place::Number(1), false)
        };
        let signed = trio.admin.client().seek(trio.admin.channel(), &seek, std::time::SystemTime::now());
        let block = client.deliver(&signed.unwrap()).next().await.unwrap().unwrap();
        assert_eq!(block.header.unwrap().number, 1);
    }
    // The stall itself, as long as it is meant to be.
    tokio::time::sleep_until((began + stall()).into()).await;
    proxy.go_on();
    trio.are_well().await;
    trio.goes_on(2).await;
    trio.ends_well(load).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_broker_that_is_slow_is_waited_for() {
    let (broker, proxy, _) = Broker::start_behind_proxy();
    let trio = Trio::start(&[broker.address()]).await;
    let mut load = trio.load();
    trio.goes_on(1).await;
    proxy.delay(Duration::from_millis(150));
    trio.goes_on(5).await;
    load.all_was_taken();
    trio.ends_well(load).await;
}

/// Envelopes that a config has made stale.
const STALE: usize = 100;

/// The network is slow, so that the orderers are long at it, and stalls in the midst of it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn envelopes_are_appended_again_however_often_it_takes() {
    let (broker, proxy, direct) = Broker::start_behind_proxy();
    let trio = Trio::start(&[broker.address()]).await;
    let (channel, client) = (ChannelId("demo".into()), trio.client(0).await);
    let capability = "/Channel/Orderer/Capabilities/capabilities/RADDLE_1_0";
    trio.admin.change_until_taken(&client, |config| with_value(config, capability, "{}")).await.unwrap();
    let guard = filter("guard", EMPTY.bytes, &[]);
    trio.admin.change_until_taken(&client, |config| with(config, &guard, OWNER).unwrap()).await.unwrap();
    // Past the proxy, as an orderer wrote them that had not seen the config yet.
    let (foreign, topics) = (Foreign::new(&direct, &channel, &[]), Topics::at(direct.clone()));
    let mut expected = BTreeSet::new();
    for place in 0..STALE {
        let data = vec![b'0' + u8::try_from(place % 10).unwrap(); BYTES];
        let envelope = trio.envelope(data);
        expected.insert(envelope.signature().clone());
        let record = KafkaMessage::normal(envelope.marshal(), 0, 0).marshal();
        foreign.put(Some(b"0"), Some(&record), None);
    }
    proxy.delay(Duration::from_millis(20));
    let before = topics.end(&channel);
    foreign.flush();
    let end = before + (STALE + 20) as i64;
    eventually("some are appended again", || topics.end(&channel) >= end).await;
    proxy.stall();
    for orderer in 0..3 {
        trio.unavailable(orderer, |_| true).await;
    }
    // Each has a record on its way all the time, whose time is over by then.
    tokio::time::sleep(2 * APPEND_TIMEOUT).await;
    assert!(topics.end(&channel) < before + (2 * STALE) as i64, "in the midst of it");
    proxy.go_on();
    proxy.delay(Duration::ZERO);
    trio.are_well().await;
    let mut sender = trio.sender();
    sender.acknowledged = expected;
    trio.has_all_once(&sender).await;
}
