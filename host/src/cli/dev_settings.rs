//! The settings of a node of `raddle dev` as `raddle start` would read them, for commands that look at it.

use std::fs;
use std::path::{Path, PathBuf, absolute};

use raddle_core::ids::ChannelId;
use serde_json::{Value, json};

use super::{Code, Exit, Failure};

/// Where they are unless the node was told otherwise.
pub(super) const FOLDER: &str = ".raddle";

/// The names of the two files.
const FILES: [&str; 2] = ["orderer.yaml", "raddle.yaml"];

/// What stands in them.
pub(super) struct DevSettings<'a> {
    pub folder: &'a Path,
    pub listen: std::net::SocketAddr,
    pub channel: &'a ChannelId,
    pub genesis: &'a Path,
    pub msp_id: &'a str,
    pub msp_dir: &'a Path,
    /// Those that order the channel; none: the log on this node's disk does.
    pub brokers: &'a [String],
    /// Copies of a topic that is made.
    pub replication: u16,
}

impl DevSettings<'_> {
    /// Writes both files. JSON is YAML too.
    ///
    /// # Errors
    ///
    /// One cannot be written.
    pub fn write(&self) -> Result<(), Failure> {
        for (name, settings) in FILES.into_iter().zip([self.orderer(), self.raddle()]) {
            let path = self.folder.join(name);
            fs::write(&path, format!("{settings:#}\n")).map_err(|error| {
                let sentence = format!("{} cannot be written: {error}", path.display());
                Failure::new(Code::File, Exit::Failed, sentence)
            })?;
        }
        Ok(())
    }

    fn orderer(&self) -> Value {
        json!({
            "General": {
                "ListenAddress": self.listen.ip().to_string(),
                "ListenPort": self.listen.port(),
                "BootstrapFile": whole(self.genesis),
                "LocalMSPID": self.msp_id,
                "LocalMSPDir": whole(self.msp_dir),
            },
            "FileLedger": { "Location": whole(self.folder) },
            "Kafka": { "Topic": { "ReplicationFactor": self.replication } },
        })
    }

    fn raddle(&self) -> Value {
        let log = if self.brokers.is_empty() { json!("local") } else { json!(self.brokers) };
        json!({ "Ordering": { "channels": { self.channel.0.as_str(): log } } })
    }
}

/// The folder of such a node that was started here, if no other settings are.
pub(super) fn found() -> Option<PathBuf> {
    let [orderer, _] = FILES;
    let is_dev = !Path::new(orderer).exists() && Path::new(FOLDER).join(orderer).exists();
    (is_dev && std::env::var_os("FABRIC_CFG_PATH").is_none()).then(|| PathBuf::from(FOLDER))
}

/// Those who read it may stand elsewhere.
fn whole(path: &Path) -> PathBuf {
    absolute(path).unwrap_or_else(|_| path.to_owned())
}
