//! Finding a compiler that makes WebAssembly, and calling it so that its bytes do not depend on the machine.

use std::env;
use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde::Deserialize;

use crate::search::{LINKER_VARIABLE, NoCompiler, named, output};

/// The target of all guests.
const TARGET: &str = "wasm32-unknown-unknown";
/// Names a compiler to use before all others.
const RUSTC_VARIABLE: &str = "RADDLE_GUEST_RUSTC";
/// The oldest LLD that reads the objects of the compilers that are looked for.
const LINKER_MAJOR_MIN: u32 = 20;

/// What to do when no toolchain is found.
pub const NONE: NoCompiler = NoCompiler::None(
    "no Rust toolchain here can build for wasm32-unknown-unknown; install one of:\n  \
    rustup target add wasm32-unknown-unknown\n  \
    apt-get install --no-install-recommends rustc-web rust-web-src   (Debian 12 or later; rustc and its sources)\n\
    with a linker: rust-lld of any rustup toolchain, or `wasm-ld` of LLVM 20 or later (Debian: lld-22); \
    RADDLE_GUEST_RUSTC and RADDLE_GUEST_LINKER name others",
);

/// How the compiler is called, as far as it decides the bytes. Part of the sources' hash.
pub const RECIPE: &[&str] = &[
    // A guest's stack; a filter's build script makes it smaller. It lies below the data: overflowing it traps.
    "-Clink-arg=-zstack-size=65536",
    // A panic is a trap, without the machinery that would put its message together.
    "-Zunstable-options",
    "-Cpanic=immediate-abort",
];

/// A compiler that can build guests, with its linker.
#[derive(Clone, Debug)]
pub struct Toolchain {
    rustc: PathBuf,
    /// What `rustc -V` says.
    version: String,
    /// Whether std is compiled with the guests, or comes with the compiler.
    builds_std: bool,
    linker: Linker,
}

#[derive(Clone, Debug)]
struct Linker {
    path: PathBuf,
    /// For example `22.1.2`.
    version: String,
}

/// What is built, and how the result is kept from depending on where.
#[derive(Clone, Copy, Debug)]
pub struct Build<'a> {
    /// Folder of the workspace.
    pub workspace: &'a Path,
    /// Stands as `/src` in whatever the compiler writes down.
    pub root: &'a Path,
    /// Where cargo builds, instead of where it would. All that is built there with the same `root` shares one std.
    pub target: Option<&'a Path>,
    /// More arguments of `cargo build`: what to build.
    pub arguments: &'a [&'a str],
}

