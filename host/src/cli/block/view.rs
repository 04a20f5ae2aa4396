//! A block as it is shown. `raddle help block` says what each field holds: the names are for programs to rely on.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use prost::Message as _;
use raddle_core::ids::ChannelId;
use raddle_msp::ClaimedIdentity;
use raddle_proto::common::{self, HeaderType};
use raddle_proto::hash::hex;
use raddle_proto::msp;
use raddle_proto::wire::{self, Envelope, go_decode};
use serde::Serialize;

use crate::client::{Vouched, block_hash, envelopes, last_config, offsets};

/// A block that was verified.
#[derive(Serialize)]
pub struct BlockView {
    /// The channel that was asked for.
    pub channel: String,
    /// Its place.
    pub number: u64,
    /// Of the header, in hexadecimal like all hashes.
    pub hash: String,
    /// Of the header before it; empty in block 0.
    pub previous_hash: String,
    /// Of the envelopes.
    pub data_hash: String,
    /// Of the marshalled block.
    pub size_bytes: usize,
    /// The newest config block at or before this one.
    pub last_config: u64,
    /// None if it was not cut from a log.
    pub offsets: Option<OffsetsView>,
    /// All that stand in it, whether they count or not.
    pub signatures: Vec<SignatureView>,
    /// All, in order.
    pub envelopes: Vec<EnvelopeView>,
    /// All entries, in base64.
    pub metadata: Vec<String>,
    /// What was verified.
    pub verified: VerifiedView,
}

/// How far the orderers had read the log.
#[derive(Serialize)]
pub struct OffsetsView {
    /// The last offset whose envelope is in a block, or will be in none.
    pub last_persisted: i64,
    /// The watermark of resubmission.
    pub last_original_processed: i64,
    /// Where the config record stood that was resubmitted last.
    pub last_resubmitted_config: i64,
}

/// Who signed the block.
#[derive(Serialize)]
pub struct SignatureView {
    /// None if nobody is named.
    pub signer: Option<IdentityView>,
    /// In hexadecimal.
    pub nonce: String,
    /// In base64.
    pub signature: String,
    /// Why it does not count, if it does not.
    pub uncounted: Option<String>,
}

/// Somebody as they call themselves.
#[derive(Serialize)]
pub struct IdentityView {
    /// The MSP that they say is theirs.
    pub msp_id: String,
    /// The certificate's subject; none if there is no certificate that can be read.
    pub subject: Option<String>,
    /// Those in the subject, in its order.
    pub organizational_units: Vec<String>,
}

/// One envelope.
#[derive(Serialize)]
pub struct EnvelopeView {
    /// Its place in the block, from 0.
    pub index: usize,
    /// Why its headers cannot be read, if they cannot.
    pub unreadable: Option<String>,
    /// The name of its type; none if the number has no name.
    #[serde(rename = "type")]
    pub kind: Option<&'static str>,
    /// Its type.
    pub type_number: Option<i32>,
    /// The channel that it says it is for.
    pub channel: Option<String>,
    /// Its transaction id; may be empty.
    pub tx_id: Option<String>,
    /// When it was made.
    pub made_at: Option<TimeView>,
    /// Who made it; none if nobody is named.
    pub creator: Option<IdentityView>,
    /// In hexadecimal.
    pub nonce: Option<String>,
    /// Of payload and signature; of all bytes if it is unreadable.
    pub size_bytes: u64,
    /// Of the data in its payload.
    pub data_bytes: Option<usize>,
    /// The whole, in base64.
    pub marshalled: String,
}

/// A time by the clock of whoever made the envelope.
#[derive(Serialize)]
pub struct TimeView {
    /// Since 1970.
    pub unix_seconds: i64,
    /// Beside the seconds.
    pub nanos: i32,
}

/// What was verified.
#[derive(Serialize)]
pub struct VerifiedView {
    /// Always: what does not hold is not shown.
    pub data_hash: bool,
    /// The block whose hash is the previous hash; none before block 0.
    pub previous_hash_of: Option<u64>,
    /// The policy that the signatures satisfy; none for block 0, which has none.
    pub signatures_by: Option<&'static str>,
    /// The block that holds the policy.
    pub config_in: Option<u64>,
    /// The same in words.
    pub text: String,
}

// === impl BlockView ===

