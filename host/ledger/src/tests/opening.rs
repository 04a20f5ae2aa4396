//! Folders that are no ledger, or not one that can be opened.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use redb::{ReadableTable, TableDefinition, WriteTransaction};

use super::disk::{Disk, keeps};
use super::*;
use crate::OpenError;

const META: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("raddle.ledger.meta");
const ROWS: TableDefinition<'_, u64, (u64, u32)> = TableDefinition::new("raddle.ledger.blocks");

/// What makes a ledger of ten recorded blocks, whose last config block is 0, unfit.
type Spoil = Box<dyn Fn(&Home)>;

impl Home {
    /// A closed ledger of ten recorded blocks.
    fn with_ten() -> Self {
        let (home, blocks) = (Self::new(), recorded());
        home.create(&blocks[0]).commit(&blocks[1..10]).unwrap();
        home
    }

    fn file(&self, name: &str) -> PathBuf {
        self.path().join(name)
    }

    /// Everything in its folder.
    fn contents(&self) -> BTreeMap<PathBuf, Vec<u8>> {
        let Ok(folder) = fs::read_dir(self.path()) else {
            return fs::read(self.path()).map(|bytes| (self.path(), bytes)).into_iter().collect();
        };
        folder.map(|it| it.unwrap().path()).map(|path| (path.clone(), fs::read(path).unwrap())).collect()
    }

    /// An error's sentence with the path taken out.
    fn sentence(&self, error: &OpenError) -> String {
        error.to_string().replace(&self.path().display().to_string(), "LEDGER")
    }

    fn open_error(&self) -> String {
        self.sentence(&Ledger::open(&self.path(), &mychannel(), &settings()).unwrap_err())
    }
}

fn edit(path: &Path, edit: impl Fn(&mut Vec<u8>)) {
    let mut bytes = fs::read(path).unwrap();
    edit(&mut bytes);
    fs::write(path, bytes).unwrap();
}

/// Changes the bytes of a file.
fn bytes(name: &'static str, change: fn(&mut Vec<u8>)) -> Spoil {
    Box::new(move |home| edit(&home.file(name), change))
}

/// Changes the index, as whoever knows redb could.
fn index(change: impl Fn(&WriteTransaction) + 'static) -> Spoil {
    Box::new(move |home| {
        let database = redb::Database::open(home.file("index.redb")).unwrap();
        let transaction = database.begin_write().unwrap();
        change(&transaction);
        transaction.commit().unwrap();
    })
}

fn meta(key: &'static str, value: &'static [u8]) -> Spoil {
    index(move |it| drop(it.open_table(META).unwrap().insert(key, value).unwrap()))
}

fn without(key: &'static str) -> Spoil {
    index(move |it| drop(it.open_table(META).unwrap().remove(key).unwrap()))
}

fn row(number: u64, at: u64, size_bytes: u32) -> Spoil {
    index(move |it| drop(it.open_table(ROWS).unwrap().insert(number, (at, size_bytes)).unwrap()))
}

/// Changes the last byte of a block, which belongs to its metadata.
fn in_block(number: usize) -> Spoil {
    Box::new(move |home| {
        let end = 32 + recorded()[..=number].iter().map(|new| 12 + new.block.len()).sum::<usize>();
        edit(&home.file("blocks"), |bytes| bytes[end - 1] ^= 1);
    })
}

