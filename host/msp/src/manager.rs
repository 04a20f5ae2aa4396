//! All MSPs of a channel.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use raddle_proto::msp::SerializedIdentity;
use raddle_proto::wire::go_decode;

use crate::error::DeserializeError;
use crate::identity::Identity;
use crate::msp::Msp;

/// The MSPs of a channel under one config.
#[derive(Clone, Debug, Default)]
pub struct MspManager {
    msps: BTreeMap<String, Arc<Msp>>,
}

impl MspManager {
    /// Of several MSPs with one id, the last counts.
    ///
    /// Source: fabric v2.5.16 `msp/mspmgrimpl.go` `Setup`.
    pub fn new(msps: impl IntoIterator<Item = Msp>) -> Self {
        Self { msps: msps.into_iter().map(|msp| (msp.name.clone(), Arc::new(msp))).collect() }
    }

    /// The MSP of this id.
    #[must_use]
    pub fn msp(&self, id: &str) -> Option<&Arc<Msp>> {
        self.msps.get(id)
    }

    /// All MSPs, by their id.
    pub fn msps(&self) -> impl Iterator<Item = &Arc<Msp>> {
        self.msps.values()
    }

    /// Reads an identity from a marshalled `SerializedIdentity`. It need not be valid: see [`Identity::validate`].
    ///
    /// Source: fabric v2.5.16 `msp/mspmgrimpl.go` `DeserializeIdentity`.
    ///
    /// # Errors
    ///
    /// Why there is no identity in these bytes, in Fabric's words.
    pub fn deserialize(&self, bytes: &[u8]) -> Result<Arc<Identity>, DeserializeError> {
        let identity = go_decode(Bytes::copy_from_slice(bytes));
        let SerializedIdentity { mspid, id_bytes } = identity.map_err(DeserializeError::Encoding)?;
        let Some(msp) = self.msps.get(&mspid) else { return Err(DeserializeError::UnknownMsp(mspid)) };
        Identity::read(msp, &id_bytes).map(Arc::new)
    }
}
