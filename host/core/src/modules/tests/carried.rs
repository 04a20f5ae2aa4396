//! What a policy may carry.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use flate2::{Compress, Compression, FlushCompress};
use proptest::prelude::*;
use prost::Message as _;
use raddle_proto::module;

use super::*;

const KEY: &str = "raddle.filter.no-mondays";

fn deflated(bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(bytes.len() + 1_000);
    let status =
        Compress::new(Compression::fast(), false).compress_vec(bytes, &mut out, FlushCompress::Finish);
    assert_eq!(status.unwrap(), flate2::Status::StreamEnd);
    out
}

fn text_of(message: &[u8]) -> String {
    TEXT_PREFIX.to_owned() + &STANDARD.encode(deflated(message))
}

fn refused(key: &str, policy: &ConfigPolicy) -> Cause {
    cause(key, decode(key, policy).unwrap_err())
}

/// The cause for which the message of [`filter`] is refused once `change` has been made to it.
fn changed(change: impl FnOnce(&mut module::ModuleSpec)) -> Cause {
    let mut message = module::ModuleSpec::decode(filter().marshal().as_slice()).unwrap();
    change(&mut message);
    refused(KEY, &policy_of(&text_of(&message.encode_to_vec())))
}

#[test]
fn what_is_written_is_read() {
    for spec in
        [filter(), batch_policy(), Spec { mode: Mode::Off, settings: Vec::new(), order: 0, ..filter() }]
    {
        let policy = encode(&spec, "/Channel/Application/Admins").unwrap();
        assert_eq!(policy.mod_policy, "/Channel/Application/Admins");
        assert_eq!(decode(&spec.key(), &policy), Ok(spec));
    }
    assert_eq!(filter().key(), KEY);
    assert_eq!(batch_policy().key(), "raddle.batch-policy");
}

/// The policy's text that carries [`filter`], made without this program. Channels have such texts in their blocks.
const OF_THE_FIRST_RELEASE: &str = "\
     raddle.1:4+LKy9fNzc9LSawsFmI11DPSM5ZgVGDU4DJi42JMFGI0BNFJQoxGFi/YHRoaWLwULs+6muXDrGxwakdfUPnm2be\
     uPly7Lnu7n2mo83/dhmmMikF8DInFuQrJ+bkF+XmpeSUA";

#[test]
fn what_was_carried_once_is_read_for_ever() {
    assert_eq!(decode(KEY, &policy_of(OF_THE_FIRST_RELEASE)), Ok(filter()));
}

#[test]
fn a_component_of_a_mebibyte_that_nothing_shrinks_fits() {
    let mut state = 1_u32;
    let mut noise = |_| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 24) as u8
    };
    let component: Vec<u8> = (0..COMPONENT_BYTES_MAX).map(&mut noise).collect();
    let settings = (0..SETTINGS_MAX).map(|index| setting(&format!("{index:03}"), &"v".repeat(253))).collect();
    let spec = with_component(Spec { settings, ..filter() }, component.clone());
    let policy = encode(&spec, "Admins").unwrap();
    assert_eq!(decode(KEY, &policy), Ok(spec.clone()));

    let larger = with_component(spec, [component.as_slice(), b"x"].concat());
    let used = COMPONENT_BYTES_MAX + 1;
    assert_eq!(cause(KEY, encode(&larger, "Admins").unwrap_err()), Cause::ComponentBytes { used });
    assert_eq!(refused(KEY, &policy_of(&text_of(&larger.marshal()))), Cause::ComponentBytes { used });
}

