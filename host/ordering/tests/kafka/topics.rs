//! What the log makes of a topic, and what it puts into it.

use bytes::Bytes;
use raddle_core::ids::Offset;
use raddle_ordering::AppendError;
use raddle_ordering::OrderedLog as _;
use raddle_ordering::kafka::Settings;

use crate::broker::admin::Seen;
use crate::conformance::{append, block_on, identity, read};
use crate::{Admin, Broker, new_channel, open, settings};

/// Fabric's CONNECT.
const CONNECT: &[u8] = &[0x1a, 0];

fn seen(offset: i64, value: &[u8]) -> Seen {
    Seen { offset, key: Some(b"0".to_vec()), value: value.to_vec(), headers: 0 }
}

/// The broker would make topics of three partitions.
#[test]
fn a_topic_is_made_with_one_partition_and_records_have_the_key_that_fabric_gives_them() {
    let (broker, channel) = (Broker::shared(), new_channel());
    let log = open(settings(broker));
    append(&log, &channel, "record").unwrap();
    let admin = Admin::new(broker);
    assert_eq!(admin.partitions(&channel), 1);
    assert_eq!(admin.records(&channel, 1), [seen(0, b"record")]);
}

#[test]
fn the_greeting_is_posted_once_by_each_log_before_all_that_was_appended() {
    let (broker, channel) = (Broker::shared(), new_channel());
    let settings = Settings { greeting: Some(Bytes::from_static(CONNECT)), ..settings(broker) };
    for start in [0, 3] {
        let log = open(settings.clone());
        // Called before anything is known of the topic.
        let appends = [log.append(&channel, "a".into()), log.append(&channel, "b".into())];
        for (append, offset) in appends.into_iter().zip(start + 1..) {
            assert_eq!(block_on(append).unwrap(), Offset(offset));
        }
    }
    let values = [CONNECT, b"a", b"b", CONNECT, b"a", b"b"];
    let expected: Vec<_> = values.into_iter().zip(0..).map(|(value, offset)| seen(offset, value)).collect();
    assert_eq!(Admin::new(broker).records(&channel, 6), expected);
}

#[test]
fn a_topic_that_is_there_keeps_its_settings_and_its_limit_is_the_logs() {
    let (broker, channel) = (Broker::shared(), new_channel());
    let admin = Admin::new(broker);
    admin.make(&channel, &[("max.message.bytes", "50000")]);
    let log = open(settings(broker));
    identity(&log, &channel);
    let limit_bytes = match append(&log, &channel, vec![1; 60_000]).unwrap_err() {
        AppendError::TooLarge { size_bytes: 60_000, limit_bytes } => limit_bytes,
        other => panic!("{other}"),
    };
    assert!((49_000..50_000).contains(&limit_bytes), "{limit_bytes}");
    assert_eq!(log.record_bytes_max(&channel), Some(limit_bytes));
    let largest = vec![2; usize::try_from(limit_bytes).unwrap()];
    assert_eq!(append(&log, &channel, &largest).unwrap(), Offset(0));
    assert!(read(&log, &channel, 0, 1)[0].value == largest);
}

#[test]
fn a_topic_that_is_made_smaller_meanwhile_refuses_with_a_remedy() {
    let (broker, channel) = (Broker::shared(), new_channel());
    let log = open(settings(broker));
    append(&log, &channel, "small").unwrap();
    Admin::new(broker).set(&channel, "max.message.bytes", "1000");
    let refused = append(&log, &channel, vec![1; 5_000]).unwrap_err();
    assert!(matches!(refused, AppendError::Unavailable { .. }), "{refused}");
    let text = refused.to_string();
    assert!(text.contains("does not take a record of 5000 bytes: raise max.message.bytes"), "{text}");
    assert_eq!(append(&log, &channel, "small").unwrap(), Offset(1));
}

#[test]
fn without_idempotence_the_order_is_kept_all_the_same() {
    let (broker, channel) = (Broker::shared(), new_channel());
    let log = open(Settings { is_idempotent: false, ..settings(broker) });
    let appends: Vec<_> =
        (0..3_000).map(|place: i64| log.append(&channel, place.to_string().into())).collect();
    for (append, offset) in appends.into_iter().zip(0..) {
        assert_eq!(block_on(append).unwrap(), Offset(offset));
    }
    for record in read(&log, &channel, 0, 3_000) {
        assert_eq!(record.value, record.offset.0.to_string());
    }
}
