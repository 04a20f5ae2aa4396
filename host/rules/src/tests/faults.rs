//! Whose fault each trap is.

use std::sync::Arc;

use raddle_core::batch_policy::{Fault, GuestFault};
use wasmtime::{OutOfMemory, ResourceLimiter, Store, Trap};

use super::run::{bundle, engine};
use crate::call;
use crate::fault::{Blame, HostFault, blame, call_fault, start_fault};
use crate::host::{Creators, Shared, State};
use crate::limiter::Limiter;
use crate::profile::ModuleLimits;
use crate::{NoLog, Settings};

/// Every trap that the engine has, by its code. A code that is not here fails the test.
const TRAPS: &[(Trap, Blame)] = &[
    (Trap::StackOverflow, Blame::Local),
    (Trap::MemoryOutOfBounds, Blame::Guest),
    (Trap::HeapMisaligned, Blame::Local),
    (Trap::TableOutOfBounds, Blame::Guest),
    (Trap::IndirectCallToNull, Blame::Guest),
    (Trap::BadSignature, Blame::Guest),
    (Trap::IntegerOverflow, Blame::Guest),
    (Trap::IntegerDivisionByZero, Blame::Guest),
    (Trap::BadConversionToInteger, Blame::Guest),
    (Trap::UnreachableCodeReached, Blame::Guest),
    (Trap::Interrupt, Blame::Local),
    (Trap::OutOfFuel, Blame::Fuel),
    (Trap::AtomicWaitNonSharedMemory, Blame::Local),
    (Trap::NullReference, Blame::Local),
    (Trap::ArrayOutOfBounds, Blame::Local),
    (Trap::AllocationTooLarge, Blame::Local),
    (Trap::CastFailure, Blame::Local),
    (Trap::CannotEnterComponent, Blame::Guest),
    (Trap::NoAsyncResult, Blame::Local),
    (Trap::UnhandledTag, Blame::Local),
    (Trap::ContinuationAlreadyConsumed, Blame::Local),
    (Trap::DisabledOpcode, Blame::Local),
    (Trap::AsyncDeadlock, Blame::Local),
    (Trap::CannotLeaveComponent, Blame::Guest),
    (Trap::CannotBlockSyncTask, Blame::Local),
    (Trap::InvalidChar, Blame::Guest),
    (Trap::DebugAssertStringEncodingFinished, Blame::Local),
    (Trap::DebugAssertEqualCodeUnits, Blame::Local),
    (Trap::DebugAssertPointerAligned, Blame::Local),
    (Trap::DebugAssertUpperBitsUnset, Blame::Local),
    (Trap::StringOutOfBounds, Blame::Guest),
    (Trap::ListOutOfBounds, Blame::Guest),
    (Trap::InvalidDiscriminant, Blame::Guest),
    (Trap::UnalignedPointer, Blame::Guest),
    (Trap::TaskCancelNotCancelled, Blame::Local),
    (Trap::TaskCancelOrReturnTwice, Blame::Local),
    (Trap::SubtaskCancelAfterTerminal, Blame::Local),
    (Trap::TaskReturnInvalid, Blame::Local),
    (Trap::WaitableSetDropHasWaiters, Blame::Local),
    (Trap::SubtaskDropNotResolved, Blame::Local),
    (Trap::ThreadNewIndirectInvalidType, Blame::Local),
    (Trap::ThreadNewIndirectUninitialized, Blame::Local),
    (Trap::BackpressureOverflow, Blame::Local),
    (Trap::UnsupportedCallbackCode, Blame::Local),
    (Trap::CannotResumeThread, Blame::Local),
    (Trap::ConcurrentFutureStreamOp, Blame::Local),
    (Trap::ReferenceCountOverflow, Blame::Local),
    (Trap::StreamOpTooBig, Blame::Local),
    (Trap::WaitableSyncAndAsync, Blame::Local),
    (Trap::UncaughtException, Blame::Local),
];

