//! Which WebAssembly and component-model proposals a module may use.

use wasmtime::WasmFeatures;

/// One proposal, and whether profile 1 has it.
#[derive(Clone, Copy, Debug)]
pub struct Proposal {
    /// The engine's and the parser's flag.
    pub flag: WasmFeatures,
    /// As authors know it.
    pub name: &'static str,
    /// Whether a module may use it.
    pub is_on: bool,
}

const fn on(flag: WasmFeatures, name: &'static str) -> Proposal {
    Proposal { flag, name, is_on: true }
}

const fn off(flag: WasmFeatures, name: &'static str) -> Proposal {
    Proposal { flag, name, is_on: false }
}

/// Every proposal that the engine or its parser knows. A test fails if one is missing.
///
/// On is what stable `rustc` emits for `wasm32-unknown-unknown`; what is off was not needed, or its results may differ
/// between hosts, or it would let a module take stack or time that fuel does not see.
pub const PROPOSALS: &[Proposal] = &[
    on(WasmFeatures::MUTABLE_GLOBAL, "mutable-global"),
    on(WasmFeatures::SATURATING_FLOAT_TO_INT, "nontrapping-fptoint"),
    on(WasmFeatures::SIGN_EXTENSION, "sign-ext"),
    on(WasmFeatures::REFERENCE_TYPES, "reference-types"),
    on(WasmFeatures::CALL_INDIRECT_OVERLONG, "call-indirect-overlong"),
    on(WasmFeatures::MULTI_VALUE, "multivalue"),
    on(WasmFeatures::BULK_MEMORY, "bulk-memory"),
    on(WasmFeatures::BULK_MEMORY_OPT, "bulk-memory-opt"),
    // Not a proposal: results are the same on every host, because NaNs are made canonical.
    on(WasmFeatures::FLOATS, "floats"),
    on(WasmFeatures::COMPONENT_MODEL, "component-model"),
    // `rustc` asks for it in position-independent code only, which a module is not.
    off(WasmFeatures::EXTENDED_CONST, "extended-const"),
    // Deterministic by its specification, but younger and larger in the compiler than all the rest together.
    off(WasmFeatures::SIMD, "simd128"),
    off(WasmFeatures::RELAXED_SIMD, "relaxed-simd"),
    off(WasmFeatures::THREADS, "threads"),
    off(WasmFeatures::SHARED_EVERYTHING_THREADS, "shared-everything-threads"),
    // A tail call takes no stack, so that it could not cost what a call costs.
    off(WasmFeatures::TAIL_CALL, "tail-call"),
    off(WasmFeatures::MULTI_MEMORY, "multimemory"),
    off(WasmFeatures::EXCEPTIONS, "exception-handling"),
    off(WasmFeatures::LEGACY_EXCEPTIONS, "legacy-exceptions"),
    off(WasmFeatures::MEMORY64, "memory64"),
    off(WasmFeatures::MEMORY_CONTROL, "memory-control"),
    off(WasmFeatures::FUNCTION_REFERENCES, "function-references"),
    off(WasmFeatures::GC, "gc"),
    // Not a proposal: without it there is no `externref`, and the engine needs no collector.
    off(WasmFeatures::GC_TYPES, "gc-types"),
    off(WasmFeatures::CUSTOM_PAGE_SIZES, "custom-page-sizes"),
    off(WasmFeatures::STACK_SWITCHING, "stack-switching"),
    off(WasmFeatures::WIDE_ARITHMETIC, "wide-arithmetic"),
    off(WasmFeatures::CUSTOM_DESCRIPTORS, "custom-descriptors"),
    off(WasmFeatures::COMPACT_IMPORTS, "compact-imports"),
    off(WasmFeatures::CM_VALUES, "component-model values"),
    off(WasmFeatures::CM_NESTED_NAMES, "component-model nested names"),
    off(WasmFeatures::CM_ASYNC, "component-model async"),
    off(WasmFeatures::CM_ASYNC_STACKFUL, "component-model stackful async"),
    off(WasmFeatures::CM_MORE_ASYNC_BUILTINS, "component-model async built-ins"),
    off(WasmFeatures::CM_THREADING, "component-model threading"),
    off(WasmFeatures::CM_ERROR_CONTEXT, "component-model error-context"),
    off(WasmFeatures::CM_FIXED_LENGTH_LISTS, "component-model fixed-length lists"),
    off(WasmFeatures::CM_GC, "component-model gc"),
    off(WasmFeatures::CM_MAP, "component-model maps"),
    off(WasmFeatures::CM64, "component-model memory64"),
    off(WasmFeatures::CM_IMPLEMENTS, "component-model implements"),
    off(WasmFeatures::CM_CANON_NAMES, "component-model canonical names"),
];

/// The proposals that are on, as one set.
#[must_use]
pub fn features() -> WasmFeatures {
    PROPOSALS
        .iter()
        .filter(|proposal| proposal.is_on)
        .fold(WasmFeatures::empty(), |set, proposal| set | proposal.flag)
}
