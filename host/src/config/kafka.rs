//! The `Kafka:` section of `orderer.yaml`, and what `raddle.yaml` adds to it.
//!
//! librdkafka asks for metadata, reads again and finds the brokers' protocol by itself, so some of Fabric's keys have
//! no effect; see `keys`.
//!
//! Source: fabric v2.5.16 `orderer/common/localconfig/config.go` `Kafka`.

use raddle_ordering::kafka::{Retry, Sasl, SaslMechanism, Settings, Tls, TlsClient};
use raddle_proto::wire::KafkaMessage;

use super::layer::Layer;
use super::value::{self, Wrong};
use super::{Problem, by_table, duration, read, report, text};

/// Reads the section. The brokers are left open.
///
/// Differs: an unset `Topic.ReplicationFactor` is 3, as in Fabric's sample; Fabric itself asks for 0, which no broker
/// grants.
pub(super) fn read_section(fabric: &mut Layer<'_>, own: &mut Layer<'_>) -> Settings {
    let replication = by_table(fabric, "Kafka.Topic.ReplicationFactor", |found| {
        // Kafka counts them in 16 bits, with a sign.
        value::number(found, i16::MAX.unsigned_abs().into())
    });
    let tls = tls(fabric);
    Settings {
        sasl: sasl(fabric, own, tls.is_some()),
        tls,
        retry: Retry {
            short_interval: duration(fabric, "Kafka.Retry.ShortInterval").value,
            short_total: duration(fabric, "Kafka.Retry.ShortTotal").value,
            long_interval: duration(fabric, "Kafka.Retry.LongInterval").value,
            dial_timeout: duration(fabric, "Kafka.Retry.NetworkTimeouts.DialTimeout").value,
            read_timeout: duration(fabric, "Kafka.Retry.NetworkTimeouts.ReadTimeout").value,
            backoff: duration(fabric, "Kafka.Retry.Producer.RetryBackoff").value,
        },
        topic_replication: u16::try_from(replication.value).unwrap_or_default(),
        append_timeout: duration(own, "Kafka.AppendTimeout").value,
        is_idempotent: read(own, "Kafka.Idempotent", true, value::boolean).value,
        greeting: Some(KafkaMessage::Connect.marshal()),
        ..Settings::default()
    }
}

/// Source: fabric v2.5.16 `orderer/consensus/kafka/config.go` `newBrokerConfig`.
fn tls(layer: &mut Layer<'_>) -> Option<Tls> {
    const ENABLED: &str = "Kafka.TLS.Enabled";
    let enabled = read(layer, ENABLED, false, value::boolean);
    if !enabled.value {
        return None;
    }
    let root_certificates = pem(layer, "Kafka.TLS.RootCAs");
    let certificate = pem(layer, "Kafka.TLS.Certificate");
    let key = pem(layer, "Kafka.TLS.PrivateKey");
    if root_certificates.is_empty() {
        let what = "Kafka.TLS.RootCAs names no certificate".to_owned();
        let remedy = "name those that the brokers' certificates come from".to_owned();
        report(layer, ENABLED, &enabled.origin, Wrong { what, remedy });
    }
    if certificate.is_empty() != key.is_empty() {
        let what = "of Kafka.TLS.Certificate and Kafka.TLS.PrivateKey one is missing".to_owned();
        let remedy = "set both, or neither".to_owned();
        report(layer, ENABLED, &enabled.origin, Wrong { what, remedy });
    }
    let client = (!certificate.is_empty() && !key.is_empty()).then_some(TlsClient { certificate, key });
    Some(Tls { root_certificates, client })
}

/// PEM texts, as they stand in the file or in the files that it names.
fn pem(layer: &mut Layer<'_>, key: &'static str) -> String {
    let Some(found) = layer.get(key) else { return String::new() };
    value::texts(&found).map(|texts| texts.join("\n")).unwrap_or_else(|wrong| {
        report(layer, key, &found.origin, wrong);
        String::new()
    })
}

/// PLAIN as Fabric has it, or SCRAM, which Fabric does not have.
fn sasl(fabric: &mut Layer<'_>, own: &mut Layer<'_>, has_tls: bool) -> Option<Sasl> {
    const ENABLED: &str = "Kafka.SASLPlain.Enabled";
    const MECHANISM: &str = "Kafka.SASLScram.Mechanism";
    if let Some(found) = own.get(MECHANISM) {
        let user = text(own, "Kafka.SASLScram.User", "").value;
        let password = text(own, "Kafka.SASLScram.Password", "").value;
        let mechanism = match value::text(&found).as_deref() {
            Ok("SCRAM-SHA-256") => SaslMechanism::ScramSha256,
            Ok("SCRAM-SHA-512") => SaslMechanism::ScramSha512,
            _ => {
                let what = "here stands no mechanism that is known".to_owned();
                let remedy = "write SCRAM-SHA-256 or SCRAM-SHA-512".to_owned();
                report(own, MECHANISM, &found.origin, Wrong { what, remedy });
                return None;
            }
        };
        if user.is_empty() || password.is_empty() {
            let what = "Kafka.SASLScram.User or Kafka.SASLScram.Password is missing".to_owned();
            report(own, MECHANISM, &found.origin, Wrong { what, remedy: "set both".to_owned() });
        }
        return Some(Sasl { mechanism, user, password });
    }
    let enabled = read(fabric, ENABLED, false, value::boolean);
    if !enabled.value {
        return None;
    }
    let user = text(fabric, "Kafka.SASLPlain.User", "").value;
    let password = text(fabric, "Kafka.SASLPlain.Password", "").value;
    if user.is_empty() || password.is_empty() {
        let what = "Kafka.SASLPlain.User or Kafka.SASLPlain.Password is missing".to_owned();
        report(fabric, ENABLED, &enabled.origin, Wrong { what, remedy: "set both".to_owned() });
    }
    if !has_tls {
        fabric.warnings.push(Problem {
            origin: enabled.origin,
            key: "Kafka.SASLPlain".to_owned(),
            what: "the password goes over the wire as it is, to whatever answers as a broker".to_owned(),
            remedy: "set Kafka.TLS, or Kafka.SASLScram in raddle.yaml".to_owned(),
        });
    }
    Some(Sasl { mechanism: SaslMechanism::Plain, user, password })
}
