//! Finding a clang that makes WebAssembly, and calling it so that its bytes do not depend on the machine.

use std::env;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::bindings::BindingsError;
use crate::project::Kind;
use crate::search::{LINKER_VARIABLE, NoCompiler, named, output};

/// Names a compiler to use before all others.
const CLANG_VARIABLE: &str = "RADDLE_GUEST_CLANG";
/// The target of all guests, as clang names it.
const TARGET: &str = "wasm32";
/// Versions that Linux distributions install beside or instead of `clang`, the newest first.
const VERSIONS: std::ops::RangeInclusive<u32> = 13..=24;

/// What to do when no compiler is found.
pub const NONE: NoCompiler = NoCompiler::None(
    "no C compiler here can build for wasm32; install clang and LLVM's linker for WebAssembly:\n  \
    apt-get install --no-install-recommends clang lld   (Debian, Ubuntu)\n  \
    dnf install clang lld   (Fedora)\n  \
    brew install llvm lld   (macOS, whose own clang makes no WebAssembly)\n\
    RADDLE_GUEST_CLANG and RADDLE_GUEST_LINKER name others",
);

/// How the compiler is called, as far as it decides the bytes.
pub const FLAGS: &[&str] = &[
    "--target=wasm32",
    "-std=c11",
    "-Os",
    // There is no C library; what the compiler itself asks for is in the SDK, and may not be made of itself.
    "-ffreestanding",
    "-fno-builtin",
    "-nostdlib",
    // Copying is one instruction.
    "-mbulk-memory",
    "-Wall",
    "-Wextra",
    // Otherwise the linker says it, and says less.
    "-Werror=implicit-function-declaration",
];

/// How the linker is called, but for the stack.
pub const LINKER_FLAGS: &[&str] = &["--no-entry", "--gc-sections", "--strip-all", "--stack-first"];

/// A compiler with its linker.
#[derive(Clone, Debug)]
pub struct Compiler {
    clang: PathBuf,
    /// For example `14.0.6`.
    version: String,
    linker: PathBuf,
    linker_version: String,
}

