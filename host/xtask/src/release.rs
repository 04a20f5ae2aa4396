//! `cargo xtask release`: all that a release consists of, in one folder.
//!
//! | in it | what |
//! |---|---|
//! | `bin/raddle` | the program, stripped |
//! | `modules/` | the modules that every channel has, and in `modules/examples` those that teach |
//! | `sdk/` | what authors of modules need; see [`packs`] |
//! | `operations/` | `examples/operations`, with a container file that takes the program as it is |
//! | `LICENSE`, `CHANGELOG.md`, `SECURITY.md` | as in the repository |
//! | `README.md` | what is where in the folder |
//! | `bom.cdx.json` | what is in it, see [`bom`] |
//! | `THIRD-PARTY-LICENSES`, `RUST-STANDARD-LIBRARY-LICENSES.html` | under which terms |
//! | `SHA256SUMS` | of all other files; `sha256sum --check SHA256SUMS` |
//!
//! Nothing in it tells the day or the machine: paths and times are taken out of the program. The same compilers make
//! the same bytes wherever they do; with others, the program's differ, and those of the papers that name its sum.

mod bom;
mod crates;
mod files;
mod libraries;
mod licences;
mod packs;
mod program;

use std::path::{Path, PathBuf};

use anyhow::{Context, ensure};

use crate::repository;
use crate::test::Shell;
use crates::Crates;
use files::Files;

/// What is released: the workspace's version.
const VERSION: &str = env!("CARGO_PKG_VERSION");

/// Texts that are taken as they are.
const TEXTS: [&str; 3] = ["LICENSE", "CHANGELOG.md", "SECURITY.md"];

/// What is said at the top of the folder: the repository's own text speaks of much that is not in a release.
const README: &str = include_str!("release/readme.md");

/// What operators need beside the program, from the root.
const OPERATIONS: &str = "examples/operations";

/// Its container files: one builds the program from the sources, the other takes it from a release.
const CONTAINER_OF_SOURCES: &str = "Containerfile";
const CONTAINER_OF_RELEASE: &str = "Containerfile.release";

/// The modules that are built, from the root.
const DIST: &str = "guest-filters/dist";

/// How a release is made.
#[derive(clap::Args)]
pub struct Options {
    /// Where it goes [default: `release-VERSION` in cargo's target folder]
    folder: Option<PathBuf>,
    /// Features of the program, as cargo takes them: `kafka-tls`
    #[arg(long, value_name = "FEATURES", default_value = "")]
    features: String,
    /// Take this program, which was built with the same features, instead of building one
    #[arg(long, value_name = "FILE")]
    program: Option<PathBuf>,
    /// Do not build a module from each of the author's packs
    #[arg(long)]
    skip_packs: bool,
}

/// Makes a release.
///
/// # Errors
///
/// A tool that is not there or fails, a crate whose licence or C code is not known, a folder that holds something else.
pub fn run(root: &Path, options: &Options) -> anyhow::Result<()> {
    let shell = Shell { root, dir: "" };
    let target = crates::target_folder(root)?;
    let folder = options.folder.clone().unwrap_or_else(|| target.join(format!("release-{VERSION}")));
    files::may_be_replaced(&folder)?;
    allowed(&shell)?;
    let built = match &options.program {
        Some(program) => program.clone(),
        None => program::build(&shell, &target, &options.features)?,
    };
    let crates = Crates::read(root, &options.features)?;
    let mut files = Files::new();
    files.add_program("bin/raddle", program::stripped(&shell, &built)?);
    add_repository(&mut files, root)?;
    packs::add(&mut files, root)?;
    add_papers(&mut files, &crates)?;
    let sums = files.sums();
    files.add(files::SUMS, sums.into_bytes());
    files.write(&folder)?;
    println!("\nwrote {} files to {}", files.len(), folder.display());
    if !options.skip_packs {
        packs::try_all(&folder)?;
    }
    Ok(())
}

/// Whether everything that is linked is under the licences of deny.toml, and comes from where it may.
fn allowed(shell: &Shell<'_>) -> anyhow::Result<()> {
    let mut deny = shell.cargo(&["deny", "--locked", "check", "bans", "licenses", "sources"]);
    let (status, _) = shell.run(&mut deny)?;
    ensure!(
        status.success(),
        "`cargo deny` did not pass; if it is not there: `cargo install cargo-deny --version 0.20.2 --locked`"
    );
    Ok(())
}

