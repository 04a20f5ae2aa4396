//! A recursion ends by fuel, whatever its functions do to make the native frame of a call large.

use std::fmt::Write as _;

use raddle_core::batch_policy::GuestFault;
use wasmtime::{Engine, Instance, Module, Store, Trap};

use super::guest::Guest;
use super::run::{Binding, first_add, fuel};
use crate::check::check;
use crate::profile::{FUEL_PER_CALL_MAX, TARGET, engine_config, fuel_for_stack};
use crate::stack::{GUEST_BYTES, on_guest_stack};

/// Counts the calls that are open, then the function does what it does to its frame.
const HEAD: &str = "(param i32) (result i32) (global.set $depth (i32.add (global.get $depth) (i32.const 1)))";
const CALL: &str = "(call $f (i32.const 0))";

/// A function's text.
#[derive(Default)]
struct Body(String);

impl Body {
    fn new(locals: usize) -> Self {
        let (parameters, counts) = HEAD.split_at(HEAD.find("(global").unwrap());
        Self(format!("(func $f {parameters} (local {}) {counts} ", "i64 ".repeat(locals)))
    }

    fn push(&mut self, text: &str) -> &mut Self {
        self.0.push_str(text);
        self
    }

    /// A value that nothing else knows.
    fn load(&mut self, at: usize) -> &mut Self {
        write!(self.0, "(i64.load offset={} (i32.const 0)) ", at * 8).unwrap();
        self
    }

    fn load_locals(&mut self, locals: usize) -> &mut Self {
        for local in 1..=locals {
            self.load(local).push(&format!("local.set {local} "));
        }
        self
    }

    /// Uses every local, so that each lives until here.
    fn store_locals(&mut self, locals: usize) -> &mut Self {
        for local in 1..=locals {
            self.push(&format!("(i64.store (i32.const 0) (local.get {local})) "));
        }
        self
    }

    fn end(&mut self) -> String {
        std::mem::take(self.push(CALL).push(")")).0
    }
}

/// Locals that all live across the call.
fn locals(locals: usize) -> String {
    let mut body = Body::new(locals);
    body.load_locals(locals).push(CALL).push("drop ").store_locals(locals).end()
}

/// Values on the operand stack that live across a call on a way that is not taken: the frame has room for them anyway.
fn operands(operands: usize) -> String {
    let mut body = Body::new(0);
    body.push("(if (local.get 0) (then i32.const 0 ");
    for operand in 0..operands {
        body.load(operand);
    }
    body.push(CALL).push("drop ").push(&"i64.xor ".repeat(operands - 1)).push("i64.store)) ").end()
}

/// Locals that change in nested loops, with operands below them.
fn loops(locals: usize, operands: usize, depth: usize) -> String {
    let mut body = Body::new(locals);
    body.push("(if (local.get 0) (then i32.const 0 ");
    for operand in 0..operands {
        body.load(operand);
    }
    body.push(&"(loop ".repeat(depth));
    for local in 1..=locals {
        body.push(&format!("local.get {local} ")).load(local).push(&format!("i64.add local.set {local} "));
    }
    body.push(&format!("(br_if 0 {CALL})) ").repeat(depth));
    body.push(&"i64.xor ".repeat(operands - 1)).push("i64.store ").store_locals(locals).push(")) ").end()
}

/// Locals that get new values one after another, in an order in which places are hard to share.
fn replaced(locals: usize, times: usize, seed: u64) -> String {
    let mut random = Random(seed);
    let mut body = Body::new(locals);
    body.push("(if (local.get 0) (then ").load_locals(locals);
    for time in 0..times {
        let local = random.below(locals) + 1;
        body.push(&format!("(drop {CALL}) (i64.store (i32.const 0) (local.get {local})) "));
        body.load(time).push(&format!("local.set {local} "));
    }
    body.store_locals(locals).push(")) ").end()
}

/// Locals that are moved about among branches and loops: few values are made, and many come of the ways that meet.
fn moved(locals: usize, blocks: usize, seed: u64) -> String {
    let mut random = Random(seed);
    let mut body = Body::new(locals);
    body.push("(if (local.get 0) (then ").load_locals(locals);
    let mut open = 0;
    for _ in 0..blocks {
        match random.below(3) {
            0 if open < 60 => {
                body.push("(loop ");
                open += 1;
            }
            1 if open > 0 => {
                body.push("(br_if 0 (local.get 0))) ");
                open -= 1;
            }
            _ => {
                let (to, from) = (random.below(locals) + 1, random.below(locals) + 1);
                body.push(&format!(
                    "(if (local.get 0) (then (local.set {to} (local.get {from})) (call $void))) "
                ));
            }
        }
    }
    body.push(&"(br_if 0 (local.get 0))) ".repeat(open)).store_locals(locals).push(")) ").end()
}

struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap() % limit
    }
}

