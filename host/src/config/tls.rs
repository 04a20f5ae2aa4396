//! A listener's `TLS:` section: what it presents, and by whom it has its clients verified.
//!
//! Files are read with the settings, so that whatever is wrong with them is told with everything else. The same reading
//! is done again when they change, see [`crate::certificates`].
//!
//! Source: fabric v2.5.16 `orderer/common/localconfig/config.go` `TLS`, `orderer/common/server/main.go`
//! `initializeServerConfig`.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use raddle_serve::tls::{Authorities, ClientAuthorities, Clients, KeyPair, TlsSettings, Trust};

use super::layer::{Layer, read_text};
use super::value::{self, Wrong};
use super::{Origin, Setting, read, report, text};

/// What the keys of a listener's section are called.
pub(super) struct Keys {
    pub enabled: &'static str,
    pub private_key: &'static str,
    pub certificate: &'static str,
    pub client_auth_required: &'static str,
    pub client_root_cas: &'static str,
    /// Not every section has one.
    pub root_cas: Option<&'static str>,
    /// Not every section has one.
    pub time_shift: Option<&'static str>,
    /// Whether a certificate is verified that is not required.
    pub verifies_if_given: bool,
}

/// `General.TLS`.
pub(super) const GENERAL: Keys = Keys {
    enabled: "General.TLS.Enabled",
    private_key: "General.TLS.PrivateKey",
    certificate: "General.TLS.Certificate",
    client_auth_required: "General.TLS.ClientAuthRequired",
    client_root_cas: "General.TLS.ClientRootCAs",
    root_cas: Some("General.TLS.RootCAs"),
    time_shift: Some("General.TLS.TLSHandshakeTimeShift"),
    verifies_if_given: false,
};

/// A listener that serves under TLS: where its files are, and what stood in them.
#[derive(Clone, Debug)]
pub struct Tls {
    /// `Certificate`: the listener's, and those between it and its authority.
    pub certificate: Setting<PathBuf>,
    /// `PrivateKey`.
    pub private_key: Setting<PathBuf>,
    /// `RootCAs`: the authorities that the certificate comes from. Default: none.
    pub root_cas: Setting<Vec<PathBuf>>,
    /// `ClientAuthRequired`. Default: false.
    pub client_auth_required: Setting<bool>,
    /// `ClientRootCAs`: authorities that clients' certificates come from. Looked at only where certificates are
    /// verified. Default: none.
    pub client_root_cas: Setting<Vec<PathBuf>>,
    /// `TLSHandshakeTimeShift`: by how much the clock is turned back by which certificates are judged. Default: 0.
    pub time_shift: Setting<Duration>,
    /// What stood in the first two.
    pub pair: KeyPair,
    /// What stood in `RootCAs`.
    pub authorities: Authorities,
    /// What stood in `ClientRootCAs`.
    pub client_authorities: Authorities,
    /// Whether a certificate is verified that is not required.
    pub verifies_if_given: bool,
}

/// Why a pair of files is of no use: which file, and what is wrong with it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{} {what}", path.display())]
pub struct PairFault {
    /// Whether it is the file of the key.
    pub is_of_key: bool,
    /// The file.
    pub path: PathBuf,
    /// What is wrong, to stand behind its name.
    pub what: String,
}

// === impl Tls ===

impl Tls {
    /// What a listener is made of. `more` names authorities beside `ClientRootCAs`.
    #[must_use]
    pub fn listener(&self, name: &'static str, more: Option<Arc<dyn ClientAuthorities>>) -> TlsSettings {
        let trust = Trust::new(self.client_authorities.clone(), more);
        let clients = match self.client_auth_required.value {
            true => Clients::Required(trust),
            false if self.verifies_if_given => Clients::VerifiedIfGiven(trust),
            false => Clients::NotVerified,
        };
        TlsSettings {
            time_shift: self.time_shift.value,
            ..TlsSettings::new(name, self.pair.clone(), clients)
        }
    }

    /// Reads the certificate and its key once more.
    ///
    /// # Errors
    ///
    /// The first fault of each of the two files.
    pub fn read_pair(&self) -> Result<KeyPair, Vec<PairFault>> {
        read_pair(&self.certificate.value, &self.private_key.value, self.time_shift.value)
    }
}

