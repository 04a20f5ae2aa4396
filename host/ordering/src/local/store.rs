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

    /// Works on a snapshot of what is committed; none when the database is closed. It is not closed meanwhile.
    pub(super) fn read<T>(
        &self,
        work: impl FnOnce(&ReadTransaction) -> Result<T, Failure>,
    ) -> Result<Option<T>, Failure> {
        let database = self.database.read().unwrap_or_else(PoisonError::into_inner);
        let Some(database) = &*database else { return Ok(None) };
        let transaction = database.begin_read().map_err(Failure::at("reading the log"))?;
        work(&transaction).map(Some)
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

    /// Closes the file as soon as nobody works on a snapshot: what readers still ask for is then an error. Behind it
    /// the file can be opened again, which it cannot while there is a snapshot.
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
