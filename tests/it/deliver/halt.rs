//! Channels that do not order: they wait for their log, have halted or were stopped, before their readers came or while
//! they read.

use std::sync::Arc;

use raddle::client::{Answer, ClientError, Place};
use raddle::network::Role;
use raddle::node::{Doing, NoObserver, Node};
use tempfile::TempDir;
use tokio::task::spawn_blocking;

use super::{
    BATCH_TIMEOUT, BLOCK_ENVELOPES, ENVELOPE_BYTES, Network, Scene, all, best_effort, connect, denied,
    envelopes, following, number, numbers, read, refused, rest, send, told,
};
use crate::harness::node::{self, Moody, Served};
use crate::harness::orderer::wait_for_halt;
use crate::network::{Team, channel};

/// Fabric's sentence.
const HALTED: &str = "consenter for this channel has been halted";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_halted_channel_gives_its_blocks_to_those_who_make_the_best_of_it() {
    let scene = Scene::start().await;
    let (org1, outsider) = (scene.network.org1.signer(Role::Client), Team::new("Org3").signer(Role::Client));
    scene.grow(&org1, 5).await;
    let before = rest(scene.read(&org1, &all()).await).await;
    let remove = |folder: &TempDir| std::fs::remove_file(folder.path().join("log.redb")).unwrap();
    let scene = scene.restart(remove).await;
    let cause = wait_for_halt(&scene.orderer).await;
    assert!(cause.starts_with("the ordered log is not the one that the ledger was built from: "), "{cause}");

    // Before it is known who asks, as in Fabric.
    for (signer, seek) in [(&org1, all()), (&org1, following(Place::Oldest)), (&outsider, all())] {
        let refusal = refused(scene.read(signer, &seek).await).await;
        assert_eq!(told(&refusal), (503, Some("RDL-4103"), HALTED.to_owned()));
        assert_eq!(refusal.detail.text("cause"), Some(cause.as_str()));
    }
    assert_eq!(rest(scene.read(&org1, &best_effort(all())).await).await, before);
    let mut follower = scene.read(&org1, &best_effort(following(Place::Newest))).await;
    assert_eq!(numbers(&mut follower, 1).await, [5]);
    let refusal = refused(scene.read(&outsider, &best_effort(all())).await).await;
    assert_eq!(told(&refusal), (403, Some("RDL-1211"), denied("Readers")));

    let refusal = scene.send_refused(&org1).await;
    assert_eq!((refusal.status, refusal.info.as_str()), (503, HALTED));
    assert_eq!(refusal.detail.code.as_deref(), Some("RDL-4103"));
    assert_eq!(refusal.detail.text("cause"), Some(cause.as_str()));
    // What is refused is refused whether or not the channel can order.
    assert_eq!(scene.send_refused(&outsider).await.status, 403);
    scene.orderer.stop().await.unwrap();
    assert!(matches!(follower.next().await, Err(ClientError::Broken { .. })));
}

/// A node whose log the test can break, served.
struct Breakable {
    network: Network,
    log: Arc<Moody>,
    node: Arc<Node>,
    served: Served,
    _folder: TempDir,
}

impl Breakable {
    async fn start() -> Self {
        let scene = Self::start_when_ready(true).await;
        let mut doing = scene.node.channel(&channel().0).unwrap().board().doing();
        doing.wait_for(|doing| matches!(doing, Doing::Ordering)).await.unwrap();
        scene
    }

    async fn start_when_ready(is_ready: bool) -> Self {
        let (network, folder) = (Network::new(BATCH_TIMEOUT), TempDir::new().unwrap());
        let log = Moody::create(folder.path());
        log.set_ready(is_ready);
        let node = node::start(folder.path(), network.genesis.clone(), &log, Arc::new(NoObserver));
        let node = Arc::new(node);
        let served = Served::start(&node).await;
        Self { network, log, node, served, _folder: folder }
    }

    async fn stop(self) {
        self.served.stop().await;
        spawn_blocking(move || self.node.stop()).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_channel_that_halts_ends_those_who_wait_behind_what_was_committed() {
    let scene = Breakable::start().await;
    let org1 = scene.network.org1.signer(Role::Client);
    let client = connect(&scene.served.address.to_string()).await;
    let mut strict = read(&client, &org1, &following(Place::Oldest));
    let mut best = read(&client, &org1, &best_effort(following(Place::Oldest)));
    send(&client, &envelopes(&org1, 2 * BLOCK_ENVELOPES, ENVELOPE_BYTES)).await;
    assert_eq!(numbers(&mut strict, 3).await, [0, 1, 2]);
    assert_eq!(numbers(&mut best, 3).await, [0, 1, 2]);
    scene.log.break_off();
    let refusal = refused(strict).await;
    assert_eq!(told(&refusal), (503, Some("RDL-4103"), HALTED.to_owned()));
    let cause =
        "the ordered log cannot be read after offset 7: the ordered log is unavailable: the test wants it so";
    assert_eq!(refusal.detail.text("cause"), Some(cause));
    let again = rest(read(&client, &org1, &best_effort(all()))).await;
    assert_eq!(again.iter().map(number).collect::<Vec<_>>(), [0, 1, 2]);
    let height = scene.node.channel(&channel().0).unwrap().board().height();
    assert_eq!(height, 3);
    // Who makes the best of it is not ended by the halt, but with the orderer.
    scene.stop().await;
    assert!(matches!(best.next().await, Err(ClientError::Broken { .. })));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_channel_that_is_stopped_under_its_readers_is_closed_to_them() {
    let scene = Breakable::start().await;
    let org1 = scene.network.org1.signer(Role::Client);
    let client = connect(&scene.served.address.to_string()).await;
    let mut readers = Vec::new();
    for seek in [following(Place::Oldest), best_effort(following(Place::Oldest))] {
        let mut reader = read(&client, &org1, &seek);
        assert_eq!(numbers(&mut reader, 1).await, [0]);
        readers.push(reader);
    }
    let node = Arc::clone(&scene.node);
    spawn_blocking(move || node.stop()).await.unwrap();
    for reader in readers {
        let refusal = refused(reader).await;
        assert_eq!((refusal.status, refusal.detail.code.as_deref()), (503, Some("RDL-4201")));
    }
    // The node has the channel no more.
    assert_eq!(refused(read(&client, &org1, &all())).await.status, 404);
    scene.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_channel_that_waits_for_its_log_sends_readers_elsewhere_and_begins_once_it_has_it() {
    let scene = Breakable::start_when_ready(false).await;
    let org1 = scene.network.org1.signer(Role::Client);
    let client = connect(&scene.served.address.to_string()).await;
    let refusal = refused(read(&client, &org1, &all())).await;
    let text = "backing Kafka cluster has not completed booting; try again later";
    assert_eq!(told(&refusal), (503, Some("RDL-4104"), text.to_owned()));
    let mut best = read(&client, &org1, &best_effort(following(Place::Oldest)));
    assert_eq!(numbers(&mut best, 1).await, [0]);
    let sender = client.clone();
    let sent = envelopes(&org1, BLOCK_ENVELOPES, ENVELOPE_BYTES);
    let sending = tokio::spawn(async move { send(&sender, &sent).await });
    scene.log.set_ready(true);
    assert_eq!(sending.await.unwrap(), vec![Answer::Taken; BLOCK_ENVELOPES]);
    assert_eq!(numbers(&mut best, 1).await, [1]);
    assert_eq!(rest(read(&client, &org1, &all())).await.len(), 2);
    scene.stop().await;
}
