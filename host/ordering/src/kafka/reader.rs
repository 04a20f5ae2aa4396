//! Reading a topic: from a place on, for ever, and never on from another topic's records.

use std::pin::{Pin, pin};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::{Either, select};
use raddle_core::ids::Offset;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::Message as _;
use tokio::runtime::Handle;
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};

use crate::log::RecordSource;
use crate::{Cause, ReadError, Readiness, Record, RecordHash, TimestampMs};

use super::Shared;
use super::channel::Channel;
use super::consumer::Reading;
use super::failure::{Failure, Reason};
use super::supervisor::Event;

/// How often, in ticks of the supervisor, a reader makes sure that what it has read is still there: nobody tells it
/// when a topic is deleted and made anew.
const RECHECK_TICKS: u32 = 10;

/// How long a reader that has taken all there was leaves what comes next where it is. A fetch costs the brokers more
/// than the records in it, so under load one in this time takes what several would have taken; a record that comes
/// alone is read at once.
pub(super) const GATHERING: Duration = Duration::from_millis(5);

/// How long a broker holds a fetch when none of the channels in it has a record. A busy channel beside silent ones is
/// fetched this often, and an idle node asks its brokers 50 times a second.
pub(super) const SILENCE: Duration = Duration::from_millis(20);

/// A place in a channel.
pub(super) struct Reader {
    shared: Arc<Shared>,
    channel: Arc<Channel>,
    next: Offset,
    reading: Option<Reading>,
    tick: watch::Receiver<u64>,
    ticks: u32,
    /// When it last woke for records.
    woken: Option<Instant>,
    /// The last record that was read.
    last: Option<Record>,
    /// The record that the topic must still hold: all that was read before it came from the same topic.
    proof: Option<Record>,
    /// The clients' disturbances that this reader has looked into.
    disturbances: u64,
}

type RecordFuture = Pin<Box<dyn Future<Output = Result<Record, ReadError>> + Send>>;

/// What a topic holds.
#[derive(Clone, Copy)]
struct Bounds {
    first: Offset,
    end: Offset,
}

/// What a queue has.
enum Polled {
    Record(Record),
    Trouble(RDKafkaErrorCode),
    Nothing,
}

impl Reader {
    pub(super) fn new(shared: Arc<Shared>, channel: Arc<Channel>, from: Offset) -> Self {
        let (tick, disturbances) = (shared.tick.subscribe(), shared.listener.disturbances());
        Self {
            shared,
            channel,
            next: from,
            reading: None,
            tick,
            ticks: 0,
            woken: None,
            last: None,
            proof: None,
            disturbances,
        }
    }

    /// The record at the place, which must not be the end.
    pub(super) fn record(mut self) -> RecordFuture {
        Box::pin(async move {
            let from = self.next;
            let Bounds { end, .. } = self.bounds_in_time().await?;
            if from >= end {
                return Err(ReadError::Beyond { from, end });
            }
            self.next().await
        })
    }

    /// Waits for records, or for the supervisor's tick.
    async fn wait(&mut self) -> Result<(), ReadError> {
        let arrived = self.reading.as_ref().map(Reading::arrived);
        let arrived = pin!(async {
            match &arrived {
                Some(arrived) => arrived.notified().await,
                None => std::future::pending().await,
            }
        });
        let has_arrived = match select(arrived, pin!(self.tick.changed())).await {
            Either::Left(((), _)) => true,
            Either::Right((ticked, _)) => {
                ticked.map_err(|_| ReadError::Closed)?;
                false
            }
        };
        if has_arrived {
            self.gather().await;
        } else {
            self.ticks = self.ticks.saturating_add(1);
        }
        Ok(())
    }

    /// Lets records come together that follow others closely.
    async fn gather(&mut self) {
        let now = Instant::now();
        let until = self.woken.and_then(|woken| woken.checked_add(GATHERING)).filter(|until| *until > now);
        // Without a runtime there is no timer, and nobody whom it would serve.
        if let (Some(until), Ok(_)) = (until, Handle::try_current()) {
            sleep_until(until).await;
        }
        self.woken = Some(until.unwrap_or(now));
    }

