//! The static check: what a module must be like before anything is compiled.
//!
//! Part of profile 1. It looks at the bytes alone, in one pass, so its verdict is the same on every orderer; what it
//! passes, the compiler can take. Its limits come before the validator, which comes before reading what was validated.

mod code;
mod component;
mod core;
mod counts;
mod refusal;

use wasmparser::{Encoding, Parser, Payload, ValidPayload, Validator, WasmFeatures};
use wasmtime::Engine;

pub use refusal::{Construct, ModuleKind, NotComponent, Refusal};

use self::code::Code;
use self::component::Root;
use self::core::CoreModule;
use self::counts::Counts;
use crate::profile::{Limit, PROPOSALS, features, fuel_for_stack};
use crate::text::is_harmless;

/// What the static check learned of a module that passed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Checked {
    kind: ModuleKind,
    initial_memory_bytes: u64,
    frame_bytes: u64,
}

impl Checked {
    /// What the module is.
    #[must_use]
    pub const fn kind(&self) -> ModuleKind {
        self.kind
    }

    /// Bytes of memory that an instance starts with.
    #[must_use]
    pub const fn initial_memory_bytes(&self) -> u64 {
        self.initial_memory_bytes
    }

    /// The most native stack that a call within the module can take, in bytes.
    #[must_use]
    pub const fn frame_bytes(&self) -> u64 {
        self.frame_bytes
    }

    /// Most fuel that a call of this module may be given: any more might end its recursion by stack and not by fuel.
    #[must_use]
    pub const fn fuel_per_call_max(&self) -> u64 {
        fuel_for_stack(self.frame_bytes)
    }
}

/// A module that passed, with all that was counted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Measured {
    /// What everybody wants to know.
    pub checked: Checked,
    /// The interfaces that it imports, in its own order.
    pub imports: Vec<String>,
    /// How much it has of what is limited: of what is limited for each part, the most that a part has.
    pub used: Vec<(Limit, u64)>,
}

/// Checks a module.
///
/// # Errors
///
/// See [`Refusal`]. Any bytes are answered, in time that grows with their number.
pub fn check(bytes: &[u8]) -> Result<Checked, Refusal> {
    Ok(measure(bytes)?.checked)
}

/// The same, for those who want to know how near a module is to its limits.
///
/// # Errors
///
/// As [`check`].
pub fn measure(bytes: &[u8]) -> Result<Measured, Refusal> {
    let mut walk = Walk::new();
    walk.counts.at_most(Limit::ComponentBytes, bytes.len())?;
    is_component(bytes)?;
    let mut parser = Parser::new(0);
    parser.set_features(features());
    for payload in parser.parse_all(bytes) {
        walk.payload(payload?)?;
    }
    let imports = walk.root.imports().to_vec();
    let checked = walk.root.finish(walk.code.frame_bytes())?;
    Ok(Measured { checked, imports, used: walk.counts.used() })
}

/// Refuses what is no component by its first bytes, with a word on what it is.
fn is_component(bytes: &[u8]) -> Result<(), Refusal> {
    let found = if bytes.is_empty() {
        NotComponent::Empty
    } else if Engine::detect_precompiled(bytes).is_some() || bytes.starts_with(b"\x7fELF") {
        NotComponent::Precompiled
    } else if Parser::is_component(bytes) {
        return Ok(());
    } else if Parser::is_core_wasm(bytes) {
        NotComponent::CoreModule
    } else if bytes.trim_ascii_start().starts_with(b"(") {
        NotComponent::Text
    } else {
        NotComponent::Other
    };
    Err(Refusal::NotComponent(found))
}

/// The one pass over a component, its core modules and its nested components.
struct Walk {
    validator: Validator,
    root: Root,
    counts: Counts,
    code: Code,
    /// Components around the current place, the outermost included.
    depth: usize,
    /// The core module around the current place.
    module: Option<CoreModule>,
}

impl Walk {
    fn new() -> Self {
        Self {
            validator: Validator::new_with_features(features()),
            root: Root::default(),
            counts: Counts::default(),
            code: Code::default(),
            depth: 0,
            module: None,
        }
    }

    fn payload(&mut self, payload: Payload<'_>) -> Result<(), Refusal> {
        match &payload {
            Payload::CustomSection(section) => {
                let bytes = section.name().len().saturating_add(section.data().len());
                self.counts.add(Limit::CustomSections, 1_u64)?;
                return self.counts.add(Limit::CustomSectionBytes, bytes);
            }
            Payload::UnknownSection { .. } => return not_allowed(Construct::UnknownSection),
            Payload::Version { encoding: Encoding::Module, .. } => {
                self.module = Some(CoreModule::default());
            }
            Payload::Version { encoding: Encoding::Component, .. } => {
                self.depth = self.depth.saturating_add(1);
                self.counts.at_most(Limit::ComponentDepth, self.depth.saturating_sub(1))?;
            }
            _ => {}
        }
        match &mut self.module {
            Some(module) => module.before(&payload, &mut self.counts)?,
            None => self.root.before(&payload, self.depth > 1, &mut self.counts)?,
        }
        match self.validator.payload(&payload)? {
            ValidPayload::Func(function, body) => self.code.function(function, &body, &mut self.counts)?,
            ValidPayload::Ok | ValidPayload::Parser(_) | ValidPayload::End(_) => {}
        }
        if let Some(module) = &mut self.module {
            module.after(&payload, &mut self.counts)?;
        } else {
            self.root.after(&payload, self.depth > 1, &mut self.counts)?;
        }
        if matches!(payload, Payload::End(_)) {
            match self.module.take() {
                Some(module) => self.root.module(module),
                None => self.depth = self.depth.saturating_sub(1),
            }
        }
        Ok(())
    }
}

impl From<wasmparser::Error> for Refusal {
    fn from(error: wasmparser::Error) -> Self {
        let (what, offset) = (crate::text::printable(error.message(), 512), error.offset());
        match error.missing_wasm_feature().and_then(proposal_name) {
            Some(proposal) => Self::Proposal { proposal, what, offset },
            None => Self::Invalid { what, offset },
        }
    }
}

fn proposal_name(flag: WasmFeatures) -> Option<&'static str> {
    PROPOSALS.iter().find(|proposal| proposal.flag == flag).map(|proposal| proposal.name)
}

fn not_allowed<T>(construct: Construct) -> Result<T, Refusal> {
    Err(Refusal::NotAllowed { construct })
}

/// Names end up in logs and in front of admins.
fn name(name: &str, counts: &mut Counts) -> Result<(), Refusal> {
    counts.at_most(Limit::NameBytes, name.len())?;
    if name.chars().all(is_harmless) {
        Ok(())
    } else {
        Err(Refusal::ControlCharacter { name: name.to_owned() })
    }
}
