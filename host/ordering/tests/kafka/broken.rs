//! Brokers that are not there, die, and come back.

use std::time::Duration;

use raddle_core::ids::Offset;
use raddle_ordering::kafka::{Failure, Settings};
use raddle_ordering::{Append, AppendError, OrderedLog as _, Readiness};

use crate::conformance::{append, block_on, identity, read};
use crate::{Broker, broker, new_channel, open, settings, wait_for_cause};

#[test]
fn a_log_whose_brokers_are_away_says_why_and_works_when_they_come() {
    let (port, channel) = (broker::free_port(), new_channel());
    let address = format!("127.0.0.1:{port}");
    let patient = Settings {
        brokers: vec![address.clone()],
        topic_replication: 1,
        append_timeout: Duration::from_secs(100),
        ..Settings::default()
    };
    let hasty = Settings { append_timeout: Duration::from_secs(1), ..patient.clone() };
    let (log, hasty) = (open(patient), open(hasty));
    let waiting = log.append(&channel, "waits".into());
    // Held for a bounded time, then refused with the cause.
    let refused = append(&hasty, &channel, "too late").unwrap_err();
    assert!(matches!(refused, AppendError::Unavailable { .. }), "{refused}");
    let why = wait_for_cause(&log, &channel, "no Kafka broker of");
    assert!(why.starts_with(&format!("no Kafka broker of {address} answers: ")), "{why}");
    assert!(why.contains("Connection refused"), "{why}");
    let broker = Broker::start_at(port, &[]);
    assert_eq!(block_on(waiting).unwrap(), Offset(0));
    identity(&hasty, &channel);
    assert_eq!(append(&hasty, &channel, "second").unwrap(), Offset(1));
    drop(broker);
}

/// What was confirmed is there, once and at its offset, whatever the broker's death did to the rest.
fn the_broker_is_killed_under_load(is_idempotent: bool) {
    let (broker, channel) = (Broker::start(&[]), new_channel());
    let log = open(Settings { is_idempotent, append_timeout: Duration::from_secs(60), ..settings(&broker) });
    let mut confirmed = Vec::new();
    let mut number = 0_u32;
    let mut send = |count: u32| -> Vec<(u32, Append)> {
        let numbers = number + 1..=number + count;
        number += count;
        numbers.map(|it| (it, log.append(&channel, it.to_string().into()))).collect()
    };
    for round in 0..3 {
        for (number, append) in send(1) {
            confirmed.push((number, block_on(append).unwrap()));
        }
        let under_way = send(2_000);
        broker.kill();
        let meanwhile = send(200);
        let mut state = log.state(&channel);
        let is_away = |it: &Readiness| matches!(it, Readiness::Unavailable { .. });
        let cause = block_on(state.wait_for(is_away)).unwrap().clone();
        let Readiness::Unavailable { cause } = cause else { unreachable!() };
        assert!(matches!(cause.get().downcast_ref(), Some(Failure::Unreachable { .. })), "{round}: {cause}");
        broker.run();
        for (number, append) in under_way.into_iter().chain(meanwhile) {
            confirmed.push((number, block_on(append).unwrap()));
        }
        identity(&log, &channel);
    }
    let end = confirmed.last().unwrap().1;
    let records = read(&log, &channel, 0, usize::try_from(end.0 + 1).unwrap());
    let mut last = 0;
    for (number, offset) in &confirmed {
        let record = &records[usize::try_from(offset.0).unwrap()];
        assert_eq!((record.offset, &record.value[..]), (*offset, number.to_string().as_bytes()));
        assert!(*number > last, "the order of the calls");
        last = *number;
    }
    if is_idempotent {
        let mut values: Vec<_> = records.iter().map(|it| it.value.clone()).collect();
        values.sort();
        values.dedup();
        assert_eq!(values.len(), records.len(), "no record is there twice");
    }
}

#[test]
fn a_broker_that_is_killed_and_restarted_loses_doubles_and_turns_round_nothing() {
    the_broker_is_killed_under_load(true);
}

#[test]
fn without_idempotence_a_killed_broker_loses_and_turns_round_nothing() {
    the_broker_is_killed_under_load(false);
}
