//! The settings of the node whose commands these are.

use std::path::PathBuf;

use raddle_core::bundle::{Bundle, read_genesis};
use raddle_ordering::kafka;

use super::{Code, Exit, Failure, dev_settings};
use crate::config::{Problems, Settings, environment};
use crate::logs::{Chosen, choose};
use crate::node::NoLog;

/// Which files.
#[derive(Clone, Debug, Default, clap::Args)]
pub struct ConfigFolder {
    /// Folder of orderer.yaml and raddle.yaml [default: $FABRIC_CFG_PATH, ., /etc/hyperledger/fabric]
    #[arg(long, value_name = "FOLDER")]
    config: Option<PathBuf>,
}

impl ConfigFolder {
    /// The same; where none is named and no files are here, that of a node of `raddle dev`.
    #[must_use]
    pub fn or_dev(&self) -> Self {
        Self { config: self.config.clone().or_else(dev_settings::found) }
    }

    /// Reads the settings; warns of what is likely not meant.
    ///
    /// # Errors
    ///
    /// All that is wrong with them, a line each.
    pub fn load(&self) -> Result<Settings, Failure> {
        let (settings, problems) = self.read()?;
        if problems.0.is_empty() { Ok(settings) } else { Err(problems.into()) }
    }

    /// The same, where problems do not hide the rest.
    ///
    /// # Errors
    ///
    /// There is no file.
    pub fn read(&self) -> Result<(Settings, Problems), Failure> {
        let (settings, problems) = Settings::read(self.config.as_deref(), &environment())?;
        for warning in &settings.warnings {
            tracing::warn!("{warning}");
        }
        Ok((settings, problems))
    }
}

impl From<Problems> for Failure {
    fn from(problems: Problems) -> Self {
        let mut failure = Self::new(Code::Settings, Exit::Usage, problems.to_string());
        failure.lines = problems.0.iter().map(ToString::to_string).collect();
        failure
    }
}

/// Checks that a channel is mapped to a log, and that this build can speak to it. Brokers are not asked.
///
/// # Errors
///
/// It is not, and what to write so that it is.
pub fn check_mapped(settings: &Settings, bundle: &Bundle) -> Result<(), Failure> {
    match choose(&settings.ordering, bundle)? {
        Chosen::Local => Ok(()),
        Chosen::Kafka(brokers) => {
            let settings = kafka::Settings { brokers: brokers.to_vec(), ..settings.kafka.clone() };
            Ok(settings.check().map_err(NoLog::Kafka)?)
        }
    }
}

/// The config in a channel's block 0.
///
/// # Errors
///
/// The block is no such block, or nothing that can be ordered here.
pub fn read_block_0(path: &std::path::Path) -> Result<(bytes::Bytes, Bundle), Failure> {
    let bytes = super::files::read_block(path)?;
    match read_genesis(bytes.clone()) {
        Ok(genesis) => Ok((bytes, Bundle::clone(&genesis.config.bundle))),
        Err(error) => Err(Failure::new(Code::Genesis, Exit::Usage, format!("{}: {error}", path.display()))),
    }
}
