//! Networks out of nothing: what Fabric's tools would make, and what Raddle makes of it.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use prost::Message as _;
use raddle::identity::Signer;
use raddle::network::{
    ChannelDraft, DevNetwork, NetworkError, OrdererOrganisation, Organisation, OrganisationNames, Role,
    Validity,
};
use raddle_core::access::{Access, PolicyVerdict};
use raddle_core::bundle::{BatchSize, read_genesis};
use raddle_core::ids::ChannelId;
use raddle_core::policy::{
    BLOCK_VALIDATION, CHANNEL_READERS, CHANNEL_WRITERS, ORDERER_ADMINS, ORDERER_WRITERS,
};
use raddle_proto::common::{self, HeaderType};
use raddle_proto::wire::Envelope;
use tempfile::TempDir;

/// An organisation with one identity of each role.
pub struct Team {
    pub organisation: Organisation,
}

const ROLES: [Role; 4] = [Role::Admin, Role::Client, Role::Peer, Role::Orderer];

impl Team {
    pub fn new(name: &str) -> Self {
        let names = OrganisationNames::new(name, &format!("{name}MSP"), &format!("{name}.example.com"));
        let organisation = Organisation::generate(names, Validity::ten_years(SystemTime::now())).unwrap();
        Self { organisation }
    }

    pub fn signer(&self, role: Role) -> Signer {
        let validity = Validity::ten_years(SystemTime::now());
        let common_name = format!("{}@{}", role.unit(), self.organisation.names().domain);
        self.organisation.issue(role, &common_name, validity).unwrap().signer().unwrap()
    }
}

pub fn channel() -> ChannelId {
    ChannelId("demo".into())
}

/// A channel that `orderer` orders for `members`.
pub fn draft<'a>(orderer: &'a Team, members: &'a [Team]) -> ChannelDraft<'a> {
    let mut draft = ChannelDraft::new(channel());
    let addresses = vec!["127.0.0.1:7050".to_owned()];
    draft.orderers =
        vec![OrdererOrganisation { organisation: &orderer.organisation, endpoints: addresses.clone() }];
    draft.orderer_addresses = addresses;
    draft.members = members.iter().map(|team| &team.organisation).collect();
    draft
}

pub fn message(signer: &Signer) -> Envelope {
    signer.envelope(&channel(), HeaderType::Message, b"hello".as_slice(), SystemTime::now()).unwrap()
}

fn access(block: &common::Block) -> Arc<Access> {
    Arc::clone(&read_genesis(block.encode_to_vec().into()).unwrap().config.access)
}

// === who may do what ===

#[test]
fn members_may_what_their_role_says_and_outsiders_may_nothing() {
    let (orderer, members) = (Team::new("Orderer"), [Team::new("Org1"), Team::new("Org2")]);
    let access = access(&draft(&orderer, &members).genesis(SystemTime::now()).unwrap());
    let policies = [CHANNEL_READERS, CHANNEL_WRITERS, ORDERER_WRITERS, BLOCK_VALIDATION, ORDERER_ADMINS];
    // One letter for each of the policies, in their order.
    let verdicts = |team: &Team, role| {
        let envelope = message(&team.signer(role));
        let holds = policies.map(|policy| access.evaluate(policy, &envelope) == PolicyVerdict::Satisfied);
        holds.map(|holds| if holds { 'y' } else { '-' }).iter().collect::<String>()
    };
    let of_members =
        [(Role::Admin, "yy---"), (Role::Client, "yy---"), (Role::Peer, "y----"), (Role::Orderer, "-----")];
    for (role, expected) in of_members {
        for team in &members {
            assert_eq!(verdicts(team, role), expected, "{role:?} of {}", team.organisation.names().name);
        }
    }
    let of_orderers =
        [(Role::Admin, "yyyyy"), (Role::Client, "yyyy-"), (Role::Peer, "yyyy-"), (Role::Orderer, "yyyy-")];
    for (role, expected) in of_orderers {
        assert_eq!(verdicts(&orderer, role), expected, "{role:?} of the orderers");
    }
    // Another authority under a name that the channel knows.
    let impostor = Team::new("Org1");
    for role in ROLES {
        assert_eq!(verdicts(&impostor, role), "-----", "{role:?}");
        assert_eq!(verdicts(&Team::new("Org3"), role), "-----", "{role:?}");
    }
}

#[test]
fn a_majority_of_members_is_two_of_two_and_endorsing_is_the_peers() {
    let (orderer, members) = (Team::new("Orderer"), [Team::new("Org1"), Team::new("Org2")]);
    let access = access(&draft(&orderer, &members).genesis(SystemTime::now()).unwrap());
    let [org1, _] = &members;
    for (policy, role, expected) in [
        (
            "/Channel/Application/Admins",
            Role::Admin,
            "1 sub-policies were satisfied, but this policy requires 2",
        ),
        (
            "/Channel/Application/Endorsement",
            Role::Peer,
            "1 sub-policies were satisfied, but this policy requires 2",
        ),
        (
            "/Channel/Application/LifecycleEndorsement",
            Role::Client,
            "0 sub-policies were satisfied, but this policy requires 2",
        ),
    ] {
        let verdict = access.evaluate(policy, &message(&org1.signer(role)));
        assert!(
            matches!(&verdict, PolicyVerdict::Denied(text) if text.contains(expected)),
            "{policy}: {verdict:?}"
        );
    }
}

