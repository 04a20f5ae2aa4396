//! What the misbehaving guests share: a policy that takes everything, until one call of its batch goes wrong.
//!
//! The settings say which call: `call` is `new`, `fits` or `add` (the default), `n` says the how-manieth of its kind
//! in the batch (1 by default). With `new` the fault strikes where the instance starts, and where the settings are
//! checked.

use std::num::NonZeroU32;

use raddle_guest::{BatchPolicy, Channel, Creator, EnvelopeInfo, FromSetting, Pending, Settings};

/// Which function of a policy is called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Call {
    /// The constructor.
    New,
    /// `fits`.
    Fits,
    /// `add`.
    Add,
}

impl FromSetting for Call {
    fn expected() -> String {
        "`new`, `fits` or `add`".to_owned()
    }

    fn from_setting(value: &str) -> Option<Self> {
        match value {
            "new" => Some(Self::New),
            "fits" => Some(Self::Fits),
            "add" => Some(Self::Add),
            _ => None,
        }
    }
}

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

    /// Goes wrong. If it comes back, this is the call's answer. `creator` is the envelope's; none in the constructor.
    fn strike(&mut self, creator: Option<Creator>) -> bool;
}

/// A policy that takes everything, with one fault in it.
pub struct Faulty<F> {
    fault: F,
    call: Call,
    /// Calls of that kind until the fault strikes, that one included; 0 when it has struck.
    left: u32,
}

impl<F: Fault> BatchPolicy for Faulty<F> {
    fn new(settings: &Settings, channel: &Channel) -> Result<Self, String> {
        let mut known = vec!["call", "n"];
        known.extend(F::SETTINGS);
        settings.only(&known)?;
        let mut policy = Self {
            fault: F::new(settings, channel)?,
            call: settings.with_default("call", Call::Add)?,
            left: settings.with_default("n", NonZeroU32::MIN)?.get(),
        };
        policy.answer(Call::New, None, true);
        Ok(policy)
    }

    fn fits(&mut self, envelope: &EnvelopeInfo, _pending: Pending) -> bool {
        self.answer(Call::Fits, Some(envelope.creator), true)
    }

    fn add(&mut self, envelope: &EnvelopeInfo, _pending: Pending) -> bool {
        self.answer(Call::Add, Some(envelope.creator), false)
    }
}

impl<F: Fault> Faulty<F> {
    fn answer(&mut self, call: Call, creator: Option<Creator>, usual: bool) -> bool {
        if self.call != call || self.left == 0 {
            return usual;
        }
        self.left -= 1;
        if self.left == 0 { self.fault.strike(creator) } else { usual }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use raddle_guest::testing::{Envelope, Host};

    use super::*;

    /// Answers the opposite of what a policy that takes everything answers.
    struct Opposite {
        in_add: bool,
    }

    impl Fault for Opposite {
        const SETTINGS: &'static [&'static str] = &["in-add"];

        fn new(settings: &Settings, _channel: &Channel) -> Result<Self, String> {
            Ok(Self { in_add: settings.with_default("in-add", true)? })
        }

        fn strike(&mut self, _creator: Option<Creator>) -> bool {
            self.in_add
        }
    }

    fn counts(settings: &[(&str, &str)]) -> Vec<u32> {
        let host = settings.iter().fold(Host::new(), |host, (key, value)| host.with_setting(key, value));
        host.cut::<Faulty<Opposite>>([Envelope::of_size(1); 9]).unwrap().counts()
    }

    #[test]
    fn a_fault_strikes_at_the_call_that_the_settings_name() {
        assert_eq!(counts(&[("n", "4")]), [4, 4]);
        assert_eq!(counts(&[("n", "3"), ("call", "fits"), ("in-add", "false")]), [3, 3]);
        assert_eq!(counts(&[("call", "new")]), []);
        assert_eq!(counts(&[("n", "10")]), []);
    }

    #[test]
    fn settings_that_make_no_sense_are_refused() {
        for (key, value, sentence) in [
            ("n", "0", "setting `n` is `0`: expected a whole number from 1 to 4294967295"),
            ("call", "check", "setting `call` is `check`: expected `new`, `fits` or `add`"),
            ("in-ad", "true", "unknown setting `in-ad`: did you mean `in-add`?"),
        ] {
            let refused = Host::new().with_setting(key, value).check_settings::<Faulty<Opposite>>();
            assert_eq!(refused.unwrap_err(), sentence);
        }
    }
}
