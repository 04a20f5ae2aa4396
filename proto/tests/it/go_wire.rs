//! The wire walk against the table of what Go's library makes of odd bytes.

use std::{collections::BTreeMap, fmt::Debug};

use bytes::Bytes;
use prost::{Message, Name};
use raddle_proto::{
    common, msp, orderer,
    wire::{Envelope, KafkaMessage, WireError, go_decode},
};
use serde_json::Value;

use crate::{from_hex, golden};

/// One line of the table.
struct Case {
    line: usize,
    category: String,
    message: String,
    input: Bytes,
    /// What Go marshals of it; nothing when Go fails to unmarshal.
    output: Option<Bytes>,
    record: Value,
}

impl Case {
    fn parse(index: usize, text: &str) -> Self {
        let value: Value = serde_json::from_str(text).unwrap();
        let text = |key: &str| value[key].as_str().map(str::to_owned);
        let input = Bytes::from(from_hex(&text("input").unwrap()));
        let output = match (value["fails"].as_bool(), text("output")) {
            (Some(true), _) => None,
            (_, Some(output)) => Some(from_hex(&output).into()),
            (_, None) => Some(input.clone()),
        };
        Self {
            line: index + 1,
            category: text("category").unwrap(),
            message: text("message").unwrap(),
            input,
            output,
            record: value["record"].clone(),
        }
    }

    fn check(&self) {
        match self.message.as_str() {
            "common.Envelope" => self.check_envelope(),
            "orderer.KafkaMessage" => {
                self.check_record();
                self.check_message::<orderer::KafkaMessage>();
            }
            "common.ApplicationPolicy" => self.check_message::<common::ApplicationPolicy>(),
            "common.Block" => self.check_message::<common::Block>(),
            "common.Capabilities" => self.check_maps::<common::Capabilities>(),
            "common.ChannelHeader" => self.check_message::<common::ChannelHeader>(),
            "common.ConfigEnvelope" => self.check_maps::<common::ConfigEnvelope>(),
            "common.ConfigGroup" => self.check_maps::<common::ConfigGroup>(),
            "common.ConfigUpdate" => self.check_maps::<common::ConfigUpdate>(),
            "common.Metadata" => self.check_message::<common::Metadata>(),
            "common.OrdererAddresses" => self.check_message::<common::OrdererAddresses>(),
            "common.Payload" => self.check_message::<common::Payload>(),
            "common.SignaturePolicyEnvelope" => self.check_message::<common::SignaturePolicyEnvelope>(),
            "common.SignatureHeader" => self.check_message::<common::SignatureHeader>(),
            "msp.FabricMSPConfig" => self.check_message::<msp::FabricMspConfig>(),
            "msp.SerializedIdentity" => self.check_message::<msp::SerializedIdentity>(),
            "orderer.BatchSize" => self.check_message::<orderer::BatchSize>(),
            "orderer.ConsensusType" => self.check_message::<orderer::ConsensusType>(),
            "orderer.KafkaMetadata" => self.check_message::<orderer::KafkaMetadata>(),
            "orderer.SeekPosition" => self.check_message::<orderer::SeekPosition>(),
            other => panic!("line {}: message {other} has no test", self.line),
        }
    }

    fn same<T: Debug + PartialEq>(&self, ours: Result<T, WireError>, go: Option<T>) {
        assert!(
            ours.as_ref().ok() == go.as_ref(),
            "line {}, {} of {}, input {:02x?}\nours {ours:?}\ngo   {go:?}",
            self.line,
            self.category,
            self.message,
            &self.input[..]
        );
    }

    fn check_envelope(&self) {
        let ours = Envelope::unmarshal(self.input.clone());
        self.same(ours.clone().map(|envelope| envelope.marshal()), self.output.clone());
        // What Go has marshalled, Go reads as the same again; so do we, and without copying it.
        if let (Ok(ours), Some(output)) = (ours, &self.output) {
            let again = Envelope::unmarshal(output.clone()).unwrap();
            assert_eq!(again, ours, "line {}", self.line);
            assert_eq!(again.marshal().as_ptr(), output.as_ptr(), "line {}", self.line);
            // All its known fields, by another way.
            let known = common::Envelope::decode(output.clone()).ok();
            let known = known.map(|known| (known.payload, known.signature));
            // prost does not take all that Go takes inside groups.
            if let Some(known) = known {
                assert_eq!(known, (ours.payload().clone(), ours.signature().clone()), "line {}", self.line);
            }
        }
    }

