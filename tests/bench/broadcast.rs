//! Broadcast over loopback, from a client's stream to a durable record and back, while blocks are made of the records.
//!
//! Client, server, filters, log and ledger are one process, so CPU an envelope includes the client's. The channel is a
//! generated one with the batches of Fabric's own profiles (500 envelopes, 2 MB), the envelope of 2 KB, with a real
//! identity and signature.

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use prost::Message as _;
use raddle::identity::Signer;
use raddle::logs::Mapping;
use raddle::network::{DEV_CHANNEL, DevNetwork};
use raddle::node::{NoObserver, NodeSettings};
use raddle::orderer::{Orderer, OrdererSettings};
use raddle_proto::common;
use raddle_rules::artifact::CompileWorker;
use raddle_serve::client::AtomicBroadcastClient;
use raddle_serve::server::ServerSettings;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::transport::Endpoint;

use crate::load;

/// What an envelope carries.
const DATA_BYTES: usize = 1200;

/// How long the clients send before anything is measured.
const WARM: Duration = Duration::from_secs(2);

/// How long each line is measured.
pub const MEASURED: Duration = Duration::from_secs(4);

/// Prints a line for each number of streams and of envelopes in flight on each.
pub fn all() {
    println!(
        "\n{:<24} {:>14} {:>16} {:>10} {:>10}",
        "streams × in flight", "envelopes a s", "CPU µs/envelope", "p50 ms", "p99 ms"
    );
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let scene = Scene::new();
    for (streams, in_flight) in [(1, 1), (1, 64), (8, 1), (8, 64)] {
        let figures = runtime.block_on(scene.measure(Mapping::Local, streams, in_flight, WARM, None));
        figures.print(&format!("{streams} × {in_flight}"));
    }
}

/// What was measured of one way to send.
pub struct Figures {
    pub count: usize,
    pub per_second: f64,
    pub cpu_us: f64,
    pub p50_ms: f64,
    pub p99_ms: f64,
    /// What each cost the other process that was looked at.
    pub other_us: Option<f64>,
}

impl Figures {
    /// `waits` are how long each answer took, `used` what all of them cost.
    pub fn of(mut waits: Vec<Duration>, elapsed: Duration, used: Duration) -> Self {
        waits.sort();
        let count = waits.len() as f64;
        let at = |share: f64| waits[(count * share) as usize].as_secs_f64() * 1e3;
        Self {
            count: waits.len(),
            per_second: count / elapsed.as_secs_f64(),
            cpu_us: used.as_secs_f64() * 1e6 / count,
            p50_ms: at(0.5),
            p99_ms: at(0.99),
            other_us: None,
        }
    }

    pub fn print(&self, name: &str) {
        let Self { per_second, cpu_us, p50_ms, p99_ms, .. } = self;
        let other = self.other_us.map(|it| format!(" {it:>16.1}")).unwrap_or_default();
        println!("{name:<24} {per_second:>14.0} {cpu_us:>16.1} {p50_ms:>10.2} {p99_ms:>10.2}{other}");
    }
}

/// A network, and an envelope for its channel.
pub struct Scene {
    network: DevNetwork,
    envelope: common::Envelope,
    _folder: tempfile::TempDir,
}

impl Scene {
    pub fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("network");
        let network = DevNetwork::generate(&path, "127.0.0.1:7050", SystemTime::now()).unwrap();
        let (msp_id, msp_dir) = network.client();
        let client = Signer::from_msp_dir(msp_id, &msp_dir).unwrap();
        let envelope = load::envelope(&client, DEV_CHANNEL, DATA_BYTES);
        Self { network, envelope, _folder: folder }
    }

    /// The envelope's bytes.
    pub fn envelope(&self) -> Vec<u8> {
        self.envelope.encode_to_vec()
    }

    /// An orderer whose channel has this log, and so many clients, which send for a while before anything is measured.
    /// `other` is a process whose time is measured along.
    pub async fn measure(
        &self,
        logs: Mapping,
        streams: usize,
        in_flight: usize,
        warm: Duration,
        other: Option<&str>,
    ) -> Figures {
        let folder = tempfile::tempdir().unwrap();
        let (msp_id, msp_dir) = self.network.orderer();
        let orderer = Orderer::start(OrdererSettings {
            folder: folder.path().to_owned(),
            listen: "127.0.0.1:0".parse().unwrap(),
            tls: None,
            genesis: vec![self.network.genesis().clone()],
            logs,
            signer: Arc::new(Signer::from_msp_dir(msp_id, &msp_dir).unwrap()),
            observer: Arc::new(NoObserver),
            worker: CompileWorker::new(env!("CARGO_BIN_EXE_raddle"), ["compile-worker"]),
            node: NodeSettings::default(),
            server: ServerSettings::default(),
            admin: None,
        });
        let orderer = orderer.await.unwrap();
        let endpoint = format!("http://{}", orderer.address());

        let start = Instant::now() + warm;
        let clients: Vec<_> = (0..streams)
            .map(|_| tokio::spawn(client(endpoint.clone(), self.envelope.clone(), in_flight, start)))
            .collect();
        tokio::time::sleep_until(start.into()).await;
        let (cpu_before, other_before) = (cpu(), other.map(cpu_of));
        let mut waits = Vec::new();
        for client in clients {
            waits.extend(client.await.unwrap());
        }
        let (elapsed, used) = (start.elapsed(), cpu() - cpu_before);
        let other_used = other.map(cpu_of).zip(other_before).map(|(after, before)| after - before);
        orderer.stop().await.unwrap();
        let figures = Figures::of(waits, elapsed, used);
        let other_us = other_used.map(|used| used.as_secs_f64() * 1e6 / figures.count as f64);
        Figures { other_us, ..figures }
    }
}

/// Keeps `in_flight` envelopes on their way until the measured time is over; answers how long each took that was
/// answered within it.
async fn client(
    endpoint: String,
    envelope: common::Envelope,
    in_flight: usize,
    start: Instant,
) -> Vec<Duration> {
    let channel = Endpoint::from_shared(endpoint).unwrap().tcp_nodelay(true).connect().await.unwrap();
    let (sender, receiver) = mpsc::channel(in_flight);
    for _ in 0..in_flight {
        sender.send(envelope.clone()).await.unwrap();
    }
    let mut client = AtomicBroadcastClient::new(channel);
    let mut answers = client.broadcast(ReceiverStream::new(receiver)).await.unwrap().into_inner();
    let mut sent: std::collections::VecDeque<Instant> = vec![Instant::now(); in_flight].into();
    let mut waits = Vec::new();
    while let Some(answer) = answers.message().await.unwrap() {
        assert_eq!(answer.status, 200, "{}", answer.info);
        let (wait, now) = (sent.pop_front().unwrap().elapsed(), Instant::now());
        if now >= start {
            waits.push(wait);
        }
        if now >= start + MEASURED {
            break;
        }
        sent.push_back(Instant::now());
        sender.send(envelope.clone()).await.unwrap();
    }
    waits
}

/// What this process has used of the processors. (Linux.)
pub fn cpu() -> Duration {
    cpu_of("self")
}

/// What a process has used of them, by its name under `/proc`.
fn cpu_of(process: &str) -> Duration {
    ticks(&std::fs::read_to_string(format!("/proc/{process}/stat")).unwrap())
}

/// Processor time in a process's `stat`; a hundredth of a second is exact enough for seconds.
pub fn ticks(stat: &str) -> Duration {
    let fields: Vec<&str> = stat.rsplit_once(')').unwrap().1.split_whitespace().collect();
    let ticks: u64 = fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap();
    Duration::from_millis(ticks * 10)
}
