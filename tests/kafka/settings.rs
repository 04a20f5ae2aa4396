//! The settings of nodes that share a broker.

use std::fs;
use std::path::Path;

use raddle::config::{Environment, Settings};
use raddle::network::DevNetwork;
use raddle_ordering::kafka;

use crate::broker::{Broker, free_port};
use crate::harness::golden;

/// Writes the two files of a node that begins with the recorded system channel and signs as its orderer.
pub fn write(folder: &Path, broker: &Broker) {
    let (msp, genesis) = (golden("orderer-msp"), golden("kafka-genesis.block"));
    write_files(folder, &msp, "OrdererMSP", &genesis, "Ordering: {kafka: ['BROKER']}\n", broker);
}

/// Writes the two files of an orderer of a generated network.
pub fn write_for(folder: &Path, network: &DevNetwork, broker: &Broker) {
    let (msp_id, msp) = network.orderer();
    write_files(
        folder,
        &msp,
        msp_id,
        &network.genesis_path(),
        "Ordering: {channels: {demo: ['BROKER']}}\n",
        broker,
    );
}

/// The same over several brokers that hold a copy each; answers are waited for as long as a test likes to.
pub fn write_hasty(folder: &Path, network: &DevNetwork, brokers: &[String]) {
    let (msp_id, msp) = network.orderer();
    let orderer = format!(
        "General: {{LocalMSPDir: {}, LocalMSPID: {msp_id}, BootstrapFile: {}}}\n\
         Kafka:\n  Topic: {{ReplicationFactor: {}}}\n  Retry:\n    ShortInterval: 500ms\n    \
         NetworkTimeouts: {{DialTimeout: 1s, ReadTimeout: 2s, WriteTimeout: 2s}}\n",
        msp.display(),
        network.genesis_path().display(),
        brokers.len(),
    );
    fs::write(folder.join("orderer.yaml"), orderer).unwrap();
    let quoted: Vec<_> = brokers.iter().map(|broker| format!("'{broker}'")).collect();
    let mapping = format!("Ordering: {{channels: {{demo: [{}]}}}}\n", quoted.join(", "));
    fs::write(folder.join("raddle.yaml"), mapping).unwrap();
}

/// Writes the two files of a node whose channels are mapped so; `BROKER` in it stands for this broker.
pub fn write_mapping(folder: &Path, mapping: &str, broker: &Broker) {
    let (msp, genesis) = (golden("orderer-msp"), golden("appkafka.block"));
    write_files(folder, &msp, "OrdererMSP", &genesis, mapping, broker);
}

/// `ordering` is what `raddle.yaml` maps to this broker.
fn write_files(folder: &Path, msp: &Path, msp_id: &str, genesis: &Path, ordering: &str, broker: &Broker) {
    let orderer = format!(
        "General:\n  ListenPort: {}\n  LocalMSPDir: {}\n  LocalMSPID: {msp_id}\n  BootstrapFile: {}\n\
         FileLedger:\n  Location: state\nKafka:\n  Topic: {{ReplicationFactor: 1}}\n",
        free_port(),
        msp.display(),
        genesis.display(),
    );
    fs::write(folder.join("orderer.yaml"), orderer).unwrap();
    fs::write(folder.join("raddle.yaml"), ordering.replace("BROKER", &broker.address())).unwrap();
}

/// How somebody else looks at the topics of a broker: without a greeting.
pub fn kafka_of(broker: &Broker) -> kafka::Settings {
    kafka::Settings { brokers: vec![broker.address()], topic_replication: 1, ..kafka::Settings::default() }
}

/// Reads them as the command does.
pub fn load(folder: &Path) -> Settings {
    Settings::load(Some(folder), &Environment::default()).unwrap()
}
