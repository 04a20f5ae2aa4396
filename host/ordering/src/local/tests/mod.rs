//! Tests of what is the local log's own: real redb, on real files and on a disk that tests can hold, fail and crash.
//!
//! What every ordered log does is tested by `host/ordering/tests/local.rs`.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

mod append;
mod crash;
mod disk;
mod forget;
mod kill;
mod model;
mod opening;
mod reading;

use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use futures_util::StreamExt;
use raddle_core::ids::{ChannelId, Offset};
use tempfile::TempDir;

use super::{Clock, LocalLog, Settings};
use crate::{Append, AppendError, OrderedLog, ReadError, Record, Records, TimestampMs};

/// A folder for one log.
struct Home(TempDir);

impl Home {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn path(&self) -> PathBuf {
        self.0.path().join("log.redb")
    }

    fn create(&self) -> LocalLog {
        LocalLog::create(&self.path(), &settings(), clock_at(1)).unwrap()
    }

    fn open(&self) -> LocalLog {
        LocalLog::open(&self.path(), &settings(), clock_at(1)).unwrap()
    }
}

fn settings() -> Settings {
    Settings { cache_bytes: 4 << 20, ..Settings::default() }
}

fn clock_at(ms: i64) -> Clock {
    Arc::new(move || TimestampMs(ms))
}

/// A clock that tests set.
fn clock_of(now: &Arc<AtomicI64>) -> Clock {
    let now = Arc::clone(now);
    Arc::new(move || TimestampMs(now.load(Ordering::SeqCst)))
}

fn channel(name: &str) -> ChannelId {
    ChannelId(name.to_owned())
}

fn block_on<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(future)
}

/// An append's outcome, if it is there.
fn poll(append: &mut Append) -> Poll<Result<Offset, AppendError>> {
    Pin::new(append).poll(&mut Context::from_waker(Waker::noop()))
}

/// What a stream shows without waiting for more.
fn shown_at_once(records: &mut Records) -> Poll<Option<Result<Record, ReadError>>> {
    records.poll_next_unpin(&mut Context::from_waker(Waker::noop()))
}

/// The next `count` records from a place.
fn read(log: &LocalLog, channel: &ChannelId, from: i64, count: usize) -> Vec<Record> {
    block_on(log.read(channel, Offset(from)).take(count).map(Result::unwrap).collect())
}

/// Why there is no record at a place.
fn read_error(log: &LocalLog, channel: &ChannelId, from: i64) -> ReadError {
    block_on(log.read(channel, Offset(from)).next()).unwrap().unwrap_err()
}

fn append(log: &LocalLog, channel: &ChannelId, value: impl AsRef<[u8]>) -> Result<Offset, AppendError> {
    block_on(log.append(channel, Bytes::copy_from_slice(value.as_ref())))
}

/// All records of a channel that has a known end, which is also checked.
fn all(log: &LocalLog, channel: &ChannelId) -> Vec<Record> {
    let tip = log.shared.channel(channel).tip();
    read(log, channel, tip.first.0, usize::try_from(tip.end.0 - tip.first.0).unwrap())
}

/// Opens a log whose database is given.
fn start(database: redb::Database) -> LocalLog {
    LocalLog::start(database, Path::new("test"), &settings(), clock_at(1)).unwrap()
}

impl Home {
    /// Changes rows behind the log's back.
    fn edit(&self, edit: impl FnOnce(&mut redb::Table<'_, (u32, i64), &'static [u8]>)) {
        let database = redb::Database::open(self.path()).unwrap();
        let transaction = database.begin_write().unwrap();
        edit(&mut transaction.open_table(super::format::RECORDS).unwrap());
        transaction.commit().unwrap();
    }
}
