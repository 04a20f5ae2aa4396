//! What the filters ask of a channel's MSPs and signature policies, about one envelope.

use std::cell::OnceCell;
use std::rc::Rc;
use std::sync::Arc;

use bytes::Bytes;
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
    /// The creator's bytes.
    creator: Result<Bytes, String>,
    /// What can be read of them, once somebody has asked.
    claimed: OnceCell<Result<ClaimedIdentity, String>>,
    /// The MSP id of who signed, once a signature policy has held.
    writer: Rc<OnceCell<String>>,
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
            Ok(header) => Ok(header.creator.clone()),
            Err(error) => Err(error.to_string()),
        };
        Self { access, envelope, creator, claimed: OnceCell::new(), writer: Rc::default(), usage }
    }

    /// Where the MSP id of who signed will stand, once a signature policy has held: then it is verified.
    pub(super) fn writer(&self) -> Rc<OnceCell<String>> {
        Rc::clone(&self.writer)
    }

    /// The creator, whether or not the channel knows it.
    fn claimed(&self) -> &Result<ClaimedIdentity, String> {
        self.claimed
            .get_or_init(|| ClaimedIdentity::read(self.creator.clone()?).map_err(|error| error.to_string()))
    }
}

impl Judge for EnvelopeJudge {
    fn evaluate(&self, policy: &str) -> PolicyVerdict {
        let (verdict, signer) = self.usage.native(|| self.access.evaluate_and_name(policy, &self.envelope));
        if let Some(signer) = signer {
            self.writer.get_or_init(|| signer);
        }
        match verdict {
            access::PolicyVerdict::Satisfied => PolicyVerdict::Satisfied,
            access::PolicyVerdict::Denied(text) => PolicyVerdict::Denied(text),
            access::PolicyVerdict::Missing => PolicyVerdict::Missing,
            access::PolicyVerdict::Unreadable(error) => PolicyVerdict::Unreadable(error.to_string()),
        }
    }

    fn creator_expires(&self) -> Option<Timestamp> {
        // Whom the channel remembers is not read anew: the bytes are the same, and so is the certificate's end.
        let remembered = self.access.remembered_creator(self.creator.as_ref().ok()?);
        let seconds = match remembered {
            Some(identity) => identity.expires_at(),
            None => self.claimed().as_ref().ok()?.expires_at(),
        };
        Some(Timestamp { seconds, nanoseconds: 0 })
    }

    fn creator(&self) -> Result<Creator, String> {
        // Not the one that is remembered: there the certificate may have been changed to its sanitised form.
        let identity = self.claimed().as_ref().map_err(Clone::clone)?;
        let subject = identity.certificate.subject();
        Ok(Creator {
            msp_id: identity.msp_id.clone(),
            certificate: identity.certificate.der().clone(),
            organisational_units: subject.organizational_units().map(str::to_owned).collect(),
        })
    }
}
