//! The thread that makes topics ready, finds out why one does not work, and sees when it works again.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

use crate::{Cause, LogIdentity, LogKind};

use super::Shared;
use super::channel::Channel;
use super::consumer::Consumer;
use super::failure::{Brokers, Failure};
use super::producer::Producer;
use super::topic::{self, Admin, Partition, TopicSettings};

/// How often waiting readers and channels are looked after.
const TICK: Duration = Duration::from_secs(1);

/// After how long without an answer a topic is looked at.
const OVERDUE: Duration = Duration::from_secs(3);

/// How often all topics are looked at while a broker is away: its copies may be missed, or not.
const LOOK_AT_ALL: Duration = Duration::from_secs(10);

/// How long a question about a topic may take. Others wait meanwhile.
const LOOK_TIMEOUT: Duration = Duration::from_secs(5);

/// What the supervisor is told.
#[derive(Debug)]
pub(super) enum Event {
    /// Somebody asks for a channel for the first time.
    Channel(Arc<Channel>),
    /// All brokers give trouble, or the producer does.
    Trouble,
    /// A broker gives trouble, and will until it is back.
    BrokerTrouble,
    /// A channel's topic gives trouble.
    ChannelTrouble(Arc<Channel>),
    /// A channel's greeting is durable, or not.
    Greeted { channel: Arc<Channel>, outcome: Result<(), Cause> },
    /// The log is being dropped.
    Close,
}

pub(super) struct Supervisor {
    shared: Arc<Shared>,
    events: Receiver<Event>,
    channels: Vec<Watched>,
    looked_at_all: Option<Instant>,
    /// When the producer is made anew that the library has given up. Until then no topic is looked at.
    renewal: Option<Instant>,
}

/// A channel that is looked after.
struct Watched {
    channel: Arc<Channel>,
    phase: Phase,
    topic: TopicSettings,
    /// Since when it has not worked.
    failing: Option<Instant>,
    cause: Option<Cause>,
    /// When to try next; none while it works.
    next: Option<Instant>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// Nothing is known of the topic.
    New,
    /// The greeting is on its way.
    Greeting,
    /// The topic was seen to work.
    Serving,
}

// === impl Supervisor ===

impl Supervisor {
    pub(super) fn new(shared: Arc<Shared>, events: Receiver<Event>) -> Self {
        Self { shared, events, channels: Vec::new(), looked_at_all: None, renewal: None }
    }

    /// Works until the log is dropped; then answers everybody.
    pub(super) fn run(mut self) {
        let mut tick = Instant::now();
        loop {
            let due = self.renewal.or_else(|| self.channels.iter().filter_map(|it| it.next).min());
            let wake = due.map_or(tick + TICK, |due| due.min(tick + TICK));
            match self.events.recv_timeout(wake.saturating_duration_since(Instant::now())) {
                Ok(Event::Close) | Err(RecvTimeoutError::Disconnected) => break,
                Ok(event) => self.take(event),
                Err(RecvTimeoutError::Timeout) => {}
            }
            let now = Instant::now();
            if now >= tick + TICK {
                tick = now;
                self.look_for_trouble(now);
                self.shared.tick.send_modify(|ticks| *ticks = ticks.wrapping_add(1));
            }
            self.work();
        }
        self.close();
    }

    fn take(&mut self, event: Event) {
        let soon = Some(Instant::now());
        match event {
            Event::Channel(channel) => self.channels.push(Watched {
                channel,
                phase: Phase::New,
                topic: TopicSettings::default(),
                failing: None,
                cause: None,
                next: soon,
            }),
            Event::Trouble => self.look_at_all(),
            Event::BrokerTrouble => {
                if self.looked_at_all.is_none_or(|then| then.elapsed() >= LOOK_AT_ALL) {
                    self.look_at_all();
                }
            }
            Event::ChannelTrouble(channel) => {
                let watched = self.channels.iter_mut().find(|it| Arc::ptr_eq(&it.channel, &channel));
                if let Some(it) = watched.filter(|it| it.phase == Phase::Serving) {
                    it.next = it.next.or(soon);
                }
            }
            Event::Greeted { channel, outcome } => self.greeted(&channel, outcome),
            Event::Close => {}
        }
        self.meet_failed_producer();
    }

