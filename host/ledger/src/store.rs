//! Both files, until they are closed.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::{Arc, PoisonError, RwLock};

use bytes::Bytes;
use raddle_core::ids::BlockNumber;
use redb::{Builder, Database, DatabaseError, Durability, ReadTransaction, ReadableDatabase, StorageBackend};

use crate::blocks::{self, Unreadable};
use crate::failure::{Damage, Failure};
use crate::format::{self, Row};
use crate::held::Held;
use crate::{NewBlock, Stored};

const WRITING: &str = "writing to";
const SYNCING: &str = "syncing";
const READING: &str = "reading";

/// The two files of a ledger. Clones share them.
#[derive(Clone, Debug)]
pub(crate) struct Files {
    pub blocks: Arc<dyn StorageBackend>,
    pub index: Arc<dyn StorageBackend>,
}

/// The files and the index's database. Readers open transactions in it while it is there.
pub(crate) struct Store {
    path: Arc<Path>,
    files: Files,
    index: RwLock<Option<Database>>,
    cache_bytes: usize,
}

impl Store {
    pub fn new(path: Arc<Path>, files: Files, index: Database, cache_bytes: usize) -> Self {
        Self { path, files, index: RwLock::new(Some(index)), cache_bytes }
    }

    pub fn path(&self) -> &Arc<Path> {
        &self.path
    }

    /// Makes blocks durable that go to `at`. They count once [`Store::name`] has named them.
    pub fn append(&self, at: u64, blocks: &[NewBlock]) -> Result<Vec<Row>, Failure> {
        let blocks = blocks.iter().map(|new| &new.block);
        let rows =
            blocks::append(&*self.files.blocks, at, blocks).map_err(Failure::at(WRITING, &self.path))?;
        self.files.blocks.sync_data().map_err(Failure::at(SYNCING, &self.path))?;
        Ok(rows)
    }

    /// Makes the rows of blocks durable, and the state behind them.
    pub fn name(&self, first: BlockNumber, rows: &[Row], stored: &Stored) -> Result<(), Failure> {
        let index = self.index.read().unwrap_or_else(PoisonError::into_inner);
        let failed = Failure::at(WRITING, &self.path);
        let index = index.as_ref().ok_or_else(|| failed(redb::Error::DatabaseClosed))?;
        let mut transaction = index.begin_write().map_err(Failure::at(WRITING, &self.path))?;
        transaction.set_durability(Durability::Immediate).map_err(Failure::at(WRITING, &self.path))?;
        format::write(&transaction, first, rows, stored).map_err(failed)?;
        transaction.commit().map_err(Failure::at(SYNCING, &self.path))
    }

    /// Blocks from one on and before another, which are committed: at least one, `fits` decides about each further
    /// one. None when the ledger is closed.
    pub fn read(
        &self,
        from: BlockNumber,
        end: BlockNumber,
        mut fits: impl FnMut(&Row) -> bool,
    ) -> Result<Option<Vec<Bytes>>, Failure> {
        let read = || {
            let Some(transaction) = self.snapshot()? else { return Ok(None) };
            let mut is_first = true;
            let fits = |row: &Row| fits(row) | std::mem::take(&mut is_first);
            let rows =
                format::rows(&transaction, from, end, fits).map_err(Failure::at(READING, &self.path))?;
            drop(transaction);
            if rows.is_empty() {
                return Err(self.damaged(from, Damage::Missing));
            }
            let blocks = blocks::read(&*self.files.blocks, &rows).map_err(|error| match error {
                Unreadable::Io(error) => Failure::at(READING, &self.path)(error),
                Unreadable::Damaged(index, damage) => {
                    let number = from.0.saturating_add(u64::try_from(index).unwrap_or(u64::MAX));
                    self.damaged(BlockNumber(number), damage)
                }
            })?;
            Ok(Some(blocks))
        };
        match catch_unwind(AssertUnwindSafe(read)) {
            Ok(Err(Failure::Storage { source: redb::Error::DatabaseClosed, .. })) => Ok(None),
            Ok(read) => read,
            Err(_) => Err(Failure::Panicked { doing: READING, path: Arc::clone(&self.path) }),
        }
    }

    /// After a failed write, redb answers nothing any more, not even reads. So the index is opened once more, only to
    /// be looked at: what opening writes is held back, for ever.
    pub fn reopen_for_reading(&self) {
        let mut index = self.index.write().unwrap_or_else(PoisonError::into_inner);
        let reopen = || {
            drop(index.take());
            let held = Held::new(Arc::clone(&self.files.index)).ok()?;
            open_database(held, self.cache_bytes).ok()
        };
        *index = catch_unwind(AssertUnwindSafe(reopen)).unwrap_or_default();
    }

    /// Closes the files, also under the eyes of readers: what they still ask for is not there then.
    pub fn close(&self) {
        let index = self.index.write().unwrap_or_else(PoisonError::into_inner).take();
        // Closing writes once more, which redb may answer with a panic.
        let _ = catch_unwind(AssertUnwindSafe(|| drop(index)));
        // Whatever it says, the lock goes with the process.
        let _ = self.files.blocks.close();
    }

    pub fn damaged(&self, number: BlockNumber, damage: Damage) -> Failure {
        Failure::Damaged { path: Arc::clone(&self.path), number, damage }
    }

    /// The index as it is; none when the ledger is closed.
    fn snapshot(&self) -> Result<Option<ReadTransaction>, Failure> {
        let index = self.index.read().unwrap_or_else(PoisonError::into_inner);
        let Some(index) = &*index else { return Ok(None) };
        index.begin_read().map(Some).map_err(Failure::at(READING, &self.path))
    }
}

/// Opens a database, or makes one where the file is empty.
pub(crate) fn open_database(file: Held, cache_bytes: usize) -> Result<Database, DatabaseError> {
    let mut builder = Builder::new();
    builder.set_cache_size(cache_bytes);
    builder.create_with_backend(file)
}
