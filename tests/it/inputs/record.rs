//! Records of a topic, as any client of the brokers can write them: what stands in the log is never refused for its
//! form, and a chain made anew behind any block goes on as the one that never stopped.

use std::rc::Rc;
use std::sync::Arc;

use bytes::Bytes;
use proptest::prelude::*;
use proptest::sample::Index;
use raddle_core::batch_policy::{BatchPolicies, BatchPolicy, LocalFault};
use raddle_core::block::BlockHash;
use raddle_core::bundle::CurrentConfig;
use raddle_core::chain::{Action, Chain, ChainError, ChainState, CutBlock, Event, Verdict};
use raddle_core::ids::Offset;
use raddle_core::standard::Standard;
use raddle_proto::wire::KafkaMessage;

use super::mutation::{Mutation, mutate, mutations};
use super::{Outcome, try_inputs};
use crate::harness::Recorded;

struct Native;

impl BatchPolicies for Native {
    fn batch_policy(&self, config: &Arc<CurrentConfig>) -> Result<Rc<dyn BatchPolicy>, LocalFault> {
        Ok(Rc::new(Standard::new(config.bundle.batch_size)))
    }
}

/// A chain from some block on, and what it made of the records behind it.
#[derive(Default)]
struct Made {
    blocks: Vec<CutBlock>,
    /// What ended it, if anything did.
    error: Option<String>,
}

impl Made {
    fn of(state: ChainState, config: Arc<CurrentConfig>, records: &[Bytes]) -> Self {
        let mut made = Self::default();
        let mut chain = match Chain::new(state, config, Rc::new(Native)) {
            Ok(chain) => chain,
            Err(error) => return Self { error: Some(error.to_string()), ..made },
        };
        let from = usize::try_from(state.offsets.last_persisted.0 + 1).unwrap_or(0);
        for (offset, value) in records.iter().enumerate().skip(from) {
            let event = Event::Record { offset: Offset(offset as i64), value: value.clone() };
            if let Err(error) = made.step(&mut chain, event) {
                made.error = Some(error.to_string());
                break;
            }
        }
        made
    }

    /// Whatever is to be judged again is admitted.
    fn step(&mut self, chain: &mut Chain, event: Event) -> Result<(), ChainError> {
        for action in chain.step(event)? {
            match action {
                Action::WriteBlock(cut) => self.blocks.push(*cut),
                Action::Judge { envelope, .. } => {
                    self.step(chain, Event::Judged(Verdict::Admitted { envelope }))?;
                }
                _ => {}
            }
        }
        Ok(())
    }

    fn blocks(&self) -> Vec<(BlockHash, Bytes)> {
        self.blocks.iter().map(|cut| (cut.block.hash(), cut.block.consenter_metadata.clone())).collect()
    }
}

#[derive(Clone, Debug)]
struct Pick {
    which: Index,
    is_config: bool,
    /// None: it stands as it was recorded.
    mutations: Option<Vec<Mutation>>,
}

fn pick() -> impl Strategy<Value = Pick> + Clone {
    let changed = proptest::option::weighted(0.7, mutations());
    (any::<Index>(), proptest::bool::weighted(0.2), changed).prop_map(|(which, is_config, mutations)| Pick {
        which,
        is_config,
        mutations,
    })
}

/// One record alone: read, and written as it is read.
fn read(record: &Bytes) -> bool {
    let Ok(message) = KafkaMessage::unmarshal(record.clone()) else { return false };
    assert_eq!(KafkaMessage::unmarshal(message.marshal()).unwrap(), message);
    true
}

#[test]
fn topic_record() {
    let recorded = Recorded::mychannel();
    let records = recorded.records();
    let configs: Vec<usize> = (0..records.len()).filter(|&index| records[index].len() > 15_000).collect();
    assert!(configs.len() > 10);
    let strategy = (proptest::collection::vec(pick(), 1..40), any::<Index>());
    try_inputs("topic record", 300, &strategy, |(picks, restart)| {
        let topic: Vec<Bytes> = picks
            .iter()
            .map(|Pick { which, is_config, mutations }| {
                let index = if *is_config { *which.get(&configs) } else { which.index(records.len()) };
                match mutations {
                    Some(mutations) => mutate(&records[index], mutations, &records).into(),
                    None => records[index].clone(),
                }
            })
            .collect();
        let readable = topic.iter().filter(|record| read(record)).count();
        let (state, config) = recorded.start();
        let made = Made::of(state, Arc::clone(&config), &topic);
        if !made.blocks.is_empty() {
            let at = restart.index(made.blocks.len());
            let configs = made.blocks[..=at].iter().rev().find_map(|cut| cut.config.clone());
            let again = Made::of(made.blocks[at].state, configs.unwrap_or(config), &topic);
            assert_eq!(again.blocks(), made.blocks()[at + 1..]);
            assert_eq!(again.error, made.error);
        }
        if readable == topic.len() && made.error.is_none() { Outcome::Taken } else { Outcome::Refused }
    });
}
