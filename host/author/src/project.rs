//! A folder with a module in it, made from a template: its source, tests, cases, and the SDK beside them.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::c::{self, BindingsError};

include!(concat!(env!("OUT_DIR"), "/files.rs"));

/// The manifest that the SDK takes its version, edition and licence over from.
const GUESTS_MANIFEST: &str = include_str!("../../../guest-filters/Cargo.toml");

/// The lock file of a guest that depends on the SDK and nothing else: the versions that Raddle's own guests have.
const LOCK: &str = include_str!("../../../examples/custom-filter/Cargo.lock");

/// The package in it that is the guest's.
const LOCKED_GUEST: &str = "custom-filter";

/// Folder of the SDK in an author's.
pub const SDK_FOLDER: &str = "raddle-guest";

/// Where the SDK reads the contract from, and where it does in an author's folder.
const CONTRACT_PATHS: (&str, &str) = ("\"../../proto/wit/", "\"wit/");

/// Most characters of a name.
const NAME_CHARS_MAX: usize = 64;

/// Names that no crate can have, or that cargo's own folders or the SDK have.
const TAKEN: &[&str] = &[
    "abstract",
    "alloc",
    "as",
    "async",
    "await",
    "become",
    "box",
    "break",
    "build",
    "const",
    "continue",
    "core",
    "crate",
    "deps",
    "do",
    "dyn",
    "else",
    "enum",
    "examples",
    "extern",
    "false",
    "final",
    "fn",
    "for",
    "gen",
    "if",
    "impl",
    "in",
    "incremental",
    "let",
    "loop",
    "macro",
    "match",
    "mod",
    "move",
    "mut",
    "override",
    "priv",
    "proc-macro",
    "pub",
    "raddle-guest",
    "ref",
    "return",
    "self",
    "static",
    "std",
    "struct",
    "super",
    "test",
    "trait",
    "true",
    "try",
    "type",
    "typeof",
    "union",
    "unsafe",
    "unsized",
    "use",
    "virtual",
    "where",
    "while",
    "yield",
];

/// What a module is to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Judges envelopes.
    Filter,
    /// Says where blocks end.
    BatchPolicy,
}

/// What a module is to be written in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Language {
    /// Rust.
    Rust,
    /// C.
    C,
}

/// Why there is no new folder.
#[derive(Debug, thiserror::Error)]
pub enum NewError {
    /// The name is none.
    #[error(
        "{name:?} is no name of a module: a lower-case letter, then lower-case letters, digits and single hyphens, at \
         most {NAME_CHARS_MAX} in all"
    )]
    Name {
        /// What was given.
        name: String,
    },
    /// The name is another thing's.
    #[error("no module can be called {name}: the name means something to Rust, to cargo or to the SDK")]
    Taken {
        /// What was given.
        name: String,
    },
    /// Something is there.
    #[error("{} is there already", .folder.display())]
    Exists {
        /// Where.
        folder: PathBuf,
    },
    /// See there.
    #[error(transparent)]
    Bindings(#[from] BindingsError),
    /// The system does not write it.
    #[error("{} cannot be written: {cause}", .path.display())]
    Write {
        /// What.
        path: PathBuf,
        /// Why.
        cause: io::Error,
    },
}

/// Makes the folder `name` in `parent`, whole or not at all, and answers its path.
///
/// # Errors
///
/// See [`NewError`].
pub fn create(parent: &Path, name: &str, kind: Kind, language: Language) -> Result<PathBuf, NewError> {
    check_name(name)?;
    let files = match language {
        Language::Rust => files(name, kind),
        Language::C => c_files(name, kind)?,
    };
    let folder = parent.join(name);
    if folder.symlink_metadata().is_ok() {
        return Err(NewError::Exists { folder });
    }
    let unfinished = parent.join(format!(".{name}.{}", std::process::id()));
    let made = write(&unfinished, &files).and_then(|()| {
        fs::rename(&unfinished, &folder).map_err(|cause| NewError::Write { path: folder.clone(), cause })
    });
    if made.is_err() {
        // What is left of it is of no use, and nobody asked for it.
        let _ = fs::remove_dir_all(&unfinished);
    }
    made.map(|()| folder)
}

fn write(folder: &Path, files: &[(String, String)]) -> Result<(), NewError> {
    for (name, text) in files {
        let path = folder.join(name);
        let made = path.parent().map_or(Ok(()), fs::create_dir_all).and_then(|()| fs::write(&path, text));
        made.map_err(|cause| NewError::Write { path, cause })?;
    }
    Ok(())
}

fn check_name(name: &str) -> Result<(), NewError> {
    let is_known = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    let is_right = (1..=NAME_CHARS_MAX).contains(&name.len())
        && name.starts_with(|first: char| first.is_ascii_lowercase())
        && name.bytes().all(is_known)
        && !name.contains("--")
        && !name.ends_with('-');
    if !is_right {
        return Err(NewError::Name { name: name.chars().take(NAME_CHARS_MAX).collect() });
    }
    if TAKEN.contains(&name) { Err(NewError::Taken { name: name.to_owned() }) } else { Ok(()) }
}

