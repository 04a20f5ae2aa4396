//! The program of a release: built without paths of this machine in it, and stripped.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, ensure};

use super::crates;
use crate::test::Shell;

/// The program.
const NAME: &str = "raddle";

/// Builds the program in a target folder of its own, because its flags are others than those of the tests.
///
/// # Errors
///
/// Cargo fails, or has no crates.
pub fn build(shell: &Shell<'_>, target: &Path, features: &str) -> anyhow::Result<PathBuf> {
    let target = target.join("for-release");
    let fetched = shell.run(&mut shell.cargo(&["fetch", "--locked"]))?.0;
    ensure!(fetched.success(), "`cargo fetch` failed");
    let flags = Flags::new(&[
        (shell.root, "/raddle"),
        (&crates::registry(shell.root)?, "/crates"),
        (&target, "/target"),
    ]);
    // The linker makes the program's build id of its symbols, too, where they are still there; and these have paths.
    let without_symbols = ["--", "-Cstrip=symbols"];
    let arguments = ["rustc", "--release", "--locked", "--bin", NAME, "--features", features];
    let mut command = shell.cargo(&[&arguments[..], &without_symbols].concat());
    command.env("CARGO_TARGET_DIR", &target).env("RUSTFLAGS", &flags.rust);
    command.env("CFLAGS", &flags.c).env("CXXFLAGS", &flags.c);
    // C code writes the time at which it was compiled into itself: compilers take this one.
    command.env("SOURCE_DATE_EPOCH", "0");
    let (status, _) = shell.run(&mut command)?;
    ensure!(status.success(), "the program was not built");
    Ok(target.join("release").join(NAME))
}

/// Flags of the compilers that write others in the place of this machine's paths.
struct Flags {
    rust: String,
    c: String,
}

impl Flags {
    fn new(paths: &[(&Path, &str)]) -> Self {
        let all = |flag: &str| {
            let each = paths.iter().map(|(from, to)| format!("{flag}={}={to}", from.display()));
            each.collect::<Vec<_>>().join(" ")
        };
        // The compilers let the last one count, and the target folder often lies below the root.
        Self { rust: all("--remap-path-prefix"), c: all("-ffile-prefix-map") }
    }
}

/// A program without symbols.
///
/// # Errors
///
/// There is no `strip`, or no program.
pub fn stripped(shell: &Shell<'_>, program: &Path) -> anyhow::Result<Vec<u8>> {
    let folder = tempfile::tempdir()?;
    let out = folder.path().join(NAME);
    let program = fs::canonicalize(program).with_context(|| program.display().to_string())?;
    let arguments = ["--strip-all", "-o", &out.to_string_lossy(), &program.to_string_lossy()];
    let (status, _) = shell
        .run(&mut shell.command("strip", &arguments))
        .context("strip comes with the C compiler (Debian: apt-get install binutils)")?;
    ensure!(status.success(), "{} cannot be stripped", program.display());
    Ok(fs::read(&out)?)
}

/// Where the toolchain keeps its licences.
///
/// # Errors
///
/// There is no rustc.
pub fn toolchain_docs() -> anyhow::Result<PathBuf> {
    let sysroot = rustc(&["--print", "sysroot"])?;
    Ok(Path::new(sysroot.trim()).join("share/doc/rust"))
}

/// The version of the toolchain, and so of its standard library.
///
/// # Errors
///
/// There is no rustc.
pub fn rust_version() -> anyhow::Result<String> {
    let text = rustc(&["--version"])?;
    Ok(text.split(' ').nth(1).context("rustc does not say its version")?.to_owned())
}

fn rustc(arguments: &[&str]) -> anyhow::Result<String> {
    let output = Command::new("rustc").args(arguments).output().context("rustc cannot be started")?;
    ensure!(output.status.success(), "rustc failed");
    Ok(String::from_utf8(output.stdout)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_path_has_another_in_its_place_and_the_nearer_one_comes_last() {
        let flags = Flags::new(&[(Path::new("/a"), "/raddle"), (Path::new("/a/target"), "/target")]);
        assert_eq!(flags.rust, "--remap-path-prefix=/a=/raddle --remap-path-prefix=/a/target=/target");
        assert_eq!(flags.c, "-ffile-prefix-map=/a=/raddle -ffile-prefix-map=/a/target=/target");
    }
}
