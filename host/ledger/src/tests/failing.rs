//! Disks that fail while the ledger runs.

use std::io::ErrorKind;

use super::disk::{BLOCKS, Disk, INDEX, Operation, keeps};
use super::*;
use crate::failure::Stop;
use crate::{CommitError, OpenError};

#[test]
fn a_failing_disk_stops_the_ledger_with_a_sentence_and_what_is_committed_is_readable() {
    let full = "the disk is full: make room, then restart";
    let other = "I/O error: other error; look at the disk, then restart";
    let cases = [
        (BLOCKS, Operation::Write, ErrorKind::StorageFull, 0, "writing to", full),
        (BLOCKS, Operation::Sync, ErrorKind::Other, 1 << 20, "syncing", other),
        (INDEX, Operation::Write, ErrorKind::StorageFull, 1 << 20, "syncing", full),
        (INDEX, Operation::Write, ErrorKind::QuotaExceeded, 0, "writing to", full),
        (INDEX, Operation::Sync, ErrorKind::Other, 0, "syncing", other),
    ];
    let blocks = recorded();
    for (file, operation, kind, cache_bytes, doing, remedy) in cases {
        let disk = Disk::with_ledger(&blocks[0]);
        let ledger = disk.try_open(&Settings { cache_bytes, ..without_tail() }).unwrap();
        ledger.commit(&blocks[1..6]).unwrap();
        disk.fail(file, operation, kind);

        let error = ledger.commit(&blocks[6..8]).unwrap_err();
        assert!(matches!(error, CommitError::OutcomeUnknown { .. }), "{error}");
        let separator = if remedy == full { "," } else { ":" };
        let cause = format!("{doing} the ledger test failed{separator} {remedy}");
        assert_eq!(error.to_string(), format!("whether the blocks are in the ledger is unknown: {cause}"));
        assert!(matches!(ledger.0.tip().stop, Some(Stop::Failed(_))));

        // What is committed can be read, for as long as the disk can be.
        assert_holds(&ledger, &blocks[..6]);
        let refused = ledger.commit(&blocks[6..7]).unwrap_err();
        assert!(matches!(refused, CommitError::Stopped { .. }), "{refused}");
        assert_eq!(refused.to_string(), format!("the ledger has stopped: {cause}"));
        drop(ledger);
        for seed in 0..4 {
            let ledger = Disk::of(disk.crashed(keeps(seed))).open();
            let height = usize::try_from(ledger.height()).unwrap();
            assert!([6, 8].contains(&height), "{height}");
            assert_holds(&ledger, &blocks[..height]);
        }
    }
}

#[test]
fn readers_do_not_notice_a_commit_that_fails() {
    let blocks = recorded();
    for _ in 0..40 {
        let disk = Disk::with_ledger(&blocks[0]);
        // Every read reaches the disk, and redb refuses all once a write has failed.
        let ledger = disk.try_open(&Settings { cache_bytes: 0, ..without_tail() }).unwrap();
        ledger.commit(&blocks[1..3]).unwrap();
        let (read, is_read) = std::sync::mpsc::channel();
        let reader = {
            let (ledger, blocks) = (ledger.clone(), blocks[..3].to_vec());
            let read_all = move || {
                for (number, new) in (0..).map(BlockNumber).zip(&blocks) {
                    assert_eq!(ledger.block(number).unwrap().unwrap(), new.block);
                }
                ledger.0.tip().stop.is_none()
            };
            std::thread::spawn(move || {
                while read_all() {
                    let _ = read.send(());
                }
                read_all();
            })
        };
        is_read.recv().unwrap();
        disk.fail(INDEX, Operation::Sync, ErrorKind::Other);
        ledger.commit(&blocks[3..5]).unwrap_err();
        reader.join().unwrap();
    }
}

#[test]
fn a_disk_that_cannot_be_read_fails_the_read_and_not_the_ledger() {
    let blocks = recorded();
    let disk = Disk::with_ledger(&blocks[0]);
    let ledger = disk.try_open(&without_tail()).unwrap();
    ledger.commit(&blocks[1..3]).unwrap();
    disk.fail(BLOCKS, Operation::Read, ErrorKind::Other);
    let expected = "reading the ledger test failed: I/O error: other error; look at the disk, then restart";
    assert_eq!(ledger.block(BlockNumber(1)).unwrap_err().to_string(), expected);
    assert_eq!(ledger.verify(|_, _| ()).unwrap_err().to_string(), expected);
    ledger.commit(&blocks[3..5]).unwrap();
    disk.fail(BLOCKS, Operation::Read, ErrorKind::Interrupted);
    disk.fail(INDEX, Operation::Sync, ErrorKind::Other);
    assert_eq!(ledger.block(BlockNumber(1)).unwrap().unwrap(), blocks[1].block);
}

#[test]
fn what_the_disk_says_at_opening_becomes_a_sentence_with_a_remedy() {
    let cases = [
        (Operation::Write, ErrorKind::StorageFull, "opening test failed, the disk is full: make room"),
        (
            Operation::Read,
            ErrorKind::PermissionDenied,
            "opening test is not permitted: give this process's user read and write access",
        ),
        (
            Operation::Read,
            ErrorKind::UnexpectedEof,
            "the ledger test is damaged: a file is shorter than it says it is; keep a copy, then put back a backup",
        ),
        (Operation::Read, ErrorKind::Other, "opening test failed: other error"),
    ];
    let blocks = recorded();
    for (operation, kind, expected) in cases {
        let disk = Disk::with_ledger(&blocks[0]);
        let before = disk.live();
        disk.fail(INDEX, operation, kind);
        let error: OpenError = disk.try_open(&settings()).unwrap_err();
        assert_eq!(error.to_string(), expected);
        assert_eq!(disk.live(), before);
    }
}
