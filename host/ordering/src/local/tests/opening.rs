//! Files that are no log, or not one that can be opened.

use std::fs;
use std::io;

use redb::TableDefinition;

use super::super::{OpenError, format};
use super::disk::{Disk, Operation};
use super::*;

fn open_error(path: &Path) -> OpenError {
    LocalLog::open(path, &settings(), clock_at(1)).unwrap_err()
}

/// An error's sentence with the path taken out.
fn sentence(error: &OpenError, home: &Home) -> String {
    error.to_string().replace(&home.path().display().to_string(), "LOG")
}

/// A redb database of somebody's, or of ours, with a row of meta changed.
fn database_with(path: &Path, table: &str, key: &str, value: &[u8]) {
    let database = redb::Database::create(path).unwrap();
    let transaction = database.begin_write().unwrap();
    let definition: TableDefinition<'_, &str, &[u8]> = TableDefinition::new(table);
    transaction.open_table(definition).unwrap().insert(key, value).unwrap();
    transaction.commit().unwrap();
}

#[test]
fn what_is_no_log_is_refused_with_what_it_is_and_left_as_it_is() {
    let meta = "raddle.log.meta";
    type Make = Box<dyn Fn(&Home)>;
    let write = |bytes: Vec<u8>| -> Make { Box::new(move |home| fs::write(home.path(), &bytes).unwrap()) };
    let with_row = |table: &'static str, key: &'static str, value: &'static [u8]| -> Make {
        Box::new(move |home| database_with(&home.path(), table, key, value))
    };
    let in_log = |key: &'static str, value: &'static [u8]| -> Make {
        Box::new(move |home| {
            drop(home.create());
            database_with(&home.path(), meta, key, value);
        })
    };
    let newer = "the ordered log LOG has format 3, this version reads 2: use the version that wrote it";
    let damaged =
        |what: &str| format!("the ordered log LOG is damaged: {what}; keep a copy, then put back a backup");
    let foreign = |what: &str| format!("LOG is no ordered log: {what}; the path may be wrong");
    let cases: Vec<(Make, String)> = vec![
        (Box::new(|home| fs::create_dir(home.path()).unwrap()), foreign("it is not a file")),
        (write(Vec::new()), foreign("it is empty, 0 bytes")),
        (write(b"orderer.yaml".to_vec()), foreign("it does not begin as a redb database")),
        (write(vec![0; 100_000]), foreign("it does not begin as a redb database")),
        (with_row("blocks", "x", b"y"), foreign("it is a redb database of something else")),
        (with_row(meta, "x", b"y"), foreign("it is a redb database of something else")),
        (in_log("format", &[3, 0, 0, 0]), newer.to_owned()),
        // A newer format may have moved everything but its number.
        (with_row(meta, "format", &[3, 0, 0, 0]), newer.to_owned()),
        (in_log("format", &[2, 0, 0]), damaged("its format has 3 bytes, not 4")),
        (in_log("id", b"short"), damaged("its id has 5 bytes, not 16")),
        (with_row(meta, "format", &[2, 0, 0, 0]), damaged("its id is missing")),
    ];
    for (make, expected) in cases {
        let home = Home::new();
        make(&home);
        let before = fs::read(home.path()).ok();
        assert_eq!(sentence(&open_error(&home.path()), &home), expected);
        let exists = LocalLog::create(&home.path(), &settings(), clock_at(1)).unwrap_err();
        assert!(matches!(exists, OpenError::Exists { .. }), "{exists}");
        let after = fs::read(home.path()).ok();
        // redb notes in its own header who has a database open.
        assert!(before == after || before.is_some_and(|it| it.starts_with(b"redb")), "{expected}");
    }
}

#[test]
fn a_missing_log_is_not_made_by_opening_it() {
    let home = Home::new();
    assert_eq!(
        sentence(&open_error(&home.path()), &home),
        "there is no ordered log at LOG: if there was one, put it back; a new one would be another log"
    );
    assert!(!home.path().exists());
    let nowhere = home.path().join("in").join("log.redb");
    let error = LocalLog::create(&nowhere, &settings(), clock_at(1)).unwrap_err();
    assert!(error.to_string().starts_with("writing the folder "), "{error}");
}

