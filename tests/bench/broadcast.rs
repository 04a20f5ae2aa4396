//! Broadcast over loopback in one process, from a client's stream to a durable record in any log and back, while blocks
//! are made of the records.
//!
//! Client, server, filters, log and ledger are one process, so CPU an envelope includes the client's. The channel is a
//! generated one with the batches of Fabric's own profiles (500 envelopes, 2 MB), the envelope of 2 KB, with a real
//! identity and signature.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use prost::Message as _;
use raddle::identity::Signer;
use raddle::logs::Mapping;
use raddle::network::{DEV_CHANNEL, DevNetwork};
use raddle::node::{NoObserver, NodeSettings};
use raddle::orderer::{Orderer, OrdererSettings};
use raddle_proto::common;
use raddle_rules::artifact::CompileWorker;
use raddle_serve::server::ServerSettings;

use crate::load::{envelope, measure, rate};

/// What an envelope carries.
const DATA_BYTES: usize = 1200;

/// How long each line is measured.
pub const MEASURED: Duration = Duration::from_secs(4);

/// What was measured of one way to send.
pub struct Figures {
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
            per_second: count / elapsed.as_secs_f64(),
            cpu_us: used.as_secs_f64() * 1e6 / count,
            p50_ms: at(0.5),
            p99_ms: at(0.99),
            other_us: None,
        }
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
        let envelope = envelope(&client, DEV_CHANNEL, DATA_BYTES);
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
            operations: None,
        });
        let orderer = orderer.await.unwrap();
        let address = orderer.address().to_string();
        let other_used = async {
            let other = other?;
            tokio::time::sleep(warm).await;
            let before = cpu_of(other);
            tokio::time::sleep(MEASURED).await;
            Some(cpu_of(other) - before)
        };
        let envelopes = [self.envelope.clone()];
        let load = measure(&address, &envelopes, (streams, in_flight), None, (warm, MEASURED));
        let (measured, other_used) = tokio::join!(load, other_used);
        orderer.stop().await.unwrap();
        let count = measured.taken as f64;
        let ms = |share: f64| measured.latencies.at(share).as_secs_f64() * 1e3;
        let each = |used: Duration| used.as_secs_f64() * 1e6 / count;
        Figures {
            per_second: rate(&measured),
            cpu_us: each(measured.cpu.unwrap()),
            p50_ms: ms(0.5),
            p99_ms: ms(0.99),
            other_us: other_used.map(each),
        }
    }
}

/// What this process has used of the processors. (Linux.)
pub fn cpu() -> Duration {
    cpu_of("self")
}

/// What a process has used of them, by its name under `/proc`.
pub fn cpu_of(process: &str) -> Duration {
    ticks(&std::fs::read_to_string(format!("/proc/{process}/stat")).unwrap())
}

/// Processor time in a process's `stat`; a hundredth of a second is exact enough for seconds.
pub fn ticks(stat: &str) -> Duration {
    let fields: Vec<&str> = stat.rsplit_once(')').unwrap().1.split_whitespace().collect();
    let ticks: u64 = fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap();
    Duration::from_millis(ticks * 10)
}
