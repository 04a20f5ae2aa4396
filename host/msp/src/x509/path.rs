//! Cert paths: from a certificate up to a root, as Go's `Certificate.Verify` builds them for Fabric.
//!
//! Fabric asks for no host name and no key usage, which Go takes to mean "server authentication", and sets the time
//! itself: see [`Pools::verify`].
//!
//! Source: Go 1.26 `crypto/x509/verify.go`, `crypto/x509/cert_pool.go`.

use std::sync::Arc;

use raddle_proto::go_text::quoted;

use super::algorithm::SignatureError;
use super::certificate::Certificate;
use super::key::PublicKey;
use super::oid::usage;
use super::time::Time;
use super::{constraints, policy};

/// A certificate and everything above it; the last is a root.
#[derive(Clone, Debug)]
pub(crate) struct Path(Vec<Arc<Certificate>>);

/// Certificates without duplicates, in the order in which they were added.
#[derive(Clone, Debug, Default)]
pub(crate) struct Pool {
    certificates: Vec<Arc<Certificate>>,
}

/// What paths are built from.
#[derive(Clone, Debug, Default)]
pub(crate) struct Pools {
    pub(crate) roots: Pool,
    pub(crate) intermediates: Pool,
}

/// Why there is no path. The texts are Go's.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum PathError {
    /// A critical extension that nobody here understands.
    #[error("x509: unhandled critical extension")]
    UnhandledCriticalExtension,
    /// At the time of verification, one second after the first one of the certificate that is checked, it or one above
    /// it was not valid yet.
    #[error("x509: certificate has expired or is not yet valid: current time {now} is before {bound}")]
    NotYetValid {
        /// The time of verification, RFC 3339.
        now: String,
        /// The first second of validity, RFC 3339.
        bound: String,
    },
    /// As before, but it was valid no more.
    #[error("x509: certificate has expired or is not yet valid: current time {now} is after {bound}")]
    Expired {
        /// The time of verification, RFC 3339.
        now: String,
        /// The last second of validity, RFC 3339.
        bound: String,
    },
    /// A signer that is no certificate authority.
    #[error("x509: certificate is not authorized to sign other certificates")]
    NotAuthorizedToSign,
    /// More certificates below than the authority allows.
    #[error("x509: too many intermediates for path length constraint")]
    TooManyIntermediates,
    /// A signature that does not hold.
    #[error(transparent)]
    Signature(#[from] SignatureError),
    /// Nothing known signed it. The hint is the first candidate that did not do.
    #[error("x509: certificate signed by unknown authority{}", hint_text(.hint.as_deref()))]
    UnknownAuthority {
        /// Why the first candidate did not do.
        hint: Option<Box<Hint>>,
    },
    /// So many candidates that trying them all costs too much.
    #[error("x509: signature check attempts limit reached while verifying certificate chain")]
    TooManySignatureChecks,
    /// An extended key usage without server authentication.
    #[error("x509: certificate specifies an incompatible key usage")]
    IncompatibleUsage,
    /// Certificate policies that do not add up. Both are counts of paths.
    #[error("x509: no valid chains built: {}", no_valid_path_text(*.incompatible_usage, *.invalid_policies))]
    NoValidPath {
        /// Paths that fail by key usage.
        incompatible_usage: usize,
        /// Paths that fail by policies.
        invalid_policies: usize,
    },
    /// A name that an authority does not allow.
    #[error("x509: a root or intermediate certificate is not authorized to sign for this name: {0}")]
    NameNotAllowed(String),
    /// An authority constrains names, and what it signed has none but a common name.
    #[error("x509: issuer has name constraints but leaf doesn't have a SAN extension")]
    NameConstraintsWithoutAltNames,
}

/// A candidate that might have been the signer.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Hint {
    /// Why it did not do.
    pub error: PathError,
    /// What it is called.
    pub candidate: String,
}

/// Go's limit of signatures that are checked for one certificate.
const SIGNATURE_CHECKS_MAX: u32 = 100;

/// What a certificate is to the one below it.
#[derive(Clone, Copy, Eq, PartialEq)]
enum Place {
    Leaf,
    Intermediate,
    Root,
}

fn hint_text(hint: Option<&Hint>) -> String {
    hint.map_or_else(String::new, |Hint { error, candidate }| {
        let (error, candidate) = (quoted(&error.to_string()), quoted(candidate));
        format!(" (possibly because of {error} while trying to verify candidate authority certificate {candidate})")
    })
}

