//! The tables: every key is taken, checked, and has an effect or is warned of.

use super::super::keys::{Fate, Key, Kind, Schema, Versions};
use super::super::value;
use super::*;

/// A file that sets these keys.
fn file(set: &[(&str, &str)]) -> String {
    let mut names: Vec<&str> = set.iter().map(|(key, _)| key.split('.').next().unwrap()).collect();
    names.sort_unstable();
    names.dedup();
    names.into_iter().map(|name| format!("{name}: {}\n", inside(name, set))).collect()
}

/// What stands at a key: its value, or the map of those below it.
fn inside(key: &str, set: &[(&str, &str)]) -> String {
    if let Some((_, value)) = set.iter().find(|(it, _)| *it == key) {
        return (*value).to_owned();
    }
    let below = set.iter().filter_map(|(it, _)| it.strip_prefix(key)?.strip_prefix('.')?.split('.').next());
    let below: std::collections::BTreeSet<&str> = below.collect();
    let entries = below.into_iter().map(|name| format!("{name}: {}", inside(&format!("{key}.{name}"), set)));
    format!("{{{}}}", entries.collect::<Vec<_>>().join(", "))
}

/// A value that the key takes, and that nothing has by default.
fn example(key: &Key) -> &'static str {
    match (key.name, key.kind) {
        ("General.BootstrapMethod" | "General.GenesisMethod", _) => "none",
        // Anything else is refused.
        ("General.BCCSP.Default", _) => "SW",
        ("Kafka.SASLScram.Mechanism", _) => "SCRAM-SHA-256",
        // Elsewhere everybody could connect, which is warned of.
        ("Operations.ListenAddress", _) => "127.0.0.1:17",
        // The one that has no effect.
        ("Metrics.Provider", _) => "statsd",
        (_, Kind::Text | Kind::Secret | Kind::Path | Kind::Own) => "example",
        (_, Kind::Boolean) => "true",
        (_, Kind::Number(_) | Kind::Integer | Kind::Size) => "17",
        (_, Kind::Fraction) => "1.25",
        (_, Kind::Duration) => "17s",
        (_, Kind::List | Kind::Paths) => "[example]",
        (_, Kind::KafkaVersion) => "2.8.1",
        ("Budgets.Organisations", _) => "{trade: {EnvelopesPerSecond: 7}}",
        (_, Kind::OwnMap) => "{trade: local}",
    }
}

/// What must be set beside a key so that it counts.
fn beside(key: &str) -> &'static [(&'static str, &'static str)] {
    match key {
        "Kafka.TLS.Enabled" => &[("Kafka.TLS.RootCAs", "root")],
        "Kafka.TLS.RootCAs" => &[("Kafka.TLS.Enabled", "true")],
        "Kafka.TLS.PrivateKey" => &[
            ("Kafka.TLS.Enabled", "true"),
            ("Kafka.TLS.RootCAs", "root"),
            ("Kafka.TLS.Certificate", "certificate"),
        ],
        "Kafka.TLS.Certificate" => {
            &[("Kafka.TLS.Enabled", "true"), ("Kafka.TLS.RootCAs", "root"), ("Kafka.TLS.PrivateKey", "key")]
        }
        "Kafka.SASLPlain.Enabled" => &[("Kafka.SASLPlain.User", "u"), ("Kafka.SASLPlain.Password", "p")],
        "Kafka.SASLPlain.User" => &[("Kafka.SASLPlain.Enabled", "true"), ("Kafka.SASLPlain.Password", "p")],
        "Kafka.SASLPlain.Password" => &[("Kafka.SASLPlain.Enabled", "true"), ("Kafka.SASLPlain.User", "u")],
        _ => &[],
    }
}

/// TLS wants files; it has tests of its own.
fn is_of_tls(key: &Key) -> bool {
    let sections = [
        "General.TLS.",
        "Admin.TLS.",
        "Operations.TLS.",
        "General.Cluster.Client",
        "General.Cluster.RootCAs",
    ];
    sections.iter().any(|section| key.name.starts_with(section))
}