/// All files of a new folder for a module in C, by their path in it.
///
/// # Errors
///
/// See [`BindingsError`].
pub fn c_files(name: &str, kind: Kind) -> Result<Vec<(String, String)>, BindingsError> {
    let (what, setting, more) = match kind {
        Kind::Filter => (
            "filter",
            "--set allow=Org1MSP --mode shadow",
            ", where it is asked about every envelope\nthat the channel takes, and refuses none; `--mode enforce` \
             makes its word count. It needs an orderer, and\n`raddle dev` is one.",
        ),
        Kind::BatchPolicy => {
            ("batch policy", "--set count=100", ". It needs an orderer, and `raddle dev` is one.")
        }
    };
    let filled = |text: &str| {
        let text = text.replace("@NAME@", name).replace("@KIND@", what).replace("@SETTING@", setting);
        text.replace("@MORE@", more)
    };
    let mut files = Vec::new();
    for (path, text) in TEMPLATES {
        let own = path.strip_prefix("c-").and_then(|path| path.strip_prefix(kind.folder()));
        if let Some(path) = path.strip_prefix("c-common/").or(own) {
            files.push((written(path), filled(text)));
        }
    }
    files.extend(c_sdk(kind)?.into_iter().map(|(path, text)| (format!("{SDK_FOLDER}/{path}"), text)));
    Ok(files)
}

/// The SDK of modules in C, by the paths of its files.
///
/// # Errors
///
/// See [`BindingsError`].
pub fn c_sdk(kind: Kind) -> Result<Vec<(String, String)>, BindingsError> {
    let mut files: Vec<_> =
        SDK_C.iter().map(|(path, text)| ((*path).to_owned(), (*text).to_owned())).collect();
    files.extend(c::bindings(kind)?);
    files.push(("wit/world.wit".to_owned(), contract().to_owned()));
    Ok(files)
}

/// The contract's text.
pub(crate) fn contract() -> &'static str {
    CONTRACT.iter().find(|(path, _)| *path == "world.wit").map_or("", |(_, text)| text)
}

/// The name under which a template is written: it has another in the repository, so that no tool takes it for a part
/// of that.
fn written(path: &str) -> String {
    let path = path.strip_suffix(".in").unwrap_or(path);
    if path == "gitignore" { ".gitignore".to_owned() } else { path.to_owned() }
}

/// All files of a new folder for a module in Rust, by their path in it.
#[must_use]
pub fn files(name: &str, kind: Kind) -> Vec<(String, String)> {
    let mut files = Vec::new();
    for (path, text) in TEMPLATES {
        let Some(path) = path.strip_prefix("common/").or_else(|| path.strip_prefix(kind.folder())) else {
            continue;
        };
        files.push((written(path), filled(text, name, kind)));
    }
    for (path, text) in SDK {
        let text = match *path {
            "Cargo.toml" => standing_alone(text),
            _ => text.replace(CONTRACT_PATHS.0, CONTRACT_PATHS.1),
        };
        files.push((format!("{SDK_FOLDER}/{path}"), text));
    }
    files
        .extend(CONTRACT.iter().map(|(path, text)| (format!("{SDK_FOLDER}/wit/{path}"), (*text).to_owned())));
    files.push(("Cargo.lock".to_owned(), locked(name)));
    files
}

/// A template with its blanks filled.
fn filled(text: &str, name: &str, kind: Kind) -> String {
    let build = match kind {
        Kind::Filter => {
            "# Keeps the stack small, so that an instance fits into one page of memory.\n\
             build = \"raddle-guest/build/filter.rs\"\n"
        }
        Kind::BatchPolicy => "",
    };
    text.replace("@NAME@", name).replace("@BUILD@\n", build)
}

/// The SDK's manifest, with what it takes over from its workspace written out.
fn standing_alone(manifest: &str) -> String {
    let inherited = |key: &str| {
        let value = GUESTS_MANIFEST.lines().find(|line| line.starts_with(&format!("{key} = ")));
        value.unwrap_or_default().to_owned()
    };
    let lines = manifest.replace("[lints]\nworkspace = true\n", "");
    let lines = lines.lines().map(|line| match line.strip_suffix(".workspace = true") {
        Some(key) => inherited(key),
        None => line.to_owned(),
    });
    lines.fold(String::new(), |text, line| text + &line + "\n")
}

/// The lock file for a guest of this name. Packages stand in the order of their names.
fn locked(name: &str) -> String {
    const BETWEEN: &str = "\n[[package]]\n";
    let (head, packages) = LOCK.split_once(BETWEEN).unwrap_or((LOCK, ""));
    let renamed = |package: &str| {
        let (ours, theirs) = (format!("name = \"{LOCKED_GUEST}\"\n"), format!("name = \"{name}\"\n"));
        package.trim_end().replace(&ours, &theirs)
    };
    let mut packages: Vec<_> = packages.split(BETWEEN).map(renamed).collect();
    packages.sort();
    packages.iter().fold(head.to_owned(), |text, package| text + BETWEEN + package + "\n")
}

