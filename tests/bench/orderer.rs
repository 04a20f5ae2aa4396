//! An orderer in a process of its own, its clients in this one, on the same processors: envelopes a second, and what
//! each costs the orderer.
//!
//! The channel is a generated one with the batches of Fabric's own profiles (500 envelopes, 2 MB); an envelope has
//! 2 KB, a real identity and a real signature; SUCCESS means that it is durable.

use std::cell::Cell;
use std::fs::File;
use std::os::unix::fs::FileExt as _;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use prost::Message as _;
use raddle::identity::Signer;
use raddle::load::{Latencies, Measured};
use raddle::network::{DEV_CHANNEL, DevNetwork};
use raddle_proto::common;
use tempfile::TempDir;
use tokio::runtime::Runtime;

use crate::broadcast::{cpu, cpu_of};
use crate::load::{envelope, measure, rate};
use crate::process::Node;
use crate::table::{Row, Table};
use crate::{null, standard};

/// What an envelope carries, so that all of it has 2 KB.
pub const DATA_BYTES: usize = 1200;

/// Before anything is measured, and while it is.
const WARM: Duration = Duration::from_millis(1_000);
const MEASURED: Duration = Duration::from_millis(2_000);

const ROUNDS: usize = 3;

/// Streams, what is in flight on each, and what a Go orderer, solo, does a second on such a machine (another day).
const SHAPES: [(usize, usize, f64); 4] =
    [(1, 1, 2_486.0), (1, 64, 3_973.0), (8, 1, 5_410.0), (8, 64, 7_763.0)];

/// A node, and an envelope for its channel.
pub struct Site {
    pub node: Node,
    pub client: Signer,
    pub envelope: common::Envelope,
    folder: TempDir,
}

impl Site {
    pub fn start() -> Self {
        let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
        let path = folder.path().join("state");
        let node = Node::start(&path);
        let network = DevNetwork::read(&path.join("network")).unwrap();
        let (msp_id, msp_dir) = network.client();
        let client = Signer::from_msp_dir(msp_id, &msp_dir).unwrap();
        let envelope = envelope(&client, DEV_CHANNEL, DATA_BYTES);
        Self { node, client, envelope, folder }
    }

    /// The same beside other channels that were made before.
    pub fn start_on(folder: TempDir) -> Self {
        let node = Node::start(folder.path());
        let network = DevNetwork::read(&folder.path().join("network")).unwrap();
        let (msp_id, msp_dir) = network.client();
        let client = Signer::from_msp_dir(msp_id, &msp_dir).unwrap();
        let envelope = envelope(&client, DEV_CHANNEL, DATA_BYTES);
        Self { node, client, envelope, folder }
    }
}

/// One thread for all clients, as `raddle load` has it.
pub fn clients() -> Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap()
}

/// A load, and what the node has used of the processors for each envelope, in microseconds.
pub async fn measure_with_cpu(
    node: &Node,
    envelopes: &[common::Envelope],
    shape: (usize, usize),
    (warm, time): (Duration, Duration),
) -> (Measured, f64) {
    let process = node.id().to_string();
    let used = async {
        tokio::time::sleep(warm).await;
        let before = cpu_of(&process);
        tokio::time::sleep(time).await;
        cpu_of(&process) - before
    };
    let (measured, used) = tokio::join!(measure(&node.address, envelopes, shape, None, (warm, time)), used);
    let us = used.as_secs_f64() * 1e6 / measured.taken as f64;
    (measured, us)
}

/// Rows for each shape, and what the load itself costs.
pub fn all(table: &mut Table) {
    let site = Site::start();
    let runtime = clients();
    let envelopes = [site.envelope.clone()];
    let append = Append::new(&site, site.envelope.encoded_len());
    for (streams, in_flight, go) in SHAPES {
        let shape = format!("{streams} × {in_flight}");
        let (mut rates, mut costs, mut checks) = (Vec::new(), Vec::new(), Vec::new());
        let (mut appends, mut p99) = (Vec::new(), Vec::new());
        for _ in 0..ROUNDS {
            let load = measure_with_cpu(&site.node, &envelopes, (streams, in_flight), (WARM, MEASURED));
            let (measured, cpu_us) = runtime.block_on(load);
            rates.push(rate(&measured));
            costs.push(cpu_us);
            p99.push(ms(&measured.latencies, 0.99));
            checks.push(verification_us());
            appends.push(append.rate());
        }
        let what = format!("envelopes a second, {shape}, durable");
        table.push(match (streams, in_flight) {
            (1, 1) => Row::beside_rounds(what, rates, "/s", "append + fdatasync of 2 KB", appends),
            _ => Row::of(what, rates, "/s").beside("Go orderer, solo, another day", go),
        });
        table.push(Row::of(format!("p99 of answers, {shape}"), p99, "ms"));
        let what = format!("orderer's CPU, {shape}, 2 KB");
        table.push(Row::beside_rounds(what, costs, "µs", "one P-256 verification", checks));
    }
    crate::deliver::from_disk(table, &site.node.address, &site.client);
    own_cost(table, &runtime, &envelopes);
    assert_eq!(site.node.stop().status.code(), Some(0));
    drop(site.folder);
}