// === a draft's settings ===

#[test]
fn what_the_draft_says_is_what_the_channel_has() {
    let (orderer, members) = (Team::new("Orderer"), [Team::new("Org1")]);
    let mut draft = draft(&orderer, &members);
    draft.batch_size =
        BatchSize { max_message_count: 7, absolute_max_bytes: 6000, preferred_max_bytes: 5000 };
    draft.batch_timeout = Duration::from_millis(1500);
    draft.consensus.kind = "anything".into();
    let genesis = read_genesis(draft.genesis(SystemTime::now()).unwrap().encode_to_vec().into()).unwrap();
    let bundle = &genesis.config.bundle;
    assert_eq!((&bundle.channel, bundle.batch_size), (&channel(), draft.batch_size));
    assert_eq!((bundle.batch_timeout, bundle.consensus.kind.as_str()), (draft.batch_timeout, "anything"));
    assert!(bundle.has_orderer_capability("V2_0"));
}

#[test]
fn a_draft_that_makes_no_channel_is_refused_with_what_is_wrong() {
    let (orderer, members) = (Team::new("Orderer"), [Team::new("Org1"), Team::new("Org2")]);
    let impostor = Team::new("Org1");
    type Spoil<'a> = Box<dyn Fn(&mut ChannelDraft<'a>) + 'a>;
    let cases: [(Spoil<'_>, &str); 10] = [
        (Box::new(|it| it.channel.0 = "Demo".into()), "\"Demo\" is no channel id: 1 to 249 lower-case"),
        (Box::new(|it| it.orderers.clear()), "the channel has no organisation in Orderer"),
        (Box::new(|it| it.members.clear()), "the channel has no organisation in Application"),
        (
            Box::new(|it| it.members.push(&members[0].organisation)),
            "Application has two organisations named Org1",
        ),
        (
            Box::new(|it| it.orderers.push(it.orderers[0].clone())),
            "Orderer has two organisations named Orderer",
        ),
        (
            Box::new(|it| it.orderers[0].organisation = &impostor.organisation),
            "Attempted to define two different versions of MSP: Org1MSP",
        ),
        (Box::new(|it| it.batch_size.max_message_count = 0), "max message count to an invalid value: 0"),
        (Box::new(|it| it.batch_size.preferred_max_bytes = u32::MAX), "greater than the absolute max bytes"),
        (Box::new(|it| it.batch_timeout = Duration::ZERO), "batch timeout to a non-positive value"),
        (Box::new(|it| it.consensus.kafka_brokers = vec!["nowhere".into()]), "Invalid broker entry: nowhere"),
    ];
    for (spoil, expected) in cases {
        let mut draft = draft(&orderer, &members);
        spoil(&mut draft);
        let said = draft.genesis(SystemTime::now()).unwrap_err().to_string();
        assert!(said.contains(expected), "{said}");
    }
}

#[test]
fn names_and_validities_that_make_no_certificate_are_refused() {
    let now = SystemTime::now();
    let good = Validity::ten_years(now);
    let organisation = |name: &str, validity| {
        Organisation::generate(OrganisationNames::new(name, "OrgMSP", "example.com"), validity)
            .unwrap_err()
            .to_string()
    };
    for name in ["", "a/b", "..", "-a", "ä", "a b", "a_b", "a@b", &"a".repeat(65)] {
        let said = organisation(name, good);
        assert!(said.starts_with(&format!("{name:?} is no organisation's name: 1 to 64 letters")), "{said}");
    }
    let before_1970 = SystemTime::UNIX_EPOCH - Duration::from_secs(1);
    let year_10000 = SystemTime::UNIX_EPOCH + Duration::from_secs(253_402_300_800);
    for (validity, expected) in [
        (Validity { from: now, to: now }, "it would end before it begins"),
        (Validity { from: now, to: now - Duration::from_secs(9) }, "it would end before it begins"),
        (Validity { from: before_1970, to: now }, "it would begin or end before 1970"),
        (Validity { from: now, to: year_10000 }, "it would end after the year 9999"),
    ] {
        let said = organisation("Org1", validity);
        assert!(said.ends_with(expected), "{said}");
    }
    let team = Team::new("Org1");
    let early = Validity { from: good.from - Duration::from_secs(3600), to: now };
    let said = team.organisation.issue(Role::Client, "a", early).unwrap_err().to_string();
    assert!(said.ends_with("its authority's begins later"), "{said}");
    assert!(matches!(team.organisation.issue(Role::Client, "a/b", good), Err(NetworkError::Name { .. })));
}

