//! How large a module may be, and how much an instance may use.

use std::fmt;

use super::prices::CALL;
use crate::stack::GUEST_BYTES;

/// Bytes of a page of linear memory.
pub const PAGE_BYTES: u64 = 65_536;

/// Fuel that a call of a batch policy gets when its module does not ask for another amount.
pub const FUEL_PER_CALL: u64 = 500_000;

/// Fuel that a call of a filter gets when its module does not ask for another amount.
pub const FILTER_FUEL_PER_CALL: u64 = 5_000_000;

/// Most fuel that any module may ask for, a call. See [`fuel_for_stack`] for how large functions lower it.
pub const FUEL_PER_CALL_MAX: u64 = 5_000_000;

/// Most fuel with which a recursion of calls that take `frame_bytes` of native stack each runs out of fuel before it
/// runs out of stack. At most [`FUEL_PER_CALL_MAX`], which frames up to 12.6 KiB allow.
///
/// A part of the stack is kept for what is called once: a function that calls nothing, and the way in.
#[must_use]
pub const fn fuel_for_stack(frame_bytes: u64) -> u64 {
    const FOR_RECURSION: u64 = (GUEST_BYTES - KEPT) as u64;
    const KEPT: usize = 16 << 20;
    let fuel = match FOR_RECURSION.checked_div(frame_bytes) {
        Some(calls) => calls.saturating_mul(CALL),
        None => FUEL_PER_CALL_MAX,
    };
    if fuel < FUEL_PER_CALL_MAX { fuel } else { FUEL_PER_CALL_MAX }
}

/// Fuel for making an instance, which start functions of its core modules use. At most what a call may be given.
pub const FUEL_TO_START: u64 = 5_000_000;

/// Linear memory of an instance when its module does not ask for another amount.
pub const MEMORY_BYTES: u64 = 16 << 20;

/// Most linear memory that a module may ask for.
pub const MEMORY_BYTES_MAX: u64 = 64 << 20;

/// Most elements of a table.
pub const TABLE_ELEMENTS_MAX: u64 = 10_000;

/// Bytes that one call from guest to host, or one answer, may hand over.
pub const HOSTCALL_BYTES: usize = 64 << 10;

/// Policies that a filter may ask for, of one envelope.
pub const POLICIES_PER_ENVELOPE_MAX: usize = 8;

/// Log lines kept of one call.
pub const LOG_LINES_PER_CALL: u32 = 16;

/// Bytes of log lines kept of one call.
pub const LOG_BYTES_PER_CALL: usize = 4 << 10;

/// Bytes kept of a sentence that a module gives as a reason.
pub const REASON_BYTES_MAX: usize = 1 << 10;

/// A limit on the structure of a module, checked before anything is compiled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Limit {
    /// Bytes of the component.
    ComponentBytes,
    /// Bytes of all custom sections, names and contents.
    CustomSectionBytes,
    /// Custom sections.
    CustomSections,
    /// Core modules in the component.
    CoreModules,
    /// Instances of core modules.
    CoreInstances,
    /// Instances that stand in the component: of components, of core modules, and bundles of exports.
    ComponentInstances,
    /// Components inside the component.
    NestedComponents,
    /// How deep components stand inside one another.
    ComponentDepth,
    /// Types of the component and of its nested components.
    ComponentTypes,
    /// Imports and exports of the component and of its nested components.
    ComponentNames,
    /// Aliases of the component and of its nested components.
    Aliases,
    /// Lifted and lowered functions.
    CanonicalFunctions,
    /// Linear memories of all core instances.
    Memories,
    /// Bytes with which the linear memory starts.
    InitialMemoryBytes,
    /// Tables of all core instances.
    Tables,
    /// Elements with which a table starts.
    TableElements,
    /// Element segments of a core module.
    ElementSegments,
    /// Items of all element segments.
    ElementItems,
    /// Data segments of a core module.
    DataSegments,
    /// Function types of all core modules.
    Types,
    /// Imports of a core module.
    Imports,
    /// Exports of a core module.
    Exports,
    /// Globals of all core modules.
    Globals,
    /// Functions of all core modules.
    Functions,
    /// Bytes of a function's body.
    BodyBytes,
    /// Locals of a function, parameters included.
    Locals,
    /// Locals of all functions.
    TotalLocals,
    /// Parameters of a function or a block.
    Parameters,
    /// Results of a function or a block.
    Results,
    /// Blocks, loops and ifs of a function.
    Blocks,
    /// Blocks, loops and ifs of all functions.
    TotalBlocks,
    /// How deep blocks stand inside one another.
    BlockDepth,
    /// Values that a function holds at once, beside its locals.
    Operands,
    /// Bytes of a name.
    NameBytes,
}

