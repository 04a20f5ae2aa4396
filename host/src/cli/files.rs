//! Files that a command is given.

use std::path::Path;

use bytes::Bytes;

use super::{Code, Exit, Failure};

/// Most bytes of a file that is read whole: gRPC's limit on a block.
const BLOCK_BYTES_MAX: u64 = 100 << 20;

/// Reads a file that holds one block.
///
/// # Errors
///
/// It cannot be read, or is longer than any block.
pub fn read_block(path: &Path) -> Result<Bytes, Failure> {
    let failed = |what: String| {
        Failure::new(Code::File, Exit::Usage, format!("{} cannot be read: {what}", path.display()))
    };
    let size = path.metadata().map_err(|error| failed(error.to_string()))?.len();
    if size > BLOCK_BYTES_MAX {
        return Err(failed(format!("{size} bytes are more than a block's {BLOCK_BYTES_MAX}")));
    }
    std::fs::read(path).map(Bytes::from).map_err(|error| failed(error.to_string()))
}
