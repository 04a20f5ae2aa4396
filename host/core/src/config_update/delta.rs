//! Whether each change is one version ahead, and signed for.

use raddle_proto::common::ConfigGroup;

use super::error::{DeltaError, ModPolicyError};
use super::read_set::{Element, ROOT, is_change, name};
use crate::bundle::{GROUP, POLICY, VALUE, check_id};
use crate::policy::{PolicyManager, Signers};

/// A walk over the write set.
pub(super) struct Delta<'a> {
    policies: PolicyManager<'a>,
    signers: &'a Signers,
    /// Names from the outermost group to the one walked over.
    path: Vec<&'a str>,
    changes: usize,
}

impl<'a> Delta<'a> {
    /// Checks all changes. Policies are those of the present config.
    ///
    /// Source: fabric v2.5.16 `common/configtx/update.go` `verifyDeltaSet`.
    pub(super) fn check(
        policies: PolicyManager<'a>,
        signers: &'a Signers,
        write: Option<&'a ConfigGroup>,
        read: Option<&ConfigGroup>,
        present: Option<&ConfigGroup>,
    ) -> Result<(), DeltaError> {
        let mut delta = Self { policies, signers, path: vec![ROOT], changes: 0 };
        if let Some(write) = write {
            delta.group(write, read, present)?;
        }
        if delta.changes == 0 { Err(DeltaError::Empty) } else { Ok(()) }
    }

    fn group(
        &mut self,
        write: &'a ConfigGroup,
        read: Option<&ConfigGroup>,
        present: Option<&ConfigGroup>,
    ) -> Result<(), DeltaError> {
        self.element(GROUP, None, write, read, present)?;
        for (key, below) in &write.groups {
            self.path.push(key);
            self.group(
                below,
                read.and_then(|group| group.groups.get(key)),
                present.and_then(|group| group.groups.get(key)),
            )?;
            self.path.pop();
        }
        for (key, value) in &write.values {
            let read = read.and_then(|group| group.values.get(key));
            self.element(VALUE, Some(key), value, read, present.and_then(|group| group.values.get(key)))?;
        }
        for (key, policy) in &write.policies {
            let read = read.and_then(|group| group.policies.get(key));
            self.element(POLICY, Some(key), policy, read, present.and_then(|group| group.policies.get(key)))?;
        }
        Ok(())
    }

    fn element<E: Element>(
        &mut self,
        kind: &str,
        key: Option<&str>,
        write: &E,
        read: Option<&E>,
        present: Option<&E>,
    ) -> Result<(), DeltaError> {
        if !is_change(write, read) {
            return Ok(());
        }
        self.changes += 1;
        let element = || name(kind, &self.path, key);
        check_mod_policy(write.mod_policy())
            .map_err(|error| DeltaError::ModPolicy { element: element(), error })?;
        let version = write.version();
        // A new element is authorised by its group, which must change to hold it.
        let Some(present) = present else {
            return match version {
                0 => Ok(()),
                _ => Err(DeltaError::NewVersion { element: element(), version }),
            };
        };
        if version != present.version().wrapping_add(1) {
            return Err(DeltaError::Version { element: element(), version, present: present.version() });
        }
        self.authorize(present.mod_policy(), element)
    }

    /// Asks the present element's `mod_policy`, seen from the element's group or, of a group, from itself.
    ///
    /// Source: fabric v2.5.16 `common/configtx/update.go` `policyForItem`.
    fn authorize(&self, mod_policy: &str, element: impl Fn() -> String) -> Result<(), DeltaError> {
        let is_relative = !mod_policy.is_empty() && !mod_policy.starts_with('/');
        let below_root = if is_relative { self.path.get(1..).unwrap_or_default() } else { &[] };
        let manager = self.policies.manager(below_root);
        let Some(policy) = manager.as_ref().and_then(|manager| manager.policy(mod_policy).ok()) else {
            return Err(DeltaError::MissingPolicy { element: element(), policy: mod_policy.to_owned() });
        };
        policy.evaluate(self.signers).map_err(|failure| DeltaError::Denied {
            element: element(),
            policy: policy.path(),
            failure,
        })
    }
}

/// Source: fabric v2.5.16 `common/configtx/update.go` `validateModPolicy`.
fn check_mod_policy(mod_policy: &str) -> Result<(), ModPolicyError> {
    if mod_policy.is_empty() {
        return Err(ModPolicyError::NotSet);
    }
    let path = mod_policy.strip_prefix('/').unwrap_or(mod_policy);
    path.split('/')
        .enumerate()
        .try_for_each(|(index, part)| check_id(part).map_err(|error| ModPolicyError::Part { index, error }))
}
