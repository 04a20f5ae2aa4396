//! The recorded system channel creates the recorded channel.

use bytes::Bytes;
use raddle_core::channel_creation::{NewChannel, update_in};
use raddle_proto::common;
use raddle_proto::wire::{Envelope, KafkaMessage, go_decode};

use crate::harness::{Recorded, golden};

/// The config record of the recorded topic.
fn creation() -> Envelope {
    let regular = Recorded::syschannel().records().into_iter().filter_map(|value| {
        match KafkaMessage::unmarshal(value).unwrap() {
            KafkaMessage::Regular(regular) => Some(regular.payload),
            _ => None,
        }
    });
    let [payload] = regular.collect::<Vec<Bytes>>().try_into().unwrap();
    Envelope::unmarshal(payload).unwrap()
}

#[test]
fn the_recorded_record_makes_block_0_of_the_recorded_channel() {
    let created = NewChannel::read(&creation()).unwrap().unwrap();
    assert_eq!(created.channel.0, "mychannel");
    assert_eq!(created.genesis, std::fs::read(golden("mychannel.block")).unwrap());
}

#[test]
fn the_update_in_the_recorded_record_is_the_one_of_the_tool_signed() {
    let update = |bytes: Bytes| {
        let payload: common::Payload =
            go_decode(Envelope::unmarshal(bytes).unwrap().payload().clone()).unwrap();
        go_decode::<common::ConfigUpdateEnvelope>(payload.data).unwrap()
    };
    let recorded = update(update_in(&creation()).unwrap().marshal());
    let unsigned = update(std::fs::read(golden("mychannel.tx")).unwrap().into());
    assert_eq!(recorded.config_update, unsigned.config_update);
    assert_eq!((recorded.signatures.len(), unsigned.signatures.len()), (1, 0));
}
