//! The database, until it is closed.

use std::sync::{PoisonError, RwLock};

use redb::{Database, Durability, ReadTransaction, ReadableDatabase, WriteTransaction};

use super::failure::Failure;

/// The database. Readers open transactions in it while it is there; only the writer writes, and closes it.
pub(super) struct Store {
    database: RwLock<Option<Database>>,
    quick_repair: bool,
}

impl Store {
    pub(super) fn new(database: Database, quick_repair: bool) -> Self {
        Self { database: RwLock::new(Some(database)), quick_repair }
    }

    /// A snapshot of what is committed; none when the database is closed.
    pub(super) fn read(&self) -> Result<Option<ReadTransaction>, Failure> {
        let database = self.database.read().unwrap_or_else(PoisonError::into_inner);
        let Some(database) = &*database else { return Ok(None) };
        database.begin_read().map(Some).map_err(Failure::at("reading the log"))
    }

    /// Begins the only write transaction; its commit syncs.
    pub(super) fn write(&self) -> Result<WriteTransaction, redb::Error> {
        let database = self.database.read().unwrap_or_else(PoisonError::into_inner);
        let database = database.as_ref().ok_or(redb::Error::DatabaseClosed)?;
        let mut transaction = database.begin_write()?;
        transaction.set_durability(Durability::Immediate)?;
        transaction.set_quick_repair(self.quick_repair);
        Ok(transaction)
    }

    /// Closes the file, also under the eyes of readers: what they still ask for is then an error.
    pub(super) fn close(&self) {
        let database = self.database.write().unwrap_or_else(PoisonError::into_inner).take();
        drop(database);
    }
}

impl std::fmt::Debug for Store {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Store").field("quick_repair", &self.quick_repair).finish_non_exhaustive()
    }
}
