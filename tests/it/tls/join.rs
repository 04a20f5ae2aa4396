//! TLS towards the orderers that a node asks for blocks: what it presents, and by whom it has them verified.

use raddle::client::{Place, WireFault, range};
use raddle::config::Cluster;
use raddle::pull::{JoinBlock, Upstream};

use super::*;

const OWN: &str = "  Cluster:
    ClientCertificate: tls/client.crt
    ClientPrivateKey: tls/client.key
    RootCAs: [tls/ca.crt]
";

/// What becomes of asking the orderer of `site` for a block as a node by these settings does.
async fn ask(site: &Site, address: &str, cluster: Option<Cluster>) -> Result<(), ClientError> {
    let genesis = fs::read(site.path().join("genesis.block")).unwrap();
    let joined = JoinBlock::read(genesis.into()).unwrap();
    let upstream = Upstream { tls: cluster, ..Upstream::default() };
    let tls = upstream.client_tls(&joined.config).unwrap();
    let client = Client::connect_with(address, upstream.patience, tls).await?;
    let seek = range(Place::Oldest, Place::Oldest, false);
    let hash = client.certificate_hash();
    let seek = site.user().bound_seek(&channel(), &seek, SystemTime::now(), hash).unwrap();
    assert!(client.deliver(&seek).next().await?.is_some());
    Ok(())
}

fn fault(asked: Result<(), ClientError>) -> WireFault {
    match asked {
        Err(ClientError::Wire { fault, .. }) => fault,
        other => panic!("{other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn certificate_and_authorities_are_those_of_cluster_and_of_the_channels_orderers() {
    let site = Site::new(true, OWN);
    let orderer = site.start().await;
    let address = orderer.address().to_string();
    // Of an authority that only the channel's config names.
    let own = site.members.issue("orderer2", &HOSTS, days(1, 400)).unwrap();
    site.write("tls/client.crt", &own.certificate_pem);
    site.write("tls/client.key", &own.key_pem);
    let cluster = site.settings().cluster.unwrap();
    assert_eq!(ask(&site, &address, Some(cluster.clone())).await, Ok(()));
    let mut unknown = cluster.clone();
    unknown.authorities = Authorities::default();
    assert_eq!(fault(ask(&site, &address, Some(unknown)).await), WireFault::UnknownAuthority);
    assert_eq!(fault(ask(&site, &address, None).await), WireFault::SpeaksTls);

    // The files are read anew; what is of no use there does not count.
    let stranger = authority("nowhere.example.com").issue("stranger", &HOSTS, days(1, 1)).unwrap();
    site.write("tls/client.crt", &stranger.certificate_pem);
    assert_eq!(ask(&site, &address, Some(cluster.clone())).await, Ok(()));
    site.write("tls/client.key", &stranger.key_pem);
    let fault = fault(ask(&site, &address, Some(cluster)).await);
    assert_eq!(fault, WireFault::NotTaken("UnknownCA".to_owned()));
}

#[tokio::test(flavor = "multi_thread")]
async fn without_settings_of_its_own_the_listeners_certificate_is_presented() {
    let site = Site::new(true, "");
    // As where an organisation has one authority for all.
    site.write_pair(&site.members.issue("orderer", &HOSTS, days(1, 400)).unwrap());
    let orderer = site.start().await;
    let cluster = site.settings().cluster;
    assert_eq!(ask(&site, &orderer.address().to_string(), cluster).await, Ok(()));
}

#[test]
fn files_of_no_use_are_warned_of_and_those_of_the_listener_count() {
    let site = Site::new(true, OWN);
    let warned = |site: &Site| {
        let settings = site.settings();
        let cluster = settings.cluster.unwrap();
        assert_eq!(cluster.certificate, settings.tls.unwrap().certificate);
        settings.warnings.iter().map(ToString::to_string).collect::<Vec<_>>()
    };
    let lines = warned(&site);
    let mend = "; mend it before this node joins a channel whose blocks it has to pull";
    let gone = |place: &str, key: &str, file: &str| {
        let file = site.path().join(file);
        let origin = site.path().join("orderer.yaml");
        format!(
            "{}:{place}  General.Cluster.{key}: {} cannot be read: No such file or directory (os error 2){mend}",
            origin.display(),
            file.display()
        )
    };
    let expected = [
        gone("13:5", "ClientCertificate", "tls/client.crt"),
        gone("14:5", "ClientPrivateKey", "tls/client.key"),
    ];
    assert_eq!(lines, expected);

    let path = site.path().join("orderer.yaml");
    let text = fs::read_to_string(&path).unwrap();
    fs::write(&path, text.replace("    ClientPrivateKey: tls/client.key\n", "")).unwrap();
    let lines = warned(&site);
    assert_eq!(lines.len(), 1, "{lines:?}");
    let says = "General.Cluster.ClientCertificate: General.Cluster.ClientPrivateKey is not set; name both files, or \
                neither, for those of General.TLS";
    assert!(lines[0].ends_with(says), "{lines:?}");
    fs::write(&path, text.replace("[tls/ca.crt]\nFile", "[tls/gone.crt]\nFile")).unwrap();
    let lines = warned(&site);
    assert!(lines.iter().any(|line| line.contains("General.Cluster.RootCAs: ")), "{lines:?}");
}
