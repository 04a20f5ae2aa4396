//! TLS towards admins: who has no certificate that is trusted gets nowhere.

use std::fs;
use std::io::{Read, Write};
use std::time::SystemTime;

use raddle::network::{TlsAuthority, TlsIdentity, Validity};
use tempfile::TempDir;

use crate::harness::https::{self, DAY, authority, validity};
use crate::harness::ports::free_port;
use crate::harness::process::{Node, raddle};
use crate::harness::{golden, http};
use crate::start::{folder, refuses};

/// A node whose admins come by TLS, and what they need.
struct Scene {
    folder: TempDir,
    address: String,
    server: TlsAuthority,
    admins: TlsAuthority,
}

impl Scene {
    fn new() -> Self {
        let folder = folder("  BootstrapMethod: none\n", "Ordering: {kafka: local}\n");
        let (server, admins) = (authority("orderer.example.com"), authority("admin.example.com"));
        let address = format!("127.0.0.1:{}", free_port());
        let own = server.issue("orderer", &["127.0.0.1"], validity()).unwrap();
        let write = |name: &str, text: &str| fs::write(folder.path().join(name), text).unwrap();
        write("server.crt", &own.certificate_pem);
        write("server.key", &own.key_pem);
        write("admins.crt", admins.certificate_pem());
        let text = fs::read_to_string(folder.path().join("orderer.yaml")).unwrap();
        let admin = format!(
            "Admin:\n  ListenAddress: {address}\n  TLS:\n    Enabled: true\n    Certificate: server.crt\n    \
             PrivateKey: server.key\n    ClientAuthRequired: true\n    ClientRootCAs: [admins.crt]\n\
             ChannelParticipation:\n  Enabled: true\n"
        );
        write("orderer.yaml", &format!("{text}{admin}"));
        Self { folder, address, server, admins }
    }

    /// A connection as `osnadmin` makes it.
    fn connect(&self, own: Option<&TlsIdentity>) -> impl Read + Write {
        https::connect(&self.address, &self.server, own)
    }

    fn list(&self, own: &TlsIdentity) -> http::Reply {
        http::ask_on(self.connect(Some(own)), "GET", http::CHANNELS, &[], b"")
    }

    /// Whether a client with this certificate is answered.
    fn is_answered(&self, own: Option<&TlsIdentity>) -> bool {
        https::is_answered(self.connect(own))
    }
}

#[test]
fn an_admin_with_a_certificate_joins_a_channel_and_nobody_else_is_answered() {
    let scene = Scene::new();
    let mut node = Node::start_by_settings(scene.folder.path());
    let admin = scene.admins.issue("admin", &[], validity()).unwrap();
    let (content_type, body) =
        http::form("config-block", "config.block", &fs::read(golden("appkafka.block")).unwrap());
    let headers = [("Content-Type", content_type.as_str())];
    let joined = http::ask_on(scene.connect(Some(&admin)), "POST", http::CHANNELS, &headers, &body);
    assert_eq!(joined.code(), 201, "{}", joined.text());
    assert!(scene.list(&admin).text().contains("appkafka"));

    let stranger = authority("admin.example.com").issue("admin", &[], validity()).unwrap();
    let now = SystemTime::now();
    let ended = Validity { from: now - 3 * DAY, to: now - DAY };
    let expired = scene.admins.issue("admin", &[], ended).unwrap();
    for (who, own) in [("nobody", None), ("a stranger", Some(&stranger)), ("yesterday's", Some(&expired))] {
        assert!(!scene.is_answered(own), "{who}");
    }
    node.wait_for("Admin");
    assert!(scene.is_answered(Some(&admin)));
    node.stop();
}

#[test]
fn tls_without_certificates_of_admins_does_not_start() {
    let scene = Scene::new();
    let path = scene.folder.path().join("orderer.yaml");
    let text = fs::read_to_string(&path).unwrap();
    for (from, to, said) in [
        (
            "ClientAuthRequired: true",
            "ClientAuthRequired: false",
            "Admin.TLS.ClientAuthRequired: admins would need",
        ),
        ("ClientRootCAs: [admins.crt]", "ClientRootCAs: []", "Admin.TLS.ClientRootCAs: no file is named"),
        ("[admins.crt]", "[gone.crt]", "gone.crt"),
    ] {
        fs::write(&path, text.replace(from, to)).unwrap();
        let output = raddle(scene.folder.path(), &["start"]);
        refuses(&output, 2, "failed RDL-4012  ");
        let all = String::from_utf8(output.stderr).unwrap();
        assert!(all.contains(said), "{said}: {all}");
    }
}
