//! What each import answers, and what it costs.

use std::sync::Arc;

use raddle_core::batch_policy::{Batch, EnvelopeInfo, GuestFault, Pending};
use raddle_core::ids::CreatorNumber;

use super::guest::Guest;
use super::run::{Binding, ENVELOPE, Lines, add, first_add, fuel, with_logged_policy, with_policy};

/// The memory that tests compare with: text at 256.
const MEMORY: &str = r#"(memory (export "memory") 1)
    (data (i32.const 256) "mychannelRADDLE_1_0colourredsizeOrg1MSP")"#;

/// Compares two pieces of memory.
const EQUAL: &str = "
    (func $equal (param $a i32) (param $b i32) (param $n i32) (result i32)
        (loop $next
            (if (i32.eqz (local.get $n)) (then (return (i32.const 1))))
            (if (i32.ne (i32.load8_u (local.get $a)) (i32.load8_u (local.get $b))) (then (return (i32.const 0))))
            (local.set $a (i32.add (local.get $a) (i32.const 1)))
            (local.set $b (i32.add (local.get $b) (i32.const 1)))
            (local.set $n (i32.sub (local.get $n) (i32.const 1)))
            (br $next))
        i32.const 0)
    (func $text (param $at i32) (param $expected i32) (param $length i32) (result i32)
        (i32.and
            (i32.eq (i32.load offset=4 (local.get $at)) (local.get $length))
            (call $equal (i32.load (local.get $at)) (local.get $expected) (local.get $length))))";

/// What is asked, and the code that says whether the answer is the right one.
const IMPORT_ANSWERS: [(&str, &str); 15] = [
    ("name", "(call $name (i32.const 0)) (call $text (i32.const 0) (i32.const 256) (i32.const 9))"),
    ("config-sequence", "(i64.eq (call $config-sequence) (i64.const 7))"),
    (
        "batch-size",
        "(call $batch-size (i32.const 0))
         (i32.and (i32.eq (i32.load (i32.const 0)) (i32.const 10))
            (i32.and (i32.eq (i32.load (i32.const 4)) (i32.const 1000000))
                (i32.eq (i32.load (i32.const 8)) (i32.const 20000))))",
    ),
    ("absolute-max-bytes", "(i32.eq (call $absolute-max-bytes) (i32.const 1000000))"),
    // The channel of these tests asks for V2_0.
    ("has-expiration-check", "(call $has-expiration-check)"),
    ("consensus-state", "(i32.eqz (call $consensus-state))"),
    ("a capability", "(call $has-orderer-capability (i32.const 265) (i32.const 10))"),
    ("no capability", "(i32.eqz (call $has-orderer-capability (i32.const 265) (i32.const 9)))"),
    (
        "keys",
        "(call $keys (i32.const 0))
         (i32.and (i32.eq (i32.load (i32.const 4)) (i32.const 2))
            (i32.and
                (call $text (i32.load (i32.const 0)) (i32.const 275) (i32.const 6))
                (call $text (i32.add (i32.load (i32.const 0)) (i32.const 8)) (i32.const 284) (i32.const 4))))",
    ),
    (
        "a setting",
        "(call $get (i32.const 275) (i32.const 6) (i32.const 0))
         (i32.and (i32.eq (i32.load8_u (i32.const 0)) (i32.const 1))
            (call $text (i32.const 4) (i32.const 281) (i32.const 3)))",
    ),
    (
        "no setting",
        "(call $get (i32.const 275) (i32.const 5) (i32.const 0)) (i32.eqz (i32.load8_u (i32.const 0)))",
    ),
    (
        "msp-id",
        "(call $msp-id (i32.const 0) (i32.const 0))
         (i32.and (i32.eq (i32.load8_u (i32.const 0)) (i32.const 1))
            (call $text (i32.const 4) (i32.const 288) (i32.const 7)))",
    ),
    ("no msp-id", "(call $msp-id (i32.const 1) (i32.const 0)) (i32.eqz (i32.load8_u (i32.const 0)))"),
    (
        "identity",
        "(call $identity (i32.const 0) (i32.const 0))
         (i32.and (i32.eq (i32.load offset=4 (i32.const 0)) (i32.const 14))
            (call $equal (i32.add (i32.load (i32.const 0)) (i32.const 2)) (i32.const 288) (i32.const 7)))",
    ),
    (
        "no identity",
        "(call $identity (i32.const 9) (i32.const 0)) (i32.eqz (i32.load offset=4 (i32.const 0)))",
    ),
];

