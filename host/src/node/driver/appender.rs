//! What a chain appends to the log by itself: resubmissions and time-to-cuts, tried until they are durable.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::FutureExt as _;
use raddle_core::chain::Class;
use raddle_core::ids::{ChannelId, ConfigSequence, Offset};
use raddle_ordering::OrderedLog;
use raddle_proto::wire::{Envelope, KafkaMessage};
use tokio::runtime::Handle;
use tokio::sync::{mpsc, watch};
use tokio::time::sleep;

/// The first pause after an append that failed; each further one is twice as long, up to the longest.
const PAUSE_FIRST: Duration = Duration::from_millis(100);
const PAUSE_MAX: Duration = Duration::from_secs(10);

/// Resubmissions that may wait for their turn.
const QUEUE: usize = 1024;

/// Appends records of a channel until they are durable.
#[derive(Clone)]
pub(super) struct Appender {
    log: Arc<dyn OrderedLog>,
    channel: ChannelId,
    stop: watch::Receiver<bool>,
}

/// An envelope to be appended again.
pub(super) struct Resubmission {
    pub(super) envelope: Envelope,
    pub(super) class: Class,
    pub(super) config_sequence: ConfigSequence,
    pub(super) original_offset: Offset,
}

/// Appends envelopes again, in the order of the log: none is in it again before those that stood before it.
pub(super) struct Resubmissions {
    queue: mpsc::Sender<Bytes>,
    pushed: u64,
}

/// The channel is stopping.
#[derive(Debug)]
pub(super) struct Stopping;

// === impl Appender ===

impl Appender {
    pub(super) fn new(log: Arc<dyn OrderedLog>, channel: ChannelId, stop: watch::Receiver<bool>) -> Self {
        Self { log, channel, stop }
    }

    /// Appends `record`, however often it takes, as long as it is wanted; answers whether it is durable. Where an
    /// outcome is unknown the record may be there twice: the chain drops copies.
    pub(super) async fn append(&self, what: &str, record: Bytes, is_wanted: impl Fn() -> bool) -> bool {
        let mut stop = self.stop.clone();
        let mut pause = PAUSE_FIRST;
        loop {
            let attempt = async {
                match self.log.append(&self.channel, record.clone()).await {
                    Ok(_) => true,
                    Err(error) => {
                        let channel = &self.channel;
                        tracing::warn!(%channel, %error, ?pause, "{what} not appended, will be tried again");
                        sleep(pause).await;
                        false
                    }
                }
            };
            tokio::select! {
                is_durable = attempt => if is_durable { return true },
                _ = stop.wait_for(|stop| *stop) => return false,
            }
            if !is_wanted() {
                return false;
            }
            pause = PAUSE_MAX.min(pause * 2);
        }
    }
}

impl Appender {
    /// Appends records so that none is in the log before one that stands before it here; tells of each that is
    /// durable. Answers whether all are.
    ///
    /// All are on their way at once, so that they share the log's syncs. From the first that fails on they are tried
    /// one by one.
    async fn append_in_order(&self, records: &[Bytes], mut is_durable: impl FnMut()) -> bool {
        let mut appends = Vec::with_capacity(records.len());
        for record in records {
            let mut append = self.log.append(&self.channel, record.clone());
            match (&mut append).now_or_never() {
                Some(Ok(_)) => appends.push(None),
                // Nothing may overtake it.
                Some(Err(_)) => break,
                None => appends.push(Some(append)),
            }
        }
        let (mut settled, mut has_failed) = (0, false);
        let mut stop = self.stop.clone();
        for append in appends {
            let is_there = match append {
                Some(append) => tokio::select! {
                    appended = append => appended.is_ok(),
                    // Nobody waits for a log that may never answer: a restart finds what was to be appended again.
                    _ = stop.wait_for(|stop| *stop) => return false,
                },
                None => true,
            };
            has_failed |= !is_there;
            if !has_failed {
                settled += 1;
                is_durable();
            }
        }
        for record in records.iter().skip(settled) {
            if !self.append("resubmission", record.clone(), || true).await {
                return false;
            }
            is_durable();
        }
        true
    }
}

// === impl Resubmissions ===

impl Resubmissions {
    /// Starts the task that appends; the receiver tells how many are durable, and ends when the channel stops.
    pub(super) fn start(runtime: &Handle, appender: Appender) -> (Self, watch::Receiver<u64>) {
        let (queue, mut records) = mpsc::channel(QUEUE);
        let (durable, watcher) = watch::channel(0);
        let batch_max = if appender.log.fails_in_order() { QUEUE } else { 1 };
        runtime.spawn(async move {
            let mut batch = Vec::new();
            while records.recv_many(&mut batch, batch_max).await > 0 {
                if !appender.append_in_order(&batch, || durable.send_modify(|durable| *durable += 1)).await {
                    return;
                }
                batch.clear();
            }
        });
        (Self { queue, pushed: 0 }, watcher)
    }

    /// How many were pushed.
    pub(super) const fn pushed(&self) -> u64 {
        self.pushed
    }

    /// Puts one at the end of the queue; waits while it is full.
    pub(super) async fn push(&mut self, resubmission: Resubmission) -> Result<(), Stopping> {
        let Resubmission { envelope, class, config_sequence, original_offset } = resubmission;
        let (payload, sequence, original) = (envelope.marshal(), config_sequence.0, original_offset.0);
        let record = match class {
            Class::Normal => KafkaMessage::normal(payload, sequence, original),
            Class::Config => KafkaMessage::config(payload, sequence, original),
        };
        self.queue.send(record.marshal()).await.map_err(|_| Stopping)?;
        self.pushed += 1;
        Ok(())
    }
}
