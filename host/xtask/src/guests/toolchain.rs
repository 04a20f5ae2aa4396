//! Finding a compiler that makes WebAssembly, and calling it so that its bytes do not depend on the machine.

use std::env;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, bail, ensure};
use serde::Deserialize;

use crate::repository;

/// The target of all guests.
const TARGET: &str = "wasm32-unknown-unknown";
/// Names a compiler to use before all others.
const RUSTC_VARIABLE: &str = "RADDLE_GUEST_RUSTC";
/// Names a linker to use before all others.
const LINKER_VARIABLE: &str = "RADDLE_GUEST_LINKER";
/// The oldest LLD that reads the objects of the compilers that are looked for.
const LINKER_MAJOR_MIN: u32 = 20;

/// What to do when no toolchain is found.
pub const NONE_FOUND: &str = "no Rust toolchain here can build for wasm32-unknown-unknown; install one of:\n  \
    rustup target add wasm32-unknown-unknown\n  \
    apt-get install --no-install-recommends rustc-web rust-web-src   (Debian 12 or later; rustc and its sources)\n\
    with a linker: rust-lld of any rustup toolchain, or `wasm-ld` of LLVM 20 or later (Debian: lld-22); \
    RADDLE_GUEST_RUSTC and RADDLE_GUEST_LINKER name others";

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

/// A core module that cargo built.
pub struct Artifact {
    /// The guest's name, words separated by `-`.
    pub name: String,
    /// Whether it is one of cargo's examples; the guests' are hostile.
    pub is_example: bool,
    /// Where cargo put it.
    pub path: PathBuf,
}

/// The usable toolchains, the preferred one first.
pub fn candidates() -> anyhow::Result<Vec<Toolchain>> {
    if let Some(rustc) = env::var_os(RUSTC_VARIABLE) {
        let toolchain = Toolchain::probe(Path::new(&rustc));
        let complaint = || format!("{RUSTC_VARIABLE}={} can build no guests", rustc.display());
        return Ok(vec![toolchain.with_context(complaint)?]);
    }
    Ok([Path::new("rustc"), Path::new("/usr/bin/rustc")].into_iter().filter_map(Toolchain::probe).collect())
}

impl Toolchain {
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
    pub fn identity(&self) -> String {
        let std = if self.builds_std { "std from source" } else { "std as installed" };
        let lld_major = self.linker.version.split('.').next().unwrap_or_default();
        format!("{}, {std}, LLD {lld_major}", self.version)
    }

    /// [`identity`](Self::identity), with paths and the linker's full version.
    pub fn details(&self) -> String {
        let (rustc, linker) = (self.rustc.display(), self.linker.path.display());
        format!("{} ({rustc}; {linker}, LLD {})", self.identity(), self.linker.version)
    }

    /// Builds a workspace, and lists the core modules. All that is built with the flags and the target folder of
    /// `guests` shares one std.
    pub fn build(&self, workspace: &Path, guests: &Path) -> anyhow::Result<Vec<Artifact>> {
        let mut command = Command::new(repository::cargo());
        command
            .args(["build", "--release", "--workspace", "--lib", "--examples", "--locked"])
            .args(["--target", TARGET, "--message-format=json-render-diagnostics", "--target-dir"])
            .arg(guests.join("target"))
            .current_dir(workspace)
            .env("RUSTC", &self.rustc)
            .env("CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_LINKER", &self.linker.path)
            .env("CARGO_ENCODED_RUSTFLAGS", self.rustflags(guests)?.join("\u{1f}"))
            .stderr(Stdio::inherit());
        if self.builds_std {
            command
                .args(["-Zbuild-std=std,panic_abort", "-Zbuild-std-features="])
                .env("RUSTC_BOOTSTRAP", "1");
        }
        let output = command.output().context("cargo cannot be started")?;
        ensure!(output.status.success(), "the guests do not build with {}", self.details());
        artifacts(&String::from_utf8(output.stdout)?)
    }

    fn rustflags(&self, guests: &Path) -> anyhow::Result<Vec<String>> {
        let remap = |from: &Path, to: &str| format!("--remap-path-prefix={}={to}", from.display());
        let mut flags = vec![remap(guests, "/src"), remap(&cargo_home()?, "/cargo")];
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

fn cargo_home() -> anyhow::Result<PathBuf> {
    match env::var_os("CARGO_HOME") {
        Some(home) => Ok(PathBuf::from(home)),
        None => Ok(env::home_dir().context("neither CARGO_HOME nor HOME is set")?.join(".cargo")),
    }
}

/// What a command prints, if it succeeds.
fn output(command: &mut Command) -> Option<String> {
    let output = command.stderr(Stdio::null()).output().ok().filter(|output| output.status.success())?;
    Some(String::from_utf8(output.stdout).ok()?.trim().to_owned())
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

fn artifacts(report: &str) -> anyhow::Result<Vec<Artifact>> {
    let mut artifacts = Vec::new();
    for line in report.lines().filter(|line| line.starts_with('{')) {
        let message: Message = serde_json::from_str(line).with_context(|| format!("cargo says `{line}`"))?;
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
        bail!("cargo reports no guest");
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
