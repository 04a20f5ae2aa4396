//! Filters that come, change and go under load: no envelope is lost or doubled, and none is committed under a config
//! whose filters would refuse it.

use std::collections::{BTreeSet, VecDeque};
use std::num::NonZeroU16;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use prost::Message as _;
use raddle::admin::modules::{OWNER, with, without};
use raddle::client::{Answer, Client, Verifier, message};
use raddle::identity::Signer;
use raddle::node::{Channel, EnvelopeJudge, Modules, Usage};
use raddle_core::bundle::{CurrentConfig, read_config_of};
use raddle_core::chain::Note;
use raddle_core::ids::{BlockNumber, ChannelId, Offset};
use raddle_core::modules::active_modules;
use raddle_proto::common::{Block, Config, HeaderType};
use raddle_proto::wire::{self, Envelope, KafkaMessage};
use raddle_rules::admission::{ExpirationChecks, Filters, Refusal, RuleSet, StandardFilters};
use raddle_rules::store::{Effort, ModuleStore, Profile1};
use raddle_rules::{BatchEngine, Case, FilterEngine, GuestStack, NoLog, Timestamp};
use tokio::sync::{mpsc, watch};
use tokio_stream::StreamExt as _;
use tokio_stream::wrappers::ReceiverStream;

use crate::harness::admin::filter;
use crate::harness::filters::refuses_shorter;
use crate::harness::scene::Scene;
use crate::harness::{dist, orderer, with_guest_stack};

const STREAMS: usize = 8;
const IN_FLIGHT: usize = 64;
const ENVELOPES: usize = 50_000;
const RELOADS: usize = 24;

/// Envelopes as clients send them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Sort {
    /// Most of them: no filter here refuses one.
    Usual,
    /// Carries less.
    Short,
    /// Of another type.
    Transaction,
}

/// One in so many envelopes is short, or a transaction: a stream ends with the first that is refused.
const ODD_ONE_OUT: usize = 128;

/// What the filters say of those.
const SENTENCES: [&str; 2] =
    ["of the wrong length", "this channel takes no envelopes of type ENDORSER_TRANSACTION"];

// === the config, reload after reload ===

fn envelope(signer: &Signer, sort: Sort) -> Envelope {
    let channel = ChannelId("demo".into());
    let (header_type, data_bytes) = match sort {
        Sort::Usual => (HeaderType::Message, 400),
        Sort::Short => (HeaderType::Message, 100),
        Sort::Transaction => (HeaderType::EndorserTransaction, 400),
    };
    signer.envelope(&channel, header_type, vec![b'x'; data_bytes], SystemTime::now()).unwrap()
}

/// Between the bytes of a short payload and those of a usual one. A few more or less come and go with the time in it.
fn bytes_between(signer: &Signer) -> usize {
    let [short, usual] = [Sort::Short, Sort::Usual].map(|sort| envelope(signer, sort).payload().len());
    short.midpoint(usual)
}

/// The config of a reload: the filter of the example is installed, gets another setting, other bytes, and is removed.
fn change(config: &Config, reload: usize, bytes: usize) -> Config {
    let install = |component: Vec<u8>, setting: (&str, &str)| {
        with(config, &filter("guard", component, &[setting]), OWNER).unwrap()
    };
    let example = || dist("examples/custom-filter.wasm");
    match reload % 4 {
        0 => install(example(), ("deny-types", "ENDORSER_TRANSACTION")),
        1 => install(example(), ("deny-types", "CHAINCODE_PACKAGE")),
        2 => install(refuses_shorter(), ("bytes", &bytes.to_string())),
        _ => without(config, &["guard".to_owned()]).unwrap(),
    }
}

/// What is refused after so many reloads.
fn refused_after(reloads: usize) -> Option<Sort> {
    match reloads % 4 {
        1 => Some(Sort::Transaction),
        3 => Some(Sort::Short),
        _ => None,
    }
}

// === the load ===

/// Signatures of what a stream has sent.
#[derive(Default)]
struct Sent {
    taken: BTreeSet<Bytes>,
    /// Refused, or behind what was refused.
    not_taken: BTreeSet<Bytes>,
    refusals: usize,
}

