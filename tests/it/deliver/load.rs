//! Configs that come while everybody sends and reads.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use prost::Message as _;
use raddle::client::{Answer, Client, ClientError, Deliveries, Place, Refusal, Verifier};
use raddle::identity::Signer;
use raddle::network::Role;
use raddle::node::NodeSettings;
use raddle_proto::common::{self, ConfigGroup, HeaderType};
use raddle_proto::orderer::BatchTimeout;
use raddle_proto::wire::{self, Envelope};
use raddle_serve::channels::DeliverChannel as _;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::timeout;
use tokio_stream::wrappers::ReceiverStream;

use super::config::remove_org2;
use super::{BLOCK_ENVELOPES, ENVELOPE_BYTES, Scene, denied, envelopes, following, next, number};
use crate::harness::orderer::{channel as channel_of, wait_for_height};
use crate::network::channel;

/// Blocks between two configs.
const CONFIG_EVERY: u64 = 20;

/// Configs that come: with as many blocks between them, well before all is sent.
const CONFIGS: u64 = 5;

/// Envelopes of a stream that are on their way at once: few, so that the log is no longer than the blocks that came.
const WINDOW: usize = 8;

/// Sends so many on a stream of its own; answers those that were taken, and the refusal that ended it.
async fn send_until_refused(
    client: Client,
    signer: Arc<Signer>,
    count: usize,
) -> (Vec<Bytes>, Option<Refusal>) {
    let (queue, queued) = mpsc::channel(WINDOW);
    let mut answers = client.broadcast(ReceiverStream::new(queued));
    let (mut under_way, mut taken) = (VecDeque::new(), Vec::new());
    loop {
        while under_way.len() < WINDOW && taken.len() + under_way.len() < count {
            let envelope = envelopes(&signer, 1, ENVELOPE_BYTES).remove(0);
            under_way.push_back(envelope.encode_to_vec().into());
            // A stream that was refused takes nothing more; the answer to come says so.
            let _ = queue.send(envelope).await;
        }
        let Some(envelope) = under_way.pop_front() else { return (taken, None) };
        match answers.next().await.unwrap().unwrap() {
            Answer::Taken => taken.push(envelope),
            Answer::Refused(refusal) => return (taken, Some(refusal)),
        }
    }
}

/// The numbers of all blocks up to the refusal.
async fn read_until_refused(mut reader: Deliveries) -> (Vec<u64>, Refusal) {
    let mut numbers = Vec::new();
    loop {
        match reader.next().await {
            Ok(block) => numbers.push(number(&block.unwrap())),
            Err(ClientError::Refused(refusal)) => return (numbers, refusal),
            Err(error) => panic!("{error}"),
        }
    }
}

/// What blocks hold, with the numbers of their blocks.
#[derive(Default)]
struct Ordered {
    configs: Vec<u64>,
    of_org1: Vec<Bytes>,
    of_org2: Vec<(u64, Bytes)>,
}

impl Ordered {
    fn add(&mut self, block: &common::Block, org1: &Bytes) {
        for bytes in &block.data.as_ref().unwrap().data {
            let envelope = Envelope::unmarshal(bytes.clone()).unwrap();
            if wire::channel_header(&envelope).unwrap().r#type == i32::from(HeaderType::Config) {
                self.configs.push(number(block));
            } else if wire::signature_header(&envelope).unwrap().creator == *org1 {
                self.of_org1.push(bytes.clone());
            } else {
                self.of_org2.push((number(block), bytes.clone()));
            }
        }
    }
}

fn set_batch_timeout(group: &mut ConfigGroup, timeout: Duration) {
    let value = group.groups.get_mut("Orderer").unwrap().values.get_mut("BatchTimeout").unwrap();
    let timeout = BatchTimeout { timeout: format!("{}ms", timeout.as_millis()) };
    value.value = prost::Message::encode_to_vec(&timeout).into();
}

/// The first config removes Org2, those behind it change the batch timeout a little.
async fn configure(scene: &Scene) {
    let channel = channel_of(&scene.orderer);
    for sequence in 1..=CONFIGS {
        wait_for_height(&scene.orderer, sequence * CONFIG_EVERY).await;
        let change = |group: &mut ConfigGroup| {
            remove_org2(group);
            set_batch_timeout(group, Duration::from_millis(100 + sequence));
        };
        scene.configure(sequence, change).await;
        let mut standing = channel.board().standing();
        standing.wait_for(|_| channel.config_sequence().0 == sequence).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn configs_under_load_lose_nothing_of_who_stays_and_take_nothing_of_who_goes() {
    const STREAMS: usize = 3;
    // Enough for the blocks between the configs, whatever Org2 sends.
    const ENVELOPES: usize = (CONFIGS * CONFIG_EVERY) as usize * BLOCK_ENVELOPES / 2;
    let scene = Scene::start_with(Duration::from_millis(100), NodeSettings::default()).await;
    let [org1, org2] =
        [&scene.network.org1, &scene.network.org2].map(|team| Arc::new(team.signer(Role::Client)));
    let mut stays = scene.read(&org1, &following(Place::Oldest)).await;
    let goes = tokio::spawn(read_until_refused(scene.read(&org2, &following(Place::Oldest)).await));
    let removed = tokio::spawn(send_until_refused(scene.client().await, Arc::clone(&org2), usize::MAX));
    let mut senders = JoinSet::new();
    for _ in 0..STREAMS {
        senders.spawn(send_until_refused(scene.client().await, Arc::clone(&org1), ENVELOPES));
    }
    timeout(Duration::from_secs(60), configure(&scene)).await.expect("the configs come into force");
    let mut taken = Vec::new();
    for (of_stream, refusal) in senders.join_all().await {
        assert_eq!(refusal, None);
        taken.extend(of_stream);
    }

    let (mut verifier, mut ordered) = (Verifier::from_start(channel()), Ordered::default());
    // Block 0 is a config too.
    while ordered.of_org1.len() < taken.len() || (ordered.configs.len() as u64) < 1 + CONFIGS {
        let block = next(&mut stays).await;
        verifier.verify(&block).unwrap();
        ordered.add(&block, org1.creator());
    }
    let Ordered { configs, mut of_org1, of_org2 } = ordered;
    // What was admitted by one config and met under the next was appended again: nothing is lost, nothing there twice.
    taken.sort();
    of_org1.sort();
    assert!(taken == of_org1);

    let (taken, refusal) = removed.await.unwrap();
    let refusal = refusal.unwrap();
    assert_eq!((refusal.status, refusal.info), (403, denied("Writers")));
    assert!(of_org2.iter().all(|(number, _)| *number < configs[1]), "{configs:?}");
    assert!(
        of_org2.iter().map(|(_, envelope)| envelope).eq(&taken[..of_org2.len()]),
        "in their order, from the first"
    );
    let (numbers, refusal) = goes.await.unwrap();
    assert_eq!((refusal.status, refusal.sentence()), (403, denied("Readers")));
    assert!(numbers.iter().copied().eq(0..numbers.len() as u64) && numbers.len() as u64 <= configs[1]);
    scene.orderer.stop().await.unwrap();
}
