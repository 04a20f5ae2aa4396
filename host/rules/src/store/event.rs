//! What happens in a store, for those who log it.

use std::time::Duration;

use raddle_core::batch_policy::LocalFault;
use raddle_core::modules::Digest;

use crate::artifact::Miss;

/// Something that happened in a store. Displayed, it is a line for the log.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum StoreEvent {
    /// A module was compiled.
    #[error("compiled module {digest} in {took:?} to {artifact_bytes} bytes")]
    Compiled {
        /// The module.
        digest: Digest,
        /// How long it took, with the waiting for the worker's process.
        took: Duration,
        /// Bytes of machine code.
        artifact_bytes: usize,
    },
    /// A module was found in the cache.
    #[error("took module {digest} from the cache, {artifact_bytes} bytes")]
    FromCache {
        /// The module.
        digest: Digest,
        /// Bytes of machine code.
        artifact_bytes: usize,
    },
    /// A module was not found in the cache, so it is compiled.
    #[error("compile module {digest}: {miss}")]
    Missed {
        /// The module.
        digest: Digest,
        /// Why.
        miss: Miss,
    },
    /// The engine does not take what is in the cache, so it is compiled.
    #[error("compile module {digest}: {fault}")]
    NotLoaded {
        /// The module.
        digest: Digest,
        /// Why.
        fault: LocalFault,
    },
    /// Modules that nobody uses could not be removed from the cache.
    #[error("the cache is not kept within its bounds: {cause}")]
    NotTrimmed {
        /// What the system said.
        cause: String,
    },
    /// A module could not be put into the cache; it runs all the same.
    #[error("module {digest} was not put into the cache: {cause}")]
    NotKept {
        /// The module.
        digest: Digest,
        /// What the system said.
        cause: String,
    },
}
