//! Refusals for want of signatures, as people see them: which policy, which of its sub-policies, who was looked at and
//! why each did not count, and what to do next.

use std::path::{Path, PathBuf};
use std::time::SystemTime;

use prost::Message as _;
use raddle::admin::update::{Draft, compute};
use raddle::client::{Answer, Client, Patience, message};
use raddle::network::{Organisation, Role, Validity};
use raddle_core::bundle::read_genesis;
use raddle_proto::common;
use tempfile::TempDir;

use super::{Said, raddle};
use crate::harness::admin::with_value;
use crate::harness::process::Node;
use crate::network::{Team, draft};

/// A channel of Org1 and Org2, a node that orders it, and a stranger.
struct Scene {
    folder: TempDir,
    orderer: Team,
    members: [Team; 2],
    stranger: Team,
    genesis: common::Block,
    node: Option<Node>,
}

impl Scene {
    fn new() -> Self {
        let (orderer, members) = (Team::new("Orderer"), [Team::new("Org1"), Team::new("Org2")]);
        let genesis = draft(&orderer, &members).genesis(SystemTime::now()).unwrap();
        let folder = TempDir::new().unwrap();
        std::fs::write(folder.path().join("genesis.block"), genesis.encode_to_vec()).unwrap();
        let mut scene = Self { folder, orderer, members, stranger: Team::new("Org3"), genesis, node: None };
        scene.write(&scene.orderer.organisation, Role::Orderer);
        scene.write(&scene.orderer.organisation, Role::Admin);
        for team in scene.members.iter().chain([&scene.stranger]) {
            for role in [Role::Admin, Role::Peer, Role::Client] {
                scene.write(&team.organisation, role);
            }
        }
        let arguments =
            ["--genesis", "genesis.block", "--msp-id", "OrdererMSP", "--msp-dir", "Orderer/orderer"];
        scene.node = Some(Node::start_in(scene.folder.path(), &arguments));
        scene
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }

    fn write(&self, organisation: &Organisation, role: Role) -> PathBuf {
        let folder = self.path().join(&organisation.names().name).join(role.unit());
        let name = format!("{}@{}", role.unit(), organisation.names().domain);
        let identity = organisation.issue(role, &name, Validity::ten_years(SystemTime::now())).unwrap();
        organisation.write_identity(&identity, &folder).unwrap();
        folder
    }

    fn run(&self, who: &str, arguments: &[&str]) -> Said {
        let (organisation, _) = who.split_once('/').unwrap();
        let msp_id = format!("{organisation}MSP");
        let address = &self.node.as_ref().unwrap().address;
        let identity = ["--orderer", address, "--channel", "demo", "--msp-id", &msp_id, "--msp-dir", who];
        raddle(self.path(), &[arguments, &identity].concat())
    }

    fn end(mut self) {
        assert_eq!(self.node.take().unwrap().stop().status.code(), Some(0));
    }
}

/// All that the command says, but for the name by which it was called.
#[track_caller]
fn says(said: Said, expected: &str) {
    let program = env!("CARGO_BIN_EXE_raddle");
    assert_eq!(said.exit, Some(1), "{}", said.stderr);
    assert_eq!(said.stderr.replace(program, "raddle"), expected, "\n{}", said.stderr);
}

const DENIED: &str = "implicit policy evaluation failed - 0 sub-policies were satisfied, but this policy requires 1 of \
                      the 'Writers' sub-policies to be satisfied: permission denied";

/// What a peer of Org1 is shown that writes.
const PEER: &str = "  status 403 FORBIDDEN
  module signature
  /Channel/Writers is not satisfied by CN=peer@Org1.example.com,OU=peer (Org1MSP)
  ANY of 2
  ├─ ✗ /Channel/Application/Writers   ANY of 2
  │    ├─ ✗ Org1   needs Org1MSP.admin | Org1MSP.client   got Org1MSP.peer
  │    │    CN=peer@Org1.example.com,OU=peer as Org1MSP.admin: The identity is not an admin under this MSP [Org1MSP]: \
  The identity does not contain OU [ADMIN], MSP: [Org1MSP]
  │    │    CN=peer@Org1.example.com,OU=peer as Org1MSP.client: The identity is not a [CLIENT] under this MSP \
  [Org1MSP]: The identity does not contain OU [CLIENT], MSP: [Org1MSP]
  │    └─ ✗ Org2   needs Org2MSP.admin | Org2MSP.client   got Org1MSP.peer
  └─ ✗ /Channel/Orderer/Writers       ANY of 1
       └─ ✗ Orderer   needs OrdererMSP.member   got Org1MSP.peer
  hint   --msp-id and --msp-dir say who signs; it must be one whom the channel lets write
  more   raddle help RDL-1104
";

/// What somebody is shown who is not of the channel: nothing of its members.
const STRANGER: &str = "  status 403 FORBIDDEN
  module signature
  hint   --msp-id and --msp-dir say who signs; what the channel asks for is told only to those who may read it
  more   raddle help RDL-1104
";

