//! What clients sent to a real orderer, and what it answered.
#![allow(dead_code, reason = "each test binary uses a part of it")]

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use prost::Message as _;
use raddle::client::{Answer, Client};
use raddle_proto::common;

use super::golden;

/// One envelope, sent in a stream of its own.
#[derive(serde::Deserialize)]
pub struct Case {
    pub name: String,
    pub status: String,
    pub info: String,
    envelope: String,
}

impl Case {
    pub fn bytes(&self) -> Bytes {
        STANDARD.decode(&self.envelope).unwrap().into()
    }

    /// The client's message type drops what it does not know, so such a case is sent without it.
    pub fn envelope(&self) -> common::Envelope {
        common::Envelope::decode(self.bytes()).unwrap()
    }

    /// The answer has to be the recorded one. True for SUCCESS.
    pub fn answered(&self, status: &str, info: &str) -> bool {
        let (ours, theirs) = ((status, comparable(info)), (self.status.as_str(), comparable(&self.info)));
        assert_eq!(ours, theirs, "{}: {info}", self.name);
        status == "SUCCESS"
    }

    /// Sends it, and compares the answer. True for SUCCESS.
    pub async fn send(&self, client: &Client) -> bool {
        match client.broadcast(tokio_stream::once(self.envelope())).next().await.unwrap() {
            Some(Answer::Taken) => self.answered("SUCCESS", ""),
            Some(Answer::Refused(refusal)) => {
                let status = common::Status::try_from(refusal.status).unwrap();
                self.answered(status.as_str_name(), &refusal.info)
            }
            None => panic!("{}: no answer", self.name),
        }
    }
}

/// Go's library writes `proto:` and then one of two spaces at random, and words of its own.
fn comparable(info: &str) -> &str {
    info.split("proto:").next().unwrap_or_default()
}

/// Sent to `mychannel` at config sequence 1.
pub fn broadcast_cases() -> Vec<Case> {
    read("broadcast-cases.json", 37)
}

/// Sent to `mychannel` from config sequence 1 on, in this order, each when the one before was in a block.
pub fn config_update_cases() -> Vec<Case> {
    read("config-update-cases.json", 33)
}

fn read(name: &str, count: usize) -> Vec<Case> {
    let cases: Vec<Case> = serde_json::from_slice(&std::fs::read(golden(name)).unwrap()).unwrap();
    assert_eq!(cases.len(), count);
    cases
}