#[test]
fn each_import_answers_from_config_settings_and_batch() {
    let creator = [b"\x0a\x07Org1MSP\x12\x03pem".as_slice()].concat();
    for (what, add) in IMPORT_ANSWERS {
        // A bump allocator, so that lists and their texts do not lie on one another.
        let guest = Guest {
            memory: &format!("{MEMORY} (global $free (mut i32) (i32.const 2048))"),
            realloc: "(global.get $free) (global.set $free (i32.and (i32.const -8)
                (i32.add (i32.add (global.get $free) (local.get 3)) (i32.const 7))))",
            fields: EQUAL,
            add,
            ..Guest::default()
        };
        let settings = vec![("size", "4"), ("colour", "red")];
        let answer = with_policy(&guest.build(), Binding { settings, ..Binding::default() }, |policy| {
            let envelope = EnvelopeInfo { creator_bytes: &creator, ..ENVELOPE };
            policy.instance().unwrap().add(&envelope, Pending::default())
        });
        assert_eq!(answer, Ok(true), "{what}");
    }
}

#[test]
fn a_creator_that_names_no_msp_has_no_msp_id() {
    let no_msp_id = "(call $msp-id (i32.const 0) (i32.const 0)) (i32.eqz (i32.load8_u (i32.const 0)))";
    let guest = Guest { add: no_msp_id, ..Guest::default() }.build();
    for (creator_bytes, expected) in [
        (&b"\x0a\x01A\x12\x03pem"[..], false),
        (b"\x0a\x00\x12\x03pem", true),
        (b"\x12\x03pem", true),
        (b"", true),
        (b"\xff", true),
    ] {
        let answer = with_policy(&guest, Binding::default(), |policy| {
            let envelope = EnvelopeInfo { creator_bytes, ..ENVELOPE };
            policy.instance().unwrap().add(&envelope, Pending::default())
        });
        assert_eq!(answer, Ok(expected), "{creator_bytes:?}");
    }
}

#[test]
fn a_guest_sees_the_envelope_and_what_is_pending() {
    let guest = Guest {
        add: "(i32.and (i32.and (i64.eq (local.get $size) (i64.const 5000000000)) (i32.eqz (local.get $has_type)))
            (i32.and (i32.eq (local.get $creator) (i32.const 2))
                (i32.and (i32.eq (local.get $count) (i32.const 3)) (i64.eq (local.get $bytes) (i64.const 4)))))",
        fits: "(i32.and (local.get $has_type) (i32.eq (local.get $type) (i32.const -1)))",
        ..Guest::default()
    };
    with_policy(&guest.build(), Binding::default(), |policy| {
        let mut batch = policy.instance().unwrap();
        let envelope = EnvelopeInfo {
            size_bytes: 5_000_000_000,
            header_type: None,
            creator: CreatorNumber(2),
            creator_bytes: b"",
        };
        let pending = Pending { count: 3, size_bytes: 4 };
        assert_eq!(batch.add(&envelope, pending), Ok(true));
        assert_eq!(batch.fits(&envelope, pending), Ok(false));
        assert_eq!(batch.fits(&EnvelopeInfo { header_type: Some(-1), ..envelope }, pending), Ok(true));
    });
}

#[test]
fn a_creator_is_known_by_its_number_for_the_whole_batch() {
    let guest = Guest {
        // Full if the creator of the batch's first envelope is known and five bytes long.
        add: "(call $identity (i32.const 0) (i32.const 0)) (i32.eq (i32.load (i32.const 4)) (i32.const 5))",
        ..Guest::default()
    };
    with_policy(&guest.build(), Binding::default(), |policy| {
        let mut batch = policy.instance().unwrap();
        let mut ask = |number, creator_bytes: &[u8]| {
            let envelope = EnvelopeInfo { creator: CreatorNumber(number), creator_bytes, ..ENVELOPE };
            batch.add(&envelope, Pending::default())
        };
        assert_eq!(ask(0, b"first"), Ok(true));
        assert_eq!(ask(1, b"the second"), Ok(true));
        assert_eq!(add(&mut policy.instance().unwrap()), Ok(false), "a new batch knows nothing of the last");
    });
}