#[test]
fn every_part_of_the_carrier_is_checked() {
    let (_, good) = carried(&filter());
    let none = ConfigPolicy { policy: None, ..good.clone() };
    assert_eq!(refused(KEY, &none), Cause::PolicyType { found: 0 });
    for found in [0, 1, 2, 4, -1] {
        let value = good.policy.clone().unwrap().value;
        let policy = ConfigPolicy { policy: Some(Policy { r#type: found, value }), ..good.clone() };
        assert_eq!(refused(KEY, &policy), Cause::PolicyType { found });
    }
    for key in ["raddle.filter", "raddle.filters.x", "raddle.batch-policy.x", "raddle.", "raddle.x"] {
        assert_eq!(refused(key, &good), Cause::UnknownKey, "{key}");
    }
    for text in ["", "Admins", "raddle.2:AAAA", "raddle.1"] {
        assert_eq!(refused(KEY, &policy_of(text)), Cause::NoPrefix, "{text}");
    }
    let whole = STANDARD.encode(deflated(&filter().marshal()));
    for text in
        ["raddle.1:!", "raddle.1:A", "raddle.1:AB==", "raddle.1: AAAA", "raddle.1:AAAA\n", "raddle.1:AA-_"]
    {
        assert!(matches!(refused(KEY, &policy_of(text)), Cause::Base64 { .. }), "{text}");
    }
    for text in ["raddle.1:", "raddle.1:////", &format!("raddle.1:{}", &whole[..whole.len() / 8 * 4])] {
        assert!(matches!(refused(KEY, &policy_of(text)), Cause::Deflate { .. }), "{text}");
    }
    let trailing = [deflated(&filter().marshal()).as_slice(), b"x"].concat();
    let trailing = refused(KEY, &policy_of(&format!("raddle.1:{}", STANDARD.encode(trailing))));
    assert!(matches!(trailing, Cause::Deflate { what } if what == "bytes follow its end"));
}

#[test]
fn a_long_text_is_refused_unread_and_a_bomb_while_it_is_inflated() {
    let long = format!("raddle.1:{}", "!".repeat(TEXT_BYTES_MAX));
    assert!(matches!(refused(KEY, &policy_of(&long)), Cause::TextBytes { used } if used > TEXT_BYTES_MAX));

    // A gibibyte of zeros in a mebibyte, stopped where a module ends.
    let mut bomb = Compress::new(Compression::best(), false);
    let mut out = Vec::with_capacity(2 << 20);
    for _ in 0..1_024 {
        bomb.compress_vec(&[0; 1 << 20], &mut out, FlushCompress::None).unwrap();
    }
    assert!(out.len() * 900 < usize::try_from(bomb.total_in()).unwrap());
    let text = format!("raddle.1:{}", STANDARD.encode(&out));
    assert!(text.len() < TEXT_BYTES_MAX);
    assert_eq!(refused(KEY, &policy_of(&text)), Cause::SpecBytes);

    for (bytes, expected) in [(SPEC_BYTES_MAX + 1, true), (SPEC_BYTES_MAX, false)] {
        let cause = refused(KEY, &policy_of(&text_of(&vec![0; bytes])));
        assert_eq!(cause == Cause::SpecBytes, expected, "{cause}");
    }
}

#[test]
fn a_message_has_one_encoding() {
    let message = filter().marshal();
    for (bytes, what) in [
        ([message.as_slice(), b"\x58\x01"].concat(), "an unknown field"),
        ([message.as_slice(), b"\x28\x0a"].concat(), "a field twice"),
        ([b"\x28\x0a".as_slice(), &message].concat(), "a field too early"),
        ([message.as_slice(), b"\x0a\x00"].concat(), "a default written out"),
    ] {
        assert_eq!(refused(KEY, &policy_of(&text_of(&bytes))), Cause::NotCanonical, "{what}");
    }
    let cut = &message[..message.len() - 1];
    assert!(matches!(refused(KEY, &policy_of(&text_of(cut))), Cause::Unreadable { .. }));
    assert!(matches!(refused(KEY, &policy_of(&text_of(b""))), Cause::UnknownKind { number: 0 }));
}

#[test]
fn a_name_and_a_version_may_be_as_long_as_their_limits() {
    let longest =
        Spec { name: "x".repeat(NAME_BYTES_MAX), version: "v".repeat(VERSION_BYTES_MAX), ..filter() };
    let policy = encode(&longest, "Admins").unwrap();
    assert_eq!(decode(&longest.key(), &policy), Ok(longest));
}

#[test]
fn every_field_is_checked() {
    let name = |name: &str| changed(|it| it.name = name.to_owned());
    for bad in ["", "-x", "1x", "X", "a_b", "a.b", "ä", "a\nb", &"x".repeat(65)] {
        let key = format!("{FILTER_KEY_PREFIX}{bad}");
        let mut message = module::ModuleSpec::decode(filter().marshal().as_slice()).unwrap();
        message.name = bad.to_owned();
        let cause = refused_under(&key, &message);
        assert!(matches!(cause, Cause::Name { .. }), "{bad}: {cause}");
    }
    let key = |expected: &str, kind| Cause::Key { expected: expected.to_owned(), kind };
    assert_eq!(name("other"), key("raddle.filter.other", Kind::Filter));
    assert_eq!(changed(|it| it.kind = 2), key("raddle.batch-policy", Kind::BatchPolicy));
    assert_eq!(changed(|it| it.kind = 3), Cause::UnknownKind { number: 3 });
    assert_eq!(changed(|it| it.mode = 0), Cause::UnknownMode { number: 0 });
    assert_eq!(changed(|it| it.mode = 4), Cause::UnknownMode { number: 4 });
    assert_eq!(changed(|it| it.version = "v".repeat(65)), Cause::Version { used: 65 });
    assert_eq!(changed(|it| it.version = "1\n".to_owned()), Cause::Version { used: 2 });
    assert_eq!(changed(|it| it.sha256 = vec![1; 31].into()), Cause::DigestBytes { used: 31 });
    let found = filter().digest;
    assert_eq!(
        changed(|it| it.sha256 = vec![1; 32].into()),
        Cause::Digest { stated: Digest([1; 32]), found }
    );
    let pair = |key: &str, value: String| module::Setting { key: key.to_owned(), value };
    let many = |count: usize| (0..count).map(|it| pair(&format!("{it:03}"), String::new())).collect();
    assert_eq!(changed(|it| it.settings = many(65)), Cause::Settings { used: 65 });
    let large = vec![pair("k", "v".repeat(16_384))];
    assert_eq!(changed(|it| it.settings = large), Cause::SettingsBytes { used: 16_385 });
    for keys in [["b", "a"], ["a", "a"]] {
        let settings = keys.iter().map(|key| pair(key, String::new())).collect();
        assert_eq!(changed(|it| it.settings = settings), Cause::SettingsOrder { key: "a".to_owned() });
    }
}

fn refused_under(key: &str, message: &module::ModuleSpec) -> Cause {
    match decode(key, &policy_of(&text_of(&message.encode_to_vec()))).unwrap_err() {
        ModuleRefusal::Module { cause, .. } => cause,
        other => panic!("{other}"),
    }
}

#[test]
fn of_the_standard_filters_one_can_be_replaced() {
    for name in STANDARD_FILTERS {
        let result = encode(&spec(name, Kind::Filter), "Admins");
        assert_eq!(result.is_ok(), name == "expiration", "{name}");
        assert!(encode(&spec(name, Kind::BatchPolicy), "Admins").is_ok(), "{name}");
    }
}

#[test]
fn a_refusal_says_which_module_how_much_and_what_to_do() {
    let refusal = ModuleRefusal::module(KEY, Cause::Settings { used: 65 });
    assert_eq!(
        refusal.to_string(),
        "module `raddle.filter.no-mondays`: 65 settings, at most 64 are allowed; take some out"
    );
    let refusal = ModuleRefusal::module("raddle.filter.a\nb", Cause::UnknownKey);
    assert!(!refusal.to_string().contains('\n'));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 500, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_bytes_are_answered(
        value in prop::collection::vec(any::<u8>(), 0..300),
        layer in 0..4_u8,
        key in "raddle\\.(filter\\.no-mondays|batch-policy|.{0,9})",
    ) {
        let policy = match layer {
            0 => ConfigPolicy {
                policy: Some(Policy { r#type: 3, value: value.into() }),
                ..ConfigPolicy::default()
            },
            1 => policy_of(&(TEXT_PREFIX.to_owned() + &String::from_utf8_lossy(&value))),
            2 => policy_of(&(TEXT_PREFIX.to_owned() + &STANDARD.encode(&value))),
            _ => policy_of(&text_of(&value)),
        };
        prop_assert!(decode(&key, &policy).is_err());
    }

    #[test]
    fn any_change_of_a_module_is_answered_and_none_goes_unnoticed(
        at in any::<prop::sample::Index>(),
        byte: u8,
    ) {
        let mut message = filter().marshal();
        let at = at.index(message.len());
        let is_changed = message[at] != byte;
        message[at] = byte;
        if let Ok(read) = decode(KEY, &policy_of(&text_of(&message))) {
            prop_assert_eq!(read != filter(), is_changed);
            prop_assert_eq!(read.marshal(), message);
        }
    }
}
