//! Why a module is not ready, or not installed.

use raddle_core::batch_policy::{GuestFault, LocalFault};

use crate::artifact::CompileFailure;
use crate::check::Refusal;
use crate::module::{BindError, LoadError};
use crate::profile::LimitsError;
use crate::settings::SettingsError;

/// Why a module is not ready to run.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PrepareError {
    /// It breaks the profile. The same on every orderer, for ever: a batch policy gives way to the shipped one.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// It does not fit its limits. The same on every orderer, for ever.
    #[error(transparent)]
    Bind(#[from] BindError),
    /// It asks for limits that do not exist. The same on every orderer, for ever.
    #[error(transparent)]
    Limits(#[from] LimitsError),
    /// It has settings that no module has. The same on every orderer, for ever.
    #[error(transparent)]
    Settings(#[from] SettingsError),
    /// This orderer has not compiled it. Another may.
    #[error(transparent)]
    Compile(#[from] CompileFailure),
    /// This orderer failed. Another may not.
    #[error(transparent)]
    Local(#[from] LocalFault),
}

impl PrepareError {
    /// Whether this is a verdict on the module, which is the same on every orderer, and not a failure of this one.
    #[must_use]
    pub const fn is_verdict(&self) -> bool {
        match self {
            Self::Refused(_) | Self::Bind(_) | Self::Limits(_) | Self::Settings(_) => true,
            Self::Compile(_) | Self::Local(_) => false,
        }
    }
}

impl From<LoadError> for PrepareError {
    fn from(error: LoadError) -> Self {
        match error {
            LoadError::Refused(refusal) => refusal.into(),
            LoadError::Local(fault) => fault.into(),
        }
    }
}

/// Why a module is not installed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InstallError {
    /// It is not ready to run.
    #[error(transparent)]
    Prepare(#[from] PrepareError),
    /// It does not like its settings.
    #[error("it does not take its settings: {sentence}")]
    Settings {
        /// The module's own sentence.
        sentence: String,
    },
    /// It fails when it is asked about its settings.
    #[error("it fails when it is asked about its settings: {0}")]
    Fault(GuestFault),
    /// This orderer does not get it to answer.
    #[error("it could not be asked about its settings: {0}")]
    Local(LocalFault),
}

impl InstallError {
    /// Whether the module, or what it is told, has to be changed. Otherwise this orderer has failed, and the same
    /// update may succeed with another, or later.
    #[must_use]
    pub const fn is_refusal(&self) -> bool {
        match self {
            Self::Prepare(PrepareError::Compile(failure)) => failure.is_too_expensive(),
            Self::Prepare(error) => error.is_verdict(),
            Self::Settings { .. } | Self::Fault(_) => true,
            Self::Local(_) => false,
        }
    }
}
