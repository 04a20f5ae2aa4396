//! What filters and their imports cost, to the last fuel: the promise of profile 1.
//!
//! These numbers may never change. If an update of the engine changes one, the update is another profile.

use raddle_proto::wire::{Envelope, channel_header};

use super::guest::Guest;
use super::run::{Says, bind, case_of, creator, on_guest, run};
use crate::PolicyVerdict;
use crate::shipped::FILTERS;

/// What every call costs: entering `check`, and its answer.
const EMPTY: u64 = 2;

/// A piece of code, and what it costs.
const COSTS: &[(&str, u64)] = &[
    ("", 0),
    // A call costs 255 and its three operands 3; `realloc` runs for 2.
    ("(call $read-payload (i64.const 0) (i32.const 100) (i32.const 0))", 460),
    ("(call $read-payload (i64.const 5000000000) (i32.const 100) (i32.const 0))", 360),
    // 2 bytes of tx id and 3 of extension: two lists.
    ("(call $header (i32.const 0))", 365),
    // 7 bytes of MSP id, 2 of certificate, units of 6 and 4 bytes in a list of two: five lists.
    ("(call $creator (i32.const 0))", 401),
    ("(drop (call $satisfies-writers (i32.const 0)))", 130_356),
    (
        "(drop (call $satisfies-writers (i32.const 0))) (drop (call $satisfies-writers (i32.const 0)))",
        130_712,
    ),
    (
        "(drop (call $satisfies-writers (i32.const 0))) (drop (call $satisfies-writers (i32.const 1)))",
        260_712,
    ),
    ("(drop (call $satisfies (i32.const 0) (i32.const 0)))", 130_357),
    ("(drop (call $satisfies (i32.const 0) (i32.const 10)))", 130_367),
    // By its name and by its scope it is one policy.
    (
        "(drop (call $satisfies (i32.const 256) (i32.const 16))) (drop (call $satisfies-writers (i32.const 0)))",
        130_729,
    ),
    ("(call $policy-text (i32.const 0))", 356),
    // Of a policy that is denied, the text has 21 bytes.
    ("(drop (call $satisfies-writers (i32.const 1))) (call $policy-text (i32.const 0))", 130_735),
];

#[test]
fn every_import_costs_what_it_always_cost() {
    let says = Says {
        creator: Some(creator()),
        ..Says::of("/Channel/Orderer/Writers", PolicyVerdict::Denied("no".into()))
    };
    let memory = r#"(memory (export "memory") 1) (data (i32.const 256) "/Channel/Writers")"#;
    let wrong: Vec<_> = COSTS
        .iter()
        .map(|&(code, cost)| {
            let guest = Guest { memory, check: &format!("{code} i32.const 512"), ..Guest::default() };
            let run = run(&guest.build(), &[], &says);
            assert_eq!(run.answer, Ok(Ok(())), "{code}");
            (code, cost + EMPTY, run.fuel_used)
        })
        .filter(|(_, expected, used)| expected != used)
        .collect();
    assert!(wrong.is_empty(), "code, expected, used: {wrong:#?}");
}

#[test]
fn a_sentence_on_what_cannot_be_read_costs_what_it_is_long() {
    let unreadable = Envelope::new(b"\x0a", b"");
    let sentence = channel_header(&unreadable).unwrap_err().to_string();
    for (code, sentence) in
        [("(call $header (i32.const 0))", sentence.as_str()), ("(call $creator (i32.const 0))", "no creator")]
    {
        let guest = Guest { check: &format!("{code} i32.const 512"), ..Guest::default() };
        let filter = bind(&guest.build(), &[]);
        let run = on_guest(|stack| filter.run(stack, &case_of(unreadable.clone(), &Says::default())));
        assert_eq!(run.answer, Ok(Ok(())), "{code}");
        // A call costs 255 and its operand 1; `realloc` runs for 2.
        let cost = 100 + u64::try_from(sentence.len()).unwrap() + 258;
        assert_eq!(run.fuel_used, cost + EMPTY, "{code}");
    }
}

#[test]
fn the_shipped_filters_cost_what_they_always_cost() {
    let used = FILTERS.map(|shipped| (shipped.name, run(shipped.bytes, &[], &Says::default()).fuel_used));
    assert_eq!(used, [("empty", 281), ("max-bytes", 663), ("expiration", 638), ("signature", 130_997)]);
}

#[test]
fn what_a_filter_pays_does_not_depend_on_what_another_has_asked() {
    let signature = bind(FILTERS[3].bytes, &[]);
    let says = Says::default();
    let used = on_guest(|stack| {
        let case = super::run::case(&says);
        [(); 3].map(|()| signature.run(stack, &case).fuel_used)
    });
    assert_eq!(used, [used[0]; 3]);
    assert_eq!(says.evaluations(), 1, "the work is done once");
}