#[test]
fn every_key_of_fabric_is_taken_and_has_an_effect_or_is_warned_of() {
    for key in ORDERER.keys.iter().filter(|key| !is_of_tls(key)) {
        let mut set = vec![(key.name, example(key))];
        set.extend(beside(key.name));
        if let Fate::With(other) = key.fate {
            set.push((other, example(ORDERER.find(other).unwrap())));
        }
        let text = file(&set);
        let settings = load(&text, "", &[]).unwrap_or_else(|problems| panic!("{text}{problems:?}"));
        let of_key = settings.warnings.iter().filter(|warning| warning.key == key.name).count();
        let is_idle = match key.fate {
            Fate::Works => false,
            Fate::NoEffect { idle, .. } => !idle.contains(&example(key)),
            Fate::Partly { vain, .. } => vain.contains(&example(key)),
            Fate::With(other) => {
                matches!(ORDERER.find(other).unwrap().fate, Fate::NoEffect { .. } | Fate::Partly { .. })
            }
        };
        assert_eq!(of_key, usize::from(is_idle), "{text}{:?}", settings.warnings);
        // What it says is shown, with its place.
        let shown = settings.effective.iter().find(|it| it.key == key.name);
        let is_shown = shown.is_some_and(|it| matches!(&it.origin, Origin::File { place: Some(_), .. }));
        let has_effect = matches!(key.fate, Fate::Works | Fate::Partly { .. });
        assert_eq!(is_shown, is_idle || has_effect, "{text}{shown:?}");
        assert_eq!(shown.is_some_and(|it| it.without_effect.is_some()), is_idle, "{text}{shown:?}");
    }
}

#[test]
fn every_key_that_works_reaches_the_node() {
    let reached = |settings: &Settings| {
        let (kafka, secrets) = (&settings.kafka, settings.kafka.sasl.as_ref());
        let tls = kafka.tls.as_ref().map(|tls| {
            let client = tls.client.as_ref();
            (tls.root_certificates.clone(), client.map(|it| (it.certificate.clone(), it.key.clone())))
        });
        let mut plain = settings.clone();
        (plain.effective, plain.warnings) = (Vec::new(), Vec::new());
        format!("{plain:?}{tls:?}{:?}", secrets.map(|sasl| sasl.password.clone()))
    };
    let has_effect = |key: &&Key| matches!(key.fate, Fate::Works | Fate::Partly { .. });
    let keys = ORDERER.keys.iter().chain(RADDLE.keys).filter(has_effect);
    for key in keys.filter(|key| !is_of_tls(key) && key.name != "General.BCCSP.Default") {
        let is_fabrics = ORDERER.find(key.name).is_some();
        let example = match key.name {
            "Ordering.kafka" | "Ordering.etcdraft" => "['a:1']",
            "Metrics.Provider" => "disabled",
            // There is one value only.
            "Ordering.solo" => continue,
            "BatchPolicyOverride.channel" | "BatchPolicyOverride.offset" => continue,
            "Kafka.SASLScram.User" | "Kafka.SASLScram.Password" | "Kafka.SASLScram.Mechanism" => continue,
            "Kafka.Idempotent" | "ForkWatch.Enabled" | "General.Authentication.NoExpirationChecks" => {
                if key.default == "true" { "false" } else { "true" }
            }
            _ => example(key),
        };
        let mut with: Vec<(&str, &str)> = beside(key.name).to_vec();
        let settings = |set: &[(&str, &str)]| {
            let folder = TempDir::new().unwrap();
            let (orderer, raddle) =
                if is_fabrics { (file(set), String::new()) } else { (EMPTY.to_owned(), file(set)) };
            fs::write(folder.path().join("orderer.yaml"), orderer).unwrap();
            fs::write(folder.path().join("raddle.yaml"), raddle).unwrap();
            let (settings, _) = Settings::read(Some(folder.path()), &Environment::new()).unwrap();
            reached(&settings).replace(&folder.path().display().to_string(), "")
        };
        let without = settings(&with);
        with.push((key.name, example));
        let reached = settings(&with);
        // A place in a file alone would be a difference too.
        assert_ne!(without, reached, "{}", key.name);
        let word = match key.kind {
            Kind::OwnMap => "trade",
            _ => example.trim_matches(['[', ']', '\'']),
        };
        // Words with a meaning of their own are not in the settings any more.
        let is_shown = !["none", "true", "false", "disabled"].contains(&word);
        let shown = |text: &str| text.matches(word).count();
        assert!(!is_shown || shown(&reached) > shown(&without), "{}: {reached}", key.name);
    }
}

