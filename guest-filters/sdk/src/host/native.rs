//! Stands in for the imports where a policy runs natively. What is not a value of its own lies in the thread, where the
//! test kit puts it.

use std::borrow::Cow;
use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet};

use crate::log::Level;
use crate::{BatchSize, ConsensusState, Header, Identity, PolicyFailure, Scope};

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

    pub(crate) fn absolute_max_bytes(&self) -> u32 {
        import();
        self.batch_size.absolute_max_bytes
    }

    pub(crate) fn consensus_state(&self) -> ConsensusState {
        import();
        self.consensus_state
    }

    pub(crate) fn has_orderer_capability(&self, name: &str) -> bool {
        import();
        self.orderer_capabilities.contains(name)
    }

    pub(crate) fn has_expiration_check(&self) -> bool {
        import();
        ["V1_1", "V1_4_2", "V2_0"].iter().any(|name| self.orderer_capabilities.contains(*name))
    }
}

/// Who satisfies a signature policy.
pub(crate) type Policy = fn(&Identity) -> bool;

/// An envelope and the policies that judge it.
#[derive(Clone, Debug)]
pub(crate) struct Envelope {
    pub(crate) payload: PayloadView,
    pub(crate) header: Header,
    pub(crate) creator: Option<Identity>,
    /// Whether the signature header can be decoded.
    pub(crate) is_readable: bool,
    pub(crate) policies: BTreeMap<String, Policy>,
    pub(crate) evaluated: RefCell<Evaluated>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Payload {
    Zeros {
        size_bytes: u64,
    },
    Bytes(&'static [u8]),
    /// A call of chaincode, whose bytes are made of this and the rest of the envelope.
    Call {
        chaincode: &'static str,
        arguments: &'static [&'static str],
    },
}

/// What is read of a payload.
#[derive(Clone, Debug)]
pub(crate) enum PayloadView {
    Zeros { size_bytes: u64 },
    Bytes(Cow<'static, [u8]>),
}

/// What came of the policies so far.
#[derive(Clone, Debug, Default)]
pub(crate) struct Evaluated {
    pub(crate) policies: BTreeSet<String>,
    /// Of the last one that was not satisfied.
    pub(crate) text: Option<String>,
}

impl Envelope {
    pub(crate) fn read_payload(&self, offset: u64, size_bytes: u32) -> Vec<u8> {
        import();
        match &self.payload {
            PayloadView::Zeros { size_bytes: all } => {
                let left = all.saturating_sub(offset).min(u64::from(size_bytes));
                vec![0; usize::try_from(left).unwrap_or(usize::MAX)]
            }
            PayloadView::Bytes(bytes) => {
                let offset = usize::try_from(offset).unwrap_or(usize::MAX);
                let size = usize::try_from(size_bytes).unwrap_or(usize::MAX);
                bytes.iter().skip(offset).take(size).copied().collect()
            }
        }
    }

    pub(crate) fn header(&self) -> Result<Header, String> {
        import();
        Ok(self.header.clone())
    }

    pub(crate) fn creator(&self) -> Result<Identity, String> {
        import();
        self.creator.clone().ok_or_else(|| "the creator is no X.509 identity".to_owned())
    }

    pub(crate) fn satisfies(&self, policy: &str) -> Result<(), PolicyFailure> {
        import();
        let mut evaluated = self.evaluated.borrow_mut();
        evaluated.policies.insert(policy.to_owned());
        let (failure, text) = if !self.is_readable {
            let cause =
                "GetSignatureHeaderFromBytes failed, err proto: cannot parse invalid wire-format data";
            (PolicyFailure::Unreadable, format!("could not convert message to signedData: {cause}"))
        } else if let Some(rule) = self.policies.get(policy) {
            if self.creator.as_ref().is_some_and(rule) {
                return Ok(());
            }
            let text = "signature set did not satisfy policy: permission denied";
            (PolicyFailure::Denied, text.to_owned())
        } else {
            (PolicyFailure::Missing, format!("could not find policy {policy}"))
        };
        evaluated.text = Some(text);
        Err(failure)
    }

    pub(crate) fn satisfies_writers(&self, scope: Scope) -> Result<(), PolicyFailure> {
        self.satisfies(match scope {
            Scope::Channel => "/Channel/Writers",
            Scope::Orderer => "/Channel/Orderer/Writers",
        })
    }

    pub(crate) fn policy_text(&self) -> Option<String> {
        import();
        self.evaluated.borrow().text.clone()
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
