//! What callers and readers share: committing, and reading what is committed.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use raddle_core::ids::{BlockNumber, ChannelId};

use crate::check::{self, Unchecked};
use crate::failure::{CommitError, Failure, ReadError, Stop};
use crate::format::Row;
use crate::open::Opened;
use crate::settings::Settings;
use crate::store::Store;
use crate::tail::Tail;
use crate::{NewBlock, Stored};

/// From here on, data are hashed on a thread of their own; starting one takes as long as hashing 100 KB.
const HASHED_MEANWHILE_BYTES: usize = 256 << 10;

/// What callers and readers share.
pub(crate) struct Shared {
    channel: ChannelId,
    store: Store,
    /// Where the next block goes in its file. Locked for as long as a commit takes.
    end: Mutex<u64>,
    tip: Mutex<Tip>,
    tail: Mutex<Tail>,
}

/// How far a ledger goes.
#[derive(Clone, Debug)]
pub(crate) struct Tip {
    /// What is stored behind the last committed block.
    pub stored: Arc<Stored>,
    /// Why there will be no more blocks.
    pub stop: Option<Stop>,
}

impl Tip {
    /// The number of committed blocks, which is the number of the next one.
    pub fn height(&self) -> u64 {
        self.stored.chain.tip.next().0
    }
}

// === impl Shared ===

impl Shared {
    pub fn new(opened: Opened, settings: &Settings) -> Self {
        let Opened { store, contents } = opened;
        let tail = Tail::new(contents.stored.chain.tip.next(), settings.tail_bytes);
        Self {
            channel: contents.channel,
            store,
            end: Mutex::new(contents.end),
            tip: Mutex::new(Tip { stored: Arc::new(contents.stored), stop: None }),
            tail: Mutex::new(tail),
        }
    }

    pub fn channel(&self) -> &ChannelId {
        &self.channel
    }

    pub fn store(&self) -> &Store {
        &self.store
    }

    pub fn tip(&self) -> Tip {
        lock(&self.tip).clone()
    }

    pub fn commit(&self, blocks: &[NewBlock]) -> Result<(), CommitError> {
        let Some(last) = blocks.last() else { return Ok(()) };
        let mut end = lock(&self.end);
        let tip = self.tip();
        if let Some(stop) = tip.stop {
            return Err(stop.into());
        }
        let before = tip.stored.chain;
        let stored = Stored { chain: last.state, anchor: last.anchor.clone() };
        let write = || {
            let unchecked = check::follow(before, blocks)?;
            let rows = self.append(*end, blocks, &unchecked)?;
            self.store.name(before.tip.next(), &rows, &stored)?;
            Ok(rows.last().map_or(*end, Row::end))
        };
        let written = catch_unwind(AssertUnwindSafe(write)).unwrap_or_else(|_| Err(self.panicked()));
        match written {
            Ok(next) => {
                *end = next;
                self.publish(blocks, stored);
                Ok(())
            }
            Err(error) => {
                if let CommitError::OutcomeUnknown { cause } = &error {
                    self.store.reopen_for_reading();
                    lock(&self.tip).stop = Some(Stop::Failed(Arc::clone(cause)));
                }
                Err(error)
            }
        }
    }

    /// Makes blocks durable that count once they are named, and checks their data. Hashing much data takes as long as
    /// the disk does, so it is done meanwhile: what turns out to be wrong is overwritten by the next block.
    fn append(&self, at: u64, blocks: &[NewBlock], unchecked: &Unchecked) -> Result<Vec<Row>, CommitError> {
        let size_bytes = blocks.iter().fold(0_usize, |size, new| size.saturating_add(new.block.len()));
        std::thread::scope(|scope| {
            let thread = std::thread::Builder::new().name("block-hashes".to_owned());
            let hashing = match size_bytes >= HASHED_MEANWHILE_BYTES {
                true => thread.spawn_scoped(scope, || unchecked.check()).ok(),
                false => None,
            };
            if hashing.is_none() {
                unchecked.check()?;
            }
            let rows = self.store.append(at, blocks)?;
            if let Some(hashing) = hashing {
                hashing.join().map_err(|_| self.panicked())??;
            }
            Ok(rows)
        })
    }

    fn panicked(&self) -> CommitError {
        Failure::Panicked { doing: "writing to", path: Arc::clone(self.store.path()) }.into()
    }

    /// Shows readers what is durable.
    fn publish(&self, blocks: &[NewBlock], stored: Stored) {
        let mut tail = lock(&self.tail);
        for new in blocks {
            tail.push(new.block.clone());
        }
        drop(tail);
        lock(&self.tip).stored = Arc::new(stored);
    }

    /// A block that is in memory. It may not count yet.
    pub fn recent(&self, number: BlockNumber) -> Option<Bytes> {
        lock(&self.tail).get(number)
    }

    /// Committed blocks from the files: at most `max_bytes`, or one.
    pub fn read_file(
        &self,
        from: BlockNumber,
        end: BlockNumber,
        max_bytes: u64,
    ) -> Result<Vec<Bytes>, ReadError> {
        let read = || {
            let mut taken_bytes = 0_u64;
            let fits = |row: &Row| {
                taken_bytes = taken_bytes.saturating_add(u64::from(row.size_bytes));
                taken_bytes <= max_bytes
            };
            self.store.read(from, end, fits)
        };
        let blocks = match read() {
            // A commit that fails takes the index away for a moment.
            Ok(None) | Err(Failure::Storage { source: redb::Error::PreviousIo, .. }) => {
                drop(lock(&self.end));
                read()
            }
            other => other,
        };
        match blocks {
            Ok(Some(blocks)) => Ok(blocks),
            // A stopped ledger whose index could not be opened once more is not closed.
            Ok(None) => Err(self.tip().stop.unwrap_or(Stop::Closed).into()),
            Err(failure) => Err(ReadError::Failed { cause: Arc::new(failure) }),
        }
    }

    pub fn close(&self) {
        let end = lock(&self.end);
        self.store.close();
        lock(&self.tip).stop.get_or_insert(Stop::Closed);
        drop(end);
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        self.close();
    }
}

/// Locks, also where another thread panicked: no code that holds one of these locks leaves half a change behind.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
