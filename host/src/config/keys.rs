//! All keys: what may stand in the files, and what their environment variables are called.

/// One of the two files, and the variables that override it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Schema {
    /// The file's name without its ending; in upper case the first part of each variable.
    pub name: &'static str,
    /// Keys that have an effect.
    pub keys: &'static [&'static str],
    /// Keys of Fabric that have none here yet, each with all below it.
    pub without_effect: &'static [&'static str],
    /// Maps whose keys people choose.
    pub open_maps: &'static [&'static str],
    /// Whether a key that is in no list is a problem, or only a warning.
    pub is_strict: bool,
}

/// Fabric's own file.
///
/// Differs: Fabric refuses unknown keys; here they are warned of, so that one file serves several versions.
///
/// Source: fabric v2.5.16 `orderer/common/localconfig/config.go`.
pub(super) const ORDERER: Schema = Schema {
    name: "orderer",
    keys: &[
        "General.ListenAddress",
        "General.ListenPort",
        "General.TLS.Enabled",
        "General.BootstrapMethod",
        "General.BootstrapFile",
        "General.GenesisMethod",
        "General.GenesisFile",
        "General.LocalMSPDir",
        "General.LocalMSPID",
        "General.Authentication.TimeWindow",
        "General.Authentication.NoExpirationChecks",
        "General.MaxRecvMsgSize",
        "General.MaxSendMsgSize",
        "FileLedger.Location",
        "Kafka.Retry.ShortInterval",
        "Kafka.Retry.ShortTotal",
        "Kafka.Retry.LongInterval",
        "Kafka.Retry.NetworkTimeouts.DialTimeout",
        "Kafka.Retry.NetworkTimeouts.ReadTimeout",
        "Kafka.Retry.Producer.RetryBackoff",
        "Kafka.Topic.ReplicationFactor",
        "Kafka.Version",
        "Kafka.TLS.Enabled",
        "Kafka.TLS.PrivateKey",
        "Kafka.TLS.PrivateKey.File",
        "Kafka.TLS.Certificate",
        "Kafka.TLS.Certificate.File",
        "Kafka.TLS.RootCAs",
        "Kafka.TLS.RootCAs.File",
        "Kafka.SASLPlain.Enabled",
        "Kafka.SASLPlain.User",
        "Kafka.SASLPlain.Password",
    ],
    without_effect: &[
        "General.TLS",
        "General.Keepalive",
        "General.ConnectionTimeout",
        "General.Cluster",
        "General.Profile",
        "General.BCCSP",
        "FileLedger.Prefix",
        "Kafka.Retry.LongTotal",
        "Kafka.Retry.NetworkTimeouts.WriteTimeout",
        "Kafka.Retry.Metadata",
        "Kafka.Retry.Producer.RetryMax",
        "Kafka.Retry.Consumer",
        "Kafka.Verbose",
        "Debug",
        "Operations",
        "Metrics",
        "Admin",
        "ChannelParticipation",
        "Consensus",
    ],
    open_maps: &[],
    is_strict: false,
};

/// Our own file beside it.
pub(super) const RADDLE: Schema = Schema {
    name: "raddle",
    keys: &[
        "Ordering.kafka",
        "Ordering.solo",
        "Ordering.etcdraft",
        "Ordering.channels",
        "BatchPolicies",
        "BatchPolicyOverride.channel",
        "BatchPolicyOverride.offset",
        "Kafka.Idempotent",
        "Kafka.SASLScram.Mechanism",
        "Kafka.SASLScram.User",
        "Kafka.SASLScram.Password",
    ],
    without_effect: &[],
    open_maps: &["Ordering.channels"],
    is_strict: true,
};

impl Schema {
    /// The variable that overrides a key: `ORDERER_GENERAL_LISTENPORT` for `General.ListenPort`.
    ///
    /// Source: fabric v2.5.16 `common/viperutil/config_util.go` `getFromEnv`.
    pub fn variable(&self, key: &str) -> String {
        format!("{}_{key}", self.name).to_uppercase().replace('.', "_")
    }

    /// Whether it overrides a key that has no effect here, though Fabric knows it.
    pub fn is_variable_without_effect(&self, name: &str) -> bool {
        self.without_effect.iter().any(|known| {
            let rest = name.strip_prefix(&self.variable(known));
            // A section that has keys with an effect is looked at key by key.
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('_') && !self.is_section(known))
        })
    }

    /// The key as the table writes it. Case does not count, as in Fabric.
    pub fn find(&self, key: &str) -> Option<&'static str> {
        self.keys.iter().copied().find(|known| known.eq_ignore_ascii_case(key))
    }

    /// Whether `key` is above keys of the table.
    pub fn is_section(&self, key: &str) -> bool {
        self.keys.iter().any(|known| is_below(known, key))
    }

    /// Whether `key` or one above it has no effect here, though Fabric knows it.
    pub fn has_no_effect(&self, key: &str) -> bool {
        self.without_effect.iter().any(|known| known.eq_ignore_ascii_case(key) || is_below(key, known))
    }

    /// Whether the keys below `key` are names that people choose.
    pub fn is_open(&self, key: &str) -> bool {
        self.open_maps.iter().any(|known| known.eq_ignore_ascii_case(key))
    }

    /// The key that somebody who wrote `key` may have meant.
    pub fn nearest(&self, key: &str) -> Option<&'static str> {
        nearest(key, self.keys.iter().copied())
    }
}

/// The candidate that is most like `text`, if one is like it at all.
pub(super) fn nearest<T: AsRef<str>>(text: &str, candidates: impl IntoIterator<Item = T>) -> Option<T> {
    /// From here on a person sees a slip and no other word.
    const LIKENESS_MIN: f64 = 0.7;
    let text = text.to_ascii_lowercase();
    candidates
        .into_iter()
        .map(|known| {
            (strsim::normalized_damerau_levenshtein(&text, &known.as_ref().to_ascii_lowercase()), known)
        })
        .filter(|(likeness, _)| *likeness >= LIKENESS_MIN)
        .max_by(|(a, _), (b, _)| a.total_cmp(b))
        .map(|(_, known)| known)
}

fn is_below(key: &str, section: &str) -> bool {
    match (key.get(..section.len()), key.get(section.len()..)) {
        (Some(head), Some(rest)) => head.eq_ignore_ascii_case(section) && rest.starts_with('.'),
        _ => false,
    }
}
