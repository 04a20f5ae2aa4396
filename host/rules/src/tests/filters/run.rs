//! Runs filters: one engine for most tests, envelopes and judges as a test wants them.

use std::collections::BTreeMap;
use std::num::NonZeroU16;
use std::rc::Rc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use raddle_core::batch_policy::Fault;
use raddle_core::bundle::Bundle;
use raddle_proto::wire::{Envelope, channel_header};

use super::super::run::bundle;
use crate::profile::ModuleLimits;
use crate::{
    Case, Creator, Filter, FilterEngine, FilterRefusal, GuestStack, Judge, NoLog, PolicyVerdict,
    RefusalStatus, Run, Settings, Timestamp, on_guest_stack,
};

/// A hostile filter, as it is built into `dist`.
macro_rules! hostile {
    ($name:literal) => {
        include_bytes!(concat!("../../../../../guest-filters/dist/hostile/filter-", $name, ".wasm"))
    };
}
pub(super) use hostile;

pub fn new_engine(slots: u16) -> FilterEngine {
    FilterEngine::new(NonZeroU16::new(slots).unwrap()).unwrap()
}

pub fn engine() -> &'static FilterEngine {
    static ENGINE: OnceLock<FilterEngine> = OnceLock::new();
    ENGINE.get_or_init(|| new_engine(4))
}

pub fn settings(pairs: &[(&str, &str)]) -> Settings {
    Settings::new(pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))).unwrap()
}

pub fn bind_on(engine: &FilterEngine, bytes: &[u8], pairs: &[(&str, &str)], limits: ModuleLimits) -> Filter {
    bind_to(engine, bundle(), bytes, pairs, limits)
}

fn bind_to(
    engine: &FilterEngine,
    bundle: Arc<Bundle>,
    bytes: &[u8],
    pairs: &[(&str, &str)],
    limits: ModuleLimits,
) -> Filter {
    let module = engine.load("test", bytes).unwrap();
    module.bind(bundle, settings(pairs), limits, Arc::new(NoLog)).unwrap()
}

pub fn bind(bytes: &[u8], pairs: &[(&str, &str)]) -> Filter {
    bind_on(engine(), bytes, pairs, ModuleLimits::of_filter())
}

/// Runs `work` on a guest thread.
pub fn on_guest<T: Send>(work: impl FnOnce(GuestStack) -> T + Send) -> T {
    on_guest_stack("test filter", work).unwrap()
}

/// What a judge says, and how often it was asked.
#[derive(Clone, Default)]
pub struct Says {
    /// Policies that are not satisfied.
    pub verdicts: BTreeMap<&'static str, PolicyVerdict>,
    pub expires: Option<Timestamp>,
    pub creator: Option<Creator>,
    /// It panics at so many evaluations first.
    pub panics: u32,
    pub evaluations: Arc<AtomicU32>,
}

impl Judge for Says {
    fn evaluate(&self, policy: &str) -> PolicyVerdict {
        let before = self.evaluations.fetch_add(1, Ordering::Relaxed);
        assert!(before >= self.panics, "a judge that panics");
        self.verdicts.get(policy).cloned().unwrap_or(PolicyVerdict::Satisfied)
    }

    fn creator_expires(&self) -> Option<Timestamp> {
        self.expires
    }

    fn creator(&self) -> Result<Creator, String> {
        self.creator.clone().ok_or_else(|| "no creator".to_owned())
    }
}

impl Says {
    pub fn of(policy: &'static str, verdict: PolicyVerdict) -> Self {
        Self { verdicts: BTreeMap::from([(policy, verdict)]), ..Self::default() }
    }

    pub fn evaluations(&self) -> u32 {
        self.evaluations.load(Ordering::Relaxed)
    }
}

/// 1,000 s after the epoch.
pub const RECEIVED: Timestamp = Timestamp { seconds: 1_000, nanoseconds: 7 };

/// A marshalled field of bytes.
pub fn field(number: u8, bytes: &[u8]) -> Vec<u8> {
    let mut out = vec![number << 3 | 2];
    let mut length = bytes.len();
    while length >= 0x80 {
        out.push(u8::try_from(length & 0x7f).unwrap() | 0x80);
        length >>= 7;
    }
    out.push(u8::try_from(length).unwrap());
    out.extend_from_slice(bytes);
    out
}

/// An endorser transaction of 2006-07 with tx id `tx`, epoch 9 and extension `ext`, and with `data`.
pub fn payload(data: &[u8]) -> Vec<u8> {
    let timestamp = field(3, &[8, 0x80, 0x84, 0xaf, 0x5f, 16, 5]);
    let channel_header =
        [vec![8, 3], timestamp, field(4, b"mychannel"), field(5, b"tx"), vec![48, 9], field(7, b"ext")]
            .concat();
    [field(1, &field(1, &channel_header)), field(2, data)].concat()
}

/// An envelope of 2 KB.
pub fn envelope() -> Envelope {
    Envelope::new(&payload(&[7; 1_900]), &[1; 71])
}

pub fn case_of(envelope: Envelope, says: &Says) -> Rc<Case> {
    let header = channel_header(&envelope);
    Case::new(envelope, header, RECEIVED, Box::new(says.clone()))
}

pub fn case(says: &Says) -> Rc<Case> {
    case_of(envelope(), says)
}

/// What a filter makes of the usual envelope.
pub fn run(bytes: &[u8], pairs: &[(&str, &str)], says: &Says) -> Run {
    let filter = bind(bytes, pairs);
    on_guest(|stack| filter.run(stack, &case(says)))
}

pub fn bad_request(sentence: &str) -> Result<Result<(), FilterRefusal>, Fault> {
    Ok(Err(FilterRefusal { status: RefusalStatus::BadRequest, sentence: sentence.to_owned() }))
}

pub fn creator() -> Creator {
    Creator {
        msp_id: "Org1MSP".to_owned(),
        certificate: Bytes::from_static(b"\x30\x00"),
        organisational_units: vec!["client".to_owned(), "dept".to_owned()],
    }
}