    fn check_record(&self) {
        let ours = KafkaMessage::unmarshal(self.input.clone());
        let number = |key: &str| self.record[key].as_i64().unwrap_or(0);
        let unsigned = |key: &str| self.record[key].as_u64().unwrap_or(0);
        let go = self.record["kind"].as_str().map(|kind| match kind {
            "regular" => KafkaMessage::Regular(raddle_proto::wire::Regular {
                payload: from_hex(self.record["payload"].as_str().unwrap_or("")).into(),
                config_sequence: unsigned("config_sequence"),
                class: raddle_proto::wire::Class::from_number(number("class").try_into().unwrap()),
                original_offset: number("original_offset"),
            }),
            "time-to-cut" => KafkaMessage::time_to_cut(unsigned("block_number")),
            "connect" => KafkaMessage::Connect,
            "none" => KafkaMessage::None,
            other => panic!("line {}: kind {other}", self.line),
        });
        if let (Some(go), Some(output)) = (&go, &self.output)
            && *go != KafkaMessage::Connect
        {
            assert_eq!(go.marshal(), output, "line {}", self.line);
        }
        self.same(ours, go);
    }

    /// For messages without maps, whose bytes are Go's.
    fn check_message<M: Message + Name + Default + PartialEq + Debug>(&self) {
        let ours = go_decode::<M>(self.input.clone());
        self.same(ours.map(|message| Bytes::from(message.encode_to_vec())), self.output.clone());
        self.check_maps::<M>();
    }

    /// For messages with maps: prost leaves empty keys and values out and Go does not, so compare what is read.
    fn check_maps<M: Message + Name + Default + PartialEq + Debug>(&self) {
        let go = self.output.clone().map(|output| M::decode(output).unwrap());
        self.same(go_decode::<M>(self.input.clone()), go);
    }
}

fn cases() -> Vec<Case> {
    let table = String::from_utf8(golden("go-wire/cases.jsonl")).unwrap();
    table.lines().enumerate().map(|(index, text)| Case::parse(index, text)).collect()
}

#[test]
fn the_wire_walk_equals_go() {
    for case in cases() {
        case.check();
    }
}

/// Least numbers of cases: with which Go succeeds, and with which it fails.
const CATEGORIES: [(&str, usize, usize); 24] = [
    ("canonical", 20, 0),
    ("empty-field", 80, 0),
    ("end-group", 0, 200),
    ("field-number", 60, 400),
    ("group", 400, 500),
    ("group-depth", 2, 1),
    ("map", 40, 20),
    ("missing-field", 30, 0),
    ("mutated-bytes", 200, 1000),
    ("mutated-fields", 900, 10),
    ("mutated-recorded", 20, 20),
    ("oneof", 20, 3),
    ("padded-length", 140, 40),
    ("padded-tag", 180, 60),
    ("recorded", 6, 0),
    ("reordered-field", 40, 0),
    ("repeated-field", 200, 0),
    ("reserved-wire-type", 0, 240),
    ("scalar", 100, 0),
    ("truncated", 50, 400),
    ("unknown-field", 480, 0),
    ("utf8", 100, 60),
    ("varint", 180, 600),
    ("wrong-wire-type", 460, 0),
];

#[test]
fn the_table_tries_every_rule_often() {
    let mut counts: BTreeMap<String, (usize, usize)> = BTreeMap::new();
    for case in cases() {
        let (succeed, fail) = counts.entry(case.category).or_default();
        match case.output {
            Some(_) => *succeed += 1,
            None => *fail += 1,
        }
    }
    let names: Vec<_> = counts.keys().map(String::as_str).collect();
    assert_eq!(names, CATEGORIES.map(|(name, _, _)| name));
    for (name, least_succeed, least_fail) in CATEGORIES {
        let (succeed, fail) = counts[name];
        assert!(succeed >= least_succeed, "{name}: {succeed} succeed, not {least_succeed}");
        assert!(fail >= least_fail, "{name}: {fail} fail, not {least_fail}");
    }
}
