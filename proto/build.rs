//! Compiles the `.proto` files, without a system `protoc`, to Rust types and to a table of message schemas.
//!
//! The table is what `wire::go_decode` reads bytes by: prost's own tables are not open to callers.

use std::{collections::BTreeMap, env, error::Error, fmt::Write, fs, path::Path};

use prost_types::{
    DescriptorProto, FieldDescriptorProto, FileDescriptorSet,
    field_descriptor_proto::{Label, Type},
};

/// Relative to the include folders; what they import is compiled too.
const FILES: [&str; 11] = [
    "common/common.proto",
    "common/configtx.proto",
    "common/configuration.proto",
    "common/policies.proto",
    "orderer/ab.proto",
    "orderer/kafka.proto",
    "orderer/configuration.proto",
    "msp/identities.proto",
    "msp/msp_config.proto",
    "msp/msp_principal.proto",
    "module.proto",
];

const INCLUDES: [&str; 2] = ["fabric", "raddle"];

fn main() -> Result<(), Box<dyn Error>> {
    for folder in INCLUDES {
        println!("cargo::rerun-if-changed={folder}");
    }
    let descriptors = protox::compile(FILES, INCLUDES)?;
    let out_dir = env::var_os("OUT_DIR").ok_or("OUT_DIR is not set")?;
    fs::write(
        Path::new(&out_dir).join("schemas.rs"),
        schemas(&descriptors)?,
    )?;

    // Maps are sorted so that one message has one encoding.
    prost_build::Config::new()
        .bytes(["."])
        .btree_map(["."])
        .enable_type_names()
        .compile_fds(descriptors)?;
    Ok(())
}

/// Rust source of the table, sorted by full name.
fn schemas(descriptors: &FileDescriptorSet) -> Result<String, Box<dyn Error>> {
    let mut messages = BTreeMap::new();
    for file in &descriptors.file {
        for message in &file.message_type {
            collect(file.package(), message, &mut messages);
        }
    }
    let mut source = String::new();
    let count = messages.len();
    writeln!(
        source,
        "pub(super) static SCHEMAS: [MessageSchema; {count}] = ["
    )?;
    for (name, message) in &messages {
        writeln!(source, "    MessageSchema {{ name: \"{name}\", fields: &[")?;
        let mut fields: Vec<_> = message.field.iter().collect();
        fields.sort_by_key(|field| field.number());
        for field in fields {
            writeln!(source, "        {},", field_schema(field, &messages)?)?;
        }
        writeln!(source, "    ] }},")?;
    }
    writeln!(source, "];")?;
    Ok(source)
}

/// Adds a message and those declared in it, map entries among them.
fn collect<'a>(
    scope: &str,
    message: &'a DescriptorProto,
    messages: &mut BTreeMap<String, &'a DescriptorProto>,
) {
    let name = format!("{scope}.{}", message.name());
    for nested in &message.nested_type {
        collect(&name, nested, messages);
    }
    messages.insert(name, message);
}

fn field_schema(
    field: &FieldDescriptorProto,
    messages: &BTreeMap<String, &DescriptorProto>,
) -> Result<String, Box<dyn Error>> {
    let kind = match field.r#type() {
        Type::Bytes => "Bytes".to_owned(),
        Type::String => "Text".to_owned(),
        Type::Message => {
            let name = field.type_name().trim_start_matches('.');
            let index = messages.keys().position(|known| known == name);
            let index = index.ok_or_else(|| format!("{name} is not among the messages"))?;
            format!("Message(&SCHEMAS[{index}])")
        }
        Type::Fixed32 | Type::Sfixed32 | Type::Float => "Fixed32".to_owned(),
        Type::Fixed64 | Type::Sfixed64 | Type::Double => "Fixed64".to_owned(),
        Type::Group => return Err(format!("field {} is a group", field.name()).into()),
        _ => "Varint".to_owned(),
    };
    let repeated = field.label() == Label::Repeated;
    let number = field.number();
    Ok(format!(
        "FieldSchema {{ number: {number}, kind: Kind::{kind}, repeated: {repeated} }}"
    ))
}
