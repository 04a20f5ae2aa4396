//! A load generator for any orderer of Fabric's: what `raddle load` and the benchmarks send with.
//!
//! - [`Pool`]: envelopes that were signed before anything is measured
//! - [`Plan`]: streams, what is in flight on each, closed loop or a rate, warm-up and end
//! - [`Load`]: streams at work; a [`Recorder`] of each is told of every answer
//! - [`run`]: the whole of a measurement, with [`Meter`]s as recorders
//!
//! In a closed loop each answer makes room for one more envelope, so an orderer that stalls is sent less and looks
//! better than it is. With a rate the time of each envelope is fixed beforehand, and its latency counts from that time
//! on, sent late or not.

mod blocks;
mod meter;
#[cfg(test)]
mod model;
mod pace;
mod pool;
mod stream;

use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use nix::sys::resource::{UsageWho, getrusage};
use tokio::sync::Notify;
use tokio::task::JoinSet;

pub use blocks::{Blocks, InBlocks, Tracker};
pub use meter::{Latencies, Meter};
pub use pool::{PlannedSize, Pool, PoolError};
pub use stream::{Finished, Recorder};

use crate::client::Client;
use pace::Pacer;
use stream::Sender;

/// An orderer that has taken nothing and refused so many is not asked further.
const REFUSED_MAX: u64 = 100;

/// How envelopes are sent.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Plan {
    /// Streams, at least one.
    pub streams: usize,
    /// Envelopes on their way on each, at most; at least one.
    pub in_flight: usize,
    /// Envelopes a second of all streams together; none: each answer makes room for the next.
    pub rate: Option<f64>,
    /// How long envelopes are sent before any counts.
    pub warm_up: Duration,
    /// When it ends.
    pub end: End,
}

/// When a load ends.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum End {
    /// So long after the warm-up.
    After(Duration),
    /// When so many envelopes that count are answered.
    Count(u64),
}

/// What streams share.
#[derive(Default)]
struct Shared {
    is_stopped: AtomicBool,
    taken: AtomicU64,
    refused: AtomicU64,
}

/// Streams at work. Dropping it ends them.
pub struct Load<R> {
    shared: Arc<Shared>,
    streams: JoinSet<(usize, Finished<R>)>,
    finished: Vec<(usize, Finished<R>)>,
    pacer: Option<Pacer>,
}

