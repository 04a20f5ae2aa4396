//! TLS and SCRAM, where the build has them; what is said where it has not.

use std::path::Path;
use std::process::Command;

use raddle_ordering::kafka::{HAS_TLS, KafkaLog, OpenError, Sasl, SaslMechanism, Settings, Tls};

use crate::conformance::{append, identity};
use crate::{Broker, new_channel, settings, wait_for_cause};

/// Makes a broker's key and certificate, which nobody signed but itself, with Java's own tool.
fn make_keystore(keystore: &Path) -> String {
    let keytool = |arguments: &[&str]| {
        let mut command = Command::new("keytool");
        command.args(arguments).arg("-keystore").arg(keystore).args(["-storepass", "secret"]);
        let output = command.output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
        String::from_utf8(output.stdout).unwrap()
    };
    let key = ["-genkeypair", "-alias", "broker", "-keyalg", "EC", "-groupname", "secp256r1"];
    keytool(&[&key[..], &["-dname", "CN=broker", "-ext", "san=ip:127.0.0.1", "-validity", "3650"]].concat());
    keytool(&["-exportcert", "-rfc", "-alias", "broker"])
}

#[test]
fn brokers_with_tls_and_scram_are_served_where_the_build_has_it_and_named_where_not() {
    let folder = tempfile::tempdir().unwrap();
    let keystore = folder.path().join("keystore");
    let root = make_keystore(&keystore);
    let scram = |password: &str| Settings {
        tls: Some(Tls { root_certificates: root.clone(), client: None }),
        sasl: Some(Sasl {
            mechanism: SaslMechanism::ScramSha256,
            user: "ann".to_owned(),
            password: password.to_owned(),
        }),
        brokers: vec!["127.0.0.1:1".to_owned()],
        topic_replication: 1,
        ..Settings::default()
    };
    if !HAS_TLS {
        let refused = KafkaLog::open(scram("right")).unwrap_err();
        assert!(matches!(refused, OpenError::NoTls { .. }), "{refused}");
        return;
    }
    let lines = [
        "listener.security.protocol.map=CONTROLLER:PLAINTEXT,CLIENTS:SASL_SSL".to_owned(),
        "sasl.enabled.mechanisms=SCRAM-SHA-256".to_owned(),
        "sasl.mechanism.inter.broker.protocol=SCRAM-SHA-256".to_owned(),
        "listener.name.clients.scram-sha-256.sasl.jaas.config=\
         org.apache.kafka.common.security.scram.ScramLoginModule required username=\"ann\" password=\"right\";"
            .to_owned(),
        format!("ssl.keystore.location={}", keystore.display()),
        "ssl.keystore.password=secret".to_owned(),
        format!("ssl.truststore.location={}", keystore.display()),
        "ssl.truststore.password=secret".to_owned(),
    ];
    let lines: Vec<_> = lines.iter().map(String::as_str).collect();
    let broker = Broker::start_with_users(&["SCRAM-SHA-256=[name=ann,password=right]"], &lines);
    let at_broker = |it: Settings| Settings { brokers: settings(&broker).brokers, ..it };
    let channel = new_channel();
    let log = KafkaLog::open(at_broker(scram("right"))).unwrap();
    identity(&log, &channel);
    append(&log, &channel, "x").unwrap();

    let wrong = KafkaLog::open(at_broker(scram("wrong"))).unwrap();
    wait_for_cause(&wrong, &channel, "refuse the login");

    let stranger = Tls { root_certificates: make_keystore(&folder.path().join("other")), client: None };
    let stranger = Settings { tls: Some(stranger), ..at_broker(scram("right")) };
    let stranger = KafkaLog::open(stranger).unwrap();
    wait_for_cause(&stranger, &channel, "TLS to the Kafka brokers fails");
}
