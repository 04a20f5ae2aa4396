//! Stands in for the imports where a policy runs natively. What is not a value of its own lies in the thread, where the
//! test kit puts it.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet};

use crate::log::Level;
use crate::{BatchSize, ConsensusState};

#[derive(Clone, Debug, Default)]
pub(crate) struct Settings(pub(crate) BTreeMap<String, String>);

impl Settings {
    pub(crate) fn keys(&self) -> Vec<String> {
        import();
        self.0.keys().cloned().collect()
    }

    pub(crate) fn get(&self, key: &str) -> Option<String> {
        import();
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
        import();
        self.name.clone()
    }

    pub(crate) fn config_sequence(&self) -> u64 {
        import();
        self.config_sequence
    }

    pub(crate) fn batch_size(&self) -> BatchSize {
        import();
        self.batch_size
    }

    pub(crate) fn consensus_state(&self) -> ConsensusState {
        import();
        self.consensus_state
    }

    pub(crate) fn has_orderer_capability(&self, name: &str) -> bool {
        import();
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
    static IMPORTS: Cell<u64> = const { Cell::new(0) };
}

/// A creator's number in the batch that is being made.
pub(crate) fn creator_number(creator: CreatorRecord) -> u32 {
    CREATORS.with_borrow_mut(|creators| {
        let place = creators.iter().position(|known| *known == creator).unwrap_or_else(|| {
            creators.push(creator);
            creators.len() - 1
        });
        u32::try_from(place).unwrap_or(u32::MAX)
    })
}

/// The batch is cut: numbers begin anew.
pub(crate) fn forget_creators() {
    CREATORS.take();
}

/// The lines since the last call.
pub(crate) fn take_log() -> Vec<(Level, String)> {
    LOG.take()
}

/// How many imports were called since the last call of this.
pub(crate) fn take_imports() -> u64 {
    IMPORTS.take()
}

fn import() {
    IMPORTS.set(IMPORTS.get().saturating_add(1));
}

fn creator<T>(number: u32, read: impl FnOnce(&CreatorRecord) -> T) -> Option<T> {
    import();
    CREATORS.with_borrow(|creators| creators.get(usize::try_from(number).ok()?).map(read))
}

pub(crate) fn creator_msp_id(number: u32) -> Option<String> {
    creator(number, |creator| creator.msp_id.clone()).flatten()
}

pub(crate) fn creator_identity(number: u32) -> Vec<u8> {
    creator(number, |creator| creator.identity.clone()).unwrap_or_default()
}

pub(crate) fn log(level: Level, message: &str) {
    import();
    LOG.with_borrow_mut(|lines| lines.push((level, message.to_owned())));
}
