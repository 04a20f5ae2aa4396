//! Every channel's batch policy, as long as its config names no other: the shipped module with the standard rule.

use std::rc::Rc;
use std::sync::Arc;

use raddle_core::batch_policy::{BatchPolicies, BatchPolicy, LocalFault};
use raddle_core::bundle::Bundle;
use raddle_rules::profile::ModuleLimits;
use raddle_rules::shipped::BATCH_COUNT_AND_BYTES;
use raddle_rules::{BatchEngine, BatchModule, GuestStack, LoadError, NoLog, Settings};

/// The shipped batch policy, compiled, on one thread.
pub struct ShippedPolicy {
    module: BatchModule,
    stack: GuestStack,
}

impl ShippedPolicy {
    /// Compiles the shipped module.
    ///
    /// # Errors
    ///
    /// The engine cannot compile here; the module itself is known to be good.
    pub fn load(engine: &BatchEngine, stack: GuestStack) -> Result<Self, LoadError> {
        let module = engine.load(BATCH_COUNT_AND_BYTES.name, BATCH_COUNT_AND_BYTES.bytes)?;
        Ok(Self { module, stack })
    }
}

impl BatchPolicies for ShippedPolicy {
    fn batch_policy(&self, bundle: &Arc<Bundle>) -> Result<Rc<dyn BatchPolicy>, LocalFault> {
        let policy = self
            .module
            .bind(
                self.stack,
                Arc::clone(bundle),
                Settings::default(),
                ModuleLimits::default(),
                Arc::new(NoLog),
            )
            .map_err(|error| LocalFault { cause: error.to_string() })?;
        Ok(Rc::new(policy))
    }
}
