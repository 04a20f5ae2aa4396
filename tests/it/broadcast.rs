//! Broadcast over a real socket: every answer is Fabric's, status and text, and what is answered SUCCESS is in the log.

use std::sync::Arc;

use bytes::Bytes;
use raddle::orderer::{Orderer, OrdererSettings};
use raddle_core::ids::{ChannelId, Offset};
use raddle_ordering::OrderedLog;
use raddle_proto::common;
use raddle_proto::wire::{Envelope, KafkaMessage, Regular};
use raddle_serve::client::AtomicBroadcastClient;
use tempfile::TempDir;
use tonic::transport::Endpoint;

use crate::harness::cases::{Case, broadcast_cases};
use crate::harness::{Recorded, orderer};

/// The case of that name.
fn case(name: &str) -> Case {
    broadcast_cases().into_iter().find(|case| case.name == name).unwrap()
}

struct Running {
    endpoint: String,
    log: Arc<dyn OrderedLog>,
    _orderer: Orderer,
    _folder: TempDir,
}

/// A node with the recorded channels.
async fn start() -> Running {
    start_with(vec![Recorded::syschannel().genesis, Recorded::mychannel().genesis]).await
}

async fn start_with(genesis: Vec<Bytes>) -> Running {
    let folder = TempDir::new().unwrap();
    let settings = orderer::settings(folder.path(), Bytes::new());
    let orderer = Orderer::start(OrdererSettings { genesis, ..settings }).await.unwrap();
    let endpoint = format!("http://{}", orderer.address());
    Running {
        endpoint,
        log: Arc::clone(orderer.node().channel("mychannel").unwrap().log()),
        _orderer: orderer,
        _folder: folder,
    }
}

/// Sends envelopes on one stream; answers what came until the stream's end.
async fn send(endpoint: &str, envelopes: Vec<common::Envelope>) -> Vec<(i32, String)> {
    let channel = Endpoint::from_shared(endpoint.to_owned()).unwrap().connect().await.unwrap();
    let mut client = AtomicBroadcastClient::new(channel);
    let mut answers = client.broadcast(tokio_stream::iter(envelopes)).await.unwrap().into_inner();
    let mut got = Vec::new();
    while let Some(answer) = answers.message().await.unwrap() {
        got.push((answer.status, answer.info));
    }
    got
}

async fn logged(log: &Arc<dyn OrderedLog>, count: usize) -> Vec<Regular> {
    use tokio_stream::StreamExt as _;
    let mut records = log.read(&ChannelId("mychannel".into()), Offset(0));
    let mut logged = Vec::new();
    while logged.len() < count {
        let record = records.next().await.unwrap().unwrap();
        let KafkaMessage::Regular(regular) = KafkaMessage::unmarshal(record.value).unwrap() else { panic!() };
        logged.push(regular);
    }
    logged
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_recorded_case_gets_the_recorded_answer() {
    let running = start().await;
    let mut admitted = Vec::new();
    for case in broadcast_cases() {
        let ours = Envelope::unmarshal(case.bytes()).unwrap();
        let answers = send(&running.endpoint, vec![case.envelope()]).await;
        let [(status, info)] = answers.as_slice() else { panic!("{}: {answers:?}", case.name) };
        let status = common::Status::try_from(*status).unwrap().as_str_name();
        if case.answered(status, info) {
            admitted.push(Envelope::new(ours.payload(), ours.signature()).marshal());
        }
    }
    let logged = logged(&running.log, admitted.len()).await;
    assert!(logged.iter().all(|record| record.config_sequence == 1 && record.original_offset == 0));
    assert_eq!(logged.into_iter().map(|record| record.payload).collect::<Vec<_>>(), admitted);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_a_system_channel_an_unknown_channel_is_refused_by_the_node() {
    let running = start_with(vec![Recorded::mychannel().genesis]).await;
    let envelope = case("channel-unknown").envelope();
    let answers = send(&running.endpoint, vec![envelope]).await;
    let info = "channel creation request not allowed because the orderer system channel is not defined";
    assert_eq!(answers, [(400, info.to_owned())]);
}

/// Sends one recorded case; answers code and details of the stream's trailers.
async fn trailers(endpoint: &str, name: &str) -> (String, serde_json::Value) {
    let envelope = case(name).envelope();
    let channel = Endpoint::from_shared(endpoint.to_owned()).unwrap().connect().await.unwrap();
    let mut client = AtomicBroadcastClient::new(channel);
    let mut answers = client.broadcast(tokio_stream::iter([envelope])).await.unwrap().into_inner();
    while answers.message().await.unwrap().is_some() {}
    let trailers = answers.trailers().await.unwrap().unwrap();
    let code = trailers.get("raddle-code").unwrap().to_str().unwrap().to_owned();
    let reason = trailers.get_bin("raddle-reason-bin").unwrap().to_bytes().unwrap();
    assert!(reason.len() <= 4096);
    (code, serde_json::from_slice(&reason).unwrap())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_may_read_the_channel_is_told_why_a_signature_does_not_do() {
    let running = start().await;
    let (code, reason) = trailers(&running.endpoint, "peer-not-a-writer").await;
    assert_eq!((code.as_str(), reason["module"].as_str()), ("RDL-1104", Some("signature")));
    let proof = reason["proof"].as_str().unwrap();
    assert!(proof.contains("/Channel/Application/Writers") && proof.contains("Org1MSP"), "{proof}");
    // Whoever did not sign is nobody, and is told nothing of the channel's members.
    for name in ["payload-tampered", "msp-unknown", "signature-missing", "certificate-wrong-ca"] {
        let (code, reason) = trailers(&running.endpoint, name).await;
        assert_eq!((code.as_str(), reason.get("proof")), ("RDL-1104", None), "{name}");
    }
    let (code, reason) = trailers(&running.endpoint, "certificate-expired").await;
    assert_eq!((code.as_str(), reason["module"].as_str()), ("RDL-1104", Some("expiration")));
}

/// 64 envelopes at once, the 41st of them tampered with.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_behind_a_refusal_is_in_the_log_and_everything_before_it_is() {
    let running = start().await;
    let good = case("message-ok").envelope();
    let mut envelopes = vec![good.clone(); 64];
    let mut payload = good.payload.to_vec();
    *payload.last_mut().unwrap() ^= 1;
    envelopes[40].payload = payload.into();
    let answers = send(&running.endpoint, envelopes).await;
    assert_eq!(answers.len(), 41);
    assert!(answers[..40].iter().all(|(status, _)| *status == 200));
    assert_eq!(answers[40].0, 403);
    // One more, so that the log's end is known.
    assert_eq!(send(&running.endpoint, vec![good]).await.len(), 1);
    assert_eq!(logged(&running.log, 41).await.len(), 41);
}
