//! Takes envelopes of the listed organisations alone.

use raddle_guest::{Channel, Envelope, Facts, Filter, Refusal, Settings, export_filter};

struct AllowOrganisations {
    msp_ids: Vec<String>,
}

impl Filter for AllowOrganisations {
    fn new(settings: &Settings, _channel: &Channel) -> Result<Self, String> {
        settings.only(&["msp-ids"])?;
        let msp_ids: Vec<String> = settings.required("msp-ids")?;
        if msp_ids.is_empty() {
            return Err(settings.refuse("msp-ids", "at least one MSP id, or nobody could write").into());
        }
        Ok(Self { msp_ids })
    }

    fn check(&self, _facts: &Facts, envelope: &Envelope) -> Result<(), Refusal> {
        let creator = envelope.creator().map_err(Refusal::bad_request)?;
        if self.msp_ids.contains(&creator.msp_id) {
            return Ok(());
        }
        let allowed = self.msp_ids.join(", ");
        Err(Refusal::forbidden(format!("{} may not write here; allowed: {allowed}", creator.msp_id)))
    }
}

export_filter!(AllowOrganisations);

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use raddle_guest::RefusalStatus;
    use raddle_guest::testing::{Envelope, Host};

    use super::*;

    #[test]
    fn members_of_listed_organisations_pass() {
        let host = Host::new().with_setting("msp-ids", "Org1MSP, Org2MSP");
        for (msp_id, is_accepted) in [("Org1MSP", true), ("Org2MSP", true), ("Org3MSP", false)] {
            let verdict = host.check::<AllowOrganisations>(&Envelope::of_size(9).by(msp_id, "eve")).unwrap();
            assert_eq!(verdict.is_accepted(), is_accepted, "{msp_id}");
        }
        let refused = host.check::<AllowOrganisations>(&Envelope::of_size(9).by("Org3MSP", "eve")).unwrap();
        let sentence = "Org3MSP may not write here; allowed: Org1MSP, Org2MSP".to_owned();
        assert_eq!(refused.refusal, Some((RefusalStatus::Forbidden, sentence)));
        let nobody = host.check::<AllowOrganisations>(&Envelope::of_size(9).by_nobody()).unwrap();
        assert_eq!(nobody.status(), Some(RefusalStatus::BadRequest));
    }

    #[test]
    fn settings_that_make_no_sense_are_refused_by_name() {
        for (key, value, sentence) in [
            ("msp-ids", "", "setting `msp-ids` is ``: expected at least one MSP id, or nobody could write"),
            ("mspids", "Org1MSP", "unknown setting `mspids`: did you mean `msp-ids`?"),
        ] {
            let host = Host::new().with_setting(key, value);
            assert_eq!(host.check_filter_settings::<AllowOrganisations>().unwrap_err(), sentence);
        }
    }
}
