//! One channel of the log: what is on its way to its topic, and whether the topic works.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use bytes::Bytes;
use raddle_core::ids::{ChannelId, Offset};
use rdkafka::error::RDKafkaErrorCode;
use tokio::sync::{oneshot, watch};

use crate::budget::{self, cost_bytes, cost_of, size_bytes};
use crate::{Append, AppendError, Cause, LogIdentity, Readiness, lock};

use super::client::Listener;
use super::failure::{Failure, Reason, WRITE};
use super::producer::{Client, Producer, Producers};
use super::supervisor::Event;

/// How many records wait at most for the answer to those that were sent. What has come until the answer goes together:
/// a request costs the brokers and us far more than a record in it. More than so many keep several requests under way.
const HELD_MAX: usize = 64;

type Answer = oneshot::Sender<Result<Offset, AppendError>>;

/// One channel, which is one topic.
#[derive(Debug)]
pub(super) struct Channel {
    pub id: ChannelId,
    state: Mutex<State>,
    readiness: watch::Sender<Readiness>,
    has_served: AtomicBool,
}

#[derive(Debug)]
struct State {
    gate: Gate,
    /// Records that wait for the gate, or for the answer to those that were sent, in the order of the calls.
    held: VecDeque<Held>,
    /// Of all that is held, and of all that the producer has.
    in_flight_bytes: u64,
    /// Records that the producer has.
    sent: usize,
    /// Who waits for those, in the order of the calls.
    waiting: VecDeque<Waiting>,
    /// When the producer last answered, or got the first that it has not.
    progress: Instant,
    max_record_bytes: u64,
}

/// What becomes of a record that is appended.
#[derive(Debug)]
enum Gate {
    /// It waits.
    Hold,
    /// It goes to the producer.
    Open,
    /// It is refused: the topic has not worked for long, or will not without somebody's help.
    Shut(Cause),
    /// It is refused for good.
    Closed,
}

#[derive(Debug)]
struct Held {
    value: Bytes,
    answer: Answer,
    until: Instant,
}

/// Somebody who waits for a record that the producer has.
#[derive(Debug)]
struct Waiting {
    answer: Shared,
    until: Instant,
}

/// The answer to an append, which is given by the producer or when the time is over: whoever comes first takes it.
type Shared = Arc<Mutex<Option<Answer>>>;

/// A record that the producer has, to be settled once.
#[derive(Debug)]
pub(super) struct Sent {
    channel: Arc<Channel>,
    size_bytes: u64,
    purpose: Purpose,
}

/// Whom to tell.
#[derive(Debug)]
enum Purpose {
    Append(Shared),
    /// The supervisor.
    Greeting,
}

/// What bounds appends.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    pub max_in_flight_bytes: u64,
    pub append_timeout: Duration,
}

// === impl Channel ===

impl Channel {
    pub(super) fn new(id: ChannelId, max_record_bytes: u64) -> Self {
        let state = State {
            gate: Gate::Hold,
            held: VecDeque::new(),
            in_flight_bytes: 0,
            sent: 0,
            waiting: VecDeque::new(),
            progress: Instant::now(),
            max_record_bytes,
        };
        let readiness = watch::Sender::new(Readiness::Starting);
        Self { id, state: Mutex::new(state), readiness, has_served: AtomicBool::new(false) }
    }

    /// The topic's name.
    pub(super) fn topic(&self) -> &str {
        &self.id.0
    }

    pub(super) fn watch(&self) -> watch::Receiver<Readiness> {
        self.readiness.subscribe()
    }

    /// Most bytes of a record, once the topic's own limit is known as far as it can be.
    pub(super) fn max_record_bytes(&self) -> Option<u64> {
        self.has_served().then(|| lock(&self.state).max_record_bytes)
    }

    /// Whether the topic has ever been seen to work.
    pub(super) fn has_served(&self) -> bool {
        self.has_served.load(Ordering::Acquire)
    }

    /// Takes a record: its place is behind all that were taken before it.
    pub(super) fn append(self: &Arc<Self>, value: Bytes, limits: Limits, producers: &Producers) -> Append {
        let size = size_bytes(&value);
        let mut state = lock(&self.state);
        if size > state.max_record_bytes {
            let limit_bytes = state.max_record_bytes;
            return Append::failed(AppendError::TooLarge { size_bytes: size, limit_bytes });
        }
        match &state.gate {
            Gate::Closed => return Append::failed(AppendError::Closed),
            Gate::Shut(cause) => return Append::failed(AppendError::Unavailable { cause: cause.clone() }),
            Gate::Hold | Gate::Open => {}
        }
        if let Err(busy) = state.reserve(cost_of(size), limits.max_in_flight_bytes) {
            return Append::failed(busy);
        }
        let (answer, answered) = oneshot::channel();
        // At a time that cannot be reckoned it waits no longer than the clock goes.
        let now = Instant::now();
        let until = now.checked_add(limits.append_timeout).unwrap_or(now);
        state.held.push_back(Held { value, answer, until });
        if state.may_send() {
            self.send_held(&mut state, producers.current().client());
        }
        Append::waiting(answered)
    }

