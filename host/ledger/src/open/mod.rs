//! Making and opening the files. Nothing is made anew where something is, and nothing is repaired by guessing.

mod error;

use std::fs::{self, File, OpenOptions};
use std::io;
use std::ops::Bound;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use raddle_core::chain::ChainState;
use raddle_core::ids::{BlockNumber, ChannelId};
use raddle_proto::hash::hex;
use redb::backends::FileBackend;
use redb::{BackendError, StorageBackend};

use crate::Stored;
use crate::blocks::{self, Head};
use crate::check::Place;
use crate::failure::{Damage, Failure};
use crate::format::{self, Contents, FORMAT, Unfit};
use crate::held::Held;
use crate::settings::Settings;
use crate::store::{Files, Store, open_database};

use error::{database_error, failure_error, folder_error, io_error, storage_error};

pub use error::{Foreign, OpenError};

/// Names of the files in a ledger's folder.
const BLOCKS: &str = "blocks";
const INDEX: &str = "index.redb";

/// What the name of a ledger's folder begins with while it is being made.
const MAKING: &str = ".raddle-ledger-";

const OPENING: &str = "opening";
const CREATING: &str = "creating";

/// Opens the files of an existing ledger and locks them. Nothing is written.
pub(crate) fn files(path: &Path, channel: &ChannelId) -> Result<Files, OpenError> {
    let metadata = match fs::metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return Err(OpenError::Missing { path: path.to_owned(), channel: channel.clone() });
        }
        other => other.map_err(|error| io_error(path, OPENING, error))?,
    };
    let foreign = |found| OpenError::Foreign { path: path.to_owned(), found };
    if !metadata.is_dir() {
        return Err(foreign(Foreign::NoFolder));
    }
    let damaged = |what: String| OpenError::Damaged { path: path.to_owned(), what };
    let (blocks, index) = match (file(&path.join(BLOCKS))?, file(&path.join(INDEX))?) {
        (Some(blocks), Some(index)) => (blocks, index),
        (None, None) => return Err(foreign(Foreign::NoFiles)),
        (None, Some(_)) => return Err(damaged(format!("its file {BLOCKS} is missing"))),
        (Some(_), None) => return Err(damaged(format!("its file {INDEX} is missing"))),
    };
    match blocks.try_lock_range(Bound::Unbounded, Bound::Unbounded) {
        Ok(true) | Err(BackendError::Unsupported) => {}
        Ok(false) => return Err(OpenError::Locked { path: path.to_owned() }),
        Err(BackendError::Io(error)) => return Err(io_error(path, "locking", error)),
        Err(error) => return Err(io_error(path, "locking", io::Error::other(error.to_string()))),
    }
    // redb would take an empty file for a database to be made.
    if index.len().map_err(|error| io_error(path, OPENING, error))? == 0 {
        return Err(damaged(format!("its file {INDEX} is empty, 0 bytes")));
    }
    Ok(Files { blocks: Arc::new(blocks), index: Arc::new(index) })
}

fn file(path: &Path) -> Result<Option<FileBackend>, OpenError> {
    match OpenOptions::new().read(true).write(true).open(path) {
        Ok(file) => backend(path, file).map(Some),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(io_error(path, OPENING, error)),
    }
}

fn backend(path: &Path, file: File) -> Result<FileBackend, OpenError> {
    FileBackend::new(file).map_err(|error| database_error(path, OPENING, error))
}

/// Makes a ledger that has block 0. It gets its name when it is complete.
pub(crate) fn create(
    path: &Path,
    channel: &ChannelId,
    genesis: &Bytes,
    settings: &Settings,
) -> Result<(), OpenError> {
    // Found again below, without a race; here for the sake of a better message than one about the folder.
    if fs::symlink_metadata(path).is_ok() {
        return Err(OpenError::Exists { path: path.to_owned() });
    }
    let parent = match path.parent() {
        Some(parent) if parent != Path::new("") => parent,
        _ => Path::new("."),
    };
    let failed = |error| io_error(path, CREATING, error);
    let folder = tempfile::Builder::new()
        .prefix(MAKING)
        .tempdir_in(parent)
        .map_err(|error| folder_error(parent, error))?;
    let mut id = [0; 16];
    getrandom::fill(&mut id).map_err(|error| failed(io::Error::other(error)))?;
    let new = |name| {
        let options =
            OpenOptions::new().read(true).write(true).create_new(true).open(folder.path().join(name));
        options.map_err(failed).and_then(|file| backend(path, file))
    };
    let files = Files { blocks: Arc::new(new(BLOCKS)?), index: Arc::new(new(INDEX)?) };
    initialise(path, &files, id, channel, genesis, settings)?;
    let sync = |folder: &Path| File::open(folder).and_then(|folder| folder.sync_all());
    sync(folder.path()).map_err(failed)?;
    match fs::rename(folder.path(), path) {
        // The folder has gone, so that there is nothing to be taken away at its old name.
        Ok(()) => drop(folder.keep()),
        Err(error) => match error.kind() {
            io::ErrorKind::DirectoryNotEmpty
            | io::ErrorKind::NotADirectory
            | io::ErrorKind::AlreadyExists => {
                return Err(OpenError::Exists { path: path.to_owned() });
            }
            _ => return Err(failed(error)),
        },
    }
    sync(parent).map_err(|error| folder_error(parent, error))
}

