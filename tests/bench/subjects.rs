//! What is measured.

use std::hint::black_box;
use std::io::{BufRead as _, BufReader};
use std::num::NonZeroU16;
use std::rc::Rc;
use std::sync::Arc;

use bytes::Bytes;
use flate2::read::GzDecoder;
use prost::Message as _;
use raddle::node::Modules;
use raddle::replay::{NoBlocks, Replay, Topic};
use raddle::{ConfigBatchPolicies, load_shipped};
use raddle_core::batch_policy::{BatchPolicies, BatchPolicy, EnvelopeInfo, GuestFault, LocalFault, Pending};
use raddle_core::block::BlockHash;
use raddle_core::bundle::{Bundle, CurrentConfig, read_genesis};
use raddle_core::chain::{Chain, ChainState, Event};
use raddle_core::ids::{CreatorNumber, Offset};
use raddle_core::standard::Standard;
use raddle_proto::wire::{Class, Envelope, KafkaMessage, Regular};
use raddle_proto::{common, hash, orderer};
use raddle_rules::artifact::CompileWorker;
use raddle_rules::profile::{FUEL_PER_CALL_MAX, ModuleLimits};
use raddle_rules::store::ModuleStore;
use raddle_rules::{BatchEngine, FilterEngine, GuestStack, NoLog, Settings, on_guest_stack};

use super::{Line, Subject};

const GENESIS: &[u8] = include_bytes!("../golden/fabric-2.5/mychannel.block");
const TOPIC: &[u8] = include_bytes!("../golden/fabric-2.5/mychannel.topic.jsonl.gz");

const SPINS: &[u8] = include_bytes!("../../guest-filters/dist/hostile/spins-at-n.wasm");
const IMPORTS: &[u8] = include_bytes!("../../guest-filters/dist/hostile/imports-in-loop.wasm");

/// Envelopes of 2 KB in the synthetic log.
const ENVELOPES: usize = 20_000;

/// Gives each line to `measure`.
pub fn all(measure: &mut (dyn FnMut(Line<'_>) + Send)) {
    on_guest_stack("bench", |stack| {
        let engine = Arc::new(BatchEngine::new().unwrap());
        let shipped: Rc<dyn BatchPolicies> =
            Rc::new(ConfigBatchPolicies::new(load_shipped(&engine).unwrap(), store(&engine), stack));
        let native: Rc<dyn BatchPolicies> = Rc::new(Native);
        for (count, name, native_name) in [
            (10, "shipped module: fits + add, batches of 10", "native rule, batches of 10"),
            (500, "shipped module: fits + add, batches of 500", "native rule, batches of 500"),
        ] {
            let config = config(count);
            let subject = policy_subject(name, shipped.batch_policy(&config).unwrap(), count);
            let beside = policy_subject(native_name, native.batch_policy(&config).unwrap(), count);
            measure(Line { subject, beside });
        }
        for import in ["batch-size", "settings-keys", "log", "creator-identity"] {
            let name = format!("5 M fuel spent on the import {import}");
            let beside = spend_subject("5 M fuel spent in a plain loop".into(), &engine, stack, SPINS, &[]);
            let settings = [("import", import)];
            measure(Line { subject: spend_subject(name, &engine, stack, IMPORTS, &settings), beside });
        }
        let log = log();
        let sha = || sha256_subject(&log);
        let name = "chain, native rule, 2 KB, batches of 500";
        measure(Line { subject: chain_subject(name, &native, &log), beside: sha() });
        let name = "chain, shipped module, 2 KB, batches of 500";
        measure(Line { subject: chain_subject(name, &shipped, &log), beside: sha() });
        measure(Line { subject: replay_subject(&shipped), beside: read_subject() });
    })
    .unwrap();
}

/// No config here carries a module, so nothing is compiled.
fn store(engine: &Arc<BatchEngine>) -> Arc<ModuleStore> {
    let worker = CompileWorker::new(env!("CARGO_BIN_EXE_raddle"), ["compile-worker"]);
    let filters = Arc::new(FilterEngine::new(NonZeroU16::MIN).unwrap());
    Arc::new(ModuleStore::new(filters, Arc::clone(engine), Modules { worker, cache: None }.settings()))
}

struct Native;

impl BatchPolicies for Native {
    fn batch_policy(&self, config: &Arc<CurrentConfig>) -> Result<Rc<dyn BatchPolicy>, LocalFault> {
        Ok(Rc::new(Standard::new(config.bundle.batch_size)))
    }
}

fn config(max_message_count: u32) -> Arc<CurrentConfig> {
    let genesis = read_genesis(Bytes::from_static(GENESIS)).unwrap();
    let mut config = genesis.config.config.clone();
    let ordering = config.channel_group.as_mut().unwrap().groups.get_mut("Orderer").unwrap();
    let size =
        orderer::BatchSize { max_message_count, preferred_max_bytes: 2 << 20, absolute_max_bytes: 10 << 20 };
    ordering.values.get_mut("BatchSize").unwrap().value = size.encode_to_vec().into();
    Arc::new(CurrentConfig::read(genesis.config.channel().clone(), config).unwrap())
}

fn bundle(max_message_count: u32) -> Arc<Bundle> {
    Arc::clone(&config(max_message_count).bundle)
}

/// A module that spends all the fuel of its first call.
fn spend_subject(
    name: String,
    engine: &BatchEngine,
    stack: GuestStack,
    module: &[u8],
    settings: &[(&str, &str)],
) -> Subject<'static> {
    let limits = ModuleLimits::new(FUEL_PER_CALL_MAX, ModuleLimits::default().memory_bytes()).unwrap();
    let settings = settings.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned()));
    let module = engine.load("spends", module).unwrap();
    let settings = Settings::new(settings).unwrap();
    let policy = module.bind(stack, bundle(10), settings, limits, Arc::new(NoLog)).unwrap();
    let info = info();
    let work = move || {
        let mut batch = policy.begin().unwrap();
        let fault = batch.add(&info, Pending::default()).unwrap_err();
        assert_eq!(fault, GuestFault::OutOfFuel { fuel: FUEL_PER_CALL_MAX }.into());
    };
    Subject { name, units: 1, work: Box::new(work) }
}

