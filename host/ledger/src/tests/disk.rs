//! A disk with the two files of a ledger that fails, freezes at any write or sync, and crashes with any part of what
//! was not synced.

use std::io::{self, ErrorKind};
use std::sync::{Arc, Mutex, MutexGuard};

use redb::StorageBackend;

use super::*;
use crate::open;
use crate::store::Files;

/// The files by their place.
pub(super) const BLOCKS: usize = 0;
pub(super) const INDEX: usize = 1;

/// What both files hold.
pub(super) type Image = [Vec<u8>; 2];

/// Clones share the disk.
#[derive(Clone, Debug, Default)]
pub(super) struct Disk(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    files: [Contents; 2],
    /// Writes, changes of length and syncs, of both files together.
    operations: u64,
    /// From this operation on, all of them fail.
    frozen_at: Option<u64>,
    failure: Option<(usize, Operation, ErrorKind)>,
}

#[derive(Debug, Default)]
struct Contents {
    /// What a running process reads.
    live: Vec<u8>,
    /// What was there at the last sync.
    durable: Vec<u8>,
    unsynced: Vec<Change>,
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

/// One file of it.
#[derive(Clone, Debug)]
struct File(Disk, usize);

impl Disk {
    /// A disk with a ledger of block 0.
    pub fn with_ledger(genesis: &NewBlock) -> Self {
        let disk = Self::default();
        let (path, files) = (Path::new("test"), disk.files());
        open::initialise(path, &files, [7; 16], &mychannel(), &genesis.block, &settings()).unwrap();
        disk
    }

    pub fn of(image: Image) -> Self {
        let files = image.map(|it| Contents { durable: it.clone(), live: it, unsynced: Vec::new() });
        Self(Arc::new(Mutex::new(State { files, ..State::default() })))
    }

    pub fn files(&self) -> Files {
        Files { blocks: Arc::new(File(self.clone(), BLOCKS)), index: Arc::new(File(self.clone(), INDEX)) }
    }

    pub fn try_open(&self, settings: &Settings) -> Result<Ledger, crate::OpenError> {
        Ledger::start(Path::new("test"), &mychannel(), self.files(), settings)
    }

    pub fn open(&self) -> Ledger {
        self.try_open(&settings()).unwrap()
    }

    /// How many writes and syncs there were.
    pub fn operations(&self) -> u64 {
        self.lock().operations
    }

    /// Fails the write or sync of this number, from 0, and all that follow.
    pub fn freeze_at(&self, operation: u64) {
        self.lock().frozen_at = Some(operation);
    }

    pub fn fail(&self, file: usize, operation: Operation, kind: ErrorKind) {
        self.lock().failure = Some((file, operation, kind));
    }

    /// What a running process reads.
    pub fn live(&self) -> Image {
        let state = self.lock();
        [BLOCKS, INDEX].map(|file| state.files[file].live.clone())
    }

    /// What a crash leaves: all that was synced, and of each change since then as many bytes as are chosen.
    pub fn crashed(&self, mut kept: impl FnMut(usize) -> usize) -> Image {
        let state = self.lock();
        [BLOCKS, INDEX].map(|file| {
            let mut image = state.files[file].durable.clone();
            for change in &state.files[file].unsynced {
                change.apply(&mut image, &mut kept);
            }
            image
        })
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap()
    }
}

/// Chooses what a crash keeps: nothing, everything, or some of some changes, by the seed.
pub(super) fn keeps(seed: u32) -> impl FnMut(usize) -> usize {
    let mut state = seed.wrapping_mul(0x9E37_79B9) | 1;
    let mut random = move || {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        usize::try_from(state).unwrap()
    };
    move |size| match (seed, random() % 4) {
        (0, _) => 0,
        (1, _) => size,
        (_, 0) => 0,
        // A sector is whole or not there.
        (_, 1) => random() % (size / 512 + 1) * 512,
        _ => size,
    }
}

impl Change {
    fn apply(&self, image: &mut Vec<u8>, mut kept: impl FnMut(usize) -> usize) {
        match self {
            Self::Length(length) => {
                if kept(512) == 512 {
                    image.resize(*length, 0);
                }
            }
            Self::Bytes(at, bytes) => {
                let bytes = &bytes[..kept(bytes.len())];
                if !bytes.is_empty() {
                    let end = at + bytes.len();
                    image.resize(image.len().max(end), 0);
                    image[*at..end].copy_from_slice(bytes);
                }
            }
        }
    }
}

impl File {
    /// Counts an operation that changes something, and fails it if it must.
    fn checked(&self, operation: Operation) -> io::Result<MutexGuard<'_, State>> {
        let mut state = self.0.lock();
        if let Some((file, failing, kind)) = state.failure
            && (file, failing) == (self.1, operation)
        {
            return Err(kind.into());
        }
        if operation != Operation::Read {
            if state.frozen_at.is_some_and(|at| at <= state.operations) {
                return Err(ErrorKind::Other.into());
            }
            state.operations += 1;
        }
        Ok(state)
    }

    fn change(&self, change: Change) -> io::Result<()> {
        let mut state = self.checked(Operation::Write)?;
        let contents = &mut state.files[self.1];
        change.apply(&mut contents.live, |size| size);
        contents.unsynced.push(change);
        Ok(())
    }
}

impl StorageBackend for File {
    fn len(&self) -> io::Result<u64> {
        Ok(self.0.lock().files[self.1].live.len() as u64)
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        let state = self.checked(Operation::Read)?;
        let at = usize::try_from(offset).unwrap();
        let live = &state.files[self.1].live;
        out.copy_from_slice(live.get(at..at + out.len()).ok_or(ErrorKind::UnexpectedEof)?);
        Ok(())
    }

    fn set_len(&self, length: u64) -> io::Result<()> {
        self.change(Change::Length(usize::try_from(length).unwrap()))
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        self.change(Change::Bytes(usize::try_from(offset).unwrap(), data.to_vec()))
    }

    fn sync_data(&self) -> io::Result<()> {
        let mut state = self.checked(Operation::Sync)?;
        let contents = &mut state.files[self.1];
        contents.durable = contents.live.clone();
        contents.unsynced.clear();
        Ok(())
    }
}
