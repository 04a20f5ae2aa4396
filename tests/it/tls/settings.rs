//! `General.TLS`: whatever is wrong with it is told at once.

use std::fs;

use super::{Site, days};
use crate::harness::process::raddle;
use crate::start::refuses;

/// A text of the file, and what takes its place.
type Change = (&'static str, &'static str);

/// Changes of the file, made one after the other from the good one, each with all lines that it makes wrong.
const WRONG: [(&[Change], &[&str]); 6] = [
    (
        &[("tls/server.key", "tls/gone.key"), ("tls/server.crt", "tls/gone.crt")],
        &[
            "orderer.yaml:7:5  General.TLS.PrivateKey: ./tls/gone.key cannot be read: \
             No such file or directory (os error 2); name the file of the key that belongs to the certificate",
            "orderer.yaml:8:5  General.TLS.Certificate: ./tls/gone.crt cannot be read: \
             No such file or directory (os error 2); name a file with a certificate in PEM that is valid now",
        ],
    ),
    (
        &[("tls/server.key", "tls/other.key")],
        &["orderer.yaml:7:5  General.TLS.PrivateKey: ./tls/other.key holds another key than that of the \
           certificate; name the file of the key that belongs to the certificate"],
    ),
    (
        &[("tls/server.key", "tls/leaf.crt")],
        &[
            "orderer.yaml:7:5  General.TLS.PrivateKey: ./tls/leaf.crt holds no private key in PEM that has no \
           password; name the file of the key that belongs to the certificate",
        ],
    ),
    (
        &[("tls/server.crt", "tls/ended.crt"), ("tls/server.key", "tls/ended.key")],
        &[
            "orderer.yaml:8:5  General.TLS.Certificate: ./tls/ended.crt has expired: CN=orderer was valid until ",
        ],
    ),
    (
        &[
            ("tls/server.crt", "tls/empty.crt"),
            ("[tls/ca.crt]", "[tls/ca.crt, tls/leaf.crt]"),
            ("[tls/clients.crt]", "[tls/empty.crt, tls/gone.crt]"),
        ],
        &[
            "orderer.yaml:8:5  General.TLS.Certificate: ./tls/empty.crt holds no certificate in PEM; ",
            "orderer.yaml:9:5  General.TLS.RootCAs: ./tls/leaf.crt holds no authority: certificate 1, CN=orderer, \
             may not sign others; name a file with an authority's certificate in PEM",
            "orderer.yaml:11:5  General.TLS.ClientRootCAs: ./tls/empty.crt holds no certificate in PEM; ",
            "orderer.yaml:11:5  General.TLS.ClientRootCAs: ./tls/gone.crt cannot be read: ",
        ],
    ),
    (
        &[("tls/server.crt", "\"\""), ("ClientAuthRequired: true", "ClientAuthRequired: maybe")],
        &[
            "orderer.yaml:6:5  General.TLS.Certificate: it is not set, and TLS is enabled; name the file",
            "orderer.yaml:10:5  General.TLS.ClientAuthRequired: \"maybe\" is neither true nor false; ",
        ],
    ),
];

#[test]
fn everything_that_is_wrong_with_the_files_is_told_at_once_and_nothing_is_made() {
    let site = Site::new(true, "");
    let (good, ended) = (site.issue_server(days(1, 400)), site.issue_server(days(3, -1)));
    site.write("tls/ended.crt", &ended.certificate_pem);
    site.write("tls/ended.key", &ended.key_pem);
    site.write("tls/other.key", &good.key_pem);
    site.write("tls/leaf.crt", &good.certificate_pem);
    site.write("tls/empty.crt", "no PEM\n");
    let path = site.path().join("orderer.yaml");
    let text = fs::read_to_string(&path).unwrap();
    for (changes, lines) in WRONG {
        let wrong = changes.iter().fold(text.clone(), |text, (from, to)| text.replace(from, to));
        fs::write(&path, wrong).unwrap();
        let output = raddle(site.path(), &["start"]);
        refuses(&output, 2, &format!("failed RDL-4012  {} problem", lines.len()));
        let said = String::from_utf8(output.stderr).unwrap();
        let told: Vec<&str> = said.lines().filter(|line| line.contains("General.")).collect();
        assert_eq!(told.len(), lines.len(), "{said}");
        for (told, line) in told.iter().zip(lines) {
            assert!(told.contains(line), "{told}\nwanted: {line}");
        }
    }
    assert!(!site.path().join("state").exists(), "nothing is made");
}

#[test]
fn several_authorities_may_stand_in_one_file_and_variables_name_files_too() {
    let site = Site::new(true, "");
    let both = [site.servers.certificate_pem(), site.clients.certificate_pem()].concat();
    site.write("tls/both.crt", &both);
    let set = [("ORDERER_GENERAL_TLS_CLIENTROOTCAS", "[tls/both.crt, tls/clients.crt]")];
    let environment = set.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
    let settings = raddle::config::Settings::load(Some(site.path()), &environment).unwrap();
    let tls = settings.tls.unwrap();
    assert_eq!((tls.authorities.ders().count(), tls.client_authorities.ders().count()), (1, 3));
    assert!(tls.client_root_cas.value.iter().all(|path| path.starts_with(site.path())));
    // Certificates that nobody asks for are not looked at.
    let off = [
        ("ORDERER_GENERAL_TLS_CLIENTAUTHREQUIRED", "false"),
        ("ORDERER_GENERAL_TLS_CLIENTROOTCAS", "[gone]"),
    ];
    let environment = off.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
    let settings = raddle::config::Settings::load(Some(site.path()), &environment).unwrap();
    assert!(settings.tls.unwrap().client_authorities.is_empty());
    let environment = [("ORDERER_GENERAL_TLS_ENABLED".to_owned(), "false".to_owned())].into();
    assert!(raddle::config::Settings::load(Some(site.path()), &environment).unwrap().tls.is_none());
}
