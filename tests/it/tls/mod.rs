//! TLS of a real node: who gets in, who does not and what is said of it, and certificates that change.

mod commands;
mod doctor;
mod handshakes;
mod identity;
mod join;
mod mutual;
mod reload;
mod settings;

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use prost::Message as _;
use raddle::client::{Client, ClientError, ClientTls, Patience};
use raddle::config::{Environment, Settings};
use raddle::identity::Signer;
use raddle::network::{
    ChannelDraft, OrdererOrganisation, Organisation, OrganisationNames, Role, TlsAuthority, TlsIdentity,
    Validity,
};
use raddle::orderer::{Orderer, OrdererSettings};
use raddle_serve::tls::{Authorities, KeyPair};
use tempfile::TempDir;

use crate::harness::orderer;
use crate::harness::ports::free_port;
use crate::network::channel;

/// The name and the address by which the node may be asked for.
const HOSTS: [&str; 2] = ["localhost", "127.0.0.1"];

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// The folder of a node with TLS, and all authorities that have to do with it.
struct Site {
    folder: TempDir,
    port: u16,
    /// Issued the node's certificate.
    servers: TlsAuthority,
    /// Named by `ClientRootCAs`.
    clients: TlsAuthority,
    /// Named by the channel's config.
    members: TlsAuthority,
    org: Organisation,
}

/// From `-from` to `to` days from now.
fn days(from: u32, to: i32) -> Validity {
    let now = SystemTime::now();
    let to = if to < 0 { now - DAY * to.unsigned_abs() } else { now + DAY * to.unsigned_abs() };
    Validity { from: now - DAY * from, to }
}

fn authority(domain: &str) -> TlsAuthority {
    TlsAuthority::generate(domain, days(400, 400)).unwrap()
}

impl Site {
    /// `client_auth` asks clients for certificates; `more` are further lines of `General.TLS`.
    fn new(client_auth: bool, more: &str) -> Self {
        let (servers, clients) = (authority("servers.example.com"), authority("clients.example.com"));
        let members = authority("org1.example.com");
        let names = OrganisationNames::new("Org1", "Org1MSP", "org1.example.com");
        let org = Organisation::generate(names, days(400, 400)).unwrap().with_tls(&members);
        let folder = TempDir::new().unwrap();
        let site = Self { folder, port: free_port(), servers, clients, members, org };
        site.write_pair(&site.issue_server(days(1, 400)));
        site.write("tls/ca.crt", site.servers.certificate_pem());
        site.write("tls/clients.crt", site.clients.certificate_pem());
        site.write_identity(days(1, 400));
        site.write_genesis();
        let text = format!(
            "General:
  ListenPort: {}
  LocalMSPID: Org1MSP
  BootstrapFile: genesis.block
  TLS:
    Enabled: true
    PrivateKey: tls/server.key
    Certificate: tls/server.crt
    RootCAs: [tls/ca.crt]
    ClientAuthRequired: {client_auth}
    ClientRootCAs: [tls/clients.crt]
{more}FileLedger: {{Location: state}}
",
            site.port
        );
        site.write("orderer.yaml", &text);
        site
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }

    fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    fn write(&self, name: &str, text: &str) {
        let path = self.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    fn issue_server(&self, validity: Validity) -> TlsIdentity {
        self.servers.issue("orderer", &HOSTS, validity).unwrap()
    }

    fn write_pair(&self, pair: &TlsIdentity) {
        self.write("tls/server.crt", &pair.certificate_pem);
        self.write("tls/server.key", &pair.key_pem);
    }

    /// The identity that blocks are signed by.
    fn write_identity(&self, validity: Validity) {
        let identity = self.org.issue(Role::Orderer, "orderer.org1.example.com", validity).unwrap();
        let _ = fs::remove_dir_all(self.path().join("msp"));
        self.org.write_identity(&identity, &self.path().join("msp")).unwrap();
    }

    fn write_genesis(&self) {
        let mut draft = ChannelDraft::new(channel());
        draft.batch_timeout = Duration::from_millis(100);
        draft.orderers =
            vec![OrdererOrganisation { organisation: &self.org, endpoints: vec!["localhost:7050".into()] }];
        draft.members = vec![&self.org];
        let block = draft.genesis(SystemTime::now()).unwrap();
        fs::write(self.path().join("genesis.block"), block.encode_to_vec()).unwrap();
    }

    fn settings(&self) -> Settings {
        Settings::load(Some(self.path()), &Environment::new()).unwrap()
    }

    /// The node in this process. It listens where the system chooses.
    async fn start(&self) -> Orderer {
        self.start_as(Signer::from_msp_dir("Org1MSP", &self.path().join("msp")).unwrap()).await
    }

    /// The same, which signs as somebody else.
    async fn start_as(&self, signer: Signer) -> Orderer {
        let genesis = fs::read(self.path().join("genesis.block")).unwrap().into();
        let settings = OrdererSettings {
            tls: self.settings().tls,
            signer: Arc::new(signer),
            ..orderer::settings(&self.path().join("state"), genesis)
        };
        Orderer::start(settings).await.unwrap()
    }

    /// Somebody of the organisation.
    fn user(&self) -> Signer {
        self.org.issue(Role::Client, "user", days(1, 400)).unwrap().signer().unwrap()
    }

    /// A client that knows the node's authority, and has this certificate.
    fn tls(&self, certificate: Option<&TlsIdentity>) -> ClientTls {
        let authorities = Authorities::from_pem(self.servers.certificate_pem().as_bytes()).unwrap();
        let pair = certificate.map(pair);
        ClientTls::new(&authorities, pair.as_ref()).unwrap()
    }

    async fn connect(&self, address: &str, certificate: Option<&TlsIdentity>) -> Result<Client, ClientError> {
        Client::connect_with(address, Patience::default(), Some(self.tls(certificate))).await
    }
}

fn pair(identity: &TlsIdentity) -> KeyPair {
    KeyPair::from_pem(identity.certificate_pem.as_bytes(), identity.key_pem.as_bytes()).unwrap()
}