/// Reads a section. None if it is not enabled; or not usable, which is reported.
pub(super) fn read_section(layer: &mut Layer<'_>, keys: &Keys, beside: &Path) -> Option<Tls> {
    let enabled = read(layer, keys.enabled, false, value::boolean);
    if !enabled.value {
        return None;
    }
    let certificate = path(layer, keys.certificate, &enabled.origin, beside);
    let private_key = path(layer, keys.private_key, &enabled.origin, beside);
    let root_cas = keys.root_cas.map_or(Setting::default_of(Vec::new()), |key| paths(layer, key, beside));
    let client_auth_required = read(layer, keys.client_auth_required, false, value::boolean);
    let client_root_cas = paths(layer, keys.client_root_cas, beside);
    let time_shift = keys.time_shift.map(|key| read(layer, key, None, value::duration));
    let time_shift = time_shift.map_or(Setting::default_of(Duration::ZERO), |shift| Setting {
        value: shift.value.unwrap_or_default(),
        origin: shift.origin,
    });
    let own = keys.root_cas.map(|key| authorities(layer, key, &root_cas)).unwrap_or_default();
    // None at all is no fault: channels name theirs.
    let client_authorities = match client_auth_required.value || keys.verifies_if_given {
        true => authorities(layer, keys.client_root_cas, &client_root_cas),
        false => Authorities::default(),
    };
    let (certificate, private_key) = (certificate?, private_key?);
    let pair = match read_pair(&certificate.value, &private_key.value, time_shift.value) {
        Ok(pair) => pair,
        Err(faults) => {
            for fault in faults {
                let (key, origin) = match fault.is_of_key {
                    true => (keys.private_key, &private_key.origin),
                    false => (keys.certificate, &certificate.origin),
                };
                let remedy = remedy(fault.is_of_key);
                report(layer, key, origin, Wrong { what: fault.to_string(), remedy });
            }
            return None;
        }
    };
    Some(Tls {
        certificate,
        private_key,
        root_cas,
        client_auth_required,
        client_root_cas,
        time_shift,
        pair,
        authorities: own,
        client_authorities,
        verifies_if_given: keys.verifies_if_given,
    })
}

fn remedy(is_of_key: bool) -> String {
    match is_of_key {
        true => "name the file of the key that belongs to the certificate".to_owned(),
        false => "name a file with a certificate in PEM that is valid now".to_owned(),
    }
}

/// A path that must be set, seen from the file's folder.
fn path(
    layer: &mut Layer<'_>,
    key: &'static str,
    enabled: &Origin,
    beside: &Path,
) -> Option<Setting<PathBuf>> {
    let path = text(layer, key, "");
    if path.value.is_empty() {
        let what = "it is not set, and TLS is enabled".to_owned();
        report(layer, key, enabled, Wrong { what, remedy: "name the file".to_owned() });
        return None;
    }
    Some(path.map(|path| beside.join(path)))
}

pub(super) fn paths(layer: &mut Layer<'_>, key: &'static str, beside: &Path) -> Setting<Vec<PathBuf>> {
    let list = read(layer, key, Vec::new(), value::list);
    list.map(|paths| paths.iter().filter(|path| !path.is_empty()).map(|path| beside.join(path)).collect())
}

pub(super) fn authorities(
    layer: &mut Layer<'_>,
    key: &'static str,
    paths: &Setting<Vec<PathBuf>>,
) -> Authorities {
    let mut all = Authorities::default();
    for path in &paths.value {
        let what = match read_text(path) {
            Ok(text) => match Authorities::from_pem(text.as_bytes()) {
                Ok(some) => {
                    all.append(some);
                    continue;
                }
                Err(fault) => fault.to_string(),
            },
            Err(what) => what,
        };
        let what = format!("{} {what}", path.display());
        let remedy = "name a file with an authority's certificate in PEM".to_owned();
        report(layer, key, &paths.origin, Wrong { what, remedy });
    }
    all
}

/// A certificate and its key. Both files are looked at, whatever is wrong with the other.
pub(super) fn read_pair(
    certificate: &Path,
    private_key: &Path,
    time_shift: Duration,
) -> Result<KeyPair, Vec<PairFault>> {
    let fault = |is_of_key, what: String| {
        let path = if is_of_key { private_key } else { certificate };
        PairFault { is_of_key, path: path.to_owned(), what }
    };
    let (certificates, key) = match (read_text(certificate), read_text(private_key)) {
        (Ok(certificates), Ok(key)) => (certificates, key),
        (certificates, key) => {
            let faults = [(false, certificates.err()), (true, key.err())];
            let faults = faults.into_iter().filter_map(|(is_of_key, what)| Some(fault(is_of_key, what?)));
            return Err(faults.collect());
        }
    };
    let pair = KeyPair::from_pem(certificates.as_bytes(), key.as_bytes())
        .map_err(|error| vec![fault(error.is_of_key(), error.to_string())])?;
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    let now = i64::try_from(now.saturating_sub(time_shift).as_secs()).unwrap_or(i64::MAX);
    match pair.chain().iter().find(|it| it.not_after().unix_seconds() < now) {
        Some(ended) => {
            let what = format!("has expired: {} was valid until {}", ended.subject(), ended.not_after());
            Err(vec![fault(false, what)])
        }
        None => Ok(pair),
    }
}