    /// Sends what is held, in order. What the producer does not take stays, and the gate closes before it.
    fn send_held(self: &Arc<Self>, state: &mut State, producer: &Client) {
        while let Some(Held { value, answer, until }) = state.held.pop_front() {
            let shared: Shared = Arc::new(Mutex::new(Some(answer)));
            let sent = Sent {
                channel: Arc::clone(self),
                size_bytes: size_bytes(&value),
                purpose: Purpose::Append(Arc::clone(&shared)),
            };
            if producer.send(&value, sent).is_err() {
                // It is made anew, or the library is out of memory; either way the supervisor opens the gate.
                if let Some(answer) = lock(&shared).take() {
                    state.held.push_front(Held { value, answer, until });
                }
                state.gate = Gate::Hold;
                return;
            }
            state.has_sent();
            state.waiting.push_back(Waiting { answer: shared, until });
        }
    }

    /// Sends a record for the supervisor, before all that is held.
    pub(super) fn greet(self: &Arc<Self>, greeting: &Bytes, producer: &Producer) -> Result<(), Reason> {
        let size_bytes = size_bytes(greeting);
        let sent = Sent { channel: Arc::clone(self), size_bytes, purpose: Purpose::Greeting };
        let mut state = lock(&self.state);
        producer.client().send(greeting, sent).map_err(|(error, _)| Reason::new(error))?;
        state.has_sent();
        state.in_flight_bytes = state.in_flight_bytes.saturating_add(cost_of(size_bytes));
        Ok(())
    }

    /// Whether the producer has had records for so long without answering any.
    pub(super) fn is_overdue(&self, after: Duration) -> bool {
        let state = lock(&self.state);
        state.sent > 0 && state.progress.elapsed() > after
    }

    /// Whether records wait for the gate that will open by itself.
    pub(super) fn is_on_hold(&self) -> bool {
        matches!(lock(&self.state).gate, Gate::Hold)
    }

    /// Takes no record larger than this, by the topic's own settings.
    pub(super) fn limit_records(&self, max_record_bytes: u64) {
        lock(&self.state).max_record_bytes = max_record_bytes;
    }

    /// Lets nothing through until the gate opens again.
    pub(super) fn hold(&self) {
        lock(&self.state).gate = Gate::Hold;
    }

    /// It works: sends what is held, and all that comes.
    pub(super) fn open(self: &Arc<Self>, log: LogIdentity, producer: &Producer) {
        let mut state = lock(&self.state);
        state.gate = Gate::Open;
        self.send_held(&mut state, producer.client());
        drop(state);
        self.has_served.store(true, Ordering::Release);
        self.readiness.send_if_modified(|readiness| {
            let is_news = !matches!(readiness, Readiness::Ready { log: known } if *known == log);
            if is_news {
                *readiness = Readiness::Ready { log };
            }
            is_news
        });
    }

    /// It does not work. What is sent may still arrive; new records wait, unless the gate is to be shut.
    pub(super) fn fail(&self, cause: &Cause, is_shut: bool) {
        let held = {
            let mut state = lock(&self.state);
            if is_shut {
                state.gate = Gate::Shut(cause.clone());
                std::mem::take(&mut state.held)
            } else {
                VecDeque::new()
            }
        };
        self.readiness.send_replace(Readiness::Unavailable { cause: cause.clone() });
        self.refuse(held, || AppendError::Unavailable { cause: cause.clone() });
    }

    /// Answers what was held for as long as an append may wait.
    pub(super) fn expire_held(&self, now: Instant, cause: impl Fn() -> Cause) {
        let mut expired = VecDeque::new();
        let mut state = lock(&self.state);
        while state.held.front().is_some_and(|held| held.until <= now) {
            expired.extend(state.held.pop_front());
        }
        drop(state);
        self.refuse(expired, || AppendError::Unavailable { cause: cause() });
    }

    /// Answers those who have waited for as long as an append may. The producer keeps their records, and goes on
    /// sending them: one that it gave up might stand in the topic all the same, and it would number those behind it
    /// anew, so that the brokers no longer knew which of them they have. Answers whether there were any.
    pub(super) fn expire_sent(&self, now: Instant, cause: impl Fn() -> Cause) -> bool {
        let mut expired = Vec::new();
        let mut state = lock(&self.state);
        while let Some(waiting) = state.waiting.pop_front_if(|it| it.until <= now || it.is_answered()) {
            expired.extend(lock(&waiting.answer).take());
        }
        drop(state);
        let any = !expired.is_empty();
        for answer in expired {
            let _ = answer.send(Err(AppendError::OutcomeUnknown { cause: cause() }));
        }
        any
    }

