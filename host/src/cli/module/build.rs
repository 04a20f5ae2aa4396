//! `raddle module build`.

use std::io::Write as _;
use std::path::{Path, PathBuf};

use raddle_author::NoCompiler;
use raddle_author::c::{self, CompileError, Compiler};
use raddle_author::component::{self, ComponentError};
use raddle_author::project;
use raddle_author::toolchain::{Build, Toolchain, ToolchainError};

use super::component::Component;
use crate::admin::modules::Kind;
use crate::cli::output::print;
use crate::cli::{Code, Exit, Failure, program};
use crate::whole_file::WholeFile;

/// Options of `raddle module build`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
RADDLE_GUEST_RUSTC, for C RADDLE_GUEST_CLANG, and RADDLE_GUEST_LINKER name another compiler and linker than those that \
are found.

More: `raddle help author`.")]
pub struct Arguments {
    /// The module's folder
    #[arg(value_name = "DIR", default_value = ".")]
    folder: PathBuf,
}

/// Builds the module in a folder, and checks it.
pub fn run(arguments: &Arguments) -> Result<(), Failure> {
    let (path, text) = build(&arguments.folder)?;
    let (shown, program) = (path.display(), program());
    print(&format!("{text}\nNext:\n  {program} module check {shown} --set KEY=VALUE\n"))
}

/// Builds the module in a folder: answers the component's path, and what to say of it.
///
/// # Errors
///
/// There is no toolchain or no module, it does not build, or no orderer would take what is built.
pub fn build(folder: &Path) -> Result<(PathBuf, String), Failure> {
    if let Some(kind) = c::kind_of(folder) {
        return build_c(folder, kind);
    }
    if !folder.join("Cargo.toml").is_file() {
        let sentence = format!(
            "{} has neither a Cargo.toml nor the SDK for C, so there is no module to build",
            folder.display()
        );
        return Err(Failure::new(Code::NotBuilt, Exit::Usage, sentence)
            .hint(format!("`{} module new NAME` makes a folder with one", program())));
    }
    let root = folder.canonicalize().map_err(|error| cannot(folder, &error))?;
    let toolchain = Toolchain::find()?;
    anstream::eprintln!("building with {}", toolchain.identity());
    let build = Build { workspace: &root, root: &root, target: None, arguments: &["--lib"] };
    if toolchain.builds_std_anew(&build) {
        anstream::eprintln!(
            "note: this compiler has no standard library for WebAssembly, so that is compiled along the first time, \
             which takes some minutes; what cargo compiles is kept in the module's folder for the next time"
        );
    }
    let mut artifacts = toolchain.build(&build)?.into_iter();
    let (Some(artifact), None) = (artifacts.next(), artifacts.next()) else {
        let sentence = format!("{} has several modules; build the folder of one", folder.display());
        return Err(Failure::new(Code::NotBuilt, Exit::Usage, sentence));
    };
    let core_module = std::fs::read(&artifact.path).map_err(|error| cannot(&artifact.path, &error))?;
    finish(folder, &artifact.name, &core_module)
}

/// The same for a module in C, which has the folder's name.
fn build_c(folder: &Path, kind: project::Kind) -> Result<(PathBuf, String), Failure> {
    let root = folder.canonicalize().map_err(|error| cannot(folder, &error))?;
    let name = root.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let compiler = Compiler::find()?;
    anstream::eprintln!("building with {}", compiler.identity());
    let core_module = c::build(&compiler, folder, kind)?;
    finish(folder, &name, &core_module)
}

/// Makes a component of a core module, writes it and checks it.
fn finish(folder: &Path, name: &str, core_module: &[u8]) -> Result<(PathBuf, String), Failure> {
    let functions = component::imported_functions(core_module)?;
    let bytes = component::encode(core_module)?;
    let path = folder.join(format!("{name}.wasm"));
    write(&path, &bytes)?;
    let component = Component::read(&path)?;
    Ok((path.clone(), text(&path, &component, &functions)))
}

fn text(path: &Path, component: &Component, functions: &[String]) -> String {
    let digest = raddle_rules::Digest::of(&component.bytes);
    let memory = component.checked.initial_memory_bytes() >> 10;
    let imports = if functions.is_empty() { "nothing".to_owned() } else { functions.join(", ") };
    let mut text = format!(
        "built    {}   {}, {} bytes, sha256 {digest}\n         {memory} KiB of memory to begin with, imports \
         {imports}\n",
        path.display(),
        component.kind,
        component.bytes.len(),
    );
    if component.kind == Kind::Filter && memory > 64 {
        text.push_str(
            "note     an instance starts with more than one page of 64 KiB, which costs every envelope 7 µs; \
             `build = \"raddle-guest/build/filter.rs\"` in Cargo.toml makes the stack small\n",
        );
    }
    text
}

fn write(path: &Path, bytes: &[u8]) -> Result<(), Failure> {
    let written = WholeFile::create(path).and_then(|mut file| {
        file.write_all(bytes)?;
        file.finish()
    });
    written.map_err(|error| cannot(path, &error))
}

fn cannot(path: &Path, error: &std::io::Error) -> Failure {
    Failure::new(Code::File, Exit::Failed, format!("{}: {error}", path.display()))
}

impl From<NoCompiler> for Failure {
    fn from(error: NoCompiler) -> Self {
        match &error {
            NoCompiler::None(sentence) => to_install(sentence),
            NoCompiler::Named { .. } => Self::new(Code::NoToolchain, Exit::Usage, error.to_string()),
        }
    }
}

impl From<ToolchainError> for Failure {
    fn from(error: ToolchainError) -> Self {
        let sentence = error.to_string();
        match error {
            ToolchainError::NoCompiler(none) => none.into(),
            ToolchainError::Cargo(_) => Self::new(Code::NoToolchain, Exit::Failed, sentence)
                .hint("https://rustup.rs installs Rust and cargo"),
            _ => Self::new(Code::NotBuilt, Exit::Failed, sentence),
        }
    }
}

/// What is to be installed stands in lines of its own.
fn to_install(sentence: &str) -> Failure {
    let mut lines = sentence.lines();
    let mut failure = Failure::new(Code::NoToolchain, Exit::Failed, lines.next().unwrap_or_default());
    failure.lines = lines.map(|line| line.trim_start().to_owned()).collect();
    failure
}

impl From<CompileError> for Failure {
    fn from(error: CompileError) -> Self {
        let sentence = error.to_string();
        match error {
            CompileError::NoCompiler(none) => none.into(),
            CompileError::NoSource { .. } => Self::new(Code::NotBuilt, Exit::Usage, sentence),
            CompileError::Io(_) => Self::new(Code::File, Exit::Failed, sentence),
            CompileError::Bindings(_) => Self::new(Code::Bug, Exit::Bug, sentence),
            CompileError::Failed { .. } => Self::new(Code::NotBuilt, Exit::Failed, sentence),
        }
    }
}

impl From<ComponentError> for Failure {
    fn from(error: ComponentError) -> Self {
        let sentence = format!("what was built is no module: {error}");
        match error {
            ComponentError::Import { .. } => Self::new(Code::NotBuilt, Exit::Failed, sentence).hint(
                "a crate that it uses wants a clock, random numbers or files, of which an orderer has none",
            ),
            _ => Self::new(Code::NotBuilt, Exit::Failed, sentence),
        }
    }
}