#[test]
fn every_default_of_the_tables_is_a_value_of_its_kind() {
    for key in ORDERER.keys.iter().chain(RADDLE.keys).filter(|key| !key.default.is_empty()) {
        let found = super::super::effective::found_default(key.default);
        assert!(value::shown(key.kind, &found, Path::new("")).is_ok(), "{key:?}");
    }
    for key in ORDERER.keys {
        if let Fate::With(other) = key.fate {
            assert!(!matches!(ORDERER.find(other).unwrap().fate, Fate::With(_)), "{key:?}");
        }
    }
}

#[test]
fn every_key_says_what_is_wrong_with_its_value() {
    let wrong = |kind| match kind {
        Kind::Text | Kind::Secret | Kind::Path | Kind::KafkaVersion => Some("[a]"),
        Kind::Boolean => Some("maybe"),
        Kind::Number(_) | Kind::Integer | Kind::Fraction | Kind::Size => Some("many"),
        Kind::Duration => Some("15 minutes"),
        Kind::List | Kind::Paths => Some("{a: b}"),
        Kind::Own | Kind::OwnMap => None,
    };
    for key in ORDERER.keys {
        let Some(wrong) = wrong(key.kind) else { continue };
        let text = file(&[(key.name, wrong)]);
        let problems = load(&text, "", &[]).unwrap_err();
        assert_eq!(problems.len(), 1, "{text}{problems:?}");
        assert!(problems[0].contains(&format!("  {}: ", key.name)), "{text}{problems:?}");
    }
}

#[test]
fn an_unknown_key_is_a_problem_and_the_nearest_one_is_named() {
    let cases = [
        ("General: {ListenPrt: 1}", "General.ListenPrt: no such key; did you mean General.ListenPort?"),
        (
            "General: {ListenAddres: 1}",
            "General.ListenAddres: no such key; did you mean General.ListenAddress?",
        ),
        ("Generl: {ListenPort: 1}", "Generl: no such key; did you mean General?"),
        ("Kafak: {}", "Kafak: no such key; did you mean Kafka?"),
        ("ListenPort: 1", "ListenPort: no such key; did you mean General.ListenPort?"),
        ("General: {Location: /x}", "General.Location: no such key; did you mean FileLedger.Location?"),
        (
            "General: {Keepalive: {ServerIntervall: 1s}}",
            "General.Keepalive.ServerIntervall: no such key; did you mean General.Keepalive.ServerInterval?",
        ),
        ("General: {Colour: red}", "General.Colour: no such key; remove it"),
    ];
    for (text, expected) in cases {
        let problems = load(text, "", &[]).unwrap_err();
        assert_eq!(problems.len(), 1, "{problems:?}");
        assert!(problems[0].ends_with(&format!("  {expected}")), "{problems:?}");
    }
    // Fabric does not look at all keys there.
    let settings = load("Consensus: {WalDr: /x}\nGeneral: {BCCSP: {TPM: {Path: /x}}}\n", "", &[]).unwrap();
    let warned: Vec<_> = settings.warnings.iter().map(|warning| warning.key.as_str()).collect();
    assert_eq!(warned, ["Consensus.WalDr", "General.BCCSP.TPM"]);
}

#[test]
fn variables_that_nobody_reads_are_warned_of() {
    let set = [
        ("ORDERER_GENERAL_LISTENPROT", "1"),
        ("ORDERER_KAFKA_RETRY_LONGTOTAL", "1s"),
        ("ORDERER_GENERAL_LOGLEVEL", "info"),
        ("ORDERER_ABSENT", "x"),
        ("ORDERER_GENERAL_CLUSTER_LISTENPORT", "1"),
        ("PATH", "/bin"),
    ];
    let settings = load(EMPTY, "", &set).unwrap();
    let warnings: Vec<String> = settings.warnings.iter().map(ToString::to_string).collect();
    assert_eq!(
        warnings,
        [
            "$ORDERER_ABSENT  no such variable; unset it",
            "$ORDERER_GENERAL_CLUSTER_LISTENPORT  General.Cluster.ListenPort: it has no effect; \
             orderers ask one another for a joined channel's blocks only: the log is between them",
            "$ORDERER_GENERAL_LISTENPROT  no such variable; did you mean $ORDERER_GENERAL_LISTENPORT?",
            "$ORDERER_GENERAL_LOGLEVEL  General.LogLevel: it has no effect; set $FABRIC_LOGGING_SPEC",
            "$ORDERER_KAFKA_RETRY_LONGTOTAL  Kafka.Retry.LongTotal: it has no effect; brokers are tried for ever",
        ]
    );
}