/// Something of the load's own went wrong.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LoadError {
    /// A stream's task ended otherwise than by its work.
    #[error("a stream of the load ended: {0}")]
    Task(#[from] tokio::task::JoinError),
    /// No place for latencies can be made.
    #[error("no histogram can be made: {0}")]
    Histogram(#[from] hdrhistogram::CreationError),
    /// The system gives no thread.
    #[error("the system gives no thread: {0}")]
    Thread(#[from] std::io::Error),
}

// === impl Plan ===

impl Plan {
    /// How many envelopes that count the stream of this index sends; none without a count.
    fn share(&self, stream: usize) -> Option<u64> {
        let End::Count(count) = self.end else { return None };
        let streams = self.streams.max(1) as u64;
        Some(count / streams + u64::from((stream as u64) < count % streams))
    }

    /// How many envelopes it takes in all at most, where that is known.
    #[must_use]
    pub fn envelopes(&self) -> Option<u64> {
        // The last of each stream may be due just before the end is noticed.
        let late = |rate: f64| 0.1 * rate + self.streams as f64;
        let by_rate = |time: Duration, rate: f64| (time.as_secs_f64() * rate + late(rate)).ceil() as u64;
        match (self.end, self.rate) {
            (End::Count(count), None) if self.warm_up.is_zero() => Some(count),
            (End::Count(count), Some(rate)) => Some(count.saturating_add(by_rate(self.warm_up, rate))),
            (End::After(time), Some(rate)) => Some(by_rate(self.warm_up.saturating_add(time), rate)),
            _ => None,
        }
    }
}

// === impl Load ===

impl<R: Recorder> Load<R> {
    /// Begins to send from the pool: a stream for each recorder, on these connections in turn. Must be called within
    /// tokio. Envelopes count that are sent, or are to be sent, at `from` or later.
    ///
    /// # Errors
    ///
    /// The system gives no thread for the pace.
    pub fn start(
        clients: &[Client],
        pool: &Arc<Pool>,
        plan: &Plan,
        from: Instant,
        recorders: impl IntoIterator<Item = R>,
    ) -> Result<Self, LoadError> {
        let (shared, begun) = (Arc::new(Shared::default()), Instant::now());
        let interval = plan.rate.map(|rate| Duration::from_secs_f64(1.0 / rate));
        let mut streams = JoinSet::new();
        let mut dues = Vec::new();
        for ((index, recorder), client) in recorders.into_iter().enumerate().zip(clients.iter().cycle()) {
            let due = Arc::new(Notify::new());
            dues.push(Arc::clone(&due));
            let sender = Sender {
                client: client.clone(),
                pool: Arc::clone(pool),
                shared: Arc::clone(&shared),
                in_flight: plan.in_flight.max(1),
                index,
                streams: plan.streams.max(1),
                sent: 0,
                left: plan.share(index),
                from,
                pace: interval.map(|interval| pace::Pace { begun, interval, due }),
                recorder,
            };
            streams.spawn(async move { (index, sender.run().await) });
        }
        let pacer = interval.map(|interval| Pacer::start(begun, interval, dues)).transpose()?;
        Ok(Self { shared, streams, finished: Vec::new(), pacer })
    }

    /// Sends no more.
    pub fn stop(&self) {
        self.shared.is_stopped.store(true, Ordering::Relaxed);
        if let Some(pacer) = &self.pacer {
            pacer.wake_all();
        }
    }

    /// How many envelopes were taken until now, the warm-up's included.
    #[must_use]
    pub fn taken(&self) -> u64 {
        self.shared.taken.load(Ordering::Relaxed)
    }

    /// Waits until every stream has ended; answers them in order. The first that breaks ends the others. Nothing is
    /// lost if this is given up and called again.
    ///
    /// # Errors
    ///
    /// A stream's task panicked.
    pub async fn finish(&mut self) -> Result<Vec<Finished<R>>, LoadError> {
        while let Some(outcome) = self.streams.join_next().await {
            let (index, stream) = outcome?;
            if stream.broken.is_some() {
                self.stop();
            }
            self.finished.push((index, stream));
        }
        self.finished.sort_by_key(|(index, _)| *index);
        Ok(std::mem::take(&mut self.finished).into_iter().map(|(_, stream)| stream).collect())
    }
}

/// What came of a load.
#[derive(Debug)]
pub struct Measured {
    /// How long envelopes counted.
    pub elapsed: Duration,
    /// Answered SUCCESS within that time.
    pub taken: u64,
    /// From the time that an envelope was sent, or was to be sent, to its answer.
    pub latencies: Latencies,
    /// What each stream came to.
    pub streams: Vec<Finished<()>>,
    /// Processor time of this process within that time.
    pub cpu: Option<Duration>,
    /// How long envelopes were sent, the warm-up included, when it was to end before its time.
    pub interrupted: Option<Duration>,
}

/// Runs a load to its end, or until `interrupt` comes: then no more is sent, and what is on its way is waited for.
/// `tell` is told now and then how much of it is done: of all envelopes, or of all time in milliseconds.
///
/// # Errors
///
/// [`LoadError`]. What an orderer does is no error but stands in what each stream came to.
pub async fn run(
    clients: &[Client],
    pool: &Arc<Pool>,
    plan: &Plan,
    tracker: Option<&Arc<Tracker>>,
    interrupt: impl Future<Output = ()>,
    mut tell: impl FnMut(u64),
) -> Result<Measured, LoadError> {
    let begun = Instant::now();
    let from = begun + plan.warm_up;
    let until = match plan.end {
        End::After(time) => Some(from + time),
        End::Count(_) => None,
    };
    let mut meters = Vec::new();
    for _ in 0..plan.streams {
        meters.push(Meter::new(from, until, tracker.map(Arc::clone))?);
    }
    let mut load = Load::start(clients, pool, plan, from, meters)?;
    let mut cpu_before = None;
    let mut cpu_used = None;
    let mut ticks = tokio::time::interval(Duration::from_millis(50));
    let (mut interrupt, mut interrupted) = (pin!(interrupt), None);
    let finished = loop {
        tokio::select! {
            finished = load.finish() => break finished?,
            () = &mut interrupt, if interrupted.is_none() => {
                interrupted = Some(begun.elapsed());
                load.stop();
            }
            _ = ticks.tick() => {}
        }
        let now = Instant::now();
        if now >= from && cpu_before.is_none() {
            cpu_before = Some(cpu());
        }
        match until {
            Some(until) if now >= until => {
                if cpu_used.is_none() {
                    cpu_used = cpu_before.map(|before| cpu().saturating_sub(before));
                }
                load.stop();
            }
            Some(_) => tell(u64::try_from((now - begun).as_millis()).unwrap_or(u64::MAX)),
            None => tell(load.taken()),
        }
    };
    let cpu = cpu_used.or_else(|| cpu_before.map(|before| cpu().saturating_sub(before)));
    // One that ended before its time has measured for less.
    let ended = Instant::now();
    Ok(Measured { interrupted, ..measured(finished, from, until.map(|until| until.min(ended)), cpu)? })
}

fn measured(
    finished: Vec<Finished<Meter>>,
    from: Instant,
    until: Option<Instant>,
    cpu: Option<Duration>,
) -> Result<Measured, hdrhistogram::CreationError> {
    let mut latencies = Latencies::new()?;
    let (mut taken, mut last, mut streams) = (0, from, Vec::new());
    for stream in finished {
        let (meter, rest) = stream.split();
        latencies.add(&meter.latencies);
        taken += meter.taken;
        last = last.max(meter.last.unwrap_or(from));
        streams.push(rest);
    }
    Ok(Measured {
        elapsed: until.unwrap_or(last).saturating_duration_since(from),
        taken,
        latencies,
        streams,
        cpu,
        interrupted: None,
    })
}

/// What this process has used of the processors.
pub(crate) fn cpu() -> Duration {
    let Ok(usage) = getrusage(UsageWho::RUSAGE_SELF) else { return Duration::ZERO };
    let time = |value: nix::sys::time::TimeVal| {
        Duration::new(value.tv_sec().unsigned_abs(), 0)
            + Duration::from_micros(value.tv_usec().unsigned_abs())
    };
    time(usage.user_time()) + time(usage.system_time())
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLAN: Plan =
        Plan { streams: 3, in_flight: 2, rate: None, warm_up: Duration::ZERO, end: End::Count(8) };

    #[test]
    fn a_count_is_shared_among_the_streams_to_the_last_envelope() {
        let shares: Vec<_> = (0..3).map(|stream| PLAN.share(stream)).collect();
        assert_eq!(shares, [Some(3), Some(3), Some(2)]);
        let forever = Plan { end: End::After(Duration::from_secs(1)), ..PLAN };
        assert_eq!(forever.share(0), None);
    }

    #[test]
    fn how_many_envelopes_a_plan_takes_is_known_by_count_or_rate() {
        let (second, ten) = (Duration::from_secs(1), Duration::from_secs(10));
        let with = |rate, warm_up, end| Plan { rate, warm_up, end, ..PLAN }.envelopes();
        assert_eq!(with(None, Duration::ZERO, End::Count(8)), Some(8));
        assert_eq!(with(None, second, End::Count(8)), None);
        assert_eq!(with(Some(100.0), second, End::Count(8)), Some(121));
        assert_eq!(with(Some(100.0), second, End::After(ten)), Some(1_113));
        assert_eq!(with(None, second, End::After(ten)), None);
    }
}
