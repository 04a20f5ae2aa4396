//! What is sent through a module.

use std::cell::RefCell;
use std::collections::BTreeMap;

use super::message::{Message, payload_of_call};
use crate::host::{self, CreatorRecord, Payload, Policy};
use crate::{Facts, Header, Identity, Timestamp};

/// What happens to a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::large_enum_variant, reason = "a test copies steps, and has few of them")]
pub enum Step {
    /// An envelope is about to be committed.
    Envelope(Envelope),
    /// The batch timeout ends, or a config update comes: what is pending is cut.
    Cut,
}

impl From<Envelope> for Step {
    fn from(envelope: Envelope) -> Self {
        Self::Envelope(envelope)
    }
}

impl From<&Envelope> for Step {
    fn from(envelope: &Envelope) -> Self {
        Self::Envelope(*envelope)
    }
}

/// An envelope, as far as a module sees it.
///
/// A batch policy sees its size, type and creator, a filter all of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Envelope {
    payload: Payload,
    signature_size_bytes: u64,
    pub(super) header_type: Option<i32>,
    creator: Option<(&'static str, &'static str)>,
    organisational_units: &'static [&'static str],
    is_readable: bool,
    tx_id: &'static str,
    epoch: u64,
    extension: &'static [u8],
    timestamp: Option<Timestamp>,
    creator_expires: Option<Timestamp>,
    received: Timestamp,
}

impl Envelope {
    /// An endorser transaction of so many bytes, by `client` of `Org1MSP`: all of them payload, and all of them zero.
    ///
    /// It was sent and received when 2026 began, and its creator's certificate ends when 2036 does.
    #[must_use]
    pub const fn of_size(size_bytes: u64) -> Self {
        const YEAR_2026: Timestamp = Timestamp::at_second(1_767_225_600);
        const YEAR_2037: Timestamp = Timestamp::at_second(2_114_380_800);
        Self {
            payload: Payload::Zeros { size_bytes },
            signature_size_bytes: 0,
            header_type: Some(3),
            creator: Some(("Org1MSP", "client")),
            organisational_units: &["client"],
            is_readable: true,
            tx_id: "",
            epoch: 0,
            extension: &[],
            timestamp: Some(YEAR_2026),
            creator_expires: Some(YEAR_2037),
            received: YEAR_2026,
        }
    }

    /// An endorser transaction that calls chaincode: its payload, header and signature are as a client of Fabric's
    /// builds them, around nonces and endorsements that nobody can verify. The first argument is the function's name.
    ///
    /// ```
    /// use raddle_guest::testing::Envelope;
    ///
    /// const CREATE: Envelope = Envelope::invoking("assets", &["CreateAsset", "asset1"]);
    /// assert_ne!(CREATE, CREATE.by("Org2MSP", "bob"));
    /// ```
    #[must_use]
    pub const fn invoking(chaincode: &'static str, arguments: &'static [&'static str]) -> Self {
        let mut envelope = Self::of_size(0).with_signature_of(71);
        envelope.payload = Payload::Call { chaincode, arguments };
        envelope.tx_id = "7d1c1ea3b6a8e4a35a8bb4f3c0c1b7b0ee3ae3f3b2ed3a5ad2ee4f3c1d8b8a11";
        envelope
    }

    /// Changes the payload. (`Vec::leak` makes a `&'static` of what a test computes.)
    #[must_use]
    pub const fn with_payload(mut self, payload: &'static [u8]) -> Self {
        self.payload = Payload::Bytes(payload);
        self
    }

    /// Gives it a signature of so many bytes.
    #[must_use]
    pub const fn with_signature_of(mut self, size_bytes: u64) -> Self {
        self.signature_size_bytes = size_bytes;
        self
    }

    /// Changes who created it. `certificate` stands for the certificate: two that differ are two creators.
    #[must_use]
    pub const fn by(mut self, msp_id: &'static str, certificate: &'static str) -> Self {
        self.creator = Some((msp_id, certificate));
        self
    }

    /// Changes the organisational units of the creator's certificate.
    #[must_use]
    pub const fn with_organisational_units(mut self, units: &'static [&'static str]) -> Self {
        self.organisational_units = units;
        self
    }

    /// Takes the creator away: there is none that can be read, and no policy is satisfied.
    #[must_use]
    pub const fn by_nobody(mut self) -> Self {
        self.creator = None;
        self.creator_expires = None;
        self
    }

