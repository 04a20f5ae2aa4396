//! What the imports of filters answer, and when they do.

use std::sync::Arc;

use raddle_core::batch_policy::{Fault, GuestFault};
use raddle_proto::wire::Envelope;

use super::guest::Guest;
use super::run::{Says, bad_request, bind, case, case_of, creator, engine, hostile, on_guest, run, settings};
use crate::profile::ModuleLimits;
use crate::tests::run::{Lines, bundle};
use crate::{FilterRefusal, PolicyVerdict, RefusalStatus, Timestamp};

const TELLS: &[u8] = hostile!("tells");
const REFUSES: &[u8] = hostile!("refuses");

fn told(pairs: &[(&str, &str)], says: &Says) -> String {
    match run(TELLS, pairs, says).answer {
        Ok(Err(refusal)) => refusal.sentence,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_filter_sees_the_envelope_as_it_is() {
    let expires = Some(Timestamp { seconds: -1, nanoseconds: 2 });
    let says = Says { expires, creator: Some(creator()), ..Says::default() };
    for (what, expected) in [
        (
            "facts",
            "Facts { payload_size_bytes: 1940, signature_size_bytes: 71, header_type: 3, \
             timestamp: Some(Timestamp { seconds: 200000000, nanoseconds: 5 }), \
             creator_expires: Some(Timestamp { seconds: -1, nanoseconds: 2 }), \
             received: Timestamp { seconds: 1000, nanoseconds: 7 } }",
        ),
        ("header", "Ok(Header { tx_id: \"tx\", epoch: 9, extension: [101, 120, 116] })"),
        (
            "creator",
            "Ok(Identity { msp_id: \"Org1MSP\", certificate: [48, 0], \
             organisational_units: [\"client\", \"dept\"] })",
        ),
    ] {
        assert_eq!(told(&[("what", what)], &says), expected);
    }
}

#[test]
fn what_cannot_be_read_is_said_so() {
    let tells = |what| {
        let filter = bind(TELLS, &[("what", what)]);
        on_guest(|stack| filter.check(stack, &case_of(Envelope::new(b"\x0a", b"s"), &Says::default())))
    };
    assert_eq!(tells("creator"), bad_request("Err(\"no creator\")"));
    let text = "Err(\"the payload cannot be read: ";
    assert!(matches!(tells("header"), Ok(Err(refusal)) if refusal.sentence.starts_with(text)));
    let facts = "Facts { payload_size_bytes: 1, signature_size_bytes: 1, header_type: 0, timestamp: None, \
                 creator_expires: None, received: Timestamp { seconds: 1000, nanoseconds: 7 } }";
    assert_eq!(tells("facts"), bad_request(facts));
}

#[test]
fn a_payload_is_read_within_its_bounds() {
    let end = "18446744073709551615";
    for (offset, size, expected) in [
        ("0", "1", "[10]"),
        ("1939", "1", "[7]"),
        ("1938", "9", "[7, 7]"),
        ("1940", "9", "[]"),
        ("0", "0", "[]"),
        (end, "4294967295", "[]"),
    ] {
        let pairs = [("what", "payload"), ("offset", offset), ("size", size)];
        assert_eq!(told(&pairs, &Says::default()), expected, "{offset} {size}");
    }
}

#[test]
fn verdicts_and_their_texts_are_fabrics_and_each_is_worked_out_once() {
    let mut says = Says::of("/Channel/Readers", PolicyVerdict::Denied("why not".to_owned()));
    says.verdicts.insert("/Channel/X\\u{1b}", PolicyVerdict::Satisfied);
    says.verdicts.insert("odd\u{1b}", PolicyVerdict::Missing);
    says.verdicts.insert("unread", PolicyVerdict::Unreadable("nothing".to_owned()));
    let policies =
        "/Channel/Writers, /Channel/Readers, odd\u{1b}, unread, /Channel/Readers, /Channel/Writers";
    assert_eq!(
        told(&[("what", "policies"), ("policies", policies)], &says),
        "/Channel/Writers: Ok(()) None; \
         /Channel/Readers: Err(Denied) Some(\"why not: permission denied\"); \
         odd\\u{1b}: Err(Missing) Some(\"could not find policy odd\\\\u{1b}\"); \
         unread: Err(Unreadable) Some(\"could not convert message to signedData: nothing\"); \
         /Channel/Readers: Err(Denied) Some(\"why not: permission denied\"); \
         /Channel/Writers: Ok(()) Some(\"why not: permission denied\")"
    );
    assert_eq!(says.evaluations(), 4);
}

#[test]
fn a_filter_may_ask_for_eight_policies() {
    let names = |count: usize| (0..count).map(|n| format!("/Channel/{n}")).collect::<Vec<_>>().join(", ");
    let eight = format!("{}, {}", names(8), names(8));
    let says = Says::default();
    assert!(told(&[("what", "policies"), ("policies", &eight)], &says).starts_with("/Channel/0: Ok(())"));
    assert_eq!(says.evaluations(), 8);

    let nine = run(TELLS, &[("what", "policies"), ("policies", &names(9))], &Says::default());
    let fault = GuestFault::LimitExceeded { resource: "policies for an envelope", limit: 8 };
    assert_eq!(nine.answer, Err(fault.into()));
}

#[test]
fn filters_of_one_envelope_share_verdicts_and_each_has_eight_of_its_own() {
    let names: Vec<_> = (0..16).map(|n| format!("/Channel/{n}")).collect();
    let filters = [&names[..8], &names[4..12], &names[8..]]
        .map(|names| bind(TELLS, &[("what", "policies"), ("policies", &names.join(", "))]));
    let says = Says::default();
    on_guest(|stack| {
        let case = case(&says);
        assert!(filters.iter().all(|filter| matches!(filter.check(stack, &case), Ok(Err(_)))));
    });
    assert_eq!(says.evaluations(), 16);
}

#[test]
fn outside_of_check_there_is_no_envelope() {
    let outside = GuestFault::BadAnswer { what: "asked for the envelope outside of `check`".to_owned() };
    for code in [
        "(call $read-payload (i64.const 0) (i32.const 1) (i32.const 0))",
        "(call $header (i32.const 0))",
        "(call $creator (i32.const 0))",
        "(drop (call $satisfies (i32.const 0) (i32.const 1)))",
        "(drop (call $satisfies-writers (i32.const 0)))",
        "(call $policy-text (i32.const 0))",
    ] {
        let asks = format!("{code} i32.const 512");
        let starts = format!("(func $start {code}) (start $start)");
        on_guest(|stack| {
            let in_settings = Guest { check_settings: &asks, check: &asks, ..Guest::default() };
            let filter = bind(&in_settings.build(), &[]);
            assert_eq!(filter.check_settings(stack), Err(outside.clone().into()), "{code}");
            assert_eq!(filter.check(stack, &case(&Says::default())), Ok(Ok(())), "{code}");

            let at_start = bind(&Guest { fields: &starts, ..Guest::default() }.build(), &[]);
            let answer = at_start.check(stack, &case(&Says::default()));
            assert_eq!(answer, Err(outside.clone().into()), "{code}");
        });
    }
}

#[test]
fn a_refusal_is_made_fit_for_clients() {
    let refused = |pairs: &[(&str, &str)]| match run(REFUSES, pairs, &Says::default()).answer {
        Ok(Err(FilterRefusal { status, sentence })) => (status, sentence),
        other => panic!("{other:?}"),
    };
    let escaped = (RefusalStatus::Forbidden, "a\\tb".to_owned());
    assert_eq!(refused(&[("status", "forbidden"), ("sentence", "a\tb")]), escaped);
    let cut = (RefusalStatus::TooLarge, format!("{}…", "é".repeat(512)));
    assert_eq!(refused(&[("status", "too-large"), ("sentence", "é"), ("times", "600")]), cut);
}

#[test]
fn a_refusal_that_refers_to_no_policy_text_is_a_fault() {
    let answer = run(REFUSES, &[("policy-text", "true")], &Says::default()).answer;
    let what = "refers to a policy text, and no policy that it asked for failed".to_owned();
    assert_eq!(answer, Err(Fault::Guest(GuestFault::BadAnswer { what })));
}

#[test]
fn a_filter_logs_and_reads_its_settings_as_a_batch_policy_does() {
    let lines = Arc::new(Lines::default());
    let module = engine().load("traps", REFUSES).unwrap();
    let wrong = settings(&[("status", "purple")]);
    let log = Arc::clone(&lines);
    let filter = module.bind(bundle(), wrong, ModuleLimits::of_filter(), log).unwrap();
    on_guest(|stack| {
        let sentence = filter.check_settings(stack).unwrap().unwrap_err();
        assert!(sentence.contains("purple"), "{sentence}");
        // A filter that cannot be made says so in the log, and traps.
        let answer = filter.check(stack, &case(&Says::default()));
        assert!(matches!(answer, Err(Fault::Guest(GuestFault::Trapped { .. }))), "{answer:?}");
        assert_eq!(*lines.0.lock().unwrap(), [format!("Error: {sentence}")]);
    });
}
