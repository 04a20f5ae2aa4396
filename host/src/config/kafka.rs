//! The `Kafka:` section of `orderer.yaml`, and what `raddle.yaml` adds to it.
//!
//! librdkafka asks for metadata and reads again by itself, so some of Fabric's keys have no effect; see `keys`.
//!
//! Source: fabric v2.5.16 `orderer/common/localconfig/config.go` `Kafka`.

use std::path::Path;
use std::time::Duration;

use raddle_ordering::kafka::{Retry, Sasl, SaslMechanism, Settings, Tls, TlsClient};
use raddle_proto::wire::KafkaMessage;

use super::layer::{Found, Layer, read_text};
use super::value::{self, Wrong};
use super::{read, report, text};

/// Fabric's numbers where neither it nor its sample says otherwise.
///
/// Source: fabric v2.5.16 `orderer/common/localconfig/config.go` `Defaults`.
mod defaults {
    use std::time::Duration;

    pub(super) const SHORT_INTERVAL: Duration = Duration::from_secs(60);
    pub(super) const SHORT_TOTAL: Duration = Duration::from_secs(10 * 60);
    pub(super) const LONG_INTERVAL: Duration = Duration::from_secs(10 * 60);
    pub(super) const TIMEOUT: Duration = Duration::from_secs(30);
    pub(super) const BACKOFF: Duration = Duration::from_millis(100);
    pub(super) const VERSION: &str = "0.10.2.0";
    pub(super) const REPLICATION: u16 = 3;
}

/// Reads the section. The brokers are left open.
///
/// Differs: an unset `Topic.ReplicationFactor` is 3, as in Fabric's sample; Fabric itself asks for 0, which no broker
/// grants.
pub(super) fn read_section(fabric: &mut Layer<'_>, own: &mut Layer<'_>) -> Settings {
    let replication = read(fabric, "Kafka.Topic.ReplicationFactor", 0, |found| {
        // Kafka counts them in 16 bits, with a sign.
        value::number(found, i16::MAX.unsigned_abs().into())
    });
    let replication = u16::try_from(replication.value).unwrap_or_default();
    Settings {
        tls: tls(fabric),
        sasl: sasl(fabric, own),
        retry: Retry {
            short_interval: duration(fabric, "Kafka.Retry.ShortInterval", defaults::SHORT_INTERVAL),
            short_total: duration(fabric, "Kafka.Retry.ShortTotal", defaults::SHORT_TOTAL),
            long_interval: duration(fabric, "Kafka.Retry.LongInterval", defaults::LONG_INTERVAL),
            dial_timeout: duration(fabric, "Kafka.Retry.NetworkTimeouts.DialTimeout", defaults::TIMEOUT),
            read_timeout: duration(fabric, "Kafka.Retry.NetworkTimeouts.ReadTimeout", defaults::TIMEOUT),
            backoff: duration(fabric, "Kafka.Retry.Producer.RetryBackoff", defaults::BACKOFF),
        },
        topic_replication: if replication == 0 { defaults::REPLICATION } else { replication },
        version: text(fabric, "Kafka.Version", defaults::VERSION).value,
        is_idempotent: read(own, "Kafka.Idempotent", true, value::boolean).value,
        greeting: Some(KafkaMessage::Connect.marshal()),
        ..Settings::default()
    }
}

fn duration(layer: &mut Layer<'_>, key: &'static str, default: Duration) -> Duration {
    read(layer, key, None, value::duration).value.unwrap_or(default)
}

/// Source: fabric v2.5.16 `orderer/consensus/kafka/config.go` `newBrokerConfig`.
fn tls(layer: &mut Layer<'_>) -> Option<Tls> {
    const ENABLED: &str = "Kafka.TLS.Enabled";
    let enabled = read(layer, ENABLED, false, value::boolean);
    if !enabled.value {
        return None;
    }
    let root_certificates = pem(layer, "Kafka.TLS.RootCAs", "Kafka.TLS.RootCAs.File");
    let certificate = pem(layer, "Kafka.TLS.Certificate", "Kafka.TLS.Certificate.File");
    let key = pem(layer, "Kafka.TLS.PrivateKey", "Kafka.TLS.PrivateKey.File");
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
///
/// Source: fabric v2.5.16 `common/viperutil/config_util.go` `pemBlocksFromFileDecodeHook`.
fn pem(layer: &mut Layer<'_>, key: &'static str, file_key: &'static str) -> String {
    let Some(found) = layer.get(file_key) else {
        let found = layer.get(key);
        return found.map(|found| checked(layer, key, &found, value::texts).join("\n")).unwrap_or_default();
    };
    let mut texts = Vec::new();
    for path in checked(layer, file_key, &found, value::list) {
        match read_text(Path::new(&path)) {
            Ok(text) => texts.push(text),
            Err(what) => {
                let what = format!("{path} {what}");
                let remedy = "name a file that can be read".to_owned();
                report(layer, file_key, &found.origin, Wrong { what, remedy });
            }
        }
    }
    texts.join("\n")
}

fn checked(
    layer: &mut Layer<'_>,
    key: &'static str,
    found: &Found,
    parse: impl FnOnce(&Found) -> Result<Vec<String>, Wrong>,
) -> Vec<String> {
    parse(found).unwrap_or_else(|wrong| {
        report(layer, key, &found.origin, wrong);
        Vec::new()
    })
}

/// PLAIN as Fabric has it, or SCRAM, which Fabric does not have.
fn sasl(fabric: &mut Layer<'_>, own: &mut Layer<'_>) -> Option<Sasl> {
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
    Some(Sasl { mechanism: SaslMechanism::Plain, user, password })
}
