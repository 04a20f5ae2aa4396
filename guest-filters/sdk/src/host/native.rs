//! Stands in for the imports where a policy runs natively. What is not a value of its own lies in the thread, where the
//! test kit puts it.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};

use crate::log::Level;
use crate::{BatchSize, ConsensusState};

#[derive(Clone, Debug, Default)]
pub(crate) struct Settings(pub(crate) BTreeMap<String, String>);

impl Settings {
    pub(crate) fn keys(&self) -> Vec<String> {
        self.0.keys().cloned().collect()
    }

    pub(crate) fn get(&self, key: &str) -> Option<String> {
        self.0.get(key).cloned()
    }
}

#[derive(Clone, Debug)]
pub(crate) struct Channel {
    pub(crate) name: String,
    pub(crate) config_sequence: u64,
    pub(crate) batch_size: BatchSize,
    pub(crate) consensus_state: ConsensusState,
    pub(crate) orderer_capabilities: BTreeSet<String>,
}

impl Channel {
    pub(crate) fn name(&self) -> String {
        self.name.clone()
    }

    pub(crate) fn config_sequence(&self) -> u64 {
        self.config_sequence
    }

    pub(crate) fn batch_size(&self) -> BatchSize {
        self.batch_size
    }

    pub(crate) fn consensus_state(&self) -> ConsensusState {
        self.consensus_state
    }

    pub(crate) fn has_orderer_capability(&self, name: &str) -> bool {
        self.orderer_capabilities.contains(name)
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct CreatorRecord {
    pub(crate) msp_id: Option<String>,
    pub(crate) identity: Vec<u8>,
}

thread_local! {
    static CREATORS: RefCell<Vec<CreatorRecord>> = const { RefCell::new(Vec::new()) };
    static LOG: RefCell<Vec<(Level, String)>> = const { RefCell::new(Vec::new()) };
}

/// The creators of the batch that is being made, by number.
pub(crate) fn set_creators(creators: Vec<CreatorRecord>) {
    CREATORS.set(creators);
}

/// The lines since the last call.
pub(crate) fn take_log() -> Vec<(Level, String)> {
    LOG.take()
}

fn creator<T>(number: u32, read: impl FnOnce(&CreatorRecord) -> T) -> Option<T> {
    CREATORS.with_borrow(|creators| creators.get(usize::try_from(number).ok()?).map(read))
}

pub(crate) fn creator_msp_id(number: u32) -> Option<String> {
    creator(number, |creator| creator.msp_id.clone()).flatten()
}

pub(crate) fn creator_identity(number: u32) -> Vec<u8> {
    creator(number, |creator| creator.identity.clone()).unwrap_or_default()
}

pub(crate) fn log(level: Level, message: &str) {
    LOG.with_borrow_mut(|lines| lines.push((level, message.to_owned())));
}
