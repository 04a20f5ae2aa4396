//! Broadcast over loopback, from a client's stream to a durable record and back, while blocks are made of the records.
//!
//! Client, server, filters, log and ledger are one process, so CPU an envelope includes the client's. The
//! envelope is a recorded one, of 1 KB, with a real identity and signature.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use prost::Message as _;
use raddle::identity::Signer;
use raddle::logs::Mapping;
use raddle::node::{NoObserver, NodeSettings};
use raddle::orderer::{Orderer, OrdererSettings};
use raddle_proto::common;
use raddle_rules::artifact::CompileWorker;
use raddle_serve::client::AtomicBroadcastClient;
use raddle_serve::server::ServerSettings;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::transport::Endpoint;

const GENESIS: &[u8] = include_bytes!("../golden/fabric-2.5/mychannel.block");
const IDENTITY: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden/identity");
const CASES: &[u8] = include_bytes!("../golden/fabric-2.5/broadcast-cases.json");

/// How long each line is measured.
pub const MEASURED: Duration = Duration::from_secs(3);

/// Prints a line for each number of streams and of envelopes in flight on each.
pub fn all() {
    println!(
        "\n{:<24} {:>14} {:>16} {:>10} {:>10}",
        "streams × in flight", "envelopes a s", "CPU µs/envelope", "p50 ms", "p99 ms"
    );
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    for (streams, in_flight) in [(1, 1), (1, 64), (8, 64)] {
        let figures = runtime.block_on(measure(Mapping::Local, streams, in_flight));
        figures.print(&format!("{streams} × {in_flight}"));
    }
}

/// What was measured of one way to send.
pub struct Figures {
    pub per_second: f64,
    pub cpu_us: f64,
    pub p50_ms: f64,
    pub p99_ms: f64,
}

impl Figures {
    /// `waits` are how long each answer took, `used` what all of them cost.
    pub fn of(mut waits: Vec<Duration>, elapsed: Duration, used: Duration) -> Self {
        waits.sort();
        let count = waits.len() as f64;
        let at = |share: f64| waits[(count * share) as usize].as_secs_f64() * 1e3;
        Self {
            per_second: count / elapsed.as_secs_f64(),
            cpu_us: used.as_secs_f64() * 1e6 / count,
            p50_ms: at(0.5),
            p99_ms: at(0.99),
        }
    }

    pub fn print(&self, name: &str) {
        let Self { per_second, cpu_us, p50_ms, p99_ms } = self;
        println!("{name:<24} {per_second:>14.0} {cpu_us:>16.1} {p50_ms:>10.2} {p99_ms:>10.2}");
    }
}

/// An orderer whose channel has this log, and so many clients.
pub async fn measure(logs: Mapping, streams: usize, in_flight: usize) -> Figures {
    let folder = tempfile::tempdir().unwrap();
    let orderer = Orderer::start(OrdererSettings {
        folder: folder.path().to_owned(),
        listen: "127.0.0.1:0".parse().unwrap(),
        genesis: vec![Bytes::from_static(GENESIS)],
        logs,
        signer: Arc::new(Signer::from_msp_dir("OrdererMSP", Path::new(IDENTITY)).unwrap()),
        observer: Arc::new(NoObserver),
        worker: CompileWorker::new(env!("CARGO_BIN_EXE_raddle"), ["compile-worker"]),
        node: NodeSettings::default(),
        server: ServerSettings::default(),
    });
    let orderer = orderer.await.unwrap();
    let endpoint = format!("http://{}", orderer.address());

    let cpu_before = cpu();
    let start = Instant::now();
    let clients: Vec<_> =
        (0..streams).map(|_| tokio::spawn(client(endpoint.clone(), in_flight, start + MEASURED))).collect();
    let mut waits = Vec::new();
    for client in clients {
        waits.extend(client.await.unwrap());
    }
    let (elapsed, used) = (start.elapsed(), cpu() - cpu_before);
    orderer.stop().await.unwrap();
    Figures::of(waits, elapsed, used)
}

/// Keeps `in_flight` envelopes on their way until `end`; answers how long each took.
async fn client(endpoint: String, in_flight: usize, end: Instant) -> Vec<Duration> {
    let envelope = common::Envelope::decode(envelope().as_slice()).unwrap();
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
        waits.push(sent.pop_front().unwrap().elapsed());
        if Instant::now() >= end {
            break;
        }
        sent.push_back(Instant::now());
        sender.send(envelope.clone()).await.unwrap();
    }
    waits
}

/// The recorded envelope.
pub fn envelope() -> Vec<u8> {
    let cases: Vec<serde_json::Value> = serde_json::from_slice(CASES).unwrap();
    let case = cases.iter().find(|case| case["name"] == "message-ok").unwrap();
    STANDARD.decode(case["envelope"].as_str().unwrap()).unwrap()
}

/// What this process has used of the processors. (Linux.)
pub fn cpu() -> Duration {
    ticks(&std::fs::read_to_string("/proc/self/stat").unwrap())
}

/// Processor time in a process's `stat`; a hundredth of a second is exact enough for seconds.
pub fn ticks(stat: &str) -> Duration {
    let fields: Vec<&str> = stat.rsplit_once(')').unwrap().1.split_whitespace().collect();
    let ticks: u64 = fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap();
    Duration::from_millis(ticks * 10)
}
