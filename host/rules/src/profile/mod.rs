//! Profile 1: everything outside a module that its answers depend on.
//!
//! Consensus rests on more than the module's bytes: which proposals it may use, what an operator and an import cost,
//! how large it may be. All of it stands in this folder as data. Whoever changes a value here makes another profile,
//! which needs another capability; the golden vectors in `tests/golden/profile-1` notice.

mod features;
mod limits;
mod prices;

use wasmtime::{Config, Inlining, OptLevel, RegallocAlgorithm, Strategy, WasmBacktraceDetails};

pub use features::{PROPOSALS, Proposal, features};
pub use limits::{
    FILTER_FUEL_PER_CALL, FUEL_PER_CALL, FUEL_PER_CALL_MAX, FUEL_TO_START, HOSTCALL_BYTES,
    LOG_BYTES_PER_CALL, LOG_LINES_PER_CALL, Limit, LimitsError, MEMORY_BYTES, MEMORY_BYTES_MAX, ModuleLimits,
    PAGE_BYTES, POLICIES_PER_ENVELOPE_MAX, REASON_BYTES_MAX, TABLE_ELEMENTS_MAX, fuel_for_stack,
};
#[cfg(test)]
pub(crate) use prices::PRICED;
pub use prices::{IMPORT_BASE, LIST_ELEMENT_BYTES, POLICY_EVALUATION, operator_prices};
pub(crate) use prices::{PAGE_GROWN, import_price};

use crate::stack::GUEST_BYTES;

/// The one platform that modules are compiled for, if this host has one.
///
/// Named in full, so that Cranelift assumes the architecture's baseline and nothing of the CPU at hand: the same module
/// gives the same machine code on every host of an architecture.
pub(crate) const TARGET: Option<&str> = target();

const fn target() -> Option<&'static str> {
    if cfg!(all(target_arch = "x86_64", target_os = "linux", target_env = "gnu")) {
        Some("x86_64-unknown-linux-gnu")
    } else if cfg!(all(target_arch = "aarch64", target_os = "linux", target_env = "gnu")) {
        Some("aarch64-unknown-linux-gnu")
    } else {
        None
    }
}

/// The engine's settings under profile 1, up to how instances are allocated: the caller adds that.
///
/// # Errors
///
/// The engine does not know `target`.
pub(crate) fn engine_config(target: &str) -> wasmtime::Result<Config> {
    let mut config = Config::new();
    config
        .strategy(Strategy::Cranelift)
        .target(target)?
        .cranelift_opt_level(OptLevel::Speed)
        .cranelift_regalloc_algorithm(RegallocAlgorithm::Backtracking)
        // Inlining changes how much stack a call takes, which fuel does not see.
        .compiler_inlining(Inlining::No)
        .cranelift_nan_canonicalization(true)
        .wasm_features(features(), true)
        .wasm_features(!features(), false)
        .concurrency_support(false)
        .shared_memory(false);
    config
        .consume_fuel(true)
        .operator_cost(operator_prices())
        // An alarm, never a verdict: see `engine::ALARM_TICKS`.
        .epoch_interruption(true)
        .max_wasm_stack(GUEST_BYTES)
        // Not used, but the engine insists that it is no smaller than the stack of a guest.
        .async_stack_size(GUEST_BYTES);
    config
        // No text of the engine's leaves the sandbox, and the environment may not ask for any.
        .wasm_backtrace_max_frames(None)
        .wasm_backtrace_details(WasmBacktraceDetails::Disable)
        .generate_address_map(false);
    config
        // 4 GiB of addresses for each memory: it never moves, and loads need no explicit bounds check.
        .memory_reservation(1 << 32)
        .memory_guard_size(32 << 20)
        .memory_reservation_for_growth(0)
        .memory_may_move(false)
        .guard_before_linear_memory(true)
        .signals_based_traps(true)
        .memory_init_cow(false)
        .table_lazy_init(true);
    Ok(config)
}
