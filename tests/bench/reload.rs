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
use crate::process::Node;
use crate::table::{Row, Table};

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

/// Rows for the gaps of reloads, then for the latencies under compile bombs.
pub fn all(table: &mut Table) {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(gaps(table));
    runtime.block_on(bombs(table));
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

    async fn load(&self) -> Load {
        let envelope = envelope(self.admin.client(), &self.admin.channel().0, DATA_BYTES);
        Load::start(&self.node.address, &envelope).await
    }

    async fn config(&self) -> Config {
        self.admin.config(&self.client).await.unwrap().config
    }
}

// === gaps ===

/// A kind of reload: the config of a round from the one in force.
type Change = fn(&Config, usize) -> Config;

const CHANGES: [(&str, Change); 3] = [
    ("a new filter is installed", |config, round| with(config, &guard(round, 0), OWNER).unwrap()),
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

async fn gaps(table: &mut Table) {
    let scene = Scene::start().await;
    let load = scene.load().await;
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
        table.push(gap_row(name, &answers, &rounds));
    }
    scene.node.stop();
}

fn gap_row(name: &str, answers: &Answers, rounds: &[(Instant, Instant, Instant)]) -> Row {
    let ms = |gap: Duration| gap.as_secs_f64() * 1e3;
    let (mut with, mut without) = (Vec::new(), Vec::new());
    for (start, reload, end) in rounds {
        with.push(ms(answers.longest_gap(*reload, *end)));
        without.push(ms(answers.longest_gap(*start, *reload)));
    }
    Row::beside_rounds(format!("longest gap: {name}"), with, "ms", "as long before it", without)
}

// === compile bombs ===

async fn bombs(table: &mut Table) {
    let scene = Scene::start().await;
    let load = scene.load().await;
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
    println!("{answered} of {BOMBS} compile bombs have burnt out");
    let p99 = |from, to| {
        let latencies = answers.latencies(from, to);
        latencies[latencies.len() * 99 / 100].as_secs_f64() * 1e3
    };
    let what = format!("p99 under {BOMBS} compile bombs, {STREAMS} × {IN_FLIGHT}");
    table.push(Row::new(what, p99(lit, end), "ms").beside("as long before them", p99(start, lit)));
    scene.node.kill();
}
