//! Properties: any bytes are answered, and what was written is read.

use std::{fmt::Debug, sync::LazyLock};

use bytes::Bytes;
use proptest::{collection::vec, prelude::*};
use prost::{Message, Name};
use raddle_proto::{
    common::{
        ChannelHeader, ConfigGroup, ConfigPolicy, ConfigValue, Payload, Policy, SignaturePolicyEnvelope,
    },
    hash::block_header_bytes,
    module::ModuleSpec,
    msp::FabricMspConfig,
    orderer,
    wire::{
        self, Class, Envelope, Fields, KafkaMessage, Regular, channel_header, go_decode, signature_header,
    },
};
use serde_json::Value;

use crate::{from_hex, golden};

/// Reads `bytes` as everything there is, and checks what must hold of any bytes.
fn read_all(bytes: &Bytes) {
    let fields: Vec<_> = Fields::new(bytes).collect();
    let is_well_formed = fields.iter().all(Result::is_ok);
    for field in fields.into_iter().flatten() {
        assert!(field.raw.start <= field.raw.end && field.raw.end <= bytes.len());
    }
    // An envelope's fields are all bytes, so it is an envelope if and only if it is well formed.
    let envelope = Envelope::unmarshal(bytes.clone());
    assert_eq!(envelope.is_ok(), is_well_formed);
    if let Ok(envelope) = envelope {
        let again = Envelope::unmarshal(envelope.marshal()).unwrap();
        assert_eq!(again, envelope);
        let _ = channel_header(&envelope);
        let _ = signature_header(&envelope);
    }
    if let Ok(record) = KafkaMessage::unmarshal(bytes.clone()) {
        assert_eq!(KafkaMessage::unmarshal(record.marshal()).unwrap(), record);
    }
    decode_all::<ChannelHeader>(bytes);
    decode_all::<ConfigGroup>(bytes);
    decode_all::<SignaturePolicyEnvelope>(bytes);
    decode_all::<FabricMspConfig>(bytes);
    decode_all::<ModuleSpec>(bytes);
}

/// Decodes what may be a message: where prost alone succeeds, so must we, with the same result.
fn decode_all<M: Message + Name + Default + PartialEq + Debug>(bytes: &Bytes) {
    let ours = go_decode::<M>(bytes.clone()).ok();
    if let Ok(theirs) = M::decode(bytes.clone()) {
        assert_eq!(ours, Some(theirs));
    }
}

/// Envelopes and records of the table that were taken from a recorded topic.
static RECORDED: LazyLock<Vec<Vec<u8>>> = LazyLock::new(|| {
    let table = String::from_utf8(golden("go-wire/cases.jsonl")).unwrap();
    let cases = table.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let recorded = cases.filter(|case| case["category"] == "recorded");
    recorded.map(|case| from_hex(case["input"].as_str().unwrap())).collect()
});

fn any_blob() -> impl Strategy<Value = Bytes> {
    vec(any::<u8>(), 0..40).prop_map(Bytes::from)
}

fn any_record() -> impl Strategy<Value = KafkaMessage> {
    let regular = (any_blob(), any::<u64>(), any::<i32>(), any::<i64>());
    prop_oneof![
        regular.prop_map(|(payload, config_sequence, class, original_offset)| {
            let class = Class::from_number(class);
            KafkaMessage::Regular(Regular { payload, config_sequence, class, original_offset })
        }),
        any::<u64>().prop_map(KafkaMessage::time_to_cut),
        Just(KafkaMessage::Connect),
        Just(KafkaMessage::None),
    ]
}

