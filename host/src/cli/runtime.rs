//! The threads on which an orderer works.

use tokio::runtime::{Builder, Runtime};

use super::{Code, Exit, Failure};

/// As many threads as the machine has processors.
///
/// # Errors
///
/// The system gives none.
pub fn start() -> Result<Runtime, Failure> {
    Builder::new_multi_thread().enable_all().build().map_err(|error| {
        Failure::new(Code::Sandbox, Exit::Failed, format!("there are no threads for the network: {error}"))
    })
}
