//! Who may do what on a channel at one config: its MSPs, its signature policies, and the two asked together.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use bytes::Bytes;
use raddle_msp::{CacheSizes, CachedManager, Identity, Msp, MspManager, MspVersion, SetupError};
use raddle_proto::wire::{Envelope, WireError, go_decode};
use raddle_proto::{common, hash, msp};

use crate::policy::{
    BuildError, Identities, PolicyManager, PolicyTree, Proof, SignedData, SignedDataError, Signer, Signers,
    envelope_as_signed_data, go_text,
};

/// A channel's MSPs and signature policies. Immutable: one value for each config sequence.
pub struct Access {
    policies: PolicyTree,
    members: Members,
}

/// How a signature policy judges an envelope's one signature, or those of a block.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PolicyVerdict {
    /// It holds.
    Satisfied,
    /// It does not; the text is the policy's own.
    Denied(String),
    /// The channel config has no such policy.
    Missing,
    /// The envelope or block cannot be read so far that anybody has signed it.
    Unreadable(SignedDataError),
}

/// Why a channel config says nothing usable about who may do what. The texts are Fabric's.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AccessError {
    /// The bytes of an organisation's MSP value are no `MSPConfig`.
    #[error("value MSP of {organisation}: {error}")]
    Encoding {
        /// The organisation's group.
        organisation: String,
        /// What is wrong.
        error: WireError,
    },
    /// An MSP cannot be taken.
    #[error(transparent)]
    Msp(#[from] MspConfigError),
    /// A policy cannot be built.
    #[error("initializing policymanager failed: {0}")]
    Policy(#[from] BuildError),
}

/// Why an organisation's MSP cannot be taken.
///
/// Source: fabric v2.5.16 `common/channelconfig/msp.go` `ProposeMSP`.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum MspConfigError {
    /// It cannot be set up.
    #[error("{}", setup_text(.0))]
    Setup(#[from] SetupError),
    /// Two organisations define one MSP differently.
    #[error("Attempted to define two different versions of MSP: {0}")]
    TwoVersions(String),
}

fn setup_text(error: &SetupError) -> String {
    match error {
        SetupError::UnsupportedType(_) => error.to_string(),
        SetupError::Encoding(error) => {
            format!(
                "setting up the MSP manager failed: failed unmarshalling fabric msp config: {}",
                go_text(error)
            )
        }
        _ => format!("setting up the MSP manager failed: {error}"),
    }
}

/// The MSPs of a config, one for each name.
pub(crate) struct MspConfigs {
    version: MspVersion,
    configs: BTreeMap<String, msp::MspConfig>,
    msps: Vec<Msp>,
}

/// The membership service that policies ask.
struct Members(Arc<CachedManager>);

/// One identity, and the memory of which principals it satisfies.
struct Member {
    manager: Arc<CachedManager>,
    identity: Arc<Identity>,
}

// === impl Access ===

impl Access {
    /// Reads the MSPs and policies of a channel group.
    ///
    /// # Errors
    ///
    /// See [`AccessError`].
    ///
    /// Source: fabric v2.5.16 `common/channelconfig/bundle.go` `NewBundle`, `common/channelconfig/msp.go`.
    pub fn read(root: &common::ConfigGroup) -> Result<Self, AccessError> {
        let msps = read_msps(root)?;
        Ok(Self::new(PolicyTree::build(root)?, msps))
    }

    pub(crate) fn new(policies: PolicyTree, msps: MspConfigs) -> Self {
        let manager = MspManager::new(msps.msps);
        let members = Members(Arc::new(CachedManager::new(manager, CacheSizes::default())));
        Self { policies, members }
    }

    /// Certificates that the organisations name as authorities of TLS, roots and intermediates, each a text in PEM.
    ///
    /// Source: fabric v2.5.16 `orderer/common/server/main.go` `updateTrustedRoots`.
    pub fn tls_authorities(&self) -> impl Iterator<Item = &Bytes> {
        let msps = self.members.0.manager().msps();
        msps.flat_map(|msp| msp.tls_roots().iter().chain(msp.tls_intermediates()))
    }

    /// The policies, for who asks several about the same signers.
    pub(crate) fn policies(&self) -> PolicyManager<'_> {
        self.policies.root()
    }

    /// Those who signed, and whose signatures are good.
    pub(crate) fn signers(&self, set: &[SignedData]) -> Signers {
        Signers::verify(set, &self.members)
    }

    /// Asks a policy, by its whole path, about an envelope's signature.
    ///
    /// Source: fabric v2.5.16 `orderer/common/msgprocessor/sigfilter.go` `Apply`.
    #[must_use]
    pub fn evaluate(&self, policy: &str, envelope: &Envelope) -> PolicyVerdict {
        let signed = match envelope_as_signed_data(envelope) {
            Ok(signed) => signed,
            Err(error) => return PolicyVerdict::Unreadable(error),
        };
        self.evaluate_set(policy, &[signed])
    }

    /// As [`Access::evaluate`]; with the MSP id of who signed if the policy holds, the signature is theirs, and their
    /// MSP finds them valid.
    #[must_use]
    pub fn evaluate_and_name(&self, policy: &str, envelope: &Envelope) -> (PolicyVerdict, Option<String>) {
        let signed = match envelope_as_signed_data(envelope) {
            Ok(signed) => signed,
            Err(error) => return (PolicyVerdict::Unreadable(error), None),
        };
        let Ok(policy) = self.policies.root().policy(policy) else { return (PolicyVerdict::Missing, None) };
        let signers = Signers::verify(std::slice::from_ref(&signed), &self.members);
        if let Err(failure) = policy.evaluate(&signers) {
            return (PolicyVerdict::Denied(failure.to_string()), None);
        }
        // A policy may hold without any signature, and a signature may be good by a certificate that nobody issued.
        let is_valid = |identity: &Arc<Identity>| !signers.valid().is_empty() && identity.validate().is_ok();
        let identity = self.creator(&signed.identity).filter(is_valid);
        (PolicyVerdict::Satisfied, identity.map(|identity| identity.msp_id().to_owned()))
    }

    /// Asks a policy, by its whole path, about the signatures of a block. Hashes are not looked at.
    ///
    /// Differs: a block without metadata has no signatures here, and in Fabric is an error of its own. No policy that
    /// asks for a signature holds in either case.
    ///
    /// Source: fabric v2.5.16 `orderer/common/cluster/util.go` `VerifyBlockSignature`.
    #[must_use]
    pub fn evaluate_block(&self, policy: &str, block: &common::Block) -> PolicyVerdict {
        match block_as_signed_data(block) {
            Ok(set) => self.evaluate_set(policy, &set),
            Err(error) => PolicyVerdict::Unreadable(error),
        }
    }

    fn evaluate_set(&self, policy: &str, set: &[SignedData]) -> PolicyVerdict {
        let Ok(policy) = self.policies.root().policy(policy) else { return PolicyVerdict::Missing };
        match policy.evaluate(&Signers::verify(set, &self.members)) {
            Ok(()) => PolicyVerdict::Satisfied,
            Err(failure) => PolicyVerdict::Denied(failure.to_string()),
        }
    }

    /// Why a policy does not hold for an envelope: who signed, and what was needed. None if nobody can have signed.
    #[must_use]
    pub fn prove(&self, policy: &str, envelope: &Envelope) -> Option<Proof> {
        let signed = envelope_as_signed_data(envelope).ok()?;
        Some(self.policies.root().prove(policy, &Signers::verify(&[signed], &self.members)))
    }

    /// Why a policy does not hold for a block: who signed, and what was needed. None if nobody can have signed.
    #[must_use]
    pub fn prove_block(&self, policy: &str, block: &common::Block) -> Option<Proof> {
        let set = block_as_signed_data(block).ok()?;
        Some(self.policies.root().prove(policy, &Signers::verify(&set, &self.members)))
    }

    /// Whether and why a policy, by its whole path, holds for a set of signatures, such as those under a config update.
    #[must_use]
    pub fn prove_set(&self, policy: &str, set: &[SignedData]) -> Proof {
        self.policies.root().prove(policy, &Signers::verify(set, &self.members))
    }

    /// Who an envelope says created it, if one of the channel's MSPs can read that. Not asked: whether it is valid.
    #[must_use]
    pub fn creator(&self, creator: &[u8]) -> Option<Arc<Identity>> {
        self.members.0.deserialize(creator).ok()
    }

    /// The same, if it was found valid before and is still remembered. Costs next to nothing.
    #[must_use]
    pub fn remembered_creator(&self, creator: &[u8]) -> Option<Arc<Identity>> {
        self.members.0.remembered(creator)
    }
}

