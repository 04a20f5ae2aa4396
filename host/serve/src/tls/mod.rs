//! TLS on a listener: 1.2 and 1.3, with or without certificates of clients.
//!
//! - [`KeyPair`]: what the listener presents; [`Authorities`]: certificates that others are verified by
//! - [`Acceptor`]: makes a [`Secured`] connection of a socket, or says why not. What it presents may be changed at any
//!   time; connections that stand are not touched
//! - [`NotTaken`]: why a client would not take what is presented, found out beforehand
//! - [`HandshakeError`]: why a handshake failed, in words for the log
//!
//! Whom a listener trusts is what its operator and its channels name: never what the machine brings.
//!
//! Differs: Fabric v2.5.16 offers the suites of TLS 1.2 that exchange keys by RSA too. No client of the last ten years
//! needs them, and rustls has none. Nor does it name the authorities that it trusts when it asks for a certificate:
//! clients that have one send it, and are told what is wrong with it. Certificates of clients are verified by webpki,
//! which takes neither an authority's own certificate as a client's, nor an authority between root and client whose use
//! is limited to `anyExtendedKeyUsage`; Go takes both.

mod acceptor;
mod clients;
mod failure;
mod incoming;
mod material;
mod report;
mod seen;
mod stream;

pub use acceptor::{Acceptor, Protocol, TlsSettings};
pub use clients::{ClientAuthorities, Clients, Trust};
pub use failure::{HandshakeError, in_words, plain_names};
pub(crate) use incoming::secured;
pub use material::{Authorities, AuthorityFault, KeyPair, KeyPairError};
pub use seen::{NotTaken, protocol_versions};
pub use stream::{ClientCertificate, Secured, TlsClient};
