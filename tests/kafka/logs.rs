//! Which log a channel has, that it stays the same one, and what happens while it is away.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use raddle::client::{Answer, Client, Patience, Refusal, message};
use raddle::identity::Signer;
use raddle::logs::Mapping;
use raddle::node::{Channel, Doing};
use raddle::orderer::{Orderer, OrdererSettings};
use raddle_core::ids::ChannelId;
use raddle_proto::common::{HeaderType, Status};
use raddle_serve::channels::Condition;
use tempfile::TempDir;

use crate::broker::admin::{Admin as Topics, Foreign};
use crate::broker::{Broker, free_port};
use crate::harness::eventually::eventually_async;
use crate::harness::golden;
use crate::harness::orderer::{reach, settings};
use crate::settings::{load, write_mapping};

/// Channels that need no system channel; Org1 may write to both.
const RAFT: &str = "raftchannel";
const KAFKA: &str = "appkafka";

/// The mapping of both to this broker.
const BOTH: &str = "Ordering: {kafka: ['BROKER'], etcdraft: ['BROKER']}\n";

/// What is to be done where a channel has another log.
const REMEDY: &str = ": map the channel to the log that it had, or make its ledger anew";

/// An orderer of both channels, which are mapped so.
async fn start(folder: &Path, broker: &Broker, mapping: &str) -> Orderer {
    write_mapping(folder, mapping, broker);
    let configured = load(folder);
    let ordering = Box::new(configured.ordering);
    let kafka = Box::new(raddle_ordering::kafka::Settings {
        // Long enough for a broker that works, and short for one that does not.
        append_timeout: Duration::from_secs(3),
        ..configured.kafka
    });
    let read = |block: &str| Bytes::from(std::fs::read(golden(block)).unwrap());
    let genesis = vec![read("raftchannel.block"), read("appkafka.block")];
    let logs = Mapping::By { ordering, kafka };
    let settings = settings(&folder.join("state"), genesis[0].clone());
    Orderer::start(OrdererSettings { genesis, logs, ..settings }).await.unwrap()
}

fn channel(orderer: &Orderer, id: &str) -> Arc<Channel> {
    orderer.node().channel(id).unwrap()
}

/// Sends one envelope to a channel.
async fn send(orderer: &Orderer, id: &str) -> Result<(), Refusal> {
    send_bytes(orderer, id, b"hello".to_vec()).await
}

async fn send_bytes(orderer: &Orderer, id: &str, data: Vec<u8>) -> Result<(), Refusal> {
    let client = Client::connect(&orderer.address().to_string(), Patience::default()).await.unwrap();
    let org1 = Signer::from_msp_dir("Org1MSP", &golden("org1-admin-msp")).unwrap();
    let id = ChannelId(id.into());
    let envelope = org1.envelope(&id, HeaderType::Message, data, SystemTime::now()).unwrap();
    match client.broadcast(tokio_stream::once(message(&envelope))).next().await.unwrap() {
        Some(Answer::Taken) => Ok(()),
        Some(Answer::Refused(refusal)) => Err(refusal),
        None => panic!("no answer"),
    }
}

/// Sends one, and waits for its block.
async fn order(orderer: &Orderer, id: &str) {
    let height = channel(orderer, id).board().height();
    send(orderer, id).await.unwrap();
    reach(&channel(orderer, id), height + 1).await;
}

