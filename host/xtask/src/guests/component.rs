//! From a core module to a component with nothing in it that it does not need.

use anyhow::Context;
use wasmparser::{BinaryReader, Parser, Payload};
use wit_component::ComponentEncoder;

/// Section ids of the binary format.
mod section {
    /// In a module and in a component: a custom section.
    pub const CUSTOM: u8 = 0;
    /// In a component: a module.
    pub const MODULE: u8 = 1;
    /// In a component: a component.
    pub const COMPONENT: u8 = 4;
}

/// Bytes of the magic number, the version and the layer.
const PREAMBLE_BYTES: usize = 8;
/// What each import's name begins with, and how it ends: the contract's package and version.
const CONTRACT: (&str, &str) = ("raddle:rules/", "@1.0.0");

/// Makes a component of what the compiler wrote, without names, producers and other custom sections.
pub fn encode(core_module: &[u8]) -> anyhow::Result<Vec<u8>> {
    let component = ComponentEncoder::default()
        .validate(true)
        .module(core_module)?
        .encode()?;
    let component = strip(&component).context("the component cannot be read back")?;
    wasmparser::Validator::new().validate_all(&component)?;
    Ok(component)
}

/// The functions that a core module imports, as `interface.function`, in the order of its imports.
///
/// # Errors
///
/// It imports what the contract does not offer: WASI, say.
pub fn imported_functions(core_module: &[u8]) -> anyhow::Result<Vec<String>> {
    let mut functions = Vec::new();
    for payload in Parser::new(0).parse_all(core_module) {
        let Payload::ImportSection(imports) = payload? else {
            continue;
        };
        for import in imports.into_imports() {
            let import = import?;
            let interface = import
                .module
                .strip_prefix(CONTRACT.0)
                .and_then(|name| name.strip_suffix(CONTRACT.1));
            let interface = interface.with_context(|| {
                format!(
                    "imports `{}` of `{}`, which no orderer offers",
                    import.name, import.module
                )
            })?;
            functions.push(format!("{interface}.{}", import.name));
        }
    }
    Ok(functions)
}

/// A module or component without its custom sections, those within included.
fn strip(binary: &[u8]) -> anyhow::Result<Vec<u8>> {
    let mut reader = BinaryReader::new(binary, 0);
    let mut stripped = reader.read_bytes(PREAMBLE_BYTES)?.to_vec();
    // The layer tells a component from a module, whose sections with the same ids are other ones.
    let is_component = stripped.get(6) == Some(&1);
    while !reader.eof() {
        let id = reader.read_u8()?;
        let size = usize::try_from(reader.read_var_u32()?)?;
        let content = reader.read_bytes(size)?;
        match id {
            section::CUSTOM => {}
            section::MODULE | section::COMPONENT if is_component => {
                push_section(&mut stripped, id, &strip(content)?)?
            }
            _ => push_section(&mut stripped, id, content)?,
        }
    }
    Ok(stripped)
}

fn push_section(binary: &mut Vec<u8>, id: u8, content: &[u8]) -> anyhow::Result<()> {
    binary.push(id);
    let mut size = u32::try_from(content.len())?;
    // LEB128: seven bits a byte, lowest first, the top bit on all but the last.
    while size >= 0x80 {
        binary.push((size & 0x7f) as u8 | 0x80);
        size >>= 7;
    }
    binary.push(size as u8);
    binary.extend_from_slice(content);
    Ok(())
}
