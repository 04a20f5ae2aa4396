//! Any bytes as block, config, record or module get an answer, and never a panic.

use std::rc::Rc;
use std::sync::Arc;

use bytes::Bytes;
use proptest::prelude::*;
use raddle_core::batch_policy::{BatchPolicies, BatchPolicy, LocalFault};
use raddle_core::bundle::{CurrentConfig, read_genesis};
use raddle_core::chain::{Chain, Event};
use raddle_core::ids::Offset;
use raddle_core::standard::Standard;
use raddle_rules::shipped::BATCH_COUNT_AND_BYTES;
use raddle_rules::{BatchEngine, LoadError};

use crate::harness::{Recorded, step};

fn cases() -> ProptestConfig {
    let cases = if std::env::var_os("RADDLE_SOAK").is_some() { 50_000 } else { 500 };
    ProptestConfig { cases, failure_persistence: None, ..ProptestConfig::default() }
}

/// A change to some bytes: one replaced, a piece cut out, doubled, or filled with noise.
#[derive(Clone, Debug)]
enum Mutation {
    Byte { at: prop::sample::Index, value: u8 },
    Cut { at: prop::sample::Index, length: usize },
    Double { at: prop::sample::Index, length: usize },
    Insert { at: prop::sample::Index, noise: Vec<u8> },
    Truncate { at: prop::sample::Index },
}

fn mutation() -> impl Strategy<Value = Mutation> {
    use Mutation::{Byte, Cut, Double, Insert, Truncate};
    let at = any::<prop::sample::Index>;
    prop_oneof![
        5 => (at(), any::<u8>()).prop_map(|(at, value)| Byte { at, value }),
        1 => (at(), 1usize..40).prop_map(|(at, length)| Cut { at, length }),
        1 => (at(), 1usize..40).prop_map(|(at, length)| Double { at, length }),
        1 => (at(), proptest::collection::vec(any::<u8>(), 1..12)).prop_map(|(at, noise)| Insert { at, noise }),
        1 => at().prop_map(|at| Truncate { at }),
    ]
}

fn mutate(bytes: &[u8], mutations: &[Mutation]) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    for mutation in mutations {
        if bytes.is_empty() {
            break;
        }
        let length_of = |at: usize, length: usize| length.min(bytes.len() - at);
        match mutation {
            Mutation::Byte { at, value } => {
                let at = at.index(bytes.len());
                bytes[at] = *value;
            }
            Mutation::Cut { at, length } => {
                let at = at.index(bytes.len());
                let length = length_of(at, *length);
                bytes.drain(at..at + length);
            }
            Mutation::Double { at, length } => {
                let at = at.index(bytes.len());
                let piece = bytes[at..at + length_of(at, *length)].to_vec();
                bytes.splice(at..at, piece);
            }
            Mutation::Insert { at, noise } => {
                let at = at.index(bytes.len());
                bytes.splice(at..at, noise.iter().copied());
            }
            Mutation::Truncate { at } => bytes.truncate(at.index(bytes.len())),
        }
    }
    bytes
}

fn mutations() -> impl Strategy<Value = Vec<Mutation>> {
    proptest::collection::vec(mutation(), 1..5)
}

#[test]
fn as_a_genesis_block() {
    let genesis = Recorded::mychannel().genesis;
    assert!(read_genesis(genesis.clone()).is_ok());
    let refused = std::cell::Cell::new(0);
    proptest!(cases(), |(mutations in mutations(), noise in proptest::collection::vec(any::<u8>(), 0..200))| {
        refused.set(refused.get() + u32::from(read_genesis(mutate(&genesis, &mutations).into()).is_err()));
        prop_assert!(read_genesis(noise.into()).is_err());
    });
    assert!(refused.get() > 0);
}

struct Native;

impl BatchPolicies for Native {
    fn batch_policy(&self, config: &Arc<CurrentConfig>) -> Result<Rc<dyn BatchPolicy>, LocalFault> {
        Ok(Rc::new(Standard::new(config.bundle.batch_size)))
    }
}

/// Real records, among them config records, broken in ways that leave much of them whole.
#[test]
fn as_records_of_the_log() {
    let recorded = Recorded::mychannel();
    let records = recorded.records();
    let configs: Vec<usize> = (0..records.len()).filter(|&index| records[index].len() > 15_000).collect();
    assert!(configs.len() > 10);
    let picks = proptest::collection::vec((any::<prop::sample::Index>(), any::<bool>(), mutations()), 1..30);
    proptest!(cases(), |(picks in picks)| {
        let (state, config) = recorded.start();
        let mut chain = Chain::new(state, config, Rc::new(Native)).unwrap();
        for (offset, (pick, is_config, mutations)) in picks.iter().enumerate() {
            let index = if *is_config { *pick.get(&configs) } else { pick.index(records.len()) };
            let value = Bytes::from(mutate(&records[index], mutations));
            let offset = Offset(offset as i64);
            // A config that asks for an unknown capability halts the chain, by an error.
            match chain.step(Event::Record { offset, value }) {
                Ok(actions) => {
                    for action in actions {
                        if let raddle_core::chain::Action::Judge { envelope, .. } = action {
                            let verdict = raddle_core::chain::Verdict::Admitted { envelope };
                            step(&mut chain, Event::Judged(verdict), &mut |_| {});
                        }
                    }
                }
                Err(_) => break,
            }
        }
    });
}

#[test]
fn as_a_module() {
    let engine = BatchEngine::new().unwrap();
    let refused = std::cell::Cell::new(0);
    // Compiling what passes the check takes milliseconds.
    let config = ProptestConfig { cases: cases().cases / 5, ..cases() };
    proptest!(config, |(mutations in mutations(), noise in proptest::collection::vec(any::<u8>(), 0..200))| {
        let mutated = mutate(BATCH_COUNT_AND_BYTES.bytes, &mutations);
        match engine.load("mutated", &mutated) {
            Err(LoadError::Refused(_)) => refused.set(refused.get() + 1),
            Err(LoadError::Local(fault)) => prop_assert!(false, "passed the check and did not compile: {}", fault),
            Ok(_) => {}
        }
        prop_assert!(matches!(engine.load("noise", &noise), Err(LoadError::Refused(_))));
    });
    assert!(refused.get() > 0);
}
