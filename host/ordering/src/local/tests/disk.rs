//! A disk that holds its syncs, fails, and crashes with any part of what was not synced.

use std::io::{self, ErrorKind};
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

use redb::{Builder, Database, StorageBackend};

use super::super::format;

/// Clones share the disk.
#[derive(Clone, Debug, Default)]
pub(super) struct Disk(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    /// What a running process reads.
    live: Vec<u8>,
    /// What was there at the last sync.
    durable: Vec<u8>,
    unsynced: Vec<Change>,
    syncs: u64,
    /// How many more syncs may pass, if not all.
    permits: Option<u64>,
    is_waiting: bool,
    failure: Option<(Operation, ErrorKind)>,
}

#[derive(Clone, Debug)]
enum Change {
    Length(usize),
    Bytes(usize, Vec<u8>),
}

/// What a disk can be told to fail at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Operation {
    Read,
    Write,
    Sync,
}

impl Disk {
    /// A disk with an empty log of id 0.
    pub(super) fn with_log() -> Self {
        let disk = Self::default();
        format::initialise(&disk.database(), [0; 16]).unwrap();
        disk
    }

    pub(super) fn of(image: Vec<u8>) -> Self {
        let state = State { durable: image.clone(), live: image, ..State::default() };
        Self(Arc::new(Inner { state: Mutex::new(state), changed: Condvar::new() }))
    }

    /// Opens or makes a database.
    pub(super) fn database(&self) -> Database {
        self.database_with_cache(1 << 20)
    }

    /// With a cache of 0 bytes, every read and write reaches the disk at once.
    pub(super) fn database_with_cache(&self, bytes: usize) -> Database {
        Builder::new().set_cache_size(bytes).create_with_backend(self.clone()).unwrap()
    }

    /// From here on, syncs wait, until what is returned is dropped.
    pub(super) fn hold(&self) -> Held {
        self.0.state.lock().unwrap().permits = Some(0);
        Held(self.clone())
    }

    /// Whether a sync waits.
    pub(super) fn is_waiting(&self) -> bool {
        self.0.state.lock().unwrap().is_waiting
    }

    /// Waits until a sync waits.
    pub(super) fn wait_for_sync(&self) {
        let state = self.0.state.lock().unwrap();
        // A log that does not sync fails the test, instead of holding it for ever.
        let long = Duration::from_secs(60);
        let (state, waited) =
            self.0.changed.wait_timeout_while(state, long, |state| !state.is_waiting).unwrap();
        drop(state);
        assert!(!waited.timed_out(), "no sync in {long:?}");
    }

    /// Lets the sync pass that waits, and waits for the end of the sync.
    pub(super) fn pass_one(&self) {
        let mut state = self.0.state.lock().unwrap();
        state.permits = Some(1);
        self.0.changed.notify_all();
        drop(self.0.changed.wait_while(state, |state| state.permits != Some(0)).unwrap());
    }

    pub(super) fn fail(&self, operation: Operation, kind: ErrorKind) {
        self.0.state.lock().unwrap().failure = Some((operation, kind));
    }

    pub(super) fn syncs(&self) -> u64 {
        self.0.state.lock().unwrap().syncs
    }

    /// What a crash leaves: all that was synced, and the chosen ones of the changes since then.
    pub(super) fn crashed(&self, mut is_kept: impl FnMut(usize) -> bool) -> Vec<u8> {
        let state = self.0.state.lock().unwrap();
        let mut image = state.durable.clone();
        for (index, change) in state.unsynced.iter().enumerate() {
            if is_kept(index) {
                change.apply(&mut image);
            }
        }
        image
    }

    fn checked(&self, operation: Operation) -> io::Result<std::sync::MutexGuard<'_, State>> {
        let state = self.0.state.lock().unwrap();
        match state.failure {
            Some((failing, kind)) if failing == operation => Err(kind.into()),
            _ => Ok(state),
        }
    }
}

/// Holds a disk's syncs. A test that fails lets go of them, so that its log can be dropped.
#[must_use = "dropping it lets all syncs pass"]
pub(super) struct Held(Disk);

impl Drop for Held {
    fn drop(&mut self) {
        let Held(disk) = self;
        disk.0.state.lock().unwrap().permits = None;
        disk.0.changed.notify_all();
    }
}

impl Change {
    fn apply(&self, image: &mut Vec<u8>) {
        match self {
            Self::Length(length) => image.resize(*length, 0),
            Self::Bytes(at, bytes) => {
                let end = at + bytes.len();
                image.resize(image.len().max(end), 0);
                image[*at..end].copy_from_slice(bytes);
            }
        }
    }
}

impl State {
    fn change(&mut self, change: Change) {
        change.apply(&mut self.live);
        self.unsynced.push(change);
    }
}

impl StorageBackend for Disk {
    fn len(&self) -> io::Result<u64> {
        Ok(self.0.state.lock().unwrap().live.len() as u64)
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        let state = self.checked(Operation::Read)?;
        let at = usize::try_from(offset).unwrap();
        out.copy_from_slice(state.live.get(at..at + out.len()).ok_or(ErrorKind::UnexpectedEof)?);
        Ok(())
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.checked(Operation::Write)?.change(Change::Length(usize::try_from(len).unwrap()));
        Ok(())
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        let change = Change::Bytes(usize::try_from(offset).unwrap(), data.to_vec());
        self.checked(Operation::Write)?.change(change);
        Ok(())
    }

    fn sync_data(&self) -> io::Result<()> {
        let mut state = self.0.state.lock().unwrap();
        state.is_waiting = true;
        self.0.changed.notify_all();
        let mut state = self.0.changed.wait_while(state, |state| state.permits == Some(0)).unwrap();
        state.is_waiting = false;
        if let Some((Operation::Sync, kind)) = state.failure {
            return Err(kind.into());
        }
        state.syncs += 1;
        state.durable = state.live.clone();
        state.unsynced.clear();
        state.permits = state.permits.map(|permits| permits - 1);
        self.0.changed.notify_all();
        Ok(())
    }
}