/// Why nothing was built.
#[derive(Debug, thiserror::Error)]
pub enum CompileError {
    /// Nothing here makes WebAssembly of C, or not what was named.
    #[error(transparent)]
    NoCompiler(#[from] NoCompiler),
    /// There is nothing to build.
    #[error("{} has no .c file, so there is no module to build", .folder.display())]
    NoSource {
        /// Where.
        folder: PathBuf,
    },
    /// The compiler or the linker has said why, on standard error.
    #[error("{tool} does not build {what}")]
    Failed {
        /// Which of the two.
        tool: PathBuf,
        /// A source, or the module.
        what: String,
    },
    /// A file cannot be read or written, or a program not be started.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// See there.
    #[error(transparent)]
    Bindings(#[from] BindingsError),
}

impl Compiler {
    /// The one that the environment names, or the first that can build guests.
    ///
    /// # Errors
    ///
    /// There is none, or it is not what the environment names.
    pub fn find() -> Result<Self, NoCompiler> {
        if let Some(named) = named(CLANG_VARIABLE, Self::probe)? {
            return Ok(named);
        }
        let versioned = VERSIONS.rev().map(|version| format!("clang-{version}"));
        // Homebrew keeps its own out of the path, since the system has another.
        let known = ["/opt/homebrew/opt/llvm/bin/clang", "/usr/local/opt/llvm/bin/clang"].map(str::to_owned);
        let all = ["clang".to_owned()].into_iter().chain(versioned).chain(known);
        all.map(PathBuf::from).find_map(|clang| Self::probe(&clang)).ok_or(NONE)
    }

    fn probe(clang: &Path) -> Option<Self> {
        let version = version_in(&output(Command::new(clang).arg("--version"))?, "clang version ")?;
        let targets = output(Command::new(clang).arg("--print-targets"))?;
        if !targets.split_whitespace().any(|word| word == TARGET) {
            return None;
        }
        let (linker, linker_version) = linker(clang, &version)?;
        Some(Self { clang: clang.to_owned(), version, linker, linker_version })
    }

    /// The compiler in one line. Two with the same line are expected to make the same bytes.
    #[must_use]
    pub fn identity(&self) -> String {
        format!("clang {}, LLD {}", self.version, self.linker_version)
    }

    /// Compiles sources, and links what comes to a core module.
    pub(super) fn build(
        &self,
        sources: &[PathBuf],
        include: &Path,
        folder: &Path,
        kind: Kind,
    ) -> Result<Vec<u8>, CompileError> {
        fs::create_dir_all(folder)?;
        let mut objects = Vec::new();
        for (number, source) in sources.iter().enumerate() {
            let object = folder.join(format!("{number}.o"));
            let mut command = Command::new(&self.clang);
            command.args(FLAGS).arg("-isystem").arg(include).arg("-c").arg(source).arg("-o").arg(&object);
            run(&mut command, &self.clang, &source.display().to_string())?;
            objects.push(object);
        }
        let module = folder.join("module.wasm");
        let mut command = Command::new(&self.linker);
        if self.linker.ends_with("rust-lld") {
            command.args(["-flavor", "wasm"]);
        }
        command.args(LINKER_FLAGS).arg("-z").arg(format!("stack-size={}", stack_bytes(kind)));
        run(command.args(&objects).arg("-o").arg(&module), &self.linker, "the module")?;
        Ok(fs::read(&module)?)
    }
}

/// A filter's stack, data and blocks are to fit into one page; it lies below the data, so that overflowing it traps.
const fn stack_bytes(kind: Kind) -> u32 {
    match kind {
        Kind::Filter => 16_384,
        Kind::BatchPolicy => 65_536,
    }
}

/// The linker of the environment, or the one that comes with the compiler.
fn linker(clang: &Path, clang_version: &str) -> Option<(PathBuf, String)> {
    let probe = |path: PathBuf| {
        let version = version_in(&output(Command::new(&path).arg("--version"))?, "LLD ")?;
        Some((path, version))
    };
    if let Some(named) = env::var_os(LINKER_VARIABLE) {
        return probe(PathBuf::from(named));
    }
    let own = output(Command::new(clang).arg("-print-prog-name=wasm-ld")).map(PathBuf::from);
    let major = clang_version.split('.').next().unwrap_or_default();
    let names = [format!("wasm-ld-{major}"), "wasm-ld".to_owned()].map(PathBuf::from);
    own.into_iter().chain(names).find_map(probe)
}

/// The number behind a word.
fn version_in(text: &str, word: &str) -> Option<String> {
    let (_, behind) = text.split_once(word)?;
    let is_number = |it: char| it.is_ascii_digit() || it == '.';
    let end = behind.find(|it| !is_number(it)).unwrap_or(behind.len());
    behind.get(..end).filter(|version| !version.is_empty()).map(str::to_owned)
}

fn run(command: &mut Command, tool: &Path, what: &str) -> Result<(), CompileError> {
    // Standard output is for what was asked for.
    let output = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::inherit()).status()?;
    if output.success() {
        return Ok(());
    }
    Err(CompileError::Failed { tool: tool.to_owned(), what: what.to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_found_in_what_compilers_and_linkers_say() {
        for (text, word, version) in [
            ("Debian clang version 14.0.6\nTarget: x86_64-pc-linux-gnu", "clang version ", Some("14.0.6")),
            ("Homebrew clang version 22.1.2", "clang version ", Some("22.1.2")),
            ("Debian LLD 14.0.6", "LLD ", Some("14.0.6")),
            ("LLD 22.1.8 (compatible with GNU linkers)", "LLD ", Some("22.1.8")),
            ("gcc (Debian 12.2.0)", "clang version ", None),
        ] {
            assert_eq!(version_in(text, word).as_deref(), version, "{text}");
        }
    }
}
