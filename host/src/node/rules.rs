//! From a channel's config to what the channel judges by.

use std::sync::Arc;

use bytes::Bytes;
use raddle_core::access::{Access, AccessError};
use raddle_core::bundle::{GenesisError, read_config_of};
use raddle_rules::NoLog;
use raddle_rules::admission::{ExpirationChecks, RuleSet, RuleSetError, StandardFilters};

/// What a channel judges by: bundle, config sequence and rules are one value, so that no envelope is judged by one
/// config and stamped with another.
pub struct Rules {
    /// Who may do what.
    pub access: Arc<Access>,
    /// The filters; they know the bundle.
    pub set: RuleSet,
}

/// Why a config gives no rules.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RulesError {
    /// The envelope holds no config that can be ordered by.
    #[error(transparent)]
    Config(#[from] GenesisError),
    /// The channel's config says nothing usable about who may do what.
    #[error("the channel's config cannot be used: {0}")]
    Access(#[from] AccessError),
    /// The filters cannot be bound to the channel's config.
    #[error(transparent)]
    Filters(#[from] RuleSetError),
}

/// Makes rules of configs. Clones share the compiled filters.
#[derive(Clone)]
pub(super) struct RulesMaker {
    pub(super) standard: Arc<StandardFilters>,
    pub(super) expiration: ExpirationChecks,
}

impl RulesMaker {
    /// Reads the config in a marshalled CONFIG envelope, and binds the filters to it.
    ///
    /// # Errors
    ///
    /// See [`RulesError`].
    pub(super) fn make(&self, config_envelope: Bytes) -> Result<Rules, RulesError> {
        let (bundle, channel_group) = read_config_of(config_envelope)?;
        let access = Arc::new(Access::read(&channel_group)?);
        let set = RuleSet::new(&Arc::new(bundle), &self.standard, self.expiration, Vec::new(), |_| {
            Arc::new(NoLog)
        })?;
        Ok(Rules { access, set })
    }
}
