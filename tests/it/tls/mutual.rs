//! Certificates of clients: whose are taken, and what is bound to them.

use std::time::SystemTime;

use prost::Message as _;
use raddle::client::{Answer, Client, ClientError, Deliveries, Place, Refusal, WireFault, message, range};
use raddle::identity::Signer;
use raddle::network::{DevNetwork, TlsIdentity};
use raddle_core::bundle::CurrentConfig;
use raddle_proto::common::{Config, HeaderType};
use raddle_proto::msp::{FabricMspConfig, MspConfig};

use super::{Site, authority, days};
use crate::harness::admin::Admin;
use crate::harness::orderer::{channel as channel_of, wait_for_height};
use crate::network::channel;

/// Block 0, asked for by `site`'s user with this binding.
fn ask(site: &Site, client: &Client, hash: Option<[u8; 32]>) -> Deliveries {
    let seek = range(Place::Oldest, Place::Oldest, false);
    client.deliver(&site.user().bound_seek(&channel(), &seek, SystemTime::now(), hash).unwrap())
}

async fn send(site: &Site, client: &Client) -> Option<Answer> {
    let envelope = site.user().envelope(&channel(), HeaderType::Message, vec![7], SystemTime::now()).unwrap();
    client.broadcast(tokio_stream::once(message(&envelope))).next().await.unwrap()
}

async fn refusal(mut asked: Deliveries) -> Refusal {
    match asked.next().await {
        Err(ClientError::Refused(refusal)) => refusal,
        other => panic!("{other:?}"),
    }
}

/// As Go's `%v` prints it.
fn in_go(hash: [u8; 32]) -> String {
    format!("[{}]", hash.map(|byte| byte.to_string()).join(" "))
}

