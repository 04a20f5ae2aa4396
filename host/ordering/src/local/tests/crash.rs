//! What is durable when, and what is left when the disk fails or the power does.

use std::collections::VecDeque;
use std::io::ErrorKind;

use super::disk::{Disk, Operation};
use super::*;
use crate::Readiness;

/// Which of the unsynced changes a crash keeps: none, all, or some, by the seed.
fn keeps(seed: u32) -> impl FnMut(usize) -> bool {
    let mut state = seed.wrapping_mul(0x9E37_79B9) | 1;
    move |_| match seed {
        0 => false,
        1 => true,
        _ => {
            state ^= state << 13;
            state ^= state >> 17;
            state ^= state << 5;
            state & 1 == 1
        }
    }
}

fn value(place: usize) -> Bytes {
    Bytes::from(vec![u8::try_from(place % 251).unwrap(); place * 97 % 9_000])
}

/// Takes the answers that are there, each of which must be the next offset. Returns how many there are now.
fn answers(pending: &mut VecDeque<Append>, mut answered: usize) -> usize {
    while let Some(append) = pending.front_mut()
        && let Poll::Ready(outcome) = poll(append)
    {
        assert_eq!(outcome.unwrap(), Offset(i64::try_from(answered).unwrap()));
        pending.pop_front();
        answered += 1;
    }
    answered
}

/// A crash here leaves a prefix of what was called, with all that was answered.
fn check_crashes(disk: &Disk, answered: usize, called: usize) {
    let one = channel("one");
    for seed in 0..5 {
        let crashed = start(Disk::of(disk.crashed(keeps(seed))).database());
        let values: Vec<_> = all(&crashed, &one).into_iter().map(|record| record.value).collect();
        assert!((answered..=called).contains(&values.len()), "{answered}, {called}: {}", values.len());
        assert!(values.iter().cloned().eq((0..values.len()).map(value)));
    }
}

#[test]
fn nothing_is_answered_or_shown_before_its_sync_and_no_crash_takes_it_back() {
    for quick_repair in [false, true] {
        let disk = Disk::with_log();
        let settings = Settings { quick_repair, ..settings() };
        let log = LocalLog::start(disk.database(), Path::new("test"), &settings, clock_at(1)).unwrap();
        let one = channel("one");
        let mut reader = log.read(&one, Offset(0));
        let (mut called, mut answered, mut shown, mut syncs) = (0, 0, 0, 0);
        for round in 0..10 {
            let held = disk.hold();
            let count = 1 + round % 5;
            let mut pending: VecDeque<_> =
                (called..called + count).map(|place| log.append(&one, value(place))).collect();
            called += count;
            while !pending.is_empty() {
                if !disk.is_waiting() {
                    answered = answers(&mut pending, answered);
                    std::thread::yield_now();
                    continue;
                }
                answered = answers(&mut pending, answered);
                while let Poll::Ready(record) = shown_at_once(&mut reader) {
                    assert_eq!(record.unwrap().unwrap().value, value(shown));
                    shown += 1;
                }
                assert_eq!(shown, answered);
                check_crashes(&disk, answered, called);
                disk.pass_one();
                syncs += 1;
            }
            drop(held);
        }
        assert_eq!(answered, called);
        assert!(syncs >= 10 && all(&log, &one).len() == called);
    }
}

#[test]
fn all_that_is_queued_during_a_sync_shares_the_next_one() {
    let disk = Disk::with_log();
    let log = start(disk.database());
    let first = log.append(&channel("first"), Bytes::from_static(b"x"));
    block_on(first).unwrap();
    let held = disk.hold();
    let before = disk.syncs();
    let mut appends = vec![log.append(&channel("first"), Bytes::from_static(b"x"))];
    disk.wait_for_sync();
    for index in 0..500 {
        appends.push(log.append(&channel(&format!("channel {}", index % 10)), Bytes::from_static(b"x")));
    }
    drop(held);
    for append in appends {
        block_on(append).unwrap();
    }
    // Two transactions; each syncs once, and once more where the file grows.
    let syncs = disk.syncs() - before;
    assert!((2..=4).contains(&syncs), "{syncs}");
}

