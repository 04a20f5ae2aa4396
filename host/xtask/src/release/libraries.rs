//! C libraries that crates bring along and that are linked into the program.

use std::fs;

use anyhow::{Context, bail};

use super::crates::{Crate, Crates};

/// Where a library's version is to be found.
enum VersionIn {
    /// Behind the `+` of the crate's own.
    Crate,
    /// A text in quotes behind `#define NAME`, in a file of the crate.
    Text { file: &'static str, name: &'static str },
    /// A number behind it: major, and two digits each for minor and patch.
    Number { file: &'static str, name: &'static str },
}

/// A library that is known.
struct Known {
    /// The crate with its sources.
    crate_name: &'static str,
    name: &'static str,
    version: VersionIn,
    /// What all of it is under, as its texts say. cargo-deny sees the crate's alone.
    licence: &'static str,
    /// Its licences, in the crate.
    texts: &'static [&'static str],
}

const KNOWN: &[Known] = &[
    Known {
        crate_name: "aws-lc-sys",
        name: "AWS-LC",
        version: VersionIn::Text {
            file: "aws-lc/include/openssl/base.h",
            name: "AWSLC_VERSION_NUMBER_STRING",
        },
        licence: "ISC AND Apache-2.0 AND MIT AND BSD-3-Clause",
        texts: &["aws-lc/LICENSE"],
    },
    Known {
        crate_name: "libmimalloc-sys",
        name: "mimalloc",
        version: VersionIn::Number {
            file: "c_src/mimalloc/v3/include/mimalloc.h",
            name: "MI_MALLOC_VERSION",
        },
        licence: "MIT",
        texts: &["LICENSE.txt"],
    },
    Known {
        crate_name: "libz-sys",
        name: "zlib",
        version: VersionIn::Text { file: "src/zlib/zlib.h", name: "ZLIB_VERSION" },
        licence: "Zlib",
        texts: &["src/zlib/LICENSE"],
    },
    // With the feature `kafka-tls`.
    Known {
        crate_name: "openssl-src",
        name: "openssl",
        version: VersionIn::Crate,
        licence: "Apache-2.0",
        texts: &["openssl/LICENSE.txt"],
    },
    Known {
        crate_name: "rdkafka-sys",
        name: "librdkafka",
        version: VersionIn::Crate,
        // Its own is BSD-2-Clause; the others are of what it has taken over.
        licence: "BSD-2-Clause AND BSD-3-Clause AND Apache-2.0 AND ISC AND MIT AND Zlib",
        texts: &["librdkafka/LICENSES.txt"],
    },
];

/// Crates that stand for a library, and bring none of their own.
const WITHOUT_SOURCES: &[&str] = &["aws-lc-rs", "openssl-sys"];

/// A library in the program.
pub struct Library {
    pub name: &'static str,
    pub version: String,
    pub licence: &'static str,
    /// The crate that brings it, with its version.
    pub within: String,
    /// The texts of its licences.
    pub texts: Vec<String>,
}

/// The libraries that these crates bring.
///
/// # Errors
///
/// A crate brings one that is not known here, or does not have it where it is expected.
pub fn of(crates: &Crates) -> anyhow::Result<Vec<Library>> {
    for it in crates.linked.values().filter(|it| it.links.is_some()) {
        let is_known = KNOWN.iter().any(|known| known.crate_name == it.name);
        if !is_known && !WITHOUT_SOURCES.contains(&it.name.as_str()) {
            bail!("{} links a library that host/xtask/src/release/libraries.rs does not know", it.name);
        }
    }
    let mut libraries = Vec::new();
    for known in KNOWN {
        if let Some(found) = crates.find(known.crate_name) {
            libraries.push(known.read(found)?);
        }
    }
    Ok(libraries)
}

impl Known {
    fn read(&self, found: &Crate) -> anyhow::Result<Library> {
        let read = |name: &str| {
            let path = found.folder()?.join(name);
            let bytes = fs::read(&path).with_context(|| path.display().to_string())?;
            anyhow::Ok(String::from_utf8_lossy(&bytes).into_owned())
        };
        let version = match self.version {
            VersionIn::Crate => found.version.split_once('+').map(|(_, own)| own.to_owned()),
            VersionIn::Text { file, name } => {
                defined(&read(file)?, name).map(|value| value.trim_matches('"').to_owned())
            }
            VersionIn::Number { file, name } => defined(&read(file)?, name).and_then(dotted),
        };
        let missing = || format!("{} does not say which {} it has", found.name, self.name);
        Ok(Library {
            name: self.name,
            version: version.with_context(missing)?,
            licence: self.licence,
            within: format!("{} {}", found.name, found.version),
            texts: self.texts.iter().map(|name| read(name)).collect::<anyhow::Result<_>>()?,
        })
    }
}

/// What a name is defined as.
fn defined<'a>(header: &'a str, name: &str) -> Option<&'a str> {
    header.lines().find_map(|line| {
        let mut words = line.split_whitespace();
        (words.next() == Some("#define") && words.next() == Some(name)).then(|| words.next())?
    })
}

/// `30302` is 3.3.2.
fn dotted(number: &str) -> Option<String> {
    let number: u32 = number.parse().ok()?;
    Some(format!("{}.{}.{}", number / 10_000, number / 100 % 100, number % 100))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn versions_are_read_from_headers() {
        let header = "#define OTHER \"0\"\n  #define ZLIB_VERSION \"1.3.1\"\n#define MI 30302  // comment\n#define E\n";
        assert_eq!(defined(header, "ZLIB_VERSION"), Some("\"1.3.1\""));
        assert_eq!(defined(header, "MI").and_then(dotted), Some("3.3.2".to_owned()));
        assert_eq!((defined(header, "E"), defined(header, "F")), (None, None));
    }

    #[test]
    fn a_library_that_nobody_knows_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let mut one = Crate::of("new-sys", "1.0.0", "MIT", folder.path());
        one.links = Some("new".to_owned());
        let linked = [((one.name.clone(), one.version.clone()), one)].into();
        let error = of(&Crates { linked, building: Default::default() }).err().unwrap().to_string();
        assert!(error.starts_with("new-sys links a library that"), "{error}");
    }
}