#[test]
fn who_may_not_write_is_shown_the_policy_and_who_could() {
    let scene = Scene::new();
    says(scene.run("Org1/peer", &["send", "hello"]), &format!("refused RDL-1104  {DENIED}\n{PEER}"));
    says(scene.run("Org3/client", &["send", "hello"]), &format!("refused RDL-1104  {DENIED}\n{STRANGER}"));
    scene.end();
}

#[test]
fn who_may_not_read_is_told_whom_it_was_taken_for() {
    let scene = Scene::new();
    let expected = format!(
        "refused RDL-1211  {}
  status 403 FORBIDDEN
  hint   --msp-id and --msp-dir say who asks; it must be one whom the channel lets read
  more   raddle help RDL-1211
",
        DENIED.replace("Writers", "Readers")
    );
    says(scene.run("Org3/client", &["block", "show", "newest"]), &expected);
    says(scene.run("Org3/client", &["module", "list"]), &expected);
    scene.end();
}

const UPDATE: [&str; 6] =
    ["channel", "config", "update", "--yes", "--set", "/Channel/Orderer/BatchTimeout/timeout=1s"];

#[test]
fn an_update_that_lacks_signatures_is_not_sent_and_shows_whose() {
    let scene = Scene::new();
    let missing = |organisation: &str| {
        format!(
            "failed RDL-3003  the update was not sent: it needs the signature of OrdererMSP.admin
  /Channel/Orderer/Admins is not satisfied by CN=admin@{organisation}.example.com,OU=admin ({organisation}MSP)
  MAJORITY of 1, needs 1, has 0
  └─ ✗ Orderer   needs OrdererMSP.admin   got {organisation}MSP.admin
  hint   {organisation}MSP is none of the MSPs that the policy names (OrdererMSP)
  hint   --sign-as ID:DIR signs as one more; or write it with --out FILE, have others call `raddle channel config \
             sign FILE`, and then submit it
  more   raddle help RDL-3003
"
        )
    };
    let signed = [&UPDATE[..], &["--sign-as", "Org1MSP:Org1/admin"]].concat();
    says(scene.run("Org1/client", &signed), &missing("Org1"));
    // All who are needed have signed it, and who sends it may not write.
    let signed = [&UPDATE[..], &["--sign-as", "OrdererMSP:Orderer/admin"]].concat();
    let refused = format!(
        "refused RDL-1104  config update for existing channel did not pass initial checks: {DENIED}\n{PEER}"
    );
    says(scene.run("Org1/peer", &signed), &refused);
    let module = crate::harness::repository().join("guest-filters/dist/hostile/filter-refuses.wasm");
    let install = ["module", "install", module.to_str().unwrap(), "--name", "no-way", "--yes"];
    let note = "note: orderers that are not Raddle's do not ask this filter; it is as strong as the weakest orderer\n";
    let signed = [&install[..], &["--sign-as", "OrdererMSP:Orderer/admin"]].concat();
    says(scene.run("Org1/peer", &signed), &format!("{note}{refused}"));
    let signed = [&install[..], &["--sign-as", "Org2MSP:Org2/admin"]].concat();
    says(scene.run("Org2/admin", &signed), &format!("{note}{}", missing("Org2")));
    scene.end();
}

#[test]
fn the_node_tells_what_an_update_lacks_to_whom_may_read_the_channel() {
    let scene = Scene::new();
    let config = read_genesis(scene.genesis.encode_to_vec().into()).unwrap().config.config.clone();
    let wanted = with_value(&config, "/Channel/Orderer/BatchTimeout/timeout", "1s");
    let channel = crate::network::channel();
    let mut draft = Draft::new(compute(&channel, &config, &wanted).unwrap());
    draft.sign(&scene.members[0].signer(Role::Admin)).unwrap();
    draft.sign(&scene.stranger.signer(Role::Admin)).unwrap();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let send = |team: &Team| {
        let envelope = draft.envelope(&team.signer(Role::Client), SystemTime::now()).unwrap();
        let address = scene.node.as_ref().unwrap().address.clone();
        runtime.block_on(async {
            let client = Client::connect(&address, Patience::default()).await.unwrap();
            match client.broadcast(tokio_stream::once(message(&envelope))).next().await.unwrap() {
                Some(Answer::Refused(refusal)) => refusal.detail,
                other => panic!("{other:?}"),
            }
        })
    };
    let detail = send(&scene.members[0]);
    assert_eq!(detail.code.as_deref(), Some("RDL-1107"));
    assert_eq!(detail.text("element"), Some("[Value]  /Channel/Orderer/BatchTimeout"));
    assert_eq!(detail.text("policy"), Some("/Channel/Orderer/Admins"));
    let proof = "/Channel/Orderer/Admins is not satisfied by CN=admin@Org1.example.com,OU=admin (Org1MSP)
  MAJORITY of 1, needs 1, has 0
  └─ ✗ Orderer   needs OrdererMSP.admin   got Org1MSP.admin
  signature 2 (Org3MSP) does not count: its identity is invalid: MSP Org3MSP is not defined on channel
  hint   Org1MSP is none of the MSPs that the policy names (OrdererMSP)";
    assert_eq!(detail.text("proof"), Some(proof));
    scene.end();
}
