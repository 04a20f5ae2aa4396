//! `raddle doctor tls`: one thing is wrong at a time.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use super::{Site, authority, days};
use crate::doctor::unbroken;
use crate::harness::process::{Node, raddle};

/// A site whose certificate is good for the members of its channel too.
fn good(client_auth: bool) -> Site {
    let site = Site::new(client_auth, "");
    site.write_pair(&site.members.issue("orderer", &super::HOSTS, days(1, 400)).unwrap());
    site.write("tls/ca.crt", site.members.certificate_pem());
    private(&site);
    site
}

fn private(site: &Site) {
    fs::set_permissions(site.path().join("tls/server.key"), fs::Permissions::from_mode(0o600)).unwrap();
}

fn edit(site: &Site, from: &str, to: &str) {
    let text = fs::read_to_string(site.path().join("orderer.yaml")).unwrap();
    assert!(text.contains(from), "{from}");
    site.write("orderer.yaml", &text.replace(from, to));
}

/// How the command ends, and what is not well: verdict, what, found, a line each.
fn complaints(site: &Site) -> (Option<i32>, Vec<String>) {
    let output = raddle(site.path(), &["doctor", "tls", "--output", "json"]);
    let text = |it: &serde_json::Value| it.as_str().unwrap().to_owned();
    let json: serde_json::Value = serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&output.stderr)));
    let findings = json["findings"].as_array().unwrap();
    assert!(findings.iter().all(|it| it["subject"] == "tls"));
    let bad = findings.iter().filter(|it| it["verdict"] != "ok");
    let bad = bad.inspect(|it| assert!(!text(&it["why"]).is_empty() && it["remedy"][0].is_string(), "{it}"));
    let line = |it: &serde_json::Value| {
        format!("{} {}: {}", text(&it["verdict"]), text(&it["what"]), text(&it["found"]))
    };
    (output.status.code(), bad.map(line).collect())
}

#[track_caller]
fn finds(site: &Site, exit: i32, begin: &[&str]) {
    let (code, lines) = complaints(site);
    assert_eq!((code, lines.len()), (Some(exit), begin.len()), "{lines:#?}");
    for (line, begin) in lines.iter().zip(begin) {
        let (begin, end) = begin.split_once('…').unwrap_or((begin, ""));
        assert!(line.starts_with(begin) && line.ends_with(end), "{line}\nwanted: {begin}…{end}");
    }
}

#[test]
fn what_is_well_is_listed_with_what_was_looked_at() {
    let site = good(true);
    finds(&site, 0, &[]);
    let printed = String::from_utf8(raddle(site.path(), &["doctor", "tls"]).stdout).unwrap();
    let printed = unbroken(&printed);
    for told in [
        "protocol versions",
        "TLS 1.2, TLS 1.3",
        "CN=orderer, with its key, in ./tls/server.crt",
        "the certificate comes from them",
        "localhost, 127.0.0.1",
        " days, until ",
        "1 of the files, 1 of channels",
        "TLS authorities of demo",
        "1 in the channel's config",
        "localhost:7050",
        "found  11 ok, 0 warnings, 0 unseen, 0 wrong\n",
    ] {
        assert!(printed.contains(told), "{told}: {printed}");
    }
    assert!(!site.path().join("state").exists(), "nothing is made");
}

#[test]
fn each_thing_that_is_not_well_is_told() {
    let site = good(false);
    site.write_pair(&site.members.issue("orderer", &super::HOSTS, days(1, 50)).unwrap());
    finds(&site, 0, &["warning time of General.TLS.Certificate: …: less than 60"]);
    site.write_pair(&site.members.issue("orderer", &super::HOSTS, days(1, 6)).unwrap());
    finds(&site, 1, &["wrong time of General.TLS.Certificate: …: less than 7"]);
    site.write_pair(&site.members.issue("orderer", &["other.example.com"], days(1, 400)).unwrap());
    let names = "warning names of General.TLS.Certificate: other.example.com";
    finds(&site, 0, &[names, "warning addresses of orderers in demo: localhost:7050"]);
    site.write_pair(&site.members.issue("orderer", &[], days(1, 400)).unwrap());
    finds(
        &site,
        1,
        &["wrong names of General.TLS.Certificate: none", "warning addresses of orderers in demo: "],
    );
    // Where all addresses are listened on, those that the channel's config names are as good as the machine's own.
    site.write_pair(&site.members.issue("orderer", &["localhost"], days(1, 400)).unwrap());
    finds(&site, 0, &["warning names of General.TLS.Certificate: localhost"]);
    edit(&site, "General:\n", "General:\n  ListenAddress: 0.0.0.0\n");
    finds(&site, 0, &[]);
    edit(&site, "  ListenAddress: 0.0.0.0\n", "");
    // Issued by somebody whom the channel does not know.
    site.write_pair(&site.issue_server(days(1, 400)));
    finds(
        &site,
        1,
        &[
            "warning General.TLS.RootCAs: the certificate: none of the authorities has issued it",
            "wrong TLS authorities of demo: 1 in the channel's config; the certificate: none of the authorities has",
        ],
    );
    let site = good(false);
    fs::set_permissions(site.path().join("tls/server.key"), fs::Permissions::from_mode(0o640)).unwrap();
    finds(&site, 0, &["warning key's rights: 640 on ./tls/server.key"]);
    private(&site);
    edit(&site, "RootCAs: [tls/ca.crt]", "RootCAs: []");
    finds(&site, 0, &["warning General.TLS.RootCAs: none is named"]);
    edit(&site, "Enabled: true", "Enabled: false");
    finds(&site, 0, &[]);
    edit(&site, "General:\n", "General:\n  ListenAddress: 0.0.0.0\n");
    finds(&site, 0, &["warning General.TLS.Enabled: false, on 0.0.0.0"]);
}

#[test]
fn settings_of_tls_that_cannot_be_used_are_findings() {
    let site = good(true);
    site.write(
        "tls/server.key",
        &authority("other.example.com").issue("o", &[], days(1, 9)).unwrap().key_pem,
    );
    edit(&site, "[tls/clients.crt]", "[tls/gone.crt]");
    finds(
        &site,
        1,
        &[
            "wrong General.TLS.PrivateKey: ./tls/server.key holds another key than that of the certificate",
            "wrong General.TLS.ClientRootCAs: ./tls/gone.crt cannot be read: ",
        ],
    );
    // Other problems are told as by all commands.
    edit(&site, "ListenPort", "ListenPrt");
    let output = raddle(site.path(), &["doctor", "tls"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(output.stdout.is_empty());
    assert!(
        String::from_utf8(output.stderr)
            .unwrap()
            .starts_with("failed RDL-4012  3 problems in the settings\n")
    );
}

#[test]
fn a_running_node_keeps_its_ledgers_to_itself() {
    let site = good(false);
    let node = Node::start_by_settings(site.path());
    finds(&site, 0, &["unseen TLS authorities of demo: the ledger "]);
    assert!(node.stop().status.success());
    finds(&site, 0, &[]);
}
