//! Commands that speak TLS, and those that should.

use std::net::TcpListener;
use std::process::Output;

use super::{Site, authority, days};
use crate::harness::ports::free_port;
use crate::harness::process::{Node, raddle};
use crate::start::refuses;

/// A command of a client of the site, with these flags.
fn client(site: &Site, command: &[&str], flags: &[&str]) -> Output {
    let address = site.address();
    let common = ["--orderer", &address, "--channel", "demo", "--msp-id", "Org1MSP", "--msp-dir", USER];
    raddle(site.path(), &[command, &common[..], flags].concat())
}

/// The folder has what the flags name.
fn with_files(site: &Site) {
    let user = site.org.issue(raddle::network::Role::Client, "user", days(1, 400)).unwrap();
    site.org.write_identity(&user, &site.path().join(USER)).unwrap();
    let certificate = site.clients.issue("client", &[], days(1, 400)).unwrap();
    site.write(".raddle/client.crt", &certificate.certificate_pem);
    site.write(".raddle/client.key", &certificate.key_pem);
    site.write(".raddle/ca.crt", site.servers.certificate_pem());
    site.write("nowhere.crt", authority("nowhere.example.com").certificate_pem());
}

const TLS: [&str; 6] =
    ["--tls-ca", "tls/ca.crt", "--tls-cert", ".raddle/client.crt", "--tls-key", ".raddle/client.key"];

/// The MSP folder of who signs.
const USER: &str = ".raddle/user";

const SHOW: [&str; 3] = ["block", "show", "newest"];

#[test]
fn all_commands_of_clients_take_the_three_flags_and_client_yaml_may_name_the_files() {
    let site = Site::new(true, "");
    with_files(&site);
    let node = Node::start_by_settings(site.path());
    for command in [
        &["send", "hello", "--wait"][..],
        &["load", "--streams", "2", "--count", "20", "--deliver"],
        &SHOW,
        &["channel", "config", "show"],
        &["module", "list"],
    ] {
        let output = client(&site, command, &TLS);
        assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    }
    let config = format!(
        "orderer: localhost:{}\nchannel: demo\nmsp-id: Org1MSP\nmsp-dir: user\ntls-ca: ca.crt\n\
         tls-cert: client.crt\ntls-key: client.key\n",
        site.port
    );
    site.write(".raddle/client.yaml", &config);
    let output = raddle(site.path(), &SHOW);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(node.stop().status.success());
}

#[test]
fn who_speaks_not_what_the_orderer_speaks_is_told_which_flag_to_use() {
    let site = Site::new(true, "");
    with_files(&site);
    let node = Node::start_by_settings(site.path());
    let start = format!("failed RDL-1010  no conversation with the orderer at {}: ", site.address());
    for (flags, sentence, hint) in [
        (
            &[][..],
            "it speaks TLS, and no authority is named to verify its certificate by",
            "give --tls-ca FILE, ",
        ),
        (
            &TLS[..2],
            "it takes only clients with a certificate, and none is named",
            "give --tls-cert FILE and ",
        ),
        (
            &["--tls-ca", "nowhere.crt"],
            "none of the authorities that were named issued its certificate",
            "--tls-ca names authorities of others",
        ),
    ] {
        for command in [&SHOW[..], &["send", "hello"]] {
            let output = client(&site, command, flags);
            refuses(&output, 3, &format!("{start}{sentence}"));
            let said = String::from_utf8(output.stderr).unwrap();
            assert!(said.contains(&format!("\n  hint   {hint}")), "{said}");
        }
    }
    let output = raddle(
        site.path(),
        &[
            &SHOW[..],
            &["--orderer", &format!("localhost.localdomain:{}", site.port)],
            &["--channel", "demo", "--msp-id", "Org1MSP", "--msp-dir", USER],
            &TLS,
        ]
        .concat(),
    );
    assert_eq!(output.status.code(), Some(3), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(node.stop().status.success());
    // The other way round.
    let path = site.path().join("orderer.yaml");
    let text = std::fs::read_to_string(&path).unwrap();
    std::fs::write(&path, text.replace("Enabled: true", "Enabled: false")).unwrap();
    let node = Node::start_by_settings(site.path());
    let output = client(&site, &SHOW, &TLS);
    refuses(&output, 3, &format!("{start}it speaks no TLS\n  hint   leave out --tls-ca"));
    assert!(node.stop().status.success());
}

#[test]
fn files_that_are_of_no_use_are_named_before_anybody_is_asked() {
    let site = Site::new(true, "");
    with_files(&site);
    // Nobody may connect: it would wait for ever.
    let _silent = TcpListener::bind(site.address()).unwrap();
    for (flags, sentence) in [
        (&["--tls-ca", "gone.crt"][..], "gone.crt cannot be read: "),
        (&["--tls-ca", ".raddle/client.key"], ".raddle/client.key holds no certificate in PEM"),
        (
            &["--tls-ca", ".raddle/client.crt"],
            ".raddle/client.crt holds no authority: certificate 1, CN=client, ",
        ),
        (&TLS[2..], "a TLS certificate is named, and --tls-ca is missing"),
        (&TLS[..4], "of --tls-cert and --tls-key one is missing: give both, or neither"),
        (
            &["--tls-ca", "tls/ca.crt", "--tls-cert", ".raddle/client.crt", "--tls-key", "tls/server.key"],
            "tls/server.key holds another key than that of the certificate",
        ),
    ] {
        refuses(&client(&site, &SHOW, flags), 2, &format!("failed RDL-1003  {sentence}"));
    }
}

#[test]
fn a_channel_is_pulled_from_an_orderer_that_takes_only_clients_with_a_certificate() {
    let site = Site::new(true, "");
    with_files(&site);
    let node = Node::start_by_settings(site.path());
    let output = client(&site, &["send", "hello", "--wait"], &TLS);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let settings = format!(
        "General: {{ListenPort: {}, LocalMSPID: Org1MSP, LocalMSPDir: {}, BootstrapMethod: none}}\n\
         FileLedger: {{Location: state}}\n",
        free_port(),
        site.path().join("msp").display()
    );
    site.write("second/orderer.yaml", &settings);
    site.write("second/raddle.yaml", "Ordering: {channels: {demo: ['127.0.0.1:1']}}\n");
    let address = site.address();
    let path = |name: &str| site.path().join(name).display().to_string();
    let join = |flags: &[&str]| {
        let genesis = path("genesis.block");
        let arguments = [&["channel", "join", &genesis, "--from", &address], flags].concat();
        raddle(&site.path().join("second"), &arguments)
    };
    let output = join(&[]);
    refuses(&output, 3, "failed RDL-4015  no orderer gives the blocks of demo ");
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.contains("it speaks TLS, and no authority is named to verify its certificate by"), "{said}");
    let files = ["tls/ca.crt", ".raddle/client.crt", ".raddle/client.key"].map(&path);
    let output = join(&["--tls-ca", &files[0], "--tls-cert", &files[1], "--tls-key", &files[2]]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let printed = String::from_utf8(output.stdout).unwrap();
    assert!(printed.contains(&format!("\npulled blocks 0 to 1 from {address}\n")), "{printed}");
    assert!(node.stop().status.success());
}
