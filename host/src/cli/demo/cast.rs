//! Who plays in the demo: organisations, identities and a channel, made for it and gone with it.

use std::time::{Duration, SystemTime};

use bytes::Bytes;
use prost::Message as _;
use raddle_core::bundle::BatchSize;
use raddle_core::ids::ChannelId;

use crate::cli::Failure;
use crate::identity::Signer;
use crate::network::{
    ChannelDraft, IssuedIdentity, OrdererOrganisation, Organisation, OrganisationNames, Role, Validity,
};

/// The channel's id.
pub const CHANNEL: &str = "demo";

/// Small limits, so that each of them is met.
pub const BATCH_SIZE: BatchSize =
    BatchSize { max_message_count: 100, absolute_max_bytes: 1 << 20, preferred_max_bytes: 256 << 10 };

const BATCH_TIMEOUT: Duration = Duration::from_millis(500);

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// Everybody, with keys.
pub struct Cast {
    /// Block 0 of the channel.
    pub genesis: Bytes,
    /// Signs the blocks.
    orderer: IssuedIdentity,
    /// May change what concerns the orderers, modules among it.
    pub admin: Signer,
    /// May write, of Org1.
    pub client: Signer,
    /// May write, of Org2.
    pub neighbour: Signer,
    /// May write no more: the certificate ended a day ago.
    pub ended: Signer,
    /// Of a member's organisation, and may only read.
    pub peer: Signer,
    /// Of an organisation that is not in the channel.
    pub outsider: Signer,
}

impl Cast {
    /// Makes everybody.
    ///
    /// # Errors
    ///
    /// The cryptographic library fails.
    pub fn make() -> Result<Self, Failure> {
        let now = SystemTime::now();
        let always = Validity { from: now - 30 * DAY, to: now + 30 * DAY };
        let ended = Validity { from: now - 29 * DAY, to: now - DAY };
        let organisation = |name: &str, msp_id: &str, domain: &str| {
            Organisation::generate(OrganisationNames::new(name, msp_id, domain), always)
        };
        let orderers = organisation("OrdererOrg", "OrdererMSP", "example.com")?;
        let org1 = organisation("Org1", "Org1MSP", "org1.example.com")?;
        let org2 = organisation("Org2", "Org2MSP", "org2.example.com")?;
        let stranger = organisation("Org9", "Org9MSP", "org9.example.com")?;
        let mut draft = ChannelDraft::new(ChannelId(CHANNEL.into()));
        draft.batch_size = BATCH_SIZE;
        draft.batch_timeout = BATCH_TIMEOUT;
        draft.orderers = vec![OrdererOrganisation { organisation: &orderers, endpoints: Vec::new() }];
        draft.orderer_addresses = vec!["127.0.0.1:7050".into()];
        draft.members = vec![&org1, &org2];
        let genesis = draft.genesis(now)?.encode_to_vec().into();
        let signer = |issued: IssuedIdentity| issued.signer();
        Ok(Self {
            genesis,
            orderer: orderers.issue(Role::Orderer, "orderer.example.com", always)?,
            admin: signer(orderers.issue(Role::Admin, "Admin@example.com", always)?)?,
            client: signer(org1.issue(Role::Client, "User1@org1.example.com", always)?)?,
            neighbour: signer(org2.issue(Role::Client, "User1@org2.example.com", always)?)?,
            ended: signer(org1.issue(Role::Client, "User0@org1.example.com", ended)?)?,
            peer: signer(org1.issue(Role::Peer, "peer0.org1.example.com", always)?)?,
            outsider: signer(stranger.issue(Role::Client, "User1@org9.example.com", always)?)?,
        })
    }

    /// Who signs the blocks.
    ///
    /// # Errors
    ///
    /// The cryptographic library fails.
    pub fn orderer_signer(&self) -> Result<Signer, Failure> {
        Ok(self.orderer.signer()?)
    }
}
