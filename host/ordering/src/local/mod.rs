//! The ordered log of one node: a redb file, one writer thread, group commit.
//!
//! [`append`](OrderedLog::append) puts a record at the end of one queue. The writer takes all that is queued, whatever
//! the channel, writes it in one transaction and syncs the file; what arrives meanwhile goes into the next one. So an
//! fsync is shared by all that waited for the one before, and nobody waits for a timer. Readers near the end are served
//! from memory; others read the file in snapshots, which block no writer and which no writer blocks.
//!
//! # What a crash leaves
//!
//! A transaction is in the file whole or not at all, so of each channel a prefix of its order is there, with all that
//! was reported durable. Opening repairs what the crash left.
//!
//! After a failed write or sync the log takes and shows nothing more until it is opened again: what the disk holds can
//! no longer be told from what the kernel would like it to hold.
//!
//! # The file
//!
//! One redb database (file format 3 of redb, described in its `docs/design.md`) with three tables. Integers are
//! little-endian.
//!
//! | table | key | value |
//! |---|---|---|
//! | `raddle.log.meta` | `format` (UTF-8) | 4 bytes: the number of this format, 2 |
//! | `raddle.log.meta` | `id` (UTF-8) | 16 bytes, random, drawn when the file was made |
//! | `raddle.log.channels` | channel id (UTF-8) | 4 bytes: the channel's number, from 0, in order of first records |
//! | `raddle.log.records` | 4 bytes: channel number; 8 bytes: the first record's offset | one or more records |
//!
//! Records that follow one another in a channel and were written together share a row, up to 64 KiB: one row for each
//! would take a page of redb for each, and most of the writer's time. Each is, with nothing in between:
//!
//! | bytes | what |
//! |---|---|
//! | 0–7 | timestamp, signed, in milliseconds since 1970-01-01T00:00:00Z |
//! | 8–15 | XXH3, 64 bits, of the record; the seed is the timestamp as an unsigned number |
//! | 16–19 | n, the record's size |
//! | 20–(n + 19) | the record |
//!
//! A channel's offsets have no gaps. They begin at 0, and somewhere later if the first rows were taken away, as they
//! are while a channel is being forgotten; the last of them goes with the channel's own row. Its end
//! is not stored: it is the last record's offset + 1. Timestamps do not go back. The meta table is written in the
//! transaction that makes the file, a channel's row in that of its first record.
//!
//! A reader of format 2 refuses every other number; whatever changes the meaning of a byte gets a new one.

mod channel;
mod failure;
mod format;
mod open;
mod queue;
mod reader;
mod settings;
mod store;
#[cfg(test)]
mod tests;
mod writer;

use std::collections::HashMap;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

use bytes::Bytes;
use raddle_core::ids::{ChannelId, Offset};
use tokio::sync::watch;

use crate::budget::size_bytes;
use crate::log::RecordSource as _;
use crate::{
    Append, AppendError, LogIdentity, LogKind, OrderedLog, ReadError, Readiness, RecordHash,
    RecordHashFuture, Records, lock,
};
use channel::{Channel, Stop};
use queue::Queue;
use reader::Reader;
use store::Store;
use writer::Writer;

pub use failure::{Damage, Failure};
pub use format::FORMAT;
pub use open::OpenError;
pub use settings::{Clock, Settings, system_clock};

/// The ordered log in a file of this node.
///
/// Dropping it writes what is queued, answers it, ends all readers with [`ReadError::Closed`] and closes the file; this
/// takes as long as the disk needs. Appends and readers that are still held do no harm.
///
/// Every channel that was ever asked for takes a little memory until then, so ask for channels that exist.
#[derive(Debug)]
pub struct LocalLog {
    shared: Arc<Shared>,
    /// Taken when the log is dropped.
    writer: Option<JoinHandle<()>>,
}

/// What callers, readers and the writer share.
#[derive(Debug)]
struct Shared {
    identity: LogIdentity,
    store: Store,
    queue: Queue,
    channels: Mutex<Channels>,
    readiness: watch::Sender<Readiness>,
    max_record_bytes: u64,
    tail_bytes: u64,
}

#[derive(Debug, Default)]
struct Channels {
    by_id: HashMap<ChannelId, Arc<Channel>>,
    /// Why the log has stopped, for channels that are asked for afterwards.
    stop: Option<Stop>,
}

impl LocalLog {
    /// Opens the log in an existing file. Blocks; after a crash it repairs the file first.
    ///
    /// # Errors
    ///
    /// Anything else than a whole log of this format that nobody else has open. Nothing is changed then.
    pub fn open(path: &Path, settings: &Settings, clock: Clock) -> Result<Self, OpenError> {
        settings.check()?;
        let database = open::open(path, settings)?;
        Self::start(database, path, settings, clock)
    }

    /// Makes a new, empty log and opens it. Blocks. A crash meanwhile leaves no file of that name.
    ///
    /// # Errors
    ///
    /// Something of that name exists, or the folder cannot be written.
    pub fn create(path: &Path, settings: &Settings, clock: Clock) -> Result<Self, OpenError> {
        settings.check()?;
        open::create(path, settings)?;
        Self::open(path, settings, clock)
    }

