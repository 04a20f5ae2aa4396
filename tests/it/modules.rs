//! Modules in a channel's config: installed, changed and removed by config updates, while the channel works.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::{Command, Output};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::SystemTime;

use bytes::Bytes;
use raddle::admin::modules::{Kind, Mode, OWNER, Spec, with, without};
use raddle::admin::update::{Draft, compute};
use raddle::client::{Answer, Client, Patience, Place, Verifier, message, range};
use raddle::identity::Signer;
use raddle::orderer::{Orderer, OrdererSettings};
use raddle_core::ids::ChannelId;
use raddle_proto::common::{Config, HeaderType};
use raddle_proto::wire::{self, Envelope};
use raddle_rules::Digest;
use raddle_rules::profile::ModuleLimits;
use tempfile::TempDir;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;

use crate::harness::orderer::{channel as channel_of, settings};
use crate::harness::process::Node;
use crate::harness::{dist, repository};

fn raddle(folder: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_raddle")).args(arguments).current_dir(folder).output().unwrap()
}

fn succeeds(folder: &Path, arguments: &[&str]) -> String {
    let output = raddle(folder, arguments);
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// The command fails with exit 1; its words have all `parts`.
fn refused(folder: &Path, arguments: &[&str], parts: &[&str]) {
    let output = raddle(folder, arguments);
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{arguments:?}: {said}");
    for part in parts {
        assert!(said.contains(part), "{part}: {said}");
    }
}

fn copy(folder: &Path, component: &str) {
    fs::copy(repository().join("guest-filters/dist").join(component), folder.join("module.wasm")).unwrap();
}

#[test]
fn a_filter_comes_changes_and_goes_by_config_updates_and_over_a_restart() {
    let folder = TempDir::new().unwrap();
    let folder = folder.path();
    let node = Node::start_in(folder, &[]);
    copy(folder, "hostile/filter-refuses.wasm");
    let install = ["module", "install", "module.wasm", "--name", "no-way", "--yes"];
    let with = |more: &[&'static str]| [&install[..], more].concat();
    assert!(succeeds(folder, &with(&["--set", "sentence=not today"])).contains("done     config block 1"));
    refused(folder, &["send", "hello"], &["refused RDL-1104  not today", "module no-way"]);
    succeeds(folder, &with(&["--set", "sentence=nor tomorrow", "--set", "status=forbidden"]));
    refused(folder, &["send", "hello"], &["refused RDL-1104  nor tomorrow", "status 403 FORBIDDEN"]);
    // What the module does not like is refused before it is ordered.
    refused(folder, &with(&["--set", "status=purple"]), &["does not take its settings", "purple"]);
    assert_eq!(node.stop().status.code(), Some(0));

    let node = Node::start_in(folder, &[]);
    refused(folder, &["send", "hello"], &["nor tomorrow"]);
    assert!(succeeds(folder, &["module", "list"]).contains("no-way   filter   enforce"));
    succeeds(folder, &with(&["--mode", "off"]));
    succeeds(folder, &["send", "hello", "--wait"]);
    succeeds(folder, &["module", "remove", "no-way", "--yes"]);
    succeeds(folder, &["send", "hello", "--wait"]);
    assert_eq!(node.stop().status.code(), Some(0));
}

#[test]
fn no_filter_locks_the_admins_out() {
    let folder = TempDir::new().unwrap();
    let folder = folder.path();
    let node = Node::start_in(folder, &[]);
    for (component, said) in [
        ("hostile/filter-traps.wasm", "RDL-2001"),
        ("hostile/filter-spins.wasm", "RDL-2001"),
        ("hostile/filter-hoards.wasm", "RDL-2001"),
        ("hostile/filter-refuses.wasm", "RDL-1104"),
    ] {
        copy(folder, component);
        succeeds(folder, &["module", "install", "module.wasm", "--name", "bad", "--yes"]);
        refused(folder, &["send", "hello"], &[said, "module bad"]);
        succeeds(folder, &["module", "remove", "bad", "--yes"]);
        succeeds(folder, &["send", "hello", "--wait"]);
    }
    assert_eq!(node.stop().status.code(), Some(0));
}

#[test]
fn a_batch_policy_needs_the_capability() {
    let folder = TempDir::new().unwrap();
    let folder = folder.path();
    let node = Node::start_in(folder, &[]);
    copy(folder, "hostile/one-creator.wasm");
    let install = ["module", "install", "module.wasm", "--name", "one-creator", "--yes"];
    refused(folder, &install, &["RADDLE_1_0"]);
    assert_eq!(node.stop().status.code(), Some(0));
}

// === under load ===

/// A node on the generated network of a folder.
struct Scene {
    orderer: Orderer,
    network: raddle::network::DevNetwork,
    _folder: TempDir,
}

impl Scene {
    async fn start() -> Self {
        let folder = TempDir::new().unwrap();
        let path = folder.path().join("network");
        let network = raddle::network::DevNetwork::generate(&path, "127.0.0.1:1", SystemTime::now()).unwrap();
        let (msp_id, msp_dir) = network.orderer();
        let signer = Arc::new(Signer::from_msp_dir(msp_id, &msp_dir).unwrap());
        let settings = settings(folder.path(), network.genesis().clone());
        let orderer = Orderer::start(OrdererSettings { signer, ..settings }).await.unwrap();
        Self { orderer, network, _folder: folder }
    }

    async fn client(&self) -> Client {
        Client::connect(&self.orderer.address().to_string(), Patience::default()).await.unwrap()
    }

    fn writer(&self) -> Signer {
        let (msp_id, msp_dir) = self.network.client();
        Signer::from_msp_dir(msp_id, &msp_dir).unwrap()
    }

    /// Changes the config by an update that the orderers' admin signs; waits until it is in force here.
    async fn update(&self, client: &Client, change: impl Fn(&Config) -> Config) {
        let channel = channel_of(&self.orderer);
        let current = Arc::clone(&channel.rules().config);
        let admin = self.network.msp_dir("OrdererOrg", "admin");
        let admin = Signer::from_msp_dir("OrdererMSP", &admin).unwrap();
        let mut draft = Draft::new(compute(channel.id(), &current.config, &change(&current.config)).unwrap());
        draft.sign(&admin).unwrap();
        let update = draft.envelope(&self.writer(), SystemTime::now()).unwrap();
        let mut answers = client.broadcast(tokio_stream::once(message(&update)));
        assert_eq!(answers.next().await.unwrap(), Some(Answer::Taken));
        let next = current.bundle.sequence.0 + 1;
        let mut standing = channel.board().standing();
        standing.wait_for(|_| channel.rules().bundle().sequence.0 >= next).await.unwrap();
    }
}

fn spec(component: &str) -> Spec {
    let (component, limits) = (Bytes::from(dist(component)), ModuleLimits::of_filter());
    Spec {
        name: "guard".into(),
        version: "1".into(),
        kind: Kind::Filter,
        mode: Mode::Enforce,
        order: 100,
        settings: Vec::new(),
        fuel: limits.fuel_per_call(),
        memory_bytes: limits.memory_bytes(),
        digest: Digest::of(&component),
        component,
    }
}

/// Sends until told to stop; answers the signatures of what was taken.
async fn send(client: Client, signer: Signer, stop: Arc<AtomicBool>) -> BTreeSet<Bytes> {
    const IN_FLIGHT: usize = 64;
    let channel = ChannelId("demo".into());
    let (queue, envelopes) = mpsc::channel(IN_FLIGHT);
    let mut answers = client.broadcast(ReceiverStream::new(envelopes));
    let mut owed = std::collections::VecDeque::new();
    let mut taken = BTreeSet::new();
    loop {
        while owed.len() < IN_FLIGHT && !stop.load(Ordering::Relaxed) {
            let envelope =
                signer.envelope(&channel, HeaderType::Message, vec![b'x'; 200], SystemTime::now()).unwrap();
            owed.push_back(envelope.signature().clone());
            queue.send(message(&envelope)).await.unwrap();
        }
        if owed.is_empty() {
            return taken;
        }
        assert_eq!(answers.next().await.unwrap(), Some(Answer::Taken));
        taken.extend(owed.pop_front());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn twenty_reloads_under_load_lose_nothing_and_double_nothing() {
    const RELOADS: usize = 20;
    let scene = Scene::start().await;
    let stop = Arc::new(AtomicBool::new(false));
    let mut senders = Vec::new();
    for _ in 0..8 {
        senders.push(tokio::spawn(send(scene.client().await, scene.writer(), Arc::clone(&stop))));
    }
    let admin = scene.client().await;
    let (one, other) = (spec("empty.wasm"), spec("expiration.wasm"));
    for reload in 0..RELOADS {
        scene
            .update(&admin, |config| match reload % 4 {
                0 => with(config, &one, OWNER).unwrap(),
                1 => with(config, &other, OWNER).unwrap(),
                2 => with(config, &Spec { mode: Mode::Off, ..other.clone() }, OWNER).unwrap(),
                _ => without(config, &["guard".to_owned()]).unwrap(),
            })
            .await;
    }
    stop.store(true, Ordering::Relaxed);
    let mut missing = BTreeSet::new();
    for sender in senders {
        missing.extend(sender.await.unwrap());
    }
    assert!(missing.len() > 1000, "{}", missing.len());
    let seek = range(Place::Oldest, Place::Number(u64::MAX), true);
    let channel = ChannelId("demo".into());
    let mut blocks = admin.deliver(&scene.writer().seek(&channel, &seek, SystemTime::now()).unwrap());
    let (mut verifier, mut seen, mut configs) = (Verifier::from_start(channel), BTreeSet::new(), 0);
    while !missing.is_empty() {
        let block = blocks.next().await.unwrap().unwrap();
        verifier.verify(&block).unwrap();
        for envelope in block.data.unwrap().data {
            let envelope = Envelope::unmarshal(envelope).unwrap();
            if wire::channel_header(&envelope).unwrap().r#type == i32::from(HeaderType::Config) {
                configs += 1;
                continue;
            }
            missing.remove(envelope.signature());
            assert!(seen.insert(envelope.signature().clone()), "an envelope is there twice");
        }
    }
    // Block 0 is a config block too.
    assert_eq!(configs, RELOADS + 1);
    scene.orderer.stop().await.unwrap();
}