/// Takes away what crashes have left of ledgers that were being made in a folder. What is being made is locked, and
/// stays.
pub(crate) fn clear_unfinished(folder: &Path) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if entry.file_name().as_encoded_bytes().starts_with(MAKING.as_bytes()) && !is_locked(&entry.path()) {
            fs::remove_dir_all(entry.path())?;
        }
    }
    Ok(())
}

fn is_locked(path: &Path) -> bool {
    let Ok(Some(index)) = file(&path.join(INDEX)) else { return false };
    matches!(index.try_lock_range(Bound::Unbounded, Bound::Unbounded), Ok(false))
}

/// Writes a ledger that has block 0 into two empty files, and syncs them.
pub(crate) fn initialise(
    path: &Path,
    files: &Files,
    id: [u8; 16],
    channel: &ChannelId,
    genesis: &Bytes,
    settings: &Settings,
) -> Result<(), OpenError> {
    let refused = |fault| OpenError::Genesis { path: path.to_owned(), fault };
    let hash = Place::alone(BlockNumber(0)).take(genesis).map_err(refused)?;
    let stored = Stored { chain: ChainState::genesis(hash), anchor: None };
    let failed = |error| io_error(path, CREATING, error);
    blocks::write_head(&*files.blocks, FORMAT, id).map_err(failed)?;
    let rows = blocks::append(&*files.blocks, blocks::HEAD_BYTES, [genesis]).map_err(failed)?;
    files.blocks.sync_data().map_err(failed)?;
    let index = Held::new(Arc::clone(&files.index)).map_err(failed)?;
    index.accept().map_err(failed)?;
    let database =
        open_database(index, settings.cache_bytes).map_err(|error| database_error(path, CREATING, error))?;
    let initialised = format::initialise(&database, id, channel, &stored, &rows);
    initialised.map_err(|error| storage_error(path, CREATING, error))?;
    database.close().map_err(|error| database_error(path, CREATING, error))
}

/// A ledger that was looked at.
pub(crate) struct Opened {
    pub store: Store,
    pub contents: Contents,
}

/// Looks at the files of a ledger. They change when it is found whole, and not before.
pub(crate) fn open(
    path: &Path,
    channel: &ChannelId,
    files: Files,
    settings: &Settings,
) -> Result<Opened, OpenError> {
    let work = || look(path, channel, files, settings);
    let panicked = |_| {
        let what = "reading it panicked, look at the standard error".to_owned();
        Err(OpenError::Damaged { path: path.to_owned(), what })
    };
    // redb says of itself that opening a damaged file may panic.
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(panicked)
}

fn look(path: &Path, channel: &ChannelId, files: Files, settings: &Settings) -> Result<Opened, OpenError> {
    let failed = |error| io_error(path, OPENING, error);
    let damaged = |what: String| OpenError::Damaged { path: path.to_owned(), what };
    let id = match blocks::read_head(&*files.blocks, FORMAT).map_err(failed)? {
        Head::Known { id } => id,
        Head::Format(found) => return Err(OpenError::Format { path: path.to_owned(), found }),
        Head::Foreign => {
            return Err(OpenError::Foreign { path: path.to_owned(), found: Foreign::OtherBlocks });
        }
    };
    let held = Held::new(Arc::clone(&files.index)).map_err(failed)?;
    let database = open_database(held.clone(), settings.cache_bytes)
        .map_err(|error| database_error(path, OPENING, error))?;
    let contents = format::load(&database).map_err(|unfit| match unfit {
        Unfit::Contradiction(what) => damaged(what),
        Unfit::Failure(error) => storage_error(path, OPENING, error),
    })?;
    if contents.id != id {
        return Err(damaged(format!("its files {BLOCKS} and {INDEX} are of two ledgers")));
    }
    if contents.channel != *channel {
        let (found, expected) = (contents.channel, channel.clone());
        return Err(OpenError::OtherChannel { path: path.to_owned(), found, expected });
    }
    let store = Store::new(path.into(), files.clone(), database, settings.cache_bytes);
    check_tip(&store, &contents.stored.chain).map_err(|failure| failure_error(path, failure))?;
    held.accept().map_err(failed)?;
    // What was written and never committed.
    if files.blocks.len().map_err(failed)? > contents.end {
        files.blocks.set_len(contents.end).map_err(failed)?;
    }
    Ok(Opened { store, contents })
}

/// Compares the last blocks with one another and with the chain state.
fn check_tip(store: &Store, state: &ChainState) -> Result<(), Failure> {
    let read = |number: BlockNumber| {
        let block = store.read(number, number.next(), |_| false)?.unwrap_or_default().pop();
        block.ok_or_else(|| store.damaged(number, Damage::Missing))
    };
    let first = BlockNumber(state.tip.0.saturating_sub(1));
    let mut place = Place::alone(first);
    let mut hash = None;
    for number in (first.0..=state.tip.0).map(BlockNumber) {
        let taken = place.take(&read(number)?);
        hash = Some(taken.map_err(|fault| store.damaged(number, Damage::Fault(fault)))?);
    }
    if hash != Some(state.tip_hash) {
        let found = hash.map(|hash| hex(&hash.0)).unwrap_or_default();
        let damage = Damage::TipHash { found, expected: hex(&state.tip_hash.0) };
        return Err(store.damaged(state.tip, damage));
    }
    let config = state.last_config;
    let taken = Place::alone(config).take(&read(config)?);
    taken.map(drop).map_err(|fault| store.damaged(config, Damage::Fault(fault)))
}
