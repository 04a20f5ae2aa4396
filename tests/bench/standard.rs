//! What the four filters cost an envelope, beside the one signature check that no orderer can do without.

use std::cell::Cell;
use std::hint::black_box;
use std::num::NonZeroU16;
use std::rc::Rc;
use std::sync::Arc;

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_ASN1, ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, KeyPair as _, UnparsedPublicKey,
};
use bytes::Bytes;
use raddle_core::bundle::{Bundle, read_genesis};
use raddle_proto::common::ChannelHeader;
use raddle_proto::wire::Envelope;
use raddle_rules::admission::{ExpirationChecks, Filters, RuleSet, StandardFilters};
use raddle_rules::profile::ModuleLimits;
use raddle_rules::shipped::EMPTY;
use raddle_rules::{
    Case, Creator, Filter, FilterEngine, GuestStack, Judge, NoLog, PolicyVerdict, Settings, Timestamp,
    on_guest_stack,
};

use super::{Line, Subject};

const GENESIS: &[u8] = include_bytes!("../golden/fabric-2.5/mychannel.block");

/// Envelopes a round.
const ENVELOPES: usize = 2_000;

/// Gives each line to `measure`.
pub fn all(measure: &mut (dyn FnMut(Line<'_>) + Send)) {
    on_guest_stack("bench", |stack| {
        let engine = FilterEngine::new(NonZeroU16::new(4).unwrap()).unwrap();
        let bundle = Arc::clone(&read_genesis(Bytes::from_static(GENESIS)).unwrap().config.bundle);
        let standard = StandardFilters::load(&engine).unwrap();
        let set = RuleSet::new(&bundle, &standard, ExpirationChecks::On, Vec::new(), |_| Arc::new(NoLog));
        let set = set.unwrap();
        let name = "four filters, a judge that always says yes";
        measure(Line { subject: rule_set(name, &set, stack), beside: verification() });
        let name = "four filters, host's part alone";
        measure(Line { subject: cases(name), beside: verification() });
        for (count, name) in [
            (1, "filter empty, 1 module"),
            (8, "filter empty, 8 modules in turn"),
            (64, "filter empty, 64 modules in turn"),
        ] {
            let filters = empty_filters(&engine, &bundle, count);
            measure(Line { subject: in_turn(name, filters, stack), beside: verification() });
        }
        let name = "four filters, on each of two threads at once";
        measure(Line { subject: two_threads(name, &set), beside: verification() });
    })
    .unwrap();
}

struct Yes;

impl Judge for Yes {
    fn evaluate(&self, _policy: &str) -> PolicyVerdict {
        PolicyVerdict::Satisfied
    }

    fn creator_expires(&self) -> Option<Timestamp> {
        Some(Timestamp { seconds: 4_000_000_000, nanoseconds: 0 })
    }

    fn creator(&self) -> Result<Creator, String> {
        Err("nobody asks".into())
    }
}

fn case(envelope: &Envelope) -> Rc<Case> {
    let header = ChannelHeader { r#type: 3, ..Default::default() };
    let received = Timestamp { seconds: 1_800_000_000, nanoseconds: 0 };
    Case::new(envelope.clone(), Ok(header), received, Box::new(Yes))
}

fn envelope() -> Envelope {
    Envelope::new(&[b'p'; 1977], &[b's'; 71])
}

fn rule_set<'a>(name: &str, set: &'a RuleSet, stack: GuestStack) -> Subject<'a> {
    let envelope = envelope();
    let work = move || judge_all(set, stack, &envelope);
    Subject { name: name.into(), units: ENVELOPES, work: Box::new(work) }
}

fn judge_all(set: &RuleSet, stack: GuestStack, envelope: &Envelope) {
    for _ in 0..ENVELOPES {
        set.admit(stack, Filters::All, &case(envelope)).unwrap();
    }
}

/// What is left of the above when nothing runs in the sandbox.
fn cases(name: &str) -> Subject<'static> {
    let envelope = envelope();
    let work = move || {
        for _ in 0..ENVELOPES {
            black_box(case(&envelope));
        }
    };
    Subject { name: name.into(), units: ENVELOPES, work: Box::new(work) }
}

fn empty_filters(engine: &FilterEngine, bundle: &Arc<Bundle>, count: usize) -> Vec<Filter> {
    let load = |_| {
        let module = engine.load("empty", EMPTY.bytes).unwrap();
        let limits = ModuleLimits::of_filter();
        module.bind(Arc::clone(bundle), Settings::default(), limits, Arc::new(NoLog)).unwrap()
    };
    (0..count).map(load).collect()
}

fn in_turn(name: &str, filters: Vec<Filter>, stack: GuestStack) -> Subject<'static> {
    let envelope = envelope();
    let next = Cell::new(0);
    let work = move || {
        let case = case(&envelope);
        for _ in 0..ENVELOPES {
            let index = next.get();
            next.set((index + 1) % filters.len());
            filters[index].check(stack, &case).unwrap().unwrap();
        }
    };
    Subject { name: name.into(), units: ENVELOPES, work: Box::new(work) }
}

/// Microseconds of each thread for an envelope: the same as of one alone, if they do not hold each other up.
fn two_threads<'a>(name: &str, set: &'a RuleSet) -> Subject<'a> {
    let work = move || {
        std::thread::scope(|scope| {
            for _ in 0..2 {
                scope.spawn(|| on_guest_stack("bench", |stack| judge_all(set, stack, &envelope())).unwrap());
            }
        });
    };
    Subject { name: name.into(), units: ENVELOPES, work: Box::new(work) }
}

/// One P-256 signature over 2 KB.
fn verification() -> Subject<'static> {
    let key = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_ASN1_SIGNING).unwrap();
    let message = vec![b'p'; 1977];
    let signature = key.sign(&SystemRandom::new(), &message).unwrap();
    let public_key = UnparsedPublicKey::new(&ECDSA_P256_SHA256_ASN1, key.public_key().as_ref().to_vec());
    let units = ENVELOPES / 10;
    let work = move || {
        for _ in 0..units {
            public_key.verify(&message, signature.as_ref()).unwrap();
        }
    };
    Subject { name: "one signature check".into(), units, work: Box::new(work) }
}
