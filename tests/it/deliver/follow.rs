//! Readers of blocks that are there and of blocks that come: all of them, in order, and none before it is committed.

use std::collections::BTreeSet;
use std::time::{Duration, SystemTime};

use aws_lc_rs::digest::{SHA256, digest};
use bytes::Bytes;
use prost::Message as _;
use raddle::client::{Answer, Client, Config, Deliveries, Place, Verifier, message, range};
use raddle::network::Role;
use raddle::node::NodeSettings;
use raddle_core::ids::BlockNumber;
use raddle_ledger::Ledger;
use raddle_proto::common;
use raddle_serve::client::AtomicBroadcastClient;
use tokio::task::JoinSet;
use tokio::time::timeout;
use tokio_stream::StreamExt as _;
use tonic::Code;
use tonic::transport::Endpoint;

use super::{
    BLOCK_ENVELOPES, Scene, all, envelopes, following, next, number, numbers, read, refused, rest, send,
};
use crate::harness::orderer::channel as channel_of;
use crate::network::channel;

/// Longer than anything here may take, however busy the machine is.
const LONG: Duration = Duration::from_secs(60);

/// Reads until `is_last`. Each block is verified, and held against the ledger's height at the time.
async fn follow(
    mut reader: Deliveries,
    ledger: Ledger,
    mut verifier: Verifier,
    mut is_last: impl FnMut(&common::Block) -> bool,
) -> Vec<common::Block> {
    let mut blocks = Vec::new();
    loop {
        let block = next(&mut reader).await;
        assert!(number(&block) < ledger.height(), "block {} came before it was committed", number(&block));
        verifier.verify(&block).unwrap();
        let is_last = is_last(&block);
        blocks.push(block);
        if is_last {
            return blocks;
        }
    }
}

/// Whether so many envelopes have come with this block.
fn is_last_of(envelopes: usize) -> impl FnMut(&common::Block) -> bool {
    let mut left = envelopes;
    move |block| {
        left -= data(block).len();
        left == 0
    }
}

fn data(block: &common::Block) -> &[Bytes] {
    &block.data.as_ref().unwrap().data
}

