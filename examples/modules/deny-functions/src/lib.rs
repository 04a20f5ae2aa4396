//! Refuses calls of some chaincode, or of some of its functions, unless their creator satisfies a policy.

use raddle_guest::{Channel, Envelope, Facts, Filter, FromSetting, Refusal, Settings, export_filter};

/// `type` of the channel header of an endorser transaction.
const ENDORSER_TRANSACTION: i32 = 3;

/// What is not to be called.
struct Target {
    chaincode: String,
    /// All of them if there is none.
    function: Option<String>,
}

impl FromSetting for Target {
    fn expected() -> String {
        "a chaincode, or one and a function of its, such as `assets:DeleteAsset`".to_owned()
    }

    fn from_setting(value: &str) -> Option<Self> {
        // A function may have a contract's name before it, and a colon in between.
        let (chaincode, function) = match value.split_once(':') {
            Some((chaincode, function)) => (chaincode, Some(function)),
            None => (value, None),
        };
        let is_target = !chaincode.is_empty() && function != Some("");
        is_target.then(|| Self { chaincode: chaincode.to_owned(), function: function.map(str::to_owned) })
    }
}

struct DenyFunctions {
    targets: Vec<Target>,
    /// Who satisfies it may call all the same.
    unless: Option<String>,
}

impl Filter for DenyFunctions {
    fn new(settings: &Settings, _channel: &Channel) -> Result<Self, String> {
        settings.only(&["deny", "unless"])?;
        let unless: Option<String> = settings.optional("unless")?;
        if unless.as_ref().is_some_and(|policy| !policy.starts_with("/Channel/")) {
            return Err(settings.refuse("unless", "a policy, such as `/Channel/Application/Admins`").into());
        }
        Ok(Self { targets: settings.required("deny")?, unless })
    }

    fn check(&self, facts: &Facts, envelope: &Envelope) -> Result<(), Refusal> {
        if facts.header_type != ENDORSER_TRANSACTION {
            return Ok(());
        }
        let call = envelope.invocation(facts).map_err(Refusal::bad_request)?;
        let function = call.function();
        let is_denied = |target: &&Target| {
            target.chaincode == call.chaincode() && (target.function.is_none() || target.function == function)
        };
        let Some(denied) = self.targets.iter().find(is_denied) else {
            return Ok(());
        };
        if self.unless.as_ref().is_some_and(|policy| envelope.satisfies(policy).is_ok()) {
            return Ok(());
        }
        Err(Refusal::forbidden(match &denied.function {
            Some(function) => format!("nobody calls {function} of {} on this channel", denied.chaincode),
            None => format!("nobody calls {} on this channel", denied.chaincode),
        }))
    }
}

export_filter!(DenyFunctions);

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use raddle_guest::RefusalStatus::{BadRequest, Forbidden};
    use raddle_guest::testing::{Envelope, Host};

    use super::*;

    fn host() -> Host {
        Host::new().with_setting("deny", "assets:DeleteAsset, audit, tokens:Bank:Mint")
    }

    #[test]
    fn denied_calls_are_refused_and_others_pass() {
        for (chaincode, arguments, sentence) in [
            (
                "assets",
                &["DeleteAsset", "a1"][..],
                Some("nobody calls DeleteAsset of assets on this channel"),
            ),
            ("assets", &["CreateAsset", "DeleteAsset"], None),
            ("assets", &[], None),
            ("audit", &["Read"], Some("nobody calls audit on this channel")),
            ("audit", &[], Some("nobody calls audit on this channel")),
            ("tokens", &["Bank:Mint"], Some("nobody calls Bank:Mint of tokens on this channel")),
            ("tokens", &["Mint"], None),
            ("other", &["DeleteAsset"], None),
        ] {
            let verdict = host().check::<DenyFunctions>(&Envelope::invoking(chaincode, arguments)).unwrap();
            assert_eq!(verdict.refusal, sentence.map(|it| (Forbidden, it.to_owned())), "{chaincode}");
        }
    }

    #[test]
    fn what_is_no_transaction_passes_and_what_is_a_broken_one_does_not() {
        let message = Envelope::of_size(9).of_type(Some(0));
        assert!(host().check::<DenyFunctions>(&message).unwrap().is_accepted());
        let broken = host().check::<DenyFunctions>(&Envelope::of_size(9)).unwrap();
        assert_eq!(broken.status(), Some(BadRequest));
    }

    #[test]
    fn who_satisfies_the_policy_may_call() {
        let admins = "/Channel/Application/Admins";
        let host = host().with_setting("unless", admins).with_policy(admins, |it| it.has_unit("admin"));
        let call = Envelope::invoking("audit", &[]);
        assert!(!host.check::<DenyFunctions>(&call).unwrap().is_accepted());
        let by_admin = call.with_organisational_units(&["admin"]);
        assert!(host.check::<DenyFunctions>(&by_admin).unwrap().is_accepted());
    }

    #[test]
    fn settings_that_make_no_sense_are_refused_by_name() {
        let target = "expected a list, separated by commas, each a chaincode, or one and a function of its, such as \
                      `assets:DeleteAsset`";
        for (key, value, sentence) in [
            ("deny", "assets:", format!("setting `deny` is `assets:`: {target}")),
            ("deny", ":Delete", format!("setting `deny` is `:Delete`: {target}")),
            (
                "unless",
                "Admins",
                "setting `unless` is `Admins`: expected a policy, such as \
                `/Channel/Application/Admins`"
                    .to_owned(),
            ),
        ] {
            let refused = host().with_setting(key, value).check_filter_settings::<DenyFunctions>();
            assert_eq!(refused.unwrap_err(), sentence);
        }
    }
}