fn logged(memory: &str, add_body: &str) -> Vec<String> {
    let guest = Guest { memory, add: add_body, ..Guest::default() };
    let lines = Arc::new(Lines::default());
    let log = Arc::clone(&lines);
    with_logged_policy(
        &guest.build(),
        Binding::default(),
        || log,
        |policy| {
            let mut batch = policy.instance().unwrap();
            for _ in 0..2 {
                add(&mut batch).unwrap();
                lines.0.lock().unwrap().push("end of call".to_owned());
            }
        },
    );
    lines.0.lock().unwrap().clone()
}

#[test]
fn log_lines_are_escaped_and_bounded_by_the_call() {
    let memory = r#"(memory (export "memory") 1) (data (i32.const 0) "two\nlines")"#;
    let once = "(call $log (i32.const 2) (i32.const 0) (i32.const 9)) i32.const 0";
    let expected = ["Warn: two\\nlines", "end of call", "Warn: two\\nlines", "end of call"];
    assert_eq!(logged(memory, once), expected);

    let twenty =
        format!("{} i32.const 0", "(call $log (i32.const 1) (i32.const 0) (i32.const 3)) ".repeat(20));
    let one_call = [vec!["Info: two"; 16], vec!["4 dropped", "end of call"]].concat();
    assert_eq!(logged(memory, &twenty), [one_call.clone(), one_call].concat());

    // 4,096 bytes in all: the second line does not fit, a short third one does.
    let large = "(call $log (i32.const 0) (i32.const 100) (i32.const 4000))
        (call $log (i32.const 0) (i32.const 100) (i32.const 97))
        (call $log (i32.const 3) (i32.const 0) (i32.const 3)) i32.const 0";
    let lines = logged(memory, large);
    assert_eq!(lines.len(), 8);
    assert_eq!(lines[1..4], ["Error: two", "1 dropped", "end of call"]);
    let to_the_last_byte = large.replace("(i32.const 97)", "(i32.const 93)");
    assert_eq!(logged(memory, &to_the_last_byte)[2..4], ["Error: two", "end of call"]);
}

#[test]
fn an_import_that_would_take_the_last_fuel_does_nothing() {
    let one_byte = "(call $log (i32.const 1) (i32.const 0) (i32.const 1)) i32.const 0";
    let guest = Guest { add: one_byte, ..Guest::default() }.build();
    // Entering costs 1, the operands 3, the call 255, and a line of one byte 101. Nothing is left for the answer.
    for (given, lines_expected) in [(359, 0), (360, 0), (361, 1)] {
        let lines = Arc::new(Lines::default());
        let log = Arc::clone(&lines);
        let answer =
            with_logged_policy(&guest, fuel(given), || log, |policy| add(&mut policy.instance().unwrap()));
        assert_eq!(answer, Err(GuestFault::OutOfFuel { fuel: given }.into()));
        assert_eq!(lines.0.lock().unwrap().len(), lines_expected, "{given}");
    }
}

#[test]
fn check_settings_gives_the_modules_own_sentence() {
    let sentence = |text: &str, length: usize| {
        let memory = format!(
            r#"(memory (export "memory") 1) (data (i32.const 64) "{text}")
               (data (i32.const 32) "\01\00\00\00\40\00\00\00\{:02x}\{:02x}\00\00")"#,
            length & 0xff,
            length >> 8
        );
        let guest = Guest { memory: &memory, check: "i32.const 32", ..Guest::default() };
        with_policy(&guest.build(), Binding::default(), |policy| policy.check_settings()).unwrap()
    };
    assert_eq!(sentence("no \\09colour", 10), Err("no \\tcolour".to_owned()));
    let long = sentence(&"a".repeat(2_000), 2_000).unwrap_err();
    assert_eq!(long, format!("{}…", "a".repeat(1_024)));
    let fine = with_policy(&Guest::default().build(), Binding::default(), |policy| policy.check_settings());
    assert_eq!(fine, Ok(Ok(())));
}

#[test]
fn an_identity_larger_than_all_fuel_ends_the_call() {
    let guest = Guest { add: "(call $identity (i32.const 0) (i32.const 0)) i32.const 0", ..Guest::default() };
    let answer = with_policy(&guest.build(), Binding::default(), |policy| {
        let creator = vec![0; 600_000];
        let envelope = EnvelopeInfo { creator_bytes: &creator, ..ENVELOPE };
        policy.instance().unwrap().add(&envelope, Pending::default())
    });
    let fault = GuestFault::OutOfFuel { fuel: 500_000 };
    assert_eq!(answer, Err(fault.into()));
    assert_eq!(first_add(&guest.build(), Binding::default()), Ok(false));
}
