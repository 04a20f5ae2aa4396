//! A file whose changes wait until it is known to be ours.
//!
//! redb writes to a file as soon as it opens it: it notes that somebody has it, and repairs it where a crash made that
//! necessary. A file that turns out to be somebody else's, or damaged, must stay as it is. So what redb writes is held
//! back until the ledger has been looked at, and then given to the file in the same order, or dropped.

use std::collections::VecDeque;
use std::io::{self, ErrorKind};
use std::ops::Bound;
use std::sync::{Arc, PoisonError, RwLock};

use redb::{BackendError, StorageBackend};

/// A file, and what has not been given to it yet. Clones share both.
#[derive(Clone, Debug)]
pub(crate) struct Held(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    file: Arc<dyn StorageBackend>,
    /// None once the file was accepted: everything goes straight to it.
    changes: RwLock<Option<Changes>>,
}

/// Writes that the file has not seen. They are few: opening a database writes some pages.
#[derive(Debug)]
struct Changes {
    length: u64,
    list: VecDeque<Change>,
}

#[derive(Debug)]
enum Change {
    Length(u64),
    Bytes(u64, Vec<u8>),
    Sync,
}

impl Held {
    pub fn new(file: Arc<dyn StorageBackend>) -> io::Result<Self> {
        let changes = Changes { length: file.len()?, list: VecDeque::new() };
        Ok(Self(Arc::new(Inner { file, changes: RwLock::new(Some(changes)) })))
    }

    /// Gives the file what it has missed, and from here on everything at once.
    pub fn accept(&self) -> io::Result<()> {
        let mut changes = self.0.changes.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(held) = &mut *changes {
            while let Some(change) = held.list.pop_front() {
                match change {
                    Change::Length(length) => self.0.file.set_len(length)?,
                    Change::Bytes(at, bytes) => self.0.file.write(at, &bytes)?,
                    Change::Sync => self.0.file.sync_data()?,
                }
            }
        }
        *changes = None;
        Ok(())
    }

    /// Holds a change back; none where the file takes it itself.
    fn hold(&self, change: impl FnOnce() -> Change) -> Option<()> {
        let mut changes = self.0.changes.write().unwrap_or_else(PoisonError::into_inner);
        let changes = changes.as_mut()?;
        let change = change();
        match &change {
            Change::Length(length) => changes.length = *length,
            Change::Bytes(at, bytes) => changes.length = changes.length.max(end_of(*at, bytes)),
            Change::Sync => {}
        }
        changes.list.push_back(change);
        Some(())
    }
}

impl Changes {
    /// Reads what the file would hold.
    fn read(&self, file: &dyn StorageBackend, offset: u64, out: &mut [u8]) -> io::Result<()> {
        let end = end_of(offset, out);
        if end > self.length {
            return Err(ErrorKind::UnexpectedEof.into());
        }
        let in_file = file.len()?.clamp(offset, end);
        let (old, new) = out.split_at_mut(length_between(offset, in_file));
        if !old.is_empty() {
            file.read(offset, old)?;
        }
        new.fill(0);
        for change in &self.list {
            match change {
                Change::Length(length) => {
                    let gone = length_between(offset, *length).min(out.len());
                    out.get_mut(gone..).unwrap_or_default().fill(0);
                }
                Change::Bytes(at, bytes) => {
                    let target = out.get_mut(length_between(offset, *at)..).unwrap_or_default();
                    let source = bytes.get(length_between(*at, offset)..).unwrap_or_default();
                    target.iter_mut().zip(source).for_each(|(target, source)| *target = *source);
                }
                Change::Sync => {}
            }
        }
        Ok(())
    }
}

/// How many bytes lie between two places; none if the second comes first.
fn length_between(from: u64, to: u64) -> usize {
    usize::try_from(to.saturating_sub(from)).unwrap_or(usize::MAX)
}

fn end_of(at: u64, bytes: &[u8]) -> u64 {
    at.saturating_add(u64::try_from(bytes.len()).unwrap_or(u64::MAX))
}

impl StorageBackend for Held {
    fn len(&self) -> io::Result<u64> {
        match &*self.0.changes.read().unwrap_or_else(PoisonError::into_inner) {
            Some(changes) => Ok(changes.length),
            None => self.0.file.len(),
        }
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        if let Some(changes) = &*self.0.changes.read().unwrap_or_else(PoisonError::into_inner) {
            return changes.read(&*self.0.file, offset, out);
        }
        // Without the lock, so that nobody who writes waits for a disk that reads.
        self.0.file.read(offset, out)
    }

    fn set_len(&self, length: u64) -> io::Result<()> {
        self.hold(|| Change::Length(length)).map_or_else(|| self.0.file.set_len(length), Ok)
    }

    fn sync_data(&self) -> io::Result<()> {
        self.hold(|| Change::Sync).map_or_else(|| self.0.file.sync_data(), Ok)
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        let change = || Change::Bytes(offset, data.to_vec());
        self.hold(change).map_or_else(|| self.0.file.write(offset, data), Ok)
    }

    fn close(&self) -> io::Result<()> {
        self.0.file.close()
    }

    fn try_lock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<bool, BackendError> {
        self.0.file.try_lock_range(start, end)
    }

    fn try_lock_shared_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<bool, BackendError> {
        self.0.file.try_lock_shared_range(start, end)
    }

    fn lock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<(), BackendError> {
        self.0.file.lock_range(start, end)
    }

    fn lock_shared_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<(), BackendError> {
        self.0.file.lock_shared_range(start, end)
    }

    fn unlock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<(), BackendError> {
        self.0.file.unlock_range(start, end)
    }

    fn query_lock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<bool, BackendError> {
        self.0.file.query_lock_range(start, end)
    }
}