#[test]
fn a_variable_may_stand_for_a_section_as_in_fabric_1_4() {
    let text = "General: {Keepalive: {ServerInterval: 1h, ServerTimeout: 7s}}\n";
    let set = [("ORDERER_GENERAL_KEEPALIVE", r#"{"serverinterval": "90s"}"#)];
    let settings = load(text, "", &set).unwrap();
    let origin = Origin::Environment("ORDERER_GENERAL_KEEPALIVE".into());
    assert_eq!(settings.keepalive_interval, Setting { value: seconds(90), origin });
    // What the file has there does not count any more; a variable of a key does.
    assert_eq!(settings.keepalive_timeout, Setting::default_of(seconds(20)));
    let more = [set[0], ("ORDERER_GENERAL_KEEPALIVE_SERVERINTERVAL", "5s")];
    assert_eq!(load(text, "", &more).unwrap().keepalive_interval.value, seconds(5));
    let problems = [
        (r#"{"ServerIntervl": "9s"}"#, "did you mean General.Keepalive.ServerInterval?"),
        ("90s", "here belongs a map; set $ORDERER_GENERAL_KEEPALIVE_… for each of its keys"),
    ];
    for (text, expected) in problems {
        let problems = load(EMPTY, "", &[("ORDERER_GENERAL_KEEPALIVE", text)]).unwrap_err();
        assert!(problems.len() == 1 && problems[0].contains(expected), "{problems:?}");
    }
}

#[test]
fn a_value_may_stand_in_a_file_that_is_named_in_its_place() {
    let folder = TempDir::new().unwrap();
    let path = |name: &str, text: &str| {
        let path = folder.path().join(name);
        fs::write(&path, text).unwrap();
        path.display().to_string()
    };
    let (password, other) = (path("password", "secret"), path("other", "hidden"));
    let text =
        format!("Kafka: {{SASLPlain: {{Enabled: true, User: ann, Password: {{File: {password}}}}}}}\n");
    let read = |set: &[(&str, &str)]| load(&text, "", set).unwrap().kafka.sasl.unwrap().password;
    assert_eq!(read(&[]), "secret");
    assert_eq!(read(&[("ORDERER_KAFKA_SASLPLAIN_PASSWORD_FILE", &other)]), "hidden");
    assert_eq!(read(&[("ORDERER_KAFKA_SASLPLAIN_PASSWORD", "plain")]), "plain");
    let gone = load(&text.replace(&password, "/nowhere/password"), "", &[]).unwrap_err();
    let expected = "orderer.yaml:1:58  Kafka.SASLPlain.Password.File: /nowhere/password cannot be read: ";
    assert!(gone.iter().any(|problem| problem.starts_with(expected)), "{gone:?}");
    let nothing = load(&text.replace(&password, "null"), "", &[]).unwrap_err();
    assert!(nothing.iter().any(|problem| problem.contains("Password.File: no file is named")), "{nothing:?}");
    // No secret is shown.
    let shown = load(&text, "", &[]).unwrap();
    let shown = shown.effective.iter().find(|it| it.key == "Kafka.SASLPlain.Password").unwrap();
    assert_eq!(shown.value.as_deref(), Some("(not shown)"));
}

#[test]
fn amounts_of_bytes_have_units() {
    let size = |text: &str| {
        let text = format!("ChannelParticipation: {{Enabled: true, MaxRequestBodySize: {text}}}");
        let settings = load(&text, "", &[]).map_err(|problems| problems.concat())?;
        let shown = settings.effective.iter().find(|it| it.key == "ChannelParticipation.MaxRequestBodySize");
        Ok::<_, String>(shown.unwrap().value.clone().unwrap())
    };
    for (text, expected) in [
        ("1 MB", 1 << 20),
        ("10m", 10 << 20),
        ("4K", 4096),
        ("3gb", 3_u64 << 30),
        ("4096", 4096),
        ("\"0x10\"", 16),
        ("2\tkB", 2048),
    ] {
        assert_eq!(size(text), Ok(expected.to_string()), "{text}");
    }
    for (text, expected) in [
        ("4 GB", "\"4 GB\" is too much; write at most 4294967295 bytes"),
        ("1.5 MB", "\"1.5 MB\" is no amount of bytes; write one such as 1 MB, 10m or 4096"),
        ("1 TB", "is no amount of bytes"),
        ("12b", "is no amount of bytes"),
    ] {
        let problem = size(text).unwrap_err();
        assert!(problem.contains(expected), "{problem}");
    }
}

#[test]
fn a_file_that_no_go_orderer_takes_is_warned_of() {
    let both = "General: {LedgerType: file, MaxRecvMsgSize: 17}\n";
    let settings = load(both, "", &[]).unwrap();
    let warnings: Vec<_> = settings.warnings.iter().map(|it| (it.key.as_str(), it.what.as_str())).collect();
    assert_eq!(
        warnings,
        [("General.MaxRecvMsgSize", "no Go orderer takes both this key and General.LedgerType")]
    );
    assert_eq!(Versions::ALL.names(), ["1.4", "2.5", "3.1"]);
}

#[test]
fn providers_that_this_node_has_not_are_refused() {
    for (provider, expected) in [
        (
            "PKCS11",
            "this version does not use keys in a hardware module; \
             write SW, and put the key into the folder keystore of General.LocalMSPDir",
        ),
        ("PLUGIN", "\"PLUGIN\" is no provider; write SW"),
    ] {
        let problem = format!("orderer.yaml:1:19  General.BCCSP.Default: {expected}");
        refused(&format!("General: {{BCCSP: {{Default: {provider}}}}}"), "", &[], &[&problem]);
    }
    let store = "General: {BCCSP: {Default: SW, SW: {FileKeyStore: {KeyStore: keys}}}}";
    assert_eq!(load(store, "", &[]).unwrap().key_store.unwrap().value, Path::new("keys"));
    let store = "General: {BCCSP: {SW: {FileKeyStore: {KeyStorePath: /keys}}}}";
    assert_eq!(load(store, "", &[]).unwrap().key_store.unwrap().value, Path::new("/keys"));
}

#[test]
fn the_nearest_key_of_the_tables_is_the_key_itself() {
    for schema in [ORDERER, RADDLE] {
        let nearest = |schema: Schema, key: &Key| schema.nearest(&key.name.to_lowercase());
        assert!(schema.keys.iter().all(|key| nearest(schema, key) == Some(key.name)));
    }
}

#[test]
fn what_becomes_of_metrics_by_their_provider_is_said() {
    let read = |text: &str| {
        let settings = load(text, "", &[]).unwrap();
        let warned: Vec<_> = settings.warnings.iter().map(|it| format!("{}: {}", it.key, it.what)).collect();
        let shown = settings.effective.iter().find(|it| it.key == "Metrics.Provider").unwrap();
        (settings.operations.metrics.value, shown.value.clone().unwrap(), warned)
    };
    let (on, off) = (Metrics::Prometheus, Metrics::Disabled);
    for (text, metrics, shown, warned) in [
        (EMPTY, on, "prometheus", vec![]),
        ("Metrics: {Provider: prometheus}\n", on, "prometheus", vec![]),
        ("Metrics: {Provider: disabled, Statsd: {Network: udp}}\n", off, "disabled", vec![]),
        ("Metrics: {Provider: statsd}\n", on, "statsd", vec!["Metrics.Provider: it has no effect"]),
        (
            "Metrics: {Provider: graphite}\n",
            off,
            "graphite",
            vec!["Metrics.Provider: \"graphite\" is no provider: no metrics"],
        ),
    ] {
        let expected = warned.into_iter().map(str::to_owned).collect();
        assert_eq!(read(text), (metrics, shown.to_owned(), expected), "{text}");
    }
}

#[test]
fn operators_are_served_where_an_address_says_so() {
    let listens = |text: &str| {
        let settings = load(text, "", &[]).unwrap();
        let warned = settings.warnings.iter().any(|it| it.key == "Operations.ListenAddress");
        (settings.operations.listens(), warned)
    };
    for (text, expected) in [
        (EMPTY, (false, false)),
        ("Operations: {ListenAddress: '127.0.0.1:8443'}\n", (true, false)),
        ("Operations: {ListenAddress: '0.0.0.0:8443'}\n", (true, true)),
    ] {
        assert_eq!(listens(text), expected, "{text}");
    }
}
