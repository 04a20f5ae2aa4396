//! Profile 1 is what it says: proposals one by one, prices one by one.

use std::collections::BTreeSet;

use wasmtime::component::Component;
use wasmtime::{Config, Engine, Module, WasmFeatures};

use super::guest::Guest;
use super::run::engine;
use crate::check::{Refusal, check};
use crate::profile::{
    FUEL_PER_CALL_MAX, Limit, LimitsError, MEMORY_BYTES_MAX, ModuleLimits, PRICED, PROPOSALS, TARGET,
    engine_config, features,
};

#[test]
fn every_proposal_that_the_engine_knows_is_on_or_off() {
    // Some proposals take two bits, of which one is a proposal of its own: look at each bit alone, too.
    let single = (0..64).map(|bit| WasmFeatures::from_bits_retain(1 << bit));
    let known: BTreeSet<u64> = std::iter::once(WasmFeatures::all())
        .chain(single)
        .flat_map(|set| set.iter_names().map(|(_, flag)| flag.bits()).collect::<Vec<_>>())
        .collect();
    let listed: BTreeSet<u64> = PROPOSALS.iter().map(|proposal| proposal.flag.bits()).collect();
    assert_eq!(listed, known);
    assert_eq!(listed.len(), PROPOSALS.len(), "one is listed twice");
    for off in PROPOSALS.iter().filter(|proposal| !proposal.is_on) {
        assert!(!features().intersects(off.flag), "{} is off and overlaps what is on", off.name);
    }
}

#[test]
fn the_engine_has_exactly_the_profiles_proposals() {
    assert_eq!(engine().engine.get_wasm_features(), features());
}

/// A core module for each proposal that is off and changes core modules.
const CORE: &[(&str, &str)] = &[
    ("extended-const", "(module (global i32 (i32.add (i32.const 1) (i32.const 2))))"),
    ("simd128", "(module (func (result v128) (v128.const i64x2 0 0)))"),
    (
        "relaxed-simd",
        "(module (func (param v128 v128) (result v128)
        (i8x16.relaxed_swizzle (local.get 0) (local.get 1))))",
    ),
    ("threads", "(module (memory 1 1 shared))"),
    ("threads", "(module (memory 1) (func (result i32) (i32.atomic.load (i32.const 0))))"),
    ("shared-everything-threads", "(module (global (shared i32) (i32.const 0)))"),
    ("tail-call", "(module (func $f (return_call $f)))"),
    (
        "tail-call",
        "(module (table 1 funcref) (type $t (func)) (func (return_call_indirect (type $t) (i32.const 0))))",
    ),
    ("multimemory", "(module (memory 1) (memory 1))"),
    ("exception-handling", "(module (tag))"),
    ("exception-handling", "(module (func (block $b (try_table (catch_all $b)))))"),
    ("legacy-exceptions", "(module (func try catch_all end))"),
    ("memory64", "(module (memory i64 1))"),
    ("memory64", "(module (table i64 1 funcref))"),
    ("memory-control", "(module (memory 1) (func (memory.discard (i32.const 0) (i32.const 0))))"),
    ("function-references", "(module (type $t (func)) (func (param (ref $t)) (call_ref $t (local.get 0))))"),
    ("gc", "(module (type (struct (field i32))))"),
    ("gc", "(module (func (param i31ref)))"),
    ("gc-types", "(module (func (param externref)))"),
    ("gc-types", "(module (table 1 externref))"),
    ("custom-page-sizes", "(module (memory 1 (pagesize 1)))"),
    ("stack-switching", "(module (type $f (func)) (type (cont $f)))"),
    (
        "wide-arithmetic",
        "(module (func (param i64 i64 i64 i64) (result i64 i64)
        (i64.add128 (local.get 0) (local.get 1) (local.get 2) (local.get 3))))",
    ),
    ("compact-imports", r#"(module (import "m" (item "a" (func)) (item "b" (func))))"#),
    (
        "custom-descriptors",
        "(module (rec (type $a (descriptor $b) (struct)) (type $b (describes $a) (struct))))",
    ),
];

