//! `General.Cluster` of `orderer.yaml`: how this node speaks to other orderers, of which it asks nothing but blocks of
//! channels that it joins.
//!
//! Source: fabric v2.5.16 `orderer/common/server/main.go` `initializeClusterClientConfig`.

use std::path::{Path, PathBuf};
use std::time::Duration;

use raddle_serve::tls::{Authorities, KeyPair};

use super::layer::Layer;
use super::tls::{PairFault, Tls, authorities, paths, read_pair};
use super::{Problem, Setting, text};

const CERTIFICATE: &str = "General.Cluster.ClientCertificate";
const PRIVATE_KEY: &str = "General.Cluster.ClientPrivateKey";
const ROOT_CAS: &str = "General.Cluster.RootCAs";

/// TLS towards other orderers: what is presented to them, and by whom they are verified.
#[derive(Clone, Debug)]
pub struct Cluster {
    /// `ClientCertificate`. Default: `General.TLS.Certificate`.
    pub certificate: Setting<PathBuf>,
    /// `ClientPrivateKey`. Default: `General.TLS.PrivateKey`.
    pub private_key: Setting<PathBuf>,
    /// `RootCAs`: authorities beside those that a channel's config names. Default: none.
    pub root_cas: Setting<Vec<PathBuf>>,
    /// What stood in `RootCAs`.
    pub authorities: Authorities,
    /// What stood in the first two.
    pair: KeyPair,
    time_shift: Duration,
}

impl Cluster {
    /// The certificate and its key as they are in their files now; as they were at the start, where the files are of no
    /// use now.
    #[must_use]
    pub fn pair(&self) -> KeyPair {
        let read = read_pair(&self.certificate.value, &self.private_key.value, self.time_shift);
        read.unwrap_or_else(|_| self.pair.clone())
    }
}

/// Reads the section. None if nothing is to be presented: neither its own files are named nor is `General.TLS` enabled.
///
/// A file that is of no use is warned of, and the rest counts: nodes on Kafka never read them before, and need them
/// only to pull blocks.
pub(super) fn read_section(layer: &mut Layer<'_>, general: Option<&Tls>, beside: &Path) -> Option<Cluster> {
    let [certificate, private_key] = [CERTIFICATE, PRIVATE_KEY].map(|key| text(layer, key, ""));
    let root_cas = paths(layer, ROOT_CAS, beside);
    let of_general = general.map(|tls| Cluster {
        certificate: tls.certificate.clone(),
        private_key: tls.private_key.clone(),
        root_cas: root_cas.clone(),
        authorities: Authorities::default(),
        pair: tls.pair.clone(),
        time_shift: tls.time_shift.value,
    });
    let is_named = !certificate.value.is_empty() || !private_key.value.is_empty();
    let own = is_named.then(|| own_pair(layer, certificate, private_key, beside)).flatten();
    let mut cluster = match own {
        Some((certificate, private_key, pair)) => {
            let (authorities, time_shift) = (Authorities::default(), Duration::ZERO);
            Cluster { certificate, private_key, root_cas, authorities, pair, time_shift }
        }
        None => of_general?,
    };
    let before = layer.problems.len();
    cluster.authorities = authorities(layer, ROOT_CAS, &cluster.root_cas);
    let found = layer.problems.split_off(before);
    layer.warnings.extend(found);
    Some(cluster)
}

type Pair = (Setting<PathBuf>, Setting<PathBuf>, KeyPair);

/// The section's own files.
fn own_pair(
    layer: &mut Layer<'_>,
    certificate: Setting<String>,
    private_key: Setting<String>,
    beside: &Path,
) -> Option<Pair> {
    let (of_key, of_certificate) = (private_key.origin.clone(), certificate.origin.clone());
    let mut warn = |is_of_key: bool, what: String, remedy: &str| {
        let (key, origin) = if is_of_key { (PRIVATE_KEY, &of_key) } else { (CERTIFICATE, &of_certificate) };
        let (key, origin, remedy) = (key.to_owned(), origin.clone(), remedy.to_owned());
        layer.warnings.push(Problem { origin, key, what, remedy });
    };
    let both = "name both files, or neither, for those of General.TLS";
    if private_key.value.is_empty() {
        warn(false, format!("{PRIVATE_KEY} is not set"), both);
        return None;
    }
    if certificate.value.is_empty() {
        warn(true, format!("{CERTIFICATE} is not set"), both);
        return None;
    }
    let [certificate, private_key] = [certificate, private_key].map(|it| it.map(|path| beside.join(path)));
    match read_pair(&certificate.value, &private_key.value, Duration::ZERO) {
        Ok(pair) => Some((certificate, private_key, pair)),
        Err(faults) => {
            for PairFault { is_of_key, path, what } in faults {
                let what = format!("{} {what}", path.display());
                warn(is_of_key, what, "mend it before this node joins a channel whose blocks it has to pull");
            }
            None
        }
    }
}