    /// Breaks the signature header: nobody has created it, and no policy can be asked.
    #[must_use]
    pub const fn with_broken_signature_header(mut self) -> Self {
        self.is_readable = false;
        self.by_nobody()
    }

    /// Changes the `type` of its channel header; `None`: it has no channel header that can be read, which a filter sees
    /// as 0.
    #[must_use]
    pub const fn of_type(mut self, header_type: Option<i32>) -> Self {
        self.header_type = header_type;
        self
    }

    /// Changes the transaction's id.
    #[must_use]
    pub const fn with_tx_id(mut self, tx_id: &'static str) -> Self {
        self.tx_id = tx_id;
        self
    }

    /// Changes epoch and extension of the channel header.
    #[must_use]
    pub const fn with_header(mut self, epoch: u64, extension: &'static [u8]) -> Self {
        self.epoch = epoch;
        self.extension = extension;
        self
    }

    /// Changes the client's own timestamp.
    #[must_use]
    pub const fn with_timestamp(mut self, timestamp: Option<Timestamp>) -> Self {
        self.timestamp = timestamp;
        self
    }

    /// Changes when the creator's certificate ends; `None`: it cannot be read.
    #[must_use]
    pub const fn with_creator_expiring(mut self, expires: Option<Timestamp>) -> Self {
        self.creator_expires = expires;
        self
    }

    /// Changes when the orderer received it.
    #[must_use]
    pub const fn received_at(mut self, received: Timestamp) -> Self {
        self.received = received;
        self
    }

    pub(super) fn facts(&self) -> Facts {
        Facts {
            payload_size_bytes: match self.payload {
                Payload::Zeros { size_bytes } => size_bytes,
                Payload::Bytes(bytes) => bytes.len() as u64,
                Payload::Call { .. } => self.payload_bytes().len() as u64,
            },
            signature_size_bytes: self.signature_size_bytes,
            header_type: self.header_type.unwrap_or_default(),
            timestamp: self.timestamp,
            creator_expires: self.creator_expires,
            received: self.received,
        }
    }

    /// What a filter can ask for.
    pub(super) fn view(&self, policies: BTreeMap<String, Policy>) -> host::Envelope {
        let creator = self.creator.map(|(msp_id, certificate)| Identity {
            msp_id: msp_id.to_owned(),
            certificate: certificate.as_bytes().to_vec(),
            organisational_units: self.organisational_units.iter().map(|&unit| unit.to_owned()).collect(),
        });
        let header =
            Header { tx_id: self.tx_id.to_owned(), epoch: self.epoch, extension: self.extension_bytes() };
        let payload = match self.payload {
            Payload::Call { .. } => host::PayloadView::Bytes(self.payload_bytes().into()),
            Payload::Bytes(bytes) => host::PayloadView::Bytes(bytes.into()),
            Payload::Zeros { size_bytes } => host::PayloadView::Zeros { size_bytes },
        };
        let is_readable = self.is_readable;
        host::Envelope { payload, header, creator, is_readable, policies, evaluated: RefCell::default() }
    }

    /// The extension of the channel header, which for a call names its chaincode if nothing else was given.
    fn extension_bytes(&self) -> Vec<u8> {
        match self.payload {
            Payload::Call { chaincode, .. } if self.extension.is_empty() => {
                Message::new().message(2, Message::new().bytes(2, chaincode.as_bytes())).done()
            }
            _ => self.extension.to_vec(),
        }
    }

    /// The marshalled `common.Payload` of a call.
    fn payload_bytes(&self) -> Vec<u8> {
        let Payload::Call { chaincode, arguments } = self.payload else {
            return Vec::new();
        };
        let sent = self.timestamp.unwrap_or(Timestamp::at_second(0));
        let channel_header = Message::new()
            .number(1, i64::from(self.header_type.unwrap_or_default()) as u64)
            .message(3, Message::new().number(1, sent.seconds as u64))
            .bytes(4, b"mychannel")
            .bytes(5, self.tx_id.as_bytes())
            .number(6, self.epoch)
            .bytes(7, &self.extension_bytes());
        payload_of_call(channel_header, &self.creator().identity, chaincode, arguments)
    }

    pub(super) fn creator(&self) -> CreatorRecord {
        let Some((msp_id, certificate)) = self.creator else {
            return CreatorRecord { msp_id: None, identity: Vec::new() };
        };
        let identity = Message::new().bytes(1, msp_id.as_bytes()).bytes(2, certificate.as_bytes()).done();
        CreatorRecord { msp_id: Some(msp_id.to_owned()), identity }
    }
}