#[test]
fn every_core_proposal_that_is_off_is_refused_by_the_check_and_by_the_engine() {
    for (proposal, text) in CORE {
        let core = wat::parse_str(text).unwrap_or_else(|error| panic!("{proposal}: {error}"));
        assert!(Module::new(&engine().engine, &core).is_err(), "{proposal}: {text}");
        assert_refused(proposal, &wrap(&core));
    }
}

/// A component of nothing but a core module.
fn wrap(core: &[u8]) -> Vec<u8> {
    let mut out = b"\0asm\x0d\0\x01\0".to_vec();
    out.push(1);
    let mut length = core.len();
    while length >= 0x80 {
        out.push(u8::try_from(length & 0x7f).unwrap() | 0x80);
        length >>= 7;
    }
    out.push(u8::try_from(length).unwrap());
    out.extend_from_slice(core);
    out
}

fn assert_refused(proposal: &str, component: &[u8]) {
    let refusal = check(component).unwrap_err();
    let is_right = match &refusal {
        Refusal::Proposal { .. } | Refusal::Invalid { .. } => true,
        Refusal::TooMuch { limit, .. } => *limit == Limit::Memories,
        _ => false,
    };
    assert!(is_right, "{proposal}: {refusal:?}");
    assert!(Component::from_binary(&engine().engine, component).is_err(), "{proposal}");
}

