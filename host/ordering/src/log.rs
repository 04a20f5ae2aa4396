//! The trait that all ordered logs have, and what goes in and out of them.

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use futures_util::{Stream, stream};
use raddle_core::ids::{ChannelId, Offset};
use tokio::sync::{oneshot, watch};

use crate::{AppendError, Cause, LogIdentity, ReadError, RecordHash};

/// One order of records for each channel, the same for everybody who reads it.
///
/// All methods return at once and can be called from any thread, inside or outside of a runtime.
pub trait OrderedLog: Send + Sync {
    /// Appends a record. Its place in the order is taken **at the call**: of two appends to one channel, the one that
    /// was called first has the lower offset, whichever is awaited first, if either is.
    ///
    /// A channel begins with its first record.
    ///
    /// # Errors
    ///
    /// All come from the future, those found at the call at its first poll. See [`AppendError`] for which of them leave
    /// the outcome open.
    fn append(&self, channel: &ChannelId, record: Bytes) -> Append;

    /// Whether an append that fails takes with it all that were called after it and before its failure was known: none
    /// of these is in the log then, nor ever will be. What fails at the call itself counts as known.
    ///
    /// Who must keep an order over failures may have several appends on their way in such a log, and only one in any
    /// other.
    fn fails_in_order(&self) -> bool;

    /// Most bytes of a record that the log takes for this channel; nothing where that is not known, or not yet. Who
    /// makes records that must stay small enough for others that come later asks here.
    fn record_bytes_max(&self, channel: &ChannelId) -> Option<u64>;

    /// Reads a channel's records from a place on, then waits for more, for ever. Only durable records are shown.
    ///
    /// `from` may be the log's end, the place that the next record will have. A channel without records is empty:
    /// its end is 0.
    ///
    /// # Errors
    ///
    /// The stream ends after its first error, see [`ReadError`].
    fn read(&self, channel: &ChannelId, from: Offset) -> Records;

    /// Whether the log works for this channel, to look at or to wait for.
    fn state(&self, channel: &ChannelId) -> watch::Receiver<Readiness>;

    /// The hash of one durable record, by which an [`Anchor`](crate::Anchor) knows the log again.
    ///
    /// # Errors
    ///
    /// As [`OrderedLog::read`]; the log's end, where no record is yet, is [`ReadError::Beyond`].
    fn record_hash(&self, channel: &ChannelId, offset: Offset) -> RecordHashFuture;
}

/// A place in a channel's order, which moves on with each record.
pub(crate) trait RecordSource: Send + 'static {
    /// The next record, as soon as it is durable.
    fn next(&mut self) -> impl Future<Output = Result<Record, ReadError>> + Send;
}

/// What [`OrderedLog::record_hash`] returns.
pub type RecordHashFuture = Pin<Box<dyn Future<Output = Result<RecordHash, ReadError>> + Send>>;

/// Milliseconds since 1970-01-01T00:00:00Z, as the log stamped a record. Negative where a log has none, as in Kafka.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TimestampMs(pub i64);

/// A durable record.
#[derive(Clone, PartialEq, Eq)]
pub struct Record {
    /// Its place in the channel's order.
    pub offset: Offset,
    /// When the log took it; the same for everybody who reads it. In the local log it never goes back.
    pub timestamp_ms: TimestampMs,
    /// The bytes that were appended.
    pub value: Bytes,
}

/// Whether a log works for a channel.
#[derive(Clone, Debug)]
pub enum Readiness {
    /// It has not worked yet.
    Starting,
    /// It works.
    Ready {
        /// Which log it is.
        log: LogIdentity,
    },
    /// It does not work.
    Unavailable {
        /// What keeps it from working.
        cause: Cause,
    },
    /// It is closed for good.
    Closed,
}

// === impl Record ===

/// Shows how long the value is, not the value: it may be a client's, and long.
impl fmt::Debug for Record {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Record")
            .field("offset", &self.offset)
            .field("timestamp_ms", &self.timestamp_ms)
            .field("value_bytes", &self.value.len())
            .finish()
    }
}

// === impl Append ===

/// An append on its way: resolves to the record's offset when the record is durable.
///
/// Dropping it does not take the record back.
#[derive(Debug)]
#[must_use = "whether the record is durable is known only when this resolves"]
pub struct Append(State);

#[derive(Debug)]
enum State {
    Waiting(oneshot::Receiver<Result<Offset, AppendError>>),
    Failed(AppendError),
    /// The outcome was handed out.
    Done,
}

/// The log's thread ended without an answer, or the answer was taken before.
#[derive(Debug, thiserror::Error)]
#[error("the ordered log gave no answer")]
struct NoAnswer;

impl Append {
    /// An append that a log will answer through the sender.
    pub const fn waiting(answer: oneshot::Receiver<Result<Offset, AppendError>>) -> Self {
        Self(State::Waiting(answer))
    }

    /// An append that failed at the call.
    pub const fn failed(error: AppendError) -> Self {
        Self(State::Failed(error))
    }
}

impl Future for Append {
    type Output = Result<Offset, AppendError>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let no_answer = || Err(AppendError::OutcomeUnknown { cause: Cause::new(NoAnswer) });
        let outcome = match std::mem::replace(&mut self.0, State::Done) {
            State::Waiting(mut answer) => match Pin::new(&mut answer).poll(context) {
                Poll::Ready(answer) => answer.unwrap_or_else(|_| no_answer()),
                Poll::Pending => {
                    self.0 = State::Waiting(answer);
                    return Poll::Pending;
                }
            },
            State::Failed(error) => Err(error),
            State::Done => no_answer(),
        };
        Poll::Ready(outcome)
    }
}

// === impl Records ===

/// A channel's records in order: a stream that waits at the log's end and ends after an error.
#[must_use = "a stream does nothing unless it is polled"]
pub struct Records(Pin<Box<dyn Stream<Item = Result<Record, ReadError>> + Send>>);

impl Records {
    /// Wraps a log's own stream.
    pub fn new(records: impl Stream<Item = Result<Record, ReadError>> + Send + 'static) -> Self {
        Self(Box::pin(records))
    }

    /// What a reader finds, up to its first error.
    pub(crate) fn of(reader: impl RecordSource) -> Self {
        Self::new(stream::unfold(Some(reader), async |reader| {
            let mut reader = reader?;
            match reader.next().await {
                Ok(record) => Some((Ok(record), Some(reader))),
                Err(error) => Some((Err(error), None)),
            }
        }))
    }
}

impl Stream for Records {
    type Item = Result<Record, ReadError>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.0.as_mut().poll_next(context)
    }
}

impl fmt::Debug for Records {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Records").finish_non_exhaustive()
    }
}
