//! A batch policy that breaks: the same blocks on every replay, and the rest of the batch cut by the standard rule.

use std::rc::Rc;
use std::sync::Arc;

use bytes::Bytes;
use raddle_core::batch_policy::{
    Batch, BatchPolicies, BatchPolicy, EnvelopeInfo, Fault, GuestFault, LocalFault, Pending,
};
use raddle_core::bundle::CurrentConfig;
use raddle_rules::profile::ModuleLimits;

use crate::harness::guest::Guest;
use crate::harness::{ModulePolicies, Recorded, dist, run, run_with_stops, with_guest_stack};

/// What a module does that takes everything until its `n`th `add` or `fits` breaks, said natively.
#[derive(Clone, Copy)]
struct Model {
    in_fits: bool,
    n: u32,
}

struct ModelBatch {
    model: Model,
    calls: u32,
}

impl ModelBatch {
    fn answer(&mut self, in_fits: bool, usual: bool) -> Result<bool, Fault> {
        if in_fits == self.model.in_fits {
            self.calls += 1;
            if self.calls == self.model.n {
                return Err(GuestFault::Trapped { trap: String::new() }.into());
            }
        }
        Ok(usual)
    }
}

impl Batch for ModelBatch {
    fn fits(&mut self, _: &EnvelopeInfo<'_>, _: Pending) -> Result<bool, Fault> {
        self.answer(true, true)
    }

    fn add(&mut self, _: &EnvelopeInfo<'_>, _: Pending) -> Result<bool, Fault> {
        self.answer(false, false)
    }
}

impl BatchPolicy for Model {
    fn begin(&self) -> Result<Box<dyn Batch>, Fault> {
        Ok(Box::new(ModelBatch { model: *self, calls: 0 }))
    }
}

impl BatchPolicies for Model {
    fn batch_policy(&self, _: &Arc<CurrentConfig>) -> Result<Rc<dyn BatchPolicy>, LocalFault> {
        Ok(Rc::new(*self))
    }
}

fn fuel(amount: u64) -> ModuleLimits {
    ModuleLimits::new(amount, ModuleLimits::default().memory_bytes()).unwrap()
}

/// Runs the module over the recorded topic, whole and with stops everywhere.
fn check(module: &[u8], settings: &[(&str, &str)], limits: ModuleLimits, records_max: usize, model: Model) {
    with_guest_stack(|stack| {
        let recorded = Recorded::mychannel();
        let records: Vec<Bytes> = recorded.records().into_iter().take(records_max).collect();
        let expected = run(&recorded, &records, &(Rc::new(model) as Rc<dyn BatchPolicies>));
        assert!(expected.faults.len() > 3, "the policy must break for this to show anything");
        let policies: Rc<dyn BatchPolicies> = ModulePolicies::new(stack, module, settings, limits);
        assert_eq!(run(&recorded, &records, &policies), expected);
        assert_eq!(run_with_stops(&recorded, &records, &policies), expected);
    });
}

#[test]
fn a_policy_that_traps() {
    let module = dist("hostile/traps-at-n.wasm");
    for n in [1, 3, 10] {
        let model = Model { in_fits: false, n };
        check(&module, &[("n", &n.to_string())], ModuleLimits::default(), 600, model);
    }
    let model = Model { in_fits: true, n: 4 };
    check(&module, &[("n", "4"), ("call", "fits")], ModuleLimits::default(), 600, model);
}

#[test]
fn a_policy_that_spins() {
    let model = Model { in_fits: false, n: 3 };
    check(&dist("hostile/spins-at-n.wasm"), &[("n", "3")], fuel(100_000), 300, model);
}

#[test]
fn a_policy_that_hoards_memory() {
    let model = Model { in_fits: false, n: 5 };
    check(&dist("hostile/hoards-at-n.wasm"), &[("n", "5")], ModuleLimits::default(), 200, model);
}

#[test]
fn a_policy_that_calls_an_import_without_end() {
    let model = Model { in_fits: false, n: 2 };
    check(&dist("hostile/imports-in-loop.wasm"), &[("n", "2")], ModuleLimits::default(), 200, model);
}

/// 512 locals, all alive across the call: the most that profile 1 allows, with the most fuel that it allows there.
#[test]
fn a_policy_that_recurses() {
    let (mut set, mut sum) = (String::new(), String::new());
    for local in 1..512 {
        set += &format!("(local.set {local} (i64.add (local.get 0) (i64.const {local})))");
        sum += &format!("(i64.add (local.get {local}))");
    }
    let fields = format!(
        "(global $adds (mut i32) (i32.const 0))
         (func $recurse (param i64) (result i64) (local {})
             {set} (call $recurse (i64.add (local.get 0) (i64.const 1))) {sum})",
        "i64 ".repeat(511)
    );
    let guest = Guest {
        fields: &fields,
        add: "(global.set $adds (i32.add (global.get $adds) (i32.const 1)))
              (if (i32.eq (global.get $adds) (i32.const 3)) (then (drop (call $recurse (i64.const 0)))))
              i32.const 0",
        ..Guest::default()
    };
    let model = Model { in_fits: false, n: 3 };
    let module = guest.build();
    // The most that the static check lets a module with such frames have.
    let fuel_max = raddle_rules::check::check(&module).unwrap().fuel_per_call_max();
    check(&module, &[], fuel(fuel_max), 60, model);
}