/// A component for each proposal that is off and changes components.
const COMPONENTS: &[(&str, &str)] = &[
    ("component-model values", r#"(component (import "a" (value string)))"#),
    ("component-model nested names", r#"(component (import "a:b:c/d" (func)))"#),
    ("component-model async", r#"(component (type (stream u8)))"#),
    ("component-model async", r#"(component (type (future)))"#),
    ("component-model async", r#"(component (core func (canon backpressure.inc)))"#),
    ("component-model async built-ins", "(component (core func (canon subtask.cancel async)))"),
    ("component-model threading", "(component (core func (canon thread.index)))"),
    ("component-model error-context", r#"(component (import "a" (func (param "x" error-context))))"#),
    ("component-model fixed-length lists", "(component (type (list u8 4)))"),
    ("component-model maps", "(component (type (map string u8)))"),
    (
        "component-model stackful async",
        r#"(component
        (core module $m (func (export "f"))) (core instance $i (instantiate $m))
        (alias core export $i "f" (core func $f))
        (func async (canon lift (core func $f) async)))"#,
    ),
    (
        "component-model gc",
        r#"(component
        (core module $m (func (export "f"))) (core instance $i (instantiate $m))
        (alias core export $i "f" (core func $f))
        (func (canon lift (core func $f) gc)))"#,
    ),
    ("component-model memory64", "(component (core func (canon context.get i64 0)))"),
    ("component-model implements", r#"(component (import "a" (implements "a:b/c") (instance)))"#),
];

#[test]
fn every_component_proposal_that_is_off_is_refused_by_the_check_and_by_the_engine() {
    for (proposal, text) in COMPONENTS {
        let component = wat::parse_str(text).unwrap_or_else(|error| panic!("{proposal}: {error}"));
        assert_refused(proposal, &component);
    }
}

/// What no text stands for: an import with a version apart from its name.
const CANONICAL_NAME: (&str, &[u8]) = (
    "component-model canonical names",
    b"\0asm\x0d\0\x01\0\x07\x03\x01\x42\0\x0a\x13\x01\x02\x07a:b/c@1\x01\x01\x04.0.0\x05\0",
);

#[test]
fn no_proposal_that_is_off_lacks_a_test() {
    assert_refused(CANONICAL_NAME.0, CANONICAL_NAME.1);
    let by_text = CORE.iter().chain(COMPONENTS).map(|(proposal, _)| *proposal);
    let tested: BTreeSet<&str> = by_text.chain([CANONICAL_NAME.0]).collect();
    let off: BTreeSet<&str> = PROPOSALS.iter().filter(|it| !it.is_on).map(|it| it.name).collect();
    assert_eq!(tested, off);
}

#[test]
fn every_operator_that_a_module_may_use_has_a_price() {
    const ON: &[&str] =
        &["mvp", "sign_extension", "saturating_float_to_int", "bulk_memory", "reference_types"];
    macro_rules! operators {
        ($(@$proposal:ident $op:ident $({ $($arg:ident: $ty:ty),* })? => $visit:ident ($($rest:tt)*))*) => {
            [$((stringify!($proposal), stringify!($op)),)*]
        };
    }
    let operators = wasmparser::for_each_operator!(operators);
    let priced: BTreeSet<&str> = PRICED.iter().map(|(operator, _)| *operator).collect();
    assert_eq!(priced.len(), PRICED.len(), "one has two prices");
    for (proposal, operator) in operators {
        // No proposal that is on has a select of several values.
        let is_on = ON.contains(&proposal) && operator != "TypedSelectMulti";
        assert_eq!(priced.contains(operator), is_on, "{operator} of {proposal}");
    }
}

#[test]
fn the_same_module_gives_the_same_machine_code_and_nothing_of_this_cpu() {
    let add = "(i32.popcnt (i32.trunc_f64_s (f64.nearest (f64.const 1.5))))";
    let guest = Guest { add, ..Guest::default() }.build();
    let compile = |config: &Config| {
        let engine = Engine::new(config).unwrap();
        Component::from_binary(&engine, &guest).unwrap().serialize().unwrap()
    };
    let profile = engine_config(TARGET.unwrap()).unwrap();
    let code = compile(&profile);
    assert_eq!(code, compile(&profile));
    // With no target named, the engine takes what the CPU has: then rounding and counting bits look otherwise.
    #[cfg(target_arch = "x86_64")]
    if std::arch::is_x86_feature_detected!("sse4.1") {
        assert_ne!(code, compile(&Config::new()));
    }
    assert_eq!(engine().engine.get_target().as_deref(), TARGET);
    assert!(engine().engine.get_cranelift_flags_enabled().all(|flag| !flag.starts_with("has_")));
}

#[test]
fn a_module_asks_for_some_fuel_and_memory_and_for_no_more_than_there_is() {
    let (fuel, memory) = (FUEL_PER_CALL_MAX, MEMORY_BYTES_MAX);
    let no_fuel = |asked| Err(LimitsError::Fuel { asked });
    let no_memory = |asked| Err(LimitsError::Memory { asked });
    for (fuel_per_call, memory_bytes, expected) in [
        (1, 1, Ok(())),
        (fuel, memory, Ok(())),
        (0, 1, no_fuel(0)),
        (fuel + 1, 1, no_fuel(fuel + 1)),
        (1, 0, no_memory(0)),
        (1, memory + 1, no_memory(memory + 1)),
    ] {
        let limits = ModuleLimits::new(fuel_per_call, memory_bytes);
        assert_eq!(
            limits.map(|limits| (limits.fuel_per_call(), limits.memory_bytes())),
            expected.map(|()| (fuel_per_call, memory_bytes))
        );
    }
}

#[test]
fn floats_give_canonical_nans() {
    // Zero divided by zero, and an odd NaN added to one: the bits are the canonical ones.
    let guest = Guest {
        add: "(i32.and
            (i64.eq (i64.const 0x7ff8000000000000)
                (i64.reinterpret_f64 (f64.div (f64.const 0) (f64.convert_i64_u (i64.const 0)))))
            (i32.eq (i32.const 0x7fc00000)
                (i32.reinterpret_f32 (f32.add (f32.const nan:0x200001) (f32.convert_i32_u (local.get $creator))))))",
        ..Guest::default()
    };
    assert_eq!(super::run::first_add(&guest.build(), super::run::fuel(10_000)), Ok(true));
}
