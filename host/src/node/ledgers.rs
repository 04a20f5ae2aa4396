//! The folder in which a node keeps the ledgers of its channels, each under the channel's id.

use std::fs::File;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use bytes::Bytes;
use raddle_core::ids::ChannelId;
use raddle_ledger::{Ledger, OpenError, Settings};

/// What the name of a ledger begins with that is being removed. The id of its channel follows.
const REMOVING: &str = ".removing.";

/// What the name of a ledger begins with whose blocks are being pulled. The id of its channel follows.
const JOINING: &str = ".joining-";

/// What the name of a file begins with that holds the block by which a channel is being joined.
const JOIN_BLOCK: &str = ".join-block.";

/// Such a file while it is written.
const HALF_WRITTEN: &str = ".join-block-half";

/// An empty file that is there once a channel was removed.
const REMOVED: &str = ".removed";

/// Where ledgers are.
#[derive(Clone, Debug)]
pub struct Ledgers {
    folder: PathBuf,
    settings: Settings,
}

impl Ledgers {
    /// The ledgers of a folder, which need not be there yet.
    #[must_use]
    pub fn at(folder: PathBuf) -> Self {
        Self { folder, settings: Settings::default() }
    }

    /// Makes the folder, if it is not there.
    ///
    /// # Errors
    ///
    /// It cannot be made.
    pub fn make_folder(&self) -> io::Result<()> {
        std::fs::create_dir_all(&self.folder)
    }

    /// Takes away what crashes have left of ledgers that were being made.
    ///
    /// # Errors
    ///
    /// The folder cannot be read, or something in it not be taken away.
    pub fn clear_unfinished(&self) -> io::Result<()> {
        Ledger::clear_unfinished(&self.folder)
    }

    /// The folder.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Where a channel's ledger is, or would be.
    #[must_use]
    pub fn path(&self, channel: &ChannelId) -> PathBuf {
        self.folder.join(&channel.0)
    }

    /// The ledger of a channel, which is made from its genesis block if it is not there. One that is there is as it
    /// was, whatever the block.
    ///
    /// # Errors
    ///
    /// See [`OpenError`].
    pub fn open_or_make(&self, channel: &ChannelId, genesis: &Bytes) -> Result<Ledger, OpenError> {
        match self.path(channel).exists() {
            true => self.open(channel),
            false => Ledger::create(&self.path(channel), channel, genesis, &self.settings),
        }
    }

    /// The ledger of a channel that has none, made from its genesis block.
    ///
    /// # Errors
    ///
    /// See [`OpenError`].
    pub fn make(&self, channel: &ChannelId, genesis: &Bytes) -> Result<Ledger, OpenError> {
        Ledger::create(&self.path(channel), channel, genesis, &self.settings)
    }

    /// The ledger of a channel.
    ///
    /// # Errors
    ///
    /// See [`OpenError`].
    pub fn open(&self, channel: &ChannelId) -> Result<Ledger, OpenError> {
        Ledger::open(&self.path(channel), channel, &self.settings)
    }

    /// Gives the ledger of a channel, which nobody has open, its name as one that is being removed. From then on the
    /// channel is not there, whatever happens; [`Ledgers::finish_removal`] is left to be done.
    ///
    /// # Errors
    ///
    /// It cannot be renamed. If only the folder could not be synced, a crash may bring it back.
    pub fn begin_removal(&self, channel: &ChannelId) -> io::Result<()> {
        // First: a node of which all channels were removed must not begin with its bootstrap block again.
        std::fs::write(self.folder.join(REMOVED), [])?;
        self.sync()?;
        // What an earlier channel of the name has left.
        self.finish_removal(channel)?;
        // If that could not be deleted when the channel was joined: it must not be joined once more.
        self.forget_join_block(channel)?;
        std::fs::rename(self.path(channel), self.removal_path(channel))?;
        self.sync()
    }

    /// Where the blocks of a channel are while they are pulled.
    #[must_use]
    pub fn joining_path(&self, channel: &ChannelId) -> PathBuf {
        self.folder.join(format!("{JOINING}{channel}"))
    }

    /// Keeps the block by which a channel is being joined: from now on it is joined, whatever happens. One caller at a
    /// time.
    ///
    /// # Errors
    ///
    /// It cannot be written; nothing is kept.
    pub fn keep_join_block(&self, channel: &ChannelId, block: &[u8]) -> io::Result<()> {
        let half = self.folder.join(HALF_WRITTEN);
        let mut file = File::create(&half)?;
        file.write_all(block)?;
        file.sync_all()?;
        std::fs::rename(half, self.join_block_path(channel))?;
        self.sync()
    }

