//! The two headers of an envelope, found and decoded as Fabric does.

use bytes::Bytes;

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

/// An envelope's two headers, each as far as it can be had.
#[derive(Clone, Debug)]
pub struct Headers {
    /// See [`channel_header`].
    pub channel: Result<ChannelHeader, HeaderError>,
    /// See [`signature_header`].
    pub signature: Result<SignatureHeader, HeaderError>,
}

/// Decodes both headers of an envelope, and its payload once.
#[must_use]
pub fn headers(envelope: &Envelope) -> Headers {
    match header(envelope) {
        Ok(header) => Headers {
            channel: channel_of(header.channel_header),
            signature: signature_of(header.signature_header),
        },
        Err(error) => Headers { channel: Err(error.clone()), signature: Err(error) },
    }
}

/// Decodes an envelope's channel header.
///
/// Source: fabric v2.5.16 `protoutil/commonutils.go` `ChannelHeader`.
///
/// # Errors
///
/// Each step that can fail has its own [`HeaderError`].
pub fn channel_header(envelope: &Envelope) -> Result<ChannelHeader, HeaderError> {
    channel_of(header(envelope)?.channel_header)
}

/// Decodes an envelope's signature header. One that is not there is an empty one.
///
/// Source: fabric v2.5.16 `protoutil/signeddata.go` `EnvelopeAsSignedData`.
///
/// # Errors
///
/// Each step that can fail has its own [`HeaderError`].
pub fn signature_header(envelope: &Envelope) -> Result<SignatureHeader, HeaderError> {
    signature_of(header(envelope)?.signature_header)
}

fn channel_of(bytes: Bytes) -> Result<ChannelHeader, HeaderError> {
    if bytes.is_empty() {
        return Err(HeaderError::ChannelHeaderNotSet);
    }
    go_decode(bytes).map_err(HeaderError::ChannelHeader)
}

fn signature_of(bytes: Bytes) -> Result<SignatureHeader, HeaderError> {
    go_decode(bytes).map_err(HeaderError::SignatureHeader)
}

fn header(envelope: &Envelope) -> Result<Header, HeaderError> {
    let payload: Payload = go_decode(envelope.payload().clone()).map_err(HeaderError::Payload)?;
    payload.header.ok_or(HeaderError::HeaderNotSet)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An envelope whose payload is these bytes.
    fn envelope(payload: &[u8]) -> Envelope {
        Envelope::new(payload, b"")
    }

    #[test]
    fn each_step_that_fails_has_its_name() {
        let channel_header = |payload: &[u8]| channel_header(&envelope(payload)).map(|header| header.r#type);
        assert_eq!(channel_header(&[10, 4, 10, 2, 8, 3]), Ok(3));
        assert_eq!(channel_header(&[]), Err(HeaderError::HeaderNotSet));
        assert_eq!(channel_header(&[18, 1, 7]), Err(HeaderError::HeaderNotSet));
        assert_eq!(channel_header(&[10, 0]), Err(HeaderError::ChannelHeaderNotSet));
        assert_eq!(channel_header(&[10, 2, 10, 0]), Err(HeaderError::ChannelHeaderNotSet));
        // A header of a wrong wire type counts as an empty one.
        assert_eq!(channel_header(&[8, 1]), Err(HeaderError::ChannelHeaderNotSet));
        let truncated = WireError::Truncated { at: 0 };
        assert_eq!(channel_header(&[10]), Err(HeaderError::Payload(WireError::Truncated { at: 1 })));
        assert_eq!(channel_header(&[10, 4, 10, 2, 34, 3]), Err(HeaderError::ChannelHeader(truncated)));
    }

    #[test]
    fn a_missing_signature_header_is_an_empty_one() {
        let signature_header = |payload: &[u8]| signature_header(&envelope(payload));
        assert_eq!(signature_header(&[10, 0]), Ok(SignatureHeader::default()));
        let creator = signature_header(&[10, 5, 18, 3, 10, 1, b'c']).map(|header| header.creator);
        assert_eq!(creator, Ok("c".into()));
        assert_eq!(signature_header(&[]), Err(HeaderError::HeaderNotSet));
        let truncated = WireError::Truncated { at: 0 };
        assert_eq!(signature_header(&[10, 4, 18, 2, 10, 1]), Err(HeaderError::SignatureHeader(truncated)));
    }
}