/// The signatures of a block: each over the value of metadata entry SIGNATURES, its own header, and the block header in
/// DER.
///
/// # Errors
///
/// The block has no header, its entry SIGNATURES cannot be read, or one signature header cannot, which spoils the set.
///
/// Source: fabric v2.5.16 `orderer/common/cluster/util.go` `SignatureSetFromBlock`.
fn block_as_signed_data(block: &common::Block) -> Result<Vec<SignedData>, SignedDataError> {
    let header = block.header.as_ref().ok_or(SignedDataError::MissingHeader)?;
    let entry = block.metadata.as_ref().and_then(|metadata| metadata.metadata.first());
    let entry: common::Metadata =
        go_decode(entry.cloned().unwrap_or_default()).map_err(SignedDataError::Wire)?;
    let header: Bytes =
        hash::block_header_bytes(header.number, &header.previous_hash, &header.data_hash).into();
    let signed = |signature: &common::MetadataSignature| {
        let creator: common::SignatureHeader =
            go_decode(signature.signature_header.clone()).map_err(SignedDataError::SignatureHeader)?;
        Ok(SignedData {
            prefix: [entry.value.as_ref(), signature.signature_header.as_ref()].concat().into(),
            data: header.clone(),
            identity: creator.creator,
            signature: signature.signature.clone(),
        })
    };
    entry.signatures.iter().map(signed).collect()
}