#[test]
fn every_trap_that_the_engine_has_is_somebodys_fault() {
    let known: Vec<Trap> = (0..=u8::MAX).filter_map(Trap::from_u8).collect();
    for trap in &known {
        let expected = TRAPS.iter().find(|(listed, _)| listed == trap);
        let (_, expected) = expected.unwrap_or_else(|| panic!("{trap:?} is new: whose fault is it?"));
        assert_eq!(blame(*trap), *expected, "{trap:?}");
    }
    assert_eq!(known.len(), TRAPS.len());
}

#[test]
fn an_error_is_judged_by_its_type_and_by_whether_guest_code_ran() {
    let is_local = |fault: &Fault| matches!(fault, Fault::Local(_));
    let text = || wasmtime::Error::msg("wasm trap: all fuel consumed by WebAssembly");
    assert!(matches!(call_fault(&text(), 5), Fault::Guest(GuestFault::BadAnswer { .. })));
    assert!(matches!(start_fault(&text(), 5, true), Fault::Guest(GuestFault::BadAnswer { .. })));
    assert!(is_local(&start_fault(&text(), 5, false)));

    let fuel = wasmtime::Error::from(Trap::OutOfFuel).context("more words");
    assert_eq!(call_fault(&fuel, 5), GuestFault::OutOfFuel { fuel: 5 }.into());
    assert_eq!(start_fault(&fuel, 5, false), GuestFault::OutOfFuel { fuel: 5 }.into());

    let ours = Fault::Guest(GuestFault::LimitExceeded { resource: "memory", limit: 1 });
    let wrapped = wasmtime::Error::from(HostFault(ours.clone())).context("more words");
    assert_eq!(call_fault(&wrapped, 5), ours);

    // That there is no memory for it the engine says by a type of its own, whoever's call it was.
    let no_memory = || wasmtime::Error::from(OutOfMemory::new(8)).context("more words");
    assert!(is_local(&call_fault(&no_memory(), 5)));
    assert!(is_local(&start_fault(&no_memory(), 5, true)));

    let io = wasmtime::Error::from(std::io::Error::other("no more maps"));
    assert!(is_local(&start_fault(&io, 5, false)));
}

#[test]
fn a_wish_that_the_host_cannot_fulfil_is_a_local_fault_and_a_denied_one_is_not() {
    let mut limiter = Limiter::new(2 << 16);
    assert!(limiter.memory_growing(0, 2 << 16, None).unwrap());
    assert!(!limiter.memory_growing(1 << 16, 2 << 16, Some(1 << 16)).unwrap());
    assert_eq!(limiter.denied(), None, "its own maximum is no limit of ours");
    assert!(!limiter.memory_growing(2 << 16, 3 << 16, None).unwrap());
    let limit = GuestFault::LimitExceeded { resource: "memory", limit: 2 << 16 };
    assert_eq!(limiter.denied(), Some(&limit));
    for result in [
        limiter.memory_grow_failed(wasmtime::Error::msg("no more")),
        limiter.table_grow_failed(wasmtime::Error::msg("no more")),
    ] {
        assert!(matches!(call_fault(&result.unwrap_err(), 5), Fault::Local(_)));
    }
}

#[test]
fn what_fails_before_any_code_has_run_is_this_orderers_fault_and_the_modules_behind_that() {
    let shared = Shared { bundle: bundle(), settings: Settings::default(), log: Arc::new(NoLog) };
    let (shared, limits) = (Arc::new(shared), ModuleLimits::default());
    let fault = |fuel_left: u64| {
        let fails = |store: &mut Store<State<Creators>>| -> wasmtime::Result<()> {
            store.set_fuel(fuel_left)?;
            Err(wasmtime::Error::msg("no room"))
        };
        call::start(&engine().engine, &shared, &limits, 1_000, Creators::default(), fails).err().unwrap()
    };
    assert!(matches!(fault(1_000), Fault::Local(_)));
    assert!(matches!(fault(999), Fault::Guest(GuestFault::BadAnswer { .. })));
    // The engine does not look at the fuel at the end.
    let uses_all = |store: &mut Store<State<Creators>>| store.set_fuel(0);
    let made = call::start(&engine().engine, &shared, &limits, 1_000, Creators::default(), uses_all);
    assert_eq!(made.err(), Some(GuestFault::OutOfFuel { fuel: 1_000 }.into()));
}