    fn look_at_all(&mut self) {
        let now = Instant::now();
        self.looked_at_all = Some(now);
        let known = self.channels.iter_mut().filter(|it| it.phase != Phase::New);
        known.for_each(|it| it.next = it.next.or(Some(now)));
    }

    /// Has channels looked at that wait for too long, and ends what waited long enough.
    fn look_for_trouble(&mut self, now: Instant) {
        self.meet_failed_producer();
        for it in &mut self.channels {
            let cause = it.cause.clone();
            let waited = self.shared.settings.append_timeout;
            let listener = &self.shared.listener;
            let timed_out = || Cause::new(listener.timed_out(it.channel.topic(), Brokers::default(), waited));
            it.channel.expire_held(now, || cause.clone().unwrap_or_else(timed_out));
            if it.channel.expire_sent(now, || cause.clone().unwrap_or_else(timed_out))
                && it.phase == Phase::Serving
            {
                it.next = it.next.or(Some(now));
            }
            let stands_still = match it.phase {
                Phase::New => false,
                Phase::Greeting => it.channel.is_overdue(OVERDUE),
                Phase::Serving => it.channel.is_overdue(OVERDUE) || it.channel.is_on_hold(),
            };
            if stands_still {
                it.next = it.next.or(Some(now));
            }
        }
    }

    /// Tries all channels whose time has come.
    fn work(&mut self) {
        match self.renewal {
            Some(renewal) if renewal > Instant::now() => return,
            Some(_) => self.renew_producer(),
            None => {}
        }
        let due = |it: &Watched| it.next.is_some_and(|next| next <= Instant::now());
        if !self.channels.iter().any(due) {
            return;
        }
        let Some(consumer) = self.shared.consumers.first() else { return };
        let mut channels = std::mem::take(&mut self.channels);
        let mut nobody_answers = None;
        for it in channels.iter_mut().filter(|it| due(it)) {
            it.next = None;
            // What is true of the brokers need not be found out once for each channel.
            let outcome = nobody_answers.clone().map_or_else(|| self.attend(it, &consumer), Err);
            if let Err(failure) = outcome {
                if matches!(failure, Failure::Unreachable { .. }) {
                    nobody_answers = Some(failure.clone());
                }
                self.fail(it, Cause::new(failure.clone()), failure.is_passing());
            }
        }
        self.channels = channels;
    }

    /// Makes a channel's topic ready, or looks whether it works.
    fn attend(&mut self, it: &mut Watched, consumer: &Consumer) -> Result<(), Failure> {
        let channel = Arc::clone(&it.channel);
        let topic = channel.topic();
        let partition = match (topic::look(consumer, topic, LOOK_TIMEOUT)?, it.phase) {
            (Some(partition), _) => partition,
            (None, Phase::New) => self.make(topic, consumer)?,
            (None, _) => return Err(Failure::TopicMissing { topic: topic.to_owned() }),
        };
        let log = self.identify(consumer)?;
        if it.phase == Phase::New {
            it.topic = Admin::new(&self.shared.settings)?.settings(topic);
            let limit = self.shared.settings.max_record_bytes;
            channel.limit_records(it.topic.max_record_bytes.map_or(limit, |it| it.min(limit)));
        }
        let replicas = partition.check(topic, it.topic)?;
        let producer = self.shared.producers.current();
        match (it.phase, &self.shared.settings.greeting) {
            (Phase::New, Some(greeting)) => {
                let greeted = channel.greet(greeting, &producer);
                greeted.map_err(|reason| Failure::Producer { reason })?;
                it.phase = Phase::Greeting;
            }
            _ if channel.is_overdue(OVERDUE) => {
                return Err(self.shared.listener.timed_out(topic, replicas, OVERDUE));
            }
            // Its answer will come.
            (Phase::Greeting, _) => {}
            (Phase::New | Phase::Serving, _) => {
                self.shared.listener.forget();
                serve(it, log, &producer);
            }
        }
        Ok(())
    }

    /// Makes a topic, and waits until it can be seen.
    fn make(&self, topic: &str, consumer: &Consumer) -> Result<Partition, Failure> {
        Admin::new(&self.shared.settings)?.make(topic, self.shared.settings.topic_replication)?;
        let made = topic::look(consumer, topic, LOOK_TIMEOUT)?;
        // It is seen at the next try.
        let unseen = || Failure::NoLeader { topic: topic.to_owned(), replicas: Brokers::default() };
        made.ok_or_else(unseen)
    }

