//! Profile 1 as a channel's config meets it.

use raddle_core::modules::{COMPONENT_BYTES_MAX, Kind, Profile, ProfileRefusal, Spec};

use super::{ModuleStore, PrepareError};
use crate::check::{Checked, ModuleKind};
use crate::module::checked;
use crate::profile::{Limit, ModuleLimits};
use crate::settings::Settings;

const _: () = assert!(Limit::ComponentBytes.allowed() == COMPONENT_BYTES_MAX as u64);

/// Profile 1's check of a module: the limits that it asks for, its component, and whether the one fits the other.
#[derive(Clone, Copy, Debug, Default)]
pub struct Profile1;

impl Profile for Profile1 {
    fn check(&self, spec: &Spec) -> Result<(), ProfileRefusal> {
        verdict(fit(spec, spec.kind, None))
    }
}

/// The same, without looking again at components that are in use.
impl Profile for ModuleStore {
    fn check(&self, spec: &Spec) -> Result<(), ProfileRefusal> {
        verdict(self.fit(spec, spec.kind))
    }
}

fn verdict<T>(result: Result<T, PrepareError>) -> Result<(), ProfileRefusal> {
    result.map(|_| ()).map_err(|error| ProfileRefusal { sentence: error.to_string() })
}

/// Limits and settings of a module that is of the kind it must be of and fits its limits. `known` is what the check
/// found in its component before.
pub(super) fn fit(
    spec: &Spec,
    wanted: Kind,
    known: Option<Checked>,
) -> Result<(ModuleLimits, Settings), PrepareError> {
    let limits = ModuleLimits::new(spec.fuel, spec.memory_bytes)?;
    let settings = Settings::new(spec.settings.iter().map(|it| (it.key.clone(), it.value.clone())))?;
    let found = match known {
        Some(known) => known,
        None => checked(wanted.into(), &spec.component)?,
    };
    found.fit(&limits)?;
    Ok((limits, settings))
}

impl From<Kind> for ModuleKind {
    fn from(kind: Kind) -> Self {
        match kind {
            Kind::Filter => Self::Filter,
            Kind::BatchPolicy => Self::BatchPolicy,
        }
    }
}
