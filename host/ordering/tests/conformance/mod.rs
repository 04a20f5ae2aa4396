//! What every ordered log does, whatever its engine: the same tests for each, over the trait alone.

mod patience;

use std::sync::Mutex;
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use futures_util::StreamExt as _;
use raddle_core::ids::{ChannelId, Offset};
use raddle_ordering::{
    Anchor, AppendError, LogIdentity, Mismatch, OrderedLog, ReadError, Readiness, Record, RecordHash, Records,
};

pub use patience::block_on;

/// A log under test. Its channels are new, and begin with offset 0.
pub trait Subject {
    fn log(&self) -> &dyn OrderedLog;

    /// A channel that nobody else has.
    fn channel(&self) -> ChannelId;

    /// Opens a log that takes records of at most so many bytes.
    fn limited(max_record_bytes: u64) -> Self;

    /// Closes the log, gives it to `see`, and opens it again.
    fn reopen(self, see: impl FnOnce()) -> Self;
}

/// Calls `$make!` with the names of all functions below.
#[macro_export]
macro_rules! for_each_test {
    ($make:ident) => {
        $make! {
            appends_are_ordered_as_they_were_called_by_many_threads_on_many_channels
            an_append_that_nobody_waits_for_is_appended
            a_log_that_is_dropped_answers_what_was_appended
            a_record_may_be_as_large_as_the_limit_and_no_larger
            a_record_is_any_bytes
            readers_see_every_record_once_and_in_order_from_any_place_while_others_write
            a_channel_without_records_is_empty_and_its_readers_wait_for_the_first
            a_place_outside_of_the_log_is_an_error_that_names_what_is_there
            readers_of_one_channel_do_not_disturb_each_other
            readers_outlive_the_log_with_an_error
            a_store_knows_its_log_again_and_halts_at_any_other
        }
    };
}

// === helpers ===

/// What a stream shows without waiting for more.
pub fn shown_at_once(records: &mut Records) -> Poll<Option<Result<Record, ReadError>>> {
    records.poll_next_unpin(&mut Context::from_waker(Waker::noop()))
}

pub fn append(
    log: &dyn OrderedLog,
    channel: &ChannelId,
    value: impl AsRef<[u8]>,
) -> Result<Offset, AppendError> {
    block_on(log.append(channel, Bytes::copy_from_slice(value.as_ref())))
}

/// The next `count` records from a place.
pub fn read(log: &dyn OrderedLog, channel: &ChannelId, from: i64, count: usize) -> Vec<Record> {
    block_on(log.read(channel, Offset(from)).take(count).map(Result::unwrap).collect())
}

/// Why there is no record at a place.
pub fn read_error(log: &dyn OrderedLog, channel: &ChannelId, from: i64) -> ReadError {
    block_on(log.read(channel, Offset(from)).next()).unwrap().unwrap_err()
}

/// Which log it is, as soon as it works.
pub fn identity(log: &dyn OrderedLog, channel: &ChannelId) -> LogIdentity {
    let mut state = log.state(channel);
    let ready = block_on(state.wait_for(|it| matches!(it, Readiness::Ready { .. }))).unwrap().clone();
    let Readiness::Ready { log } = ready else { unreachable!() };
    log
}

pub fn value(place: usize) -> Bytes {
    Bytes::from(format!("{place} ").repeat(500))
}

fn values(records: &[Record]) -> Vec<&Bytes> {
    records.iter().map(|record| &record.value).collect()
}

// === order ===

pub fn appends_are_ordered_as_they_were_called_by_many_threads_on_many_channels<S: Subject>(subject: S) {
    const THREADS: usize = 8;
    const EACH: usize = 60;
    let channels: Vec<_> = (0..3).map(|_| subject.channel()).collect();
    // What each channel was called with, in order of the calls: the lock makes call and note one step.
    let calls: Vec<Mutex<Vec<Bytes>>> = channels.iter().map(|_| Mutex::default()).collect();
    std::thread::scope(|scope| {
        for thread in 0..THREADS {
            let (log, channels, calls) = (subject.log(), &channels, &calls);
            scope.spawn(move || {
                let mut appends = Vec::new();
                for index in 0..EACH {
                    let place = (thread + index) % channels.len();
                    let value = Bytes::from(format!("{thread}/{index}"));
                    let mut calls = calls[place].lock().unwrap();
                    appends.push((log.append(&channels[place], value.clone()), calls.len()));
                    calls.push(value);
                }
                for (append, expected) in appends.into_iter().rev() {
                    assert_eq!(block_on(append).unwrap(), Offset(i64::try_from(expected).unwrap()));
                }
            });
        }
    });
    let check = |log: &dyn OrderedLog| {
        for (channel, calls) in channels.iter().zip(&calls) {
            let calls = calls.lock().unwrap();
            let records = read(log, channel, 0, calls.len());
            assert_eq!(values(&records), calls.iter().collect::<Vec<_>>(), "{channel}");
            assert_eq!(
                append(log, channel, "").map_err(|error| error.to_string()).unwrap().0 as usize,
                calls.len()
            );
        }
    };
    check(subject.log());
    let subject = subject.reopen(|| {});
    for (channel, calls) in channels.iter().zip(&calls) {
        let calls = calls.lock().unwrap();
        let records = read(subject.log(), channel, 0, calls.len());
        assert_eq!(values(&records), calls.iter().collect::<Vec<_>>(), "{channel}");
    }
}