impl Limit {
    /// Every limit, for tables and tests.
    pub const ALL: &[Self] = &[
        Self::ComponentBytes,
        Self::CustomSectionBytes,
        Self::CustomSections,
        Self::CoreModules,
        Self::CoreInstances,
        Self::ComponentInstances,
        Self::NestedComponents,
        Self::ComponentDepth,
        Self::ComponentTypes,
        Self::ComponentNames,
        Self::Aliases,
        Self::CanonicalFunctions,
        Self::Memories,
        Self::InitialMemoryBytes,
        Self::Tables,
        Self::TableElements,
        Self::ElementSegments,
        Self::ElementItems,
        Self::DataSegments,
        Self::Types,
        Self::Imports,
        Self::Exports,
        Self::Globals,
        Self::Functions,
        Self::BodyBytes,
        Self::Locals,
        Self::TotalLocals,
        Self::Parameters,
        Self::Results,
        Self::Blocks,
        Self::TotalBlocks,
        Self::BlockDepth,
        Self::Operands,
        Self::NameBytes,
    ];

    /// What is allowed.
    #[must_use]
    pub const fn allowed(self) -> u64 {
        match self {
            Self::ComponentBytes => 1 << 20,
            Self::CustomSectionBytes => 256 << 10,
            Self::CustomSections => 100,
            Self::CoreModules | Self::CoreInstances | Self::NestedComponents | Self::Tables => 4,
            Self::Memories | Self::ComponentDepth => 1,
            Self::ComponentInstances | Self::CanonicalFunctions => 64,
            Self::ComponentTypes => 1_000,
            Self::ComponentNames => 256,
            Self::Aliases => 512,
            Self::InitialMemoryBytes => MEMORY_BYTES_MAX,
            Self::TableElements | Self::Functions => TABLE_ELEMENTS_MAX,
            Self::ElementItems => 4 * TABLE_ELEMENTS_MAX,
            Self::ElementSegments | Self::DataSegments | Self::Types => 1_024,
            Self::Imports => 256,
            Self::Exports | Self::Globals => 1_000,
            Self::BodyBytes => 128 << 10,
            Self::Locals => 512,
            Self::TotalLocals => 100_000,
            Self::Parameters | Self::Results => 16,
            Self::Blocks => 5_000,
            Self::TotalBlocks => 50_000,
            Self::BlockDepth | Self::Operands => 512,
            Self::NameBytes => 256,
        }
    }

    /// What an author can do about it.
    #[must_use]
    pub const fn hint(self) -> &'static str {
        match self {
            Self::ComponentBytes => {
                "build with `opt-level = \"s\"`, `lto = true`, `strip = true`, `panic = \"abort\"`"
            }
            Self::CustomSectionBytes | Self::CustomSections => "strip debug information (`strip = true`)",
            Self::Memories | Self::Tables | Self::CoreModules | Self::CoreInstances => {
                "build one core module and turn it into a component; do not compose components"
            }
            Self::NestedComponents | Self::ComponentDepth | Self::ComponentInstances => {
                "do not compose components"
            }
            Self::InitialMemoryBytes => "make static data and the stack smaller (`-zstack-size`)",
            Self::BodyBytes | Self::Blocks | Self::BlockDepth | Self::Operands | Self::Locals => {
                "split the function, or let the compiler inline less (`opt-level = \"s\"`)"
            }
            Self::Parameters | Self::Results => "pass a reference to a struct",
            _ => "make the module smaller, or split it into several",
        }
    }
}

