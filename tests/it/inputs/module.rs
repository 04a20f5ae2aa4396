//! Modules, as a channel's admins bring them: the check refuses them or they are compiled, and what runs is alike each
//! time and within its limits.

use std::num::NonZeroU16;
use std::path::Path;
use std::rc::Rc;
use std::sync::Arc;

use bytes::Bytes;
use proptest::prelude::*;
use proptest::sample::Index;
use raddle_core::batch_policy::{Batch as _, EnvelopeInfo, Fault, Pending};
use raddle_core::bundle::{Bundle, read_genesis};
use raddle_core::ids::CreatorNumber;
use raddle_proto::wire::{self, Envelope};
use raddle_rules::check::{ModuleKind, check, measure};
use raddle_rules::profile::ModuleLimits;
use raddle_rules::{
    BatchEngine, BatchModule, Case, Creator, FilterEngine, FilterModule, GuestStack, Judge, LoadError, NoLog,
    PolicyVerdict, Settings, Timestamp,
};

use super::mutation::{Mutation, mutate, push_varint};
use super::{Outcome, envelope, mutation, try_inputs};
use crate::harness::{Recorded, repository, with_guest_stack};

/// A change within a section of a component or of a core module in it, whose lengths stay right, or to the bytes as
/// they are.
#[derive(Clone, Debug)]
struct Change {
    path: Vec<Index>,
    change: Mutation,
}

fn change() -> impl Strategy<Value = Change> + Clone {
    (proptest::collection::vec(any::<Index>(), 0..6), mutation::mutation())
        .prop_map(|(path, change)| Change { path, change })
}

/// Magic number, version and layer.
const HEADER: usize = 8;

/// The section of a component that holds a core module, and that of a core module that holds functions.
const CORE_MODULE: u8 = 1;
const CODE: u8 = 10;

/// Parts with a length before each, such as sections: where the length stands, and what it is of.
struct Part {
    id: u8,
    length_at: usize,
    content: std::ops::Range<usize>,
}

fn leb128(bytes: &[u8], at: usize) -> Option<(usize, usize)> {
    let mut value = 0usize;
    for (place, byte) in bytes.get(at..)?.iter().enumerate().take(5) {
        value |= usize::from(byte & 0x7f) << (7 * place);
        if byte & 0x80 == 0 {
            return Some((value, at + place + 1));
        }
    }
    None
}

fn part(bytes: &[u8], id: u8, length_at: usize) -> Option<Part> {
    let (length, start) = leb128(bytes, length_at)?;
    bytes.get(start..start.checked_add(length)?)?;
    Some(Part { id, length_at, content: start..start + length })
}

fn sections(bytes: &[u8]) -> Vec<Part> {
    let mut sections: Vec<Part> = Vec::new();
    let next = |sections: &[Part]| {
        let at = sections.last().map_or(HEADER, |last| last.content.end);
        part(bytes, *bytes.get(at)?, at + 1)
    };
    while let Some(section) = next(&sections) {
        sections.push(section);
    }
    sections
}

fn functions(code: &[u8]) -> Vec<Part> {
    let Some((count, mut at)) = leb128(code, 0) else { return Vec::new() };
    let mut functions = Vec::new();
    while functions.len() < count
        && let Some(function) = part(code, 0, at)
    {
        at = function.content.end;
        functions.push(function);
    }
    functions
}

/// The bytes changed at the end of the path through their parts.
fn changed(bytes: &[u8], parts: &[Part], path: &[Index], edit: &dyn Fn(&[u8]) -> Vec<u8>) -> Vec<u8> {
    let Some((first, rest)) = path.split_first().filter(|_| !parts.is_empty()) else { return edit(bytes) };
    let part = first.get(parts);
    let content = &bytes[part.content.clone()];
    let inner = match part.id {
        CORE_MODULE if content.starts_with(b"\0asm") => sections(content),
        CODE => functions(content),
        _ => Vec::new(),
    };
    let content = changed(content, &inner, rest, edit);
    let mut all = bytes[..part.length_at].to_vec();
    push_varint(&mut all, content.len() as u64);
    all.extend_from_slice(&content);
    all.extend_from_slice(&bytes[part.content.end..]);
    all
}

fn components() -> Vec<Bytes> {
    let folders = ["", "/c", "/examples", "/hostile"].map(|it| format!("guest-filters/dist{it}"));
    let mut components = Vec::new();
    for folder in folders.iter().map(String::as_str).chain(["tests/modules/1.0.0"]) {
        for entry in std::fs::read_dir(repository().join(Path::new(folder))).unwrap() {
            let path = entry.unwrap().path();
            if path.extension().is_some_and(|it| it == "wasm") {
                components.push(std::fs::read(path).unwrap().into());
            }
        }
    }
    components.sort();
    components.dedup();
    assert!(components.len() > 30);
    components
}

/// Answers as one who knows what filters ask.
struct Answers;

