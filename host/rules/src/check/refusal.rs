//! Why the static check refuses a module.

use std::fmt;

use crate::profile::Limit;

/// What a module is, by the world that its export belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ModuleKind {
    /// Judges one envelope.
    Filter,
    /// Says where a batch is cut.
    BatchPolicy,
}

impl ModuleKind {
    /// The one interface that a module of this kind exports.
    #[must_use]
    pub const fn export(self) -> &'static str {
        match self {
            Self::Filter => "raddle:rules/filter-guest@1.0.0",
            Self::BatchPolicy => "raddle:rules/batch-guest@1.0.0",
        }
    }

    /// The interfaces that a module of this kind may import.
    #[must_use]
    pub const fn imports(self) -> &'static [&'static str] {
        match self {
            Self::Filter => &[
                "raddle:rules/channel@1.0.0",
                "raddle:rules/settings@1.0.0",
                "raddle:rules/logging@1.0.0",
                "raddle:rules/envelopes@1.0.0",
            ],
            Self::BatchPolicy => &[
                "raddle:rules/channel@1.0.0",
                "raddle:rules/settings@1.0.0",
                "raddle:rules/logging@1.0.0",
                "raddle:rules/creators@1.0.0",
            ],
        }
    }
}

impl fmt::Display for ModuleKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Filter => "filter",
            Self::BatchPolicy => "batch policy",
        })
    }
}

/// What bytes are that are no component.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotComponent {
    /// Nothing.
    Empty,
    /// A core module.
    CoreModule,
    /// Machine code, compiled by an engine. It is never run: nobody can check it.
    Precompiled,
    /// The text format.
    Text,
    /// Something else.
    Other,
}

impl fmt::Display for NotComponent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Empty => "no bytes at all, not a component; was the file built?",
            Self::CoreModule => {
                "a core module, not a component; turn it into one with `wasm-tools component new`"
            }
            Self::Precompiled => {
                "compiled machine code, not a component; give the `.wasm` file it was made from"
            }
            Self::Text => "WebAssembly text, not a component; translate it with `wasm-tools parse`",
            Self::Other => "not a WebAssembly component; give the `.wasm` file that the build wrote",
        })
    }
}

/// Something that WebAssembly or the component model has, and a module of profile 1 may not have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Construct {
    /// A start function of the component itself.
    ComponentStart,
    /// A core module, a core instance, or a lifted or lowered function in a nested component.
    NestedCode,
    /// A core module that is imported, aliased or exported.
    ModuleReference,
    /// A string encoding other than UTF-8.
    StringEncoding,
    /// An asynchronous function, or anything made for them.
    Async,
    /// Another canonical function than lift and lower.
    CanonicalFunction,
    /// A resource type of the module's own.
    OwnResource,
    /// An active data segment that does not lie at a constant address.
    ComputedDataAddress,
    /// A data segment in a memory of another core module.
    ForeignData,
    /// A start function that runs before the component has its memory.
    EarlyStart,
    /// A core section of a kind that no proposal of the profile has.
    UnknownSection,
}

impl fmt::Display for Construct {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::ComponentStart => "a component's start function",
            Self::NestedCode => "code in a nested component; do not compose components",
            Self::ModuleReference => "a core module that is imported, aliased or exported",
            Self::StringEncoding => "strings in another encoding than UTF-8",
            Self::Async => "asynchronous functions; all functions of a rule are plain",
            Self::CanonicalFunction => "a canonical function other than lift and lower",
            Self::OwnResource => "a resource type of its own",
            Self::ComputedDataAddress => {
                "data at a computed address; build without position-independent code"
            }
            Self::ForeignData => "data in another core module's memory",
            Self::EarlyStart => "a start function that runs before there is a memory",
            Self::UnknownSection => "a section that nobody knows",
        })
    }
}

/// Why the static check refuses a module. The same on every orderer, and for ever.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Refusal {
    /// The bytes are no component.
    #[error("this is {0}")]
    NotComponent(NotComponent),
    /// Too much of something.
    #[error("{used} {limit}, at most {} are allowed; {}", .limit.allowed(), .limit.hint())]
    TooMuch {
        /// Of what.
        limit: Limit,
        /// How much there is, or how much was counted before the check stopped.
        used: u64,
    },
    /// It uses a proposal that profile 1 does not have.
    #[error(
        "uses `{proposal}` at byte {offset}, which profile 1 does not have; {what}; turn it off when building"
    )]
    Proposal {
        /// The proposal's name.
        proposal: &'static str,
        /// What the parser met. For people only.
        what: String,
        /// Where.
        offset: usize,
    },
    /// It is no valid WebAssembly under profile 1.
    #[error("not valid at byte {offset}: {what}")]
    Invalid {
        /// What is wrong. For people only.
        what: String,
        /// Where.
        offset: usize,
    },
    /// It has something that a module may not have.
    #[error("has {construct}; profile 1 does not allow that")]
    NotAllowed {
        /// What it has.
        construct: Construct,
    },
    /// A data segment lies outside the memory that the module starts with.
    #[error("data segment {segment} ends at {end}, outside the {memory} bytes of memory that it starts with")]
    DataOutside {
        /// The segment's index.
        segment: u64,
        /// The byte after its last.
        end: u64,
        /// Bytes of memory.
        memory: u64,
    },
    /// A name would deceive who reads it.
    #[error("the name \"{}\" has a control character", .name.escape_debug())]
    ControlCharacter {
        /// The name.
        name: String,
    },
    /// It imports WASI.
    #[error(
        "imports `{name}`: there is no WASI here, no clock, no random numbers, no files; \
         build for `wasm32-unknown-unknown` without a WASI adapter"
    )]
    Wasi {
        /// The import.
        name: String,
    },
    /// It imports or exports one of our interfaces in another version.
    #[error("has `{name}`, only `{expected}` is known; build against that version")]
    Version {
        /// The name in the module.
        name: String,
        /// The name as it must be.
        expected: &'static str,
    },
    /// It imports what is not there.
    #[error("imports `{name}`, which does not exist; a {kind} may import {}", .kind.imports().join(", "))]
    UnknownImport {
        /// The import.
        name: String,
        /// What the module is.
        kind: ModuleKind,
    },
    /// It exports something beside its world's interface.
    #[error(
        "exports `{name}`; a filter exports `{}`, a batch policy `{}`, and nothing else",
        ModuleKind::Filter.export(), ModuleKind::BatchPolicy.export()
    )]
    UnknownExport {
        /// The export.
        name: String,
    },
    /// It exports nothing.
    #[error(
        "exports nothing; a filter exports `{}`, a batch policy `{}`",
        ModuleKind::Filter.export(), ModuleKind::BatchPolicy.export()
    )]
    NoExport,
    /// It is both kinds at once.
    #[error("is a filter and a batch policy at once; make two modules of it")]
    TwoWorlds,
    /// It is of another kind than its place needs.
    #[error("is a {found}, a {wanted} is needed here")]
    Kind {
        /// What it is.
        found: ModuleKind,
        /// What it must be.
        wanted: ModuleKind,
    },
    /// Its imports or exports have the right names and other types.
    #[error("does not fit the world: {what}; build against the released WIT")]
    WorldMismatch {
        /// What differs. For people only.
        what: String,
    },
}