impl fmt::Display for Limit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::ComponentBytes => "bytes of the component",
            Self::CustomSectionBytes => "bytes of custom sections",
            Self::CustomSections => "custom sections",
            Self::CoreModules => "core modules",
            Self::CoreInstances => "core instances",
            Self::ComponentInstances => "instances",
            Self::NestedComponents => "nested components",
            Self::ComponentDepth => "levels of nested components",
            Self::ComponentTypes => "component types",
            Self::ComponentNames => "imports and exports of components",
            Self::Aliases => "aliases",
            Self::CanonicalFunctions => "canonical functions",
            Self::Memories => "memories",
            Self::InitialMemoryBytes => "bytes of initial memory",
            Self::Tables => "tables",
            Self::TableElements => "elements of a table",
            Self::ElementSegments => "element segments",
            Self::ElementItems => "items of element segments",
            Self::DataSegments => "data segments",
            Self::Types => "types",
            Self::Imports => "imports of a core module",
            Self::Exports => "exports of a core module",
            Self::Globals => "globals",
            Self::Functions => "functions",
            Self::BodyBytes => "bytes of a function body",
            Self::Locals => "locals of a function",
            Self::TotalLocals => "locals of all functions",
            Self::Parameters => "parameters",
            Self::Results => "results",
            Self::Blocks => "blocks of a function",
            Self::TotalBlocks => "blocks of all functions",
            Self::BlockDepth => "levels of nested blocks",
            Self::Operands => "values on a function's operand stack",
            Self::NameBytes => "bytes of a name",
        })
    }
}

/// What an instance of one module may use, as the module's settings in the channel config say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ModuleLimits {
    fuel_per_call: u64,
    memory_bytes: u64,
}

impl ModuleLimits {
    /// Limits that the channel config asks for.
    ///
    /// # Errors
    ///
    /// One of them is zero or beyond its maximum.
    pub const fn new(fuel_per_call: u64, memory_bytes: u64) -> Result<Self, LimitsError> {
        if fuel_per_call == 0 || fuel_per_call > FUEL_PER_CALL_MAX {
            return Err(LimitsError::Fuel { asked: fuel_per_call });
        }
        if memory_bytes == 0 || memory_bytes > MEMORY_BYTES_MAX {
            return Err(LimitsError::Memory { asked: memory_bytes });
        }
        Ok(Self { fuel_per_call, memory_bytes })
    }

    /// What a filter has that asks for nothing. (The default is what a batch policy has.)
    #[must_use]
    pub const fn of_filter() -> Self {
        Self { fuel_per_call: FILTER_FUEL_PER_CALL, memory_bytes: MEMORY_BYTES }
    }

    /// Fuel that each call gets. Above zero, at most [`FUEL_PER_CALL_MAX`].
    #[must_use]
    pub const fn fuel_per_call(&self) -> u64 {
        self.fuel_per_call
    }

    /// Bytes to which an instance's memory may grow. At most [`MEMORY_BYTES_MAX`].
    #[must_use]
    pub const fn memory_bytes(&self) -> u64 {
        self.memory_bytes
    }
}

impl Default for ModuleLimits {
    fn default() -> Self {
        Self { fuel_per_call: FUEL_PER_CALL, memory_bytes: MEMORY_BYTES }
    }
}

/// Why limits were refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LimitsError {
    /// No fuel, or too much.
    #[error("{asked} fuel a call was asked for, between 1 and {FUEL_PER_CALL_MAX} is allowed")]
    Fuel {
        /// What the config says.
        asked: u64,
    },
    /// No memory, or too much.
    #[error("{asked} bytes of memory were asked for, between 1 and {MEMORY_BYTES_MAX} is allowed")]
    Memory {
        /// What the config says.
        asked: u64,
    },
}
