//! `Operations` and `Metrics` of `orderer.yaml`: the HTTP endpoints for operators, and what they show.
//!
//! Source: fabric v2.5.16 `orderer/common/localconfig/config.go` `Operations`, `Metrics`,
//! `orderer/common/server/main.go` `newOperationsSystem`.

use std::path::Path;

use super::layer::Layer;
use super::tls::{Keys, Tls, read_section};
use super::value;
use super::{Problem, Setting, by_table, is_local};

/// How operators are served.
#[derive(Clone, Debug)]
pub struct Operations {
    /// `Operations.ListenAddress`: `host:port`. Default: nobody listens.
    ///
    /// Differs: Fabric listens always, and without an address on a port that the system chooses, on all interfaces.
    pub listen_address: Setting<String>,
    /// `Operations.TLS`; none: not enabled, and whoever can connect gets everything.
    pub tls: Option<Tls>,
    /// `Metrics.Provider`: whether there are metrics to be had.
    pub metrics: Setting<Metrics>,
}

/// Where metrics are to be had.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Metrics {
    /// At `/metrics`, for Prometheus.
    ///
    /// Differs: Fabric's default is none at all.
    #[default]
    Prometheus,
    /// Nowhere.
    Disabled,
}

const TLS: Keys = Keys {
    enabled: "Operations.TLS.Enabled",
    private_key: "Operations.TLS.PrivateKey",
    certificate: "Operations.TLS.Certificate",
    client_auth_required: "Operations.TLS.ClientAuthRequired",
    client_root_cas: "Operations.TLS.ClientRootCAs",
    root_cas: Some("Operations.TLS.RootCAs"),
    time_shift: Some("Operations.TLS.TLSHandshakeTimeShift"),
    verifies_if_given: true,
};

impl Operations {
    /// Whether anybody listens.
    #[must_use]
    pub fn listens(&self) -> bool {
        !self.listen_address.value.is_empty()
    }
}

/// Reads both sections. Paths are seen from the file.
pub(super) fn read_sections(layer: &mut Layer<'_>, beside: &Path) -> Operations {
    let operations = Operations {
        listen_address: by_table(layer, "Operations.ListenAddress", value::text),
        tls: read_section(layer, &TLS, beside),
        metrics: metrics(layer),
    };
    let address = &operations.listen_address;
    if operations.listens() && operations.tls.is_none() && !is_local(&address.value) {
        layer.warnings.push(Problem {
            origin: address.origin.clone(),
            key: "Operations.ListenAddress".to_owned(),
            what: "whoever can connect to it sees the metrics and changes what is logged".to_owned(),
            remedy: "set Operations.TLS, or listen on 127.0.0.1".to_owned(),
        });
    }
    operations
}

/// As in Fabric a provider that is not known gives no metrics, and a warning; that statsd has no effect the table says.
///
/// Source: fabric v2.5.16 `core/operations/system.go` `initializeMetricsProvider`.
fn metrics(layer: &mut Layer<'_>) -> Setting<Metrics> {
    const KEY: &str = "Metrics.Provider";
    let provider = by_table(layer, KEY, value::text);
    let value = match provider.value.as_str() {
        "prometheus" | "statsd" => Metrics::Prometheus,
        "disabled" => Metrics::Disabled,
        other => {
            let (origin, key, what) =
                (provider.origin.clone(), KEY.to_owned(), format!("{other:?} is no provider: no metrics"));
            let remedy = "write prometheus or disabled".to_owned();
            layer.warnings.push(Problem { origin, key, what, remedy });
            Metrics::Disabled
        }
    };
    Setting { value, origin: provider.origin }
}