#[tokio::test(flavor = "multi_thread")]
async fn without_client_auth_any_client_is_served_and_no_request_is_bound() {
    let site = Site::new(false, "");
    let orderer = site.start().await;
    let address = orderer.address().to_string();
    let stranger = authority("nowhere.example.com").issue("stranger", &[], days(1, 1)).unwrap();
    for certificate in [None, Some(&stranger)] {
        let client = site.connect(&address, certificate).await.unwrap();
        assert_eq!(send(&site, &client).await, Some(Answer::Taken));
        for hash in [None, Some([7; 32])] {
            assert!(ask(&site, &client, hash).next().await.unwrap().is_some());
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn with_client_auth_requests_for_blocks_are_bound_to_the_connections_certificate() {
    let site = Site::new(true, "");
    let orderer = site.start().await;
    let address = orderer.address().to_string();
    // Of the settings' authority, and of one that only the channel's config names.
    for authority in [&site.clients, &site.members] {
        let certificate = authority.issue("client", &[], days(1, 400)).unwrap();
        let client = site.connect(&address, Some(&certificate)).await.unwrap();
        let own = client.certificate_hash().unwrap();
        assert_eq!(send(&site, &client).await, Some(Answer::Taken), "Broadcast is not bound");
        assert!(ask(&site, &client, Some(own)).next().await.unwrap().is_some());
        let other = [7; 32];
        for (hash, text) in [
            (None, "client didn't include its TLS cert hash".to_owned()),
            (
                Some(other),
                format!(
                    "claimed TLS cert hash is {} but actual TLS cert hash is {}",
                    in_go(other),
                    in_go(own)
                ),
            ),
        ] {
            let refusal = refusal(ask(&site, &client, hash)).await;
            let told = (refusal.status, refusal.detail.code.as_deref(), refusal.sentence());
            assert_eq!(told, (400, Some("RDL-1212"), text));
        }
    }
}

/// What becomes of a client's first request.
async fn outcome(site: &Site, address: &str, certificate: Option<&TlsIdentity>) -> Result<(), WireFault> {
    let asked = async {
        let client = site.connect(address, certificate).await?;
        ask(site, &client, client.certificate_hash()).next().await
    };
    match asked.await {
        Ok(block) => {
            assert!(block.is_some());
            Ok(())
        }
        Err(ClientError::Wire { fault, .. }) => Err(fault),
        Err(other) => panic!("{other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn with_client_auth_others_are_told_why_they_are_not_served() {
    let site = Site::new(true, "");
    let orderer = site.start().await;
    let address = orderer.address().to_string();
    let stranger = authority("nowhere.example.com").issue("stranger", &[], days(1, 1)).unwrap();
    let ended = site.clients.issue("ended", &[], days(3, -1)).unwrap();
    let not_taken = |alert: &str| Err(WireFault::NotTaken(alert.to_owned()));
    assert_eq!(outcome(&site, &address, None).await, Err(WireFault::CertificateRequired));
    assert_eq!(outcome(&site, &address, Some(&stranger)).await, not_taken("UnknownCA"));
    assert_eq!(outcome(&site, &address, Some(&ended)).await, not_taken("CertificateExpired"));
    // Clients try again.
    assert!(orderer.certificates().handshakes_failed() >= 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clock_that_is_turned_back_takes_certificates_that_have_ended() {
    let site = Site::new(true, "    TLSHandshakeTimeShift: 240h\n");
    let orderer = site.start().await;
    let address = orderer.address().to_string();
    let (ended, long_ago) = (days(20, -1), days(30, -20));
    let ended = site.clients.issue("ended", &[], ended).unwrap();
    assert_eq!(outcome(&site, &address, Some(&ended)).await, Ok(()));
    let long_ago = site.clients.issue("long-ago", &[], long_ago).unwrap();
    let fault = WireFault::NotTaken("CertificateExpired".into());
    assert_eq!(outcome(&site, &address, Some(&long_ago)).await, Err(fault));
}

/// The config in which the orderers' organisation names one more authority of TLS.
fn trusting(config: &CurrentConfig, pem: &str) -> Config {
    let mut config = config.config.clone();
    let orderers = config.channel_group.as_mut().unwrap().groups.get_mut("Orderer").unwrap();
    let value = orderers.groups.values_mut().next().unwrap().values.get_mut("MSP").unwrap();
    let mut msp = MspConfig::decode(value.value.clone()).unwrap();
    let mut fabric = FabricMspConfig::decode(msp.config.clone()).unwrap();
    fabric.tls_root_certs.push(pem.to_owned().into());
    msp.config = fabric.encode_to_vec().into();
    value.value = msp.encode_to_vec().into();
    config
}

#[tokio::test(flavor = "multi_thread")]
async fn an_authority_that_a_config_block_names_is_trusted_by_the_next_connection() {
    let site = Site::new(true, "");
    // The channel of a network whose admins can change it.
    let path = site.path().join("network");
    let network = DevNetwork::generate(&path, "127.0.0.1:1", SystemTime::now()).unwrap();
    std::fs::write(site.path().join("genesis.block"), network.genesis()).unwrap();
    let (msp_id, msp_dir) = network.orderer();
    let orderer = site.start_as(Signer::from_msp_dir(msp_id, &msp_dir).unwrap()).await;
    let address = orderer.address().to_string();
    let (newcomers, admin) = (authority("new.example.com"), Admin::of(&network));
    let newcomer = newcomers.issue("newcomer", &[], days(1, 400)).unwrap();
    let connects = async || {
        let client = site.connect(&address, Some(&newcomer)).await?;
        // The answer comes after the handshake, whatever it says.
        match ask(&site, &client, client.certificate_hash()).next().await {
            Err(ClientError::Refused(_)) | Ok(_) => Ok(()),
            Err(error) => Err(error),
        }
    };
    assert!(matches!(connects().await, Err(ClientError::Wire { .. })));
    let known = site.clients.issue("client", &[], days(1, 400)).unwrap();
    let client = site.connect(&address, Some(&known)).await.unwrap();
    let current = channel_of(&orderer).rules().config.clone();
    let next = trusting(&current, newcomers.certificate_pem());
    admin.change(&client, &current.config, &next).await.unwrap();
    wait_for_height(&orderer, 2).await;
    connects().await.unwrap();
    orderer.stop().await.unwrap();
}
