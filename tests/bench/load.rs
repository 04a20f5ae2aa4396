//! The library's load, as the benchmarks use it: against a node that takes everything.

use std::future::pending;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use raddle::client::{Client, Patience, message};
use raddle::identity::Signer;
use raddle::load::{End, Load as Streams, Measured, Plan, Pool, Recorder, run};
use raddle_core::ids::ChannelId;
use raddle_proto::common::{self, HeaderType};

pub const STREAMS: usize = 8;
pub const IN_FLIGHT: usize = 64;

/// An answer: when its envelope was sent, and when it came.
pub struct Answered {
    sent: Instant,
    at: Instant,
}

/// All answers of a stream.
#[derive(Default)]
struct All(Vec<Answered>);

/// Streams at work.
pub struct Load(Streams<All>);

/// What came of them, stream by stream.
pub struct Answers(Vec<Vec<Answered>>);

impl Recorder for All {
    fn answered(&mut self, sent: Instant, at: Instant) {
        self.0.push(Answered { sent, at });
    }
}

/// An envelope for the channel of a generated network.
pub fn envelope(signer: &Signer, channel: &str, data_bytes: usize) -> common::Envelope {
    let (channel, data) = (ChannelId(channel.into()), vec![b'x'; data_bytes]);
    message(&signer.envelope(&channel, HeaderType::Message, data, SystemTime::now()).unwrap())
}

async fn connect(address: &str, streams: usize) -> Vec<Client> {
    let mut clients = Vec::new();
    for _ in 0..streams {
        clients.push(Client::connect(address, Patience::default()).await.unwrap());
    }
    clients
}

/// Keeps so many streams full, or sends at a rate; what was measured behind the warm-up. All is taken.
pub async fn measure(
    address: &str,
    envelopes: &[common::Envelope],
    (streams, in_flight): (usize, usize),
    rate: Option<f64>,
    (warm_up, time): (Duration, Duration),
) -> Measured {
    let clients = connect(address, streams).await;
    let pool = Arc::new(Pool::of(envelopes.to_vec()).unwrap());
    let plan = Plan { streams, in_flight, rate, warm_up, end: End::After(time) };
    let measured = run(&clients, &pool, &plan, None, pending(), |_| {}).await.unwrap();
    for stream in &measured.streams {
        let is_well = stream.refused.is_empty() && stream.broken.is_none();
        assert!(is_well, "{:?} {:?}", stream.first_refusal, stream.broken);
    }
    measured
}

/// A second.
pub fn rate(measured: &Measured) -> f64 {
    measured.taken as f64 / measured.elapsed.as_secs_f64()
}

impl Load {
    /// Sends the same envelope again and again, to a node that takes it.
    pub async fn start(address: &str, envelope: &common::Envelope) -> Self {
        let clients = connect(address, STREAMS).await;
        let pool = Arc::new(Pool::of(vec![envelope.clone()]).unwrap());
        let end = End::After(Duration::MAX);
        let plan = Plan { streams: STREAMS, in_flight: IN_FLIGHT, rate: None, warm_up: Duration::ZERO, end };
        let recorders = (0..STREAMS).map(|_| All::default());
        Self(Streams::start(&clients, &pool, &plan, Instant::now(), recorders).unwrap())
    }

    pub async fn stop(mut self) -> Answers {
        self.0.stop();
        let streams = self.0.finish().await.unwrap();
        let answers = streams.into_iter().map(|stream| {
            let is_well = stream.refused.is_empty() && stream.broken.is_none();
            assert!(is_well, "{:?} {:?}", stream.first_refusal, stream.broken);
            stream.recorder.0
        });
        Answers(answers.collect())
    }
}

impl Answers {
    /// The longest time that any stream waited between two answers, the second of which came between two moments.
    pub fn longest_gap(&self, from: Instant, to: Instant) -> Duration {
        let gaps = self.0.iter().flat_map(|stream| stream.windows(2));
        let gaps = gaps.filter(|pair| (from..to).contains(&pair[1].at));
        gaps.map(|pair| pair[1].at - pair[0].at).max().unwrap()
    }

    /// How long answers took that came between two moments, in ascending order.
    pub fn latencies(&self, from: Instant, to: Instant) -> Vec<Duration> {
        let answers = self.0.iter().flatten().filter(|answer| (from..to).contains(&answer.at));
        let mut latencies: Vec<_> = answers.map(|answer| answer.at - answer.sent).collect();
        latencies.sort_unstable();
        latencies
    }
}