pub fn an_append_that_nobody_waits_for_is_appended<S: Subject>(subject: S) {
    let (log, one) = (subject.log(), subject.channel());
    drop(log.append(&one, Bytes::from_static(b"first")));
    assert_eq!(append(log, &one, "second").unwrap(), Offset(1));
    assert_eq!(read(log, &one, 0, 1)[0].value, "first");
}

pub fn a_log_that_is_dropped_answers_what_was_appended<S: Subject>(subject: S) {
    let one = subject.channel();
    identity(subject.log(), &one);
    let appends: Vec<_> =
        (0..100).map(|index| subject.log().append(&one, Bytes::from(vec![index; 2_000]))).collect();
    let state = subject.log().state(&one);
    let subject = subject.reopen(|| {
        for (append, expected) in appends.into_iter().zip(0..) {
            assert_eq!(block_on(append).unwrap(), Offset(expected));
        }
        assert!(matches!(*state.borrow(), Readiness::Closed));
    });
    assert_eq!(read(subject.log(), &one, 0, 100).len(), 100);
    assert_eq!(append(subject.log(), &one, "next").unwrap(), Offset(100));
}

// === values ===

pub fn a_record_may_be_as_large_as_the_limit_and_no_larger<S: Subject>(_: S) {
    let subject = S::limited(5 << 20);
    let (log, one) = (subject.log(), subject.channel());
    let largest = vec![7; 5 << 20];
    assert_eq!(append(log, &one, &largest).unwrap(), Offset(0));
    let refused = append(log, &one, vec![7; (5 << 20) + 1]).unwrap_err();
    let text = refused.to_string();
    assert!(
        text.starts_with("the record has 5242881 bytes, the ordered log takes at most 5242880;"),
        "{text}"
    );
    assert!(!refused.is_outcome_unknown());
    assert_eq!(append(log, &one, "").unwrap(), Offset(1));
    let records = read(log, &one, 0, 2);
    assert!(records[0].value == largest && records[1].value.is_empty());
}

pub fn a_record_is_any_bytes<S: Subject>(subject: S) {
    let (log, one) = (subject.log(), subject.channel());
    let records = [Vec::new(), vec![0], (0..=u8::MAX).collect(), b"\xff\xfe\r\n\0".to_vec(), vec![0; 70_000]];
    for record in &records {
        append(log, &one, record).unwrap();
    }
    let read = read(log, &one, 0, records.len());
    assert!(read.iter().zip(&records).all(|(read, record)| read.value == record));
    // Everybody who reads it sees the same time.
    let again = block_on(log.read(&one, Offset(2)).next()).unwrap().unwrap();
    assert_eq!(again, read[2]);
}

// === readers ===

pub fn readers_see_every_record_once_and_in_order_from_any_place_while_others_write<S: Subject>(subject: S) {
    const RECORDS: usize = 600;
    let (log, one) = (subject.log(), &subject.channel());
    for place in 0..50 {
        append(log, one, value(place)).unwrap();
    }
    std::thread::scope(|scope| {
        for from in [0, 1, 25, 49, 50] {
            scope.spawn(move || {
                let records = read(log, one, from, RECORDS - usize::try_from(from).unwrap());
                for (record, offset) in records.iter().zip(from..) {
                    assert_eq!(record.offset, Offset(offset));
                    assert_eq!(record.value, value(usize::try_from(offset).unwrap()));
                }
            });
        }
        for start in (50..RECORDS).step_by(10) {
            let appends: Vec<_> = (start..start + 10).map(|place| log.append(one, value(place))).collect();
            for append in appends {
                block_on(append).unwrap();
            }
        }
    });
}

pub fn a_channel_without_records_is_empty_and_its_readers_wait_for_the_first<S: Subject>(subject: S) {
    let (log, one) = (subject.log(), subject.channel());
    let mut records = log.read(&one, Offset(0));
    assert!(shown_at_once(&mut records).is_pending());
    append(log, &subject.channel(), "x").unwrap();
    assert!(shown_at_once(&mut records).is_pending());
    append(log, &one, "first").unwrap();
    assert_eq!(block_on(records.next()).unwrap().unwrap().value, "first");
}