/// What is no ledger, or somebody else's, or another version's.
fn others() -> Vec<(Spoil, String)> {
    let foreign = |what: &str| format!("LEDGER is no ledger: {what}; the path may be wrong");
    let gone = |home: &Home| fs::remove_dir_all(home.path()).unwrap();
    let no_files = "the folder holds no file blocks and no file index.redb";
    let newer = "the ledger LEDGER has format 2, this version reads 1: use the version that wrote it";
    vec![
        (
            Box::new(move |home| {
                gone(home);
                fs::write(home.path(), "orderer.yaml").unwrap();
            }),
            foreign("it is not a folder"),
        ),
        (
            Box::new(move |home| {
                gone(home);
                fs::create_dir(home.path()).unwrap();
            }),
            foreign(no_files),
        ),
        (
            Box::new(|home| {
                fs::rename(home.file("blocks"), home.file("000001.log")).unwrap();
                fs::remove_file(home.file("index.redb")).unwrap();
            }),
            foreign(no_files),
        ),
        (bytes("blocks", |it| it[0] = b'R'), foreign("its file blocks does not begin as a ledger's")),
        (bytes("blocks", |it| it.truncate(15)), foreign("its file blocks does not begin as a ledger's")),
        (bytes("blocks", |it| it.truncate(31)), foreign("its file blocks does not begin as a ledger's")),
        (bytes("blocks", |it| it[12] = 2), newer.to_owned()),
        // A newer format may have moved everything but its number, and needs no redb.
        (
            Box::new(|home| {
                edit(&home.file("blocks"), |it| it[12] = 2);
                edit(&home.file("blocks"), |it| it.truncate(16));
                edit(&home.file("index.redb"), |it| *it = vec![1]);
            }),
            newer.to_owned(),
        ),
        (
            meta("channel", b"another"),
            "the ledger LEDGER is that of channel another, not of mychannel: put each back in its own place"
                .to_owned(),
        ),
    ]
}

/// What is damaged.
fn damaged() -> Vec<(Spoil, String)> {
    let tip_hash = hash::hex(&recorded()[9].state.tip_hash.0);
    let cases: Vec<(Spoil, String)> = vec![
        (Box::new(|home| fs::remove_file(home.file("blocks")).unwrap()), "its file blocks is missing".into()),
        (
            Box::new(|home| fs::remove_file(home.file("index.redb")).unwrap()),
            "its file index.redb is missing".into(),
        ),
        (bytes("index.redb", Vec::clear), "its file index.redb is empty, 0 bytes".into()),
        (
            bytes("index.redb", |it| *it = vec![0; 100_000]),
            "its file index.redb does not begin as a redb database".into(),
        ),
        (
            Box::new(|home| {
                fs::remove_file(home.file("index.redb")).unwrap();
                redb::Database::create(home.file("index.redb")).unwrap();
            }),
            "its file index.redb is a redb database of something else".into(),
        ),
        (without("id"), "its file index.redb is a redb database of something else".into()),
        (meta("id", b"short"), "its id has 5 bytes in index.redb, not 16".into()),
        (meta("id", &[1; 16]), "its files blocks and index.redb are of two ledgers".into()),
        (without("channel"), "its channel is missing in index.redb".into()),
        (meta("channel", &[0xff]), "the id of its channel is not UTF-8 in index.redb".into()),
        (without("state"), "its state is missing in index.redb".into()),
        (meta("state", &[0; 72]), "its chain state cannot be read in index.redb".into()),
        (meta("state", &[2; 73]), "its chain state cannot be read in index.redb".into()),
        (
            meta("state", &[0; 73]),
            "index.redb names 10 blocks, the last is 9, and its chain state says 0".into(),
        ),
        (meta("anchor", &[0; 43]), "its place in the ordered log cannot be read in index.redb".into()),
        (meta("anchor", &[255; 60]), "its place in the ordered log cannot be read in index.redb".into()),
        (
            index(|it| drop(it.open_table(ROWS).unwrap().remove(4).unwrap())),
            "index.redb names 9 blocks, the last is 9, and its chain state says 9".into(),
        ),
        (row(10, 99, 9), "index.redb names 11 blocks, the last is 10, and its chain state says 9".into()),
        (
            index(|it| it.open_table(ROWS).unwrap().retain(|_, _| false).unwrap()),
            "index.redb names no block".into(),
        ),
        (
            row(9, u64::MAX, 9),
            format!("block 9: it ends at byte {}, the file blocks has 733696 bytes", u64::MAX),
        ),
        (row(9, 32, 20_941), "block 9: it has 20942 bytes in the file blocks, 20941 in the index".into()),
        (row(9, 32, 20_942), "block 9: its header has number 0, expected is 9".into()),
        (
            bytes("blocks", |it| it.truncate(700_000)),
            "block 8: it ends at byte 720376, the file blocks has 700000 bytes".into(),
        ),
        (in_block(9), "block 9: it does not match its checksum".into()),
        (in_block(8), "block 8: it does not match its checksum".into()),
        (in_block(0), "block 0: it does not match its checksum".into()),
        (
            index(|it| {
                let mut meta = it.open_table(META).unwrap();
                let mut state = meta.get("state").unwrap().unwrap().value().to_vec();
                state[8..40].fill(0xab);
                meta.insert("state", state.as_slice()).unwrap();
            }),
            format!("block 9: its header's hash is {tip_hash}, the chain state has {}", "ab".repeat(32)),
        ),
    ];
    let sentence =
        |what| format!("the ledger LEDGER is damaged: {what}; keep a copy, then put back a backup");
    cases.into_iter().map(|(spoil, what)| (spoil, sentence(what))).collect()
}