fn any_group() -> impl Strategy<Value = ConfigGroup> {
    let value = (any::<u64>(), any_blob(), ".{0,4}");
    let value = value.prop_map(|(version, value, mod_policy)| ConfigValue { version, value, mod_policy });
    let policy =
        (any::<i32>(), any_blob(), proptest::option::of(Just(()))).prop_map(|(r#type, value, set)| {
            ConfigPolicy { policy: set.map(|()| Policy { r#type, value }), ..ConfigPolicy::default() }
        });
    let values = proptest::collection::btree_map(".{0,4}", value, 0..3);
    let policies = proptest::collection::btree_map(".{0,4}", policy, 0..3);
    let leaf = (values, policies).prop_map(|(values, policies)| ConfigGroup {
        values,
        policies,
        ..ConfigGroup::default()
    });
    leaf.prop_recursive(4, 12, 3, |group| {
        let groups = proptest::collection::btree_map(".{0,4}", group, 0..3);
        (any::<u64>(), groups).prop_map(|(version, groups)| ConfigGroup {
            version,
            groups,
            ..ConfigGroup::default()
        })
    })
}

/// Fields that no message here knows.
fn any_unknown() -> impl Strategy<Value = Vec<u8>> {
    let value = prop_oneof![
        any::<u64>().prop_map(|value| {
            let mut field = vec![0];
            prost::encoding::encode_varint(value, &mut field);
            field
        }),
        any::<[u8; 8]>().prop_map(|value| [&[1][..], &value].concat()),
        any::<[u8; 5]>().prop_map(|value| [&[2, 5][..], &value].concat()),
        any::<[u8; 4]>().prop_map(|value| [&[5][..], &value].concat()),
    ];
    // The first byte of each is its wire type.
    (20_u64..1 << 29, value).prop_map(|(number, value)| {
        let mut field = Vec::new();
        prost::encoding::encode_varint(number << 3 | u64::from(value[0]), &mut field);
        field.extend_from_slice(&value[1..]);
        field
    })
}

/// Puts `extra` before the field at `place`, or at the end.
fn insert_field(message: &[u8], extra: &[u8], place: usize) -> Bytes {
    let fields: Vec<_> = Fields::new(message).map(Result::unwrap).collect();
    let ends: Vec<_> = fields.iter().map(|field| field.raw.end).collect();
    let at = place.checked_sub(1).and_then(|place| ends.get(place).copied());
    let at = at.unwrap_or(if place == 0 { 0 } else { message.len() });
    [&message[..at], extra, &message[at..]].concat().into()
}

proptest! {
    #[test]
    fn any_bytes_are_answered(bytes in vec(any::<u8>(), 0..200)) {
        read_all(&bytes.into());
    }

    /// Bytes of small value are more often tags, lengths and wire types that mean something.
    #[test]
    fn small_bytes_are_answered(bytes in vec(0_u8..36, 0..60)) {
        read_all(&bytes.into());
    }

    #[test]
    fn mutated_recordings_are_answered(
        which in any::<prop::sample::Index>(),
        changes in vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
    ) {
        let mut bytes = which.get(&RECORDED[..]).clone();
        for (at, byte) in changes {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        read_all(&bytes.into());
    }

    #[test]
    fn a_marshalled_envelope_is_read_as_it_is(payload in any_blob(), signature in any_blob()) {
        let envelope = Envelope::new(&payload, &signature);
        prop_assert_eq!(envelope.payload(), &payload);
        prop_assert_eq!(envelope.signature(), &signature);
        prop_assert_eq!(envelope.size_bytes(), (payload.len() + signature.len()) as u64);
        let prost = raddle_proto::common::Envelope { payload, signature }.encode_to_vec();
        prop_assert_eq!(envelope.marshal(), prost);
        let read = Envelope::unmarshal(envelope.marshal()).unwrap();
        prop_assert_eq!(read.marshal().as_ptr(), envelope.marshal().as_ptr());
        prop_assert_eq!(read, envelope);
    }

    #[test]
    fn an_envelope_keeps_what_it_does_not_know(
        payload in any_blob(), signature in any_blob(), extra in any_unknown(), place in 0_usize..4,
    ) {
        let plain = Envelope::new(&payload, &signature);
        let read = Envelope::unmarshal(insert_field(&plain.marshal(), &extra, place)).unwrap();
        prop_assert_eq!(&read.unknown()[..], &extra[..]);
        prop_assert_eq!(read.marshal(), [&plain.marshal()[..], &extra].concat());
        prop_assert_eq!(read.size_bytes(), plain.size_bytes());
    }

    #[test]
    fn records_are_read_as_they_were_written(record in any_record()) {
        let bytes = record.marshal();
        prop_assert!(orderer::KafkaMessage::decode(bytes.clone()).is_ok());
        prop_assert_eq!(KafkaMessage::unmarshal(bytes).unwrap(), record);
    }

    #[test]
    fn messages_are_read_as_they_were_written(group in any_group(), data in any_blob()) {
        let bytes = Bytes::from(group.encode_to_vec());
        prop_assert_eq!(go_decode::<ConfigGroup>(bytes).unwrap(), group);
        let payload = Payload { header: None, data };
        prop_assert_eq!(go_decode::<Payload>(payload.encode_to_vec().into()).unwrap(), payload);
    }

    #[test]
    fn unknown_fields_change_no_message(group in any_group(), extra in any_unknown(), place in 0_usize..9) {
        let bytes = group.encode_to_vec();
        prop_assert_eq!(go_decode::<ConfigGroup>(insert_field(&bytes, &extra, place)).unwrap(), group.clone());
        // And the same one level further down.
        let outer = ConfigGroup { groups: [("g".to_owned(), group)].into(), ..ConfigGroup::default() };
        let entry = Fields::new(&outer.encode_to_vec()).next().unwrap().unwrap();
        let wire::Value::Bytes(range) = entry.value else { panic!("an entry is a message") };
        let entry = insert_field(&outer.encode_to_vec()[range], &extra, place);
        let mut bytes = vec![0x12];
        prost::encoding::encode_varint(entry.len() as u64, &mut bytes);
        bytes.extend_from_slice(&entry);
        prop_assert_eq!(go_decode::<ConfigGroup>(bytes.into()).unwrap(), outer);
    }

    #[test]
    fn a_header_in_der_names_all_its_lengths(
        number in any::<u64>(), previous_hash in vec(any::<u8>(), 0..300), data_hash in vec(any::<u8>(), 0..300),
    ) {
        let der = block_header_bytes(number, &previous_hash, &data_hash);
        let (content, rest) = der_element(0x30, &der);
        prop_assert!(rest.is_empty());
        let (integer, content) = der_element(2, content);
        let value = integer.iter().fold(0_u128, |value, byte| value << 8 | u128::from(*byte));
        prop_assert_eq!(value, u128::from(number));
        prop_assert!(integer[0] < 0x80 && (integer.len() == 1 || integer[0] > 0 || integer[1] >= 0x80));
        let (previous, content) = der_element(4, content);
        let (data, content) = der_element(4, content);
        prop_assert_eq!((previous, data), (&previous_hash[..], &data_hash[..]));
        prop_assert!(content.is_empty());
    }
}

/// Splits one DER element of `tag` off, and checks that its length is written as short as can be.
fn der_element(tag: u8, der: &[u8]) -> (&[u8], &[u8]) {
    assert_eq!(der[0], tag);
    let (length, start) = match der[1] {
        short @ 0..=0x7f => (usize::from(short), 2),
        0x81 => (usize::from(der[2]), 3),
        0x82 => (usize::from(der[2]) << 8 | usize::from(der[3]), 4),
        other => panic!("length of {other:#x}"),
    };
    assert_eq!(start, 2 + usize::from(length >= 0x80) + usize::from(length >= 0x100));
    der[start..].split_at(length)
}
