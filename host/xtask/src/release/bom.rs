//! The bill of materials, as CycloneDX 1.6 in JSON: crates, C libraries, Rust's standard library, modules.
//!
//! It has neither a serial number nor a day, which CycloneDX does not ask for: the same release has the same bill.

use anyhow::Context;
use serde::Serialize;

use super::crates::Crates;
use super::files::Files;
use super::libraries::Library;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Bom {
    bom_format: &'static str,
    spec_version: &'static str,
    version: u32,
    metadata: Metadata,
    components: Vec<Component>,
}

#[derive(Serialize)]
struct Metadata {
    component: Component,
}

#[derive(Default, Serialize)]
#[serde(rename_all = "kebab-case")]
struct Component {
    #[serde(rename = "type")]
    kind: &'static str,
    bom_ref: String,
    name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    version: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    hashes: Vec<Hash>,
    licenses: Vec<Licence>,
    #[serde(skip_serializing_if = "Option::is_none")]
    purl: Option<String>,
}

#[derive(Serialize)]
struct Hash {
    alg: &'static str,
    content: String,
}

#[derive(Serialize)]
struct Licence {
    expression: String,
}

/// What is in a release. Modules and the program must be among the files.
///
/// # Errors
///
/// A crate without licence, or no program.
pub fn written(files: &Files, crates: &Crates, libraries: &[Library], rust: &str) -> anyhow::Result<String> {
    let program = files.digests("bin/raddle").next().context("there is no program")?.1;
    let mut components = Vec::new();
    for it in crates.of_others() {
        components.push(Component {
            kind: "library",
            hashes: it.checksum.iter().map(|sum| sha256(sum.clone())).collect(),
            ..named(&format!("pkg:cargo/{}", it.name), &it.name, &it.version, &it.expression()?)
        });
    }
    for it in libraries {
        let purl = format!("pkg:generic/{}", it.name.to_lowercase());
        components.push(Component {
            kind: "library",
            description: Some(format!("built from {}", it.within)),
            ..named(&purl, it.name, &it.version, it.licence)
        });
    }
    let standard = named("pkg:generic/rust-std", "rust-std", rust, "MIT OR Apache-2.0");
    components.push(Component { kind: "library", ..standard });
    for (path, digest) in files.digests("modules/") {
        components.push(Component {
            kind: "file",
            bom_ref: path.to_owned(),
            name: path.to_owned(),
            version: Some(super::VERSION.to_owned()),
            hashes: vec![sha256(digest)],
            licenses: vec![Licence { expression: "Apache-2.0".to_owned() }],
            ..Component::default()
        });
    }
    let raddle = Component {
        kind: "application",
        hashes: vec![sha256(program)],
        ..named("pkg:generic/raddle", "raddle", super::VERSION, "Apache-2.0")
    };
    let bom = Bom {
        bom_format: "CycloneDX",
        spec_version: "1.6",
        version: 1,
        metadata: Metadata { component: raddle },
        components,
    };
    Ok(serde_json::to_string_pretty(&bom)? + "\n")
}

/// A component with a package URL, which also is its name within the bill.
fn named(purl: &str, name: &str, version: &str, licence: &str) -> Component {
    // A plus has a meaning of its own in URLs.
    let purl = format!("{purl}@{}", version.replace('+', "%2B"));
    Component {
        bom_ref: purl.clone(),
        name: name.to_owned(),
        version: Some(version.to_owned()),
        licenses: vec![Licence { expression: licence.to_owned() }],
        purl: Some(purl),
        ..Component::default()
    }
}

const fn sha256(content: String) -> Hash {
    Hash { alg: "SHA-256", content }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing)]

    use std::path::Path;

    use serde_json::Value;

    use super::super::crates::Crate;
    use super::*;

    #[test]
    fn crates_libraries_and_modules_are_listed_with_version_licence_and_hash() {
        let mut one = Crate::of("a", "1.0.0+2", "MIT/Apache-2.0", Path::new("/a"));
        one.checksum = Some("0f".to_owned());
        let mut own = Crate::of("raddle-core", "0.1.0", "Apache-2.0", Path::new("/b"));
        own.source = None;
        let linked = [one, own].map(|it| ((it.name.clone(), it.version.clone()), it)).into();
        let crates = Crates { linked, building: Default::default() };
        let library = Library {
            name: "zlib",
            version: "1.3.1".to_owned(),
            licence: "Zlib",
            within: "libz-sys 1.1.33".to_owned(),
            texts: Vec::new(),
        };
        let mut files = Files::new();
        assert!(written(&files, &crates, &[], "1.95.0").is_err(), "without a program");
        files.add_program("bin/raddle", b"abc".to_vec());
        files.add("modules/empty.wasm", Vec::new());
        let text = written(&files, &crates, &[library], "1.95.0").unwrap();
        let bom: Value = serde_json::from_str(&text).unwrap();
        assert_eq!((&bom["bomFormat"], &bom["specVersion"]), (&"CycloneDX".into(), &"1.6".into()));
        let program = &bom["metadata"]["component"];
        assert!(program["hashes"][0]["content"].as_str().unwrap().starts_with("ba7816bf"));
        let components = bom["components"].as_array().unwrap();
        let names: Vec<_> = components.iter().map(|it| it["name"].as_str().unwrap()).collect();
        assert_eq!(names, ["a", "zlib", "rust-std", "modules/empty.wasm"], "our own crates are the program");
        assert_eq!(components[0]["purl"], "pkg:cargo/a@1.0.0%2B2");
        assert_eq!(components[0]["hashes"][0], serde_json::json!({"alg": "SHA-256", "content": "0f"}));
        assert_eq!(components[0]["licenses"][0]["expression"], "MIT OR Apache-2.0");
        assert_eq!(components[1]["description"], "built from libz-sys 1.1.33");
        assert!(components[3]["hashes"][0]["content"].as_str().unwrap().starts_with("e3b0c442"));
        let refs: std::collections::BTreeSet<_> =
            components.iter().map(|it| it["bom-ref"].to_string()).collect();
        assert_eq!(refs.len(), components.len());
    }
}