/// The MSPs of all organisations, whatever section they stand in.
fn read_msps(root: &common::ConfigGroup) -> Result<MspConfigs, AccessError> {
    let capabilities = root.values.get("Capabilities");
    let capabilities: common::Capabilities =
        capabilities.and_then(|value| go_decode(value.value.clone()).ok()).unwrap_or_default();
    let mut msps = MspConfigs::new(msp_version(&capabilities.capabilities.into_keys().collect()));
    for (organisation, value) in organisations(root) {
        let config = go_decode(value.value.clone())
            .map_err(|error| AccessError::Encoding { organisation: organisation.to_owned(), error })?;
        msps.propose(config)?;
    }
    Ok(msps)
}

/// The organisations that have an MSP: below Application and Orderer, and in the system channel below each consortium.
fn organisations(root: &common::ConfigGroup) -> impl Iterator<Item = (&str, &common::ConfigValue)> {
    let sections = ["Application", "Orderer"].into_iter().filter_map(|name| root.groups.get(name));
    let consortiums = root.groups.get("Consortiums").into_iter().flat_map(|group| group.groups.values());
    sections
        .chain(consortiums)
        .flat_map(|section| &section.groups)
        .filter_map(|(name, group)| group.values.get("MSP").map(|value| (name.as_str(), value)))
}

/// The rules that the channel's capabilities ask of its MSPs.
///
/// Source: fabric v2.5.16 `common/capabilities/channel.go` `MSPVersion`.
pub(crate) fn msp_version(channel_capabilities: &BTreeSet<String>) -> MspVersion {
    let has = |name: &str| channel_capabilities.contains(name);
    if has("V2_0") || has("V1_4_3") {
        MspVersion::V1_4_3
    } else if has("V1_3") || has("V1_4_2") {
        MspVersion::V1_3
    } else if has("V1_1") {
        MspVersion::V1_1
    } else {
        MspVersion::V1_0
    }
}

// === impl MspConfigs ===

impl MspConfigs {
    pub(crate) const fn new(version: MspVersion) -> Self {
        Self { version, configs: BTreeMap::new(), msps: Vec::new() }
    }

    /// Sets up an organisation's MSP and answers its name. Organisations may share an MSP, if it is the same.
    pub(crate) fn propose(&mut self, config: msp::MspConfig) -> Result<String, MspConfigError> {
        let msp = Msp::setup(&config, self.version)?;
        let id = msp.id().to_owned();
        match self.configs.entry(id.clone()) {
            Entry::Vacant(place) => {
                place.insert(config);
                self.msps.push(msp);
            }
            Entry::Occupied(first) if *first.get() == config => {}
            Entry::Occupied(_) => return Err(MspConfigError::TwoVersions(id)),
        }
        Ok(id)
    }
}

// === impl Members, Member ===

impl Identities for Members {
    fn deserialize(&self, creator: &[u8]) -> Result<Arc<dyn Signer>, String> {
        let identity = self.0.deserialize(creator).map_err(|error| error.to_string())?;
        Ok(Arc::new(Member { manager: Arc::clone(&self.0), identity }))
    }
}

impl Signer for Member {
    fn msp_id(&self) -> &str {
        self.identity.msp_id()
    }

    fn id(&self) -> &str {
        &self.identity.id().digest
    }