fn info() -> EnvelopeInfo<'static> {
    EnvelopeInfo {
        size_bytes: 2048,
        header_type: Some(3),
        creator: CreatorNumber(0),
        creator_bytes: &[b'c'; 800],
    }
}

/// Batches one after the other, each with an instance of its own, as the cutter makes them.
fn policy_subject(name: &str, policy: Rc<dyn BatchPolicy>, count: u32) -> Subject<'static> {
    let batches = ENVELOPES / count as usize;
    let info = info();
    let work = move || {
        for _ in 0..batches {
            let mut batch = policy.begin().unwrap();
            let mut pending = Pending::default();
            loop {
                if pending.count > 0 {
                    assert!(batch.fits(&info, pending).unwrap());
                }
                let is_full = batch.add(&info, pending).unwrap();
                pending.count += 1;
                pending.size_bytes += info.size_bytes;
                if is_full {
                    break;
                }
            }
            assert_eq!(pending.count, count);
        }
    };
    Subject { name: name.into(), units: batches * count as usize, work: Box::new(work) }
}

fn chain_subject<'a>(name: &str, policies: &'a Rc<dyn BatchPolicies>, log: &'a [Bytes]) -> Subject<'a> {
    let work = move || {
        let state = ChainState::genesis(BlockHash([0; 32]));
        let mut chain = Chain::new(state, config(500), Rc::clone(policies)).unwrap();
        for (offset, value) in log.iter().enumerate() {
            let event = Event::Record { offset: Offset(offset as i64), value: value.clone() };
            black_box(chain.step(event).unwrap());
        }
    };
    Subject { name: name.into(), units: log.len(), work: Box::new(work) }
}

/// The floor of a chain: every byte of an envelope is hashed once.
fn sha256_subject(log: &[Bytes]) -> Subject<'_> {
    let work = move || {
        for batch in log.chunks(500) {
            black_box(hash::block_data_hash(batch.iter().map(AsRef::as_ref)));
        }
    };
    Subject { name: "SHA-256 of the same records".into(), units: log.len(), work: Box::new(work) }
}

/// Distinct envelopes of 2 KB, as records.
fn log() -> Vec<Bytes> {
    let header = common::Header {
        channel_header: common::ChannelHeader { r#type: 3, channel_id: "c".into(), ..Default::default() }
            .encode_to_vec()
            .into(),
        signature_header: common::SignatureHeader {
            creator: vec![b'c'; 800].into(),
            nonce: vec![7; 24].into(),
        }
        .encode_to_vec()
        .into(),
    };
    (0..ENVELOPES)
        .map(|index| {
            let mut data = vec![b'd'; 1100];
            data[..8].copy_from_slice(&(index as u64).to_be_bytes());
            let payload = common::Payload { header: Some(header.clone()), data: data.into() }.encode_to_vec();
            KafkaMessage::Regular(Regular {
                payload: Envelope::new(&payload, &[b's'; 71]).marshal(),
                config_sequence: 1,
                class: Class::Normal,
                original_offset: 0,
            })
            .marshal()
        })
        .collect()
}

const RECORDED_ENVELOPES: usize = 1936;

fn replay_subject(policies: &Rc<dyn BatchPolicies>) -> Subject<'_> {
    let work = || {
        let topic = Topic::Embedded { name: "recorded", bytes: TOPIC };
        let replay = Replay::new(Bytes::from_static(GENESIS), &topic, Rc::clone(policies), None).unwrap();
        let summary = replay.run(&mut NoBlocks, Arc::default(), &mut |_| {}).unwrap();
        assert_eq!(summary.envelopes, RECORDED_ENVELOPES as u64);
    };
    Subject { name: "replay of the recorded topic".into(), units: RECORDED_ENVELOPES, work: Box::new(work) }
}

fn read_subject() -> Subject<'static> {
    let work = || {
        let lines = BufReader::new(GzDecoder::new(TOPIC)).lines().map(Result::unwrap).count();
        assert_eq!(lines, 1958);
    };
    Subject { name: "reading the same lines".into(), units: RECORDED_ENVELOPES, work: Box::new(work) }
}