/// Sends on a stream of its own; answers the envelopes as blocks hold them, when all are taken.
async fn send_all(client: Client, sent: Vec<common::Envelope>) -> Vec<Bytes> {
    assert_eq!(send(&client, &sent).await, vec![Answer::Taken; sent.len()]);
    sent.iter().map(|envelope| envelope.encode_to_vec().into()).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn followers_from_the_first_and_from_the_newest_block_get_all_that_several_streams_send() {
    const STREAMS: usize = 3;
    const ENVELOPES: usize = 351;
    // They fill no whole number of blocks, so the last one is cut by time, and others may be.
    let scene = Scene::start_with(Duration::from_millis(100), NodeSettings::default()).await;
    let ledger = channel_of(&scene.orderer).ledger().clone();
    let (org1, org2) = (scene.network.org1.signer(Role::Client), scene.network.org2.signer(Role::Peer));
    let first = scene.send(&org1, 3 * BLOCK_ENVELOPES).await;
    let from_first = scene.read(&org2, &following(Place::Oldest)).await;
    let mut blocks = Vec::new();
    let mut until_first = scene.read(&org2, &following(Place::Oldest)).await;
    while blocks.iter().flat_map(data).count() < 1 + first.len() {
        blocks.push(next(&mut until_first).await);
    }
    let mut from_newest = scene.read(&org2, &following(Place::Newest)).await;
    let newest = next(&mut from_newest).await;
    assert_eq!(Some(&newest), blocks.last());

    let mut senders = JoinSet::new();
    for _ in 0..STREAMS {
        senders.spawn(send_all(scene.client().await, envelopes(&org1, ENVELOPES, 100)));
    }
    let verifier = Verifier::from_start(channel());
    let is_last = is_last_of(1 + first.len() + STREAMS * ENVELOPES);
    let from_first = tokio::spawn(follow(from_first, ledger.clone(), verifier, is_last));
    let config = Config::read(&channel(), &blocks[0]).unwrap();
    let verifier = Verifier::after(channel(), newest.header.as_ref().unwrap(), config);
    let from_newest = follow(from_newest, ledger, verifier, is_last_of(STREAMS * ENVELOPES)).await;
    let from_first = from_first.await.unwrap();
    assert_eq!(from_first, [blocks, from_newest.clone()].concat());

    let sent = senders.join_all().await.concat();
    let got: Vec<_> = from_newest.iter().flat_map(data).collect();
    assert_eq!(got.len(), sent.len());
    assert_eq!(got.into_iter().collect::<BTreeSet<_>>(), sent.iter().collect());
    scene.orderer.stop().await.unwrap();
}

fn digest_of(block: &[u8]) -> Vec<u8> {
    digest(&SHA256, block).as_ref().to_vec()
}

/// What came, up to block `last`.
async fn digests(mut reader: Deliveries, last: u64) -> Vec<Vec<u8>> {
    let mut digests = Vec::new();
    loop {
        let block = next(&mut reader).await;
        assert_eq!(number(&block), digests.len() as u64);
        digests.push(digest_of(&block.encode_to_vec()));
        if number(&block) == last {
            return digests;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hundred_readers_get_the_bytes_that_are_stored_and_wait_for_none_that_does_not_read() {
    const BEFORE: usize = 200;
    const MEANWHILE: usize = 100;
    /// Each block is of 24 KiB, and all together of more than a client and its connection hold for who does not read.
    const ENVELOPE_BYTES: usize = 6 << 10;
    let scene = Scene::start().await;
    let org1 = scene.network.org1.signer(Role::Client);
    scene.grow_by(&org1, BEFORE, ENVELOPE_BYTES).await;
    // What was there before is read from the file, what is added from memory.
    let scene = scene.restart(|_| {}).await;
    let mut idle = scene.read(&org1, &following(Place::Oldest)).await;
    let last = (BEFORE + MEANWHILE) as u64;
    let mut readers = JoinSet::new();
    for _ in 0..10 {
        let client = scene.client().await;
        for _ in 0..10 {
            readers.spawn(digests(read(&client, &org1, &following(Place::Oldest)), last));
        }
    }
    scene.grow_by(&org1, MEANWHILE, ENVELOPE_BYTES).await;
    let read = timeout(LONG, readers.join_all()).await.expect("nobody is held up");
    let stored: Vec<_> = (0..=last).map(|number| digest_of(&scene.stored(number))).collect();
    assert_eq!(read.len(), 100);
    assert!(read.iter().all(|digests| *digests == stored));
    // Whenever it begins to read, all is there.
    assert_eq!(numbers(&mut idle, BEFORE + MEANWHILE + 1).await, (0..=last).collect::<Vec<_>>());
    scene.orderer.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn blocks_from_the_file_are_those_that_came_from_memory() {
    let scene = Scene::start().await;
    let org1 = scene.network.org1.signer(Role::Client);
    scene.grow(&org1, 20).await;
    let is_in_memory =
        |scene: &Scene, number| channel_of(&scene.orderer).ledger().recent(BlockNumber(number)).is_some();
    assert!((1..=20).all(|number| is_in_memory(&scene, number)));
    let from_memory = rest(scene.read(&org1, &all()).await).await;
    // A ledger that was just opened has nothing in memory.
    let scene = scene.restart(|_| {}).await;
    assert!((0..=20).all(|number| !is_in_memory(&scene, number)));
    let mut follower = scene.read(&org1, &following(Place::Oldest)).await;
    for expected in &from_memory {
        assert_eq!(next(&mut follower).await, *expected);
    }
    // It goes over from one to the other.
    scene.grow(&org1, 3).await;
    assert!(!is_in_memory(&scene, 20) && (21..=23).all(|number| is_in_memory(&scene, number)));
    assert_eq!(numbers(&mut follower, 3).await, [21, 22, 23]);
    let blocks = rest(scene.read(&org1, &all()).await).await;
    assert_eq!(blocks[..21], from_memory);
    for block in blocks {
        assert_eq!(block.encode_to_vec(), scene.stored(number(&block)));
    }
    scene.orderer.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stop_ends_all_who_follow_and_does_not_wait_for_them() {
    let scene = Scene::start().await;
    let org1 = scene.network.org1.signer(Role::Client);
    let endpoint = Endpoint::from_shared(format!("http://{}", scene.orderer.address())).unwrap();
    let mut streams = Vec::new();
    for _ in 0..20 {
        let seek = org1.seek(&channel(), &following(Place::Oldest), SystemTime::now()).unwrap();
        let requests = tokio_stream::once(message(&seek)).chain(tokio_stream::pending());
        let mut client = AtomicBroadcastClient::new(endpoint.connect().await.unwrap());
        let mut stream = client.deliver(requests).await.unwrap().into_inner();
        assert!(stream.message().await.unwrap().is_some());
        streams.push(stream);
    }
    let address = scene.orderer.address().to_string();
    timeout(LONG, scene.orderer.stop()).await.expect("it stops in time").unwrap();
    for mut stream in streams {
        let ended = timeout(LONG, stream.message()).await.expect("the stream ends in time").unwrap_err();
        assert_eq!((ended.code(), ended.message()), (Code::Unavailable, "the orderer is stopping"));
    }
    assert!(Client::connect(&address, Default::default()).await.is_err(), "nobody listens any more");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_not_there_yet_is_waited_for_or_not_found() {
    let scene = Scene::start().await;
    let org1 = scene.network.org1.signer(Role::Client);
    scene.grow(&org1, 2).await;
    let (newest, next_one, beyond) = (Place::Number(2), Place::Number(3), Place::Number(4));
    for (seek, status, code) in [
        (range(next_one, next_one, false), 404, "RDL-1209"),
        (range(beyond, beyond, false), 404, "RDL-1207"),
        (range(beyond, Place::Number(u64::MAX), true), 404, "RDL-1207"),
        (range(newest, Place::Number(1), true), 400, "RDL-1206"),
    ] {
        let refusal = refused(scene.read(&org1, &seek).await).await;
        assert_eq!((refusal.status, refusal.detail.code.as_deref()), (status, Some(code)), "{seek:?}");
    }
    // What is there comes, and the end only then.
    let mut reader = scene.read(&org1, &range(newest, next_one, false)).await;
    assert_eq!(numbers(&mut reader, 1).await, [2]);
    assert_eq!(refused(reader).await.status, 404);
    let waiting = scene.read(&org1, &range(next_one, next_one, true)).await;
    let waiting = tokio::spawn(rest(waiting));
    scene.grow(&org1, 2).await;
    let came = waiting.await.unwrap();
    assert_eq!(came.iter().map(number).collect::<Vec<_>>(), [3]);
    scene.orderer.stop().await.unwrap();
}

/// As 3.x has it for who only wants to know that blocks are there.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn attestations_are_headers_and_metadata_and_config_blocks_come_whole() {
    let scene = Scene::start().await;
    let org1 = scene.network.org1.signer(Role::Client);
    scene.grow(&org1, 2).await;
    let whole = rest(scene.read(&org1, &super::all()).await).await;
    for (content_type, is_attestation) in [(0, false), (1, true), (2, false)] {
        let seek = raddle_proto::orderer::SeekInfo { content_type, ..super::all() };
        let blocks = rest(scene.read(&org1, &seek).await).await;
        let expected = whole.iter().map(|block| match number(block) {
            1.. if is_attestation => common::Block { data: None, ..block.clone() },
            _ => block.clone(),
        });
        assert_eq!(blocks, expected.collect::<Vec<_>>(), "{content_type}");
    }
    assert!(whole.iter().all(|block| block.data.is_some()));
}
