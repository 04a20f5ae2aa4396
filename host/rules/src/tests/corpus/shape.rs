//! Bytes that are no module, or not one of this world.

use super::super::filters::guest::Guest as FilterGuest;
use super::super::guest::Guest;
use super::super::run::engine;
use super::{Group, Hostile};
use crate::check::ModuleKind;
use crate::shipped::BATCH_COUNT_AND_BYTES;

pub fn modules() -> Group {
    let mut group = Group::new("shape");
    no_component(&mut group);
    truncated(&mut group);
    names(&mut group);
    types(&mut group);
    constructs(&mut group);
    group
}

fn no_component(group: &mut Group) {
    let precompiled = engine().engine.precompile_component(BATCH_COUNT_AND_BYTES.bytes).unwrap();
    for (what, bytes) in [
        ("nothing", b"".to_vec()),
        ("an empty core module", b"\0asm\x01\0\0\0".to_vec()),
        ("machine code of this engine", precompiled),
        ("an ELF file", b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0".to_vec()),
        ("WebAssembly text", b"(component)".to_vec()),
        ("a ZIP file", b"PK\x03\x04".to_vec()),
        ("the magic number alone", b"\0asm".to_vec()),
        ("a layer that nobody knows", b"\0asm\x0d\0\x02\0".to_vec()),
        ("an empty component", b"\0asm\x0d\0\x01\0".to_vec()),
        ("a megabyte of zeros", vec![0; 1 << 20]),
        ("a byte more than a megabyte", vec![0; (1 << 20) + 1]),
        ("a component of noise", [&b"\0asm\x0d\0\x01\0"[..], &[0xfe; 100]].concat()),
        ("a section that is longer than the file", b"\0asm\x0d\0\x01\0\x01\xff\xff\xff\xff\x0f".to_vec()),
    ] {
        group.bytes(what, bytes);
    }
}

fn truncated(group: &mut Group) {
    let bytes = BATCH_COUNT_AND_BYTES.bytes;
    for part in 1..8 {
        let length = bytes.len() * part / 8;
        group.bytes(&format!("{part}/8 of a component"), bytes[..length].to_vec());
    }
    let mut twice = bytes.to_vec();
    twice.extend_from_slice(bytes);
    group.bytes("two components in one file", twice);
}

fn names(group: &mut Group) {
    let import = r#"(import "raddle:rules/settings@1.0.0""#;
    for (what, name) in [
        ("an import of WASI", "wasi:cli/environment@0.2.3"),
        ("an import of WASI's clock", "wasi:clocks/wall-clock@0.2.0"),
        ("an import that does not exist", "raddle:rules/files@1.0.0"),
        ("an import of somebody else's", "other:rules/settings@1.0.0"),
        ("an import of a compatible version", "raddle:rules/settings@1.0.1"),
        ("an import of the future", "raddle:rules/settings@2.0.0"),
        ("an import without a version", "raddle:rules/settings"),
        ("a batch policy that imports envelopes", "raddle:rules/envelopes@1.0.0"),
    ] {
        group.replaced(what, import, &format!(r#"(import "{name}""#));
    }
    let export = r#"(export "raddle:rules/batch-guest@1.0.0""#;
    for (what, name) in [
        ("an export of the future", "raddle:rules/batch-guest@1.1.0"),
        ("an export of the past", "raddle:rules/batch-guest@0.9.0"),
        ("an export that does not exist", "raddle:rules/guest@1.0.0"),
        ("a filter's export on a batch policy", "raddle:rules/filter-guest@1.0.0"),
    ] {
        group.replaced(what, export, &format!(r#"(export "{name}""#));
    }
    let all = r#"(export "raddle:rules/batch-guest@1.0.0" (instance $guest))"#;
    group.replaced("no export", all, "");
    group.replaced("a second export", all, &format!(r#"{all} (export "more" (instance $guest))"#));
    let both = format!(r#"{all} (export "raddle:rules/filter-guest@1.0.0" (instance $guest))"#);
    group.replaced("both worlds", all, &both);
    group.replaced(
        "an imported interface given back",
        all,
        r#"(export "raddle:rules/settings@1.0.0" (instance $settings))"#,
    );
    for (what, name) in [
        ("a line break in a name", r"\n"),
        ("a NUL in a name", r"\00"),
        ("a name that is written backwards", r"\u{202e}evil"),
        ("a colour in a name", r"\1b[31m"),
    ] {
        let fields = format!(r#"(func (export "{name}"))"#);
        group.policy(what, &Guest { fields: &fields, ..Guest::default() });
    }
    let mut broken = Guest { fields: r#"(func (export "abcdefgh"))"#, ..Guest::default() }.build();
    let at = broken.windows(8).position(|window| window == b"abcdefgh").unwrap();
    broken[at] = 0xff;
    group.bytes("a name that is not UTF-8", broken);
}

fn types(group: &mut Group) {
    for (what, from, to) in [
        (
            "an import of another type",
            r#"(export "config-sequence" (func (result u64)))"#,
            r#"(export "config-sequence" (func (result s64)))"#,
        ),
        ("an import with another argument", r#"(param "creator" u32)"#, r#"(param "creator" s32)"#),
        (
            "an import with another name for an argument, which says nothing",
            r#"(param "creator" u32)"#,
            r#"(param "person" u32)"#,
        ),
        ("an export that is missing", r#"(export "check-settings" (func $check))"#, ""),
        ("an export under another name", r#"(export "add" (func $add)"#, r#"(export "joins" (func $add)"#),
    ] {
        group.replaced(what, from, to);
    }
    // A filter where a batch policy is wanted.
    let bytes = FilterGuest::default().build();
    let name = "shape/a filter where a batch policy is wanted".to_owned();
    group.modules.push(Hostile { name, kind: ModuleKind::BatchPolicy, bytes });
    let name = "shape/a batch policy where a filter is wanted".to_owned();
    group.modules.push(Hostile { name, kind: ModuleKind::Filter, bytes: Guest::default().build() });
}

fn constructs(group: &mut Group) {
    let lift = "(canon lift (core func $main-check) (memory $memory))";
    for (what, option) in [
        ("UTF-16", "string-encoding=utf16"),
        ("Latin-1", "string-encoding=latin1+utf16"),
        ("an asynchronous function", "async"),
    ] {
        let to = format!("(canon lift (core func $main-check) (memory $memory) {option})");
        group.replaced(what, lift, &to);
    }
    for (what, component) in [
        ("code in a nested component", "(component (core module))"),
        ("a core module that is imported", r#"(import "m" (core module $m))"#),
        ("a core module that is exported", r#"(core module $m) (export "m" (core module $m))"#),
        ("a resource of its own", "(type (resource (rep i32)))"),
        ("a stream", "(type (stream u8))"),
        ("a future", "(type (future u8))"),
        ("a list of fixed length", "(type (list u8 4))"),
        ("an error context", "(type error-context)"),
        (
            "data at a computed address",
            r#"(core module (import "e" "g" (global $g i32)) (memory 1) (data (global.get $g) "1"))"#,
        ),
        (
            "an import of a core function that nobody gives",
            r#"(core module $m (import "env" "f" (func)))
            (core instance (instantiate $m))"#,
        ),
    ] {
        let text = Guest { component, ..Guest::default() }.text();
        group.bytes(what, wat::parse_str(&text).unwrap_or_else(|error| panic!("{error}\n{component}")));
    }
    let early =
        "(core module $early (func $f) (start $f)) (core instance (instantiate $early)) (core instance $lib ";
    group.replaced("code that runs before there is a memory", "(core instance $lib ", early);
    let foreign = Guest { fields: r#"(data (i32.const 0) "1")"#, ..Guest::default() };
    group.policy("data in another module's memory", &foreign);
}
