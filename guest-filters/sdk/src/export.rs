//! From a Rust type to a component's exports.

pub mod filter;

#[cfg(target_arch = "wasm32")]
pub use wasm::{Slot, check_settings};

/// Makes a type that implements [`BatchPolicy`](crate::BatchPolicy) the module's batch policy. Once a crate, in a
/// `cdylib`; does nothing in a native build.
///
/// The module keeps Rust's own allocator, which gives out again what was freed: a policy lives for a whole batch. A
/// filter's does not, see [`export_filter!`](crate::export_filter).
///
/// ```
/// use raddle_guest::{BatchPolicy, Channel, EnvelopeInfo, Pending, Settings, export_batch_policy};
///
/// struct OneByOne;
///
/// impl BatchPolicy for OneByOne {
///     fn new(settings: &Settings, _channel: &Channel) -> Result<Self, String> {
///         settings.only(&[])?;
///         Ok(Self)
///     }
///
///     fn add(&mut self, _envelope: &EnvelopeInfo, _pending: Pending) -> bool {
///         true
///     }
/// }
///
/// export_batch_policy!(OneByOne);
/// # fn main() {}
/// ```
#[macro_export]
#[rustfmt::skip] // It indents the last line of the body anew each time.
macro_rules! export_batch_policy {
    ($policy:ty) => {
        const _: fn() = || {
            fn is_a_batch_policy<P: $crate::BatchPolicy>() {}
            is_a_batch_policy::<$policy>();
        };

        #[cfg(target_arch = "wasm32")]
        const _: () = {
            ::std::thread_local! {
                static BATCH: $crate::__export::Slot<$policy> = const { $crate::__export::Slot::new() };
            }

            struct Module;

            impl $crate::__export::Guest for Module {
                fn check_settings() -> ::std::result::Result<(), ::std::string::String> {
                    $crate::__export::check_settings::<$policy>()
                }

                fn fits(
                    envelope: $crate::__export::EnvelopeInfo,
                    pending: $crate::__export::Pending,
                ) -> bool {
                    BATCH.with(|batch| batch.fits(envelope, pending))
                }

                fn add(envelope: $crate::__export::EnvelopeInfo, pending: $crate::__export::Pending) -> bool {
                    BATCH.with(|batch| batch.add(envelope, pending))
                }
            }

            $crate::__export::bindings::export!(Module with_types_in $crate::__export::bindings);
        };
    };
}

#[cfg(target_arch = "wasm32")]
mod wasm {
    use std::cell::Cell;

    use crate::host::bindings::exports::raddle::rules::batch_guest;
    use crate::{BatchPolicy, Channel, Creator, EnvelopeInfo, Pending, Settings, host, log};

    /// Whether a policy can be made of the settings.
    pub fn check_settings<P: BatchPolicy>() -> Result<(), String> {
        start::<P>().map(drop)
    }

    fn start<P: BatchPolicy>() -> Result<P, String> {
        P::new(&Settings(host::Settings), &Channel(host::Channel))
    }

    /// Where the batch's policy lies between two calls.
    pub struct Slot<P>(Cell<Option<P>>);

    impl<P: BatchPolicy> Slot<P> {
        /// No policy yet: the first call makes it.
        pub const fn new() -> Self {
            Self(Cell::new(None))
        }

        /// Asks the policy whether the envelope fits.
        pub fn fits(&self, envelope: batch_guest::EnvelopeInfo, pending: batch_guest::Pending) -> bool {
            self.with(|policy| policy.fits(&envelope.into(), pending.into()))
        }

        /// Adds the envelope.
        pub fn add(&self, envelope: batch_guest::EnvelopeInfo, pending: batch_guest::Pending) -> bool {
            self.with(|policy| policy.add(&envelope.into(), pending.into()))
        }

        fn with(&self, call: impl FnOnce(&mut P) -> bool) -> bool {
            let mut policy = match self.0.take() {
                Some(policy) => policy,
                None => start().unwrap_or_else(|sentence| {
                    log::error(&sentence);
                    // A trap: the host counts it, and the standard rule takes over.
                    std::process::abort()
                }),
            };
            let answer = call(&mut policy);
            self.0.set(Some(policy));
            answer
        }
    }

    impl From<batch_guest::EnvelopeInfo> for EnvelopeInfo {
        fn from(envelope: batch_guest::EnvelopeInfo) -> Self {
            Self {
                size_bytes: envelope.size,
                header_type: envelope.header_type,
                creator: Creator::numbered(envelope.creator),
            }
        }
    }

    impl From<batch_guest::Pending> for Pending {
        fn from(pending: batch_guest::Pending) -> Self {
            Self { count: pending.count, size_bytes: pending.bytes }
        }
    }
}
