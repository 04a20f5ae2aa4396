//! How a compiler that makes WebAssembly is looked for, whatever it compiles.

use std::env;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Names a linker to use before all others, whatever the language.
pub(crate) const LINKER_VARIABLE: &str = "RADDLE_GUEST_LINKER";

/// Why there is no compiler to build with.
#[derive(Debug, thiserror::Error)]
pub enum NoCompiler {
    /// Nothing here makes WebAssembly. The first line says so, and those behind it what to install.
    #[error("{0}")]
    None(&'static str),
    /// A variable names what can build no guests.
    #[error("{variable}={} can build no guests", .path.display())]
    Named {
        /// The variable.
        variable: &'static str,
        /// What it names.
        path: PathBuf,
    },
}

/// The compiler that a variable names, if it is set.
///
/// # Errors
///
/// [`NoCompiler::Named`].
pub(crate) fn named<T>(
    variable: &'static str,
    probe: impl FnOnce(&Path) -> Option<T>,
) -> Result<Option<T>, NoCompiler> {
    let Some(path) = env::var_os(variable).map(PathBuf::from) else { return Ok(None) };
    match probe(&path) {
        Some(found) => Ok(Some(found)),
        None => Err(NoCompiler::Named { variable, path }),
    }
}

/// What a command prints, if it succeeds.
pub(crate) fn output(command: &mut Command) -> Option<String> {
    let output = command.stdin(Stdio::null()).stderr(Stdio::null()).output().ok()?;
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
}