fn no_valid_path_text(incompatible_usage: usize, invalid_policies: usize) -> String {
    let mut details = Vec::new();
    if incompatible_usage > 0 {
        details.push(format!("{incompatible_usage} candidate chains with incompatible key usage"));
    }
    if invalid_policies > 0 {
        details.push(format!("{invalid_policies} candidate chains with invalid policies"));
    }
    details.join(", ")
}

// === impl Path ===

impl Path {
    /// From the leaf up to the root.
    pub(crate) fn certificates(&self) -> impl DoubleEndedIterator<Item = &Certificate> + ExactSizeIterator {
        self.0.iter().map(AsRef::as_ref)
    }

    /// What signed the leaf. `None` if the leaf is a root.
    pub(crate) fn issuer(&self) -> Option<&Certificate> {
        self.0.get(1).map(AsRef::as_ref)
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    fn with(&self, certificate: &Arc<Certificate>) -> Self {
        Self(self.0.iter().chain([certificate]).cloned().collect())
    }

    /// Whether the candidate, or one that differs from it in the signature only, is part of the path already.
    fn contains(&self, candidate: &Certificate) -> bool {
        let alt_names = |certificate: &Certificate| {
            certificate.extensions.alt_names.as_ref().map(|names| names.value.clone())
        };
        let same = |certificate: &&Certificate| {
            certificate.raw_subject() == candidate.raw_subject()
                && certificate.raw_key_info() == candidate.raw_key_info()
        };
        for certificate in self.certificates().filter(same) {
            match (alt_names(candidate), alt_names(certificate)) {
                (None, None) => return true,
                (Some(mine), Some(theirs)) if mine == theirs => return true,
                (Some(_), Some(_)) => {}
                _ => return false,
            }
        }
        false
    }
}

// === impl Pool ===

impl Pool {
    /// Adds a certificate, unless it is there.
    pub(crate) fn add(&mut self, certificate: Arc<Certificate>) {
        if !self.contains(&certificate) {
            self.certificates.push(certificate);
        }
    }

    pub(crate) fn contains(&self, certificate: &Certificate) -> bool {
        self.certificates.iter().any(|own| own.as_ref() == certificate)
    }

    /// Those whose subject is the certificate's issuer, the likeliest first. Key identifiers only order them.
    fn candidates(&self, certificate: &Certificate) -> Vec<&Arc<Certificate>> {
        let wanted = &certificate.extensions.authority_key_id;
        let rank = |candidate: &Arc<Certificate>| {
            let own = candidate.extensions.subject_key_id.as_deref().unwrap_or_default();
            match (own == wanted.as_slice(), own.is_empty() != wanted.is_empty()) {
                (true, _) => 0,
                (false, true) => 1,
                (false, false) => 2,
            }
        };
        let named = self.certificates.iter().filter(|own| own.raw_subject() == certificate.raw_issuer());
        let mut candidates: Vec<_> = named.collect();
        candidates.sort_by_key(|candidate| rank(candidate));
        candidates
    }
}

impl FromIterator<Arc<Certificate>> for Pool {
    fn from_iter<T: IntoIterator<Item = Arc<Certificate>>>(certificates: T) -> Self {
        let mut pool = Self::default();
        certificates.into_iter().for_each(|certificate| pool.add(certificate));
        pool
    }
}

// === impl Pools ===

impl Pools {
    /// All paths from the certificate to a root.
    ///
    /// The time is one second after the certificate's first, whatever the clock says: an identity that was valid once
    /// stays so, and every orderer agrees.
    ///
    /// Source: fabric v2.5.16 `msp/mspimplvalidate.go` `getValidityOptsForCert`; Go 1.26 `Certificate.Verify`.
    pub(crate) fn verify(&self, certificate: &Arc<Certificate>) -> Result<Vec<Path>, PathError> {
        let mut search =
            Search { pools: self, now: certificate.not_before().next_second(), signature_checks: 0 };
        search.check_validity(certificate, Place::Leaf, 0)?;
        let path = Path(vec![Arc::clone(certificate)]);
        let paths =
            if self.roots.contains(certificate) { vec![path] } else { search.extend(certificate, &path)? };
        usable(paths)
    }
}

/// Drops paths that fail as a whole; says why if none is left.
fn usable(mut paths: Vec<Path>) -> Result<Vec<Path>, PathError> {
    let (mut incompatible_usage, mut invalid_policies, mut first_name) = (0, 0, None);
    paths.retain(|path| {
        if !policy::are_policies_valid(path) {
            invalid_policies += 1;
        } else if !is_for_server_authentication(path) {
            incompatible_usage += 1;
        } else if let Err(reason) = constraints::check_path(path) {
            first_name.get_or_insert(reason);
        } else {
            return true;
        }
        false
    });
    if !paths.is_empty() {
        return Ok(paths);
    }
    Err(match first_name {
        Some(reason) => PathError::NameNotAllowed(reason),
        None if invalid_policies == 0 => PathError::IncompatibleUsage,
        None => PathError::NoValidPath { incompatible_usage, invalid_policies },
    })
}

/// Whether every certificate that names extended key usages names server authentication or any usage.
fn is_for_server_authentication(path: &Path) -> bool {
    path.certificates().all(|certificate| {
        let usages = &certificate.extensions.extended_key_usage;
        usages.is_empty() || usages.iter().any(|oid| oid == usage::ANY || oid == usage::SERVER_AUTH)
    })
}

/// One search for paths.
struct Search<'a> {
    pools: &'a Pools,
    now: Time,
    signature_checks: u32,
}

