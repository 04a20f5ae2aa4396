//! Reading from any place, while others write, and where there is nothing.

use redb::{ReadableDatabase, ReadableTable};

use super::super::format;
use super::*;
use crate::RecordHash;

fn value(place: usize) -> Bytes {
    Bytes::from(format!("{place}").repeat(500))
}

#[test]
fn readers_that_change_between_memory_and_file_see_every_record_once_and_in_order() {
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
