//! What an instance may allocate.

use raddle_core::batch_policy::{GuestFault, LocalFault};
use wasmtime::ResourceLimiter;

use crate::fault::HostFault;
use crate::profile::{
    FUEL_PER_CALL_MAX, FUEL_TO_START, Limit, MEMORY_BYTES_MAX, PAGE_BYTES, PAGE_GROWN, TABLE_ELEMENTS_MAX,
};

/// Pages that a memory must be asked to grow by, at least, to pass 4 GiB.
const PAGES_TO_4_GIB: u64 = ((4 << 30) - MEMORY_BYTES_MAX) / PAGE_BYTES;
const _: () = assert!(PAGES_TO_4_GIB * PAGE_GROWN > FUEL_PER_CALL_MAX);
const _: () = assert!(PAGES_TO_4_GIB * PAGE_GROWN > FUEL_TO_START);

/// Answers each wish to grow, from limits alone and never from how much memory the host has.
///
/// A guest that is denied sees `-1`, as it does beyond the maximum that it declared itself. A wish that was granted
/// and that the host cannot fulfil is this orderer's fault, and must not look like a denial. The engine also reports a
/// failure, without asking first, for a memory that would pass 4 GiB: no call has the fuel to ask for so many pages.
#[derive(Debug)]
pub(crate) struct Limiter {
    memory_bytes: u64,
    /// The last denial. While an instance is made, it is why there is none.
    denied: Option<GuestFault>,
    /// The largest memory that was granted.
    granted: usize,
}

impl Limiter {
    pub(crate) const fn new(memory_bytes: u64) -> Self {
        Self { memory_bytes, denied: None, granted: 0 }
    }

    /// Bytes of the instance's memory, as large as it ever was.
    pub(crate) const fn granted(&self) -> usize {
        self.granted
    }

    /// The last wish that was denied.
    pub(crate) const fn denied(&self) -> Option<&GuestFault> {
        self.denied.as_ref()
    }

    fn is_allowed(
        &mut self,
        resource: &'static str,
        desired: usize,
        declared: Option<usize>,
        limit: u64,
    ) -> bool {
        let is_within_declared = declared.is_none_or(|maximum| desired <= maximum);
        let is_within_limit = u64::try_from(desired).is_ok_and(|desired| desired <= limit);
        if !is_within_limit {
            self.denied = Some(GuestFault::LimitExceeded { resource, limit });
        }
        is_within_declared && is_within_limit
    }
}

impl ResourceLimiter for Limiter {
    fn memory_growing(
        &mut self,
        _current: usize,
        desired: usize,
        maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        let is_allowed = self.is_allowed("memory", desired, maximum, self.memory_bytes);
        if is_allowed {
            self.granted = self.granted.max(desired);
        }
        Ok(is_allowed)
    }

    fn memory_grow_failed(&mut self, error: wasmtime::Error) -> wasmtime::Result<()> {
        Err(host_failed("memory", &error))
    }

    fn table_growing(
        &mut self,
        _current: usize,
        desired: usize,
        maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        Ok(self.is_allowed("table elements", desired, maximum, TABLE_ELEMENTS_MAX))
    }

    fn table_grow_failed(&mut self, error: wasmtime::Error) -> wasmtime::Result<()> {
        Err(host_failed("table elements", &error))
    }

    fn instances(&self) -> usize {
        count(Limit::CoreInstances)
    }

    fn tables(&self) -> usize {
        count(Limit::Tables)
    }

    fn memories(&self) -> usize {
        count(Limit::Memories)
    }
}

fn host_failed(resource: &str, error: &wasmtime::Error) -> wasmtime::Error {
    let cause = format!("the host has no more {resource} for a guest that may have it: {error:#}");
    HostFault(LocalFault { cause }.into()).into()
}

fn count(limit: Limit) -> usize {
    usize::try_from(limit.allowed()).unwrap_or(usize::MAX)
}
