//! What wit-bindgen makes of the contract.

use wit_bindgen_core::Files;
use wit_bindgen_core::wit_parser::{Resolve, WorldId};
use wit_component::StringEncoding;

use crate::project::{Kind, contract};

/// What all names of the bindings begin with.
const PREFIX: &str = "raddle";

/// The contract cannot be bound: it is not what this binary was made with.
#[derive(Debug, thiserror::Error)]
#[error("the contract cannot be bound: {0}")]
pub struct BindingsError(String);

/// The bindings of a module's world, by the names of their files.
///
/// # Errors
///
/// See [`BindingsError`].
pub fn files(kind: Kind) -> Result<Vec<(String, String)>, BindingsError> {
    let (mut resolve, world) = world(kind)?;
    let options = wit_bindgen_c::Opts {
        rename_world: Some(PREFIX.to_owned()),
        // The encoder is given the world by itself.
        no_object_file: true,
        ..wit_bindgen_c::Opts::default()
    };
    let mut files = Files::default();
    options.build().generate(&mut resolve, world, &mut files).map_err(failed)?;
    let text = |(name, bytes): (&str, &[u8])| (name.to_owned(), String::from_utf8_lossy(bytes).into_owned());
    Ok(files.iter().map(text).collect())
}

/// A core module that says which world it is for.
pub(super) fn with_world(mut core_module: Vec<u8>, kind: Kind) -> Result<Vec<u8>, BindingsError> {
    let (resolve, world) = world(kind)?;
    wit_component::embed_component_metadata(&mut core_module, &resolve, world, StringEncoding::UTF8)
        .map_err(failed)?;
    Ok(core_module)
}

fn world(kind: Kind) -> Result<(Resolve, WorldId), BindingsError> {
    let mut resolve = Resolve::default();
    let package = resolve.push_str("world.wit", contract()).map_err(failed)?;
    let world = resolve.select_world(&[package], Some(kind.world())).map_err(failed)?;
    Ok((resolve, world))
}

/// With its causes.
fn failed(error: impl std::fmt::Display) -> BindingsError {
    BindingsError(format!("{error:#}"))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn each_world_has_a_header_and_a_source_with_its_exports() {
        for (kind, export) in [
            (Kind::Filter, "bool exports_raddle_rules_filter_guest_check("),
            (Kind::BatchPolicy, "bool exports_raddle_rules_batch_guest_fits("),
        ] {
            let files = files(kind).unwrap();
            let names: Vec<_> = files.iter().map(|(name, _)| name.as_str()).collect();
            assert_eq!(names, ["raddle.c", "raddle.h"]);
            assert!(files.iter().any(|(name, text)| name == "raddle.h" && text.contains(export)));
        }
    }

    #[test]
    fn a_core_module_gets_its_world_as_a_custom_section() {
        let module = with_world(b"\0asm\x01\0\0\0".to_vec(), Kind::Filter).unwrap();
        assert!(module.windows(14).any(|window| window == b"component-type"));
    }
}
