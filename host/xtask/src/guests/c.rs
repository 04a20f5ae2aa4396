//! The modules in C: `examples/modules-c`, built into `guest-filters/dist/c`, which has a MANIFEST of its own.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, ensure};
use raddle_author::NoCompiler;
use raddle_author::c::{self, Compiler, FLAGS, LINKER_FLAGS};
use raddle_author::component;
use raddle_author::project::{Kind, SDK_FOLDER, c_sdk};

use super::manifest::{Entry, Manifest};
use super::{Components, Outcome, compare_digests, component_files, differing_names, sources};

/// The examples, from the root.
const EXAMPLES: &str = "examples/modules-c";
/// The components, below `dist`.
pub const DIST: &str = "c";

/// A module's folder as it is built: the path of each file in it, and the file.
type Folder = BTreeMap<String, String>;

/// Builds the modules in C, or with `check` compares what is committed with the sources.
///
/// # Errors
///
/// Modules that do not build, or what is committed not being what the sources say. Without a compiler nothing is built;
/// that is an error only where what is committed is of other sources.
pub fn run(root: &Path, guests: &Path, check: bool) -> anyhow::Result<Outcome> {
    let dist = guests.join("dist").join(DIST);
    let manifest = Manifest::read(&dist.join("MANIFEST"));
    let folders = folders(root)?;
    let sources = digest(&folders);
    let compiler = match Compiler::find() {
        Ok(compiler) => Some(compiler),
        Err(NoCompiler::None(_)) => None,
        Err(error) => return Err(error.into()),
    };
    if check {
        let manifest = manifest?;
        ensure!(
            sources == manifest.sources,
            "the modules in C have changed since they were built: sources are {sources}, dist/{DIST}/MANIFEST says {}; \
             run `cargo xtask guests`",
            manifest.sources
        );
        let committed = component_files(&dist)?;
        compare_digests(&manifest, &committed)?;
        let Some(compiler) = compiler.filter(|compiler| compiler.identity() == manifest.toolchain) else {
            println!("of the modules in C bytes were not compared: {} is not here", manifest.toolchain);
            return Ok(Outcome::BytesNotCompared { toolchain: manifest.toolchain });
        };
        let differing = differing_names(&committed, &build(guests, &compiler, &folders)?);
        ensure!(
            differing.is_empty(),
            "built again, these are not the committed ones: {}",
            differing.join(", ")
        );
        println!("sources, digests and bytes of {} modules in C agree", committed.len());
        return Ok(Outcome::Checked);
    }
    let Some(compiler) = compiler else {
        let is_present = manifest.is_ok_and(|manifest| manifest.sources == sources);
        ensure!(is_present, "{}", c::NONE);
        println!(
            "the modules in C were not built, as no compiler for them is here; their sources are as they were"
        );
        return Ok(Outcome::Built);
    };
    let components = build(guests, &compiler, &folders)?;
    fs::create_dir_all(&dist)?;
    for (name, bytes) in &components {
        fs::write(dist.join(name), bytes).with_context(|| name.clone())?;
    }
    let entries = components.iter().map(|(name, bytes)| (name.clone(), Entry::of(bytes))).collect();
    let manifest = Manifest { toolchain: compiler.identity(), sources, components: entries };
    fs::write(dist.join("MANIFEST"), manifest.to_string())?;
    Ok(Outcome::Built)
}

/// The modules by their names, each with the SDK.
fn folders(root: &Path) -> anyhow::Result<BTreeMap<String, (Kind, Folder)>> {
    let mut folders = BTreeMap::new();
    for (path, file) in sources::files(&root.join(EXAMPLES), &is_c)? {
        let (name, source) = path.split_once('/').with_context(|| path.clone())?;
        let text = fs::read_to_string(&file).with_context(|| file.display().to_string())?;
        let kind = if text.contains("bool rg_fits(") { Kind::BatchPolicy } else { Kind::Filter };
        let (_, folder) = folders.entry(name.to_owned()).or_insert((kind, Folder::new()));
        folder.insert(source.to_owned(), text);
        folder.extend(c_sdk(kind)?.into_iter().map(|(path, text)| (format!("{SDK_FOLDER}/{path}"), text)));
    }
    Ok(folders)
}

fn is_c(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "c")
}

/// SHA-256 over everything that decides the components' bytes, the compiler apart.
fn digest(folders: &BTreeMap<String, (Kind, Folder)>) -> String {
    let flags = FLAGS.iter().chain(LINKER_FLAGS).map(|flag| flag.as_bytes());
    let files = folders.iter().flat_map(|(name, (_, folder))| {
        let texts = folder.iter().flat_map(|(path, text)| [path.as_bytes(), text.as_bytes()]);
        std::iter::once(name.as_bytes()).chain(texts)
    });
    sources::hash(flags.chain(files))
}

fn build(
    guests: &Path,
    compiler: &Compiler,
    folders: &BTreeMap<String, (Kind, Folder)>,
) -> anyhow::Result<Components> {
    println!("building modules in C with {}", compiler.identity());
    let mut components = Components::new();
    for (name, (kind, files)) in folders {
        let folder = guests.join("target/c").join(name);
        write(&folder, files)?;
        let core_module = c::build(compiler, &folder, *kind).with_context(|| name.clone())?;
        let bytes = component::encode(&core_module).with_context(|| name.clone())?;
        let memory = component::initial_pages(&core_module)? * 64;
        println!("{name:<36} {:>6} bytes, {memory:>4} KiB of memory", bytes.len());
        components.insert(format!("{name}.wasm"), bytes);
    }
    ensure!(!components.is_empty(), "{EXAMPLES} has no module");
    Ok(components)
}

/// A folder with these files and no others.
fn write(folder: &PathBuf, files: &Folder) -> anyhow::Result<()> {
    if folder.exists() {
        fs::remove_dir_all(folder)?;
    }
    for (name, text) in files {
        let path = folder.join(name);
        fs::create_dir_all(path.parent().unwrap_or(folder))?;
        fs::write(&path, text).with_context(|| path.display().to_string())?;
    }
    Ok(())
}