    /// The block by which a channel is being joined.
    ///
    /// # Errors
    ///
    /// It cannot be read.
    pub fn join_block(&self, channel: &ChannelId) -> io::Result<Bytes> {
        std::fs::read(self.join_block_path(channel)).map(Bytes::from)
    }

    /// Where that block is.
    #[must_use]
    pub fn join_block_path(&self, channel: &ChannelId) -> PathBuf {
        self.folder.join(format!("{JOIN_BLOCK}{channel}"))
    }

    /// Deletes that block, if it is there: the channel is joined, or is not to be.
    ///
    /// # Errors
    ///
    /// It cannot be deleted.
    pub fn forget_join_block(&self, channel: &ChannelId) -> io::Result<()> {
        match std::fs::remove_file(self.join_block_path(channel)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            deleted => deleted.and_then(|()| self.sync()),
        }
    }

    /// The channels that are being joined, in order of their ids.
    ///
    /// # Errors
    ///
    /// The folder is there and cannot be read.
    pub fn being_joined(&self) -> io::Result<Vec<ChannelId>> {
        self.names_after(JOIN_BLOCK)
    }

    /// The same as [`Ledgers::begin_removal`] for a channel that is being joined, however far that has come. Nobody
    /// may be at it.
    ///
    /// # Errors
    ///
    /// As there.
    pub fn begin_removal_of_joining(&self, channel: &ChannelId) -> io::Result<()> {
        std::fs::write(self.folder.join(REMOVED), [])?;
        self.finish_removal(channel)?;
        // The ledger before the block: as long as that is there the channel is joined, and begins anew.
        for path in [self.joining_path(channel), self.path(channel)] {
            if path.exists() {
                std::fs::rename(path, self.removal_path(channel))?;
                self.sync()?;
                break;
            }
        }
        self.forget_join_block(channel)
    }

    /// Deletes the ledger of a channel that is being removed, if there is one.
    ///
    /// # Errors
    ///
    /// It cannot be deleted, or not to the end.
    pub fn finish_removal(&self, channel: &ChannelId) -> io::Result<()> {
        match std::fs::remove_dir_all(self.removal_path(channel)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            deleted => deleted.and_then(|()| self.sync()),
        }
    }

    /// Deletes the ledger of a channel that has just been made, and was not wanted.
    pub(super) fn take_back(&self, channel: &ChannelId) -> io::Result<()> {
        std::fs::rename(self.path(channel), self.removal_path(channel))?;
        self.finish_removal(channel)
    }

    /// The channels whose removal has begun, in order of their ids.
    ///
    /// # Errors
    ///
    /// The folder is there and cannot be read.
    pub fn being_removed(&self) -> io::Result<Vec<ChannelId>> {
        self.names_after(REMOVING)
    }

    /// Whether channels were removed here.
    #[must_use]
    pub fn has_removed(&self) -> bool {
        self.folder.join(REMOVED).exists()
    }

    fn removal_path(&self, channel: &ChannelId) -> PathBuf {
        self.folder.join(format!("{REMOVING}{channel}"))
    }

    fn sync(&self) -> io::Result<()> {
        File::open(&self.folder)?.sync_all()
    }

    /// A ledger that is not under its channel's id, as one that is not whole yet.
    ///
    /// # Errors
    ///
    /// See [`OpenError`].
    pub(crate) fn open_at(&self, path: &Path, channel: &ChannelId) -> Result<Ledger, OpenError> {
        Ledger::open(path, channel, &self.settings)
    }

    /// Makes such a ledger from its genesis block.
    ///
    /// # Errors
    ///
    /// See [`OpenError`].
    pub(crate) fn create_at(
        &self,
        path: &Path,
        channel: &ChannelId,
        genesis: &Bytes,
    ) -> Result<Ledger, OpenError> {
        Ledger::create(path, channel, genesis, &self.settings)
    }

    /// The channels that have a ledger, in order of their ids. What is hidden is a ledger that was being made.
    ///
    /// # Errors
    ///
    /// The folder is there and cannot be read.
    pub fn channels(&self) -> io::Result<Vec<ChannelId>> {
        let names = self.names()?.into_iter();
        Ok(names.filter(|name| !name.starts_with('.')).map(ChannelId).collect())
    }

    fn names_after(&self, prefix: &str) -> io::Result<Vec<ChannelId>> {
        let channels = self.names()?.into_iter();
        let channels = channels.filter_map(|name| name.strip_prefix(prefix).map(str::to_owned));
        Ok(channels.map(ChannelId).collect())
    }

    fn names(&self) -> io::Result<Vec<String>> {
        let entries = match std::fs::read_dir(&self.folder) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(error),
        };
        let mut names = Vec::new();
        for entry in entries {
            names.push(entry?.file_name().to_string_lossy().into_owned());
        }
        names.sort();
        Ok(names)
    }
}
