//! Lines for the operator's log.
//!
//! Of one call at most 16 lines and 4 KiB are kept; the rest is counted and dropped. A line costs fuel: 100 and one for
//! each byte.
//!
//! ```
//! raddle_guest::log::warn("the batch grows slowly");
//! ```

use crate::host;

/// How much a line matters.
///
/// ```
/// use raddle_guest::log::{Level, log};
///
/// log(Level::Info, "a large envelope");
/// assert!(Level::Debug < Level::Error);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// For the module's author.
    Debug,
    /// For the curious.
    Info,
    /// Something is not as it should be.
    Warn,
    /// The module cannot do its work.
    Error,
}

/// Logs a line at a level.
pub fn log(level: Level, message: &str) {
    host::log(level, message);
}

/// Logs a line for the module's author.
pub fn debug(message: &str) {
    log(Level::Debug, message);
}

/// Logs a line for the curious.
pub fn info(message: &str) {
    log(Level::Info, message);
}

/// Logs a line that says what is not as it should be.
pub fn warn(message: &str) {
    log(Level::Warn, message);
}

/// Logs a line that says why the module cannot do its work.
pub fn error(message: &str) {
    log(Level::Error, message);
}
