//! The four shipped filters in the sandbox: every answer is Fabric's.

use std::sync::Arc;

use raddle_core::bundle::{Bundle, ConsensusState};
use raddle_proto::common::Status;
use raddle_proto::wire::Envelope;

use super::super::run::bundle;
use super::run::{RECEIVED, Says, case, case_of, engine, envelope, on_guest, payload};
use crate::admission::{ExpirationChecks, Filters, Reason, RuleSet, StandardFilters};
use crate::check::{ModuleKind, check};
use crate::{NoLog, PolicyVerdict, Timestamp, shipped};

const WRITERS: &str = "/Channel/Writers";
const ORDERER_WRITERS: &str = "/Channel/Orderer/Writers";
const FEW: &str = "implicit policy evaluation failed - 0 sub-policies were satisfied, but this policy requires 1 of \
                   the 'Writers' sub-policies to be satisfied";

fn rules(bundle: &Arc<Bundle>, expiration: ExpirationChecks) -> RuleSet {
    let standard = StandardFilters::load(engine()).unwrap();
    RuleSet::new(bundle, &standard, expiration, Vec::new(), |_| Arc::new(NoLog)).unwrap()
}

/// Status, sentence and module of the refusal, if there is one.
type Answer = Option<(Status, String, Reason)>;

fn refused(status: Status, module: &str, sentence: &str) -> Answer {
    Some((status, sentence.to_owned(), Reason::Filter { module: module.to_owned() }))
}

fn admit(rules: &RuleSet, envelope: &Envelope, says: &Says) -> Answer {
    let answers = on_guest(|stack| {
        let case = || case_of(envelope.clone(), says);
        let admitted = rules.admit(stack, Filters::All, &case());
        assert_eq!(rules.admit(stack, Filters::Shipped, &case()), admitted);
        assert_eq!(rules.readmit(stack, Filters::All, &case()), Ok(admitted.clone()));
        admitted
    });
    answers.err().map(|refusal| (refusal.status, refusal.info, refusal.reason))
}

fn says(verdict: PolicyVerdict) -> Says {
    Says::of(WRITERS, verdict)
}

fn expires(seconds: i64, nanoseconds: i32) -> Says {
    Says { expires: Some(Timestamp { seconds, nanoseconds }), ..Says::default() }
}

#[test]
fn the_shipped_filters_pass_the_check() {
    for shipped in shipped::FILTERS {
        assert_eq!(check(shipped.bytes).unwrap().kind(), ModuleKind::Filter, "{}", shipped.name);
    }
    assert_eq!(
        shipped::FILTERS.map(|shipped| shipped.name),
        ["empty", "max-bytes", "expiration", "signature"]
    );
}

#[test]
fn each_shipped_filter_refuses_as_fabric_does() {
    let expired = || refused(Status::BadRequest, "expiration", "broadcast client identity expired");
    let bad = |module, sentence: &str| refused(Status::BadRequest, module, sentence);
    let too_long = "message payload is 1000001 bytes and exceeds maximum allowed 1000000 bytes";
    let unread = "could not convert message to signedData: Missing Header";
    let denied = |why: &str| PolicyVerdict::Denied(why.to_owned());
    let cases = [
        (envelope(), Says::default(), None),
        (Envelope::new(b"", b""), Says::default(), bad("empty", "Message was empty")),
        (Envelope::new(b"", b"signature"), Says::default(), bad("empty", "Message was empty")),
        (Envelope::new(&[7; 999_930], &[1; 71]), Says::default(), bad("max-bytes", too_long)),
        (Envelope::new(&[7; 999_929], &[1; 71]), Says::default(), None),
        (envelope(), expires(1_000, 8), None),
        (envelope(), expires(1_000, 7), expired()),
        (envelope(), expires(-5, 0), expired()),
        (
            envelope(),
            says(PolicyVerdict::Missing),
            bad("signature", "could not find policy /Channel/Writers"),
        ),
        (envelope(), says(PolicyVerdict::Unreadable("Missing Header".to_owned())), bad("signature", unread)),
        (
            envelope(),
            says(denied(FEW)),
            refused(Status::Forbidden, "signature", &format!("{FEW}: permission denied")),
        ),
        // Fabric's own sentence is neither cut nor escaped.
        (
            envelope(),
            says(denied(&"long\n".repeat(1_000))),
            refused(
                Status::Forbidden,
                "signature",
                &format!("{}: permission denied", "long\n".repeat(1_000)),
            ),
        ),
    ];
    let rules = rules(&bundle(), ExpirationChecks::On);
    for (place, (envelope, says, expected)) in cases.iter().enumerate() {
        assert_eq!(admit(&rules, envelope, says), *expected, "{place}");
    }
}