impl Kind {
    const fn folder(self) -> &'static str {
        match self {
            Self::Filter => "filter/",
            Self::BatchPolicy => "batch-policy/",
        }
    }

    /// Its world in the contract.
    pub(crate) const fn world(self) -> &'static str {
        match self {
            Self::Filter => "filter",
            Self::BatchPolicy => "batch-policy",
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use tempfile::TempDir;

    use super::*;

    fn text(files: &[(String, String)], name: &str) -> String {
        files.iter().find(|(path, _)| path == name).unwrap().1.clone()
    }

    #[test]
    fn a_new_folder_has_all_that_is_needed_and_no_blank_is_left() {
        for kind in [Kind::Filter, Kind::BatchPolicy] {
            let files = files("my-rule", kind);
            for (path, text) in &files {
                for mark in ["@NAME@", "@BUILD@", "../proto"] {
                    assert!(!text.contains(mark), "{path}: {mark}");
                }
                assert!(!path.ends_with("Cargo.toml") || !text.contains("workspace = true"), "{path}");
            }
            assert!(text(&files, "src/lib.rs").lines().count() < 40);
            assert!(text(&files, "README.md").lines().all(|line| line.chars().count() <= 120));
            assert!(text(&files, "Cargo.toml").contains("name = \"my-rule\""));
            assert!(text(&files, "raddle-guest/Cargo.toml").contains("edition = \"2024\""));
            assert!(text(&files, "raddle-guest/wit/world.wit").contains("package raddle:rules@1.0.0"));
            assert!(text(&files, "raddle-guest/src/host/mod.rs").contains("\"wit/world.wit\""));
            assert_eq!(text(&files, "Cargo.toml").contains("build ="), kind == Kind::Filter);
        }
    }

    #[test]
    fn a_new_folder_for_c_has_the_sdk_and_the_contract_and_no_blank_is_left() {
        for kind in [Kind::Filter, Kind::BatchPolicy] {
            let files = c_files("my-rule", kind).unwrap();
            for (path, text) in &files {
                assert!(!text.contains("@NAME@") && !text.contains("@KIND@"), "{path}");
                assert!(!text.contains("@SETTING@") && !text.contains("@MORE@"), "{path}");
            }
            assert!(text(&files, "rule.c").lines().count() < 46);
            for name in ["README.md", ".gitignore", "cases/rule.yaml", "raddle-guest/include/string.h"] {
                assert!(!text(&files, name).is_empty());
            }
            assert!(text(&files, "README.md").lines().all(|line| line.chars().count() <= 120));
            assert_eq!(text(&files, "raddle-guest/wit/world.wit"), contract());
        }
    }

    #[test]
    fn packages_of_the_lock_file_stand_in_order() {
        for name in ["a", "my-rule", "zz"] {
            let lock = locked(name);
            let names: Vec<_> = lock.lines().filter(|line| line.starts_with("name = ")).collect();
            assert!(names.is_sorted() && names.contains(&format!("name = \"{name}\"").as_str()), "{names:?}");
            assert_eq!(lock.len() + LOCKED_GUEST.len(), LOCK.len() + name.len());
        }
        assert_eq!(locked(LOCKED_GUEST), LOCK);
    }

    #[test]
    fn a_folder_appears_whole_or_not_at_all_and_what_is_there_stays() {
        let parent = TempDir::new().unwrap();
        let folder = create(parent.path(), "mine", Kind::Filter, Language::Rust).unwrap();
        assert!(folder.join("cases/rule.yaml").is_file() && folder.join(".gitignore").is_file());
        let error = create(parent.path(), "mine", Kind::Filter, Language::Rust).unwrap_err().to_string();
        assert!(error.ends_with("mine is there already"), "{error}");
        let gone = create(&parent.path().join("none/such"), "mine", Kind::Filter, Language::Rust);
        assert!(gone.is_ok(), "folders above are made");
        fs::write(parent.path().join("file"), "").unwrap();
        assert!(create(&parent.path().join("file"), "mine", Kind::Filter, Language::Rust).is_err());
        assert_eq!(fs::read_dir(parent.path()).unwrap().count(), 3);
    }

    #[test]
    fn names_that_nothing_can_have_are_refused() {
        let parent = TempDir::new().unwrap();
        let long = "x".repeat(65);
        for name in ["", "A", "1a", "a_b", "a b", "a--b", "a-", "ä", &long] {
            let error = create(parent.path(), name, Kind::Filter, Language::Rust).unwrap_err();
            assert!(matches!(error, NewError::Name { .. }), "{name}: {error}");
        }
        for name in ["fn", "test", "raddle-guest"] {
            assert!(
                matches!(
                    create(parent.path(), name, Kind::Filter, Language::Rust),
                    Err(NewError::Taken { .. })
                ),
                "{name}"
            );
        }
        assert_eq!(fs::read_dir(parent.path()).unwrap().count(), 0);
    }
}
