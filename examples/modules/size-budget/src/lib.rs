//! How large an envelope may be depends on who wrote it.

use raddle_guest::{
    ByteSize, Channel, Envelope, Facts, Filter, FromSetting, Refusal, Settings, export_filter,
};

/// What one organisation may send.
struct Budget {
    msp_id: String,
    size: ByteSize,
}

impl FromSetting for Budget {
    fn expected() -> String {
        "an MSP id and a size, such as `Org1MSP:64 KiB`".to_owned()
    }

    fn from_setting(value: &str) -> Option<Self> {
        let (msp_id, size) = value.split_once(':').filter(|(msp_id, _)| !msp_id.is_empty())?;
        Some(Self { msp_id: msp_id.to_owned(), size: ByteSize::from_setting(size)? })
    }
}

struct SizeBudget {
    budgets: Vec<Budget>,
    /// What all others may send.
    others: ByteSize,
}

impl Filter for SizeBudget {
    fn new(settings: &Settings, _channel: &Channel) -> Result<Self, String> {
        settings.only(&["budgets", "others"])?;
        let budgets: Vec<Budget> = settings.required("budgets")?;
        let is_twice = |(place, one): (usize, &Budget)| {
            budgets.iter().take(place).any(|before| before.msp_id == one.msp_id)
        };
        if budgets.iter().enumerate().any(is_twice) {
            return Err(settings.refuse("budgets", "each organisation once").into());
        }
        Ok(Self { others: settings.required("others")?, budgets })
    }

    fn check(&self, facts: &Facts, envelope: &Envelope) -> Result<(), Refusal> {
        let size = facts.size_bytes();
        let smallest = self.budgets.iter().map(|budget| budget.size).fold(self.others, Ord::min);
        // Who wrote it is read only where it matters: it costs.
        if size <= smallest.bytes() {
            return Ok(());
        }
        let creator = envelope.creator().map_err(Refusal::bad_request)?;
        let own = self.budgets.iter().find(|budget| budget.msp_id == creator.msp_id);
        let allowed = own.map_or(self.others, |budget| budget.size).bytes();
        if size <= allowed {
            return Ok(());
        }
        let sender = creator.msp_id;
        Err(Refusal::too_large(format!("{size} bytes; {sender} may send envelopes of {allowed} bytes here")))
    }
}

export_filter!(SizeBudget);

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use raddle_guest::RefusalStatus;
    use raddle_guest::testing::{Envelope, Host};

    use super::*;

    fn host() -> Host {
        Host::new().with_setting("budgets", "Org1MSP:2 KiB, Org2MSP:1KiB").with_setting("others", "100")
    }

    #[test]
    fn each_organisation_has_its_own_size() {
        for (msp_id, size, is_accepted) in [
            ("Org1MSP", 2_048, true),
            ("Org1MSP", 2_049, false),
            ("Org2MSP", 1_024, true),
            ("Org2MSP", 1_025, false),
            ("Org3MSP", 100, true),
            ("Org3MSP", 101, false),
        ] {
            let envelope = Envelope::of_size(size - 50).with_signature_of(50).by(msp_id, "somebody");
            let verdict = host().check::<SizeBudget>(&envelope).unwrap();
            assert_eq!(verdict.is_accepted(), is_accepted, "{msp_id}, {size}");
        }
        let refused = host().check::<SizeBudget>(&Envelope::of_size(2_049)).unwrap();
        let sentence = "2049 bytes; Org1MSP may send envelopes of 2048 bytes here".to_owned();
        assert_eq!(refused.refusal, Some((RefusalStatus::TooLarge, sentence)));
    }

    #[test]
    fn who_wrote_it_is_asked_where_it_matters() {
        let imports = |size| host().check::<SizeBudget>(&Envelope::of_size(size)).unwrap().imports;
        assert_eq!(imports(101), imports(100) + 1);
    }

    #[test]
    fn settings_that_make_no_sense_are_refused_by_name() {
        let expected =
            "expected a list, separated by commas, each an MSP id and a size, such as `Org1MSP:64 KiB`";
        for (key, value, sentence) in [
            ("budgets", "Org1MSP", format!("setting `budgets` is `Org1MSP`: {expected}")),
            ("budgets", ":1", format!("setting `budgets` is `:1`: {expected}")),
            (
                "budgets",
                "A:1,A:2",
                "setting `budgets` is `A:1,A:2`: expected each organisation once".to_owned(),
            ),
            (
                "others",
                "much",
                "setting `others` is `much`: expected a size in bytes, such as `4096`, `64 KiB` \
                or `2 MiB`"
                    .to_owned(),
            ),
        ] {
            let refused = host().with_setting(key, value).check_filter_settings::<SizeBudget>();
            assert_eq!(refused.unwrap_err(), sentence);
        }
    }
}