    fn description(&self) -> String {
        self.identity.certificate().subject().to_string()
    }

    fn units(&self) -> Vec<String> {
        self.identity.organizational_units().iter().map(|unit| unit.name.clone()).collect()
    }

    fn verify(&self, message: &[u8], signature: &[u8]) -> Result<(), String> {
        self.identity.verify(message, signature).map_err(|error| error.to_string())
    }

    fn satisfies(&self, principal: &common::MspPrincipal) -> Result<(), String> {
        self.manager.satisfies(&self.identity, principal).map_err(|error| error.to_string())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing)]

    use std::path::Path;

    use prost::Message as _;

    use super::*;
    use crate::bundle::{read_config_envelope, read_genesis};

    #[test]
    fn whoever_reads_a_config_knows_the_msps_of_all_its_organisations() {
        let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/golden/fabric-2.5");
        for (file, msps) in [("mychannel.block", 3), ("kafka-genesis.block", 3)] {
            let config = read_genesis(std::fs::read(golden.join(file)).unwrap().into()).unwrap().config;
            let access = Access::read(config.channel_group().unwrap()).unwrap();
            let authorities: BTreeSet<&Bytes> = access.tls_authorities().collect();
            assert_eq!(authorities.len(), msps, "{file}");
            assert_eq!(authorities, config.access.tls_authorities().collect(), "{file}");
        }
    }

    /// Who is named of those who signed `envelope`, where a policy holds whoever signs.
    fn named(root: &common::ConfigGroup, envelope: &Envelope) -> Option<String> {
        let nobody = common::signature_policy::NOutOf { n: 0, rules: Vec::new() };
        let rule = common::SignaturePolicy { r#type: Some(common::signature_policy::Type::NOutOf(nobody)) };
        let anybody = common::SignaturePolicyEnvelope { rule: Some(rule), ..Default::default() };
        let policy = common::Policy { r#type: 1, value: anybody.encode_to_vec().into() };
        let policy = common::ConfigPolicy { policy: Some(policy), ..Default::default() };
        let mut root = root.clone();
        root.policies.insert("Anybody".into(), policy);
        let (verdict, name) = Access::read(&root).unwrap().evaluate_and_name("/Channel/Anybody", envelope);
        assert_eq!(verdict, PolicyVerdict::Satisfied);
        name
    }

    #[test]
    fn who_signed_is_named_if_the_signature_is_theirs_and_their_msp_finds_them_valid() {
        let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/golden/fabric-2.5");
        let genesis = read_genesis(std::fs::read(golden.join("mychannel.block")).unwrap().into()).unwrap();
        let root = genesis.config.channel_group().unwrap();
        let envelope = Envelope::unmarshal(genesis.block.data.unwrap().data[0].clone()).unwrap();
        let update = read_config_envelope(&envelope).unwrap().last_update.unwrap();
        let signed = Envelope::new(&update.payload, &update.signature);
        assert_eq!(named(root, &signed).as_deref(), Some("Org1MSP"));
        assert_eq!(named(root, &Envelope::new(&update.payload, b"another's")), None);

        // An MSP of that name and with another organisation's authorities.
        let mut root = root.clone();
        let application = root.groups.get_mut("Application").unwrap();
        let mut other = application.groups["Org2MSP"].values["MSP"].clone();
        let mut config: msp::MspConfig = go_decode(other.value.clone()).unwrap();
        let mut fabric: msp::FabricMspConfig = go_decode(config.config.clone()).unwrap();
        fabric.name = "Org1MSP".into();
        config.config = fabric.encode_to_vec().into();
        other.value = config.encode_to_vec().into();
        application.groups.get_mut("Org1MSP").unwrap().values.insert("MSP".into(), other);
        assert_eq!(named(&root, &signed), None);
    }

    #[test]
    fn the_newest_capability_chooses_the_rules_of_msps() {
        let version = |names: &[&str]| msp_version(&names.iter().map(|&name| name.to_owned()).collect());
        assert_eq!(version(&[]), MspVersion::V1_0);
        assert_eq!(version(&["V1_1"]), MspVersion::V1_1);
        assert_eq!(version(&["V1_1", "V1_3"]), MspVersion::V1_3);
        assert_eq!(version(&["V1_4_2"]), MspVersion::V1_3);
        assert_eq!(version(&["V1_4_3"]), MspVersion::V1_4_3);
        assert_eq!(version(&["V1_1", "V2_0"]), MspVersion::V1_4_3);
    }
}