    /// Which cluster answers; always the same one.
    fn identify(&self, consumer: &Consumer) -> Result<LogIdentity, Failure> {
        let found = consumer.cluster_id(LOOK_TIMEOUT).ok_or(Failure::NoClusterId)?;
        let expected = self.shared.cluster.get_or_init(|| found.clone());
        if *expected == found {
            return Ok(identity_of(&found));
        }
        Err(Failure::OtherCluster { expected: expected.clone(), found })
    }

    fn greeted(&mut self, channel: &Arc<Channel>, outcome: Result<(), Cause>) {
        let producer = self.shared.producers.current();
        let mut channels = std::mem::take(&mut self.channels);
        let greeting = |it: &&mut Watched| it.phase == Phase::Greeting && Arc::ptr_eq(&it.channel, channel);
        if let Some(it) = channels.iter_mut().find(greeting) {
            match (outcome, self.shared.cluster.get()) {
                (Ok(()), Some(id)) => serve(it, identity_of(id), &producer),
                (Err(cause), _) => {
                    it.phase = Phase::New;
                    let is_passing = cause.get().downcast_ref().is_none_or(Failure::is_passing);
                    self.fail(it, cause, is_passing);
                }
                (Ok(()), None) => it.phase = Phase::New,
            }
        }
        self.channels = channels;
    }

    /// Says why a channel does not work, and when it will be tried again.
    fn fail(&self, it: &mut Watched, cause: Cause, is_passing: bool) {
        let (now, retry) = (Instant::now(), &self.shared.settings.retry);
        let failing = now.saturating_duration_since(*it.failing.get_or_insert(now));
        let pause = match is_passing {
            // It is only looked at, which costs the brokers nothing.
            true => TICK.min(retry.short_interval),
            false if failing < retry.short_total => retry.short_interval,
            false => retry.long_interval,
        };
        it.next = Some(now + pause);
        it.channel.fail(&cause, !is_passing || failing >= self.shared.settings.append_timeout);
        it.cause = Some(cause);
    }

    /// Sees whether another producer would do better than the one that the library has given up.
    fn meet_failed_producer(&mut self) {
        if self.renewal.is_some() {
            return;
        }
        let Some(failure) = self.shared.producers.current().failure() else { return };
        let pause = match failure.is_passing() {
            true => Duration::ZERO,
            false => self.shared.settings.retry.short_interval,
        };
        self.renewal = Some(Instant::now() + pause);
        self.fail_all(&failure);
    }

    /// Puts another producer in its place.
    fn renew_producer(&mut self) {
        self.renewal = None;
        for it in &self.channels {
            it.channel.hold();
        }
        match Producer::start(&self.shared.settings, &self.shared.listener) {
            // What the old one has is answered before anything is sent behind it.
            Ok(new) => drop(self.shared.producers.replace(new)),
            Err(_) => self.renewal = Some(Instant::now() + self.shared.settings.retry.short_interval),
        }
        for it in &mut self.channels {
            if it.phase == Phase::Greeting {
                it.phase = Phase::New;
            }
            it.next = Some(Instant::now());
        }
    }

    fn fail_all(&mut self, failure: &Failure) {
        let mut channels = std::mem::take(&mut self.channels);
        for it in &mut channels {
            self.fail(it, Cause::new(failure.clone()), failure.is_passing());
        }
        self.channels = channels;
    }

    fn close(self) {
        let producer = self.shared.producers.current();
        while let Ok(event) = self.events.try_recv() {
            if let Event::Channel(channel) = event {
                channel.close(&producer);
            }
        }
        for it in &self.channels {
            it.channel.close(&producer);
        }
        // Nothing comes of waiting for brokers that do not work.
        let is_working = self.channels.iter().any(|it| it.failing.is_none());
        let patience = if is_working { self.shared.settings.append_timeout } else { Duration::ZERO };
        producer.finish(patience);
        self.shared.tick.send_modify(|ticks| *ticks = ticks.wrapping_add(1));
    }
}

fn identity_of(cluster: &str) -> LogIdentity {
    LogIdentity { kind: LogKind::Kafka, id: cluster.to_owned() }
}

/// It works.
fn serve(it: &mut Watched, log: LogIdentity, producer: &Producer) {
    it.phase = Phase::Serving;
    it.failing = None;
    it.cause = None;
    it.next = None;
    it.channel.open(log, producer);
}