#[test]
fn what_is_no_whole_ledger_is_refused_with_what_it_is_and_left_as_it_is() {
    for (spoil, expected) in others().into_iter().chain(damaged()) {
        let home = Home::with_ten();
        spoil(&home);
        let before = home.contents();
        assert_eq!(home.open_error(), expected);
        assert!(home.contents() == before, "changed: {expected}");
        let genesis = &recorded()[0].block;
        let exists = Ledger::create(&home.path(), &mychannel(), genesis, &settings()).unwrap_err();
        let text = "LEDGER exists, no new ledger is made in its place: open it, or move it away";
        assert_eq!(home.sentence(&exists), text);
        assert!(home.contents() == before, "changed by creating: {expected}");
    }
}

#[test]
fn what_a_crash_left_is_not_repaired_where_it_is_refused() {
    let blocks = recorded();
    let disk = Disk::with_ledger(&blocks[0]);
    let ledger = disk.open();
    ledger.commit(&blocks[1..10]).unwrap();
    let crashed = Disk::of(disk.crashed(keeps(0)));
    let before = crashed.live();
    let another = ChannelId("another".to_owned());
    let error = Ledger::start(Path::new("test"), &another, crashed.files(), &settings()).unwrap_err();
    assert!(matches!(error, OpenError::OtherChannel { .. }), "{error}");
    assert!(crashed.live() == before);
    assert_holds(&crashed.open(), &blocks[..10]);
    assert!(crashed.live() != before);
}

#[test]
fn a_missing_ledger_is_not_made_by_opening_it() {
    let home = Home::new();
    let expected =
        "there is no ledger at LEDGER: if there was one, put it back, or join channel mychannel again";
    assert_eq!(home.open_error(), expected);
    assert!(!home.path().exists());
    let nowhere = home.path().join("in");
    let error = Ledger::create(&nowhere, &mychannel(), &recorded()[0].block, &settings()).unwrap_err();
    assert!(error.to_string().starts_with("writing the folder "), "{error}");
}

#[test]
fn a_block_that_is_not_the_first_makes_no_ledger() {
    let home = Home::new();
    let cases = [
        (recorded()[1].block.clone(), "block 0 is wrong: its header has number 1, expected is 0"),
        (Bytes::new(), "block 0 is wrong: it has no header"),
    ];
    for (genesis, expected) in cases {
        let error = Ledger::create(&home.path(), &mychannel(), &genesis, &settings()).unwrap_err();
        assert_eq!(home.sentence(&error), format!("no ledger is made at LEDGER, {expected}"));
        assert!(fs::read_dir(home.0.path()).unwrap().next().is_none());
    }
}

