//! Finding the place in the log from which a channel goes on: at the start, and when brokers come back.

use std::time::Duration;

use raddle_core::ids::{ChannelId, Offset};
use raddle_ledger::LogAnchor;
use raddle_ordering::{
    Anchor, Cause, LogIdentity, LogKind, Mismatch, OrderedLog, ReadError, Readiness, RecordHash, Records,
};
use tokio::sync::watch;
use tokio::time::sleep;

use super::{Driver, Ended, Halt};

/// How long a log is left alone that went away while it was asked for the anchor.
pub(super) const ASK_AGAIN: Duration = Duration::from_secs(1);

/// Waits until the log works, and makes sure that it is the one that the ledger was built from.
pub(super) async fn find_log(
    log: &dyn OrderedLog,
    channel: &ChannelId,
    anchor: Option<&LogAnchor>,
    mut stop: watch::Receiver<bool>,
) -> Result<LogIdentity, Ended> {
    tokio::select! {
        _ = stop.wait_for(|stop| *stop) => Err(Ended::Stopped),
        found = find(log, channel, anchor) => found,
    }
}

async fn find(
    log: &dyn OrderedLog,
    channel: &ChannelId,
    anchor: Option<&LogAnchor>,
) -> Result<LogIdentity, Ended> {
    loop {
        let identity = wait_until_ready(log, channel).await?;
        let Some(stored) = anchor else { return Ok(identity) };
        match from_stored(stored)?.check(&identity, log, channel).await {
            Ok(()) => return Ok(identity),
            Err(Mismatch::Unknown { cause: ReadError::Unavailable { cause } })
                if identity.kind == LogKind::Kafka =>
            {
                tracing::warn!(%channel, %cause, "the ordered log went away");
                sleep(ASK_AGAIN).await;
            }
            Err(mismatch) => return Err(Halt::OtherLog(mismatch).into()),
        }
    }
}

async fn wait_until_ready(log: &dyn OrderedLog, channel: &ChannelId) -> Result<LogIdentity, Ended> {
    let mut state = log.state(channel);
    let is_settled = |state: &Readiness| matches!(state, Readiness::Ready { .. } | Readiness::Closed);
    match state.wait_for(is_settled).await.as_deref() {
        Ok(Readiness::Ready { log }) => Ok(log.clone()),
        _ => Err(Ended::Stopped),
    }
}

impl Driver {
    /// Waits until the log works again, makes sure that it is the same one, and reads on.
    pub(super) async fn come_back(&mut self, cause: Cause) -> Result<Records, Ended> {
        let channel = self.id.clone();
        tracing::warn!(%channel, %cause, "the ordered log is away");
        self.pause().await?;
        let last = match &self.seen[1] {
            Some(record) => Some(to_stored(Anchor::of(self.log.clone(), record))),
            None => self.anchor.clone(),
        };
        find_log(&*self.parts.log, &channel, last.as_ref(), self.stop.clone()).await?;
        let next = self.last_read().0.saturating_add(1).max(0);
        tracing::info!(%channel, offset = next, "the ordered log is back");
        Ok(self.parts.log.read(&channel, Offset(next)))
    }
}

fn from_stored(stored: &LogAnchor) -> Result<Anchor, Halt> {
    let kind = LogKind::parse(&stored.log_kind);
    let kind = kind.ok_or_else(|| Halt::UnknownLogKind(stored.log_kind.clone()))?;
    Ok(Anchor {
        log: LogIdentity { kind, id: stored.log_id.clone() },
        offset: stored.offset,
        hash: RecordHash(stored.record_hash),
    })
}

pub(super) fn to_stored(anchor: Anchor) -> LogAnchor {
    LogAnchor {
        log_kind: anchor.log.kind.to_string(),
        log_id: anchor.log.id,
        offset: anchor.offset,
        record_hash: anchor.hash.0,
    }
}
