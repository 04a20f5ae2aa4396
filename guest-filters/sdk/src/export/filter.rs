//! From a Rust type to the exports of a filter.

#[cfg(target_arch = "wasm32")]
pub use wasm::{check, check_settings};

/// Makes a type that implements [`Filter`](crate::Filter) the module's filter. Once a crate, in a `cdylib`; does
/// nothing in a native build.
///
/// The module gets an allocator for a short life, so it must not name one of its own.
///
/// ```
/// use raddle_guest::{Channel, Envelope, Facts, Filter, Refusal, Settings, export_filter};
///
/// struct TransactionsOnly;
///
/// impl Filter for TransactionsOnly {
///     fn new(settings: &Settings, _channel: &Channel) -> Result<Self, String> {
///         settings.only(&[])?;
///         Ok(Self)
///     }
///
///     fn check(&self, facts: &Facts, _envelope: &Envelope) -> Result<(), Refusal> {
///         if facts.header_type == 3 { Ok(()) } else { Err(Refusal::bad_request("not a transaction")) }
///     }
/// }
///
/// export_filter!(TransactionsOnly);
/// # fn main() {}
/// ```
#[macro_export]
#[rustfmt::skip] // It indents the last line of the body anew each time.
macro_rules! export_filter {
    ($filter:ty) => {
        const _: fn() = || {
            fn is_a_filter<F: $crate::Filter>() {}
            is_a_filter::<$filter>();
        };

        #[cfg(target_arch = "wasm32")]
        const _: () = {
            #[global_allocator]
            static ARENA: $crate::__export::filter::Arena = $crate::__export::filter::Arena::new();

            struct Module;

            impl $crate::__export::filter::Guest for Module {
                fn check_settings() -> ::std::result::Result<(), ::std::string::String> {
                    $crate::__export::filter::check_settings::<$filter>()
                }

                fn check(
                    facts: $crate::__export::filter::Facts,
                ) -> ::std::result::Result<(), $crate::__export::filter::Refusal> {
                    $crate::__export::filter::check::<$filter>(facts)
                }
            }

            $crate::__export::filter::bindings::export!(
                Module with_types_in $crate::__export::filter::bindings
            );
        };
    };
}

#[cfg(target_arch = "wasm32")]
mod wasm {
    use crate::filter::Reason;
    use crate::host::filter_bindings::exports::raddle::rules::filter_guest;
    use crate::{Channel, Envelope, Facts, Filter, Refusal, RefusalStatus, Settings, Timestamp, host, log};

    /// Whether a filter can be made of the settings.
    pub fn check_settings<F: Filter>() -> Result<(), String> {
        start::<F>().map(drop)
    }

    /// Judges the envelope.
    pub fn check<F: Filter>(facts: filter_guest::Facts) -> Result<(), filter_guest::Refusal> {
        let filter = start::<F>().unwrap_or_else(|sentence| {
            log::error(&sentence);
            // A trap: the host counts it, and refuses the envelope in the module's name.
            std::process::abort()
        });
        filter.check(&facts.into(), &Envelope(host::Envelope)).map_err(Into::into)
    }

    fn start<F: Filter>() -> Result<F, String> {
        F::new(&Settings(host::Settings), &Channel(host::Channel))
    }

    impl From<filter_guest::Facts> for Facts {
        fn from(facts: filter_guest::Facts) -> Self {
            Self {
                payload_size_bytes: facts.payload_size,
                signature_size_bytes: facts.signature_size,
                header_type: facts.header_type,
                timestamp: facts.timestamp.map(Into::into),
                creator_expires: facts.creator_expires.map(Into::into),
                received: facts.received.into(),
            }
        }
    }

    impl From<filter_guest::Timestamp> for Timestamp {
        fn from(time: filter_guest::Timestamp) -> Self {
            Self { seconds: time.seconds, nanoseconds: time.nanoseconds }
        }
    }

    impl From<Refusal> for filter_guest::Refusal {
        fn from(refusal: Refusal) -> Self {
            let status = match refusal.status {
                RefusalStatus::BadRequest => filter_guest::RefusalStatus::BadRequest,
                RefusalStatus::Forbidden => filter_guest::RefusalStatus::Forbidden,
                RefusalStatus::TooLarge => filter_guest::RefusalStatus::TooLarge,
            };
            let reason = match refusal.reason {
                Reason::Text(sentence) => filter_guest::RefusalReason::Text(sentence),
                Reason::PolicyText => filter_guest::RefusalReason::PolicyText,
            };
            Self { status, reason }
        }
    }
}
