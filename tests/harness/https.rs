//! Connections under TLS, as tools that speak HTTP make them.
#![allow(dead_code, reason = "each test binary uses a part of it")]

use std::net::TcpStream;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use raddle::network::{TlsAuthority, TlsIdentity, Validity};
use rustls::crypto::aws_lc_rs::default_provider;
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};

pub const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// Since yesterday, for ten days.
pub fn validity() -> Validity {
    let now = SystemTime::now();
    Validity { from: now - DAY, to: now + 10 * DAY }
}

/// An authority that is valid so long.
pub fn authority(domain: &str) -> TlsAuthority {
    TlsAuthority::generate(domain, validity()).unwrap()
}

/// A connection to a server of this authority, with a certificate or none. The handshake is done with the first
/// request.
pub fn connect(
    address: &str,
    server: &TlsAuthority,
    own: Option<&TlsIdentity>,
) -> StreamOwned<ClientConnection, TcpStream> {
    let certificate = |pem: &str| CertificateDer::from_pem_slice(pem.as_bytes()).unwrap();
    let mut roots = RootCertStore::empty();
    roots.add(certificate(server.certificate_pem())).unwrap();
    let config = ClientConfig::builder_with_provider(Arc::new(default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots);
    let config = match own {
        Some(own) => {
            let key = PrivateKeyDer::from_pem_slice(own.key_pem.as_bytes()).unwrap();
            config.with_client_auth_cert(vec![certificate(&own.certificate_pem)], key).unwrap()
        }
        None => config.with_no_client_auth(),
    };
    let connection = ClientConnection::new(Arc::new(config), "127.0.0.1".try_into().unwrap()).unwrap();
    StreamOwned::new(connection, TcpStream::connect(address).unwrap())
}

/// Whether whoever speaks there is answered.
pub fn is_answered(mut stream: impl std::io::Read + std::io::Write) -> bool {
    let asked = stream.write_all(b"GET / HTTP/1.1\r\nHost: orderer\r\n\r\n");
    asked.and_then(|()| stream.read_exact(&mut [0; 8])).is_ok()
}