    /// Which log this is.
    #[must_use]
    pub fn identity(&self) -> &LogIdentity {
        &self.shared.identity
    }

    /// Takes all records of a channel away, and its place in the order: its next record has offset 0 again. Blocks.
    /// Readers of the channel end, and what is on its way for it may fail. Nobody may append to the channel meanwhile.
    ///
    /// A crash leaves the channel with its last records, or without any; then it is to be called again.
    ///
    /// # Errors
    ///
    /// The log is closed, or has failed.
    pub fn forget(&self, channel: &ChannelId) -> Result<(), AppendError> {
        let forgotten = lock(&self.shared.channels).by_id.remove(channel);
        if let Some(forgotten) = forgotten {
            forgotten.stop(Stop::Closed);
        }
        self.shared.queue.forget(channel).blocking_recv().unwrap_or(Err(AppendError::Closed))
    }

    /// Starts the writer of an open database that [`format::initialise`] has prepared. `path` is for messages.
    fn start(
        database: redb::Database,
        path: &Path,
        settings: &Settings,
        clock: Clock,
    ) -> Result<Self, OpenError> {
        let contents = open::guarded(path, || open::load(path, &database))?;
        let identity = LogIdentity { kind: LogKind::Local, id: contents.id };
        let mut channels = Channels::default();
        for (id, place) in &contents.places {
            let channel = Channel::restored(id, place, settings);
            channels.by_id.insert(id.clone(), Arc::new(channel));
        }
        let shared = Arc::new(Shared {
            readiness: watch::Sender::new(Readiness::Ready { log: identity.clone() }),
            identity,
            store: Store::new(database, settings.quick_repair),
            queue: Queue::new(settings.max_in_flight_bytes),
            channels: Mutex::new(channels),
            max_record_bytes: settings.max_record_bytes,
            tail_bytes: settings.tail_bytes,
        });
        let writer = Writer::new(Arc::clone(&shared), contents.places, clock);
        let thread = std::thread::Builder::new().name("ordered-log".to_owned());
        let writer = thread.spawn(move || writer.run()).map_err(|source| OpenError::Io {
            path: path.to_owned(),
            doing: "starting its writer",
            source,
        })?;
        Ok(Self { shared, writer: Some(writer) })
    }
}

impl OrderedLog for LocalLog {
    fn append(&self, channel: &ChannelId, record: Bytes) -> Append {
        let size_bytes = size_bytes(&record);
        let limit_bytes = self.shared.max_record_bytes;
        if size_bytes > limit_bytes {
            return Append::failed(AppendError::TooLarge { size_bytes, limit_bytes });
        }
        self.shared.queue.push(self.shared.channel(channel), record)
    }

    /// A transaction is in the file whole or not at all, and after one that failed no other is tried.
    fn fails_in_order(&self) -> bool {
        true
    }

    fn record_bytes_max(&self, _: &ChannelId) -> Option<u64> {
        Some(self.shared.max_record_bytes)
    }

    fn read(&self, channel: &ChannelId, from: Offset) -> Records {
        let reader = Reader::new(Arc::clone(&self.shared), self.shared.channel(channel), from);
        Records::of(reader)
    }

    fn state(&self, _: &ChannelId) -> watch::Receiver<Readiness> {
        self.shared.readiness.subscribe()
    }

    fn record_hash(&self, channel: &ChannelId, offset: Offset) -> RecordHashFuture {
        let shared = Arc::clone(&self.shared);
        let channel = self.shared.channel(channel);
        Box::pin(async move {
            let tip = channel.tip();
            if let Some(stop) = tip.stop {
                return Err(stop.into());
            }
            if offset >= tip.end {
                return Err(ReadError::Beyond { from: offset, end: tip.end });
            }
            let record = Reader::new(shared, channel, offset).next().await?;
            Ok(RecordHash::of(&record))
        })
    }
}

impl Drop for LocalLog {
    fn drop(&mut self) {
        self.shared.queue.close();
        if let Some(writer) = self.writer.take() {
            // The writer catches its own panics and has answered everybody.
            let _ = writer.join();
        }
    }
}

// === impl Shared ===

impl Shared {
    /// The channel of that id; a new one has no records.
    fn channel(&self, id: &ChannelId) -> Arc<Channel> {
        let mut channels = lock(&self.channels);
        if let Some(channel) = channels.by_id.get(id) {
            return Arc::clone(channel);
        }
        let channel = Arc::new(Channel::new(id.clone(), self.tail_bytes, channels.stop.clone()));
        channels.by_id.insert(id.clone(), Arc::clone(&channel));
        channel
    }

    /// Ends all readers and says why to everybody who looks.
    fn stop(&self, stop: &Stop) {
        let mut channels = lock(&self.channels);
        channels.stop = Some(stop.clone());
        for channel in channels.by_id.values() {
            channel.stop(stop.clone());
        }
        drop(channels);
        self.readiness.send_replace(stop.clone().into());
    }
}