    /// Takes nothing any more. If the channel works, what is held is sent; what the producer has will be answered.
    pub(super) fn close(self: &Arc<Self>, producer: &Producer) {
        let held = {
            let mut state = lock(&self.state);
            if matches!(state.gate, Gate::Open) {
                self.send_held(&mut state, producer.client());
            }
            state.gate = Gate::Closed;
            std::mem::take(&mut state.held)
        };
        self.refuse(held, || AppendError::Closed);
        self.readiness.send_replace(Readiness::Closed);
    }

    fn refuse(&self, held: VecDeque<Held>, error: impl Fn() -> AppendError) {
        for Held { value, answer, .. } in held {
            lock(&self.state).release(cost_bytes(&value));
            let _ = answer.send(Err(error()));
        }
    }

    /// What an append's failure is due to: what the channel says, or nothing better than that it failed.
    fn cause_of(&self, code: RDKafkaErrorCode, producer: Option<&Client>) -> Cause {
        let failure = match code {
            RDKafkaErrorCode::Fatal | RDKafkaErrorCode::PurgeInflight | RDKafkaErrorCode::PurgeQueue => {
                producer.and_then(Client::failure).unwrap_or(Failure::Producer { reason: Reason::new(code) })
            }
            _ => Failure::of_code(code, self.topic(), WRITE, Reason::new(code)),
        };
        Cause::new(failure)
    }
}

// === impl State ===

impl State {
    fn reserve(&mut self, cost_bytes: u64, limit_bytes: u64) -> Result<(), AppendError> {
        budget::check(self.in_flight_bytes, cost_bytes, limit_bytes)?;
        self.in_flight_bytes = self.in_flight_bytes.saturating_add(cost_bytes);
        Ok(())
    }

    fn release(&mut self, cost_bytes: u64) {
        self.in_flight_bytes = self.in_flight_bytes.saturating_sub(cost_bytes);
    }

    /// Whether what is held is to be sent now.
    fn may_send(&self) -> bool {
        matches!(self.gate, Gate::Open) && (self.sent == 0 || self.held.len() >= HELD_MAX)
    }

    fn has_sent(&mut self) {
        if self.sent == 0 {
            self.progress = Instant::now();
        }
        self.sent = self.sent.saturating_add(1);
    }
}

// === impl Waiting ===

impl Waiting {
    fn is_answered(&self) -> bool {
        lock(&self.answer).is_none()
    }
}

// === impl Sent ===

impl Sent {
    pub(super) fn topic(&self) -> &str {
        self.channel.topic()
    }

    /// What the brokers, or the library, said of it; then sends what has waited for that.
    pub(super) fn settle(
        self,
        outcome: Result<Offset, RDKafkaErrorCode>,
        listener: &Listener,
        producer: Option<&Client>,
    ) {
        let Self { channel, size_bytes, purpose } = self;
        {
            let mut state = lock(&channel.state);
            state.release(cost_of(size_bytes));
            state.sent = state.sent.saturating_sub(1);
            while state.waiting.pop_front_if(|it| it.is_answered()).is_some() {}
            if outcome.is_ok() || state.sent == 0 {
                state.progress = Instant::now();
            }
            if let Some(producer) = producer
                && state.may_send()
            {
                channel.send_held(&mut state, producer);
            }
        }
        let outcome = outcome.map_err(|code| {
            let cause = match code {
                RDKafkaErrorCode::MessageSizeTooLarge => {
                    let topic = channel.topic().to_owned();
                    Cause::new(Failure::RecordTooLarge { topic, size_bytes })
                }
                code => channel.cause_of(code, producer),
            };
            (code, cause)
        });
        match purpose {
            Purpose::Greeting => {
                let outcome = outcome.map(drop).map_err(|(_, cause)| cause);
                listener.tell(Event::Greeted { channel, outcome });
            }
            Purpose::Append(answer) => {
                let Some(answer) = lock(&answer).take() else { return };
                if outcome.is_err() {
                    listener.tell(Event::ChannelTrouble(channel));
                }
                // The caller may have left.
                let _ = answer.send(outcome.and_then(known).map_err(|(code, cause)| match code {
                    // Every try is refused alike. Any other error may follow a try that was written unseen.
                    RDKafkaErrorCode::MessageSizeTooLarge => AppendError::Unavailable { cause },
                    _ => AppendError::OutcomeUnknown { cause },
                }));
            }
        }
    }
}

/// The brokers may say that they have had a record before, without telling where.
fn known(offset: Offset) -> Result<Offset, (RDKafkaErrorCode, Cause)> {
    if offset.0 >= 0 {
        return Ok(offset);
    }
    Err((RDKafkaErrorCode::DuplicateSequenceNumber, Cause::new(Failure::OffsetUnknown)))
}