/// Adds what the repository has ready.
fn add_repository(files: &mut Files, root: &Path) -> anyhow::Result<()> {
    files.add("README.md", README.as_bytes().to_vec());
    for name in TEXTS {
        files.add_file(name, &root.join(name))?;
    }
    let (operations, dist) = (root.join(OPERATIONS), root.join(DIST));
    for name in repository::files(&operations)? {
        match name.as_str() {
            CONTAINER_OF_SOURCES => {}
            CONTAINER_OF_RELEASE => {
                files.add_file(&format!("operations/{CONTAINER_OF_SOURCES}"), &operations.join(&name))?;
            }
            _ => files.add_file(&format!("operations/{name}"), &operations.join(&name))?,
        }
    }
    for name in repository::files(&dist)?.iter().filter(|name| is_released(name)) {
        files.add_file(&format!("modules/{name}"), &dist.join(name))?;
    }
    Ok(())
}

/// Whether a module is for others than the tests.
fn is_released(name: &str) -> bool {
    let folder = name.rsplit_once('/').map_or("", |(folder, _)| folder);
    name.ends_with(".wasm") && ["", "examples"].contains(&folder)
}

/// Adds what says what is in the release, and under which terms.
fn add_papers(files: &mut Files, crates: &Crates) -> anyhow::Result<()> {
    let libraries = libraries::of(crates)?;
    let docs = program::toolchain_docs()?;
    let licences = licences::gathered(crates, &libraries, &docs)?;
    let standard = docs.join("COPYRIGHT-library.html");
    files.add_file("RUST-STANDARD-LIBRARY-LICENSES.html", &standard).with_context(|| {
        format!("{} has no licences of Rust's standard library; rustup's toolchains have", docs.display())
    })?;
    let bom = bom::written(files, crates, &libraries, &program::rust_version()?)?;
    files.add("THIRD-PARTY-LICENSES", licences.into_bytes());
    files.add("bom.cdx.json", bom.into_bytes());
    Ok(())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use crate::links;

    #[test]
    fn modules_for_tests_are_not_released() {
        for (name, expected) in [
            ("signature.wasm", true),
            ("examples/fair-share.wasm", true),
            ("hostile/spins-at-n.wasm", false),
            ("c/conformance-filter.wasm", false),
            ("MANIFEST", false),
        ] {
            assert_eq!(is_released(name), expected, "{name}");
        }
    }

    /// Those that are not made here: the program, and what is read from crates and compilers.
    const MADE_ELSEWHERE: [&str; 5] = [
        "bin/raddle",
        "bom.cdx.json",
        "THIRD-PARTY-LICENSES",
        "RUST-STANDARD-LIBRARY-LICENSES.html",
        files::SUMS,
    ];

    #[test]
    fn the_texts_of_a_release_lead_to_nothing_that_is_not_in_it() {
        let (mut files, root) = (Files::new(), repository::root().unwrap());
        add_repository(&mut files, &root).unwrap();
        packs::add(&mut files, &root).unwrap();
        let packed: Vec<String> = files.digests("").map(|(path, _)| path.to_owned()).collect();
        let names: Vec<&str> = packed.iter().map(String::as_str).chain(MADE_ELSEWHERE).collect();
        let texts: Vec<_> = packed.iter().filter(|path| path.ends_with(".md")).collect();
        assert!(texts.len() > 6, "{texts:?}");
        for path in texts {
            let text = String::from_utf8(files.bytes(path).unwrap().to_vec()).unwrap();
            assert_eq!(links::dead(path, &text, &names), [(0, ""); 0], "{path}");
        }
        // Also where the text at the top only names a file.
        for named in
            README.split('`').skip(1).step_by(2).filter(|it| !it.contains(' ') && it.contains(['/', '.']))
        {
            let is_it = |name: &&str| *name == named || named.ends_with('/') && name.starts_with(named);
            assert!(names.iter().any(is_it), "{named}");
        }
    }

    #[test]
    fn what_the_repository_has_ready_is_all_there() {
        let mut files = Files::new();
        add_repository(&mut files, &repository::root().unwrap()).unwrap();
        for name in
            ["SECURITY.md", "operations/raddle.service", "operations/Containerfile", "modules/empty.wasm"]
        {
            assert!(files.bytes(name).is_some_and(|bytes| !bytes.is_empty()), "{name}");
        }
        assert!(files.bytes("operations/Containerfile.release").is_none());
        let container = String::from_utf8(files.bytes("operations/Containerfile").unwrap().to_vec()).unwrap();
        // Every file that it takes along is where it looks for it, but for the program, which is not built here.
        let copied = container.lines().filter_map(|line| line.strip_prefix("COPY "));
        let sources: Vec<_> = copied.filter_map(|line| line.split(' ').next()).collect();
        assert!(sources.contains(&"bin/raddle"), "{sources:?}");
        for source in sources.iter().filter(|source| **source != "bin/raddle") {
            assert!(files.bytes(source).is_some(), "{source}");
        }
    }
}
