//! The hostile corpus: modules that misuse time, memory, the stack, the compiler, the binary format or the host, each
//! with what must come of it. `expected.txt` beside this file says so, a line for each.
//!
//! Nothing here may panic, take the process with it, or end in a local fault: whatever a module does, it is its own.

mod boundary;
mod compile;
mod memory;
mod nondeterminism;
mod runs;
mod shape;
mod stack;
mod time;

use std::collections::BTreeSet;
use std::fmt::Write as _;

use super::expected::compare;
use super::filters::guest::Guest as FilterGuest;
use super::filters::run::{new_engine, on_guest};
use super::guest::Guest;
use super::run::replaced;
use crate::check::{ModuleKind, check};
use runs::Loaded;

/// One hostile module.
pub struct Hostile {
    /// `group/what it does`.
    name: String,
    /// What it says it is.
    kind: ModuleKind,
    bytes: Vec<u8>,
}

/// Collects the modules of a group.
pub struct Group {
    name: &'static str,
    modules: Vec<Hostile>,
}

impl Group {
    fn new(name: &'static str) -> Self {
        Self { name, modules: Vec::new() }
    }

    /// Any bytes, which are to be a batch policy.
    fn bytes(&mut self, what: &str, bytes: Vec<u8>) {
        let name = format!("{}/{what}", self.name);
        self.modules.push(Hostile { name, kind: ModuleKind::BatchPolicy, bytes });
    }

    fn policy(&mut self, what: &str, guest: &Guest<'_>) {
        self.bytes(what, guest.build());
    }

    /// A batch policy with one piece of its text replaced.
    fn replaced(&mut self, what: &str, from: &str, to: &str) {
        self.bytes(what, replaced(from, to));
    }

    /// A batch policy with this in `add`, and these fields in its module.
    fn add(&mut self, what: &str, fields: &str, add: &str) {
        self.policy(what, &Guest { fields, add, ..Guest::default() });
    }

    fn filter(&mut self, what: &str, guest: &FilterGuest<'_>) {
        let name = format!("{}/filter: {what}", self.name);
        self.modules.push(Hostile { name, kind: ModuleKind::Filter, bytes: guest.build() });
    }

    /// A filter with this in `check`.
    fn check(&mut self, what: &str, check: &str) {
        self.filter(what, &FilterGuest { check, ..FilterGuest::default() });
    }
}

/// All of them.
fn all() -> Vec<Hostile> {
    let groups = [
        time::modules(),
        memory::modules(),
        stack::modules(),
        compile::modules(),
        shape::modules(),
        nondeterminism::modules(),
        boundary::modules(),
    ];
    groups.into_iter().flat_map(|group| group.modules).collect()
}

#[test]
fn every_hostile_module_ends_as_expected() {
    let modules = all();
    let names: BTreeSet<_> = modules.iter().map(|hostile| &hostile.name).collect();
    assert_eq!(names.len(), modules.len(), "two have the same name");
    assert!(modules.len() >= 100, "{}", modules.len());
    let engine = new_engine(1);
    let mut found = String::new();
    on_guest(|stack| {
        for hostile in &modules {
            let end = Loaded::new(&engine, hostile).end(stack);
            writeln!(found, "{}\n    {end}", hostile.name).unwrap();
            assert!(!end.contains("local fault"), "{}: {end}", hostile.name);
        }
    });
    compare("host/rules/src/tests/corpus/expected.txt", &found);
}

#[test]
fn eight_threads_at_once_end_as_one_does() {
    let engine = new_engine(8);
    let loaded: Vec<_> = all().iter().map(|hostile| Loaded::new(&engine, hostile)).collect();
    let alone: Vec<_> = on_guest(|stack| loaded.iter().map(|it| it.end(stack)).collect());
    std::thread::scope(|scope| {
        for thread in 0..8 {
            let (loaded, alone) = (&loaded, &alone);
            scope.spawn(move || {
                on_guest(|stack| {
                    // Each begins at another place, so that different ones meet.
                    let turn = loaded.iter().zip(alone).cycle().skip(thread * loaded.len() / 8);
                    for (it, expected) in turn.take(loaded.len()) {
                        assert_eq!(it.end(stack), *expected);
                    }
                });
            });
        }
    });
}

/// What a check says does not depend on who asks: the command line, the node at install, and the node that meets the
/// module in the log call the same function, and loading calls it too.
#[test]
fn what_is_refused_is_refused_alike_by_check_and_by_load() {
    let engine = new_engine(1);
    let mut refused = 0;
    for hostile in all() {
        let Err(refusal) = check(&hostile.bytes) else { continue };
        refused += 1;
        let end = on_guest(|stack| Loaded::new(&engine, &hostile).end(stack));
        assert_eq!(end, format!("refused: {refusal}"), "{}", hostile.name);
    }
    assert!(refused >= 60, "{refused}");
}
