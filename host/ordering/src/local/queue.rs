//! The one queue between callers and the writer. A record's place in it is its place in the order.

use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, PoisonError};

use bytes::Bytes;
use raddle_core::ids::{ChannelId, Offset};
use tokio::sync::oneshot;

use crate::budget::cost_bytes;
use crate::{Append, AppendError, lock};

use super::channel::{Channel, Stop};

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
    /// Channels whose records are to be taken away.
    forgets: VecDeque<Forget>,
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

/// A channel to be forgotten, to be answered once.
#[derive(Debug)]
struct Forget {
    channel: ChannelId,
    answer: oneshot::Sender<Result<(), AppendError>>,
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

    /// Has the writer forget a channel. What is queued for it is answered as if the log were closed: it is not written.
    pub(super) fn forget(&self, channel: &ChannelId) -> oneshot::Receiver<Result<(), AppendError>> {
        let (answer, answered) = oneshot::channel();
        let forget = Forget { channel: channel.clone(), answer };
        let mut state = lock(&self.state);
        if let Some(stop) = &state.stop {
            let _ = forget.answer.send(Err(stop.clone().into()));
            return answered;
        }
        let pending = std::mem::take(&mut state.pending);
        let (dropped, kept) = pending.into_iter().partition(|pending| pending.channel.id == *channel);
        let dropped: VecDeque<Pending> = dropped;
        state.pending = kept;
        state.forgets.push_back(forget);
        drop(state);
        self.changed.notify_one();
        for pending in dropped {
            pending.answer(Err(AppendError::Closed));
        }
        answered
    }

    /// The channel that is to be forgotten first.
    pub(super) fn to_forget(&self) -> Option<ChannelId> {
        lock(&self.state).forgets.front().map(|forget| forget.channel.clone())
    }

    /// The first one is forgotten.
    pub(super) fn forgotten(&self) {
        if let Some(forget) = lock(&self.state).forgets.pop_front() {
            // Who asked may have left.
            let _ = forget.answer.send(Ok(()));
        }
    }

    /// Waits for something to do, and takes as many records as fit: at least one, unless a channel is to be forgotten.
    /// None when the queue has no records and is closed.
    pub(super) fn take(&self, max_bytes: u64) -> Option<Vec<Pending>> {
        let is_idle =
            |state: &mut State| state.pending.is_empty() && state.forgets.is_empty() && state.stop.is_none();
        let state = lock(&self.state);
        let mut state = self.changed.wait_while(state, is_idle).unwrap_or_else(PoisonError::into_inner);
        let mut taken_bytes = 0_u64;
        let fits = |pending: &&Pending| {
            let is_first = taken_bytes == 0;
            taken_bytes = taken_bytes.saturating_add(cost_bytes(&pending.value));
            is_first || taken_bytes <= max_bytes
        };
        let taken = state.pending.iter().take_while(fits).count();
        let is_over = taken == 0 && state.stop.is_some();
        (!is_over).then(|| state.pending.drain(..taken).collect())
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
        let forgets = std::mem::take(&mut state.forgets);
        drop(state);
        for pending in pending {
            pending.answer(Err(stop.clone().into()));
        }
        for forget in forgets {
            let _ = forget.answer.send(Err(stop.clone().into()));
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
