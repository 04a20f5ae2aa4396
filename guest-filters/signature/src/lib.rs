//! Refuses an envelope whose signature does not satisfy the channel's policy for writers.
//!
//! Source: fabric v2.5.16 `orderer/common/msgprocessor/sigfilter.go`. It takes no settings. The host checks the
//! signature and evaluates the policy; which policy it is, and what a failure means to the client, is decided here.

use raddle_guest::{
    Channel, ConsensusState, Envelope, Facts, Filter, Refusal, Scope, Settings, export_filter,
};

struct Signature {
    scope: Scope,
}

impl Filter for Signature {
    fn new(_settings: &Settings, channel: &Channel) -> Result<Self, String> {
        let scope = match channel.consensus_state() {
            ConsensusState::Normal => Scope::Channel,
            // While the channel moves to other orderers, only theirs may write.
            ConsensusState::Maintenance => Scope::Orderer,
        };
        Ok(Self { scope })
    }

    fn check(&self, _facts: &Facts, envelope: &Envelope) -> Result<(), Refusal> {
        Ok(envelope.satisfies_writers(self.scope)?)
    }
}

export_filter!(Signature);

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use raddle_guest::RefusalStatus::{self, BadRequest, Forbidden};
    use raddle_guest::testing::{Envelope, Host};

    use super::*;

    fn check(host: &Host, envelope: Envelope) -> Option<(RefusalStatus, String)> {
        let verdict = host.check::<Signature>(&envelope).unwrap();
        assert_eq!(verdict.imports, 2);
        verdict.refusal
    }

    fn refused(status: RefusalStatus, sentence: &str) -> Option<(RefusalStatus, String)> {
        Some((status, sentence.to_owned()))
    }

    const CLIENT: Envelope = Envelope::of_size(1);
    const ORDERER: Envelope = Envelope::of_size(1).by("OrdererMSP", "orderer");
    const DENIED: &str = "signature set did not satisfy policy: permission denied";

    #[test]
    fn writers_of_the_channel_may_write() {
        let host = Host::new().with_policy("/Channel/Writers", |creator| creator.msp_id == "Org1MSP");
        assert_eq!(check(&host, CLIENT), None);
        assert_eq!(check(&host, ORDERER), refused(Forbidden, DENIED));
    }

    #[test]
    fn in_maintenance_only_writers_of_the_orderer_group_may() {
        let host = Host::new().with_consensus_state(ConsensusState::Maintenance);
        assert_eq!(check(&host, CLIENT), refused(Forbidden, DENIED));
        assert_eq!(check(&host, ORDERER), None);
    }

    #[test]
    fn a_missing_policy_is_a_bad_request_and_named() {
        for (state, policy) in [
            (ConsensusState::Normal, "/Channel/Writers"),
            (ConsensusState::Maintenance, "/Channel/Orderer/Writers"),
        ] {
            let host = Host::new().with_consensus_state(state).without_policy(policy);
            let sentence = format!("could not find policy {policy}");
            assert_eq!(check(&host, ORDERER), refused(BadRequest, &sentence));
        }
    }

    #[test]
    fn who_has_no_identity_is_denied() {
        assert_eq!(check(&Host::new(), CLIENT.by_nobody()), refused(Forbidden, DENIED));
    }

    #[test]
    fn a_broken_signature_header_is_a_bad_request_whatever_the_policies() {
        let sentence = "could not convert message to signedData: GetSignatureHeaderFromBytes failed, err proto: \
                        cannot parse invalid wire-format data";
        for host in [Host::new(), Host::new().without_policy("/Channel/Writers")] {
            assert_eq!(check(&host, CLIENT.with_broken_signature_header()), refused(BadRequest, sentence));
        }
    }
}
