//! Channels that are forgotten.

use futures_util::FutureExt as _;
use futures_util::StreamExt as _;

use super::*;

/// More than one transaction takes away.
const RECORDS: usize = 10_000;

fn fill(log: &LocalLog, name: &str, count: usize) {
    let record = |number: usize| Bytes::from(format!("{:500}", format!("{name} {number}")));
    let appends: Vec<_> = (0..count).map(|number| log.append(&channel(name), record(number))).collect();
    for append in appends {
        block_on(append).unwrap();
    }
}

fn holds(log: &LocalLog, name: &str, count: usize) {
    let records = read(log, &channel(name), 0, count);
    assert!(records[0].value.starts_with(format!("{name} 0 ").as_bytes()));
    let end = Offset(count as i64);
    let beyond = read_error(log, &channel(name), end.0 + 1);
    assert!(matches!(beyond, ReadError::Beyond { end: found, .. } if found == end), "{beyond:?}");
}

#[test]
fn a_forgotten_channel_begins_anew_and_the_others_stay() {
    let home = Home::new();
    let log = home.create();
    fill(&log, "a", RECORDS);
    fill(&log, "b", 3);
    let mut reader = log.read(&channel("a"), Offset(RECORDS as i64));
    log.forget(&channel("a")).unwrap();
    assert!(matches!(block_on(reader.next()), Some(Err(ReadError::Closed))));
    // Once more, and one that never was.
    log.forget(&channel("a")).unwrap();
    log.forget(&channel("never")).unwrap();
    fill(&log, "a", 2);
    holds(&log, "a", 2);
    holds(&log, "b", 3);
    drop(log);
    let log = home.open();
    holds(&log, "a", 2);
    holds(&log, "b", 3);
}

#[test]
fn what_is_on_its_way_for_a_forgotten_channel_fails_or_is_forgotten_too() {
    let home = Home::new();
    let log = home.create();
    let appends: Vec<_> =
        (0..100).map(|_| log.append(&channel("a"), Bytes::from_static(b"record"))).collect();
    log.forget(&channel("a")).unwrap();
    for append in appends {
        let outcome = append.now_or_never().unwrap();
        assert!(matches!(outcome, Ok(_) | Err(AppendError::Closed)), "{outcome:?}");
    }
    drop(log);
    assert!(channels_of(&home.open()).is_empty());
}

/// A crash between two of the transactions leaves a channel that begins later, and is forgotten at the next call.
#[test]
fn a_channel_that_is_half_forgotten_is_forgotten_when_it_is_asked_for_again() {
    let home = Home::new();
    let log = home.create();
    // One after the other, so that each has a row.
    for _ in 0..10 {
        fill(&log, "a", 1);
    }
    fill(&log, "b", 3);
    drop(log);
    home.edit(|rows| {
        for offset in 0..7 {
            rows.remove((0, offset)).unwrap();
        }
    });
    let log = home.open();
    assert_eq!(all(&log, &channel("a"))[0].offset, Offset(7));
    log.forget(&channel("a")).unwrap();
    drop(log);
    let log = home.open();
    assert_eq!(channels_of(&log), [channel("b")]);
    holds(&log, "b", 3);
}

/// The channels that have records.
fn channels_of(log: &LocalLog) -> Vec<ChannelId> {
    crate::lock(&log.shared.channels).by_id.keys().cloned().collect()
}
