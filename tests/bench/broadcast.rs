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
const MEASURED: Duration = Duration::from_secs(3);

/// Prints a line for each number of streams and of envelopes in flight on each.
pub fn all() {
    println!(
        "\n{:<24} {:>14} {:>16} {:>10}",
        "streams × in flight", "envelopes a s", "CPU µs/envelope", "p50 ms"
    );
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    for (streams, in_flight) in [(1, 1), (1, 64), (8, 64)] {
        runtime.block_on(measure(streams, in_flight));
    }
}

async fn measure(streams: usize, in_flight: usize) {
    let folder = tempfile::tempdir().unwrap();
    let orderer = Orderer::start(OrdererSettings {
        folder: folder.path().to_owned(),
        listen: "127.0.0.1:0".parse().unwrap(),
        genesis: vec![Bytes::from_static(GENESIS)],
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
    let elapsed = start.elapsed().as_secs_f64();
    let used = cpu() - cpu_before;
    orderer.stop().await.unwrap();
    waits.sort();
    println!(
        "{:<24} {:>14.0} {:>16.0} {:>10.2}",
        format!("{streams} × {in_flight}"),
        waits.len() as f64 / elapsed,
        used.as_secs_f64() * 1e6 / waits.len() as f64,
        waits[waits.len() / 2].as_secs_f64() * 1e3
    );
}

/// Keeps `in_flight` envelopes on their way until `end`; answers how long each took.
async fn client(endpoint: String, in_flight: usize, end: Instant) -> Vec<Duration> {
    let cases: Vec<serde_json::Value> = serde_json::from_slice(CASES).unwrap();
    let case = cases.iter().find(|case| case["name"] == "message-ok").unwrap();
    let bytes = STANDARD.decode(case["envelope"].as_str().unwrap()).unwrap();
    let envelope = common::Envelope::decode(bytes.as_slice()).unwrap();
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

/// What this process has used of the processors. (Linux.)
fn cpu() -> Duration {
    ticks(&std::fs::read_to_string("/proc/self/stat").unwrap())
}

/// Processor time in a process's `stat`; a hundredth of a second is exact enough for seconds.
pub fn ticks(stat: &str) -> Duration {
    let fields: Vec<&str> = stat.rsplit_once(')').unwrap().1.split_whitespace().collect();
    let ticks: u64 = fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap();
    Duration::from_millis(ticks * 10)
}