#[test]
fn a_log_that_is_open_is_locked_and_one_that_is_closed_is_not() {
    let home = Home::new();
    let log = home.create();
    let text = "the ordered log LOG is open already, in another process or here: close it first";
    assert_eq!(sentence(&open_error(&home.path()), &home), text);
    let id = log.identity().clone();
    drop(log);
    assert_eq!(*home.open().identity(), id);
    let names: Vec<_> = fs::read_dir(home.0.path()).unwrap().map(|it| it.unwrap().file_name()).collect();
    assert_eq!(names, ["log.redb"]);
}

#[test]
fn a_file_cut_off_or_overwritten_anywhere_is_refused_or_read_as_it_was_written() {
    let home = Home::new();
    let log = home.create();
    let one = channel("one");
    for place in 0..40_u8 {
        append(&log, &one, vec![place; 3_000]).unwrap();
    }
    drop(log);
    let whole = fs::read(home.path()).unwrap();
    let mut refused = 0;
    let mut check = |image: Vec<u8>, what: String| {
        fs::write(home.path(), image).unwrap();
        let log = match LocalLog::open(&home.path(), &settings(), clock_at(1)) {
            Ok(log) => log,
            Err(_) => return refused += 1,
        };
        // What is shown is what was written, whatever else is wrong.
        let records: Vec<_> = block_on(
            log.read(&one, Offset(0)).take(40).take_while(|it| std::future::ready(it.is_ok())).collect(),
        );
        for (record, place) in records.into_iter().zip(0_u8..) {
            assert_eq!(record.unwrap().value, vec![place; 3_000], "{what}");
        }
    };
    for length in [1, 100, 4_096, whole.len() / 2, whole.len() - 4_096, whole.len() - 1] {
        check(whole[..length].to_vec(), format!("cut to {length}"));
    }
    for at in (0..whole.len()).step_by(whole.len() / 60) {
        let mut image = whole.clone();
        let end = whole.len().min(at + 64);
        image[at..end].fill(0xa5);
        check(image, format!("overwritten at {at}"));
    }
    assert!(refused > 6, "{refused}");
}

#[test]
fn what_the_disk_says_at_opening_becomes_a_sentence_with_a_remedy() {
    let cases = [
        (io::ErrorKind::StorageFull, "opening LOG failed, the disk is full: make room"),
        (
            io::ErrorKind::PermissionDenied,
            "opening LOG is not permitted: give this process's user read and write access",
        ),
        (
            io::ErrorKind::UnexpectedEof,
            "the ordered log LOG is damaged: the file is shorter than it says it is; keep a copy, \
             then put back a backup",
        ),
        (io::ErrorKind::Other, "opening LOG failed: other error"),
    ];
    for (kind, expected) in cases {
        let disk = Disk::with_log();
        let log = start(disk.database());
        append(&log, &channel("one"), "x").unwrap();
        drop(log);
        let database = disk.database_with_cache(0);
        disk.fail(Operation::Read, kind);
        let home = Home::new();
        let error = LocalLog::start(database, &home.path(), &settings(), clock_at(1)).unwrap_err();
        assert_eq!(sentence(&error, &home), expected);
    }
}

#[test]
fn a_setting_out_of_its_bounds_is_named() {
    let home = Home::new();
    for max_record_bytes in [0, (1 << 30) + 1] {
        let settings = Settings { max_record_bytes, ..settings() };
        let error = LocalLog::create(&home.path(), &settings, clock_at(1)).unwrap_err();
        assert_eq!(
            error.to_string(),
            format!("max_record_bytes is {max_record_bytes}, it can be 1 to 1073741824")
        );
    }
    assert!(!home.path().exists());
}

#[test]
fn tables_that_contradict_each_other_are_named() {
    for (number, expected) in
        [(0, "channels one and two both have number 0"), (7, "channel two has no record")]
    {
        let home = Home::new();
        let log = home.create();
        append(&log, &channel("one"), "x").unwrap();
        drop(log);
        let database = redb::Database::open(home.path()).unwrap();
        let transaction = database.begin_write().unwrap();
        transaction.open_table(format::CHANNELS).unwrap().insert("two", number).unwrap();
        transaction.commit().unwrap();
        drop(database);
        let error = open_error(&home.path()).to_string();
        assert!(error.contains(expected), "{error}");
    }
}
