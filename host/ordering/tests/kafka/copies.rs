//! Three brokers, of which some are away.

use std::time::Duration;

use futures_util::StreamExt as _;
use raddle_core::ids::Offset;
use raddle_ordering::kafka::Settings;
use raddle_ordering::{AppendError, OrderedLog as _};

use crate::broker::Cluster;
use crate::conformance::{append, block_on, identity, read};
use crate::eventually::eventually_blocking;
use crate::{new_channel, open, wait_for_cause};

fn settings(cluster: &Cluster) -> Settings {
    Settings { brokers: cluster.addresses(), append_timeout: Duration::from_secs(60), ..Settings::default() }
}

/// Whoever leads, one of the three rounds kills it.
#[test]
fn while_one_of_three_brokers_is_away_all_goes_on_and_nothing_is_lost_or_doubled() {
    let (cluster, channel) = (Cluster::start(), new_channel());
    let log = open(settings(&cluster));
    identity(&log, &channel);
    append(&log, &channel, "0").unwrap();
    let mut number = 1_i64;
    for broker in &cluster.0 {
        let mut send = |count: i64| {
            number += count;
            (number - count..number)
                .map(|it| (it, log.append(&channel, it.to_string().into())))
                .collect::<Vec<_>>()
        };
        let under_way = send(1_000);
        broker.kill();
        for (number, append) in under_way.into_iter().chain(send(1_000)) {
            assert_eq!(block_on(append).unwrap(), Offset(number));
        }
        broker.run();
        identity(&log, &channel);
    }
    let records = read(&log, &channel, 0, usize::try_from(number).unwrap());
    assert!(records.iter().zip(0..).all(|(it, number)| it.value == i64::to_string(&number)));
}

#[test]
fn with_two_of_three_brokers_away_nothing_is_durable_and_the_channel_says_why_until_they_return() {
    let (cluster, channel) = (Cluster::start(), new_channel());
    let log = open(settings(&cluster));
    identity(&log, &channel);
    append(&log, &channel, "before").unwrap();
    let mut reader = log.read(&channel, Offset(0));
    assert_eq!(block_on(reader.next()).unwrap().unwrap().value, "before");
    for broker in &cluster.0[1..] {
        broker.kill();
    }
    let meanwhile = log.append(&channel, "meanwhile".into());
    // Two controllers of three are away too, so the third may not even know that the leader is.
    let why = wait_for_cause(&log, &channel, "partition");
    let partition = format!("partition 0 of topic {channel}");
    let is_told = ["copies in sync", "has no leader", "did not confirm a record within 3 s"];
    assert!(is_told.iter().any(|it| why.starts_with(&partition) && why.contains(it)), "{why}");
    // The brokers are named in the order in which the topic has them.
    let words: Vec<_> = why.split(|it: char| !it.is_ascii_digit()).collect();
    assert!(["1", "2", "3"].iter().all(|it| words.contains(it)), "{why}");
    cluster.run();
    // What was waiting arrives, and the reader goes on.
    assert_eq!(block_on(meanwhile).unwrap(), Offset(1));
    identity(&log, &channel);
    assert_eq!(block_on(reader.next()).unwrap().unwrap().value, "meanwhile");
    assert_eq!(append(&log, &channel, "after").unwrap(), Offset(2));
}

#[test]
fn brokers_that_stall_are_noticed_and_what_waited_too_long_is_unknown() {
    let (cluster, channel) = (Cluster::start(), new_channel());
    let log = open(Settings { append_timeout: Duration::from_secs(10), ..settings(&cluster) });
    identity(&log, &channel);
    append(&log, &channel, "before").unwrap();
    for broker in &cluster.0 {
        broker.stall();
    }
    let waiting = log.append(&channel, "waiting".into());
    wait_for_cause(&log, &channel, "");
    let outcome = block_on(waiting).unwrap_err();
    assert!(matches!(outcome, AppendError::OutcomeUnknown { .. }), "{outcome}");
    // Once the channel has not worked for so long, nothing waits any more.
    eventually_blocking("an append is refused", || match append(&log, &channel, "refused").unwrap_err() {
        AppendError::Unavailable { cause } => !cause.to_string().is_empty(),
        AppendError::OutcomeUnknown { .. } => false,
        other => panic!("{other}"),
    });
    for broker in &cluster.0 {
        broker.go_on();
    }
    identity(&log, &channel);
    append(&log, &channel, "after").unwrap();
}
