//! How a node compiles the modules of channel configs.

use std::num::NonZeroU16;
use std::path::{Path, PathBuf};

use raddle_rules::artifact::{ArtifactCache, CompileLimits, CompileWorker};
use raddle_rules::store::StoreSettings;

/// How modules are compiled, and where what comes out is kept.
#[derive(Clone, Debug)]
pub struct Modules {
    /// The process that compiles, so that no module can use up the orderer's memory or time.
    pub worker: CompileWorker,
    /// Folder of compiled modules. Without one a restart compiles all of them.
    pub cache: Option<PathBuf>,
}

impl Modules {
    /// Where what comes out is kept, in an orderer's folder.
    #[must_use]
    pub fn folder(orderer: &Path) -> PathBuf {
        orderer.join("modules")
    }

    /// The same, for a store of modules.
    #[must_use]
    pub fn settings(&self) -> StoreSettings {
        let cache = self.cache.as_ref().and_then(|folder| match ArtifactCache::open(folder) {
            Ok(cache) => Some(cache),
            Err(error) => {
                tracing::warn!(%error, "modules are compiled at each start");
                None
            }
        });
        StoreSettings {
            compiler: Box::new(self.worker.clone()),
            cache,
            strict: CompileLimits::STRICT,
            loose: CompileLimits::LOOSE,
            strict_at_once: NonZeroU16::MIN,
            observer: Box::new(|event| tracing::debug!("{event}")),
        }
    }
}
