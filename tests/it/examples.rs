//! The examples' walk-throughs: what their READMEs tell people to type, typed, in an empty folder.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::process::Command;
use std::time::SystemTime;

use raddle::network::{Organisation, OrganisationNames, Role, TlsAuthority, Validity};
use tempfile::TempDir;

use crate::harness::process::raddle;
use crate::harness::repository;
use crate::harness::shell::walk_through;
use crate::harness::walkthrough::steps;

#[test]
fn the_walk_through_of_the_custom_filter_goes_as_it_says() {
    walk_through("examples/custom-filter/README.md");
}

/// It needs Fabric's binaries, so it is not typed here.
#[test]
fn the_network_of_fabric_has_the_files_that_it_names_and_scripts_that_a_shell_reads() {
    let folder = repository().join("examples/fabric-network");
    let readme = fs::read_to_string(folder.join("README.md")).unwrap();
    let links: Vec<&str> = readme.split("](").skip(1).map(|rest| rest.split_once(')').unwrap().0).collect();
    assert!(links.len() > 10, "{links:?}");
    for link in &links {
        assert!(folder.join(link).is_file(), "{link}");
    }
    let scripts = [
        "up",
        "down",
        "deploy",
        "as",
        "invoke",
        "builder/bin/detect",
        "builder/bin/build",
        "builder/bin/release",
    ];
    for script in scripts {
        let path = folder.join(script);
        assert!(Command::new("sh").arg("-n").arg(&path).status().unwrap().success(), "{script}");
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o111, 0o111, "{script}");
    }
    for step in steps(&readme, "## Use it") {
        let named = step.command.strip_prefix("\"$RADDLE\"/examples/fabric-network/");
        let named = named.map(|command| command.split(' ').next().unwrap());
        assert!(named.is_none_or(|script| scripts.contains(&script)), "{}", step.command);
    }
}

#[test]
fn the_orderer_of_the_network_of_fabric_has_settings_that_it_starts_with() {
    let there = TempDir::new().unwrap();
    for file in ["orderer.yaml", "raddle.yaml"] {
        fs::copy(repository().join("examples/fabric-network").join(file), there.path().join(file)).unwrap();
    }
    // What cryptogen would write there.
    let validity = Validity::ten_years(SystemTime::now());
    let names = OrganisationNames::new("OrdererOrg", "OrdererMSP", "example.com");
    let organisation = Organisation::generate(names, validity).unwrap();
    let identity = organisation.issue(Role::Orderer, "orderer.example.com", validity).unwrap();
    let own = there.path().join("crypto/ordererOrganizations/example.com/orderers/orderer.example.com");
    organisation.write_identity(&identity, &own.join("msp")).unwrap();
    let authority = TlsAuthority::generate("example.com", validity).unwrap();
    let pair = authority.issue("orderer.example.com", &["localhost"], validity).unwrap();
    fs::create_dir(own.join("tls")).unwrap();
    fs::write(own.join("tls/server.crt"), &pair.certificate_pem).unwrap();
    fs::write(own.join("tls/server.key"), &pair.key_pem).unwrap();
    fs::write(own.join("tls/ca.crt"), authority.certificate_pem()).unwrap();
    let output = raddle(there.path(), &["start", "--check"]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(output.stderr.is_empty(), "no warnings: {}", String::from_utf8_lossy(&output.stderr));
}