impl Search<'_> {
    /// All ways from the path's last certificate, which is `certificate`, to a root.
    fn extend(&mut self, certificate: &Certificate, path: &Path) -> Result<Vec<Path>, PathError> {
        let pools = self.pools;
        let (mut paths, mut hint, mut failure) = (Vec::new(), None, None);
        let roots = pools.roots.candidates(certificate).into_iter().map(|candidate| (Place::Root, candidate));
        let intermediates = pools.intermediates.candidates(certificate).into_iter();
        for (place, candidate) in roots.chain(intermediates.map(|candidate| (Place::Intermediate, candidate)))
        {
            self.signature_checks += 1;
            if self.signature_checks > SIGNATURE_CHECKS_MAX {
                failure = Some(PathError::TooManySignatureChecks);
                break;
            }
            if matches!(candidate.key(), PublicKey::Unknown) || path.contains(candidate) {
                continue;
            }
            let candidate_hint = |error| Some(Box::new(Hint { error, candidate: candidate_name(candidate) }));
            if let Err(error) = certificate.check_signature_from(candidate) {
                hint = hint.or_else(|| candidate_hint(error.into()));
                continue;
            }
            // The last one whose signature holds decides what is said.
            failure = self.check_validity(candidate, place, path.len()).err();
            if let Some(error) = failure.clone() {
                hint = hint.or_else(|| candidate_hint(error));
                continue;
            }
            let longer = path.with(candidate);
            if place == Place::Root {
                paths.push(longer);
                continue;
            }
            match self.extend(candidate, &longer) {
                Ok(found) => paths.extend(found),
                Err(PathError::TooManySignatureChecks) => {
                    failure = Some(PathError::TooManySignatureChecks);
                    break;
                }
                Err(error) => failure = Some(error),
            }
        }
        match failure {
            _ if !paths.is_empty() => Ok(paths),
            Some(failure) => Err(failure),
            None => Err(PathError::UnknownAuthority { hint }),
        }
    }

    /// Checks one certificate on top of so many others.
    fn check_validity(
        &self,
        certificate: &Certificate,
        place: Place,
        path_len: usize,
    ) -> Result<(), PathError> {
        if certificate.extensions.has_unhandled_critical {
            return Err(PathError::UnhandledCriticalExtension);
        }
        let (now, not_before, not_after) = (self.now, certificate.not_before(), certificate.not_after());
        if now.is_before(not_before) {
            return Err(PathError::NotYetValid { now: now.to_string(), bound: not_before.to_string() });
        }
        if not_after.is_before(now) {
            return Err(PathError::Expired { now: now.to_string(), bound: not_after.to_string() });
        }
        if place == Place::Intermediate && !certificate.is_ca() {
            return Err(PathError::NotAuthorizedToSign);
        }
        let intermediates = i64::try_from(path_len).unwrap_or(i64::MAX) - 1;
        let max =
            certificate.extensions.basic_constraints.and_then(|constraints| constraints.intermediates_max);
        if max.is_some_and(|max| intermediates > max) {
            return Err(PathError::TooManyIntermediates);
        }
        Ok(())
    }
}

/// What Go calls a candidate: its common name, else its first organisation, else its serial number.
fn candidate_name(certificate: &Certificate) -> String {
    let subject = certificate.subject();
    match (subject.common_name(), subject.organization()) {
        ("", Some(organization)) => organization.to_owned(),
        ("", None) => format!("serial:{}", certificate.serial()),
        (name, _) => name.to_owned(),
    }
}
