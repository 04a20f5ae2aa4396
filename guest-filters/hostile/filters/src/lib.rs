//! What the misbehaving filters share: a filter that takes everything, until it is to go wrong.
//!
//! The settings say when. `payload-size` and `tx-id` mark envelopes: the fault strikes at those that bear all marks
//! that are set, and at every one if none is. With `call` = `new` it strikes where the filter is made, which is also
//! where its settings are checked; then there is no envelope to bear a mark.

pub mod memory;

use raddle_guest::{Channel, Envelope, Facts, Filter, FromSetting, Refusal, Settings};

/// What goes wrong.
pub trait Fault: Sized {
    /// Keys of the fault's own settings.
    const SETTINGS: &'static [&'static str];

    /// Reads the fault's own settings.
    ///
    /// # Errors
    ///
    /// A setting that makes no sense.
    fn new(settings: &Settings, channel: &Channel) -> Result<Self, String>;

    /// Goes wrong. There is no envelope where the filter is made.
    ///
    /// # Errors
    ///
    /// If it comes back, this is the verdict.
    fn strike(&self, envelope: Option<&Envelope>) -> Result<(), Refusal>;
}

/// Which function of a filter is called.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Call {
    New,
    Check,
}

impl FromSetting for Call {
    fn expected() -> String {
        "`new` or `check`".to_owned()
    }

    fn from_setting(value: &str) -> Option<Self> {
        match value {
            "new" => Some(Self::New),
            "check" => Some(Self::Check),
            _ => None,
        }
    }
}

/// A filter that takes everything, with one fault in it.
pub struct Faulty<F> {
    fault: F,
    call: Call,
    payload_size_bytes: Option<u64>,
    tx_id: Option<String>,
}

impl<F: Fault> Filter for Faulty<F> {
    fn new(settings: &Settings, channel: &Channel) -> Result<Self, String> {
        let mut known = vec!["call", "payload-size", "tx-id"];
        known.extend(F::SETTINGS);
        settings.only(&known)?;
        let filter = Self {
            fault: F::new(settings, channel)?,
            call: settings.with_default("call", Call::Check)?,
            payload_size_bytes: settings.optional("payload-size")?,
            tx_id: settings.optional("tx-id")?,
        };
        if filter.call == Call::New {
            filter.fault.strike(None).map_err(|_| "refused where the filter is made".to_owned())?;
        }
        Ok(filter)
    }

    fn check(&self, facts: &Facts, envelope: &Envelope) -> Result<(), Refusal> {
        if self.call == Call::Check && self.is_marked(facts, envelope) {
            self.fault.strike(Some(envelope))
        } else {
            Ok(())
        }
    }
}

impl<F> Faulty<F> {
    fn is_marked(&self, facts: &Facts, envelope: &Envelope) -> bool {
        self.payload_size_bytes.is_none_or(|marked| facts.payload_size_bytes == marked)
            && self
                .tx_id
                .as_ref()
                .is_none_or(|marked| envelope.header().is_ok_and(|header| header.tx_id == *marked))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use raddle_guest::testing::{Envelope, Host};

    use super::*;

    struct Refuse;

    impl Fault for Refuse {
        const SETTINGS: &'static [&'static str] = &["own"];

        fn new(_settings: &Settings, _channel: &Channel) -> Result<Self, String> {
            Ok(Self)
        }

        fn strike(&self, _envelope: Option<&raddle_guest::Envelope>) -> Result<(), Refusal> {
            Err(Refusal::forbidden("struck"))
        }
    }

    fn host(settings: &[(&str, &str)]) -> Host {
        settings.iter().fold(Host::new(), |host, (key, value)| host.with_setting(key, value))
    }

    #[test]
    fn a_fault_strikes_at_envelopes_that_bear_every_mark() {
        let envelope = Envelope::of_size(7).with_signature_of(1).with_tx_id("a");
        for (settings, struck) in [
            (&[][..], true),
            (&[("own", "")], true),
            (&[("payload-size", "7")], true),
            (&[("payload-size", "8")], false),
            (&[("tx-id", "a")], true),
            (&[("tx-id", "b")], false),
            (&[("payload-size", "7"), ("tx-id", "a")], true),
            (&[("payload-size", "7"), ("tx-id", "b")], false),
            (&[("payload-size", "8"), ("tx-id", "a")], false),
        ] {
            let verdict = host(settings).check::<Faulty<Refuse>>(&envelope).unwrap();
            assert_eq!(verdict.is_accepted(), !struck, "{settings:?}");
        }
    }

    #[test]
    fn a_fault_can_strike_where_the_filter_is_made() {
        let host = host(&[("call", "new")]);
        let refused = Err("refused where the filter is made".to_owned());
        assert_eq!(host.check_filter_settings::<Faulty<Refuse>>(), refused);
        assert_eq!(host.check::<Faulty<Refuse>>(&Envelope::of_size(1)).map(drop), refused);
    }

    #[test]
    fn settings_that_make_no_sense_are_refused() {
        for (key, value, sentence) in [
            ("call", "add", "setting `call` is `add`: expected `new` or `check`"),
            ("tx_id", "a", "unknown setting `tx_id`: did you mean `tx-id`?"),
        ] {
            let refused = host(&[(key, value)]).check_filter_settings::<Faulty<Refuse>>();
            assert_eq!(refused.unwrap_err(), sentence);
        }
    }
}