fn ms(latencies: &Latencies, share: f64) -> f64 {
    latencies.at(share).as_secs_f64() * 1e3
}

/// What one signature check takes of this thread's processor.
pub fn verification_us() -> f64 {
    let mut check = standard::verification();
    let before = cpu();
    let start = Instant::now();
    let mut units = 0;
    while start.elapsed() < Duration::from_millis(300) {
        (check.work)();
        units += check.units;
    }
    (cpu() - before).as_secs_f64() * 1e6 / units as f64
}

/// A file that records are appended to one by one, each synced.
struct Append {
    file: File,
    record: Vec<u8>,
    /// Where the next is appended: a place once written is cheaper to write again.
    end: Cell<u64>,
}

impl Append {
    fn new(site: &Site, bytes: usize) -> Self {
        let file = File::create(site.folder.path().join("appended")).unwrap();
        Self { file, record: vec![b'x'; bytes], end: Cell::new(0) }
    }

    fn rate(&self) -> f64 {
        let (start, mut count) = (Instant::now(), 0_u64);
        while start.elapsed() < Duration::from_secs(1) {
            let end = self.end.get();
            self.file.write_all_at(&self.record, end).unwrap();
            self.file.sync_data().unwrap();
            self.end.set(end + self.record.len() as u64);
            count += 1;
        }
        count as f64 / start.elapsed().as_secs_f64()
    }
}

/// What the load generator costs, against a server that answers SUCCESS at once.
fn own_cost(table: &mut Table, runtime: &Runtime, envelopes: &[common::Envelope]) {
    let (child, address) = null_server();
    for (streams, in_flight) in [(1, 1), (8, 64)] {
        let (mut costs, mut rates, mut checks) = (Vec::new(), Vec::new(), Vec::new());
        for _ in 0..ROUNDS {
            let time = (Duration::from_millis(500), MEASURED);
            let measured = runtime.block_on(measure(&address, envelopes, (streams, in_flight), None, time));
            costs.push(measured.cpu.unwrap().as_secs_f64() * 1e6 / measured.taken as f64);
            rates.push(rate(&measured));
            checks.push(verification_us());
        }
        let what = format!("raddle load itself, CPU, {streams} × {in_flight}");
        table.push(Row::beside_rounds(what, costs, "µs", "one P-256 verification", checks));
        table.push(Row::of(format!("raddle load, null server, {streams} × {in_flight}"), rates, "/s"));
    }
    drop(child);
}

/// A child that ends with its owner.
struct Ends(Child);

