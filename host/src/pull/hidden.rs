//! A ledger that is not whole yet, under a name that a node does not look at.

use std::fs::{self, File};
use std::io;
use std::path::Path;

use raddle_core::ids::ChannelId;

use super::PullError;
use crate::node::Ledgers;

/// Removes what an earlier pull left of a channel, if it left something. Nobody may be at it.
///
/// # Errors
///
/// [`PullError::Folder`].
pub fn forget(ledgers: &Ledgers, channel: &ChannelId) -> Result<(), PullError> {
    let path = ledgers.joining_path(channel);
    if path.exists() { remove(&path) } else { Ok(()) }
}

/// Gives a whole ledger its name. It is under the one or under the other, whatever happens.
pub(super) fn reveal(ledgers: &Ledgers, channel: &ChannelId) -> Result<(), PullError> {
    let (from, to) = (ledgers.joining_path(channel), ledgers.path(channel));
    let failed = |cause| PullError::Folder { path: from.clone(), doing: "renamed", cause };
    if fs::symlink_metadata(&to).is_ok() {
        return Err(failed(io::Error::new(io::ErrorKind::AlreadyExists, format!("{} exists", to.display()))));
    }
    fs::rename(&from, &to).map_err(failed)?;
    sync(ledgers.folder()).map_err(failed)
}

/// Removes what was pulled.
pub(super) fn remove(path: &Path) -> Result<(), PullError> {
    let failed = |cause| PullError::Folder { path: path.to_owned(), doing: "removed", cause };
    fs::remove_dir_all(path).map_err(failed)?;
    path.parent().map_or(Ok(()), sync).map_err(failed)
}

fn sync(folder: &Path) -> io::Result<()> {
    File::open(folder).and_then(|folder| folder.sync_all())
}