    async fn wait_for_tick(&mut self) -> Result<(), ReadError> {
        self.ticks = self.ticks.saturating_add(1);
        self.tick.changed().await.map_err(|_| ReadError::Closed)
    }

    // === places ===

    /// Begins to read at the place, if the topic is still the same and has the place.
    async fn attach(&mut self) -> Result<(), ReadError> {
        let from = self.next;
        let Bounds { first, end } = self.bounds_in_time().await?;
        if from < first {
            return Err(ReadError::Gone { from, first });
        }
        if from > end {
            return Err(ReadError::Beyond { from, end });
        }
        self.compare(first).await?;
        match self.shared.consumers.read(self.channel.topic(), from) {
            Ok(reading) => self.reading = Some(reading),
            Err(failure) => return Err(ReadError::Unavailable { cause: Cause::new(failure) }),
        }
        Ok(())
    }

    /// What the topic holds, as soon as somebody says so.
    async fn bounds_in_time(&mut self) -> Result<Bounds, ReadError> {
        // Before that the topic may be made yet.
        let mut ready = self.channel.watch();
        if !self.channel.has_served() {
            let served = |it: &Readiness| matches!(it, Readiness::Ready { .. } | Readiness::Closed);
            let state = ready.wait_for(served).await.map_err(|_| ReadError::Closed)?;
            if matches!(*state, Readiness::Closed) {
                return Err(ReadError::Closed);
            }
        }
        loop {
            self.is_same_cluster()?;
            match self.bounds().await? {
                Some(bounds) => return Ok(bounds),
                None => self.wait_for_tick().await?,
            }
        }
    }

    /// What the topic holds, if somebody says so. If not, the supervisor looks why.
    async fn bounds(&self) -> Result<Option<Bounds>, ReadError> {
        let (shared, channel) = (Arc::clone(&self.shared), Arc::clone(&self.channel));
        if shared.is_closed() {
            return Err(ReadError::Closed);
        }
        let ask = move || {
            let timeout = shared.settings.retry.read_timeout;
            let consumer = shared.consumers.first()?;
            let bounds = consumer.bounds(channel.topic(), timeout).ok();
            // Another cluster may have a topic of that name too.
            let is_same = consumer.cluster_id(Duration::ZERO).as_ref() == shared.cluster.get();
            let bounds = bounds.filter(|_| is_same);
            if bounds.is_none() {
                shared.listener.tell(Event::ChannelTrouble(channel));
            }
            bounds.map(|(first, end)| Bounds { first, end })
        };
        match Handle::try_current() {
            // The task ends without an answer only where the runtime does.
            Ok(runtime) => runtime.spawn_blocking(ask).await.map_err(|_| ReadError::Closed),
            Err(_) => Ok(ask()),
        }
    }

    // === identity ===

    /// Takes note of the supervisor's tick; at some of them makes sure that the topic is the same as before.
    async fn recheck_now_and_then(&mut self) -> Result<(), ReadError> {
        if self.tick.has_changed().map_err(|_| ReadError::Closed)? {
            self.tick.borrow_and_update();
            self.ticks = self.ticks.saturating_add(1);
        }
        let disturbances = self.shared.listener.disturbances();
        if disturbances != self.disturbances {
            // Nothing more is taken from this queue; the place is looked for anew.
            self.disturbances = disturbances;
            self.reading = None;
        }
        if self.ticks < RECHECK_TICKS || self.reading.is_none() {
            return Ok(());
        }
        self.ticks = 0;
        self.is_same_cluster()?;
        let Some(Bounds { first, end }) = self.bounds().await? else { return Ok(()) };
        if self.next > end {
            return Err(ReadError::Beyond { from: self.next, end });
        }
        self.compare(first).await
    }

    /// Ends the reader once the supervisor knows that another cluster answers.
    fn is_same_cluster(&self) -> Result<(), ReadError> {
        match &*self.channel.watch().borrow() {
            Readiness::Unavailable { cause }
                if matches!(cause.get().downcast_ref(), Some(Failure::OtherCluster { .. })) =>
            {
                Err(ReadError::Unavailable { cause: cause.clone() })
            }
            _ => Ok(()),
        }
    }

