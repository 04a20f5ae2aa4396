//! Handshakes that fail: what the node's log says of each, and what a scan of its port does to it.

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{Shutdown, TcpStream};
use std::sync::Arc;
use std::time::Duration;

use rustls::crypto::aws_lc_rs;
use rustls::version::{TLS12, TLS13};
use rustls::{ClientConnection, RootCertStore, StreamOwned, SupportedProtocolVersion};
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, PrivateKeyDer, ServerName};

use super::{Site, authority, days};
use crate::harness::process::Node;

/// Turns a hang into a failure.
const LONG: Duration = Duration::from_secs(60);

/// A client as other programs are.
struct Other<'a> {
    /// Authorities that it trusts, PEM.
    trusts: &'a str,
    certificate: Option<&'a raddle::network::TlsIdentity>,
    asks_for: &'a str,
    version: &'static SupportedProtocolVersion,
}

impl Other<'_> {
    /// Connects. The handshake is done with the first words.
    fn connect(&self, port: u16) -> StreamOwned<ClientConnection, TcpStream> {
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_slice(self.trusts.as_bytes()).unwrap()).unwrap();
        let provider = Arc::new(aws_lc_rs::default_provider());
        let builder = rustls::ClientConfig::builder_with_provider(provider)
            .with_protocol_versions(&[self.version])
            .unwrap()
            .with_root_certificates(roots);
        let mut config = match self.certificate {
            Some(identity) => {
                let chain = CertificateDer::from_pem_slice(identity.certificate_pem.as_bytes()).unwrap();
                let key = PrivateKeyDer::from_pem_slice(identity.key_pem.as_bytes()).unwrap();
                builder.with_client_auth_cert(vec![chain], key).unwrap()
            }
            None => builder.with_no_client_auth(),
        };
        config.alpn_protocols = vec![b"h2".to_vec()];
        let name = ServerName::try_from(self.asks_for.to_owned()).unwrap();
        let client = ClientConnection::new(Arc::new(config), name).unwrap();
        let socket = TcpStream::connect(("127.0.0.1", port)).unwrap();
        socket.set_read_timeout(Some(LONG)).unwrap();
        StreamOwned::new(client, socket)
    }

    /// Speaks until the other side has nothing more to say; answers what was agreed upon.
    fn speak(&self, port: u16) -> Result<String, String> {
        let mut stream = self.connect(port);
        // An HTTP/2 client's first words, and the first byte of the answer.
        stream
            .write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0")
            .map_err(|it| it.to_string())?;
        stream.read_exact(&mut [0]).map_err(|error| error.to_string())?;
        Ok(format!("{:?} {:?}", stream.conn.protocol_version().unwrap(), stream.conn.alpn_protocol()))
    }
}

/// Sends bytes and reads what comes.
fn throw(port: u16, bytes: &[u8]) -> Vec<u8> {
    let mut socket = TcpStream::connect(("127.0.0.1", port)).unwrap();
    socket.set_read_timeout(Some(LONG)).unwrap();
    let mut answer = Vec::new();
    // The node may have closed already.
    let _ = socket.write_all(bytes);
    let _ = socket.shutdown(Shutdown::Write);
    let _ = socket.read_to_end(&mut answer);
    answer
}

/// The hello of a client that speaks this version at most: 3.1 is TLS 1.0, 3.2 is 1.1.
fn old_hello(minor: u8) -> Vec<u8> {
    let mut hello = vec![3, minor];
    hello.extend([7; 32]);
    // No session, two suites of the time, no compression, and one extension, which names a curve.
    hello.extend([0, 0, 4, 0xc0, 0x09, 0xc0, 0x13, 1, 0, 0, 8, 0, 10, 0, 4, 0, 2, 0, 23]);
    let length = hello.len() as u8;
    let handshake = [&[1, 0, 0, length][..], &hello].concat();
    [&[0x16, 3, 1, 0, handshake.len() as u8][..], &handshake].concat()
}

#[test]
fn who_is_silent_behind_the_handshake_is_let_go() {
    let site = Site::new(false, "  ConnectionTimeout: 200ms\n");
    let node = Node::start_by_settings(site.path());
    let other = Other {
        trusts: site.servers.certificate_pem(),
        certificate: None,
        asks_for: "localhost",
        version: &TLS13,
    };
    let mut stream = other.connect(site.port);
    stream.conn.complete_io(&mut stream.sock).unwrap();
    assert!(!stream.conn.is_handshaking());
    // Whatever the node says first, it ends the connection.
    if let Err(error) = stream.read_to_end(&mut Vec::new()) {
        assert!(!matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut), "{error}");
    }
    assert!(node.stop().status.success());
}

