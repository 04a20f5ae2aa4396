//! Files with the keys and values of those that come with Fabric.

use super::*;

/// The settings; and what is warned of, without the folder, the keys alone.
fn sample(name: &str, set: &[(&str, &str)]) -> (Settings, Vec<String>) {
    let text = fs::read_to_string(
        Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/orderer-yaml").join(name),
    );
    let settings = load(&text.unwrap(), "", set).unwrap_or_else(|problems| panic!("{name}: {problems:?}"));
    let warned = settings.warnings.iter().map(|warning| warning.key.clone()).collect();
    (settings, warned)
}

/// What the files of 1.4 and 2.5 set, as everybody who begins with a sample, and what nothing comes of.
const OF_BOTH: [&str; 10] = [
    "General.Keepalive.ServerMinInterval",
    "General.Cluster.SendBufferSize",
    "Kafka.Retry.LongTotal",
    "Kafka.Retry.NetworkTimeouts.WriteTimeout",
    "Kafka.Retry.Metadata.RetryBackoff",
    "Kafka.Retry.Metadata.RetryMax",
    "Kafka.Retry.Producer.RetryMax",
    "Kafka.Retry.Consumer.RetryBackoff",
    "Consensus.WALDir",
    "Consensus.SnapDir",
];

#[test]
fn the_sample_of_1_4_is_taken_but_for_its_provisional_block() {
    let text =
        fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/orderer-yaml/1.4.yaml"));
    let problems = load(&text.unwrap(), "", &[]).unwrap_err();
    assert_eq!(problems.len(), 1, "{problems:?}");
    assert!(
        problems[0]
            .contains("General.BootstrapMethod: \"provisional\" is no method; make a block with configtxgen"),
        "{problems:?}"
    );
    let set = [("ORDERER_GENERAL_GENESISMETHOD", "file"), ("ORDERER_GENERAL_GENESISFILE", "/genesis.block")];
    let (settings, warned) = sample("1.4.yaml", &set);
    assert_eq!(settings.bootstrap_method.value, BootstrapMethod::File);
    assert_eq!(settings.bootstrap_file.value, Path::new("/genesis.block"));
    let mut expected: Vec<_> = OF_BOTH.to_vec();
    expected.insert(2, "FileLedger.Prefix");
    assert_eq!(warned, expected);
}

#[test]
fn the_sample_of_2_5_is_taken() {
    let (settings, warned) = sample("2.5.yaml", &[]);
    assert_eq!(warned, OF_BOTH);
    assert_eq!(settings.keepalive_interval.value, Duration::from_secs(7200));
    assert_eq!(settings.keepalive_timeout.value, Duration::from_secs(20));
    assert_eq!(settings.receive_bytes_max.value, 104_857_600);
    assert_eq!(settings.kafka.retry.short_interval, Duration::from_secs(5));
    assert_eq!(settings.kafka.retry.long_interval, Duration::from_secs(300));
    assert!(settings.bootstrap_file.value.ends_with("genesisblock"));
    assert_eq!(settings.operations.listen_address.value, "127.0.0.1:8443");
    // Written out in the samples; who writes nothing has metrics.
    assert_eq!(settings.operations.metrics.value, Metrics::Disabled);
}

#[test]
fn the_sample_of_3_1_is_taken() {
    let (_, warned) = sample("3.1.yaml", &[]);
    let cluster = |key: &String| key.starts_with("General.");
    let expected = [
        "General.Keepalive.ServerMinInterval",
        "General.Backoff.BaseDelay",
        "General.Backoff.Multiplier",
        "General.Backoff.MaxDelay",
        "General.Cluster.SendBufferSize",
    ];
    assert_eq!(warned.iter().filter(|key| cluster(key)).collect::<Vec<_>>(), expected);
}