#[test]
fn a_failing_disk_stops_the_log_and_each_append_knows_whether_it_may_be_there() {
    let unknown = "whether the record is in the ordered log is unknown: syncing the log failed";
    let cases = [
        (
            Operation::Sync,
            ErrorKind::Other,
            1 << 20,
            format!("{unknown}: I/O error: other error; look at the disk"),
        ),
        (
            Operation::Write,
            ErrorKind::StorageFull,
            1 << 20,
            format!("{unknown}, the disk is full: make room"),
        ),
        (
            Operation::Write,
            ErrorKind::QuotaExceeded,
            0,
            "the ordered log is unavailable: writing to the log failed, the disk is full: make room"
                .to_owned(),
        ),
    ];
    for (operation, kind, cache_bytes, text) in cases {
        let disk = Disk::with_log();
        let log = start(disk.database_with_cache(cache_bytes));
        let (one, two) = (channel("one"), channel("two"));
        for _ in 0..3 {
            append(&log, &one, "durable").unwrap();
        }
        let mut waiting = log.read(&one, Offset(3));
        assert!(shown_at_once(&mut waiting).is_pending());
        let mut state = log.state(&one);
        assert!(matches!(*state.borrow_and_update(), Readiness::Ready { .. }));

        let held = disk.hold();
        let mut written = vec![log.append(&one, Bytes::from_static(b"lost"))];
        if operation == Operation::Sync {
            disk.wait_for_sync();
            written.push(log.append(&two, Bytes::from_static(b"behind")));
        }
        disk.fail(operation, kind);
        drop(held);
        let outcomes: Vec<_> = written.into_iter().map(|append| block_on(append).unwrap_err()).collect();
        assert_eq!(outcomes[0].to_string(), format!("{text}, then restart"));
        assert_eq!(outcomes[0].is_outcome_unknown(), text.starts_with(unknown));
        assert!(outcomes.iter().skip(1).all(|behind| !behind.is_outcome_unknown()));

        // Everybody hears of it, what is durable can be read, and nothing is taken.
        block_on(state.changed()).unwrap();
        assert!(matches!(*state.borrow(), Readiness::Unavailable { .. }));
        let ended = block_on(waiting.next()).unwrap().unwrap_err();
        assert!(matches!(ended, ReadError::Unavailable { .. }), "{ended}");
        assert!(block_on(waiting.next()).is_none());
        assert_eq!(all(&log, &one).len(), 3);
        for channel in [&one, &two, &channel("new")] {
            let refused = append(&log, channel, "x").unwrap_err();
            assert!(matches!(&refused, AppendError::Unavailable { .. }), "{refused}");
            let end = log.shared.channel(channel).tip().end;
            assert!(matches!(read_error(&log, channel, end.0), ReadError::Unavailable { .. }));
        }
        drop(log);
        // After a restart the log goes on where the disk says.
        let log = start(Disk::of(disk.crashed(keeps(0))).database());
        assert_eq!(append(&log, &one, "next").unwrap(), Offset(3));
    }
}

#[test]
fn a_disk_that_cannot_be_read_ends_the_reader_and_an_append_that_was_not_written() {
    let disk = Disk::with_log();
    let one = channel("one");
    let log = start(disk.database());
    append(&log, &one, vec![1; 100_000]).unwrap();
    drop(log);
    let log = start(disk.database_with_cache(0));
    disk.fail(Operation::Read, ErrorKind::Other);
    let expected = "the ordered log is unavailable: reading the log failed: I/O error: other error";
    let error = read_error(&log, &one, 0).to_string();
    assert!(error.starts_with(expected), "{error}");
    let expected = "the ordered log is unavailable: writing to the log failed: ";
    let error = append(&log, &one, "x").unwrap_err().to_string();
    assert!(error.starts_with(expected), "{error}");
}

#[test]
fn a_panic_of_the_writer_stops_the_log_and_nothing_else() {
    let disk = Disk::with_log();
    let now = Arc::new(AtomicI64::new(0));
    let time = clock_of(&now);
    let clock: Clock = Arc::new(move || {
        assert!(time().0 < 2, "this panic is part of the test");
        time()
    });
    let log = LocalLog::start(disk.database(), Path::new("test"), &settings(), clock).unwrap();
    let one = channel("one");
    append(&log, &one, "durable").unwrap();
    let mut state = log.state(&one);
    now.store(2, Ordering::SeqCst);
    assert!(append(&log, &one, "lost").unwrap_err().is_outcome_unknown());
    let stopped = |state: &Readiness| matches!(state, Readiness::Unavailable { .. });
    let state = block_on(async { state.wait_for(stopped).await.unwrap().clone() });
    let Readiness::Unavailable { cause } = state else { unreachable!() };
    assert!(cause.to_string().starts_with("writing to the log panicked"), "{cause}");
    assert!(matches!(append(&log, &one, "refused"), Err(AppendError::Unavailable { .. })));
    assert_eq!(all(&log, &one).len(), 1);
    drop(log);
    assert_eq!(append(&start(disk.database()), &one, "next").unwrap(), Offset(1));
}
