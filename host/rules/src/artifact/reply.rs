//! What a compile worker writes: a header of fixed length, and what it announces.

use super::{ARTIFACT_BYTES_MAX, EngineKey};

/// First bytes of a reply, with the version of its form.
const MAGIC: [u8; 8] = *b"RDLCOMP1";

/// Bytes before what the header announces.
pub(super) const HEADER_BYTES: usize = 8 + 32 + 1 + 8;

/// What follows a header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Content {
    /// Machine code.
    Artifact = 0,
    /// A sentence of the engine's, on why there is none.
    Sentence = 1,
    /// Nothing: the worker had not enough memory.
    OutOfMemory = 2,
}

/// The beginning of a reply.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Header {
    pub(super) engine: EngineKey,
    pub(super) content: Content,
    pub(super) length: usize,
}

impl Header {
    pub(super) fn to_bytes(self) -> Vec<u8> {
        let mut bytes = MAGIC.to_vec();
        bytes.extend(self.engine.0);
        bytes.push(self.content as u8);
        bytes.extend((self.length as u64).to_le_bytes());
        bytes
    }

    /// Reads what no other process than a worker of this version writes.
    pub(super) fn read(bytes: &[u8; HEADER_BYTES]) -> Result<Self, String> {
        let mut rest = bytes.as_slice();
        if take::<8>(&mut rest) != Some(MAGIC) {
            return Err("it begins otherwise".to_owned());
        }
        let (engine, content, length) = (take::<32>(&mut rest), take::<1>(&mut rest), take::<8>(&mut rest));
        let content = match content {
            Some([0]) => Content::Artifact,
            Some([1]) => Content::Sentence,
            Some([2]) => Content::OutOfMemory,
            other => return Err(format!("content of kind {other:?}")),
        };
        let length = u64::from_le_bytes(length.unwrap_or_default());
        match usize::try_from(length) {
            Ok(length) if length <= ARTIFACT_BYTES_MAX => {
                Ok(Self { engine: EngineKey(engine.unwrap_or_default()), content, length })
            }
            _ => Err(format!("{length} bytes of artifact, at most {ARTIFACT_BYTES_MAX} are taken")),
        }
    }
}

fn take<const N: usize>(bytes: &mut &[u8]) -> Option<[u8; N]> {
    let (taken, rest) = bytes.split_first_chunk::<N>()?;
    *bytes = rest;
    Some(*taken)
}
