//! Whether a listener asks for its clients' certificates, and by whom it has them verified.

use std::{
    fmt,
    sync::{Arc, Mutex, OnceLock, PoisonError},
};

use bytes::Bytes;
use raddle_msp::Certificate;
use rustls::{
    CertificateError, DigitallySignedStruct, DistinguishedName, Error, RootCertStore, SignatureScheme,
    client::danger::HandshakeSignatureValid,
    crypto::{CryptoProvider, WebPkiSupportedAlgorithms, verify_tls12_signature, verify_tls13_signature},
    server::{
        WebPkiClientVerifier,
        danger::{ClientCertVerified, ClientCertVerifier},
    },
};
use rustls_pki_types::{CertificateDer, UnixTime};

use super::{Authorities, material};

/// Authorities that change while a listener is open.
pub trait ClientAuthorities: Send + Sync + 'static {
    /// The present ones, each a text in PEM. Asked at each new connection, so it must not wait. What cannot be read is
    /// passed over.
    fn present(&self) -> Vec<Bytes>;
}

/// What a listener does about its clients' certificates. It asks for one in any case, as Fabric's do.
///
/// Source: fabric v2.5.16 `internal/pkg/comm/server.go` `NewGRPCServerFromListener`, `core/operations/tls.go` `Config`.
#[derive(Clone, Debug)]
pub enum Clients {
    /// Any certificate passes, and none does.
    NotVerified,
    /// None passes, and one that can be verified.
    VerifiedIfGiven(Trust),
    /// Only one that can be verified passes.
    Required(Trust),
}

/// By which authorities certificates are verified.
#[derive(Clone)]
pub struct Trust {
    fixed: Authorities,
    more: Option<Arc<dyn ClientAuthorities>>,
    made: Arc<Mutex<Option<Made>>>,
}

/// What the authorities were when they were last asked for, and what was made of them.
struct Made {
    of: Vec<Bytes>,
    roots: Arc<RootCertStore>,
}

// === impl Clients, Trust ===

impl Clients {
    /// Whether nobody gets in without a certificate that could be verified.
    #[must_use]
    pub const fn is_required(&self) -> bool {
        matches!(self, Self::Required(_))
    }

    const fn trust(&self) -> Option<&Trust> {
        match self {
            Self::NotVerified => None,
            Self::VerifiedIfGiven(trust) | Self::Required(trust) => Some(trust),
        }
    }
}

impl Trust {
    /// Certificates are verified by these, and by what `more` names when a client comes.
    #[must_use]
    pub fn new(fixed: Authorities, more: Option<Arc<dyn ClientAuthorities>>) -> Self {
        Self { fixed, more, made: Arc::default() }
    }

    fn roots(&self) -> Arc<RootCertStore> {
        let present = self.more.as_ref().map(|more| more.present()).unwrap_or_default();
        let mut made = self.made.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(made) = made.as_ref().filter(|made| made.of == present) {
            return Arc::clone(&made.roots);
        }
        let mut roots = RootCertStore::empty();
        roots.add_parsable_certificates(self.fixed.ders().cloned());
        for pem in &present {
            roots.add_parsable_certificates(Authorities::readable(pem).0);
        }
        let roots = Arc::new(roots);
        *made = Some(Made { of: present, roots: Arc::clone(&roots) });
        roots
    }
}

impl fmt::Debug for Trust {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Trust").field("fixed", &self.fixed).finish_non_exhaustive()
    }
}

/// Judges the certificate of one client.
#[derive(Debug)]
pub(super) struct Verifier {
    /// None verifies nothing.
    inner: Option<Arc<dyn ClientCertVerifier>>,
    is_verifying: bool,
    is_required: bool,
    algorithms: WebPkiSupportedAlgorithms,
    /// Whose certificate came.
    pub(super) seen: OnceLock<String>,
}

impl Verifier {
    pub(super) fn new(clients: &Clients, provider: &Arc<CryptoProvider>) -> Self {
        let inner = clients.trust().and_then(|trust| {
            let builder = WebPkiClientVerifier::builder_with_provider(trust.roots(), Arc::clone(provider));
            // Fails without authorities: then nobody can be verified.
            builder.clear_root_hint_subjects().build().ok()
        });
        Self {
            inner,
            is_verifying: clients.trust().is_some(),
            is_required: clients.is_required(),
            algorithms: provider.signature_verification_algorithms,
            seen: OnceLock::new(),
        }
    }
}

impl ClientCertVerifier for Verifier {
    fn client_auth_mandatory(&self) -> bool {
        self.is_required
    }

    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &[]
    }

    fn verify_client_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        let _ = self.seen.set(described(end_entity));
        match &self.inner {
            Some(inner) => inner.verify_client_cert(end_entity, intermediates, now),
            None if self.is_verifying => Err(CertificateError::UnknownIssuer.into()),
            None => Ok(ClientCertVerified::assertion()),
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, certificate, signature, &self.algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, certificate, signature, &self.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}

/// Whose a certificate is, and whence.
fn described(der: &CertificateDer<'_>) -> String {
    match material::parse(der) {
        Ok(certificate) => described_as(&certificate),
        Err(error) => format!("a certificate that cannot be read ({error})"),
    }
}

fn described_as(certificate: &Certificate) -> String {
    format!("{}, issued by {}", certificate.subject(), certificate.issuer())
}
