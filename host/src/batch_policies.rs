//! The batch policy of each config: the module that it carries, or the shipped one with the standard rule.

use std::rc::Rc;
use std::sync::Arc;

use raddle_core::batch_policy::{BatchPolicies, BatchPolicy, LocalFault};
use raddle_core::bundle::CurrentConfig;
use raddle_core::modules::active_modules;
use raddle_rules::profile::ModuleLimits;
use raddle_rules::shipped::BATCH_COUNT_AND_BYTES;
use raddle_rules::store::{CustomBatchPolicy, Effort, ModuleStore};
use raddle_rules::{BatchEngine, BatchModule, GuestStack, LoadError, Settings};

use crate::node::{GuestLog, Meters};

/// Batch policies, on one guest thread.
pub struct ConfigBatchPolicies {
    shipped: BatchModule,
    store: Arc<ModuleStore>,
    stack: GuestStack,
    meters: Option<Arc<Meters>>,
}

impl ConfigBatchPolicies {
    /// Where a channel has none of its own, `shipped` cuts; the channels' own come from `store`.
    #[must_use]
    pub const fn new(shipped: BatchModule, store: Arc<ModuleStore>, stack: GuestStack) -> Self {
        Self { shipped, store, stack, meters: None }
    }

    /// What the channels' own do is counted here.
    pub(crate) fn counted(self, meters: Arc<Meters>) -> Self {
        Self { meters: Some(meters), ..self }
    }
}

/// Compiles the shipped module. All channels of a process share it: compiling takes a processor some 30 ms.
///
/// # Errors
///
/// The engine cannot compile here; the shipped module itself is known to be good.
pub fn load_shipped(engine: &BatchEngine) -> Result<BatchModule, LoadError> {
    engine.load(BATCH_COUNT_AND_BYTES.name, BATCH_COUNT_AND_BYTES.bytes)
}

impl BatchPolicies for ConfigBatchPolicies {
    /// Which policy it is depends on the config alone. Whatever keeps this orderer from running the config's own is a
    /// local fault, and never a reason for another one.
    fn batch_policy(&self, config: &Arc<CurrentConfig>) -> Result<Rc<dyn BatchPolicy>, LocalFault> {
        let channel = config.channel();
        let prepared = match active_modules(&config.config, &config.bundle, &*self.store).batch_policy {
            Ok(spec) => match self.store.prepare_batch_policy(&channel.0, &spec, Effort::Loose) {
                Ok(prepared) => Ok((prepared, Some(spec))),
                // The same on every orderer, for ever.
                Err(error) if error.is_verdict() => Err(error.to_string()),
                Err(error) => return Err(local(error)),
            },
            Err(why) => Err(why.to_string()),
        };
        let (chosen, own) = prepared.unwrap_or_else(|why| {
            tracing::debug!(%channel, why, "the shipped batch policy cuts the channel's blocks");
            let (settings, limits) = (Settings::default(), ModuleLimits::default());
            (CustomBatchPolicy { module: self.shipped.clone(), settings, limits }, None)
        });
        let CustomBatchPolicy { module, settings, limits } = chosen;
        let bundle = Arc::clone(&config.bundle);
        let log = |name: &str| Arc::new(GuestLog::new(channel.clone(), name));
        let policy = module.bind(self.stack, bundle, settings, limits, log(module.name())).map_err(local)?;
        let meters = self.meters.as_ref();
        Ok(match meters.and_then(|meters| meters.of_batch_policy(channel, own.as_ref(), log)) {
            Some(meter) => Rc::new(policy.counted(meter)),
            None => Rc::new(policy),
        })
    }
}

fn local(error: impl std::fmt::Display) -> LocalFault {
    LocalFault { cause: error.to_string() }
}
