//! What those who send notice of a reload, and of modules that are hard to compile.
//!
//! The node is a process of its own, its clients are this one.

use std::time::{Duration, Instant};

use bytes::Bytes;
use raddle::admin::modules::{OWNER, Spec, with, without};
use raddle::client::{Client, Patience, message};
use raddle::network::DevNetwork;
use raddle_proto::common::Config;

use crate::admin::{Admin, filter};
use crate::filters;
use crate::load::{Answers, IN_FLIGHT, Load, STREAMS, envelope};
use crate::median;
use crate::process::Node;

/// What an envelope carries.
const DATA_BYTES: usize = 200;

/// How long the load runs before anything is measured.
const WARM: Duration = Duration::from_secs(2);

/// The time around a reload that is looked at, and as long without one before it.
const WINDOW: Duration = Duration::from_millis(500);

/// Reloads of each kind.
const ROUNDS: usize = 15;

/// Bombs that are sent at once.
const BOMBS: usize = 10;

/// How long latency is measured before the bombs, and while they burn.
const MEASURED: Duration = Duration::from_secs(10);

/// Prints the gaps of reloads, then the latencies under compile bombs.
pub fn all() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    println!(
        "\n{:<46} {:>10} {:>10} | {:>10} {:>10} | {:>7}",
        format!("longest gap, {STREAMS} × {IN_FLIGHT}"),
        "median ms",
        "most ms",
        "without",
        "most ms",
        "ratio"
    );
    runtime.block_on(gaps());
    println!(
        "\n{:<46} {:>10} {:>10} {:>10} {:>14}",
        format!("latency, {STREAMS} × {IN_FLIGHT}"),
        "p50 ms",
        "p99 ms",
        "p99.9 ms",
        "envelopes a s"
    );
    runtime.block_on(bombs());
}

/// A node and who changes its channel.
struct Scene {
    node: Node,
    admin: Admin,
    client: Client,
    _folder: tempfile::TempDir,
}

impl Scene {
    async fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("state");
        let node = Node::start(&path);
        let admin = Admin::of(&DevNetwork::read(&path.join("network")).unwrap());
        let client = Client::connect(&node.address, Patience::default()).await.unwrap();
        Self { node, admin, client, _folder: folder }
    }

    fn load(&self) -> Load {
        Load::start(&self.node.address, &envelope(self.admin.client(), &self.admin.channel().0, DATA_BYTES))
    }

    async fn config(&self) -> Config {
        self.admin.config(&self.client).await.unwrap().config
    }
}

// === gaps ===

/// A kind of reload: the config of a round from the one in force.
type Change = fn(&Config, usize) -> Config;

const CHANGES: [(&str, Change); 3] = [
    ("a filter is installed, of bytes never seen", |config, round| {
        with(config, &guard(round, 0), OWNER).unwrap()
    }),
    ("its settings change", |config, round| with(config, &guard(ROUNDS - 1, 1 + round), OWNER).unwrap()),
    ("it is removed, and comes back", |config, round| match round % 2 {
        0 => without(config, &["guard".to_owned()]).unwrap(),
        _ => with(config, &guard(ROUNDS - 1, 0), OWNER).unwrap(),
    }),
];

/// A filter that takes everything.
fn guard(component: usize, setting: usize) -> Spec {
    let bytes = (1_000_000 + setting).to_string();
    filter("guard", another(&filters::refuses_longer(), component), &[("bytes", &bytes)])
}

/// The same component with other bytes: a custom section with a number in it.
fn another(component: &[u8], number: usize) -> Bytes {
    let text = format!("{number:08}");
    let mut bytes = component.to_vec();
    bytes.extend([0, 10, 1, b'n']);
    bytes.extend(text.as_bytes());
    bytes.into()
}

async fn gaps() {
    let scene = Scene::start().await;
    let load = scene.load();
    tokio::time::sleep(WARM).await;
    let mut windows = Vec::new();
    for (_, change) in CHANGES {
        let mut rounds = Vec::new();
        for round in 0..ROUNDS {
            let old = scene.config().await;
            let new = change(&old, round);
            let start = Instant::now();
            tokio::time::sleep(WINDOW).await;
            let reload = Instant::now();
            scene.admin.change_now(&scene.client, &old, &new).await.unwrap();
            tokio::time::sleep(WINDOW.saturating_sub(reload.elapsed())).await;
            rounds.push((start, reload, Instant::now()));
        }
        windows.push(rounds);
    }
    let answers = load.stop().await;
    for ((name, _), rounds) in CHANGES.iter().zip(windows) {
        print_gaps(name, &answers, &rounds);
    }
    scene.node.stop();
}

fn print_gaps(name: &str, answers: &Answers, rounds: &[(Instant, Instant, Instant)]) {
    let ms = |gap: Duration| gap.as_secs_f64() * 1e3;
    let (mut with, mut without, mut ratios) = (Vec::new(), Vec::new(), Vec::new());
    for (start, reload, end) in rounds {
        let (one, other) = (answers.longest_gap(*reload, *end), answers.longest_gap(*start, *reload));
        with.push(ms(one));
        without.push(ms(other));
        ratios.push(ms(one) / ms(other));
    }
    println!(
        "{:<46} {:>10.1} {:>10.1} | {:>10.1} {:>10.1} | {:>7.2}",
        name,
        median(&mut with),
        with[with.len() - 1],
        median(&mut without),
        without[without.len() - 1],
        median(&mut ratios)
    );
}

// === compile bombs ===

async fn bombs() {
    let scene = Scene::start().await;
    let load = scene.load();
    tokio::time::sleep(WARM).await;
    let config = scene.config().await;
    let updates: Vec<_> = (0..BOMBS)
        .map(|number| {
            let module = filter(&format!("bomb-{number}"), filters::bomb(10, number), &[]);
            message(&scene.admin.update(&config, &with(&config, &module, OWNER).unwrap()))
        })
        .collect();
    let start = Instant::now();
    tokio::time::sleep(MEASURED).await;
    let lit = Instant::now();
    let mut sent = tokio::task::JoinSet::new();
    for update in updates {
        let mut answers = scene.client.broadcast(tokio_stream::once(update));
        sent.spawn(async move { answers.next().await });
    }
    tokio::time::sleep(MEASURED).await;
    let end = Instant::now();
    let mut answered = 0;
    while sent.try_join_next().is_some() {
        answered += 1;
    }
    let answers = load.stop().await;
    let before = print_latencies("before", &answers, start, lit);
    let name = format!("{BOMBS} compile bombs, {} burnt out", answered);
    let during = print_latencies(&name, &answers, lit, end);
    println!("{:<46} {:>10} {:>10.2}", "ratio", "", during / before);
    scene.node.kill();
}

/// Answers the 99th percentile.
fn print_latencies(name: &str, answers: &Answers, from: Instant, to: Instant) -> f64 {
    let latencies = answers.latencies(from, to);
    let at = |share: f64| latencies[(latencies.len() as f64 * share) as usize].as_secs_f64() * 1e3;
    println!(
        "{:<46} {:>10.2} {:>10.2} {:>10.2} {:>14.0}",
        name,
        at(0.5),
        at(0.99),
        at(0.999),
        latencies.len() as f64 / (to - from).as_secs_f64()
    );
    at(0.99)
}