impl BlockView {
    /// A view of a block that was vouched for. `is_on_a_log`: whether its consenter metadata are offsets.
    pub fn new(
        channel: &ChannelId,
        header: &common::BlockHeader,
        block: &common::Block,
        vouched: Vouched,
        is_on_a_log: bool,
    ) -> Self {
        let entries = block.metadata.as_ref().map(|it| it.metadata.as_slice()).unwrap_or_default();
        let data = envelopes(block);
        let offsets = offsets(block).filter(|_| is_on_a_log).map(|it| OffsetsView {
            last_persisted: it.last_offset_persisted,
            last_original_processed: it.last_original_offset_processed,
            last_resubmitted_config: it.last_resubmitted_config_offset,
        });
        Self {
            channel: channel.0.clone(),
            number: header.number,
            hash: hex(&block_hash(header)),
            previous_hash: hex(&header.previous_hash),
            data_hash: hex(&header.data_hash),
            size_bytes: block.encoded_len(),
            last_config: last_config(block).unwrap_or_default(),
            offsets,
            signatures: signatures(entries.first()),
            envelopes: data
                .iter()
                .enumerate()
                .map(|(index, bytes)| EnvelopeView::new(index, bytes))
                .collect(),
            metadata: entries.iter().map(|entry| STANDARD.encode(entry)).collect(),
            verified: VerifiedView {
                data_hash: true,
                previous_hash_of: header.number.checked_sub(1),
                signatures_by: vouched.config.map(|_| raddle_core::policy::BLOCK_VALIDATION),
                config_in: vouched.config,
                text: vouched.to_string(),
            },
        }
    }

    /// Marks the signatures that do not count, by their place.
    pub fn tell_uncounted(&mut self, uncounted: Vec<(usize, String)>) {
        for (index, reason) in uncounted {
            if let Some(signature) = self.signatures.get_mut(index) {
                signature.uncounted = Some(reason);
            }
        }
    }
}

/// Those in metadata entry SIGNATURES.
fn signatures(entry: Option<&Bytes>) -> Vec<SignatureView> {
    let metadata: common::Metadata =
        entry.and_then(|entry| go_decode(entry.clone()).ok()).unwrap_or_default();
    let view = |signature: &common::MetadataSignature| {
        let header: common::SignatureHeader =
            go_decode(signature.signature_header.clone()).unwrap_or_default();
        SignatureView {
            signer: IdentityView::read(&header.creator),
            nonce: hex(&header.nonce),
            signature: STANDARD.encode(&signature.signature),
            uncounted: None,
        }
    };
    metadata.signatures.iter().map(view).collect()
}

// === impl EnvelopeView, IdentityView ===

impl EnvelopeView {
    fn new(index: usize, bytes: &Bytes) -> Self {
        let mut view = Self {
            index,
            unreadable: None,
            kind: None,
            type_number: None,
            channel: None,
            tx_id: None,
            made_at: None,
            creator: None,
            nonce: None,
            size_bytes: bytes.len() as u64,
            data_bytes: None,
            marshalled: STANDARD.encode(bytes),
        };
        match Envelope::unmarshal(bytes.clone()) {
            Ok(envelope) => view.read(&envelope),
            Err(error) => view.unreadable = Some(error.to_string()),
        }
        view
    }

    fn read(&mut self, envelope: &Envelope) {
        self.size_bytes = envelope.size_bytes();
        let headers = wire::headers(envelope);
        match headers.channel {
            Ok(header) => {
                self.kind = HeaderType::try_from(header.r#type).ok().map(|it| it.as_str_name());
                self.type_number = Some(header.r#type);
                self.made_at =
                    header.timestamp.map(|it| TimeView { unix_seconds: it.seconds, nanos: it.nanos });
                self.channel = Some(header.channel_id);
                self.tx_id = Some(header.tx_id);
            }
            Err(error) => self.unreadable = Some(error.to_string()),
        }
        if let Ok(header) = headers.signature {
            self.creator = IdentityView::read(&header.creator);
            self.nonce = Some(hex(&header.nonce));
        }
        let payload = go_decode::<common::Payload>(envelope.payload().clone());
        self.data_bytes = payload.ok().map(|payload| payload.data.len());
    }
}

impl IdentityView {
    /// None if nobody is named.
    fn read(creator: &Bytes) -> Option<Self> {
        if creator.is_empty() {
            return None;
        }
        let Ok(claimed) = ClaimedIdentity::read(creator.clone()) else {
            let msp_id = go_decode::<msp::SerializedIdentity>(creator.clone()).ok()?.mspid;
            return Some(Self { msp_id, subject: None, organizational_units: Vec::new() });
        };
        let subject = claimed.certificate.subject();
        Some(Self {
            msp_id: claimed.msp_id,
            subject: Some(subject.to_string()),
            organizational_units: subject.organizational_units().map(str::to_owned).collect(),
        })
    }
}