#[test]
fn the_log_says_who_failed_and_why() {
    let site = Site::new(true, "");
    let mut node = Node::start_by_settings(site.path());
    let port = site.port;
    let good = site.clients.issue("client", &[], days(1, 400)).unwrap();
    let ended = site.clients.issue("ended", &[], days(3, -1)).unwrap();
    let nowhere = authority("nowhere.example.com");
    let stranger = nowhere.issue("stranger", &[], days(1, 1)).unwrap();
    let other = |certificate| Other {
        trusts: site.servers.certificate_pem(),
        certificate,
        asks_for: "localhost",
        version: &TLS13,
    };
    for version in [&TLS12, &TLS13] {
        let agreed = Other { version, ..other(Some(&good)) }.speak(port).unwrap();
        assert_eq!(agreed, format!("{:?} Some([104, 50])", version.version));
        for (client, text) in [
            (
                Other { version, ..other(None) },
                "it presents no certificate, and TLS.ClientAuthRequired asks for one",
            ),
            (
                Other { version, ..other(Some(&stranger)) },
                "no authority that is trusted here vouches for its certificate (CN=stranger, issued by \
                 CN=ca.tls.nowhere.example.com,O=tls.nowhere.example.com)",
            ),
            (Other { version, ..other(Some(&ended)) }, "its certificate has expired 86"),
            (
                Other { version, asks_for: "orderer9.example.com", ..other(Some(&good)) },
                "it asked for \"orderer9.example.com\", and the certificate here is for localhost, 127.0.0.1",
            ),
            (
                Other { version, trusts: nowhere.certificate_pem(), ..other(Some(&good)) },
                "it does not take the certificate presented here (alert UnknownCA)",
            ),
        ] {
            client.speak(port).unwrap_err();
            let line = node.wait_for_next(&format!("TLS handshake failed: {text}"));
            assert!(line.contains("peer=\"127.0.0.1:"), "{line}");
        }
    }
    for (bytes, text) in [
        (old_hello(2), "it speaks TLS 1.1 at most, and TLS 1.2 is the oldest that is taken"),
        (old_hello(1), "it speaks TLS 1.0 at most"),
        (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec(), "it speaks no TLS: HTTP/2 without TLS came"),
        (b"GET /healthz HTTP/1.1\r\n\r\n".to_vec(), "it speaks no TLS: HTTP without TLS came"),
        (vec![0; 100], "it speaks no TLS: bytes of some other protocol came"),
        (b"\x16\x03\x01\x02\x00\x01".to_vec(), "it went in the middle of the handshake"),
    ] {
        throw(port, &bytes);
        let line = node.wait_for_next(&format!("TLS handshake failed: {text}"));
        assert!(line.contains("peer=\"127.0.0.1:"), "{line}");
    }
    // Who only looks whether the port is open is not told of.
    throw(port, b"");
    assert!(other(Some(&good)).speak(port).is_ok());
    let ended = node.stop();
    assert!(ended.status.success() && !ended.said.contains("without a word"), "{}", ended.said);
}

#[test]
fn a_scan_of_ten_thousand_connections_neither_floods_the_log_nor_keeps_a_client_out() {
    let site = Site::new(true, "");
    let node = Node::start_by_settings(site.path());
    let port = site.port;
    let good = site.clients.issue("client", &[], days(1, 400)).unwrap();
    let client = || Other {
        trusts: site.servers.certificate_pem(),
        certificate: Some(&good),
        asks_for: "localhost",
        version: &TLS13,
    };
    std::thread::scope(|threads| {
        for thread in 0..20_u8 {
            threads.spawn(move || {
                for turn in 0..500_u16 {
                    let first = turn.to_be_bytes()[1];
                    // All but an answer in TLS would be a surprise.
                    let answer = throw(port, &[first, thread, 0xff, 0, 1, 2, 3]);
                    assert!(answer.is_empty() || answer[0] == 0x15, "{answer:?}");
                }
            });
        }
        for _ in 0..20 {
            client().speak(port).unwrap();
        }
    });
    client().speak(port).unwrap();
    let ended = node.stop();
    assert!(ended.status.success(), "{}", ended.said);
    let lines = ended.said.lines().count();
    assert!((1..1000).contains(&lines), "{lines} lines of 10,000 failures");
    assert!(!ended.said.contains("panicked"), "{}", ended.said);
}