#[test]
fn the_first_refusal_in_fabrics_order_is_the_answer() {
    let mut channel = Bundle::clone(&bundle());
    channel.batch_size.absolute_max_bytes = 5;
    let rules = rules(&Arc::new(channel), ExpirationChecks::On);
    let mut judge = Says { expires: Some(RECEIVED), ..says(PolicyVerdict::Missing) };
    let mut module = |envelope: Envelope, is_current: bool| {
        if is_current {
            judge.expires = None;
        }
        match admit(&rules, &envelope, &judge) {
            Some((_, _, Reason::Filter { module })) => module,
            other => panic!("{other:?}"),
        }
    };
    let large = Envelope::new(b"", b"a large signature");
    assert_eq!(module(large, false), "empty");
    assert_eq!(module(Envelope::new(b"p", b"a large signature"), false), "max-bytes");
    assert_eq!(module(Envelope::new(b"p", b"s"), false), "expiration");
    assert_eq!(module(Envelope::new(b"p", b"s"), true), "signature");
    assert_eq!(judge.evaluations(), 3, "the policy is evaluated where it decides, once an envelope");
}

#[test]
fn expiration_is_checked_where_channel_and_node_ask_for_it() {
    for (capabilities, checks, is_refused) in [
        (&["V2_0"][..], ExpirationChecks::On, true),
        (&["V1_4_2"], ExpirationChecks::On, true),
        (&["V1_1"], ExpirationChecks::On, true),
        (&["V1_0"], ExpirationChecks::On, false),
        (&[], ExpirationChecks::On, false),
        (&["V2_0"], ExpirationChecks::Off, false),
    ] {
        let mut channel = Bundle::clone(&bundle());
        channel.orderer_capabilities = capabilities.iter().map(|&name| name.to_owned()).collect();
        let answer = admit(&rules(&Arc::new(channel), checks), &envelope(), &expires(0, 0));
        assert_eq!(answer.is_some(), is_refused, "{capabilities:?} {checks:?}");
    }
}

#[test]
fn in_maintenance_the_orderers_writers_decide() {
    let mut moving = Bundle::clone(&bundle());
    moving.consensus.state = ConsensusState::Maintenance;
    let rules = rules(&Arc::new(moving), ExpirationChecks::On);
    assert_eq!(admit(&rules, &envelope(), &says(PolicyVerdict::Missing)), None);
    let missing = Says::of(ORDERER_WRITERS, PolicyVerdict::Missing);
    let expected = refused(Status::BadRequest, "signature", "could not find policy /Channel/Orderer/Writers");
    assert_eq!(admit(&rules, &envelope(), &missing), expected);
}

#[test]
fn what_passes_the_filters_must_be_what_peers_can_take() {
    let rules = rules(&bundle(), ExpirationChecks::On);
    let answer = admit(&rules, &Envelope::new(&payload(b""), b""), &Says::default()).unwrap();
    let text = "the envelope has no signature; peers refuse every block with such an envelope";
    assert_eq!((answer.0, answer.1.as_str()), (Status::BadRequest, text));
    assert!(matches!(answer.2, Reason::Invariant(_)));
}

#[test]
fn an_envelope_that_passes_has_canonical_bytes_however_it_came() {
    let rules = rules(&bundle(), ExpirationChecks::On);
    // Signature before payload, and the payload's length with a byte too many.
    let odd = [&[18, 1, b's', 10, 0x81, 0, b'p'][..], &[24, 7]].concat();
    let envelope = Envelope::unmarshal(odd.clone().into()).unwrap();
    let case = case_of(envelope, &Says::default());
    assert_eq!(case.envelope().marshal(), &[10, 1, b'p', 18, 1, b's', 24, 7][..]);
    assert_eq!(admit(&rules, case.envelope(), &Says::default()), None);
}

#[test]
fn the_shipped_filters_want_no_settings() {
    on_guest(|stack| {
        for shipped in shipped::FILTERS {
            let filter = super::run::bind(shipped.bytes, &[]);
            assert_eq!(filter.check_settings(stack), Ok(Ok(())), "{}", shipped.name);
            assert_eq!(filter.check(stack, &case(&Says::default())), Ok(Ok(())), "{}", shipped.name);
        }
    });
}