async fn halt(orderer: &Orderer, id: &str) -> String {
    let mut doing = channel(orderer, id).board().doing();
    let doing = doing.wait_for(|doing| matches!(doing, Doing::Halted(_))).await.unwrap();
    let Doing::Halted(halt) = &*doing else { unreachable!() };
    halt.to_string()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_channel_whose_mapping_changed_halts_with_both_logs_and_the_other_goes_on() {
    let folder = TempDir::new().unwrap();
    let orderer = start(folder.path(), Broker::shared(), BOTH).await;
    order(&orderer, RAFT).await;
    order(&orderer, KAFKA).await;
    orderer.stop().await.unwrap();
    let mapping = format!("{}, channels: {{{RAFT}: local}}}}\n", BOTH.trim_end().trim_end_matches('}'));
    let orderer = start(folder.path(), Broker::shared(), &mapping).await;
    let sentence = halt(&orderer, RAFT).await;
    let built = ": the store was built from the kafka log ";
    assert!(sentence.contains(built) && sentence.contains(", this is the local log "), "{sentence}");
    assert!(sentence.ends_with(REMEDY), "{sentence}");
    let refusal = send(&orderer, RAFT).await.unwrap_err();
    assert_eq!(refusal.status, Status::ServiceUnavailable as i32);
    assert_eq!(refusal.detail.text("cause"), Some(sentence.as_str()));
    order(&orderer, KAFKA).await;
    orderer.stop().await.unwrap();
    // Mapped as before, it goes on.
    let orderer = start(folder.path(), Broker::shared(), BOTH).await;
    order(&orderer, RAFT).await;
    orderer.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_cluster_under_the_same_address_halts_what_was_built_from_the_first() {
    let (folder, port) = (TempDir::new().unwrap(), free_port());
    let first = Broker::start_at(port, &[]);
    let orderer = start(folder.path(), &first, BOTH).await;
    order(&orderer, RAFT).await;
    orderer.stop().await.unwrap();
    drop(first);
    let second = Broker::start_at(port, &[]);
    let orderer = start(folder.path(), &second, BOTH).await;
    let sentence = halt(&orderer, RAFT).await;
    assert!(
        sentence.contains("was built from the kafka log ") && sentence.contains(", this is the kafka log "),
        "{sentence}"
    );
    assert!(sentence.ends_with(REMEDY), "{sentence}");
    // It had no block yet, so that any log will do.
    order(&orderer, KAFKA).await;
    orderer.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn while_the_broker_is_away_envelopes_are_refused_with_the_cause_and_taken_when_it_is_back() {
    let (folder, broker) = (TempDir::new().unwrap(), Broker::start(&[]));
    let orderer = start(folder.path(), &broker, BOTH).await;
    order(&orderer, KAFKA).await;
    broker.kill();
    let refusal = send(&orderer, KAFKA).await.unwrap_err();
    assert_eq!(
        (refusal.status, refusal.info.as_str()),
        (Status::ServiceUnavailable as i32, "cannot enqueue")
    );
    let cause = refusal.detail.text("cause").unwrap();
    assert!(cause.contains("broker") || cause.contains("partition 0 of topic"), "{cause}");
    assert!(!matches!(*channel(&orderer, KAFKA).board().doing().borrow(), Doing::Halted(_)));
    broker.run();
    // It comes back by itself; until then each is refused.
    eventually_async("envelopes are taken", async || send(&orderer, KAFKA).await.is_ok()).await;
    order(&orderer, KAFKA).await;
    let standing = channel(&orderer, KAFKA).board().standing().borrow().clone();
    assert_eq!(standing.condition, Condition::Serving);
    orderer.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_orderer_without_its_brokers_serves_and_says_what_it_waits_for() {
    let (folder, port) = (TempDir::new().unwrap(), free_port());
    let broker = Broker::start_at(port, &[]);
    let orderer = start(folder.path(), &broker, BOTH).await;
    order(&orderer, RAFT).await;
    orderer.stop().await.unwrap();
    broker.kill();
    let orderer = start(folder.path(), &broker, BOTH).await;
    let refusal = send(&orderer, RAFT).await.unwrap_err();
    let info = "backing Kafka cluster has not completed booting; try again later";
    assert_eq!((refusal.status, refusal.info.as_str()), (Status::ServiceUnavailable as i32, info));
    let cause = refusal.detail.text("cause").unwrap();
    assert!(cause.starts_with("the channel waits for its ordered log: "), "{cause}");
    broker.run();
    eventually_async("envelopes are taken", async || send(&orderer, RAFT).await.is_ok()).await;
    orderer.stop().await.unwrap();
}

/// Puts records of somebody else into a channel's topic.
fn fill(broker: &Broker, id: &str, records: usize) {
    let foreign = Foreign::new(&broker.address(), &ChannelId(id.into()), &[]);
    (0..records).for_each(|_| foreign.put(None, Some(b"somebody else's"), None));
    foreign.flush();
}

/// The one topic is shorter than what was read, the other goes beyond it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_topic_that_is_made_anew_halts_its_channel_with_both_values_and_the_other_goes_on() {
    for (records, is_it) in [(1, "ends before offset"), (60, " had hash ")] {
        let (folder, broker) = (TempDir::new().unwrap(), Broker::start(&[]));
        let orderer = start(folder.path(), &broker, BOTH).await;
        order(&orderer, RAFT).await;
        order(&orderer, RAFT).await;
        let (topics, raft) = (Topics::new(&broker), ChannelId(RAFT.into()));
        topics.delete(&raft);
        topics.make(&raft, &[]);
        fill(&broker, RAFT, records);
        let sentence = halt(&orderer, RAFT).await;
        assert!(sentence.contains(is_it), "{records}: {sentence}");
        let values = [" will have offset 1:", ", the log has "];
        assert!(values.iter().any(|it| sentence.contains(it)), "{sentence}");
        assert!(sentence.contains("back as it was"), "{sentence}");
        let refusal = send(&orderer, RAFT).await.unwrap_err();
        assert_eq!(refusal.detail.text("cause"), Some(sentence.as_str()));
        order(&orderer, KAFKA).await;
        orderer.stop().await.unwrap();
        // A restart changes nothing.
        let orderer = start(folder.path(), &broker, BOTH).await;
        let sentence = halt(&orderer, RAFT).await;
        assert!(sentence.contains(is_it) && sentence.contains("back as it was"), "{sentence}");
        order(&orderer, KAFKA).await;
        orderer.stop().await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn records_that_went_before_they_were_read_halt_their_channel_with_what_to_do() {
    let (folder, broker) = (TempDir::new().unwrap(), Broker::start(&[]));
    let orderer = start(folder.path(), &broker, BOTH).await;
    order(&orderer, RAFT).await;
    orderer.stop().await.unwrap();
    let (topics, raft) = (Topics::new(&broker), ChannelId(RAFT.into()));
    fill(&broker, RAFT, 10);
    let first = topics.end(&raft) - 2;
    topics.forget_before(&raft, first);
    let orderer = start(folder.path(), &broker, BOTH).await;
    let sentence = halt(&orderer, RAFT).await;
    assert!(sentence.contains("no longer holds offset "), "{sentence}");
    let remedy =
        format!(", its first is {first}: take the channel's ledger from an orderer that has read on");
    assert!(sentence.contains(&remedy) && sentence.contains("retention.ms=-1"), "{sentence}");
    order(&orderer, KAFKA).await;
    orderer.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_envelope_that_is_too_large_for_the_brokers_is_refused_before_it_is_sent() {
    let (folder, broker) = (TempDir::new().unwrap(), Broker::start(&["message.max.bytes=50000"]));
    let orderer = start(folder.path(), &broker, BOTH).await;
    order(&orderer, KAFKA).await;
    let (topics, channel) = (Topics::new(&broker), ChannelId(KAFKA.into()));
    let before = topics.end(&channel);
    let refusal = send_bytes(&orderer, KAFKA, vec![0; 60_000]).await.unwrap_err();
    let answer = (refusal.status, refusal.info.as_str());
    assert_eq!(answer, (Status::ServiceUnavailable as i32, "cannot enqueue"));
    let cause = refusal.detail.text("cause").unwrap();
    assert!(cause.starts_with("the record has 6") && cause.contains("takes at most 49"), "{cause}");
    assert!(cause.contains("raise max.message.bytes of the topic"), "{cause}");
    assert_eq!(refusal.detail.text("outcome"), Some("not ordered"));
    assert_eq!(topics.end(&channel), before);
    order(&orderer, KAFKA).await;
    orderer.stop().await.unwrap();
}
