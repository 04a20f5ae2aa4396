//! Reading from any place, while others write, and where there is nothing.

use redb::{ReadableDatabase, ReadableTable};

use super::super::format;
use super::*;
use crate::{Anchor, LogIdentity, LogKind, Mismatch, RecordHash};

fn value(place: usize) -> Bytes {
    Bytes::from(format!("{place}").repeat(500))
}

#[test]
fn readers_see_every_record_once_and_in_order_from_any_place_while_others_write() {
    const RECORDS: usize = 600;
    let home = Home::new();
    // A tail of a few records, so that readers change between memory and file.
    let settings = Settings { tail_bytes: 20_000, ..settings() };
    let log = LocalLog::create(&home.path(), &settings, clock_at(1)).unwrap();
    let one = channel("one");
    for place in 0..50 {
        append(&log, &one, value(place)).unwrap();
    }
    std::thread::scope(|scope| {
        for from in [0, 1, 25, 49, 50] {
            let (log, one) = (&log, &one);
            scope.spawn(move || {
                let records = read(log, one, from, RECORDS - usize::try_from(from).unwrap());
                for (record, offset) in records.iter().zip(from..) {
                    assert_eq!(record.offset, Offset(offset));
                    assert_eq!(record.value, value(usize::try_from(offset).unwrap()));
                }
            });
        }
        for start in (50..RECORDS).step_by(10) {
            let appends: Vec<_> = (start..start + 10).map(|place| log.append(&one, value(place))).collect();
            for append in appends {
                block_on(append).unwrap();
            }
        }
    });
}

#[test]
fn a_channel_without_records_is_empty_and_its_readers_wait_for_the_first() {
    let home = Home::new();
    let log = home.create();
    let one = channel("one");
    let mut records = log.read(&one, Offset(0));
    assert!(shown_at_once(&mut records).is_pending());
    append(&log, &channel("another"), "x").unwrap();
    assert!(shown_at_once(&mut records).is_pending());
    append(&log, &one, "first").unwrap();
    assert_eq!(block_on(records.next()).unwrap().unwrap().value, "first");
}

#[test]
fn a_place_outside_of_the_log_is_an_error_that_names_what_is_there() {
    let home = Home::new();
    let log = home.create();
    let one = channel("one");
    for _ in 0..3 {
        append(&log, &one, "x").unwrap();
    }
    let cases = [
        ("one", 4, "the ordered log ends before offset 4: its next record will have offset 3"),
        (
            "one",
            i64::MAX,
            "the ordered log ends before offset 9223372036854775807: its next record will have offset 3",
        ),
        ("one", -1, "the ordered log no longer holds offset -1, its first is 0"),
        ("one", i64::MIN, "the ordered log no longer holds offset -9223372036854775808, its first is 0"),
        ("none", 1, "the ordered log ends before offset 1: its next record will have offset 0"),
    ];
    for (name, from, text) in cases {
        assert_eq!(read_error(&log, &channel(name), from).to_string(), text);
        let hash = block_on(log.record_hash(&channel(name), Offset(from)));
        assert_eq!(hash.unwrap_err().to_string(), text);
    }
}

#[test]
fn records_that_were_taken_away_are_gone_and_the_rest_is_there() {
    let home = Home::new();
    let log = home.create();
    let one = channel("one");
    for place in 0..5 {
        append(&log, &one, value(place)).unwrap();
    }
    drop(log);
    home.edit(|records| {
        for offset in 0..3 {
            records.remove((0, offset)).unwrap();
        }
    });
    let log = home.open();
    let gone = read_error(&log, &one, 2);
    assert!(matches!(gone, ReadError::Gone { from: Offset(2), first: Offset(3) }), "{gone}");
    let offsets: Vec<_> = read(&log, &one, 3, 2).iter().map(|record| record.offset.0).collect();
    assert_eq!(offsets, [3, 4]);
    assert_eq!(append(&log, &one, "next").unwrap(), Offset(5));
}

#[test]
fn a_damaged_row_ends_its_readers_and_no_others() {
    type Edit = fn(&mut redb::Table<'_, (u32, i64), &'static [u8]>);
    let cases: [(&str, Edit); 3] = [
        ("the row is missing", |rows| drop(rows.remove((0, 1)).unwrap())),
        ("the row has 15 bytes, at least 16 are needed", |rows| {
            rows.insert((0, 1), [0; 15].as_slice()).unwrap();
        }),
        ("the record does not match its checksum", |rows| {
            let mut row = rows.get((0, 1)).unwrap().unwrap().value().to_vec();
            *row.last_mut().unwrap() ^= 1;
            rows.insert((0, 1), row.as_slice()).unwrap();
        }),
    ];
    for (text, edit) in cases {
        let home = Home::new();
        let log = home.create();
        let one = channel("one");
        for place in 0..3 {
            append(&log, &one, value(place)).unwrap();
        }
        drop(log);
        home.edit(edit);
        let log = home.open();
        let expected = format!(
            "the ordered log is unavailable: the log's file is damaged at offset 1 of channel one: {text}"
        );
        assert_eq!(read_error(&log, &one, 1).to_string(), expected);
        assert_eq!(read(&log, &one, 2, 1)[0].value, value(2));
        assert_eq!(append(&log, &one, "next").unwrap(), Offset(3));
    }
}

