//! The one queue between callers and the writer. A record's place in it is its place in the order.

use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, PoisonError};

use bytes::Bytes;
use raddle_core::ids::Offset;
use tokio::sync::oneshot;

use crate::{Append, AppendError};

use super::channel::{Channel, Stop, cost_bytes};
use super::lock;

/// Records that are not in a transaction yet.
#[derive(Debug)]
pub(super) struct Queue {
    state: Mutex<State>,
    /// Signalled when the writer has something to do.
    changed: Condvar,
    max_in_flight_bytes: u64,
}

#[derive(Debug, Default)]
struct State {
    pending: VecDeque<Pending>,
    /// Nothing is taken any more.
    stop: Option<Stop>,
}

/// A record on its way, to be answered once.
#[derive(Debug)]
pub(super) struct Pending {
    pub channel: Arc<Channel>,
    pub value: Bytes,
    answer: oneshot::Sender<Result<Offset, AppendError>>,
}

impl Queue {
    /// An empty queue; `max_in_flight_bytes` is each channel's budget.
    pub(super) fn new(max_in_flight_bytes: u64) -> Self {
        Self { state: Mutex::default(), changed: Condvar::new(), max_in_flight_bytes }
    }

    /// Puts a record at the end.
    pub(super) fn push(&self, channel: Arc<Channel>, value: Bytes) -> Append {
        let mut state = lock(&self.state);
        if let Some(stop) = &state.stop {
            return Append::failed(stop.clone().into());
        }
        if let Err(busy) = channel.reserve(cost_bytes(&value), self.max_in_flight_bytes) {
            return Append::failed(busy);
        }
        let (answer, answered) = oneshot::channel();
        state.pending.push_back(Pending { channel, value, answer });
        drop(state);
        self.changed.notify_one();
        Append::waiting(answered)
    }

    /// Waits for records and takes as many as fit, at least one; none when the queue is empty and closed.
    pub(super) fn take(&self, max_bytes: u64) -> Option<Vec<Pending>> {
        let is_idle = |state: &mut State| state.pending.is_empty() && state.stop.is_none();
        let state = lock(&self.state);
        let mut state = self.changed.wait_while(state, is_idle).unwrap_or_else(PoisonError::into_inner);
        let mut taken_bytes = 0_u64;
        let fits = |pending: &&Pending| {
            let is_first = taken_bytes == 0;
            taken_bytes = taken_bytes.saturating_add(cost_bytes(&pending.value));
            is_first || taken_bytes <= max_bytes
        };
        let taken = state.pending.iter().take_while(fits).count();
        (taken > 0).then(|| state.pending.drain(..taken).collect())
    }

    /// Takes nothing more; what is queued will still be written.
    pub(super) fn close(&self) {
        lock(&self.state).stop.get_or_insert(Stop::Closed);
        self.changed.notify_one();
    }

    /// Takes nothing more, and answers all that is queued: none of it was written.
    pub(super) fn fail(&self, stop: &Stop) {
        let mut state = lock(&self.state);
        state.stop = Some(stop.clone());
        let pending = std::mem::take(&mut state.pending);
        drop(state);
        for pending in pending {
            pending.answer(Err(stop.clone().into()));
        }
    }
}

impl Pending {
    /// Frees the budget, then tells the caller, who may have left.
    pub(super) fn answer(self, outcome: Result<Offset, AppendError>) {
        self.channel.release(cost_bytes(&self.value));
        let _ = self.answer.send(outcome);
    }
}
