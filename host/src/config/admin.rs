//! `Admin` and `ChannelParticipation` of `orderer.yaml`: the HTTP API by which channels are listed, joined and removed.
//!
//! Source: fabric v2.5.16 `orderer/common/localconfig/config.go` `Admin`, `ChannelParticipation`.

use std::path::Path;

use super::layer::Layer;
use super::tls::{Keys, Tls, read_section};
use super::value::{self, Wrong};
use super::{Origin, Problem, Setting, by_table, is_local, read, report};

/// How admins are served.
#[derive(Clone, Debug)]
pub struct Admin {
    /// `Admin.ListenAddress`: `host:port`. Default: `127.0.0.1:9443`. Nobody listens if neither it is set nor the API
    /// enabled.
    ///
    /// Differs: Fabric listens always, and without an address on a port that the system chooses, on all interfaces.
    pub listen_address: Setting<String>,
    /// `Admin.TLS`; none: not enabled, and whoever can connect is an admin.
    pub tls: Option<Tls>,
    /// `ChannelParticipation.Enabled`: whether the API answers. Default: false.
    pub is_enabled: Setting<bool>,
    /// `ChannelParticipation.MaxRequestBodySize`: longest body of a request, in bytes. Default, as for 0: 1 MiB.
    ///
    /// Differs: to Fabric 0 means that no body is short enough.
    pub body_bytes_max: Setting<u32>,
}

const TLS: Keys = Keys {
    enabled: "Admin.TLS.Enabled",
    private_key: "Admin.TLS.PrivateKey",
    certificate: "Admin.TLS.Certificate",
    client_auth_required: "Admin.TLS.ClientAuthRequired",
    client_root_cas: "Admin.TLS.ClientRootCAs",
    root_cas: Some("Admin.TLS.RootCAs"),
    time_shift: Some("Admin.TLS.TLSHandshakeTimeShift"),
    verifies_if_given: false,
};

impl Admin {
    /// Whether anybody listens.
    #[must_use]
    pub fn listens(&self) -> bool {
        self.is_enabled.value || self.listen_address.origin != Origin::Default
    }
}

/// Reads both sections. Paths are seen from the file.
pub(super) fn read_sections(layer: &mut Layer<'_>, beside: &Path) -> Admin {
    let admin = Admin {
        listen_address: by_table(layer, "Admin.ListenAddress", value::text),
        tls: tls(layer, beside),
        is_enabled: read(layer, "ChannelParticipation.Enabled", false, value::boolean),
        body_bytes_max: by_table(layer, "ChannelParticipation.MaxRequestBodySize", value::size),
    };
    let is_local = is_local(&admin.listen_address.value);
    if admin.is_enabled.value && admin.tls.is_none() && !is_local {
        layer.warnings.push(Problem {
            origin: admin.listen_address.origin.clone(),
            key: "Admin.ListenAddress".to_owned(),
            what: "whoever can connect to it joins and removes channels".to_owned(),
            remedy: "set Admin.TLS, or listen on 127.0.0.1".to_owned(),
        });
    }
    admin
}

/// Who joins and removes channels must be known.
///
/// Source: fabric v2.5.16 `orderer/common/localconfig/config.go` `completeInitialization`.
fn tls(layer: &mut Layer<'_>, beside: &Path) -> Option<Tls> {
    let tls = read_section(layer, &TLS, beside)?;
    let mut wrong = |key: &str, origin: &Origin, what: &str, remedy: &str| {
        let wrong = Wrong { what: what.to_owned(), remedy: remedy.to_owned() };
        report(layer, key, origin, wrong);
    };
    if !tls.client_auth_required.value {
        let what = "admins would need no certificate, and Admin.TLS.Enabled is true";
        wrong(TLS.client_auth_required, &tls.client_auth_required.origin, what, "write true");
    } else if tls.client_root_cas.value.is_empty() {
        let what = "no file is named, so that no admin's certificate is trusted";
        let remedy = "name those that admins' certificates come from";
        wrong(TLS.client_root_cas, &tls.client_auth_required.origin, what, remedy);
    }
    Some(tls)
}
