//! The Kafka log against the library's own mock of a cluster, which fails as it is told to.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, missing_docs)]

#[path = "conformance/patience.rs"]
mod patience;

use std::time::Duration;

use futures_util::StreamExt as _;
use patience::block_on;
use raddle_core::ids::{ChannelId, Offset};
use raddle_ordering::kafka::{KafkaLog, Retry, Settings};
use raddle_ordering::{AppendError, OrderedLog as _, Readiness};
use rdkafka::mocking::MockCluster;
use rdkafka::producer::DefaultProducerContext;
use rdkafka::types::{RDKafkaApiKey, RDKafkaRespErr};

type Mock = MockCluster<'static, DefaultProducerContext>;

fn channel() -> ChannelId {
    ChannelId("mychannel".into())
}

fn open(mock: &Mock) -> KafkaLog {
    KafkaLog::open(settings(mock)).unwrap()
}

fn settings(mock: &Mock) -> Settings {
    mock.create_topic("mychannel", 1, 1).unwrap();
    Settings {
        brokers: vec![mock.bootstrap_servers()],
        topic_replication: 1,
        greeting: Some("greeting".into()),
        retry: Retry {
            short_interval: Duration::from_millis(200),
            // The mock does not answer what it is asked about settings of topics.
            read_timeout: Duration::from_secs(1),
            ..Retry::default()
        },
        ..Settings::default()
    }
}

fn wait_for_cause(log: &KafkaLog, text: &str) {
    let mut state = log.state(&channel());
    let is_it = |it: &Readiness| match it {
        Readiness::Unavailable { cause } => cause.to_string().contains(text),
        _ => false,
    };
    block_on(state.wait_for(is_it)).unwrap();
}

#[test]
fn a_user_who_may_not_write_idempotently_is_told_so_and_may_be_allowed_later() {
    let mock = Mock::new(1).unwrap();
    let denied = RDKafkaRespErr::RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED;
    mock.request_errors(RDKafkaApiKey::InitProducerId, &[denied; 3]);
    let log = open(&mock);
    wait_for_cause(&log, "Kafka does not take idempotent records: ");
    // The library gives up three producers.
    let mut state = log.state(&channel());
    block_on(state.wait_for(|it| matches!(it, Readiness::Ready { .. }))).unwrap();
    assert_eq!(block_on(log.append(&channel(), "record".into())).unwrap(), Offset(1));
}

#[test]
fn a_producer_that_is_given_up_is_replaced_and_the_order_is_kept() {
    let mock = Mock::new(1).unwrap();
    let log = open(&mock);
    let mut confirmed = Vec::new();
    let append = |value: u32| log.append(&channel(), value.to_string().into());
    block_on(append(0)).unwrap();
    for round in 1..=3 {
        let fenced = RDKafkaRespErr::RD_KAFKA_RESP_ERR_OUT_OF_ORDER_SEQUENCE_NUMBER;
        mock.request_errors(RDKafkaApiKey::Produce, &[fenced]);
        let appends: Vec<_> =
            (0..20).map(|place| (round * 100 + place, append(round * 100 + place))).collect();
        for (value, append) in appends {
            match block_on(append) {
                Ok(offset) => confirmed.push((value, offset)),
                Err(error) => assert!(error.is_outcome_unknown(), "{error}"),
            }
        }
        // Whatever became of the others, the next one works.
        let value = round * 100 + 50;
        confirmed.push((value, block_on(append(value)).unwrap()));
    }
    assert!(confirmed.is_sorted_by_key(|(_, offset)| *offset));
    let end = confirmed.last().unwrap().1;
    let count = usize::try_from(end.0 + 1).unwrap();
    let records: Vec<_> = block_on(log.read(&channel(), Offset(0)).take(count).map(Result::unwrap).collect());
    for (value, offset) in confirmed {
        assert_eq!(records[usize::try_from(offset.0).unwrap()].value, value.to_string());
    }
}

#[test]
fn a_channel_over_its_budget_is_busy_and_others_are_not() {
    let mock = Mock::new(1).unwrap();
    let log = KafkaLog::open(Settings { max_in_flight_bytes: 1_000, ..settings(&mock) }).unwrap();
    mock.broker_down(1).unwrap();
    let large = log.append(&channel(), vec![0; 5_000].into());
    let busy = block_on(log.append(&channel(), "x".into())).unwrap_err();
    assert!(
        matches!(busy, AppendError::Busy { in_flight_bytes: 5_128, size_bytes: 129, limit_bytes: 1_000 }),
        "{busy}"
    );
    let other = log.append(&ChannelId("other".into()), "x".into());
    mock.create_topic("other", 1, 1).unwrap();
    mock.broker_up(1).unwrap();
    assert_eq!(block_on(large).unwrap(), Offset(1));
    block_on(other).unwrap();
    // The budget is free again, and what was refused is nowhere.
    assert_eq!(block_on(log.append(&channel(), "y".into())).unwrap(), Offset(2));
}

#[test]
fn a_channel_that_nobody_uses_notices_too_that_the_brokers_go_and_come() {
    let mock = Mock::new(1).unwrap();
    let log = open(&mock);
    let mut state = log.state(&channel());
    for _ in 0..2 {
        block_on(state.wait_for(|it| matches!(it, Readiness::Ready { .. }))).unwrap();
        mock.broker_down(1).unwrap();
        wait_for_cause(&log, "no Kafka broker of");
        mock.broker_up(1).unwrap();
    }
    block_on(state.wait_for(|it| matches!(it, Readiness::Ready { .. }))).unwrap();
}