#[test]
fn readers_outlive_the_log_with_an_error_and_hold_no_file() {
    let home = Home::new();
    let log = home.create();
    let (one, none) = (channel("one"), channel("none"));
    append(&log, &one, "x").unwrap();
    drop(log);
    let log = home.open();
    // One that waits, one that would have to read the file, and one that is dropped while it waits.
    let mut waiting = log.read(&none, Offset(0));
    let mut behind = log.read(&one, Offset(0));
    let mut dropped = log.read(&none, Offset(0));
    assert!(shown_at_once(&mut waiting).is_pending() && shown_at_once(&mut dropped).is_pending());
    drop(dropped);
    append(&log, &channel("another"), "x").unwrap();
    drop(log);
    let log = home.open();
    for records in [&mut waiting, &mut behind] {
        let ended = block_on(records.next()).unwrap().unwrap_err();
        assert!(matches!(ended, ReadError::Closed), "{ended}");
        assert!(block_on(records.next()).is_none());
    }
    assert_eq!(all(&log, &one).len(), 1);
}

#[test]
fn a_store_knows_its_log_again_and_halts_at_any_other() {
    let home = Home::new();
    let log = home.create();
    let one = channel("one");
    for place in 0..3 {
        append(&log, &one, value(place)).unwrap();
    }
    let identity = log.identity().clone();
    assert_eq!((identity.kind, identity.id.len()), (LogKind::Local, 32));
    let record = read(&log, &one, 2, 1).remove(0);
    let anchor = Anchor::of(identity.clone(), &record);
    let check = |log: &LocalLog, anchor: &Anchor| block_on(anchor.check(log.identity(), log, &one));
    drop(log);
    let log = home.open();
    check(&log, &anchor).unwrap();

    let other_id = LogIdentity { kind: LogKind::Kafka, id: "x".to_owned() };
    let other_hash = RecordHash([0xab; 32]);
    let cases = [
        (
            Anchor { log: other_id, ..anchor.clone() },
            format!("the store was built from the kafka log x, this is the {identity}"),
        ),
        (
            Anchor { hash: other_hash, ..anchor.clone() },
            format!("the record at offset 2 had hash {other_hash}, the log has {} there", anchor.hash),
        ),
        (
            Anchor { offset: Offset(3), ..anchor.clone() },
            format!(
                "the store has seen the record at offset 3 with hash {}: the ordered log ends before offset 3: its \
                 next record will have offset 3",
                anchor.hash
            ),
        ),
    ];
    for (anchor, text) in cases {
        assert_eq!(check(&log, &anchor).unwrap_err().to_string(), text);
    }
    let elsewhere = Home::new();
    let new = elsewhere.create();
    append(&new, &one, value(0)).unwrap();
    assert!(matches!(check(&new, &anchor), Err(Mismatch::Log { .. })));
    let shared = Arc::clone(&log.shared);
    drop(log);
    drop(shared);
}

#[test]
fn a_row_is_what_the_file_format_says() {
    let home = Home::new();
    let log = LocalLog::create(&home.path(), &settings(), clock_at(0x0102_0304_0506)).unwrap();
    append(&log, &channel("a"), "?").unwrap();
    append(&log, &channel("é"), "record").unwrap();
    let record = read(&log, &channel("é"), 0, 1).remove(0);
    let id = log.identity().id.clone();
    drop(log);
    let database = redb::Database::open(home.path()).unwrap();
    let transaction = database.begin_read().unwrap();
    let meta = transaction.open_table(format::META).unwrap();
    assert_eq!(meta.get("format").unwrap().unwrap().value(), [1, 0, 0, 0]);
    let stored_id: String =
        meta.get("id").unwrap().unwrap().value().iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(stored_id, id);
    let channels = transaction.open_table(format::CHANNELS).unwrap();
    assert_eq!(channels.get("é").unwrap().unwrap().value(), 1);
    let rows = transaction.open_table(format::RECORDS).unwrap();
    let row = rows.get((1, 0)).unwrap().unwrap().value().to_vec();
    let RecordHash(hash) = RecordHash::of(&record);
    assert_eq!(row, [&[6, 5, 4, 3, 2, 1, 0, 0], &hash[..8], b"record"].concat());
}