#[test]
fn what_a_crash_left_of_a_ledger_in_the_making_is_taken_away_and_what_somebody_makes_stays() {
    let (home, other) = (Home::new(), Home::new());
    let ledger = home.create(&recorded()[0]);
    // As they are named while they are made.
    let folder = other.0.path();
    let [left, empty, mine] =
        ["left", "empty", "mine"].map(|name| folder.join(format!(".raddle-ledger-{name}")));
    fs::create_dir(&left).unwrap();
    fs::write(left.join("blocks"), [7; 100]).unwrap();
    fs::write(left.join("index.redb"), [7; 100]).unwrap();
    fs::create_dir(&empty).unwrap();
    // Still locked under its new name.
    fs::rename(home.path(), &mine).unwrap();
    fs::create_dir(folder.join("another")).unwrap();
    Ledger::clear_unfinished(folder).unwrap();
    let there = || fs::read_dir(folder).unwrap().map(|it| it.unwrap().file_name()).collect::<BTreeSet<_>>();
    assert_eq!(there(), [".raddle-ledger-mine".into(), "another".into()].into());
    ledger.close();
    Ledger::clear_unfinished(folder).unwrap();
    assert_eq!(there(), ["another".into()].into());
}

#[test]
fn a_ledger_that_is_open_is_locked_and_one_that_is_closed_is_not() {
    let home = Home::new();
    let blocks = recorded();
    let ledger = home.create(&blocks[0]);
    let text = "the ledger LEDGER is open already, in another process or here: close it first";
    assert_eq!(home.open_error(), text);
    ledger.commit(&blocks[1..3]).unwrap();
    drop(ledger);
    assert_holds(&home.open(), &blocks[..3]);
    let names: Vec<_> = fs::read_dir(home.0.path()).unwrap().map(|it| it.unwrap().file_name()).collect();
    assert_eq!(names, ["mychannel"]);
}

#[test]
fn what_was_written_behind_the_last_block_and_never_committed_is_cut_off() {
    let home = Home::with_ten();
    edit(&home.file("blocks"), |bytes| bytes.extend([0xa5; 10_000]));
    assert_holds(&home.open(), &recorded()[..10]);
    assert_eq!(fs::metadata(home.file("blocks")).unwrap().len(), 733_696);
}

#[test]
fn files_cut_off_or_overwritten_anywhere_are_refused_or_read_as_they_were_written() {
    let blocks = &recorded()[..10];
    let disk = Disk::with_ledger(&blocks[0]);
    let ledger = disk.open();
    ledger.commit(&blocks[1..]).unwrap();
    drop(ledger);
    let whole = disk.live();
    let (mut refused, mut found) = (0, 0);
    let mut check = |file: usize, bytes: Vec<u8>, what: String| {
        let mut image = whole.clone();
        image[file] = bytes;
        let disk = Disk::of(image.clone());
        let Ok(ledger) = disk.try_open(&without_tail()) else {
            assert!(disk.live() == image, "changed: {what}");
            return refused += 1;
        };
        // What is shown is what was written, whatever else is wrong; and a full look finds what is wrong.
        let mut is_whole = true;
        for (number, new) in (0..).map(BlockNumber).zip(blocks) {
            match ledger.block(number) {
                Ok(block) => assert_eq!(block.as_ref(), Some(&new.block), "{what}"),
                Err(_) => is_whole = false,
            }
        }
        assert_eq!(ledger.verify(|_, _| ()).is_ok(), is_whole, "{what}");
        found += usize::from(!is_whole);
    };
    for (file, bytes) in whole.iter().enumerate() {
        for length in [1, 100, 4_096, bytes.len() / 2, bytes.len() - 4_096, bytes.len() - 1] {
            check(file, bytes[..length].to_vec(), format!("{file} cut to {length}"));
        }
        for at in (0..bytes.len()).step_by(bytes.len() / 60) {
            let mut bytes = bytes.clone();
            let end = bytes.len().min(at + 64);
            bytes[at..end].fill(0xa5);
            check(file, bytes, format!("{file} overwritten at {at}"));
        }
    }
    assert!(refused > 12 && found > 20, "{refused}, {found}");
}
