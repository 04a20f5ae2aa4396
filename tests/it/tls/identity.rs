//! Certificates that end: warnings, and a node whose own has ended.

use std::fs;
use std::process::Command;
use std::time::SystemTime;

use raddle::client::{Answer, Client, Patience, Place, message, range};
use raddle::network::{TlsAuthority, Validity};
use raddle::node::{Doing, ReadOnly};
use raddle_proto::common::HeaderType;

use super::{DAY, Site, days};
use crate::harness::orderer::{channel as channel_of, wait_for_height};
use crate::harness::process::Node;
use crate::network::channel;

/// Sends one envelope, and asks for all blocks; answers what was answered, and how many blocks came.
async fn use_it(site: &Site, client: &Client) -> (Answer, usize) {
    let user = site.user();
    let envelope = user.envelope(&channel(), HeaderType::Message, vec![7], SystemTime::now()).unwrap();
    let answer = client.broadcast(tokio_stream::once(message(&envelope))).next().await.unwrap().unwrap();
    let seek = range(Place::Oldest, Place::Newest, false);
    let mut blocks = client.deliver(&user.seek(&channel(), &seek, SystemTime::now()).unwrap());
    let mut count = 0;
    while blocks.next().await.unwrap().is_some() {
        count += 1;
    }
    (answer, count)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_whose_certificate_has_ended_gives_blocks_and_makes_none_until_it_has_another() {
    let site = Site::new(false, "");
    let orderer = site.start().await;
    let client = site.connect(&orderer.address().to_string(), None).await.unwrap();
    assert_eq!(use_it(&site, &client).await.0, Answer::Taken);
    wait_for_height(&orderer, 2).await;
    orderer.stop().await.unwrap();
    site.write_identity(days(3, -1));
    let orderer = site.start().await;
    let Some(ReadOnly::IdentityExpired { subject, .. }) = orderer.read_only() else { panic!() };
    assert_eq!(subject, "CN=orderer.org1.example.com,OU=orderer");
    let client = site.connect(&orderer.address().to_string(), None).await.unwrap();
    let (answer, blocks) = use_it(&site, &client).await;
    let Answer::Refused(refusal) = answer else { panic!("{answer:?}") };
    assert_eq!((refusal.status, refusal.detail.code.as_deref()), (503, Some("RDL-4105")));
    assert_eq!(refusal.info, "this orderer takes no envelopes: its certificate has expired");
    let cause = refusal.detail.text("cause").unwrap();
    assert!(
        cause.starts_with(&format!("the certificate of this orderer, {subject}, has expired: ")),
        "{cause}"
    );
    assert_eq!(blocks, 2);
    assert!(matches!(&*channel_of(&orderer).board().doing().borrow(), Doing::ReadOnly(_)));
    orderer.stop().await.unwrap();
    site.write_identity(days(1, 400));
    let orderer = site.start().await;
    assert_eq!(orderer.read_only(), None);
    let client = site.connect(&orderer.address().to_string(), None).await.unwrap();
    assert_eq!(use_it(&site, &client).await, (Answer::Taken, 2));
    wait_for_height(&orderer, 3).await;
    orderer.stop().await.unwrap();
}

#[test]
fn who_starts_such_a_node_is_told_how_to_repair_it() {
    let site = Site::new(false, "");
    site.write_identity(days(3, -1));
    let mut node = Node::start_by_settings(site.path());
    let line = node.wait_for_next("failed RDL-4105  ");
    assert!(line.contains("has expired: it was valid until "), "{line}");
    node.wait_for_next(
        "hint   put a new certificate and its key into General.LocalMSPDir, and start the node again",
    );
    let ended = node.stop();
    assert!(ended.said.contains("The enrollment certificate has expired"), "{}", ended.said);
}

#[test]
fn certificates_that_end_soon_are_warned_of_and_a_hangup_has_the_files_looked_at() {
    let site = Site::new(false, "");
    // Half an hour before the day is full, so that it makes no difference how long the test takes.
    let soon = |to| {
        let Validity { from, to } = days(1, to);
        Validity { from, to: to - DAY / 48 }
    };
    site.write_pair(&site.issue_server(soon(5)));
    site.write_identity(soon(20));
    site.write("tls/ca.crt", TlsAuthority::generate("old", soon(45)).unwrap().certificate_pem());
    let mut node = Node::start_by_settings(site.path());
    for line in [
        "The enrollment certificate expires within 19 days and 23 hours",
        "The server TLS certificate expires within 4 days and 23 hours",
        "The server TLS CA certificate expires within 44 days and 23 hours",
    ] {
        node.wait_for(line);
    }
    fs::write(site.path().join("tls/server.key"), "no key").unwrap();
    let hang_up = |node: &Node| {
        assert!(Command::new("kill").args(["-HUP", &node.id().to_string()]).status().unwrap().success());
    };
    hang_up(&node);
    node.wait_for_next(
        "/tls/server.key holds no private key in PEM that has no password; new connections are presented the TLS \
         certificate of before",
    );
    site.write_pair(&site.issue_server(soon(6)));
    hang_up(&node);
    node.wait_for_next("The server TLS certificate expires within 5 days and 23 hours");
    assert!(node.stop().status.success());
}

#[tokio::test]
async fn how_long_certificates_are_valid_still_is_there_for_metrics() {
    let site = Site::new(false, "");
    let orderer = site.start().await;
    let all = orderer.certificates().expiries().all();
    let roles: Vec<_> = all.iter().map(|expiry| expiry.role).collect();
    assert_eq!(roles, ["enrollment", "server TLS", "server TLS CA"]);
    let days: Vec<_> = all.iter().map(|expiry| expiry.days_left(SystemTime::now()).round()).collect();
    assert_eq!(days, [400.0, 400.0, 400.0]);
    assert!(
        Client::connect(&orderer.address().to_string(), Patience::default()).await.is_ok(),
        "the port is open"
    );
}
