//! A log that is not what it was: whoever reads on from it would get other blocks than everybody else has.

use futures_util::StreamExt as _;
use raddle_core::ids::{ChannelId, Offset};
use raddle_ordering::kafka::{Failure, KafkaLog};
use raddle_ordering::{Anchor, Mismatch, OrderedLog as _, ReadError, Record, Records};

use crate::conformance::{append, block_on, identity, read, value};
use crate::{Admin, Broker, new_channel, open, settings, wait_for_cause};

fn fill(log: &KafkaLog, channel: &ChannelId, records: usize) {
    for place in 0..records {
        append(log, channel, value(place)).unwrap();
    }
}

fn next(records: &mut Records) -> Result<Record, ReadError> {
    block_on(records.next()).unwrap()
}

#[test]
fn records_that_retention_took_away_are_gone_and_the_rest_is_there() {
    let (broker, channel) = (Broker::shared(), new_channel());
    let log = open(settings(broker));
    fill(&log, &channel, 5);
    Admin::new(broker).forget_before(&channel, 3);
    let gone = next(&mut log.read(&channel, Offset(2))).unwrap_err();
    assert!(matches!(gone, ReadError::Gone { from: Offset(2), first: Offset(3) }), "{gone}");
    let offsets: Vec<_> = read(&log, &channel, 3, 2).iter().map(|record| record.offset.0).collect();
    assert_eq!(offsets, [3, 4]);
    assert_eq!(append(&log, &channel, "next").unwrap(), Offset(5));
}

/// The reader waits at the end meanwhile; the channel beside it goes on.
#[test]
fn a_topic_that_is_made_anew_ends_its_readers_and_no_others() {
    let (broker, beside) = (Broker::shared(), new_channel());
    let (log, admin) = (open(settings(broker)), Admin::new(broker));
    let mut other = log.read(&beside, Offset(0));
    for records in [2, 5, 9] {
        let channel = new_channel();
        fill(&log, &channel, 5);
        let mut reader = log.read(&channel, Offset(0));
        let seen: Vec<_> = (0..5).map(|_| next(&mut reader).unwrap()).collect();
        admin.delete(&channel);
        admin.make(&channel, &[]);
        // Somebody else fills it, with other records of the same size.
        let elsewhere = open(settings(broker));
        for place in 0..records {
            append(&elsewhere, &channel, value(place + 1)).unwrap();
        }
        let ended = loop {
            match next(&mut reader) {
                // What came before it was found out.
                Ok(record) => assert!(record.offset > seen[4].offset),
                Err(error) => break error,
            }
        };
        match &ended {
            ReadError::Beyond { from: Offset(5), end } if records < 5 => assert_eq!(end.0, 2),
            ReadError::Unavailable { cause } => {
                let failure = cause.get().downcast_ref::<Failure>().unwrap();
                assert!(matches!(failure, Failure::OtherRecords { .. }), "{failure}");
            }
            other => panic!("{records}: {other}"),
        }
        append(&log, &beside, "goes on").unwrap();
        assert_eq!(next(&mut other).unwrap().value, "goes on");
    }
}

#[test]
fn a_topic_that_is_not_there_any_more_is_not_made_again_and_its_channel_says_so() {
    let (broker, channel) = (Broker::shared(), new_channel());
    let (log, admin) = (open(settings(broker)), Admin::new(broker));
    fill(&log, &channel, 3);
    admin.delete(&channel);
    drop(log.append(&channel, "lost".into()));
    let why = wait_for_cause(&log, &channel, "is not in Kafka any more");
    assert!(why.starts_with(&format!("topic {channel} is not in Kafka any more: put it back")), "{why}");
    assert_eq!(admin.partitions(&channel), 0);
    assert_eq!(
        append(&log, &channel, "x").unwrap_err().to_string(),
        format!("the ordered log is unavailable: {why}")
    );
}

#[test]
fn another_cluster_under_the_same_address_is_not_the_log() {
    let (broker, channel) = (Broker::start(&[]), new_channel());
    let log = open(settings(&broker));
    fill(&log, &channel, 3);
    let found = identity(&log, &channel);
    let anchor = Anchor::of(found.clone(), &read(&log, &channel, 2, 1)[0]);
    let mut reader = log.read(&channel, Offset(3));
    assert!(crate::conformance::shown_at_once(&mut reader).is_pending());
    let port = broker.port();
    drop(broker);
    let broker = Broker::start_at(port, &[]);
    // A log that is opened now works, and is another.
    let new = open(settings(&broker));
    fill(&new, &channel, 3);
    let other = identity(&new, &channel);
    assert_ne!(other, found);
    let mismatch = block_on(anchor.check(&other, &new, &channel)).unwrap_err();
    assert!(matches!(mismatch, Mismatch::Log { .. }), "{mismatch}");
    // The one that was open says so.
    let why = wait_for_cause(&log, &channel, "answers where");
    assert!(why.contains(&found.id) && why.contains(&other.id), "{why}");
    let ended = next(&mut reader).unwrap_err();
    assert!(matches!(ended, ReadError::Unavailable { .. } | ReadError::Beyond { .. }), "{ended}");
    append(&log, &channel, "x").unwrap_err();
}
