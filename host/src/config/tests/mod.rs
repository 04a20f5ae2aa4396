//! Files and variables in; settings with their origins, or problems, out.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

use std::fs;

use raddle_core::ids::{ChannelId, Offset};
use raddle_ordering::kafka::SaslMechanism;
use tempfile::TempDir;

use super::*;

mod keys;
mod samples;

/// A folder with the two files; one that is empty is not there.
fn folder(orderer: &str, raddle: &str) -> TempDir {
    let folder = TempDir::new().unwrap();
    for (name, text) in [("orderer.yaml", orderer), ("raddle.yaml", raddle)] {
        if !text.is_empty() {
            fs::write(folder.path().join(name), text).unwrap();
        }
    }
    folder
}

fn variables(set: &[(&str, &str)]) -> Environment {
    set.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

fn load(orderer: &str, raddle: &str, set: &[(&str, &str)]) -> Result<Settings, Vec<String>> {
    let folder = folder(orderer, raddle);
    let prefix = format!("{}/", folder.path().display());
    Settings::load(Some(folder.path()), &variables(set)).map_err(|problems| {
        problems.0.iter().map(|problem| problem.to_string().replace(&prefix, "")).collect()
    })
}

/// The files give exactly these problems.
fn refused(orderer: &str, raddle: &str, set: &[(&str, &str)], expected: &[&str]) {
    assert_eq!(load(orderer, raddle, set).unwrap_err(), expected, "{orderer}{raddle}{set:?}");
}

/// An `orderer.yaml` that sets nothing.
const EMPTY: &str = "# nothing\n";

const RENAMED: &str = "
general:
  listenaddress: 0.0.0.0
  LISTENPORT: 7051
  GenesisMethod: none
  GenesisFile: old.block
  LocalMSPDir: /crypto/msp
  LocalMSPID: OrdererMSP
  Authentication:
    TimeWindow: 90s
    NoExpirationChecks: true
  MaxRecvMsgSize: 0x100
  MaxSendMsgSize: 1_000
FileLedger:
  Location: ledgers
";

#[test]
fn an_empty_file_gives_fabrics_defaults() {
    let settings = load(EMPTY, "", &[]).unwrap();
    assert_eq!(settings.listen_address, Setting::default_of("127.0.0.1".into()));
    assert_eq!(settings.listen_port, Setting::default_of(7050));
    assert_eq!(settings.bootstrap_method, Setting::default_of(BootstrapMethod::File));
    assert!(settings.bootstrap_file.value.ends_with("genesisblock"));
    assert_eq!(settings.msp_id, Setting::default_of("SampleOrg".into()));
    assert!(settings.msp_dir.value.ends_with("msp"));
    assert_eq!(settings.time_window, Setting::default_of(Duration::from_secs(900)));
    assert_eq!(settings.no_expiration_checks, Setting::default_of(false));
    assert_eq!(settings.receive_bytes_max, Setting::default_of(104_857_600));
    assert_eq!(settings.send_bytes_max, Setting::default_of(104_857_600));
    assert_eq!(settings.folder.value, Path::new("/var/hyperledger/production/orderer"));
    assert_eq!(settings.ordering.kafka, Setting::default_of(LogChoice::Channel));
    assert_eq!(settings.ordering.solo, Setting::default_of(LogChoice::Local));
    assert_eq!(settings.ordering.etcdraft, Setting::default_of(LogChoice::None));
    assert_eq!(settings.batch_policies, Setting::default_of(BatchPolicies::None));
    assert_eq!((settings.batch_policy_override, settings.warnings), (None, Vec::new()));
}

#[test]
fn case_does_not_count_in_keys_and_paths_are_seen_from_the_file() {
    let folder = folder(RENAMED, "");
    let settings = Settings::load(Some(folder.path()), &Environment::new()).unwrap();
    let path = folder.path().join("orderer.yaml");
    let place = |line, column| Origin::File { path: path.clone(), place: Some(Place { line, column }) };
    assert_eq!(settings.listen_address, Setting { value: "0.0.0.0".into(), origin: place(3, 3) });
    assert_eq!(settings.listen_port, Setting { value: 7051, origin: place(4, 3) });
    assert_eq!(settings.bootstrap_method, Setting { value: BootstrapMethod::None, origin: place(5, 3) });
    assert_eq!(settings.bootstrap_file.value, folder.path().join("old.block"));
    assert_eq!(settings.msp_dir.value, Path::new("/crypto/msp"));
    assert_eq!(settings.time_window, Setting { value: Duration::from_secs(90), origin: place(10, 5) });
    assert_eq!(settings.no_expiration_checks, Setting { value: true, origin: place(11, 5) });
    assert_eq!((settings.receive_bytes_max.value, settings.send_bytes_max.value), (256, 1000));
    assert_eq!(settings.folder.value, folder.path().join("ledgers"));
    assert_eq!(settings.warnings, []);
}

#[test]
fn a_variable_goes_before_the_file_and_an_empty_one_does_not_count() {
    let set = [
        ("ORDERER_GENERAL_LISTENPORT", "7060"),
        ("ORDERER_GENERAL_LISTENADDRESS", ""),
        ("ORDERER_GENERAL_AUTHENTICATION_TIMEWINDOW", "1h30m"),
        ("ORDERER_GENERAL_AUTHENTICATION_NOEXPIRATIONCHECKS", "F"),
        ("ORDERER_FILELEDGER_LOCATION", "elsewhere"),
    ];
    let settings = load(RENAMED, "", &set).unwrap();
    let origin = |name: &str| Origin::Environment(name.into());
    assert_eq!(settings.listen_port, Setting { value: 7060, origin: origin("ORDERER_GENERAL_LISTENPORT") });
    assert_eq!(settings.listen_address.value, "0.0.0.0");
    assert_eq!(settings.time_window.value, Duration::from_secs(5400));
    assert!(!settings.no_expiration_checks.value);
    assert!(settings.folder.value.ends_with("elsewhere"));
    // It works for what does not stand in the file, too.
    let settings = load(EMPTY, "", &[("ORDERER_GENERAL_LOCALMSPID", "M")]).unwrap();
    assert_eq!(settings.msp_id, Setting { value: "M".into(), origin: origin("ORDERER_GENERAL_LOCALMSPID") });
}

#[test]
fn a_text_that_nobody_set_may_come_from_a_file_that_a_variable_names() {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("id");
    fs::write(&file, "FromFile").unwrap();
    let file = file.to_str().unwrap();
    let set = [("ORDERER_GENERAL_LOCALMSPID_FILE", file)];
    assert_eq!(load(EMPTY, "", &set).unwrap().msp_id.value, "FromFile");
    assert_eq!(load("General: {LocalMSPID: null}", "", &set).unwrap().msp_id.value, "FromFile");
    assert_eq!(load("General: {LocalMSPID: Here}", "", &set).unwrap().msp_id.value, "Here");
    let problems = load(EMPTY, "", &[("ORDERER_GENERAL_LOCALMSPID_FILE", "/nowhere/id")]).unwrap_err();
    assert!(problems[0].contains("/nowhere/id cannot be read"), "{problems:?}");
}

#[test]
fn the_newer_name_goes_before_the_older_one() {
    let both = "General: {BootstrapMethod: file, GenesisMethod: none, BootstrapFile: new, GenesisFile: old}";
    let settings = load(both, "", &[]).unwrap();
    assert_eq!(settings.bootstrap_method.value, BootstrapMethod::File);
    assert!(settings.bootstrap_file.value.ends_with("new"));
    let settings = load(both, "", &[("ORDERER_GENERAL_GENESISMETHOD", "file")]).unwrap();
    assert!(matches!(settings.bootstrap_method.origin, Origin::File { .. }));
}

#[test]
fn zero_stands_for_the_default() {
    let zeros = "General: {ListenPort: 0, MaxRecvMsgSize: 0, Authentication: {TimeWindow: 0s}}";
    let settings = load(zeros, "", &[]).unwrap();
    assert_eq!(settings.listen_port, Setting::default_of(7050));
    assert_eq!(settings.receive_bytes_max, Setting::default_of(104_857_600));
    assert_eq!(settings.time_window, Setting::default_of(Duration::from_secs(900)));
}

#[test]
fn values_are_read_as_leniently_as_fabric_reads_them() {
    let port = |text: &str| {
        load(&format!("General: {{ListenPort: {text}}}"), "", &[]).map(|it| it.listen_port.value)
    };
    for (text, expected) in
        [("7051", 7051), ("\"7051\"", 7051), ("0x1f", 31), ("017", 15), ("0b11", 3), ("7_051", 7051)]
    {
        assert_eq!(port(text), Ok(expected), "{text}");
    }
    let checks = |text: &str| {
        let file = format!("General: {{Authentication: {{NoExpirationChecks: {text}}}}}");
        load(&file, "", &[]).map(|settings| settings.no_expiration_checks.value)
    };
    for (text, expected) in
        [("true", true), ("\"T\"", true), ("1", true), ("yes", true), ("off", false), ("\"0\"", false)]
    {
        assert_eq!(checks(text), Ok(expected), "{text}");
    }
    // Without quotes a number of YAML, and then Go's unit is the nanosecond.
    let window = |text: &str| {
        let file = format!("General: {{Authentication: {{TimeWindow: {text}}}}}");
        load(&file, "", &[]).map(|settings| settings.time_window.value)
    };
    assert_eq!(window("1500"), Ok(Duration::from_nanos(1500)));
    assert_eq!(window("1m0.5s"), Ok(Duration::from_millis(60_500)));
    assert!(window("\"1500\"").is_err());
}

#[test]
fn the_log_of_a_channel_is_the_one_of_its_own_line_or_of_its_type() {
    let raddle = "
Ordering:
  kafka: [kafka1:9092, kafka2:9092]
  etcdraft: local
  channels:
    trade-1: local
    quiet: none
";
    let ordering = load(EMPTY, raddle, &[]).unwrap().ordering;
    let log = |channel: &str, kind: &str| {
        ordering.log_for(&ChannelId(channel.into()), kind).map(|setting| setting.value.to_string())
    };
    assert_eq!(log("other", "kafka").unwrap(), "[kafka1:9092, kafka2:9092]");
    assert_eq!(log("other", "solo").unwrap(), "local");
    assert_eq!(log("other", "etcdraft").unwrap(), "local");
    assert_eq!(log("other", "BFT"), None);
    assert_eq!(log("trade-1", "kafka").unwrap(), "local");
    assert_eq!(log("trade-1", "BFT").unwrap(), "local");
    assert_eq!(log("quiet", "solo").unwrap(), "none");
    let set = [("RADDLE_ORDERING_KAFKA", "local"), ("RADDLE_ORDERING_ETCDRAFT", "[a:1, b:2]")];
    let ordering = load(EMPTY, raddle, &set).unwrap().ordering;
    assert_eq!(ordering.kafka.value, LogChoice::Local);
    assert_eq!(ordering.kafka.origin, Origin::Environment("RADDLE_ORDERING_KAFKA".into()));
    assert_eq!(ordering.etcdraft.value, LogChoice::Brokers(vec!["a:1".into(), "b:2".into()]));
}

#[test]
fn batch_policies_are_for_no_channel_for_all_or_for_some() {
    let read = |text: &str| load(EMPTY, text, &[]).unwrap().batch_policies.value;
    let some = |names: &[&str]| {
        BatchPolicies::Channels(names.iter().map(|name| ChannelId((*name).into())).collect())
    };
    assert_eq!(read("BatchPolicies: none"), BatchPolicies::None);
    assert_eq!(read("BatchPolicies: all"), BatchPolicies::All);
    assert_eq!(read("BatchPolicies: [a, b]"), some(&["a", "b"]));
    assert_eq!(read("BatchPolicies: trade"), some(&["trade"]));
    let settings = load(EMPTY, "BatchPolicyOverride: {channel: trade, offset: 12}", &[]).unwrap();
    let expected = BatchPolicyOverride { channel: ChannelId("trade".into()), offset: Offset(12) };
    assert_eq!(settings.batch_policy_override.unwrap().value, expected);
}

#[test]
fn limits_and_budgets_are_what_the_server_has_by_default_and_what_the_file_says() {
    let settings = load(EMPTY, "", &[]).unwrap();
    assert_eq!((settings.limits.clone(), settings.budgets), (Limits::default(), Budgets::default()));
    assert_eq!(settings.fork_watch, Some(Duration::from_secs(30)));
    let raddle = "
Limits: {StreamsPerClient: 3, DeliverBytes: 1 MB, ReaderTime: 2s}
ForkWatch: {Enabled: false}
Budgets:
  BytesPerSecond: 4 MB
  Organisations:
    Org1MSP: {envelopespersecond: 50}
";
    let settings = load(EMPTY, raddle, &[]).unwrap();
    let guard = settings.limits.server().guard;
    assert_eq!((guard.client_streams_max, guard.deliver_bytes_max), (3, 1 << 20));
    assert_eq!((guard.reader_time_max, settings.fork_watch), (Duration::from_secs(2), None));
    let budget = |envelopes_per_second, bytes_per_second| Budget { envelopes_per_second, bytes_per_second };
    assert_eq!(settings.budgets.others, budget(0, 4 << 20));
    assert_eq!(settings.budgets.organisations, [("Org1MSP".to_owned(), budget(50, 0))].into());
    let shown = settings.effective.iter().find(|it| it.key.starts_with("Budgets.Organisations."));
    assert_eq!(shown.and_then(|it| it.value.as_deref()), Some("50"));
    refused(
        EMPTY,
        "Budgets: {Organisations: {Org1MSP: 5, Org2MSP: {Rate: 5, BytesPerSecond: much}}}",
        &[],
        &[
            "raddle.yaml:1:27  Budgets.Organisations.Org1MSP: here stands no map; write EnvelopesPerSecond, \
             BytesPerSecond, or both, below the MSP id",
            "raddle.yaml:1:49  Budgets.Organisations.Org2MSP.Rate: there is no such key; write EnvelopesPerSecond, \
             BytesPerSecond, or both, below the MSP id",
            "raddle.yaml:1:58  Budgets.Organisations.Org2MSP.BytesPerSecond: \"much\" is no amount of bytes; write one \
             such as 1 MB, 10m or 4096",
        ],
    );
}

#[test]
fn all_problems_are_told_at_once_in_the_order_of_the_files() {
    let orderer = "
General:
  ListenPort: 70500
  BootstrapMethod: provisional
  Authentication:
    TimeWindow: 15
    TimeWindow: fifteen
FileLedger: here
";
    refused(
        orderer,
        "Ordering: {kafak: local, solo: none}\nbatchpolicies: {a: b}\n",
        &[("RADDLE_ORDERING_KAFKAS", "local"), ("ORDERER_GENERAL_MAXRECVMSGSIZE", "100 MB")],
        &[
            "orderer.yaml:3:3  General.ListenPort: 70500 is too much; write at most 65535",
            "orderer.yaml:4:3  General.BootstrapMethod: \"provisional\" is no method; \
             make a block with configtxgen, name it in General.BootstrapFile, and write file",
            "orderer.yaml:7:5  General.Authentication.TimeWindow: \"fifteen\" is no duration; \
             write a number and a unit, such as 15m or 500ms",
            "orderer.yaml:7:5  General.Authentication.TimeWindow: the key stands here twice; keep one of them",
            "orderer.yaml:8:1  FileLedger: here stands a text; write its keys below, indented",
            "raddle.yaml:1:12  Ordering.kafak: no such key; did you mean Ordering.kafka?",
            "raddle.yaml:1:26  Ordering.solo: \"none\" is no log; write local",
            "raddle.yaml:2:1  BatchPolicies: here stands a map; write none, all, or a list of channels",
            "$ORDERER_GENERAL_MAXRECVMSGSIZE  General.MaxRecvMsgSize: \"100 MB\" is no whole number; \
             write a number from 0 to 2147483647",
            "$RADDLE_ORDERING_KAFKAS  no such variable; did you mean $RADDLE_ORDERING_KAFKA?",
        ],
    );
}

#[test]
fn each_wrong_value_has_its_sentence() {
    let cases = [
        (
            "General: {ListenPort: -1}",
            "General.ListenPort: \"-1\" is no whole number; write a number from 0 to 65535",
        ),
        (
            "General: {ListenPort: 0x}",
            "General.ListenPort: \"0x\" is no whole number; write a number from 0 to 65535",
        ),
        ("General: {ListenPort: [1]}", "General.ListenPort: here stands a list; write one word or text"),
        ("General: {LocalMSPID: {a: b}}", "General.LocalMSPID: here stands a map; write one word or text"),
        (
            "General: {Authentication: {NoExpirationChecks: maybe}}",
            "General.Authentication.NoExpirationChecks: \"maybe\" is neither true nor false; write true or false",
        ),
        (
            "General: {Authentication: {TimeWindow: -5m}}",
            "General.Authentication.TimeWindow: \"-5m\" is no duration; \
             write a number and a unit, such as 15m or 500ms",
        ),
        (
            "General: {BootstrapMethod: fiel}",
            "General.BootstrapMethod: \"fiel\" is no method; write file or none",
        ),
    ];
    for (text, expected) in cases {
        let problems = load(text, "", &[]).unwrap_err();
        assert_eq!(problems.len(), 1, "{problems:?}");
        assert!(problems[0].ends_with(&format!("  {expected}")), "{problems:?}");
    }
}

#[test]
fn each_wrong_value_of_our_own_file_has_its_sentence() {
    let brokers = "or a list of brokers, such as [kafka1:9092, kafka2:9092]";
    let cases = [
        (
            "Ordering: {kafka: []}",
            format!("Ordering.kafka: the list is empty; write channel or local, {brokers}"),
        ),
        (
            "Ordering: {kafka: lokal}",
            format!("Ordering.kafka: \"lokal\" is no host:port; write channel or local, {brokers}"),
        ),
        (
            "Ordering: {etcdraft: ['a:1', 'b:0']}",
            format!("Ordering.etcdraft: \"b:0\" is no host:port; write none or local, {brokers}"),
        ),
        (
            "Ordering: {etcdraft: [[a]]}",
            "Ordering.etcdraft: the list holds a list; write one text for each item".to_owned(),
        ),
        (
            "Ordering: {channels: {trade: x}}",
            format!(
                "Ordering.channels.trade: \"x\" is no host:port; write channel or local or none, {brokers}"
            ),
        ),
        (
            "Ordering: {channels: local}",
            "Ordering.channels: here stands no map; \
             write `CHANNEL: local` or `CHANNEL: [host:port]` below it, in the file"
                .to_owned(),
        ),
        (
            "BatchPolicyOverride: {channel: trade}",
            "BatchPolicyOverride.channel: BatchPolicyOverride.offset is missing; set both, or neither"
                .to_owned(),
        ),
        (
            "BatchPolicyOverride: {offset: 1}",
            "BatchPolicyOverride.offset: BatchPolicyOverride.channel is missing; set both, or neither"
                .to_owned(),
        ),
        ("Brokers: {}", "Brokers: no such key; remove it".to_owned()),
    ];
    for (text, expected) in cases {
        let problems = load(EMPTY, text, &[]).unwrap_err();
        assert_eq!(problems.len(), 1, "{text}: {problems:?}");
        assert!(problems[0].ends_with(&format!("  {expected}")), "{problems:?}");
    }
}

#[test]
fn a_file_that_is_no_settings_says_where_and_exhausts_nothing() {
    let bomb = format!(
        "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n{}",
        (1..9)
            .map(|i| format!("a{i}: &a{i} [{}]\n", vec![format!("*a{}", i - 1); 10].join(", ")))
            .collect::<String>()
    );
    let cases = [
        ("- a\n- b\n".to_owned(), "orderer.yaml:1:1  a file of settings is a map"),
        ("General: [\n".to_owned(), "this is no YAML"),
        ("General:\n\tListenPort: 1\n".to_owned(), "this is no YAML"),
        (format!("a: {}", "[".repeat(100_000)), "recursion limit exceeded"),
        (
            format!("a: {}{}", "[".repeat(33), "]".repeat(33)),
            "more than 32 lists and maps stand inside one another",
        ),
        (bomb, "the file has more than 10000 values"),
        ("? [a, b]\n: c\n".to_owned(), "a key must be a word"),
        ("a: &x [*x]\n".to_owned(), "this is no YAML: "),
        (format!("a: {}", "x".repeat(2 << 20)), "is too long: 2097155 bytes are more than 1048576"),
    ];
    for (text, expected) in cases {
        let problems = load(&text, "", &[]).unwrap_err();
        assert_eq!(problems.len(), 1, "{problems:?}");
        assert!(problems[0].contains(expected), "{expected}: {problems:?}");
        assert!(problems[0].starts_with("orderer.yaml"), "{problems:?}");
    }
    // Aliases and quotes are fine as long as they stay small.
    let settings = load("General: {LocalMSPID: &g 'null', GenesisProfile: *g}\n", "", &[]).unwrap();
    assert_eq!(settings.msp_id.value, "null");
}

#[test]
fn the_folder_is_the_one_that_is_named_or_the_first_that_fabric_would_take() {
    let folder = folder("General: {LocalMSPID: Named}", "");
    let path = folder.path().to_str().unwrap();
    let settings = Settings::load(None, &variables(&[("FABRIC_CFG_PATH", path)])).unwrap();
    assert_eq!(settings.msp_id.value, "Named");
    let empty = TempDir::new().unwrap();
    let problems = Settings::load(Some(empty.path()), &variables(&[("FABRIC_CFG_PATH", path)])).unwrap_err();
    assert_eq!(problems.to_string(), "1 problem in the settings");
    assert_eq!(problems.0[0].what, format!("there is no orderer.yaml in {}", empty.path().display()));
    fs::write(empty.path().join("orderer.yml"), "General: {LocalMSPID: Yml}").unwrap();
    assert_eq!(Settings::load(Some(empty.path()), &Environment::new()).unwrap().msp_id.value, "Yml");
}

#[test]
fn every_key_of_the_tables_has_a_variable_of_its_own() {
    for schema in [ORDERER, RADDLE] {
        let names: std::collections::BTreeSet<_> =
            schema.keys.iter().map(|key| schema.variable(key.name)).collect();
        assert_eq!(names.len(), schema.keys.len());
    }
    assert_eq!(
        ORDERER.variable("General.Authentication.TimeWindow"),
        "ORDERER_GENERAL_AUTHENTICATION_TIMEWINDOW"
    );
}

// === Kafka ===

const KAFKA: &str = "
Kafka:
  Retry:
    ShortInterval: 5s
    ShortTotal: 10m
    LongInterval: 5m
    LongTotal: 12h
    NetworkTimeouts: {DialTimeout: 10s, ReadTimeout: 11s, WriteTimeout: 12s}
    Metadata: {RetryBackoff: 250ms, RetryMax: 3}
    Producer: {RetryBackoff: 120ms, RetryMax: 3}
    Consumer: {RetryBackoff: 2s}
  Topic: {ReplicationFactor: 2}
  Verbose: false
  Version: 1.0.0
";

#[test]
fn fabrics_section_for_kafka_is_taken_and_an_absent_one_is_its_defaults() {
    let kafka = load(KAFKA, "Kafka: {Idempotent: false, AppendTimeout: 45s}\n", &[]).unwrap().kafka;
    assert_eq!((kafka.retry.short_interval, kafka.retry.short_total), (seconds(5), seconds(600)));
    assert_eq!((kafka.retry.long_interval, kafka.retry.dial_timeout), (seconds(300), seconds(10)));
    assert_eq!((kafka.retry.read_timeout, kafka.retry.backoff.as_millis()), (seconds(11), 120));
    assert_eq!(kafka.append_timeout, seconds(45));
    assert_eq!((kafka.topic_replication, kafka.is_idempotent), (2, false));
    assert!(kafka.tls.is_none() && kafka.sasl.is_none() && kafka.greeting.is_some());
    let kafka = load(EMPTY, "", &[]).unwrap().kafka;
    assert_eq!((kafka.retry.short_interval, kafka.retry.short_total), (seconds(60), seconds(600)));
    assert_eq!((kafka.retry.long_interval, kafka.retry.dial_timeout), (seconds(600), seconds(30)));
    assert_eq!((kafka.topic_replication, kafka.is_idempotent), (3, true));
}

fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

#[test]
fn tls_towards_brokers_is_read_from_texts_files_and_variables() {
    let folder = TempDir::new().unwrap();
    let file = |name: &str, text: &str| {
        let path = folder.path().join(name);
        fs::write(&path, text).unwrap();
        path.display().to_string()
    };
    let (one, two, key) = (file("one.pem", "ONE"), file("two.pem", "TWO"), file("key.pem", "KEY"));
    let text = format!(
        "Kafka:\n  TLS:\n    Enabled: true\n    Certificate: CERTIFICATE\n    RootCAs: {{File: [{one}, {two}]}}\n"
    );
    let tls = load(&text, "", &[("ORDERER_KAFKA_TLS_PRIVATEKEY_FILE", &key)]).unwrap().kafka.tls.unwrap();
    assert_eq!(tls.root_certificates, "ONE\nTWO");
    let client = tls.client.unwrap();
    assert_eq!((client.certificate.as_str(), client.key.as_str()), ("CERTIFICATE", "KEY"));
    assert!(load(&text.replace("true", "false"), "", &[]).unwrap().kafka.tls.is_none());
    let enabled = "orderer.yaml:3:5  Kafka.TLS.Enabled: ";
    let half = format!(
        "{enabled}of Kafka.TLS.Certificate and Kafka.TLS.PrivateKey one is missing; set both, or neither"
    );
    refused(&text, "", &[], &[&half]);
    let rootless = format!(
        "{enabled}Kafka.TLS.RootCAs names no certificate; name those that the brokers' certificates come from"
    );
    refused("Kafka:\n  TLS:\n    Enabled: true\n", "", &[], &[&rootless]);
}

#[test]
fn the_user_of_the_brokers_is_fabrics_or_ours() {
    let plain = "Kafka:\n  SASLPlain: {Enabled: true, User: ann, Password: secret}\n";
    let settings = load(plain, "", &[]).unwrap();
    let sasl = settings.kafka.sasl.unwrap();
    assert_eq!((sasl.mechanism, sasl.user.as_str()), (SaslMechanism::Plain, "ann"));
    let warned = |settings: &[Problem]| settings.iter().any(|it| it.key == "Kafka.SASLPlain");
    assert!(warned(&settings.warnings), "without TLS everybody on the way has the password");
    let tls = format!("{plain}  TLS: {{Enabled: true, RootCAs: [root]}}\n");
    assert!(!warned(&load(&tls, "", &[]).unwrap().warnings));
    let scram = "Kafka: {SASLScram: {Mechanism: SCRAM-SHA-512, User: bob, Password: secret}}\n";
    let settings = load(plain, scram, &[]).unwrap();
    assert!(!warned(&settings.warnings));
    let sasl = settings.kafka.sasl.unwrap();
    assert_eq!((sasl.mechanism, sasl.user.as_str()), (SaslMechanism::ScramSha512, "bob"));
    let nobody = "raddle.yaml:1:21  Kafka.SASLScram.Mechanism: here stands no mechanism that is known; write \
                  SCRAM-SHA-256 or SCRAM-SHA-512";
    refused(EMPTY, &scram.replace("SCRAM-SHA-512", "GSSAPI"), &[], &[nobody]);
}