impl Judge for Answers {
    fn evaluate(&self, policy: &str) -> PolicyVerdict {
        if policy.len().is_multiple_of(2) { PolicyVerdict::Satisfied } else { PolicyVerdict::Missing }
    }

    fn creator_expires(&self) -> Option<Timestamp> {
        Some(Timestamp { seconds: 2_000_000_000, nanoseconds: 0 })
    }

    fn creator(&self) -> Result<Creator, String> {
        let units = vec!["client".into()];
        Ok(Creator { msp_id: "Org1MSP".into(), certificate: Bytes::new(), organisational_units: units })
    }
}

/// The engines, a channel, and an envelope for modules to judge.
struct Bench {
    batches: BatchEngine,
    filters: FilterEngine,
    stack: GuestStack,
    bundle: Arc<Bundle>,
    envelope: Envelope,
}

impl Bench {
    fn new(stack: GuestStack) -> Self {
        let config = read_genesis(Recorded::mychannel().genesis).unwrap().config;
        Self {
            batches: BatchEngine::new().unwrap(),
            filters: FilterEngine::new(NonZeroU16::MIN).unwrap(),
            stack,
            bundle: Arc::clone(&config.bundle),
            envelope: Envelope::unmarshal(envelope::recorded()[0].clone()).unwrap(),
        }
    }

    fn try_module(&self, bytes: &[u8]) -> Outcome {
        let checked = check(bytes);
        assert_eq!(measure(bytes).map(|it| it.checked), checked);
        let Ok(checked) = checked else { return Outcome::Refused };
        let loaded = match checked.kind() {
            ModuleKind::BatchPolicy => self.batches.load("mutated", bytes).map(|module| self.cut(&module)),
            ModuleKind::Filter => self.filters.load("mutated", bytes).map(|module| self.judge(&module)),
        };
        match loaded {
            Ok(()) => Outcome::Taken,
            // It does not fit the world, which the engine alone can tell.
            Err(LoadError::Refused(_)) => Outcome::Refused,
            Err(LoadError::Local(fault)) => panic!("passed the check and did not compile: {fault}"),
        }
    }

    /// Asks it about two batches; both runs of the same are alike.
    fn cut(&self, module: &BatchModule) {
        let (bundle, limits) = (Arc::clone(&self.bundle), ModuleLimits::default());
        let bound = module.bind(self.stack, bundle, Settings::default(), limits, Arc::new(NoLog));
        let Ok(policy) = bound else { return };
        let run = || -> (Vec<bool>, u64, Option<Fault>) {
            let (mut said, mut fuel) = (Vec::new(), 0);
            let mut cut = || -> Result<(), Fault> {
                let mut batch = policy.instance()?;
                let mut pending = Pending::default();
                for size_bytes in [100, 3_000, 70_000] {
                    let creator = CreatorNumber(0);
                    let envelope =
                        EnvelopeInfo { size_bytes, header_type: Some(3), creator, creator_bytes: b"creator" };
                    if pending.count > 0 {
                        said.push(batch.fits(&envelope, pending)?);
                    }
                    said.push(batch.add(&envelope, pending)?);
                    pending =
                        Pending { count: pending.count + 1, size_bytes: pending.size_bytes + size_bytes };
                    fuel = batch.fuel_left();
                }
                Ok(())
            };
            let end = cut().err();
            (said, fuel, end)
        };
        let first = run();
        assert!(!matches!(first.2, Some(Fault::Local(_))), "{first:?}");
        assert_eq!(run(), first);
    }

    /// Asks it about an envelope, twice.
    fn judge(&self, module: &FilterModule) {
        let (bundle, limits) = (Arc::clone(&self.bundle), ModuleLimits::of_filter());
        let Ok(filter) = module.bind(bundle, Settings::default(), limits, Arc::new(NoLog)) else { return };
        let run = || {
            let header = wire::channel_header(&self.envelope);
            let at = Timestamp { seconds: 1_782_864_000, nanoseconds: 0 };
            filter.run(self.stack, &Case::new(self.envelope.clone(), header, at, Box::new(Answers)))
        };
        let first = run();
        assert!(!matches!(first.answer, Err(Fault::Local(_))), "{first:?}");
        assert!(first.memory_bytes <= limits.memory_bytes() && first.fuel_used <= limits.fuel_per_call());
        assert_eq!(run(), first);
    }
}

#[test]
fn module_bytes() {
    let components = components();
    let strategy = (any::<Index>(), proptest::collection::vec(change(), 1..3));
    with_guest_stack(|stack| {
        let bench = Rc::new(Bench::new(stack));
        try_inputs("module bytes", 40, &strategy, |(which, changes)| {
            let mut bytes = which.get(&components).to_vec();
            for Change { path, change } in changes {
                let parts = sections(&bytes);
                bytes = changed(&bytes, &parts, &path, &|part| {
                    mutate(part, std::slice::from_ref(&change), &components)
                });
            }
            bench.try_module(&bytes)
        });
    });
}
