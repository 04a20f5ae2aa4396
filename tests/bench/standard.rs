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
use prost::Message as _;
use raddle_core::bundle::{Bundle, read_genesis};
use raddle_proto::common::{self, ChannelHeader};
use raddle_proto::wire::Envelope;
use raddle_rules::admission::{CustomFilter, ExpirationChecks, Filters, RuleSet, StandardFilters};
use raddle_rules::profile::ModuleLimits;
use raddle_rules::shipped::EMPTY;
use raddle_rules::{
    Case, Creator, Filter, FilterEngine, GuestStack, Judge, NoLog, PolicyVerdict, Settings, Timestamp,
    on_guest_stack,
};

use super::{Line, Subject};
use crate::table::{Row, Table};

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
        for count in [1, 4, 16] {
            let custom = (0..count).map(|place| custom(&engine, place)).collect();
            let set = RuleSet::new(&bundle, &standard, ExpirationChecks::On, custom, |_| Arc::new(NoLog));
            let name = format!("four filters and {count} that read the time");
            measure(Line { subject: rule_set(&name, &set.unwrap(), stack), beside: verification() });
        }
    })
    .unwrap();
}

const CLOCK_SKEW: &[u8] = include_bytes!("../../guest-filters/dist/examples/clock-skew.wasm");
const ALLOW: &[u8] = include_bytes!("../../guest-filters/dist/examples/allow-organisations.wasm");
const DENY: &[u8] = include_bytes!("../../guest-filters/dist/examples/deny-functions.wasm");

/// A filter: what it does, its bytes, its settings, and how long a call's argument is.
type Added = (&'static str, &'static [u8], &'static [(&'static str, &'static str)], usize);

/// Filters as authors write them, with the settings that let all envelopes pass.
const ADDED: [Added; 5] = [
    ("looks at nothing", EMPTY.bytes, &[], 2_000),
    ("reads the time in the header", CLOCK_SKEW, &[("max", "1 h")], 2_000),
    ("reads who wrote it", ALLOW, &[("msp-ids", "Org1MSP")], 2_000),
    ("parses a call of 2 KB", DENY, &[("deny", "assets:Delete")], 2_000),
    ("parses a call of 100 KB", DENY, &[("deny", "assets:Delete")], 100_000),
];

/// Rows for what one more filter costs, and its first call after a reload.
pub fn added(table: &mut Table) {
    let rows = on_guest_stack("bench", |stack| {
        let engine = FilterEngine::new(NonZeroU16::new(4).unwrap()).unwrap();
        let bundle = Arc::clone(&read_genesis(Bytes::from_static(GENESIS)).unwrap().config.bundle);
        let mut rows = Vec::new();
        for (what, component, settings, bytes) in ADDED {
            let filter = bound(&engine, &bundle, component, settings);
            let call = call(bytes);
            let mut subject = repeated(&filter, &call, stack);
            let (mut ours, mut checks) = (Vec::new(), Vec::new());
            for _ in 0..5 {
                ours.push(crate::time(&mut subject));
                checks.push(crate::time(&mut verification()));
            }
            let what = format!("one more filter: {what}");
            if component == CLOCK_SKEW {
                let row = Row::of("one more header filter, of its aim", ours.clone(), "µs");
                rows.push(row.beside("what is aimed at", 8.0));
            }
            rows.push(Row::beside_rounds(what, ours, "µs", "one signature check", checks));
        }
        let (mut first, mut later) = (Vec::new(), Vec::new());
        for _ in 0..9 {
            let filter = bound(&engine, &bundle, ALLOW, &[("msp-ids", "Org1MSP")]);
            let envelope = call(2_000);
            let mut times = (0..50).map(|_| time_of_check(&filter, &envelope, stack)).collect::<Vec<f64>>();
            first.push(times.remove(0));
            later.push(crate::table::median(&mut times));
        }
        let what = "first call of a filter after a reload";
        rows.push(Row::beside_rounds(what, first, "µs", "its later calls", later));
        rows
    });
    rows.unwrap().into_iter().for_each(|row| table.push(row));
}

fn custom(engine: &FilterEngine, place: usize) -> CustomFilter {
    let module = engine.load("clock-skew", CLOCK_SKEW).unwrap();
    let settings = Settings::new([("max".to_owned(), "1 h".to_owned())]).unwrap();
    let limits = ModuleLimits::of_filter();
    CustomFilter { name: format!("clock-{place}"), order: 100, module, settings, limits }
}

fn bound(engine: &FilterEngine, bundle: &Arc<Bundle>, component: &[u8], settings: &[(&str, &str)]) -> Filter {
    let settings = settings.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned()));
    let module = engine.load("added", component).unwrap();
    let settings = Settings::new(settings).unwrap();
    module.bind(Arc::clone(bundle), settings, ModuleLimits::of_filter(), Arc::new(NoLog)).unwrap()
}

fn repeated<'a>(filter: &'a Filter, envelope: &'a Envelope, stack: GuestStack) -> Subject<'a> {
    let work = move || {
        for _ in 0..ENVELOPES / 4 {
            filter.check(stack, &case(envelope)).unwrap().unwrap();
        }
    };
    Subject { name: String::new(), units: ENVELOPES / 4, work: Box::new(work) }
}

fn time_of_check(filter: &Filter, envelope: &Envelope, stack: GuestStack) -> f64 {
    let case = case(envelope);
    let start = std::time::Instant::now();
    filter.check(stack, &case).unwrap().unwrap();
    start.elapsed().as_secs_f64() * 1e6
}

/// A transaction that calls a chaincode with an argument of so many bytes.
fn call(bytes: usize) -> Envelope {
    let argument = vec![b'x'; bytes];
    let input = [field(1, b"Transfer"), field(1, &argument)].concat();
    let spec = [field(2, &field(2, b"assets")), field(3, &input)].concat();
    let proposal = field(1, &field(1, &spec));
    // Transaction, action, payload of the action, payload of the proposal.
    let transaction = field(1, &field(2, &field(1, &proposal)));
    let header =
        common::Header { channel_header: header().encode_to_vec().into(), signature_header: Bytes::new() };
    let payload = common::Payload { header: Some(header), data: transaction.into() };
    Envelope::new(&payload.encode_to_vec(), &[b's'; 71])
}

/// A field of bytes as protobuf has it.
fn field(number: u8, bytes: &[u8]) -> Vec<u8> {
    let mut field = vec![number << 3 | 2];
    prost::encode_length_delimiter(bytes.len(), &mut field).unwrap();
    field.extend(bytes);
    field
}

/// When envelopes are written and received, in seconds.
const NOW: i64 = 1_800_000_000;

fn header() -> ChannelHeader {
    let mut timestamp = ChannelHeader::default().timestamp.unwrap_or_default();
    timestamp.seconds = NOW;
    ChannelHeader { r#type: 3, timestamp: Some(timestamp), ..Default::default() }
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
        Ok(Creator {
            msp_id: "Org1MSP".into(),
            certificate: Bytes::from_static(&[0; 800]),
            organisational_units: vec!["client".into()],
        })
    }
}

fn case(envelope: &Envelope) -> Rc<Case> {
    let received = Timestamp { seconds: NOW, nanoseconds: 0 };
    Case::new(envelope.clone(), Ok(header()), received, Box::new(Yes))
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
pub fn verification() -> Subject<'static> {
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
