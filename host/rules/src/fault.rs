//! Whose fault it is: the module's, the same on every orderer, or this orderer's own.
//!
//! What a call returns is judged by its type and by counters, never by the engine's text: texts change.

use raddle_core::batch_policy::{Fault, GuestFault, LocalFault};
use wasmtime::{OutOfMemory, Trap, WasmtimeBug};

/// Whom a trap is the fault of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Blame {
    /// The module used up its fuel.
    Fuel,
    /// The module broke a rule of WebAssembly or of the component model.
    Guest,
    /// This orderer, or the engine.
    Local,
}

/// Judges a trap. One arm for each code that the engine has; a code that it learns later is local.
pub(crate) const fn blame(trap: Trap) -> Blame {
    match trap {
        Trap::OutOfFuel => Blame::Fuel,

        Trap::MemoryOutOfBounds
        | Trap::TableOutOfBounds
        | Trap::IndirectCallToNull
        | Trap::BadSignature
        | Trap::IntegerOverflow
        | Trap::IntegerDivisionByZero
        | Trap::BadConversionToInteger
        | Trap::UnreachableCodeReached
        // The component model: entering or leaving an instance when it must not, bad answers and arguments.
        | Trap::CannotEnterComponent
        | Trap::CannotLeaveComponent
        | Trap::InvalidChar
        | Trap::StringOutOfBounds
        | Trap::ListOutOfBounds
        | Trap::InvalidDiscriminant
        | Trap::UnalignedPointer => Blame::Guest,

        // Fuel ends before either of these; one that comes is an alarm.
        Trap::StackOverflow | Trap::Interrupt => Blame::Local,

        // Of proposals that profile 1 does not have: the engine is not what we take it for.
        Trap::HeapMisaligned
        | Trap::AtomicWaitNonSharedMemory
        | Trap::NullReference
        | Trap::ArrayOutOfBounds
        | Trap::AllocationTooLarge
        | Trap::CastFailure
        | Trap::NoAsyncResult
        | Trap::UnhandledTag
        | Trap::ContinuationAlreadyConsumed
        | Trap::DisabledOpcode
        | Trap::AsyncDeadlock
        | Trap::CannotBlockSyncTask
        | Trap::DebugAssertStringEncodingFinished
        | Trap::DebugAssertEqualCodeUnits
        | Trap::DebugAssertPointerAligned
        | Trap::DebugAssertUpperBitsUnset
        | Trap::TaskCancelNotCancelled
        | Trap::TaskCancelOrReturnTwice
        | Trap::SubtaskCancelAfterTerminal
        | Trap::TaskReturnInvalid
        | Trap::WaitableSetDropHasWaiters
        | Trap::SubtaskDropNotResolved
        | Trap::ThreadNewIndirectInvalidType
        | Trap::ThreadNewIndirectUninitialized
        | Trap::BackpressureOverflow
        | Trap::UnsupportedCallbackCode
        | Trap::CannotResumeThread
        | Trap::ConcurrentFutureStreamOp
        | Trap::ReferenceCountOverflow
        | Trap::StreamOpTooBig
        | Trap::WaitableSyncAndAsync
        | Trap::UncaughtException => Blame::Local,

        _ => Blame::Local,
    }
}

/// A host function's own verdict, on its way through the engine.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
pub(crate) struct HostFault(#[from] pub(crate) Fault);

/// Judges what a call of a guest returned instead of an answer. `fuel` is what the call was given.
///
/// An error that is no trap and none of ours comes from reading what the guest handed over: a bad pointer, bad text,
/// more bytes than a call may hand over.
pub(crate) fn call_fault(error: &wasmtime::Error, fuel: u64) -> Fault {
    known_fault(error, fuel).unwrap_or_else(|| GuestFault::BadAnswer { what: format!("{error:#}") }.into())
}

/// Judges why there is no instance. `has_run` is whether any code of the guest's ran.
///
/// Memories and tables are allocated before any guest code runs, which the static check sees to. So before that, an
/// error which is no trap is the host's failure to allocate; after it, it is read as at a call.
pub(crate) fn start_fault(error: &wasmtime::Error, fuel: u64, has_run: bool) -> Fault {
    if has_run {
        return call_fault(error, fuel);
    }
    known_fault(error, fuel).unwrap_or_else(|| LocalFault { cause: format!("no instance: {error:#}") }.into())
}

fn known_fault(error: &wasmtime::Error, fuel: u64) -> Option<Fault> {
    if let Some(HostFault(fault)) = error.downcast_ref() {
        return Some(fault.clone());
    }
    if error.is::<OutOfMemory>() || error.is::<WasmtimeBug>() {
        return Some(LocalFault { cause: format!("the engine failed: {error:#}") }.into());
    }
    let trap = *error.downcast_ref::<Trap>()?;
    Some(match blame(trap) {
        Blame::Fuel => GuestFault::OutOfFuel { fuel }.into(),
        Blame::Guest => {
            let text = trap.to_string();
            GuestFault::Trapped { trap: text.trim_start_matches("wasm trap: ").to_owned() }.into()
        }
        Blame::Local => LocalFault { cause: format!("the engine stopped a call: {trap}") }.into(),
    })
}