impl Drop for Ends {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn null_server() -> (Ends, String) {
    use std::io::BufRead as _;
    let mut command = Command::new(std::env::current_exe().unwrap());
    let mut child = command.arg(null::SERVE).stdout(Stdio::piped()).spawn().unwrap();
    let mut line = String::new();
    std::io::BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    (Ends(child), line.trim().to_owned())
}

// === memory ===

/// Rows for the node at rest, at work, and after many envelopes: a hundred thousand for each of `scale`.
pub fn memory(table: &mut Table, scale: u64) {
    let site = Site::start();
    let runtime = clients();
    let envelopes = [site.envelope.clone()];
    let mib = |what: &str| status_kib(&site.node, what) as f64 / 1024.0;
    table.push(Row::new("memory at rest", mib("VmRSS:"), "MiB"));
    let load = |time| measure(&site.node.address, &envelopes, (8, 64), None, (Duration::ZERO, time));
    runtime.block_on(load(Duration::from_secs(5)));
    table.push(Row::new("memory at 8 × 64, at most", mib("VmHWM:"), "MiB"));
    // The caches are full by now; what comes on top is growth.
    let mut points = vec![(0.0, mib("VmRSS:"))];
    let mut sent = 0;
    while sent < scale * 100_000 {
        sent += runtime.block_on(load(Duration::from_secs(2))).taken;
        points.push((sent as f64 / 1e6, mib("VmRSS:")));
    }
    let slope = slope(&points);
    let what = "memory, more for a million envelopes";
    table.push(Row::new(what, slope, "MiB"));
    assert_eq!(site.node.stop().status.code(), Some(0));
}

/// Of the line that lies nearest to the points.
pub fn slope(points: &[(f64, f64)]) -> f64 {
    let count = points.len() as f64;
    let mean = |part: fn(&(f64, f64)) -> f64| points.iter().map(part).sum::<f64>() / count;
    let (x, y) = (mean(|point| point.0), mean(|point| point.1));
    let above: f64 = points.iter().map(|point| (point.0 - x) * (point.1 - y)).sum();
    let below: f64 = points.iter().map(|point| (point.0 - x).powi(2)).sum();
    above / below
}

/// A line of the process's status, in KiB. (Linux.)
pub fn status_kib(node: &Node, what: &str) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", node.id())).unwrap();
    let line = status.lines().find(|line| line.starts_with(what)).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

// === identities ===

/// Rows for an orderer whose clients are one, a hundred or ten thousand identities.
pub fn identities(table: &mut Table) {
    use raddle::network::{
        ChannelDraft, OrdererOrganisation, Organisation, OrganisationNames, Role, Validity,
    };
    let folder = TempDir::new().unwrap();
    let now = SystemTime::now();
    let names = OrganisationNames::new("Org1", "Org1MSP", "org1.example.com");
    let org = Organisation::generate(names, Validity::ten_years(now)).unwrap();
    let mut draft = ChannelDraft::new(raddle_core::ids::ChannelId(DEV_CHANNEL.into()));
    let endpoints = vec!["127.0.0.1:7050".to_owned()];
    draft.orderers = vec![OrdererOrganisation { organisation: &org, endpoints }];
    draft.members = vec![&org];
    let genesis = draft.genesis(now).unwrap().encode_to_vec();
    std::fs::write(folder.path().join("genesis.block"), genesis).unwrap();
    let orderer = org.issue(Role::Orderer, "orderer", Validity::ten_years(now)).unwrap();
    org.write_identity(&orderer, &folder.path().join("msp")).unwrap();
    let arguments = ["--genesis", "genesis.block", "--msp-id", "Org1MSP", "--msp-dir", "msp"];
    let node = Node::start_in(folder.path(), &arguments);
    let runtime = clients();
    for count in [1, 100, 10_000] {
        let envelopes: Vec<_> = (0..count)
            .map(|number| {
                let user = org.issue(Role::Client, &format!("user{number}"), Validity::ten_years(now));
                envelope(&user.unwrap().signer().unwrap(), DEV_CHANNEL, DATA_BYTES)
            })
            .collect();
        // Each is seen once before it counts.
        let warm = Duration::from_millis(if count > 1_000 { 4_000 } else { 1_000 });
        let (mut costs, mut checks) = (Vec::new(), Vec::new());
        for _ in 0..ROUNDS {
            let load = measure_with_cpu(&node, &envelopes, (8, 64), (warm, MEASURED));
            costs.push(runtime.block_on(load).1);
            checks.push(verification_us());
        }
        let what = format!("orderer's CPU, 8 × 64, {count} identities");
        table.push(Row::beside_rounds(what, costs, "µs", "one P-256 verification", checks));
    }
    assert_eq!(node.stop().status.code(), Some(0));
}

// === fairness ===

/// A row for a channel that sends little, beside one that sends all it can.
pub fn fairness(table: &mut Table) {
    let site = Site::start_on(crate::restart::node_with(1, &[]));
    let greedy = [envelope(&site.client, "channel0000", DATA_BYTES)];
    let modest = [site.envelope.clone()];
    let address = Arc::new(site.node.address.clone());
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let (mut alone, mut beside) = (Vec::new(), Vec::new());
    let little = |warm| measure(&address, &modest, (1, 64), Some(200.0), (warm, MEASURED));
    for _ in 0..ROUNDS {
        alone.push(ms(&runtime.block_on(little(WARM)).latencies, 0.99));
        let much = measure(&address, &greedy, (8, 64), None, (WARM, MEASURED + WARM));
        let (little, _) = runtime.block_on(async { tokio::join!(little(WARM * 2), much) });
        beside.push(ms(&little.latencies, 0.99));
    }
    let what = "p99 of 200 a second beside a greedy channel";
    table.push(Row::beside_rounds(what, beside, "ms", "the same without it", alone));
    assert_eq!(site.node.stop().status.code(), Some(0));
}