pub fn a_place_outside_of_the_log_is_an_error_that_names_what_is_there<S: Subject>(subject: S) {
    let (log, one, none) = (subject.log(), subject.channel(), subject.channel());
    for _ in 0..3 {
        append(log, &one, "x").unwrap();
    }
    let cases = [
        (&one, 4, "the ordered log ends before offset 4, its next record will have offset 3: it was made"),
        (
            &one,
            i64::MAX,
            "the ordered log ends before offset 9223372036854775807, its next record will have offset 3: it was made",
        ),
        (&one, -1, "the ordered log no longer holds offset -1, its first is 0: take"),
        (&one, i64::MIN, "the ordered log no longer holds offset -9223372036854775808, its first is 0: take"),
        (&none, 1, "the ordered log ends before offset 1, its next record will have offset 0: it was made"),
    ];
    for (channel, from, text) in cases {
        // What to do about it follows.
        let read = read_error(log, channel, from).to_string();
        assert!(read.starts_with(text), "{read}");
        let hash = block_on(log.record_hash(channel, Offset(from)));
        assert_eq!(hash.unwrap_err().to_string(), read);
    }
    let end = block_on(log.record_hash(&one, Offset(3))).unwrap_err();
    assert!(matches!(end, ReadError::Beyond { from: Offset(3), end: Offset(3) }), "{end}");
}

/// A reader that ends leaves nothing behind for the next one, and two at once have a place each.
pub fn readers_of_one_channel_do_not_disturb_each_other<S: Subject>(subject: S) {
    let (log, one) = (subject.log(), subject.channel());
    let appends: Vec<_> = (0..2_000).map(|place| log.append(&one, value(place))).collect();
    for append in appends {
        block_on(append).unwrap();
    }
    for from in [1_000, 0, 1_999, 3] {
        let mut first = log.read(&one, Offset(from));
        let mut second = log.read(&one, Offset(from / 2));
        for step in 0..if from == 1_999 { 1 } else { 5 } {
            assert_eq!(block_on(first.next()).unwrap().unwrap().offset, Offset(from + step));
            assert_eq!(block_on(second.next()).unwrap().unwrap().offset, Offset(from / 2 + step));
        }
    }
}

pub fn readers_outlive_the_log_with_an_error<S: Subject>(subject: S) {
    let (one, none) = (subject.channel(), subject.channel());
    append(subject.log(), &one, "x").unwrap();
    identity(subject.log(), &none);
    // One that waits, one that has not begun, and one that is dropped while it waits.
    let mut waiting = subject.log().read(&none, Offset(0));
    let mut begins = subject.log().read(&one, Offset(1));
    let mut dropped = subject.log().read(&none, Offset(0));
    assert!(shown_at_once(&mut waiting).is_pending() && shown_at_once(&mut dropped).is_pending());
    drop(dropped);
    let subject = subject.reopen(|| {
        for records in [&mut waiting, &mut begins] {
            let ended = block_on(records.next()).unwrap().unwrap_err();
            assert!(matches!(ended, ReadError::Closed), "{ended}");
            assert!(block_on(records.next()).is_none());
        }
    });
    assert_eq!(read(subject.log(), &one, 0, 1)[0].value, "x");
}

// === identity ===

pub fn a_store_knows_its_log_again_and_halts_at_any_other<S: Subject>(subject: S) {
    let one = subject.channel();
    for place in 0..3 {
        append(subject.log(), &one, value(place)).unwrap();
    }
    let found = identity(subject.log(), &one);
    let record = read(subject.log(), &one, 2, 1).remove(0);
    let anchor = Anchor::of(found.clone(), &record);
    let subject = subject.reopen(|| {});
    assert_eq!(identity(subject.log(), &one), found);
    let check = |anchor: &Anchor| block_on(anchor.check(&found, subject.log(), &one));
    check(&anchor).unwrap();
    let other = Anchor { log: LogIdentity { id: "x".into(), ..found.clone() }, ..anchor.clone() };
    assert!(matches!(check(&other), Err(Mismatch::Log { .. })));
    let other_hash = RecordHash([0xab; 32]);
    let cases = [
        (
            Anchor { hash: other_hash, ..anchor.clone() },
            format!("the record at offset 2 had hash {other_hash}, the log has {} there: put", anchor.hash),
        ),
        (
            Anchor { offset: Offset(3), ..anchor.clone() },
            format!(
                "the store has seen the record at offset 3 with hash {}: the ordered log ends before offset 3, its \
                 next record will have offset 3: it was made",
                anchor.hash
            ),
        ),
    ];
    for (anchor, text) in cases {
        let mismatch = check(&anchor).unwrap_err().to_string();
        assert!(mismatch.starts_with(&text), "{mismatch}");
    }
}
