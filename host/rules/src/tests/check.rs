//! What the static check refuses, and that nothing stops it.

use proptest::prelude::*;

use super::guest::Guest;
use super::oversized::{guest_with, limits};
use super::run::{engine, replaced};
use crate::LoadError;
use crate::check::{Construct, ModuleKind, NotComponent, Refusal, check, measure};
use crate::profile::{Limit, PAGE_BYTES};
use crate::shipped::BATCH_COUNT_AND_BYTES;

fn not_component(found: NotComponent) -> Refusal {
    Refusal::NotComponent(found)
}

fn not_allowed(construct: Construct) -> Refusal {
    Refusal::NotAllowed { construct }
}

#[test]
fn what_is_no_component_is_told_what_it_is() {
    let precompiled = engine().engine.precompile_component(BATCH_COUNT_AND_BYTES.bytes).unwrap();
    for (bytes, found) in [
        (b"".to_vec(), NotComponent::Empty),
        (b"\0asm\x01\0\0\0".to_vec(), NotComponent::CoreModule),
        (precompiled, NotComponent::Precompiled),
        (b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0".to_vec(), NotComponent::Precompiled),
        (b" (component)".to_vec(), NotComponent::Text),
        (b"PK\x03\x04".to_vec(), NotComponent::Other),
        (b"\0asm".to_vec(), NotComponent::Other),
        (b"\0asm\x0d\0\x02\0".to_vec(), NotComponent::Other),
    ] {
        assert_eq!(check(&bytes), Err(not_component(found)));
    }
}

#[test]
fn imports_and_exports_are_known_to_the_last_byte() {
    let import =
        |name: &str| replaced(r#"(import "raddle:rules/settings@1.0.0""#, &format!(r#"(import "{name}""#));
    let export =
        |name: &str| replaced(r#"(export "raddle:rules/batch-guest@1.0.0""#, &format!(r#"(export "{name}""#));
    let version = |name: &str, expected| Err(Refusal::Version { name: name.to_owned(), expected });
    let settings = "raddle:rules/settings@1.0.0";
    for name in [
        "raddle:rules/settings@1.0.1",
        "raddle:rules/settings@1.1.0",
        "raddle:rules/settings@2.0.0",
        "raddle:rules/settings",
    ] {
        assert_eq!(check(&import(name)), version(name, settings));
    }
    for name in ["raddle:rules/batch-guest@1.0.1", "raddle:rules/batch-guest@0.9.0"] {
        assert_eq!(check(&export(name)), version(name, "raddle:rules/batch-guest@1.0.0"));
    }
    let wasi = "wasi:cli/environment@0.2.3";
    assert_eq!(check(&import(wasi)), Err(Refusal::Wasi { name: wasi.to_owned() }));
    for name in ["raddle:rules/envelopes@1.0.0", "other:rules/settings@1.0.0", "settings"] {
        let kind = ModuleKind::BatchPolicy;
        assert_eq!(check(&import(name)), Err(Refusal::UnknownImport { name: name.to_owned(), kind }));
    }
    let other = "other:rules/batch-guest@1.0.0";
    assert_eq!(check(&export(other)), Err(Refusal::UnknownExport { name: other.to_owned() }));
}

#[test]
fn a_module_exports_one_world() {
    let with = |component: &str| check(&Guest { component, ..Guest::default() }.build());
    assert_eq!(
        with(r#"(export "raddle:rules/filter-guest@1.0.0" (instance $guest))"#),
        Err(Refusal::TwoWorlds)
    );
    assert_eq!(
        with(r#"(export "more" (instance $guest))"#),
        Err(Refusal::UnknownExport { name: "more".to_owned() })
    );
    let none = replaced(r#"(export "raddle:rules/batch-guest@1.0.0" (instance $guest))"#, "");
    assert_eq!(check(&none), Err(Refusal::NoExport));

    let filter = replaced(
        r#"(export "raddle:rules/batch-guest@1.0.0""#,
        r#"(export "raddle:rules/filter-guest@1.0.0""#,
    );
    let creators =
        Refusal::UnknownImport { name: "raddle:rules/creators@1.0.0".to_owned(), kind: ModuleKind::Filter };
    assert_eq!(check(&filter), Err(creators));
    let filter = wat::parse_str(
        r#"(component (instance $i) (export "raddle:rules/filter-guest@1.0.0" (instance $i)))"#,
    )
    .unwrap();
    assert_eq!(check(&filter).unwrap().kind(), ModuleKind::Filter);
    let error = engine().load("filter", &filter).err();
    let expected = Refusal::Kind { found: ModuleKind::Filter, wanted: ModuleKind::BatchPolicy };
    assert!(matches!(error, Some(LoadError::Refused(refusal)) if refusal == expected));
}

#[test]
fn a_world_of_the_right_name_and_another_type_is_refused() {
    for (from, to) in [
        (
            r#"(export "config-sequence" (func (result u64)))"#,
            r#"(export "config-sequence" (func (result s64)))"#,
        ),
        (
            r#"(export "msp-id" (func (param "creator" u32)"#,
            r#"(export "msp-id" (func (param "creator" s32)"#,
        ),
        (r#"(export "check-settings" (func $check))"#, ""),
        (r#"(export "add" (func $add)"#, r#"(export "joins" (func $add)"#),
    ] {
        let bytes = replaced(from, to);
        assert!(check(&bytes).is_ok());
        let error = engine().load("test", &bytes).err();
        assert!(matches!(error, Some(LoadError::Refused(Refusal::WorldMismatch { .. }))), "{to}: {error:?}");
    }
}

#[test]
fn what_a_module_may_not_have_is_named() {
    let component = |component| Guest { component, ..Guest::default() }.build();
    let lift = r#"(canon lift (core func $main-check) (memory $memory))"#;
    for (bytes, construct) in [
        (component("(component (core module))"), Construct::NestedCode),
        (component("(component (core instance))"), Construct::NestedCode),
        (
            component(r#"(component (import "f" (func $f)) (core func (canon lower (func $f))))"#),
            Construct::NestedCode,
        ),
        (component("(component (alias outer 1 0 (core module $m)))"), Construct::ModuleReference),
        (
            component(
                r#"(import "i" (instance $i (export "m" (core module)))) (alias export $i "m" (core module $m))"#,
            ),
            Construct::ModuleReference,
        ),
        (component("(component (import \"m\" (core module $m)))"), Construct::ModuleReference),
        (component("(import \"m\" (core module $m))"), Construct::ModuleReference),
        (component("(core module $m) (export \"m\" (core module $m))"), Construct::ModuleReference),
        (component("(type (resource (rep i32)))"), Construct::OwnResource),
        (
            replaced(lift, "(canon lift (core func $main-check) (memory $memory) string-encoding=utf16)"),
            Construct::StringEncoding,
        ),
        (
            replaced(
                lift,
                "(canon lift (core func $main-check) (memory $memory) string-encoding=latin1+utf16)",
            ),
            Construct::StringEncoding,
        ),
        (
            component(
                r#"(core module (import "e" "g" (global $g i32)) (memory 1) (data (global.get $g) "1"))"#,
            ),
            Construct::ComputedDataAddress,
        ),
        (Guest { fields: r#"(data (i32.const 0) "1")"#, ..Guest::default() }.build(), Construct::ForeignData),
        (
            replaced(
                "(core instance $lib ",
                "(core module $early (func $f) (start $f)) (core instance (instantiate $early)) (core instance $lib ",
            ),
            Construct::EarlyStart,
        ),
        (
            replaced(
                "(core instance $lib ",
                "(core module $early (func $f) (start $f)) (core instance (instantiate $early))
                 (core module $late) (core instance (instantiate $late)) (core instance $lib ",
            ),
            Construct::EarlyStart,
        ),
    ] {
        let expected = not_allowed(construct);
        assert_eq!(check(&bytes), Err(expected));
    }
}

#[test]
fn data_lies_in_the_memory_that_a_module_starts_with() {
    for (memory, data, end) in [
        ("1", r#"(data (i32.const 65533) "123")"#, None),
        ("1", r#"(data (i32.const 65536) "")"#, None),
        ("1", r#"(data (i32.const 65534) "123")"#, Some((65_537, 65_536))),
        ("0", r#"(data (i32.const 0) "1")"#, Some((1, 0))),
        ("1", r#"(data (i32.const -1) "12")"#, Some((0x1_0000_0001, 65_536))),
    ] {
        let memory = format!(r#"(memory (export "memory") {memory}) {data}"#);
        let guest = Guest { memory: &memory, ..Guest::default() };
        let expected = end.map(|(end, memory)| Refusal::DataOutside { segment: 0, end, memory });
        assert_eq!(check(&guest.build()).err(), expected, "{data}");
    }
}

#[test]
fn names_have_no_control_characters() {
    for (name, is_fine) in [(r"fine \u{e4}", true), (r"\n", false), (r"\00", false), (r"\u{202e}x", false)] {
        let guest = Guest { fields: &format!(r#"(func (export "{name}"))"#), ..Guest::default() };
        let result = check(&guest.build());
        match result {
            Ok(_) => assert!(is_fine, "{name}"),
            Err(Refusal::ControlCharacter { .. }) => assert!(!is_fine, "{name}"),
            Err(other) => panic!("{other}"),
        }
    }
}

#[test]
fn every_name_is_looked_at() {
    let fields = |fields: &str| check(&Guest { fields, ..Guest::default() }.build());
    let component = |component: &str| check(&Guest { component, ..Guest::default() }.build());
    let long = format!("n{}", "-n".repeat(128));
    let too_long = Err(Refusal::TooMuch { limit: Limit::NameBytes, used: 257 });
    for name in ["\\n", &long] {
        let module = |import: &str| component(&format!("(core module (import {import} (func)))"));
        let results = [
            fields(&format!(r#"(func (export "{name}"))"#)),
            module(&format!(r#""{name}" "f""#)),
            module(&format!(r#""m" "{name}""#)),
            component(&format!(
                r#"(core instance $b (export "{name}" (func $realloc))) (alias core export $b "{name}" (core func))"#
            )),
        ];
        for (place, result) in results.into_iter().enumerate() {
            match &result {
                Err(Refusal::ControlCharacter { name }) => assert_eq!(name, "\n", "{place}"),
                other => assert_eq!(*other, too_long, "{place} {name}"),
            }
        }
    }
    // Of a component's own names the rules of the component model leave only the length to us.
    assert_eq!(component(&format!(r#"(import "{long}" (func))"#)), too_long);
    assert_eq!(component(&format!(r#"(export "{long}" (instance $guest))"#)), too_long);
}

#[test]
fn what_is_imported_is_held_to_the_limits_as_what_is_made() {
    for (import, limit, used) in [
        ("(table 10001 funcref)", Limit::TableElements, 10_001),
        ("(memory 1025)", Limit::InitialMemoryBytes, 1_025 * PAGE_BYTES),
    ] {
        let component = format!(r#"(core module (import "m" "x" {import}))"#);
        let result = check(&Guest { component: &component, ..Guest::default() }.build());
        assert_eq!(result, Err(Refusal::TooMuch { limit, used }), "{import}");
    }
}

#[test]
fn what_many_parts_have_is_counted_together() {
    let items = "$f ".repeat(20_001);
    let fields = format!("(func $f) (elem func {items}) (elem func {items})");
    let result = check(&Guest { fields: &fields, ..Guest::default() }.build());
    assert_eq!(result, Err(Refusal::TooMuch { limit: Limit::ElementItems, used: 40_002 }));

    // A name has at most 100,000 bytes, of whatever.
    let data = "d".repeat((256 << 10) + 1 - 100_000);
    let custom = format!(r#"(@custom "{}" "{data}")"#, "n".repeat(100_000));
    let result = check(&Guest { component: &custom, ..Guest::default() }.build());
    assert!(
        matches!(result, Err(Refusal::TooMuch { limit: Limit::CustomSectionBytes, .. })),
        "{:?}",
        result.map(|_| ())
    );

    let measured = measure(&Guest::default().build()).unwrap();
    assert_eq!(measured.checked.initial_memory_bytes(), PAGE_BYTES);
    // The parameters of `add`.
    assert_eq!(measured.used[Limit::Locals as usize], (Limit::Locals, 6));
}

#[test]
fn every_limit_lets_its_amount_pass_and_not_one_more() {
    for limit in limits() {
        let allowed = usize::try_from(limit.allowed()).unwrap();
        // The tests' own guest has some of it, so the step from enough to too much lies a little below.
        let (mut enough, mut too_much) = (allowed.saturating_sub(1_000), allowed + 1);
        assert!(check(&guest_with(limit, enough)).is_ok(), "{enough} {limit}");
        while too_much - enough > 1 {
            let middle = usize::midpoint(enough, too_much);
            match check(&guest_with(limit, middle)) {
                Ok(_) => enough = middle,
                Err(_) => too_much = middle,
            }
        }
        let one_more = if limit == Limit::InitialMemoryBytes { PAGE_BYTES } else { 1 };
        let expected = Refusal::TooMuch { limit, used: limit.allowed() + one_more };
        assert_eq!(check(&guest_with(limit, too_much)), Err(expected));
    }
}

#[test]
fn a_function_may_have_all_that_its_limits_say() {
    for limit in [Limit::Blocks, Limit::BlockDepth, Limit::Operands, Limit::Parameters, Limit::Results] {
        let allowed = usize::try_from(limit.allowed()).unwrap();
        assert!(check(&guest_with(limit, allowed)).is_ok(), "{limit}");
        let expected = Refusal::TooMuch { limit, used: limit.allowed() + 1 };
        assert_eq!(check(&guest_with(limit, allowed + 1)), Err(expected));
    }
}

#[test]
fn a_component_is_refused_by_its_size_before_it_is_read() {
    let mut bytes = vec![0xff; 1 << 20];
    assert_eq!(check(&bytes), Err(not_component(NotComponent::Other)));
    bytes.push(0);
    assert_eq!(check(&bytes), Err(Refusal::TooMuch { limit: Limit::ComponentBytes, used: (1 << 20) + 1 }));
}

#[test]
fn the_rest_of_the_limits_hold() {
    let component = |text: &str, times: usize| {
        let component =
            (0..times).fold(String::new(), |all, time| all + &text.replace("INDEX", &time.to_string()));
        check(&Guest { component: &component, ..Guest::default() }.build())
    };
    for (text, times, limit) in [
        (r#"(alias core export $lib "realloc" (core func))"#, 600, Limit::Aliases),
        (r#"(core func (canon lower (func $c-config-sequence)))"#, 70, Limit::CanonicalFunctions),
        (r#"(type $tINDEX (func)) (import "iINDEX" (func (type $tINDEX)))"#, 300, Limit::ComponentNames),
    ] {
        let result = component(text, times);
        assert!(matches!(result, Err(Refusal::TooMuch { limit: found, .. }) if found == limit), "{result:?}");
    }
    let imports =
        (0..300).fold(String::new(), |all, index| all + &format!(r#"(import "host" "i{index}" (func))"#));
    let module = wat::parse_str(format!(r#"(component (core module {imports}))"#)).unwrap();
    assert_eq!(check(&module), Err(Refusal::TooMuch { limit: Limit::Imports, used: 300 }));
}

#[test]
fn a_refusal_says_what_how_much_and_what_to_do() {
    let too_large = Refusal::TooMuch { limit: Limit::ComponentBytes, used: 2_000_000 };
    assert_eq!(
        too_large.to_string(),
        "2000000 bytes of the component, at most 1048576 are allowed; build with `opt-level = \"s\"`, `lto = true`, \
         `strip = true`, `panic = \"abort\"`"
    );
    let import = Refusal::UnknownImport { name: "a:b/c@1.0.0".to_owned(), kind: ModuleKind::Filter };
    assert_eq!(
        import.to_string(),
        "imports `a:b/c@1.0.0`, which does not exist; a filter may import raddle:rules/channel@1.0.0, \
         raddle:rules/settings@1.0.0, raddle:rules/logging@1.0.0, raddle:rules/envelopes@1.0.0"
    );
    let name = Refusal::ControlCharacter { name: "a\nb".to_owned() };
    assert_eq!(name.to_string(), "the name \"a\\nb\" has a control character");
}

#[test]
fn every_truncation_of_a_component_is_refused() {
    let bytes = BATCH_COUNT_AND_BYTES.bytes;
    for length in 0..bytes.len() {
        assert!(check(&bytes[..length]).is_err(), "{length} bytes");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_bytes_are_answered(mut bytes in prop::collection::vec(any::<u8>(), 0..4_000), is_component: bool) {
        if is_component {
            bytes.splice(0..0, *b"\0asm\x0d\0\x01\0");
        }
        let _ = check(&bytes);
    }

    #[test]
    fn any_change_of_a_component_is_answered(
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..20),
        cut in any::<prop::sample::Index>(),
        is_cut: bool,
    ) {
        let mut bytes = BATCH_COUNT_AND_BYTES.bytes.to_vec();
        for (at, byte) in changes {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        if is_cut {
            bytes.truncate(cut.index(bytes.len()));
        }
        let _ = check(&bytes);
    }

    #[test]
    fn what_the_check_passes_compiles_or_is_no_world(
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..3),
    ) {
        let mut bytes = BATCH_COUNT_AND_BYTES.bytes.to_vec();
        for (at, byte) in changes {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        if check(&bytes).is_ok() {
            match engine().load("changed", &bytes) {
                Ok(_) | Err(LoadError::Refused(Refusal::WorldMismatch { .. })) => {}
                Err(other) => prop_assert!(false, "{other}"),
            }
        }
    }
}
