//! What is sent through a policy.

use crate::host::CreatorRecord;

/// What happens to a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
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

/// An envelope, as far as a policy sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Envelope {
    pub(super) size_bytes: u64,
    pub(super) header_type: Option<i32>,
    creator: Option<(&'static str, &'static str)>,
}

impl Envelope {
    /// An endorser transaction of so many bytes, by `client` of `Org1MSP`.
    #[must_use]
    pub const fn of_size(size_bytes: u64) -> Self {
        Self { size_bytes, header_type: Some(3), creator: Some(("Org1MSP", "client")) }
    }

    /// Changes who created it. `certificate` stands for the certificate: two that differ are two creators.
    #[must_use]
    pub const fn by(mut self, msp_id: &'static str, certificate: &'static str) -> Self {
        self.creator = Some((msp_id, certificate));
        self
    }

    /// Takes the creator away.
    #[must_use]
    pub const fn by_nobody(mut self) -> Self {
        self.creator = None;
        self
    }

    /// Changes the `type` of its channel header; `None`: it has no channel header that can be read.
    #[must_use]
    pub const fn of_type(mut self, header_type: Option<i32>) -> Self {
        self.header_type = header_type;
        self
    }

    pub(super) fn creator(&self) -> CreatorRecord {
        let Some((msp_id, certificate)) = self.creator else {
            return CreatorRecord { msp_id: None, identity: Vec::new() };
        };
        let mut identity = Vec::new();
        push_field(&mut identity, 1, msp_id.as_bytes());
        push_field(&mut identity, 2, certificate.as_bytes());
        CreatorRecord { msp_id: Some(msp_id.to_owned()), identity }
    }
}

/// A length-delimited field of a protobuf message.
fn push_field(message: &mut Vec<u8>, number: u8, content: &[u8]) {
    message.push(number << 3 | 2);
    let mut length = content.len();
    while length >= 0x80 {
        message.push((length % 0x80) as u8 | 0x80);
        length /= 0x80;
    }
    message.push(length as u8);
    message.extend_from_slice(content);
}
