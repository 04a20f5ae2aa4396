//! The folder in which a node keeps the ledgers of its channels, each under the channel's id.

use std::io;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use raddle_core::ids::ChannelId;
use raddle_ledger::{Ledger, OpenError, Settings};

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

    /// The ledger of a channel.
    ///
    /// # Errors
    ///
    /// See [`OpenError`].
    pub fn open(&self, channel: &ChannelId) -> Result<Ledger, OpenError> {
        Ledger::open(&self.path(channel), channel, &self.settings)
    }

    /// The channels that have a ledger, in order of their ids. What is hidden is a ledger that was being made.
    ///
    /// # Errors
    ///
    /// The folder is there and cannot be read.
    pub fn channels(&self) -> io::Result<Vec<ChannelId>> {
        let entries = match std::fs::read_dir(&self.folder) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(error),
        };
        let mut channels = Vec::new();
        for entry in entries {
            let name = entry?.file_name().to_string_lossy().into_owned();
            if !name.starts_with('.') {
                channels.push(ChannelId(name));
            }
        }
        channels.sort();
        Ok(channels)
    }
}
