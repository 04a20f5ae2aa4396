//! Topics that real orderers left, record by record.

use std::io::Read as _;
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use flate2::read::GzDecoder;
use raddle_core::ids::Offset;
use raddle_ordering::OrderedLog as _;

use crate::conformance::{block_on, read};
use crate::{Broker, new_channel, open, settings};

/// A record of such a topic.
pub struct Recorded {
    /// What it is, in capitals: `CONNECT` and so on.
    pub kind: String,
    pub value: Bytes,
}

/// The records of a recorded topic; the first has offset 0.
pub fn recorded(channel: &str) -> Vec<Recorded> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/golden/fabric-2.5");
    let file = std::fs::File::open(folder.join(format!("{channel}.topic.jsonl.gz"))).unwrap();
    let mut lines = String::new();
    GzDecoder::new(file).read_to_string(&mut lines).unwrap();
    let parse = |(place, line): (usize, &str)| {
        let record: serde_json::Value = serde_json::from_str(line).unwrap();
        assert_eq!(record["offset"].as_u64().unwrap(), u64::try_from(place).unwrap());
        let text = |key: &str| record[key].as_str().unwrap().to_owned();
        Recorded { kind: text("kind"), value: STANDARD.decode(text("value")).unwrap().into() }
    };
    lines.lines().enumerate().map(parse).collect()
}

#[test]
fn recorded_topics_are_read_as_they_were_appended_each_record_at_its_own_offset() {
    let log = open(settings(Broker::shared()));
    for (channel, least) in [("mychannel", 500), ("syschannel", 3)] {
        let (records, topic) = (recorded(channel), new_channel());
        assert!(records.len() >= least, "{channel} has {}", records.len());
        let appends: Vec<_> = records.iter().map(|it| log.append(&topic, it.value.clone())).collect();
        for (append, offset) in appends.into_iter().zip(0..) {
            assert_eq!(block_on(append).unwrap(), Offset(offset));
        }
        for (read, (record, offset)) in
            read(&log, &topic, 0, records.len()).iter().zip(records.iter().zip(0..))
        {
            assert_eq!((read.offset, &read.value), (Offset(offset), &record.value));
        }
    }
}
