//! What a node of its own process needs, at rest and at work: memory, and processor time without the clients'.

use std::time::{Duration, Instant};

use prost::Message as _;
use raddle::identity::Signer;
use raddle::network::{DEV_CHANNEL, DevNetwork};
use raddle_proto::common;

use crate::load::{IN_FLIGHT, Load, STREAMS, envelope};
use crate::process::Node;

/// What an envelope carries.
const DATA_BYTES: usize = 1200;

/// How long the node is at work.
const MEASURED: Duration = Duration::from_secs(5);

/// Prints a line for the node at rest and one for it at work.
pub fn all() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path().join("state");
    let node = Node::start(&folder);
    let network = DevNetwork::read(&folder.join("network")).unwrap();
    let (msp_id, msp_dir) = network.client();
    let signer = Signer::from_msp_dir(msp_id, &msp_dir).unwrap();
    let envelope = envelope(&signer, DEV_CHANNEL, DATA_BYTES);
    let bytes = envelope.encoded_len();

    println!(
        "\n{:<44} {:>12} {:>16} {:>16}",
        "a node in its own process", "memory MiB", "envelopes a s", "CPU µs/envelope"
    );
    println!("{:<44} {:>12}", "at rest", status(&node, "VmRSS:"));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let cpu_before = cpu(&node);
    let start = Instant::now();
    let answered = runtime.block_on(load(&node, &envelope));
    let elapsed = start.elapsed().as_secs_f64();
    let used = cpu(&node) - cpu_before;
    println!(
        "{:<44} {:>12} {:>16.0} {:>16.1}",
        format!("at {STREAMS} × {IN_FLIGHT}, {bytes} bytes each, at most"),
        status(&node, "VmHWM:"),
        answered as f64 / elapsed,
        used.as_secs_f64() * 1e6 / answered as f64
    );
    node.stop();
}

/// Keeps all streams full until the time is up; answers how many envelopes were taken.
async fn load(node: &Node, envelope: &common::Envelope) -> usize {
    let load = Load::start(&node.address, envelope);
    tokio::time::sleep(MEASURED).await;
    load.stop().await.count()
}

/// A line of the process's status, in MiB. (Linux.)
pub fn status(node: &Node, what: &str) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", node.id())).unwrap();
    let line = status.lines().find(|line| line.starts_with(what)).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() / 1024
}

/// What the process has used of the processors.
fn cpu(node: &Node) -> Duration {
    let stat = std::fs::read_to_string(format!("/proc/{}/stat", node.id())).unwrap();
    crate::broadcast::ticks(&stat)
}
