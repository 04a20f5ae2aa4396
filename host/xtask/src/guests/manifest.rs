//! `dist/MANIFEST`: which toolchain made the components from which sources.
//!
//! ```text
//! toolchain rustc 1.96.0 (ac68faa20 2026-05-25), std from source, LLD 22
//! sources SHA-256
//! component NAME BYTES SHA-256
//! ```

use std::collections::BTreeMap;
use std::fmt;
use std::fs;
use std::path::Path;
use std::str::FromStr;

use anyhow::{Context, bail};

use crate::digest::sha256;

/// The file's first line.
const HEADER: &str = "# Written by `cargo xtask guests`, checked by `cargo xtask guests --check`.";

/// The file, read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Manifest {
    /// What [`Toolchain::identity`](super::Toolchain::identity) says of the toolchain that made the components.
    pub toolchain: String,
    /// SHA-256 of the sources, in hexadecimal.
    pub sources: String,
    /// Components by their path below `dist`.
    pub components: BTreeMap<String, Entry>,
}

/// One component.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Its length.
    pub bytes: usize,
    /// Its SHA-256, in hexadecimal.
    pub sha256: String,
}

impl Entry {
    /// The entry of a component with these bytes.
    pub fn of(bytes: &[u8]) -> Self {
        Self { bytes: bytes.len(), sha256: sha256(bytes) }
    }
}

impl fmt::Display for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} bytes, SHA-256 {}", self.bytes, self.sha256)
    }
}

impl Manifest {
    /// Reads the file.
    pub fn read(path: &Path) -> anyhow::Result<Self> {
        let text = fs::read_to_string(path).with_context(|| path.display().to_string())?;
        text.parse().with_context(|| path.display().to_string())
    }
}

impl fmt::Display for Manifest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{HEADER}")?;
        writeln!(f, "toolchain {}", self.toolchain)?;
        writeln!(f, "sources {}", self.sources)?;
        for (name, entry) in &self.components {
            writeln!(f, "component {name} {} {}", entry.bytes, entry.sha256)?;
        }
        Ok(())
    }
}

impl FromStr for Manifest {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> anyhow::Result<Self> {
        let (mut toolchain, mut sources, mut components) = (None, None, BTreeMap::new());
        for (line, number) in text.lines().zip(1..).filter(|(line, _)| !line.starts_with('#')) {
            match line.split_once(' ') {
                Some(("toolchain", rest)) if toolchain.is_none() => toolchain = Some(rest.to_owned()),
                Some(("sources", rest)) if sources.is_none() => sources = Some(rest.to_owned()),
                Some(("component", rest)) => {
                    let (name, entry) =
                        component(rest).with_context(|| format!("line {number}: `{line}`"))?;
                    components.insert(name, entry);
                }
                _ => bail!("line {number}: `{line}` says nothing that is understood"),
            }
        }
        Ok(Self {
            toolchain: toolchain.context("no line names the toolchain")?,
            sources: sources.context("no line gives the hash of the sources")?,
            components,
        })
    }
}

fn component(fields: &str) -> anyhow::Result<(String, Entry)> {
    let mut fields = fields.split(' ');
    let (Some(name), Some(bytes), Some(sha256), None) =
        (fields.next(), fields.next(), fields.next(), fields.next())
    else {
        bail!("a component has a name, a length and a digest");
    };
    let bytes = bytes.parse().with_context(|| format!("`{bytes}` is no length"))?;
    Ok((name.to_owned(), Entry { bytes, sha256: sha256.to_owned() }))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn what_is_written_is_read_back() {
        let manifest = Manifest {
            toolchain: "rustc 1.96.0 (abc 2026-05-25), std from source, LLD 22".into(),
            sources: "07".repeat(32),
            components: [
                ("a.wasm".to_owned(), Entry::of(b"one")),
                ("hostile/b.wasm".to_owned(), Entry::of(b"")),
            ]
            .into(),
        };
        assert_eq!(manifest.to_string().parse::<Manifest>().unwrap(), manifest);
    }

    #[test]
    fn a_bad_line_is_named() {
        for (text, complaint) in [
            ("", "no line names the toolchain"),
            ("toolchain x\n", "no line gives the hash of the sources"),
            ("# x\nsources\n", "line 2: `sources` says nothing that is understood"),
            ("toolchain x\ntoolchain y\n", "line 2: `toolchain y` says nothing that is understood"),
            ("component a.wasm 3\n", "line 1: `component a.wasm 3`"),
            ("component a.wasm three 00\n", "line 1: `component a.wasm three 00`"),
        ] {
            assert_eq!(text.parse::<Manifest>().unwrap_err().to_string(), complaint);
        }
    }
}