/// Sends until told to stop. A stream that ends with a refusal is opened again.
async fn send(
    client: Client,
    signer: Arc<Signer>,
    count: watch::Sender<usize>,
    stop: Arc<AtomicBool>,
) -> Sent {
    let (mut sent, mut serial) = (Sent::default(), 0);
    while !stop.load(Ordering::Relaxed) {
        let (queue, envelopes) = mpsc::channel(IN_FLIGHT);
        let mut answers = client.broadcast(ReceiverStream::new(envelopes));
        let mut owed = VecDeque::new();
        loop {
            while owed.len() < IN_FLIGHT && !stop.load(Ordering::Relaxed) {
                serial += 1;
                let sort = match serial % (2 * ODD_ONE_OUT) {
                    0 => Sort::Short,
                    ODD_ONE_OUT => Sort::Transaction,
                    _ => Sort::Usual,
                };
                let envelope = envelope(&signer, sort);
                owed.push_back(envelope.signature().clone());
                // Where the stream has ended, its last answer is on its way.
                let _ = queue.send(message(&envelope)).await;
            }
            if owed.is_empty() {
                break;
            }
            match answers.next().await.unwrap().unwrap() {
                Answer::Taken => {
                    sent.taken.extend(owed.pop_front());
                    count.send_modify(|count| *count += 1);
                }
                Answer::Refused(refusal) => {
                    assert!(SENTENCES.contains(&refusal.info.as_str()), "{refusal}");
                    sent.refusals += 1;
                    sent.not_taken.extend(owed);
                    break;
                }
            }
        }
    }
    sent
}

// === what came of it ===

/// What has become of what was sent.
#[derive(Default)]
struct Outcome {
    blocks: Vec<Block>,
    committed: BTreeSet<Bytes>,
    /// Acknowledged, met under a later config, and refused by it.
    refused_again: BTreeSet<Bytes>,
}

/// Follows the channel until each envelope that was acknowledged is committed or refused by a later config.
async fn settle(scene: &Scene, taken: &BTreeSet<Bytes>) -> Outcome {
    let channel = scene.channel();
    let (mut standing, mut notes) = (channel.board().standing(), scene.told.notes.subscribe());
    let mut verifier = Verifier::from_start(channel.id().clone());
    let mut outcome = Outcome::default();
    let mut missing = taken.clone();
    loop {
        let (height, noted) = (standing.borrow_and_update().height, notes.borrow_and_update().clone());
        for number in verifier.next_number()..height {
            let block = channel.ledger().block(BlockNumber(number)).unwrap().unwrap();
            let block = Block::decode(block).unwrap();
            verifier.verify(&block).unwrap();
            for envelope in &block.data.as_ref().unwrap().data {
                let signature = Envelope::unmarshal(envelope.clone()).unwrap().signature().clone();
                missing.remove(&signature);
                assert!(outcome.committed.insert(signature), "an envelope is there twice");
            }
            outcome.blocks.push(block);
        }
        for note in noted {
            if let Note::RefusedAgain { offset, reason } = note {
                assert!(SENTENCES.contains(&reason.as_str()), "{reason}");
                let signature = signature_at(&channel, offset).await;
                missing.remove(&signature);
                outcome.refused_again.insert(signature);
            }
        }
        if missing.is_empty() {
            return outcome;
        }
        tokio::select! {
            changed = standing.changed() => changed.unwrap(),
            changed = notes.changed() => changed.unwrap(),
        }
    }
}

/// The signature of the envelope that stands at a place in the log.
async fn signature_at(channel: &Channel, offset: Offset) -> Bytes {
    let record = channel.log().read(channel.id(), offset).next().await.unwrap().unwrap();
    assert_eq!(record.offset, offset);
    let KafkaMessage::Regular(regular) = KafkaMessage::unmarshal(record.value).unwrap() else { panic!() };
    Envelope::unmarshal(regular.payload).unwrap().signature().clone()
}

/// The rules of config blocks, made anew of what stands in them.
struct Rules {
    standard: StandardFilters,
    store: ModuleStore,
    usage: Arc<Usage>,
}

/// What a channel judges by, and who may do what.
struct Judged {
    config: CurrentConfig,
    set: RuleSet,
}

impl Rules {
    fn new() -> Self {
        let filters = Arc::new(FilterEngine::new(NonZeroU16::MIN).unwrap());
        let standard = StandardFilters::load(&filters).unwrap();
        let settings = Modules { worker: orderer::worker(), cache: None }.settings();
        let store = ModuleStore::new(filters, Arc::new(BatchEngine::new().unwrap()), settings);
        Self { standard, store, usage: Arc::new(Usage::new(false)) }
    }

