//! The settings of the node whose commands these are.

use std::path::PathBuf;

use raddle_core::bundle::{Bundle, read_genesis};

use super::{Code, Exit, Failure};
use crate::config::{LogChoice, Problems, Settings, environment};

/// Which files.
#[derive(Clone, Debug, clap::Args)]
pub struct ConfigFolder {
    /// Folder of orderer.yaml and raddle.yaml [default: $FABRIC_CFG_PATH, ., /etc/hyperledger/fabric]
    #[arg(long, value_name = "FOLDER")]
    config: Option<PathBuf>,
}

impl ConfigFolder {
    /// Reads the settings; warns of what is likely not meant.
    ///
    /// # Errors
    ///
    /// All that is wrong with them, a line each.
    pub fn load(&self) -> Result<Settings, Failure> {
        let settings = Settings::load(self.config.as_deref(), &environment())?;
        for warning in &settings.warnings {
            tracing::warn!("{warning}");
        }
        Ok(settings)
    }
}

impl From<Problems> for Failure {
    fn from(problems: Problems) -> Self {
        let mut failure = Self::new(Code::Settings, Exit::Usage, problems.to_string());
        failure.lines = problems.0.iter().map(ToString::to_string).collect();
        failure
    }
}

/// Checks that a channel is mapped to a log that this version has: the one on this node's disk.
///
/// # Errors
///
/// It is not, and what to write so that it is.
pub fn check_mapped(settings: &Settings, bundle: &Bundle) -> Result<(), Failure> {
    let (channel, kind) = (&bundle.channel, bundle.consensus.kind.as_str());
    let refused = |sentence: String| {
        let hint = match kind {
            "kafka" | "etcdraft" => {
                format!("to order it on this node alone, write `Ordering: {{{kind}: local}}`")
            }
            _ => format!(
                "to order it on this node alone, write `Ordering: {{channels: {{{channel}: local}}}}`"
            ),
        };
        Err(Failure::new(Code::NotMapped, Exit::Usage, sentence).hint(format!("{hint} in raddle.yaml")))
    };
    let Some(mapped) = settings.ordering.log_for(channel, kind) else {
        return refused(format!("channel {channel} is of type {kind:?}, and no log is known for that"));
    };
    let origin = &mapped.origin;
    match &mapped.value {
        LogChoice::Local => Ok(()),
        LogChoice::None => {
            refused(format!("channel {channel} is of type {kind}, and no log orders that ({origin})"))
        }
        LogChoice::Channel | LogChoice::Brokers(_) => refused(format!(
            "channel {channel} is to be ordered by Kafka ({origin}), which this version does not have"
        )),
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
