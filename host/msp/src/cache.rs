//! A channel's MSPs with a memory.
//!
//! Reading an identity verifies at least one signature, and every policy asks every identity several times. Answers
//! never change under one config, so they are kept until the next one makes a new [`CachedManager`].
//!
//! Differs: fabric v2.5.16 `msp/cache/cache.go` keeps 100 answers of each kind, and keeps identities that are not
//! valid.

use std::sync::Arc;

use bytes::Bytes;
use quick_cache::sync::Cache;
use raddle_proto::common::MspPrincipal;

use crate::error::{DeserializeError, PrincipalError};
use crate::identity::{Identity, IdentityId};
use crate::manager::MspManager;

/// How many answers are kept.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct CacheSizes {
    /// Identities, by the bytes in which they came.
    pub identities: usize,
    /// Pairs of an identity and a principal.
    pub principals: usize,
}

/// Longer bytes of an identity or a principal are judged each time: what they cost is bounded then.
const KEY_BYTES_MAX: usize = 16 * 1024;

/// [`MspManager`] that remembers valid identities and which principals they satisfy. Shared freely between threads.
pub struct CachedManager {
    manager: MspManager,
    identities: Cache<Bytes, Arc<Identity>>,
    principals: Cache<PrincipalKey, Result<(), PrincipalError>>,
}

#[derive(Clone, Debug, Eq, Hash, PartialEq)]
struct PrincipalKey {
    identity: IdentityId,
    classification: i32,
    principal: Bytes,
}

/// For a channel of 10,000 identities, each asked for four principals.
impl Default for CacheSizes {
    fn default() -> Self {
        Self { identities: 10_000, principals: 40_000 }
    }
}

impl CachedManager {
    /// An empty memory before the manager.
    #[must_use]
    pub fn new(manager: MspManager, sizes: CacheSizes) -> Self {
        let CacheSizes { identities, principals } = sizes;
        Self { manager, identities: Cache::new(identities), principals: Cache::new(principals) }
    }

    /// The MSPs themselves.
    #[must_use]
    pub const fn manager(&self) -> &MspManager {
        &self.manager
    }

    /// As [`MspManager::deserialize`]. Only valid identities are remembered, so strangers can neither fill the memory
    /// nor drive members out of it.
    ///
    /// # Errors
    ///
    /// As [`MspManager::deserialize`].
    pub fn deserialize(&self, bytes: &[u8]) -> Result<Arc<Identity>, DeserializeError> {
        if let Some(identity) = self.identities.get(bytes) {
            return Ok(identity);
        }
        let identity = self.manager.deserialize(bytes)?;
        if bytes.len() <= KEY_BYTES_MAX && identity.validate().is_ok() {
            self.identities.insert(Bytes::copy_from_slice(bytes), Arc::clone(&identity));
        }
        Ok(identity)
    }

    /// A valid identity that is remembered under the bytes in which it came.
    #[must_use]
    pub fn remembered(&self, bytes: &[u8]) -> Option<Arc<Identity>> {
        self.identities.get(bytes)
    }

    /// As [`Identity::satisfies`]. Refusals of valid identities are remembered too.
    ///
    /// # Errors
    ///
    /// As [`Identity::satisfies`].
    pub fn satisfies(&self, identity: &Identity, principal: &MspPrincipal) -> Result<(), PrincipalError> {
        if principal.principal.len() > KEY_BYTES_MAX || identity.validate().is_err() {
            return identity.satisfies(principal);
        }
        let key = PrincipalKey {
            identity: identity.id().clone(),
            classification: principal.principal_classification,
            principal: principal.principal.clone(),
        };
        if let Some(answer) = self.principals.get(&key) {
            return answer;
        }
        let answer = identity.satisfies(principal);
        self.principals.insert(key, answer.clone());
        answer
    }

    /// How many identities are remembered.
    #[cfg(test)]
    pub(crate) fn identities_remembered(&self) -> usize {
        self.identities.len()
    }
}