fn functions() -> Vec<(&'static str, String)> {
    vec![
        ("nothing", Body::new(0).end()),
        ("511 locals", locals(511)),
        ("500 operands", operands(500)),
        ("locals in loops", loops(500, 500, 10)),
        ("locals replaced", replaced(510, 4_000, 1)),
        ("few locals replaced", replaced(60, 4_000, 2)),
        ("locals moved", moved(500, 1_000, 3)),
        ("fewer locals moved", moved(200, 2_000, 4)),
    ]
}

fn fields(function: &str) -> String {
    format!("(global $depth (mut i32) (i32.const 0)) (func $void (drop {CALL})) {function}")
}

#[test]
fn recursion_runs_out_of_fuel_before_it_runs_out_of_stack() {
    for (name, function) in functions() {
        let guest = Guest { fields: &fields(&function), add: CALL, ..Guest::default() }.build();
        let most = check(&guest).unwrap().fuel_per_call_max();
        let result = first_add(&guest, fuel(most));
        assert_eq!(result, Err(GuestFault::OutOfFuel { fuel: most }.into()), "{name}");
    }
}

#[test]
fn no_frame_is_larger_than_the_check_says() {
    for (name, function) in functions() {
        let guest = Guest { fields: &fields(&function), add: CALL, ..Guest::default() }.build();
        let (said, measured) = (check(&guest).unwrap().frame_bytes(), frame_bytes(&function));
        assert!(measured <= said, "{name}: {measured} bytes measured, {said} said");
    }
}

#[test]
fn a_frame_has_room_for_every_value_that_a_function_makes() {
    let others = "(type $swap (func (param i32 i32) (result i32 i32 i32))) (table 1 funcref)
        (func $three (type $swap) unreachable)";
    let two = "(i32.const 1) (i32.const 2)";
    for (what, values) in [
        ("", 0),
        ("(drop (i32.const 1)) (drop (local.get 0)) nop (block)", 0),
        ("(drop (i32.add (i32.const 1) (i32.const 2)))", 1),
        ("(local.set 0 (i32.const 1))", 1),
        ("(drop (block (result i32) (i32.const 1)))", 1),
        (&format!("{two} (block (type $swap) (i32.const 3)) drop drop drop"), 5),
        (&format!("{two} (call $three) drop drop drop"), 3),
        (&format!("{two} (call_indirect (type $swap) (i32.const 0)) drop drop drop"), 3),
    ] {
        let fields = format!("{others} (func $f (param i32) (local i64) {what} (call $f (i32.const 0)))");
        let guest = Guest { fields: &fields, ..Guest::default() }.build();
        // 512 bytes beside the values, and 8 for each, two locals among them.
        assert_eq!(check(&guest).unwrap().frame_bytes(), 512 + 8 * (2 + values), "{what}");
    }
}

/// What a call of `$f` takes of the native stack: calls it, with fuel without end, until the stack ends.
fn frame_bytes(function: &str) -> u64 {
    let text = format!(
        r#"(module (memory 1) {} (export "depth" (global $depth)) (func (export "run") (drop {CALL})))"#,
        fields(function)
    );
    let engine = Engine::new(&engine_config(TARGET.unwrap()).unwrap()).unwrap();
    let module = Module::new(&engine, wat::parse_str(text).unwrap()).unwrap();
    on_guest_stack("frames", move |_| {
        let mut store = Store::new(&engine, ());
        store.set_fuel(u64::MAX / 4).unwrap();
        store.set_epoch_deadline(1);
        let instance = Instance::new(&mut store, &module, &[]).unwrap();
        let run = instance.get_typed_func::<(), ()>(&mut store, "run").unwrap();
        let error = run.call(&mut store, ()).unwrap_err();
        assert_eq!(error.downcast_ref(), Some(&Trap::StackOverflow));
        let depth = instance.get_global(&mut store, "depth").unwrap().get(&mut store).unwrap_i32();
        u64::try_from(GUEST_BYTES).unwrap() / u64::try_from(depth).unwrap()
    })
    .unwrap()
}

#[test]
fn a_module_with_a_large_function_gets_less_fuel() {
    assert_eq!(fuel_for_stack(0), FUEL_PER_CALL_MAX);
    assert_eq!(fuel_for_stack(10_000), FUEL_PER_CALL_MAX);
    assert_eq!(fuel_for_stack(240 << 10), 262_144);
    let guest = Guest { fields: &fields(&replaced(510, 4_000, 1)), ..Guest::default() }.build();
    let error = on_guest_stack("bind", |stack| {
        let module = super::run::load(&guest);
        let Binding { limits, .. } = fuel(FUEL_PER_CALL_MAX);
        let log = std::sync::Arc::new(crate::NoLog);
        module.bind(stack, super::run::bundle(), crate::Settings::default(), limits, log).err()
    })
    .unwrap();
    assert!(matches!(error, Some(crate::BindError::Fuel { allowed: 200_000..2_000_000, .. })), "{error:?}");
}
