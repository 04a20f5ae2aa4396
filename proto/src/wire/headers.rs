//! The two headers of an envelope, found and decoded as Fabric does.

use super::{Envelope, WireError, go_decode};
use crate::common::{ChannelHeader, Header, Payload, SignatureHeader};

/// Why an envelope's header cannot be had.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum HeaderError {
    /// The envelope's payload is no `Payload`.
    #[error("the payload cannot be read: {0}")]
    Payload(WireError),
    /// The payload is empty or has no header.
    #[error("the payload has no header")]
    HeaderNotSet,
    /// The header has no channel header, or an empty one; Go does not tell these apart.
    #[error("the header has no channel header")]
    ChannelHeaderNotSet,
    /// The channel header is no `ChannelHeader`.
    #[error("the channel header cannot be read: {0}")]
    ChannelHeader(WireError),
    /// The signature header is no `SignatureHeader`.
    #[error("the signature header cannot be read: {0}")]
    SignatureHeader(WireError),
}

/// Decodes an envelope's channel header.
///
/// Source: fabric v2.5.16 `protoutil/commonutils.go` `ChannelHeader`.
///
/// # Errors
///
/// Each step that can fail has its own [`HeaderError`].
pub fn channel_header(envelope: &Envelope) -> Result<ChannelHeader, HeaderError> {
    let header = header(envelope)?;
    if header.channel_header.is_empty() {
        return Err(HeaderError::ChannelHeaderNotSet);
    }
    go_decode(header.channel_header).map_err(HeaderError::ChannelHeader)
}

/// Decodes an envelope's signature header. One that is not there is an empty one.
///
/// Source: fabric v2.5.16 `protoutil/signeddata.go` `EnvelopeAsSignedData`.
///
/// # Errors
///
/// Each step that can fail has its own [`HeaderError`].
pub fn signature_header(envelope: &Envelope) -> Result<SignatureHeader, HeaderError> {
    go_decode(header(envelope)?.signature_header).map_err(HeaderError::SignatureHeader)
}

fn header(envelope: &Envelope) -> Result<Header, HeaderError> {
    let payload: Payload = go_decode(envelope.payload().clone()).map_err(HeaderError::Payload)?;
    payload.header.ok_or(HeaderError::HeaderNotSet)
}