    fn of(&self, config: CurrentConfig) -> Judged {
        let filters = active_modules(&config.config, &config.bundle, &Profile1).filters.into_iter();
        let prepare = |filter: raddle_core::modules::ActiveFilter| {
            self.store.prepare_filter("demo", &filter.spec.unwrap(), Effort::Loose).unwrap()
        };
        let filters = filters.map(prepare).collect();
        let log = |_: &str| Arc::new(NoLog) as _;
        let set = RuleSet::new(&config.bundle, &self.standard, ExpirationChecks::On, filters, log).unwrap();
        Judged { config, set }
    }

    fn admit(&self, stack: GuestStack, judged: &Judged, envelope: Envelope) -> Result<(), Refusal> {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
        let now = Timestamp { seconds: now.try_into().unwrap(), nanoseconds: 0 };
        let (access, usage) = (Arc::clone(&judged.config.access), Arc::clone(&self.usage));
        let signature_header = wire::signature_header(&envelope);
        let judge = EnvelopeJudge::new(access, envelope.clone(), &signature_header, usage);
        let header = wire::channel_header(&envelope);
        judged.set.admit(stack, Filters::All, &Case::new(envelope, header, now, Box::new(judge)))
    }
}

/// Asks the filters of each config about every envelope that was committed under it. Answers how many configs there
/// were after the first.
fn judge_all_again(stack: GuestStack, blocks: Vec<Block>, signer: &Signer) -> usize {
    let (rules, mut judged, mut reloads) = (Rules::new(), None, 0);
    for block in blocks {
        let (header, data) = (block.header.unwrap(), block.data.unwrap().data);
        if let Ok(config) = read_config_of(data[0].clone()) {
            reloads = usize::try_from(config.bundle.sequence.0).unwrap();
            let now = rules.of(config);
            // The rules of this config are the ones that were meant.
            for sort in [Sort::Short, Sort::Usual, Sort::Transaction] {
                let is_refused = rules.admit(stack, &now, envelope(signer, sort)).is_err();
                assert_eq!(is_refused, refused_after(reloads) == Some(sort), "{sort:?}, {reloads}");
            }
            judged = Some(now);
            continue;
        }
        let judged = judged.as_ref().unwrap();
        for envelope in data {
            let answer = rules.admit(stack, judged, Envelope::unmarshal(envelope).unwrap());
            assert_eq!(answer, Ok(()), "block {}, config sequence {reloads}", header.number);
        }
    }
    reloads
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_committed_under_load_satisfies_the_filters_of_its_config_and_nothing_is_lost_or_doubled() {
    let scene = Scene::start().await;
    let signer = Arc::clone(scene.admin.client());
    let (stop, count) = (Arc::new(AtomicBool::new(false)), watch::Sender::new(0));
    let mut senders = Vec::new();
    for _ in 0..STREAMS {
        let (client, signer) = (scene.client().await, Arc::clone(&signer));
        senders.push(tokio::spawn(send(client, signer, count.clone(), Arc::clone(&stop))));
    }
    let (admin, bytes) = (scene.client().await, bytes_between(&signer));
    let mut is_reached = count.subscribe();
    // So that nobody waits for senders that have all failed.
    drop(count);
    for reload in 0..RELOADS {
        let reached = (reload + 1) * ENVELOPES / (RELOADS + 1);
        is_reached.wait_for(|count| *count >= reached).await.unwrap();
        scene.update(&admin, |config| change(config, reload, bytes)).await;
    }
    is_reached.wait_for(|count| *count >= ENVELOPES).await.unwrap();
    stop.store(true, Ordering::Relaxed);
    let mut sent = Sent::default();
    for sender in senders {
        let mut one = sender.await.unwrap();
        sent.taken.append(&mut one.taken);
        sent.not_taken.append(&mut one.not_taken);
        sent.refusals += one.refusals;
    }
    assert!(sent.taken.len() >= ENVELOPES && sent.refusals > 0);
    let Outcome { blocks, committed, refused_again } = settle(&scene, &sent.taken).await;
    assert!(committed.is_disjoint(&sent.not_taken), "what is refused, and what is behind it, is not ordered");
    assert!(committed.is_disjoint(&refused_again), "what is refused again is not ordered");
    assert!(refused_again.is_subset(&sent.taken));
    let reloads = tokio::task::spawn_blocking(move || {
        with_guest_stack(|stack| judge_all_again(stack, blocks, &signer))
    });
    assert_eq!(reloads.await.unwrap(), RELOADS);
    scene.orderer.stop().await.unwrap();
}
