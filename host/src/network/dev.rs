//! What a first node needs, in one folder.
//!
//! ```text
//! demo.block                                block 0 of the channel
//! organizations/NAME/ca/                    the authority: its certificate and priv_sk
//! organizations/NAME/msp/                   the MSP that others verify by
//! organizations/NAME/identities/WHO/msp/    the MSP folder of one identity
//! ```

use std::fs;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use bytes::Bytes;
use prost::Message as _;
use raddle_core::bundle::read_genesis;
use raddle_core::ids::ChannelId;

use super::folder::{Access, create_whole, write_file};
use super::{
    ChannelDraft, NetworkError, OrdererOrganisation, Organisation, OrganisationNames, Role, Validity,
};

/// The id of the channel.
pub const DEV_CHANNEL: &str = "demo";

const GENESIS_FILE: &str = "demo.block";

/// An organisation of the network, and who is in it: name of the folder, role, common name.
struct Plan {
    name: &'static str,
    msp_id: &'static str,
    domain: &'static str,
    identities: &'static [(&'static str, Role, &'static str)],
}

const ORDERER: Plan = Plan {
    name: "OrdererOrg",
    msp_id: "OrdererMSP",
    domain: "example.com",
    identities: &[
        ("orderer", Role::Orderer, "orderer.example.com"),
        ("admin", Role::Admin, "Admin@example.com"),
    ],
};

const MEMBERS: [Plan; 2] = [
    Plan {
        name: "Org1",
        msp_id: "Org1MSP",
        domain: "org1.example.com",
        identities: &[
            ("admin", Role::Admin, "Admin@org1.example.com"),
            ("user1", Role::Client, "User1@org1.example.com"),
        ],
    },
    Plan {
        name: "Org2",
        msp_id: "Org2MSP",
        domain: "org2.example.com",
        identities: &[
            ("admin", Role::Admin, "Admin@org2.example.com"),
            ("user1", Role::Client, "User1@org2.example.com"),
        ],
    },
];

/// A generated network: OrdererOrg, Org1 and Org2, and the channel `demo` of theirs.
///
/// OrdererOrg has the identities `orderer` and `admin`; Org1 and Org2 have `admin` and `user1`.
#[derive(Clone, Debug)]
pub struct DevNetwork {
    folder: PathBuf,
    genesis: Bytes,
}

impl DevNetwork {
    /// Generates a network in a folder that is not there yet, or is empty. Its folders are the owner's alone.
    ///
    /// It is written under another name beside the folder and appears whole or not at all. `orderer_address`
    /// (`host:port`) is what the channel's config tells peers.
    ///
    /// # Errors
    ///
    /// [`NetworkError::Exists`] or [`NetworkError::Write`]; the others only if the cryptographic library fails.
    pub fn generate(folder: &Path, orderer_address: &str, now: SystemTime) -> Result<Self, NetworkError> {
        let mut genesis = Bytes::new();
        create_whole(folder, |temporary| {
            let orderer = lay_out(&ORDERER, temporary, now)?;
            let [org1, org2] = &MEMBERS;
            let (org1, org2) = (lay_out(org1, temporary, now)?, lay_out(org2, temporary, now)?);
            let addresses = vec![orderer_address.to_owned()];
            let mut draft = ChannelDraft::new(ChannelId(DEV_CHANNEL.into()));
            draft.orderers =
                vec![OrdererOrganisation { organisation: &orderer, endpoints: addresses.clone() }];
            draft.orderer_addresses = addresses;
            draft.members = vec![&org1, &org2];
            genesis = draft.genesis(now)?.encode_to_vec().into();
            write_file(&temporary.join(GENESIS_FILE), &genesis, Access::Public)
        })?;
        Ok(Self { folder: folder.to_owned(), genesis })
    }

    /// Reads a network that was generated before.
    ///
    /// # Errors
    ///
    /// [`NetworkError::Read`] if there is none, or if one of the MSP folders is gone; [`NetworkError::Block`] if its
    /// block is damaged.
    pub fn read(folder: &Path) -> Result<Self, NetworkError> {
        let path = folder.join(GENESIS_FILE);
        let genesis = match fs::read(&path) {
            Ok(bytes) => Bytes::from(bytes),
            Err(error) => return Err(NetworkError::Read { path, error }),
        };
        read_genesis(genesis.clone()).map_err(|error| NetworkError::Block { path, error })?;
        let network = Self { folder: folder.to_owned(), genesis };
        for plan in std::iter::once(&ORDERER).chain(&MEMBERS) {
            for (who, ..) in plan.identities {
                let path = network.msp_dir(plan.name, who);
                fs::read_dir(&path).map_err(|error| NetworkError::Read { path, error })?;
            }
        }
        Ok(network)
    }

    /// The marshalled block 0 of the channel.
    #[must_use]
    pub fn genesis(&self) -> &Bytes {
        &self.genesis
    }

    /// The file that holds it.
    #[must_use]
    pub fn genesis_path(&self) -> PathBuf {
        self.folder.join(GENESIS_FILE)
    }

    /// The orderer's MSP id and MSP folder.
    #[must_use]
    pub fn orderer(&self) -> (&'static str, PathBuf) {
        (ORDERER.msp_id, self.msp_dir(ORDERER.name, "orderer"))
    }

    /// MSP id and MSP folder of the client that commands act as unless told otherwise: `user1` of Org1.
    #[must_use]
    pub fn client(&self) -> (&'static str, PathBuf) {
        let [org1, _] = &MEMBERS;
        (org1.msp_id, self.msp_dir(org1.name, "user1"))
    }

    /// MSP ids and MSP folders of the admins: of OrdererOrg, Org1 and Org2.
    pub fn admins(&self) -> impl Iterator<Item = (&'static str, PathBuf)> {
        let plans = std::iter::once(&ORDERER).chain(&MEMBERS);
        plans.map(|plan| (plan.msp_id, self.msp_dir(plan.name, "admin")))
    }

    /// The MSP folder of an identity, whether it is there or not.
    #[must_use]
    pub fn msp_dir(&self, organisation: &str, identity: &str) -> PathBuf {
        identity_folder(&self.folder, organisation, identity)
    }
}

fn identity_folder(folder: &Path, organisation: &str, identity: &str) -> PathBuf {
    folder.join("organizations").join(organisation).join("identities").join(identity).join("msp")
}

/// Generates an organisation and writes its folders.
fn lay_out(plan: &Plan, folder: &Path, now: SystemTime) -> Result<Organisation, NetworkError> {
    let validity = Validity::ten_years(now);
    let names = OrganisationNames::new(plan.name, plan.msp_id, plan.domain);
    let organisation = Organisation::generate(names, validity)?;
    let own = folder.join("organizations").join(plan.name);
    organisation.write_authority(&own.join("ca"))?;
    organisation.write_msp(&own.join("msp"))?;
    for (who, role, common_name) in plan.identities {
        let identity = organisation.issue(*role, common_name, validity)?;
        organisation.write_identity(&identity, &identity_folder(folder, plan.name, who))?;
    }
    Ok(organisation)
}
