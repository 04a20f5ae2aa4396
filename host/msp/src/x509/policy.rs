//! Certificate policies along a cert path.
//!
//! Fabric accepts any policy, so this refuses only where an authority requires an explicit one, or maps the policy that
//! stands for all.
//!
//! Source: Go 1.26 `crypto/x509/verify.go` `policiesValid`, which is RFC 5280 section 6.1 as RFC 9618 has it.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use super::certificate::Certificate;
use super::oid::ANY_POLICY;
use super::path::Path;

/// The content of a policy's object identifier.
type Policy = Vec<u8>;
type Layer = BTreeMap<Policy, Node>;

/// A policy that holds at one depth of the path.
#[derive(Clone, Debug, Default)]
struct Node {
    /// What it is called one certificate further down.
    expected: Vec<Policy>,
    /// Policies of the layer above from which it follows.
    parents: Vec<Policy>,
}

/// Policies that hold at each certificate, from the root down.
struct Graph {
    layers: Vec<Layer>,
}

/// How many more certificates may come before a rule sets in; 0 is from now on.
struct Counters {
    explicit: i64,
    mapping: i64,
    any: i64,
}

/// Whether the path's policies are valid for somebody who accepts any.
pub(crate) fn are_policies_valid(path: &Path) -> bool {
    let Some(below_root) = path.len().checked_sub(1).filter(|&count| count > 0) else { return true };
    let start = i64::try_from(path.len()).unwrap_or(i64::MAX);
    let mut counters = Counters { explicit: start, mapping: start, any: start };
    let mut graph = Some(Graph::new());
    for (index, certificate) in path.certificates().take(below_root).enumerate().rev() {
        let is_self_issued = certificate.raw_issuer() == certificate.raw_subject();
        let policy = &certificate.extensions.policy;
        if policy.policies.is_empty() {
            graph = None;
        }
        match &mut graph {
            None if counters.explicit == 0 => return false,
            None => {}
            Some(graph) => {
                graph.descend(&policy.policies, counters.any > 0 || (index > 0 && is_self_issued));
                if index > 0 && !graph.map(&policy.mappings, counters.mapping > 0) {
                    return false;
                }
            }
        }
        if index > 0 {
            counters.pass(certificate, is_self_issued);
        }
    }
    let requires_now =
        path.certificates().next().is_some_and(|leaf| leaf.extensions.policy.require_explicit == Some(0));
    let is_explicit = counters.explicit <= 1 || requires_now;
    !is_explicit || graph.is_some_and(|graph| graph.has_valid_policy())
}

// === impl Counters ===

impl Counters {
    /// What an authority's certificate makes of the counters.
    fn pass(&mut self, certificate: &Certificate, is_self_issued: bool) {
        let policy = &certificate.extensions.policy;
        let rules = [
            (&mut self.explicit, policy.require_explicit),
            (&mut self.mapping, policy.inhibit_mapping),
            (&mut self.any, policy.inhibit_any),
        ];
        for (counter, limit) in rules {
            if !is_self_issued && *counter > 0 {
                *counter -= 1;
            }
            if let Some(limit) = limit.filter(|&limit| limit >= 0) {
                *counter = limit.min(*counter);
            }
        }
    }
}

// === impl Graph ===

impl Graph {
    fn new() -> Self {
        let root = Node { expected: vec![ANY_POLICY.to_vec()], parents: Vec::new() };
        Self { layers: vec![Layer::from([(ANY_POLICY.to_vec(), root)])] }
    }

    /// Adds the layer of a certificate with these policies.
    fn descend(&mut self, policies: &[Policy], may_be_any: bool) {
        let above = self.layers.last().cloned().unwrap_or_default();
        let mut layer = Layer::new();
        for policy in policies.iter().filter(|policy| policy.as_slice() != ANY_POLICY) {
            let expects = above.iter().filter(|(_, node)| node.expected.contains(policy));
            let mut parents: Vec<Policy> = expects.map(|(policy, _)| policy.clone()).collect();
            if parents.is_empty() && above.contains_key(ANY_POLICY) {
                parents.push(ANY_POLICY.to_vec());
            }
            if !parents.is_empty() {
                layer.insert(policy.clone(), Node { expected: vec![policy.clone()], parents });
            }
        }
        if may_be_any && policies.iter().any(|policy| policy == ANY_POLICY) {
            let mut missing = Layer::new();
            for (parent, node) in &above {
                for expected in node.expected.iter().filter(|expected| !layer.contains_key(*expected)) {
                    let entry = missing.entry(expected.clone());
                    let node = entry
                        .or_insert_with(|| Node { expected: vec![expected.clone()], parents: Vec::new() });
                    if node.parents.last() != Some(parent) {
                        node.parents.push(parent.clone());
                    }
                }
            }
            layer.extend(missing);
        }
        self.layers.push(layer);
        self.prune();
    }

    /// Applies a certificate's mappings of policies. False if one maps the policy that stands for all.
    fn map(&mut self, mappings: &[(Policy, Policy)], may_map: bool) -> bool {
        if mappings.is_empty() {
            return true;
        }
        let mut by_issuer: BTreeMap<Policy, Vec<Policy>> = BTreeMap::new();
        for (issuer, subject) in mappings {
            if !may_map {
                self.layers.last_mut().map(|layer| layer.remove(issuer));
            } else if issuer == ANY_POLICY || subject == ANY_POLICY {
                return false;
            } else {
                by_issuer.entry(issuer.clone()).or_default().push(subject.clone());
            }
        }
        self.prune();
        let Some(layer) = self.layers.last_mut() else { return true };
        let has_any = layer.contains_key(ANY_POLICY);
        for (issuer, expected) in by_issuer {
            match layer.entry(issuer) {
                Entry::Occupied(mut node) => node.get_mut().expected = expected,
                Entry::Vacant(place) if has_any => {
                    // Go makes the policy that stands for all in this same layer the parent.
                    place.insert(Node { expected, parents: vec![ANY_POLICY.to_vec()] });
                }
                Entry::Vacant(_) => {}
            }
        }
        true
    }

    /// Drops what nothing in the layer below follows from, from below up. The root and the lowest layer stay.
    fn prune(&mut self) {
        let Some((lowest, above)) = self.layers.split_last_mut() else { return };
        let mut below = &*lowest;
        for layer in above.iter_mut().skip(1).rev() {
            layer.retain(|policy, _| below.values().any(|node| node.parents.contains(policy)));
            below = layer;
        }
    }

    /// Whether a policy is left at the end: the one that stands for all, or one that comes from it alone.
    fn has_valid_policy(&self) -> bool {
        let is_any_left = self.layers.last().is_some_and(|layer| layer.contains_key(ANY_POLICY));
        is_any_left
            || self.layers.iter().flatten().any(|(policy, node)| {
                policy != ANY_POLICY
                    && node.parents.len() == 1
                    && node.parents.iter().all(|parent| parent == ANY_POLICY)
            })
    }
}
