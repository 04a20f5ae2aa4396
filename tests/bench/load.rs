//! Streams that are always full, and when each of their answers came.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant, SystemTime};

use raddle::client::{Answer, Client, Patience, message};
use raddle::identity::Signer;
use raddle_core::ids::ChannelId;
use raddle_proto::common::{self, HeaderType};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio_stream::wrappers::ReceiverStream;

pub const STREAMS: usize = 8;
pub const IN_FLIGHT: usize = 64;

/// An answer: when its envelope was sent, and when it came.
pub struct Answered {
    sent: Instant,
    at: Instant,
}

/// Streams at work.
pub struct Load {
    stop: Arc<AtomicBool>,
    streams: Vec<JoinHandle<Vec<Answered>>>,
}

/// What came of them, stream by stream.
pub struct Answers(Vec<Vec<Answered>>);

/// An envelope for the channel of a generated network.
pub fn envelope(signer: &Signer, channel: &str, data_bytes: usize) -> common::Envelope {
    let (channel, data) = (ChannelId(channel.into()), vec![b'x'; data_bytes]);
    message(&signer.envelope(&channel, HeaderType::Message, data, SystemTime::now()).unwrap())
}

impl Load {
    /// Sends the same envelope again and again, to a node that takes it.
    pub fn start(address: &str, envelope: &common::Envelope) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let start = |_| tokio::spawn(stream(address.to_owned(), envelope.clone(), Arc::clone(&stop)));
        let streams = (0..STREAMS).map(start).collect();
        Self { stop, streams }
    }

    pub async fn stop(self) -> Answers {
        self.stop.store(true, Ordering::Relaxed);
        let mut answers = Vec::new();
        for stream in self.streams {
            answers.push(stream.await.unwrap());
        }
        Answers(answers)
    }
}

async fn stream(address: String, envelope: common::Envelope, stop: Arc<AtomicBool>) -> Vec<Answered> {
    let client = Client::connect(&address, Patience::default()).await.unwrap();
    let (queue, envelopes) = mpsc::channel(IN_FLIGHT);
    let mut answers = client.broadcast(ReceiverStream::new(envelopes));
    let (mut owed, mut answered) = (VecDeque::new(), Vec::new());
    while !stop.load(Ordering::Relaxed) {
        while owed.len() < IN_FLIGHT {
            owed.push_back(Instant::now());
            queue.send(envelope.clone()).await.unwrap();
        }
        assert_eq!(answers.next().await.unwrap(), Some(Answer::Taken));
        answered.push(Answered { sent: owed.pop_front().unwrap(), at: Instant::now() });
    }
    answered
}

impl Answers {
    pub fn count(&self) -> usize {
        self.0.iter().map(Vec::len).sum()
    }

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
