//! What the filters ask of a channel's MSPs and signature policies, about one envelope.

use std::sync::Arc;

use raddle_core::access::{self, Access};
use raddle_msp::ClaimedIdentity;
use raddle_proto::common::SignatureHeader;
use raddle_proto::wire::{Envelope, HeaderError};
use raddle_rules::{Creator, Judge, PolicyVerdict, Timestamp};

use super::usage::Usage;

/// One envelope and the channel's config that it is judged by.
pub struct EnvelopeJudge {
    access: Arc<Access>,
    envelope: Envelope,
    creator: Result<ClaimedIdentity, String>,
    usage: Arc<Usage>,
}

impl EnvelopeJudge {
    /// Prepares to answer about `envelope`.
    #[must_use]
    pub fn new(
        access: Arc<Access>,
        envelope: Envelope,
        header: &Result<SignatureHeader, HeaderError>,
        usage: Arc<Usage>,
    ) -> Self {
        let creator = match header {
            Ok(header) => ClaimedIdentity::read(header.creator.clone()).map_err(|error| error.to_string()),
            Err(error) => Err(error.to_string()),
        };
        Self { access, envelope, creator, usage }
    }
}

impl Judge for EnvelopeJudge {
    fn evaluate(&self, policy: &str) -> PolicyVerdict {
        match self.usage.native(|| self.access.evaluate(policy, &self.envelope)) {
            access::PolicyVerdict::Satisfied => PolicyVerdict::Satisfied,
            access::PolicyVerdict::Denied(text) => PolicyVerdict::Denied(text),
            access::PolicyVerdict::Missing => PolicyVerdict::Missing,
            access::PolicyVerdict::Unreadable(error) => PolicyVerdict::Unreadable(error.to_string()),
        }
    }

    fn creator_expires(&self) -> Option<Timestamp> {
        let identity = self.creator.as_ref().ok()?;
        Some(Timestamp { seconds: identity.expires_at(), nanoseconds: 0 })
    }

    fn creator(&self) -> Result<Creator, String> {
        let identity = self.creator.as_ref().map_err(Clone::clone)?;
        let subject = identity.certificate.subject();
        Ok(Creator {
            msp_id: identity.msp_id.clone(),
            certificate: identity.certificate.der().clone(),
            organisational_units: subject.organizational_units().map(str::to_owned).collect(),
        })
    }
}
