//! Operations under TLS: health and version for all, the rest for those who are known.

use std::fs;

use raddle::network::{TlsAuthority, TlsIdentity};
use tempfile::TempDir;

use crate::harness::eventually::eventually_blocking;
use crate::harness::http::{self, Reply};
use crate::harness::https::{self, authority, validity};
use crate::harness::ports::free_port;
use crate::harness::process::{Node, raddle};
use crate::start::{folder, refuses};

/// The folder of a node that serves operators.
pub(super) struct Site {
    folder: TempDir,
    pub(super) operations: String,
    server: TlsAuthority,
    operators: TlsAuthority,
}

impl Site {
    pub(super) fn without_tls(more: &str) -> Self {
        let folder = folder("  BootstrapMethod: none\n", "Ordering: {kafka: local}\n");
        let operations = format!("127.0.0.1:{}", free_port());
        let text = fs::read_to_string(folder.path().join("orderer.yaml")).unwrap();
        let text = format!("{text}Operations:\n  ListenAddress: {operations}\n{more}");
        fs::write(folder.path().join("orderer.yaml"), text).unwrap();
        let (server, operators) = (authority("orderer.example.com"), authority("operators.example.com"));
        Self { folder, operations, server, operators }
    }

    fn new(is_required: bool) -> Self {
        let section = format!(
            "  TLS:\n    Enabled: true\n    Certificate: server.crt\n    PrivateKey: server.key\n    \
             ClientAuthRequired: {is_required}\n    ClientRootCAs: [operators.crt]\n"
        );
        let site = Self::without_tls(&section);
        site.write_pair();
        site.write("operators.crt", site.operators.certificate_pem());
        site
    }

    fn write(&self, name: &str, text: &str) {
        fs::write(self.folder.path().join(name), text).unwrap();
    }

    fn write_pair(&self) -> TlsIdentity {
        let own = self.server.issue("orderer", &["127.0.0.1"], validity()).unwrap();
        self.write("server.crt", &own.certificate_pem);
        self.write("server.key", &own.key_pem);
        own
    }

    pub(super) fn start(&self) -> Node {
        Node::start_by_settings(self.folder.path())
    }

    fn get(&self, own: Option<&TlsIdentity>, path: &str) -> Reply {
        let stream = https::connect(&self.operations, &self.server, own);
        http::ask_on(stream, "GET", path, &[("Connection", "close")], b"")
    }

    fn operator(&self) -> TlsIdentity {
        self.operators.issue("operator", &[], validity()).unwrap()
    }

    fn stranger(&self) -> TlsIdentity {
        authority("operators.example.com").issue("operator", &[], validity()).unwrap()
    }

    fn is_answered(&self, own: Option<&TlsIdentity>) -> bool {
        https::is_answered(https::connect(&self.operations, &self.server, own))
    }
}

#[test]
fn who_has_no_certificate_gets_health_and_version_and_nothing_else() {
    let site = Site::new(false);
    let node = site.start();
    let operator = site.operator();
    for (path, without) in [
        ("/healthz", 200),
        ("/version", 200),
        ("/metrics", 401),
        ("/logspec", 401),
        ("/status", 401),
        ("/", 401),
    ] {
        assert_eq!(site.get(None, path).code(), without, "{path}");
        assert_eq!(site.get(Some(&operator), path).code(), 200, "{path}");
    }
    let denied = site.get(None, "/metrics");
    assert_eq!((denied.text(), denied.header("X-Request-Id")), ("", None));
    assert_eq!(site.get(None, "/nothing").code(), 404);
    // One that nobody vouches for is worse than none.
    assert!(!site.is_answered(Some(&site.stranger())));
    assert!(node.stop().said.contains("an operator without a certificate"));
}

#[test]
fn where_certificates_are_required_nobody_gets_in_without() {
    let site = Site::new(true);
    let node = site.start();
    assert!(!site.is_answered(None) && !site.is_answered(Some(&site.stranger())));
    assert_eq!(site.get(Some(&site.operator()), "/healthz").code(), 200);
    node.stop();
}

#[test]
fn a_new_certificate_is_presented_without_a_restart() {
    let site = Site::new(false);
    let node = site.start();
    let presented = || {
        let mut stream = https::connect(&site.operations, &site.server, None);
        http::ask_on(&mut stream, "GET", "/healthz", &[("Connection", "close")], b"");
        stream.conn.peer_certificates().unwrap()[0].to_vec()
    };
    let before = presented();
    site.write_pair();
    // A hangup has the files looked at now.
    let hangup = std::process::Command::new("kill").args(["-HUP", &node.id().to_string()]).status();
    assert!(hangup.unwrap().success());
    eventually_blocking("the new certificate is presented", || presented() != before);
    node.stop();
}

#[test]
fn what_is_wrong_with_the_section_is_told_with_its_keys() {
    let site = Site::new(false);
    let path = site.folder.path().join("orderer.yaml");
    let text = fs::read_to_string(&path).unwrap();
    for (from, to, said) in [
        ("[operators.crt]", "[gone.crt]", "Operations.TLS.ClientRootCAs: "),
        ("Certificate: server.crt", "Certificate: gone.crt", "Operations.TLS.Certificate: "),
        (site.operations.as_str(), "nowhere.invalid:1", "Operations.ListenAddress"),
    ] {
        fs::write(&path, text.replace(from, to)).unwrap();
        let output = raddle(site.folder.path(), &["start"]);
        refuses(&output, 2, "failed RDL-4012  ");
        let all = String::from_utf8(output.stderr).unwrap();
        assert!(all.contains(said), "{said}: {all}");
    }
}
