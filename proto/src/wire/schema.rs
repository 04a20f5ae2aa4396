//! What is known of each message: which fields, of which wire type. The table comes from `build.rs`.

/// A message.
#[derive(Debug)]
pub(super) struct MessageSchema {
    /// Package and name, such as `common.ConfigGroup` or `common.ConfigGroup.GroupsEntry`.
    pub name: &'static str,
    /// In ascending order of their numbers.
    pub fields: &'static [FieldSchema],
}

/// A field of a message.
#[derive(Debug)]
pub(super) struct FieldSchema {
    pub number: u32,
    pub kind: Kind,
    /// Repeated numbers come one by one or packed.
    pub repeated: bool,
    /// Whether a field of any wrong wire type leaves an empty message behind, if none is there yet.
    ///
    /// So it is with singular messages outside of oneofs whose types an old compiler generated, which is all of
    /// Fabric's: Go makes the message before it looks at the wire type.
    /// Source: protobuf-go v1.36.11 `internal/impl/codec_field.go` `makeMessageFieldCoder`.
    pub set_by_any_type: bool,
}

/// How a field is encoded. A map is a repeated message of key 1 and value 2.
#[derive(Debug)]
#[allow(dead_code, reason = "which kinds are used is up to the .proto files")]
pub(super) enum Kind {
    Varint,
    Fixed32,
    Fixed64,
    Bytes,
    Text,
    Message(&'static MessageSchema),
}

include!(concat!(env!("OUT_DIR"), "/schemas.rs"));

/// Finds a message by its full name.
pub(super) fn schema(name: &str) -> Option<&'static MessageSchema> {
    let index = SCHEMAS.binary_search_by(|schema| schema.name.cmp(name)).ok()?;
    SCHEMAS.get(index)
}

impl MessageSchema {
    pub fn field(&self, number: u32) -> Option<&'static FieldSchema> {
        self.fields.iter().find(|field| field.number == number)
    }
}
