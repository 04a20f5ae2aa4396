//! The removal of a channel, which is finished after a crash wherever it had come.
//!
//! ```text
//!  stop the channel ─▶ ledger gets another name ─▶ records leave the local log ─▶ ledger is deleted
//!                      before: nothing is removed │ behind: it is finished at the next start
//! ```
//!
//! A topic in Kafka stays: it belongs to all orderers of the channel.
//!
//! Source: fabric v2.5.16 `orderer/common/multichannel/registrar.go` `RemoveChannel`.

use std::io;
use std::path::PathBuf;
use std::sync::PoisonError;

use raddle_core::ids::ChannelId;
use raddle_ordering::AppendError;
use raddle_serve::participation::{Refused, Relation, Status};

use super::ledgers::Ledgers;
use super::logs::{Logs, NoLog};
use super::onboarding::Onboarding;
use super::registrar::{Registrar, Running};

/// Why a removal is not finished. It will be tried again at the next start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RemovalError {
    /// The ledger cannot be renamed or deleted.
    #[error("the ledger of channel {channel} is not removed: {cause}")]
    Ledger {
        /// The channel.
        channel: ChannelId,
        /// Why.
        cause: io::Error,
    },
    /// The log on this node's disk cannot be opened.
    #[error(transparent)]
    NoLog(#[from] NoLog),
    /// The log on this node's disk keeps the channel's records.
    #[error("the records of channel {channel} are not removed: {cause}")]
    Records {
        /// The channel.
        channel: ChannelId,
        /// Why.
        cause: AppendError,
    },
}

/// A channel that is being removed.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pending {
    pub(super) relation: Relation,
    /// How it is shown meanwhile.
    pub(super) status: Status,
    /// Whether it is not being tried any more.
    pub(super) has_failed: bool,
    /// Whether the ledger has lost its name.
    is_certain: bool,
}

/// What was taken from among those that are served.
enum Taken {
    Running(Running),
    /// Its blocks were still being pulled.
    Joining(Onboarding),
    /// Nothing: an earlier removal failed, before the ledger had lost its name or behind.
    Before,
    Behind,
}

/// Does what is left of a removal behind the new name of the ledger.
///
/// # Errors
///
/// See [`RemovalError`]. Nothing is lost by trying again.
pub fn finish(ledgers: &Ledgers, logs: &dyn Logs, channel: &ChannelId) -> Result<(), RemovalError> {
    // A channel of the name that is there again has records of its own.
    if !ledgers.path(channel).exists() {
        logs.forget(channel)?;
    }
    ledgers.finish_removal(channel).map_err(|cause| RemovalError::Ledger { channel: channel.clone(), cause })
}

impl Registrar {
    /// Removes a channel; calls `is_certain` once the removal will be finished, whatever happens. Blocks.
    ///
    /// # Errors
    ///
    /// See [`Refused`]. The channel is there as it was, or, if its ledger could not be renamed, has stopped.
    pub(super) fn remove(&self, id: &str, is_certain: impl FnOnce()) -> Result<(), Refused> {
        let channel = ChannelId(id.to_owned());
        let begun = match self.take_out(id)? {
            Taken::Running(running) => {
                running.stop();
                self.ledgers().begin_removal(&channel)
            }
            Taken::Joining(joining) => {
                joining.end(self.runtime());
                self.ledgers().begin_removal_of_joining(&channel)
            }
            Taken::Before => self.ledgers().begin_removal_of_joining(&channel),
            Taken::Behind => Ok(()),
        };
        if let Err(cause) = begun {
            self.removal_failed(id);
            return Err(Refused::Other(RemovalError::Ledger { channel, cause }.to_string()));
        }
        if let Some(pending) = self.pending().get_mut(id) {
            pending.is_certain = true;
        }
        is_certain();
        tracing::info!(%channel, "channel is being removed");
        match finish(self.ledgers(), self.logs(), &channel) {
            Ok(()) => {
                self.pending().remove(id);
                tracing::info!(%channel, "channel removed");
            }
            Err(error) => {
                tracing::error!(%channel, %error, "channel not removed to the end");
                self.removal_failed(id);
            }
        }
        Ok(())
    }

    /// Takes a channel from among those that are served, or are to be.
    fn take_out(&self, id: &str) -> Result<Taken, Refused> {
        let _opening = self.opening();
        let mut pending = self.pending();
        if pending.get(id).is_some_and(|pending| !pending.has_failed) {
            return Err(Refused::PendingRemoval);
        }
        if let Some(system) = self.system_channel() {
            let kind = system.rules().bundle().consensus.kind.clone();
            if system.id().0 != id {
                return Err(Refused::SystemChannelExists);
            }
            if kind != "etcdraft" {
                return Err(Refused::Other(format!("cannot remove {kind} system channel: {id}")));
            }
        }
        // Whoever looks finds it here or there: it leaves the one when it is in the other.
        let mut onboarding = self.onboarding();
        let relation = match (onboarding.get(id), self.channel(id), pending.get(id)) {
            (Some(joining), ..) => joining.relation,
            (None, Some(channel), _) => super::participation::relation(&channel),
            (None, None, Some(failed)) => failed.relation,
            (None, None, None) => return Err(Refused::NoChannel),
        };
        let is_certain = pending.get(id).is_some_and(|failed| failed.is_certain);
        let status = if onboarding.contains_key(id) { Status::OnBoarding } else { Status::Active };
        pending.insert(id.to_owned(), Pending { relation, status, has_failed: false, is_certain: false });
        Ok(match (onboarding.remove(id), self.take(id)) {
            (Some(joining), _) => Taken::Joining(joining),
            (None, Some(running)) => Taken::Running(running),
            (None, None) if is_certain => Taken::Behind,
            (None, None) => Taken::Before,
        })
    }

    fn removal_failed(&self, id: &str) {
        if let Some(pending) = self.pending().get_mut(id) {
            (pending.status, pending.has_failed) = (Status::Failed, true);
        }
    }

    /// Finishes removals that a crash or a failure has left. Answers those that are still not finished.
    pub(super) fn finish_removals(&self) -> io::Result<Vec<(PathBuf, RemovalError)>> {
        let mut failed = Vec::new();
        for channel in self.ledgers().being_removed()? {
            match finish(self.ledgers(), self.logs(), &channel) {
                Ok(()) => tracing::info!(%channel, "channel removed, as was begun before"),
                Err(error) => {
                    let (relation, status) = (Relation::Other, Status::Failed);
                    let pending = Pending { relation, status, has_failed: true, is_certain: true };
                    self.pending().insert(channel.0.clone(), pending);
                    failed.push((self.ledgers().path(&channel), error));
                }
            }
        }
        Ok(failed)
    }
}

impl Running {
    /// Ends the channel: what is cut is committed, nothing more is appended, and its readers end.
    fn stop(self) {
        self.gate.close();
        if let Some(threads) = self.threads {
            threads.tell_to_stop();
            threads.join();
        }
        self.channel.board().stopped();
        self.channel.ledger().close();
    }
}

impl Registrar {
    pub(super) fn pending(&self) -> std::sync::MutexGuard<'_, std::collections::BTreeMap<String, Pending>> {
        self.pending.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