// === a network in a folder ===

fn all_below(folder: &Path) -> Vec<PathBuf> {
    let mut found = vec![folder.to_owned()];
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        match path.is_dir() {
            true => found.extend(all_below(&path)),
            false => found.push(path),
        }
    }
    found
}

#[test]
fn a_network_is_read_back_and_its_keys_are_the_owners_alone() {
    let parent = TempDir::new().unwrap();
    let folder = parent.path().join("state/network");
    let generated = DevNetwork::generate(&folder, "127.0.0.1:7050", SystemTime::now()).unwrap();
    let read = DevNetwork::read(&folder).unwrap();
    assert_eq!(read.genesis(), generated.genesis());
    assert_eq!(fs::read(read.genesis_path()).unwrap(), read.genesis().as_ref());

    let access = Arc::clone(&read_genesis(read.genesis().clone()).unwrap().config.access);
    let (orderer, client) = (read.orderer(), read.client());
    let sign = |(msp_id, folder): &(&str, PathBuf)| message(&Signer::from_msp_dir(msp_id, folder).unwrap());
    assert_eq!(access.evaluate(BLOCK_VALIDATION, &sign(&orderer)), PolicyVerdict::Satisfied);
    assert_ne!(access.evaluate(BLOCK_VALIDATION, &sign(&client)), PolicyVerdict::Satisfied);
    for organisation in ["Org1", "Org2"] {
        for who in ["admin", "user1"] {
            let signer =
                Signer::from_msp_dir(&format!("{organisation}MSP"), &read.msp_dir(organisation, who))
                    .unwrap();
            assert_eq!(access.evaluate(CHANNEL_WRITERS, &message(&signer)), PolicyVerdict::Satisfied);
        }
    }
    let admin = ("OrdererMSP", read.msp_dir("OrdererOrg", "admin"));
    assert_eq!(access.evaluate(ORDERER_ADMINS, &sign(&admin)), PolicyVerdict::Satisfied);

    let mut keys = 0;
    for path in all_below(&folder) {
        let mode = fs::metadata(&path).unwrap().permissions().mode() & 0o777;
        let expected = match path.is_dir() {
            true => 0o700,
            false if path.ends_with("priv_sk") => 0o600,
            // What the umask leaves of it.
            false => mode & 0o644 | 0o400,
        };
        assert_eq!(mode, expected, "{}", path.display());
        keys += usize::from(path.ends_with("priv_sk"));
    }
    assert_eq!(keys, 9);
    assert_eq!(fs::read_dir(folder.parent().unwrap()).unwrap().count(), 1, "nothing else is left");
}

#[test]
fn nothing_is_generated_over_what_is_there_and_an_empty_folder_is_taken() {
    let parent = TempDir::new().unwrap();
    let folder = parent.path().join("network");
    let generate = || DevNetwork::generate(&folder, "127.0.0.1:7050", SystemTime::now());
    fs::create_dir(&folder).unwrap();
    fs::write(folder.join("mine"), "mine").unwrap();
    assert!(matches!(generate(), Err(NetworkError::Exists(path)) if path == folder));
    assert_eq!(fs::read_dir(&folder).unwrap().count(), 1);
    fs::remove_file(folder.join("mine")).unwrap();
    generate().unwrap();
    let before = all_below(&folder).into_iter().collect::<BTreeSet<_>>();
    assert!(matches!(generate(), Err(NetworkError::Exists(path)) if path == folder));
    assert_eq!(all_below(&folder).into_iter().collect::<BTreeSet<_>>(), before);
    assert_eq!(fs::read_dir(parent.path()).unwrap().count(), 1, "nothing else is left");

    let file = parent.path().join("file");
    fs::write(&file, "").unwrap();
    let said = DevNetwork::generate(&file, "127.0.0.1:7050", SystemTime::now()).unwrap_err().to_string();
    assert!(
        said.ends_with("is there already and is no empty folder: nothing is generated over it"),
        "{said}"
    );
    let said = DevNetwork::generate(&file.join("below"), "127.0.0.1:7050", SystemTime::now())
        .unwrap_err()
        .to_string();
    assert!(said.contains("cannot be written: "), "{said}");
}

#[test]
fn a_network_that_is_not_whole_is_not_read() {
    let parent = TempDir::new().unwrap();
    let folder = parent.path().join("network");
    let said = || DevNetwork::read(&folder).unwrap_err().to_string();
    assert!(said().contains("demo.block cannot be read: No such file"), "{}", said());
    let network = DevNetwork::generate(&folder, "127.0.0.1:7050", SystemTime::now()).unwrap();
    fs::remove_dir_all(network.client().1).unwrap();
    assert!(said().contains("organizations/Org1/identities/user1/msp cannot be read: "), "{}", said());
    fs::write(network.genesis_path(), b"\xff").unwrap();
    assert!(said().contains("demo.block is no genesis block: not a block: "), "{}", said());
}