    /// Whether the topic is the one that was read so far. If it is, all of that came from it.
    async fn compare(&mut self, first: Offset) -> Result<(), ReadError> {
        if let Some(proof) = self.proof.as_ref().filter(|it| it.offset >= first) {
            let (shared, channel) = (Arc::clone(&self.shared), Arc::clone(&self.channel));
            let again = Self::new(shared, channel, proof.offset).record().await?;
            let (expected, found) = (RecordHash::of(proof), RecordHash::of(&again));
            if again.offset != proof.offset || expected != found {
                let topic = self.channel.topic().to_owned();
                let failure = Failure::OtherRecords { topic, offset: proof.offset, expected, found };
                return Err(ReadError::Unavailable { cause: Cause::new(failure) });
            }
        }
        // Retention may take the proof away later, so it moves on.
        self.proof = self.last.clone();
        Ok(())
    }

    // === trouble ===

    /// Does what an error of the topic's queue asks for.
    async fn meet(&mut self, code: RDKafkaErrorCode) -> Result<(), ReadError> {
        match code {
            // The library goes on by itself when the brokers do.
            RDKafkaErrorCode::BrokerTransportFailure
            | RDKafkaErrorCode::AllBrokersDown
            | RDKafkaErrorCode::OperationTimedOut
            | RDKafkaErrorCode::RequestTimedOut
            | RDKafkaErrorCode::Resolve
            | RDKafkaErrorCode::PartitionEOF => Ok(()),
            RDKafkaErrorCode::BadMessage
            | RDKafkaErrorCode::BadCompression
            | RDKafkaErrorCode::NotImplemented
            | RDKafkaErrorCode::InvalidMessage => {
                let topic = self.channel.topic().to_owned();
                let failure = Failure::Unreadable { topic, reason: Reason::new(code) };
                Err(ReadError::Unavailable { cause: Cause::new(failure) })
            }
            _ => {
                // The place is looked for anew; the topic may have lost it, or be another one.
                self.reading = None;
                self.shared.listener.tell(Event::ChannelTrouble(Arc::clone(&self.channel)));
                match code {
                    RDKafkaErrorCode::AutoOffsetReset | RDKafkaErrorCode::OffsetOutOfRange => Ok(()),
                    _ => self.wait_for_tick().await,
                }
            }
        }
    }
}

impl RecordSource for Reader {
    async fn next(&mut self) -> Result<Record, ReadError> {
        loop {
            if self.shared.is_closed() {
                return Err(ReadError::Closed);
            }
            self.recheck_now_and_then().await?;
            let polled = match &self.reading {
                Some(reading) => poll(reading),
                None => {
                    self.attach().await?;
                    continue;
                }
            };
            match polled {
                // A queue may still hold what its last reader left.
                Polled::Record(record) if record.offset < self.next => {}
                Polled::Record(record) => {
                    self.next = Offset(record.offset.0.saturating_add(1));
                    self.proof.get_or_insert_with(|| record.clone());
                    self.last = Some(record.clone());
                    return Ok(record);
                }
                Polled::Trouble(code) => self.meet(code).await?,
                Polled::Nothing => self.wait().await?,
            }
        }
    }
}

/// Takes the next thing from a queue without waiting.
fn poll(reading: &Reading) -> Polled {
    match reading.queue().poll(Duration::ZERO) {
        Some(Ok(message)) => Polled::Record(Record {
            offset: Offset(message.offset()),
            timestamp_ms: TimestampMs(message.timestamp().to_millis().unwrap_or(-1)),
            value: message.payload().map_or_else(Bytes::new, Bytes::copy_from_slice),
        }),
        Some(Err(KafkaError::PartitionEOF(_))) => Polled::Trouble(RDKafkaErrorCode::PartitionEOF),
        Some(Err(error)) => Polled::Trouble(error.rdkafka_error_code().unwrap_or(RDKafkaErrorCode::Unknown)),
        None => Polled::Nothing,
    }
}
