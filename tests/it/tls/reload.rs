//! New certificates without a restart.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

use raddle::client::{Answer, Client, Place, message, range};
use raddle::orderer::Orderer;
use raddle_core::ids::BlockNumber;
use raddle_proto::common::HeaderType;
use rustls::RootCertStore;
use rustls::crypto::aws_lc_rs;
use rustls_pki_types::ServerName;
use rustls_pki_types::pem::PemObject as _;
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio::time::timeout;
use tokio_stream::wrappers::UnboundedReceiverStream;

use super::{Site, days, pair};
use crate::harness::eventually::{eventually, eventually_async};
use crate::harness::orderer::channel as channel_of;
use crate::network::channel;

/// Turns a hang into a failure.
const LONG: Duration = Duration::from_secs(120);

/// The certificate that a new connection is presented.
async fn presented(site: &Site, address: &str) -> Vec<u8> {
    let mut roots = RootCertStore::empty();
    let pem = site.servers.certificate_pem().as_bytes();
    roots.add(rustls_pki_types::CertificateDer::from_pem_slice(pem).unwrap()).unwrap();
    let config = rustls::ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let socket = TcpStream::connect(address).await.unwrap();
    let name = ServerName::try_from("localhost").unwrap();
    let stream = tokio_rustls::TlsConnector::from(Arc::new(config)).connect(name, socket).await.unwrap();
    stream.get_ref().1.peer_certificates().unwrap()[0].to_vec()
}

async fn wait_until_presented(site: &Site, orderer: &Orderer, expected: &[u8]) {
    orderer.certificates().look();
    let address = orderer.address().to_string();
    eventually_async("it is presented", async || presented(site, &address).await == expected).await;
}

fn der(identity: &raddle::network::TlsIdentity) -> Vec<u8> {
    pair(identity).chain()[0].der().to_vec()
}

/// A stream of Broadcast on which the next envelope is sent when one is answered, until it is told to end. Answers how
/// many were taken.
async fn keep_sending(
    site: &Site,
    client: Client,
    count: Arc<AtomicU64>,
    end: Arc<AtomicBool>,
) -> tokio::task::JoinHandle<u64> {
    let user = site.user();
    tokio::spawn(async move {
        let (sender, envelopes) = mpsc::unbounded_channel();
        let mut answers = client.broadcast(UnboundedReceiverStream::new(envelopes));
        let mut taken = 0;
        loop {
            let envelope =
                user.envelope(&channel(), HeaderType::Message, vec![7], SystemTime::now()).unwrap();
            sender.send(message(&envelope)).unwrap();
            assert_eq!(answers.next().await.unwrap(), Some(Answer::Taken));
            taken += 1;
            count.fetch_add(1, Ordering::SeqCst);
            if end.load(Ordering::SeqCst) {
                drop(sender);
                assert_eq!(answers.next().await.unwrap(), None);
                return taken;
            }
        }
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_certificate_is_presented_while_nothing_that_runs_notices() {
    let site = Site::new(false, "");
    let orderer = site.start().await;
    let address = orderer.address().to_string();
    let (count, end) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicBool::new(false)));
    let mut senders = Vec::new();
    for _ in 0..4 {
        let client = site.connect(&address, None).await.unwrap();
        senders.push(keep_sending(&site, client, Arc::clone(&count), Arc::clone(&end)).await);
    }
    let reader = site.connect(&address, None).await.unwrap();
    let seek = range(Place::Oldest, Place::Number(u64::MAX), true);
    let mut blocks = reader.deliver(&site.user().seek(&channel(), &seek, SystemTime::now()).unwrap());
    for round in 1..=5 {
        let next = site.issue_server(days(1, 400));
        site.write_pair(&next);
        wait_until_presented(&site, &orderer, &der(&next)).await;
        // What runs goes on beyond the change.
        let before = count.load(Ordering::SeqCst);
        let what = format!("the senders go on in round {round}");
        eventually(&what, || count.load(Ordering::SeqCst) >= before + 20).await;
    }
    end.store(true, Ordering::SeqCst);
    let mut taken = 0;
    for sender in senders {
        taken += timeout(LONG, sender).await.unwrap().unwrap();
    }
    // And every envelope comes out of the stream that was opened before the first change.
    let mut read = 0;
    while read < taken {
        let block = timeout(LONG, blocks.next()).await.unwrap().unwrap().unwrap();
        let number = block.header.unwrap().number;
        read += if number == 0 { 0 } else { block.data.unwrap().data.len() as u64 };
    }
    assert_eq!(read, taken);
    assert!(channel_of(&orderer).ledger().block(BlockNumber(0)).unwrap().is_some());
    assert_eq!(orderer.certificates().handshakes_failed(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn files_that_are_no_pair_change_nothing_until_they_are_one() {
    let site = Site::new(false, "");
    let orderer = site.start().await;
    let address = orderer.address().to_string();
    let first = presented(&site, &address).await;
    let (next, ended) = (site.issue_server(days(1, 400)), site.issue_server(days(3, -1)));
    for (certificate, key) in [
        ("", ""),
        (next.certificate_pem.as_str(), "no key"),
        (&next.certificate_pem, &ended.key_pem),
        (&ended.certificate_pem, &ended.key_pem),
    ] {
        site.write("tls/server.crt", certificate);
        site.write("tls/server.key", key);
        assert!(site.settings_refused());
        orderer.certificates().look();
        assert_eq!(presented(&site, &address).await, first);
    }
    site.write_pair(&next);
    wait_until_presented(&site, &orderer, &der(&next)).await;
}

impl Site {
    fn settings_refused(&self) -> bool {
        raddle::config::Settings::load(Some(self.path()), &Default::default()).is_err()
    }
}
