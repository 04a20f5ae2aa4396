//! From a core module to a component with nothing in it that it does not need.

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

/// Why there is no component.
#[derive(Debug, thiserror::Error)]
pub enum ComponentError {
    /// The encoder takes the module for none that a component can be made of.
    #[error("no component can be made of it: {0}")]
    Encode(String),
    /// It is no WebAssembly.
    #[error("it cannot be read: {0}")]
    Read(#[from] wasmparser::BinaryReaderError),
    /// A section is longer than WebAssembly has a number for.
    #[error("a section of {0} bytes is too long")]
    Section(usize),
    /// It imports what the contract does not offer: WASI, say.
    #[error("imports `{name}` of `{module}`, which no orderer offers")]
    Import {
        /// Whose function.
        module: String,
        /// The function.
        name: String,
    },
}

/// Makes a component of what the compiler wrote, without names, producers and other custom sections.
///
/// # Errors
///
/// See [`ComponentError`].
pub fn encode(core_module: &[u8]) -> Result<Vec<u8>, ComponentError> {
    let made = ComponentEncoder::default().validate(true).module(core_module);
    let made = made.and_then(|mut encoder| encoder.encode());
    let component = strip(&made.map_err(|error| ComponentError::Encode(format!("{error:#}")))?)?;
    wasmparser::Validator::new().validate_all(&component)?;
    Ok(component)
}

/// The functions that a core module imports, as `interface.function`, in order of their names.
///
/// # Errors
///
/// It imports what the contract does not offer: WASI, say.
pub fn imported_functions(core_module: &[u8]) -> Result<Vec<String>, ComponentError> {
    let mut functions = Vec::new();
    for payload in Parser::new(0).parse_all(core_module) {
        let Payload::ImportSection(imports) = payload? else {
            continue;
        };
        for import in imports.into_imports() {
            let import = import?;
            let interface =
                import.module.strip_prefix(CONTRACT.0).and_then(|name| name.strip_suffix(CONTRACT.1));
            let interface = interface.ok_or_else(|| ComponentError::Import {
                module: import.module.to_owned(),
                name: import.name.to_owned(),
            })?;
            functions.push(format!("{interface}.{}", import.name));
        }
    }
    functions.sort();
    Ok(functions)
}

/// Pages of memory that an instance of a core module starts with. What a fresh instance costs grows with them.
///
/// # Errors
///
/// It is no WebAssembly.
pub fn initial_pages(core_module: &[u8]) -> Result<u64, ComponentError> {
    let mut pages = 0;
    for payload in Parser::new(0).parse_all(core_module) {
        if let Payload::MemorySection(memories) = payload? {
            for memory in memories {
                pages += memory?.initial;
            }
        }
    }
    Ok(pages)
}

/// A module or component without its custom sections, those within included.
fn strip(binary: &[u8]) -> Result<Vec<u8>, ComponentError> {
    let mut reader = BinaryReader::new(binary, 0);
    let mut stripped = reader.read_bytes(PREAMBLE_BYTES)?.to_vec();
    // The layer tells a component from a module, whose sections with the same ids are other ones.
    let is_component = stripped.get(6) == Some(&1);
    while !reader.eof() {
        let id = reader.read_u8()?;
        let size = usize::try_from(reader.read_var_u32()?).unwrap_or(usize::MAX);
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

fn push_section(binary: &mut Vec<u8>, id: u8, content: &[u8]) -> Result<(), ComponentError> {
    binary.push(id);
    let mut size = u32::try_from(content.len()).map_err(|_| ComponentError::Section(content.len()))?;
    // LEB128: seven bits a byte, lowest first, the top bit on all but the last.
    while size >= 0x80 {
        binary.push((size & 0x7f) as u8 | 0x80);
        size >>= 7;
    }
    binary.push(size as u8);
    binary.extend_from_slice(content);
    Ok(())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    const MODULE: &[u8] = b"\0asm\x01\0\0\0";
    const COMPONENT: &[u8] = b"\0asm\x0d\0\x01\0";
    /// A custom section named `x`.
    const CUSTOM: &[u8] = b"\x00\x02\x01x";
    /// One function type, without parameters or results.
    const TYPES: &[u8] = b"\x01\x04\x01\x60\0\0";

    fn binary(parts: &[&[u8]]) -> Vec<u8> {
        parts.concat()
    }

    fn section(id: u8, content: &[u8]) -> Vec<u8> {
        let mut bytes = Vec::new();
        push_section(&mut bytes, id, content).unwrap();
        bytes
    }

    /// A module with one imported function.
    fn importing(module: &str, name: &str) -> Vec<u8> {
        let text = |text: &str| [&[u8::try_from(text.len()).unwrap()], text.as_bytes()].concat();
        let import = [vec![1], text(module), text(name), vec![0, 0]].concat();
        binary(&[MODULE, TYPES, &section(2, &import)])
    }

    #[test]
    fn custom_sections_go_wherever_they_are() {
        let inner = binary(&[MODULE, CUSTOM, TYPES, CUSTOM]);
        let nested = binary(&[COMPONENT, &section(section::MODULE, &inner), CUSTOM]);
        let outer = binary(&[COMPONENT, CUSTOM, &section(section::COMPONENT, &nested)]);

        let inner = binary(&[MODULE, TYPES]);
        let nested = binary(&[COMPONENT, &section(section::MODULE, &inner)]);
        assert_eq!(strip(&outer).unwrap(), binary(&[COMPONENT, &section(section::COMPONENT, &nested)]));
    }

    #[test]
    fn long_sections_keep_their_length() {
        for length in [0, 0x7f, 0x80, 0x3fff, 0x4000] {
            let code = section(10, &vec![7; length]);
            let module = binary(&[MODULE, &code]);
            assert_eq!(strip(&module).unwrap(), module, "{length} bytes");
        }
    }

    #[test]
    fn a_binary_that_ends_too_soon_is_an_error() {
        let whole = binary(&[MODULE, TYPES]);
        for length in (0..whole.len()).filter(|length| *length != MODULE.len()) {
            assert!(strip(whole.get(..length).unwrap()).is_err(), "{length} bytes");
        }
    }

    #[test]
    fn only_the_contract_may_be_imported() {
        let contract = importing("raddle:rules/channel@1.0.0", "batch-size");
        assert_eq!(imported_functions(&contract).unwrap(), ["channel.batch-size"]);
        for module in ["wasi_snapshot_preview1", "raddle:rules/channel@1.1.0", "wasi:io/poll@1.0.0"] {
            let error = imported_functions(&importing(module, "f")).unwrap_err().to_string();
            assert_eq!(error, format!("imports `f` of `{module}`, which no orderer offers"));
        }
    }

    #[test]
    fn the_pages_that_a_memory_starts_with_are_counted() {
        let memory = section(5, &[1, 0, 17]);
        assert_eq!(initial_pages(&binary(&[MODULE, TYPES, &memory])).unwrap(), 17);
        assert_eq!(initial_pages(MODULE).unwrap(), 0);
    }
}