/// Why nothing was built.
#[derive(Debug, thiserror::Error)]
pub enum ToolchainError {
    /// Nothing here makes WebAssembly, or not what was named.
    #[error(transparent)]
    NoCompiler(#[from] NoCompiler),
    /// There is no cargo, or no home for it.
    #[error("cargo cannot be started: {0}")]
    Cargo(#[from] io::Error),
    /// Cargo has said why, on standard error.
    #[error("cargo does not build it with {toolchain}")]
    Failed {
        /// The toolchain, with its paths.
        toolchain: String,
    },
    /// Cargo's report is not what it was.
    #[error("cargo says `{line}`, which cannot be read")]
    Report {
        /// A line of it.
        line: String,
    },
    /// Nothing that was built is a module.
    #[error("cargo built no WebAssembly module; `crate-type = [\"cdylib\"]` in Cargo.toml makes one")]
    NoModule,
}

/// A core module that cargo built.
pub struct Artifact {
    /// The guest's name, words separated by `-`.
    pub name: String,
    /// Whether it is one of cargo's examples; the guests' are hostile.
    pub is_example: bool,
    /// Where cargo put it.
    pub path: PathBuf,
}

/// The usable toolchains, the preferred one first. There may be none.
///
/// # Errors
///
/// [`NoCompiler::Named`].
pub fn candidates() -> Result<Vec<Toolchain>, NoCompiler> {
    if let Some(named) = named(RUSTC_VARIABLE, Toolchain::probe)? {
        return Ok(vec![named]);
    }
    Ok([Path::new("rustc"), Path::new("/usr/bin/rustc")].into_iter().filter_map(Toolchain::probe).collect())
}

impl Toolchain {
    /// The first of the [`candidates`].
    ///
    /// # Errors
    ///
    /// There is none.
    pub fn find() -> Result<Self, NoCompiler> {
        candidates()?.into_iter().next().ok_or(NONE)
    }

    /// What there is to the compiler at this path, if it can build guests.
    fn probe(rustc: &Path) -> Option<Self> {
        let version = output(Command::new(rustc).arg("-V"))?;
        let sysroot = PathBuf::from(output(Command::new(rustc).args(["--print", "sysroot"]))?);
        let rustlib = sysroot.join("lib/rustlib");
        let builds_std = rustlib.join("src/rust/library/std/Cargo.toml").is_file();
        if !builds_std && !rustlib.join(TARGET).is_dir() {
            return None;
        }
        Some(Self { rustc: rustc.to_path_buf(), version, builds_std, linker: Linker::find()? })
    }

    /// The toolchain in one line. Two with the same line are expected to make the same bytes.
    #[must_use]
    pub fn identity(&self) -> String {
        let std = if self.builds_std { "std from source" } else { "std as installed" };
        let lld_major = self.linker.version.split('.').next().unwrap_or_default();
        format!("{}, {std}, LLD {lld_major}", self.version)
    }

    /// [`identity`](Self::identity), with paths and the linker's full version.
    #[must_use]
    pub fn details(&self) -> String {
        let (rustc, linker) = (self.rustc.display(), self.linker.path.display());
        format!("{} ({rustc}; {linker}, LLD {})", self.identity(), self.linker.version)
    }

    /// Whether this build compiles std too, which it has not done before in the same folder.
    #[must_use]
    pub fn builds_std_anew(&self, build: &Build<'_>) -> bool {
        let own = || env::var_os("CARGO_TARGET_DIR").map_or(build.workspace.join("target"), PathBuf::from);
        let target = build.target.map_or_else(own, Path::to_owned);
        let built = std::fs::read_dir(target.join(TARGET).join("release/deps"));
        let is_std = |name: OsString| name.to_string_lossy().starts_with("libstd-");
        let has_std = built.is_ok_and(|files| files.flatten().any(|file| is_std(file.file_name())));
        self.builds_std && !has_std
    }

    /// Builds with cargo, and lists the core modules. What cargo says passes through to standard error.
    ///
    /// # Errors
    ///
    /// See [`ToolchainError`].
    pub fn build(&self, build: &Build<'_>) -> Result<Vec<Artifact>, ToolchainError> {
        let mut command = Command::new(cargo());
        command
            .args(["build", "--release", "--target", TARGET, "--message-format=json-render-diagnostics"])
            .args(build.arguments)
            .current_dir(build.workspace)
            .env("RUSTC", &self.rustc)
            .env("CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_LINKER", &self.linker.path)
            .env("CARGO_ENCODED_RUSTFLAGS", self.rustflags(build.root)?.join("\u{1f}"))
            .stderr(Stdio::inherit());
        if let Some(target) = build.target {
            command.arg("--target-dir").arg(target);
        }
        if self.builds_std {
            command
                .args(["-Zbuild-std=std,panic_abort", "-Zbuild-std-features="])
                .env("RUSTC_BOOTSTRAP", "1");
        }
        let output = command.output()?;
        if !output.status.success() {
            return Err(ToolchainError::Failed { toolchain: self.details() });
        }
        artifacts(&String::from_utf8_lossy(&output.stdout))
    }

    fn rustflags(&self, root: &Path) -> io::Result<Vec<String>> {
        let remap = |from: &Path, to: &str| format!("--remap-path-prefix={}={to}", from.display());
        let mut flags = vec![remap(root, "/src"), remap(&cargo_home()?, "/cargo")];
        // An installed std has its way of panicking compiled in.
        let recipe = RECIPE.iter().filter(|flag| self.builds_std || flag.starts_with("-Clink-arg"));
        flags.extend(recipe.map(|flag| (*flag).to_owned()));
        Ok(flags)
    }
}

impl Linker {
    /// The linker named by the environment, a rustup toolchain's own, or one on the path.
    fn find() -> Option<Self> {
        if let Some(named) = env::var_os(LINKER_VARIABLE) {
            return Self::probe(PathBuf::from(named));
        }
        let own = output(Command::new("rustc").args(["--print", "target-libdir"]))
            .and_then(|libdir| Some(Path::new(&libdir).parent()?.join("bin/rust-lld")));
        let on_path = ["rust-lld", "wasm-ld-22", "wasm-ld-21", "wasm-ld-20", "wasm-ld"].map(PathBuf::from);
        own.into_iter().chain(on_path).filter_map(Self::probe).find(|found| found.major() >= LINKER_MAJOR_MIN)
    }

    fn probe(path: PathBuf) -> Option<Self> {
        // rust-lld is several linkers in one; wasm-ld takes the option and ignores it.
        let text = output(Command::new(&path).args(["-flavor", "wasm", "--version"]))
            .or_else(|| output(Command::new(&path).arg("--version")))?;
        let version = text.split("LLD ").nth(1)?.split_whitespace().next()?.to_owned();
        Some(Self { path, version })
    }

    fn major(&self) -> u32 {
        self.version.split('.').next().and_then(|major| major.parse().ok()).unwrap_or(0)
    }
}

/// The cargo that runs this program, or the one on the path.
#[must_use]
pub fn cargo() -> OsString {
    env::var_os("CARGO").unwrap_or_else(|| "cargo".into())
}

fn cargo_home() -> io::Result<PathBuf> {
    match env::var_os("CARGO_HOME") {
        Some(home) => Ok(PathBuf::from(home)),
        None => match env::home_dir() {
            Some(home) => Ok(home.join(".cargo")),
            None => Err(io::Error::other("neither CARGO_HOME nor HOME is set")),
        },
    }
}

/// One line of cargo's report; other kinds of line lack these fields.
#[derive(Deserialize)]
struct Message {
    reason: String,
    #[serde(default)]
    target: Option<MessageTarget>,
    #[serde(default)]
    filenames: Vec<PathBuf>,
}

#[derive(Deserialize)]
struct MessageTarget {
    name: String,
    kind: Vec<String>,
}

fn artifacts(report: &str) -> Result<Vec<Artifact>, ToolchainError> {
    let mut artifacts = Vec::new();
    for line in report.lines().filter(|line| line.starts_with('{')) {
        let message: Message =
            serde_json::from_str(line).map_err(|_| ToolchainError::Report { line: line.to_owned() })?;
        let Some(target) = message.target.filter(|_| message.reason == "compiler-artifact") else {
            continue;
        };
        let modules = message
            .filenames
            .into_iter()
            .filter(|path| path.extension().is_some_and(|extension| extension == "wasm"));
        artifacts.extend(modules.map(|path| Artifact {
            name: target.name.replace('_', "-"),
            is_example: target.kind.iter().any(|kind| kind == "example"),
            path,
        }));
    }
    if artifacts.is_empty() {
        return Err(ToolchainError::NoModule);
    }
    Ok(artifacts)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn cargos_report_is_read_for_modules_alone() {
        let artifact = |name: &str, kind: &str, file: &str| {
            let target = format!(r#"{{"name":"{name}","kind":["{kind}"]}}"#);
            format!(r#"{{"reason":"compiler-artifact","target":{target},"filenames":["{file}"]}}"#)
        };
        let report = [
            artifact("raddle_guest", "lib", "/t/a.rlib"),
            artifact("one_guest", "cdylib", "/t/one.wasm"),
            artifact("bad-one", "example", "/t/bad.wasm"),
            r#"{"reason":"build-finished","success":true}"#.to_owned(),
            "a line of somebody else".to_owned(),
        ];
        let found = artifacts(&report.join("\n")).unwrap();
        let found: Vec<_> = found
            .iter()
            .map(|guest| (guest.name.as_str(), guest.is_example, guest.path.to_str().unwrap()))
            .collect();
        assert_eq!(found, [("one-guest", false, "/t/one.wasm"), ("bad-one", true, "/t/bad.wasm")]);
    }

    #[test]
    fn a_report_without_guests_is_an_error() {
        assert!(artifacts(r#"{"reason":"build-finished","success":true}"#).is_err());
        assert!(artifacts("{").is_err());
    }

    #[test]
    fn a_toolchains_identity_leaves_out_what_differs_between_machines() {
        let linker = |path: &str, version: &str| Linker { path: path.into(), version: version.into() };
        let toolchain = |rustc: &str, linker| Toolchain {
            rustc: rustc.into(),
            version: "rustc 1.96.0 (ac68faa20 2026-05-25)".into(),
            builds_std: true,
            linker,
        };
        let one = toolchain("/usr/bin/rustc", linker("/a/rust-lld", "22.1.2"));
        let other = toolchain("rustc", linker("wasm-ld-22", "22.1.8"));
        assert_eq!(one.identity(), "rustc 1.96.0 (ac68faa20 2026-05-25), std from source, LLD 22");
        assert_eq!(one.identity(), other.identity());
    }
}
