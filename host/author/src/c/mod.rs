//! Modules in C: the bindings of the contract, and a compiler that makes WebAssembly of them without a C library.

mod bindings;
mod compiler;

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

pub use self::bindings::{BindingsError, files as bindings};
pub use self::compiler::{CompileError, Compiler, FLAGS, LINKER_FLAGS, NONE};
use crate::project::{Kind, SDK_FOLDER};

/// What is made beside the sources, in the module's folder.
const BUILD_FOLDER: &str = ".build";

/// Whether a folder is that of a module in C, and of which kind: the SDK in it says so.
#[must_use]
pub fn kind_of(folder: &Path) -> Option<Kind> {
    let sdk = folder.join(SDK_FOLDER);
    if !sdk.join("guest.h").is_file() {
        return None;
    }
    let contract = fs::read_to_string(sdk.join("raddle.h")).ok()?;
    Some(if contract.contains("exports_raddle_rules_filter_guest_check(") {
        Kind::Filter
    } else {
        Kind::BatchPolicy
    })
}

/// Builds the module in a folder: all `.c` files of it and of the SDK in it. Answers a core module that says which
/// world it is for. What the compiler says passes through to standard error.
///
/// # Errors
///
/// See [`CompileError`].
pub fn build(compiler: &Compiler, folder: &Path, kind: Kind) -> Result<Vec<u8>, CompileError> {
    let sdk = folder.join(SDK_FOLDER);
    let mut sources = c_files(folder)?;
    if sources.is_empty() {
        return Err(CompileError::NoSource { folder: folder.to_owned() });
    }
    sources.extend(c_files(&sdk)?);
    let core_module = compiler.build(&sources, &sdk.join("include"), &folder.join(BUILD_FOLDER), kind)?;
    Ok(bindings::with_world(core_module, kind)?)
}

fn c_files(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "c") {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}
