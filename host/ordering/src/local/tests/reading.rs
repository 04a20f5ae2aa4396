//! Reading from any place, while others write, and where there is nothing.

use redb::{ReadableDatabase, ReadableTable};

use super::disk::Disk;

use super::super::format;
use super::*;

fn value(place: usize) -> Bytes {
    Bytes::from(format!("{place}").repeat(500))
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
    let cases: [(&str, Edit); 4] = [
        ("the row is missing", |rows| drop(rows.remove((0, 1)).unwrap())),
        ("the row has 19 bytes, at least 20 are needed", |rows| {
            rows.insert((0, 1), [0; 19].as_slice()).unwrap();
        }),
        ("the row has 22 bytes, at least 27 are needed", |rows| {
            let row = [&[0; 16], [7, 0, 0, 0].as_slice(), b"re"].concat();
            rows.insert((0, 1), row.as_slice()).unwrap();
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
    let id = log.identity().id.clone();
    drop(log);
    let database = redb::Database::open(home.path()).unwrap();
    let transaction = database.begin_read().unwrap();
    let meta = transaction.open_table(format::META).unwrap();
    assert_eq!(meta.get("format").unwrap().unwrap().value(), [2, 0, 0, 0]);
    let stored_id: String =
        meta.get("id").unwrap().unwrap().value().iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(stored_id, id);
    let channels = transaction.open_table(format::CHANNELS).unwrap();
    assert_eq!(channels.get("é").unwrap().unwrap().value(), 1);
    let rows = transaction.open_table(format::RECORDS).unwrap();
    let row = rows.get((1, 0)).unwrap().unwrap().value().to_vec();
    // As another implementation has it: `xxhash.xxh3_64(b"record", seed=0x010203040506)` in Python.
    let checksum = [0x46, 0x8b, 0xa5, 0x33, 0x52, 0x53, 0x53, 0x1e];
    let timestamp = [6, 5, 4, 3, 2, 1, 0, 0];
    assert_eq!(row, [timestamp.as_slice(), &checksum, &[6, 0, 0, 0], b"record"].concat());
}

/// Records of these sizes, with another channel's between them, written in one transaction.
fn written_together(home: &Home, sizes: &[usize]) -> Vec<Bytes> {
    let disk = Disk::with_log();
    let log = start(disk.database());
    let held = disk.hold();
    let first = log.append(&channel("first"), Bytes::from_static(b"x"));
    disk.wait_for_sync();
    let values: Vec<_> =
        sizes.iter().zip(0_u8..).map(|(size, place)| Bytes::from(vec![place; *size])).collect();
    let mut appends = vec![first];
    for value in &values {
        appends.push(log.append(&channel("one"), value.clone()));
        appends.push(log.append(&channel("first"), value.clone()));
    }
    drop(held);
    for append in appends {
        block_on(append).unwrap();
    }
    drop(log);
    std::fs::write(home.path(), disk.crashed(|_| true)).unwrap();
    values
}

#[test]
fn records_written_together_share_rows_and_each_of_them_can_be_read_from() {
    let home = Home::new();
    let sizes = [[2_000; 40].as_slice(), &[70_000, 0, 65_240, 65_260, 1, 5_000, 60_200, 0]].concat();
    let values = written_together(&home, &sizes);
    let database = redb::Database::open(home.path()).unwrap();
    let transaction = database.begin_read().unwrap();
    let rows = transaction.open_table(format::RECORDS).unwrap();
    let firsts: Vec<_> = rows.range((1, 0)..(2, 0)).unwrap().map(|row| row.unwrap().0.value().1).collect();
    // 32 of them fill a row; what is longer than a row has one of its own.
    assert_eq!(firsts, [0, 32, 40, 41, 43, 44, 47]);
    drop((rows, transaction, database));
    let log = home.open();
    let one = channel("one");
    for from in 0..values.len() {
        let records = read(&log, &one, from as i64, values.len() - from);
        assert!(records.iter().map(|record| &record.value).eq(&values[from..]), "from {from}");
        assert!(records.iter().zip(from as i64..).all(|(record, offset)| record.offset.0 == offset));
    }
    assert_eq!(append(&log, &one, "next").unwrap().0, values.len() as i64);
}

#[test]
fn damage_within_a_row_ends_readers_there_and_not_before_or_behind() {
    let home = Home::new();
    let values = written_together(&home, &[100; 5]);
    home.edit(|rows| {
        let mut row = rows.get((1, 0)).unwrap().unwrap().value().to_vec();
        row[2 * 120 + 50] ^= 1;
        rows.insert((1, 0), row.as_slice()).unwrap();
    });
    let log = home.open();
    let one = channel("one");
    assert_eq!(read(&log, &one, 3, 2)[1].value, values[4]);
    assert_eq!(read(&log, &one, 0, 2)[1].value, values[1]);
    let text = "the log's file is damaged at offset 2 of channel one: the record does not match its checksum";
    for from in 0..=2 {
        let ended = block_on(log.read(&one, Offset(from)).skip(2 - from as usize).next());
        assert!(ended.unwrap().unwrap_err().to_string().ends_with(text));
    }
}
