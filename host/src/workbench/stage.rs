//! A channel that is made for cases, and the envelopes in them: organisations, certificates and signatures are real.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use prost::Message as _;
use raddle_core::bundle::{CurrentConfig, GenesisError, read_genesis};
use raddle_core::ids::ChannelId;
use raddle_proto::common;
use raddle_proto::wire::Envelope;
use raddle_rules::Timestamp;

use super::form::{ChannelForm, EnvelopeForm, RoleForm, SignatureForm};
use super::transaction;
use crate::identity::{Signer, SignerError, tx_id};
use crate::network::{
    ChannelDraft, NetworkError, OrdererOrganisation, Organisation, OrganisationNames, Role, Validity,
};

/// The channel's id, where a file of cases gives none.
const CHANNEL: &str = "demo";

/// The organisation that orders.
const ORDERERS: &str = "OrdererMSP";

/// Members of every channel, so that a case about one envelope meets others' policies too.
const MEMBERS: [&str; 2] = ["Org1MSP", "Org2MSP"];

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// Why there is no channel, or not the envelope that a case describes.
#[derive(Debug, thiserror::Error)]
pub enum StageError {
    /// No channel is like this.
    #[error(transparent)]
    Network(#[from] NetworkError),
    /// What was made cannot be read again.
    #[error(transparent)]
    Genesis(#[from] GenesisError),
    /// The cryptographic library fails.
    #[error(transparent)]
    Signer(#[from] SignerError),
    /// The description is none.
    #[error("{0}")]
    Envelope(String),
}

/// A channel with its organisations.
pub struct Stage {
    config: Arc<CurrentConfig>,
    organisations: BTreeMap<String, Organisation>,
    signers: BTreeMap<(String, RoleForm, bool), Signer>,
}

impl Stage {
    /// Makes the channel, with all organisations that the envelopes' creators belong to.
    ///
    /// # Errors
    ///
    /// See [`StageError`].
    pub fn new<'a>(
        channel: &ChannelForm,
        envelopes: impl Iterator<Item = &'a EnvelopeForm>,
    ) -> Result<Self, StageError> {
        let mut members: BTreeSet<&str> = MEMBERS.into();
        let mut strangers = BTreeSet::new();
        for envelope in envelopes {
            if envelope.member { &mut members } else { &mut strangers }.insert(envelope.creator.as_str());
        }
        members.remove(ORDERERS);
        if let Some(both) = strangers.iter().find(|it| members.contains(**it) || **it == ORDERERS) {
            let sentence =
                format!("{both} is a member of the channel, so no case can say `member: false` of it");
            return Err(StageError::Envelope(sentence));
        }
        let always = always(SystemTime::now());
        let mut organisations = BTreeMap::new();
        for msp_id in members.iter().chain(&strangers).chain([&ORDERERS]) {
            let names = OrganisationNames::new(msp_id, msp_id, &format!("{msp_id}.example.com"));
            organisations.insert((*msp_id).to_owned(), Organisation::generate(names, always)?);
        }
        let config = config(channel, &organisations, &members)?;
        Ok(Self { config, organisations, signers: BTreeMap::new() })
    }

    /// The channel's config.
    #[must_use]
    pub const fn config(&self) -> &Arc<CurrentConfig> {
        &self.config
    }

    /// Makes one envelope, and says when it was received.
    ///
    /// # Errors
    ///
    /// See [`StageError`].
    pub fn envelope(&mut self, form: &EnvelopeForm) -> Result<(Envelope, Timestamp), StageError> {
        let now = SystemTime::now();
        let (extension, data) = payload(form)?;
        let mut channel_header = common::ChannelHeader {
            r#type: form.r#type.0,
            channel_id: self.config.channel().0.clone(),
            timestamp: Some(now.into()),
            extension,
            ..common::ChannelHeader::default()
        };
        if let Some(time) = &form.time {
            channel_header.timestamp = Some(time.parse().map_err(|_| no_time(time))?);
        }
        let mut received = channel_header.timestamp.unwrap_or_default();
        if let Some(time) = &form.received {
            received = time.parse().map_err(|_| no_time(time))?;
        }
        let signer = self.signer(form)?;
        let signature_header = signer.signature_header()?;
        channel_header.tx_id = form.tx_id.clone().unwrap_or_else(|| tx_id(&signature_header));
        let header = common::Header {
            channel_header: channel_header.encode_to_vec().into(),
            signature_header: signature_header.encode_to_vec().into(),
        };
        let payload = common::Payload { header: Some(header), data }.encode_to_vec();
        let signature = match form.signature {
            SignatureForm::Right => signer.sign(&payload)?,
            SignatureForm::Wrong => signer.sign(b"something else")?,
            SignatureForm::Missing => Bytes::new(),
        };
        let received = Timestamp { seconds: received.seconds, nanoseconds: received.nanos };
        Ok((Envelope::new(&payload, &signature), received))
    }

    fn signer(&mut self, form: &EnvelopeForm) -> Result<&Signer, StageError> {
        let key = (form.creator.clone(), form.role, form.expired);
        if !self.signers.contains_key(&key) {
            let organisation = self.organisations.get(&form.creator);
            let organisation = organisation
                .ok_or_else(|| StageError::Envelope(format!("{} has no organisation", form.creator)))?;
            let role = match form.role {
                RoleForm::Client => Role::Client,
                RoleForm::Admin => Role::Admin,
                RoleForm::Peer => Role::Peer,
                RoleForm::Orderer => Role::Orderer,
            };
            let mut validity = always(SystemTime::now());
            if form.expired {
                validity.to = SystemTime::now().checked_sub(DAY).unwrap_or(validity.to);
            }
            // Not before its authority's.
            validity.from = validity.from.checked_add(DAY).unwrap_or(validity.from);
            let name = format!("{}@{}", role.unit(), organisation.names().domain);
            self.signers.insert(key.clone(), organisation.issue(role, &name, validity)?.signer()?);
        }
        self.signers.get(&key).ok_or_else(|| StageError::Envelope("nobody signs".to_owned()))
    }
}

fn always(now: SystemTime) -> Validity {
    Validity {
        from: now.checked_sub(3650 * DAY).unwrap_or(now),
        to: now.checked_add(3650 * DAY).unwrap_or(now),
    }
}

fn config(
    channel: &ChannelForm,
    organisations: &BTreeMap<String, Organisation>,
    members: &BTreeSet<&str>,
) -> Result<Arc<CurrentConfig>, StageError> {
    let name = channel.name.clone().unwrap_or_else(|| CHANNEL.to_owned());
    let mut draft = ChannelDraft::new(ChannelId(name));
    let size = &mut draft.batch_size;
    size.max_message_count = channel.max_message_count.unwrap_or(size.max_message_count);
    size.absolute_max_bytes = channel.absolute_max_bytes.unwrap_or(size.absolute_max_bytes);
    let preferred = size.preferred_max_bytes.min(size.absolute_max_bytes);
    size.preferred_max_bytes = channel.preferred_max_bytes.unwrap_or(preferred);
    let orderers = organisations.get(ORDERERS).into_iter();
    draft.orderers =
        orderers.map(|organisation| OrdererOrganisation { organisation, endpoints: Vec::new() }).collect();
    draft.orderer_addresses = vec!["127.0.0.1:7050".to_owned()];
    draft.members = members.iter().filter_map(|msp_id| organisations.get(*msp_id)).collect();
    let genesis = draft.genesis(SystemTime::now())?.encode_to_vec().into();
    Ok(read_genesis(genesis)?.config)
}

/// The channel header's extension, and the payload's data.
fn payload(form: &EnvelopeForm) -> Result<(Bytes, Bytes), StageError> {
    let ways = [
        form.text.is_some(),
        form.base64.is_some(),
        form.bytes.is_some(),
        form.chaincode.is_some() || !form.args.is_empty(),
    ];
    if ways.iter().filter(|is_given| **is_given).count() > 1 {
        let sentence = "an envelope has one of `text`, `base64`, `bytes`, and `chaincode` with `args`";
        return Err(StageError::Envelope(sentence.to_owned()));
    }
    if let Some(chaincode) = &form.chaincode {
        return Ok(transaction::calls(chaincode, &form.args));
    }
    let data = match (&form.text, &form.base64, form.bytes) {
        (Some(text), ..) => Bytes::from(text.clone()),
        (_, Some(text), _) => match STANDARD.decode(text) {
            Ok(bytes) => bytes.into(),
            Err(error) => return Err(StageError::Envelope(format!("`base64` is none: {error}"))),
        },
        (.., Some(count)) if count > MOST_BYTES => {
            let sentence = format!("{count} bytes are more than any orderer takes; at most {MOST_BYTES}");
            return Err(StageError::Envelope(sentence));
        }
        (.., Some(count)) => vec![b'x'; count].into(),
        _ => Bytes::new(),
    };
    Ok((Bytes::new(), data))
}

/// Most bytes that a case can ask for: gRPC's limit on a message.
const MOST_BYTES: usize = 100 << 20;

fn no_time(text: &str) -> StageError {
    StageError::Envelope(format!("`{text}` is no time such as 2026-11-29T12:00:00Z"))
}
