//! TLS of the listeners: what they present, to whom that is good, and by whom clients are verified.

use std::fs;
use std::net::IpAddr;
use std::time::SystemTime;

use prost::Message as _;
use raddle_core::bundle::CurrentConfig;
use raddle_proto::common::{ConfigValue, OrdererAddresses};
use raddle_serve::tls::{Authorities, protocol_versions};

use super::configs::{self, Read};
use super::time::{left, soonest};
use super::{Given, Part, finding, fine, key_rights};
use crate::config::{Problem, Settings, Tls};
use crate::doctor::{Finding, Verdict};

/// A listener, by the section of its settings.
struct Listener<'a> {
    section: &'static str,
    tls: Option<&'a Tls>,
    /// The host that it listens on, as it is set.
    host: String,
}

/// Keys of the sections that this part looks at.
const SECTIONS: [&str; 2] = ["General.TLS.", "Admin.TLS."];

/// Whether what is wrong with a setting is told by this part.
#[must_use]
pub fn is_told(problem: &Problem) -> bool {
    SECTIONS.iter().any(|section| problem.key.starts_with(section))
}

pub(super) fn look(given: &Given<'_>) -> Vec<Finding> {
    let (settings, configs) = (given.settings, configs::read(given.settings));
    let versions = protocol_versions().join(", ");
    let mut findings = vec![fine(Part::Tls, "protocol versions", versions, "1.2 or later")];
    for listener in listeners(settings) {
        let wrong =
            given.problems.iter().filter(|it| it.key.starts_with(&format!("{}.TLS.", listener.section)));
        let wrong: Vec<Finding> = wrong.map(unusable).collect();
        if !wrong.is_empty() {
            findings.extend(wrong);
            continue;
        }
        findings.extend(listener.look(given.now, &configs));
    }
    findings
}

fn listeners(settings: &Settings) -> Vec<Listener<'_>> {
    let admin = &settings.admin;
    let mut listeners = vec![Listener {
        section: "General",
        tls: settings.tls.as_ref(),
        host: settings.listen_address.value.clone(),
    }];
    if admin.listens() {
        let address = &admin.listen_address.value;
        let host = address.rsplit_once(':').map_or(address.as_str(), |(host, _)| host).to_owned();
        listeners.push(Listener { section: "Admin", tls: admin.tls.as_ref(), host });
    }
    listeners
}

/// What keeps the settings from being used.
fn unusable(problem: &Problem) -> Finding {
    let told = [problem.key.clone(), problem.what.clone(), "what a listener can use".to_owned()];
    let remedy = format!("{} ({})", problem.remedy, problem.origin);
    finding(Part::Tls, Verdict::Wrong, told, "the node does not start", &[remedy])
}

impl Listener<'_> {
    fn look(&self, now: SystemTime, configs: &[Read]) -> Vec<Finding> {
        let Some(tls) = self.tls else { return vec![self.plain()] };
        let at = now.checked_sub(tls.time_shift.value).unwrap_or(now);
        let mut findings = vec![self.certificate(tls), self.issuer(tls, at), self.names(tls, configs)];
        findings.extend(self.times(tls, at));
        findings.extend(key_rights(
            Part::Tls,
            &tls.private_key.value,
            "who reads the key can pretend to be this orderer",
        ));
        findings.extend(self.clients(tls, configs, at));
        // Members of a channel connect to this one.
        if self.section == "General" {
            findings.extend(configs.iter().flat_map(|(channel, config)| match config {
                Ok(config) => of_channel(tls, config, at),
                Err(unread) => vec![unread.finding(Part::Tls, format!("TLS authorities of {channel}"))],
            }));
        }
        findings
    }

    fn what(&self, of: &str) -> String {
        format!("{}.TLS.{of}", self.section)
    }

    fn plain(&self) -> Finding {
        let what = self.what("Enabled");
        let wanted = "true, or listening on this machine alone".to_owned();
        if is_local(&self.host) {
            return fine(Part::Tls, &what, format!("false, on {}", self.host), &wanted);
        }
        let remedy = format!("write {}: true, with Certificate and PrivateKey", what);
        let told = [what, format!("false, on {}", self.host), wanted];
        let why =
            "whoever is on the way can read what clients send and get, and answer in this orderer's place";
        finding(Part::Tls, Verdict::Warning, told, why, &[remedy])
    }

    /// The pair was read with the settings, so the key is the certificate's.
    fn certificate(&self, tls: &Tls) -> Finding {
        let own = tls.pair.chain().first().map_or_else(String::new, |it| it.subject().to_string());
        let found = format!("{own}, with its key, in {}", tls.certificate.value.display());
        fine(Part::Tls, &self.what("Certificate"), found, "one, and the key that belongs to it")
    }

    fn issuer(&self, tls: &Tls, at: SystemTime) -> Finding {
        let what = self.what("RootCAs");
        let wanted = "authorities that the certificate comes from".to_owned();
        let told = |found: String, why: &str, remedy: &str| {
            let told = [what.clone(), found, wanted.clone()];
            finding(Part::Tls, Verdict::Warning, told, why, &[remedy.to_owned()])
        };
        if tls.authorities.is_empty() {
            let why = "whether the certificate's chain is whole was not looked at";
            return told("none is named".to_owned(), why, "name the file of the authority that issued it");
        }
        match tls.pair.check_issuer(&tls.authorities, at) {
            Ok(()) => fine(Part::Tls, &what, "the certificate comes from them", &wanted),
            Err(error) => told(
                format!("the certificate: {error}"),
                "clients that trust these authorities alone do not take it",
                "put those between it and its authority behind it in its file, or name the authority that issued it",
            ),
        }
    }

    fn names(&self, tls: &Tls, configs: &[Read]) -> Finding {
        let what = format!("names of {}", self.what("Certificate"));
        let (has, asked) = (tls.pair.hosts(), asked(&self.host));
        let wanted = format!("{asked}, or what else clients ask for");
        if has.is_empty() {
            let remedy = format!("have a certificate issued with {asked} among its names (SANs)");
            let told = [what, "none".to_owned(), wanted];
            return finding(Part::Tls, Verdict::Wrong, told, "no client of today looks at the CN", &[remedy]);
        }
        // Where all addresses are listened on, what a channel tells its members is as good as the machine's name.
        let is_told = is_any(&self.host)
            && configs
                .iter()
                .filter_map(|(_, it)| it.as_ref().ok())
                .any(|config| is_named(tls, &endpoints(config)));
        if is_told || tls.pair.check_host(&asked).is_ok() {
            return fine(Part::Tls, &what, has.join(", "), &wanted);
        }
        let why = format!("clients that ask for {asked} refuse it");
        let remedy = "tell clients one of its names, or have a certificate issued with that one too";
        finding(Part::Tls, Verdict::Warning, [what, has.join(", "), wanted], &why, &[remedy.to_owned()])
    }

    /// The certificate, and of those above it the one that ends first.
    fn times(&self, tls: &Tls, at: SystemTime) -> Vec<Finding> {
        let why = "clients break off when the certificate, or one above it, has ended";
        let remedy = [
            "ask the authority for a new certificate, and write it over the old one".to_owned(),
            "a running node presents it within 10 s, or at once after kill -HUP".to_owned(),
        ];
        let mut chain = tls.pair.chain().iter().cloned();
        let what = self.what("Certificate");
        let own = chain.next().map(|own| left(Part::Tls, &format!("time of {what}"), &own, at, why, &remedy));
        let above = soonest(chain.chain(tls.authorities.certificates())).map(|above| {
            let what = format!("time of {}", above.subject());
            let remedy =
                ["have the authority renewed, and name it to all clients beside the old one".to_owned()];
            left(Part::Tls, &what, &above, at, why, &remedy)
        });
        own.into_iter().chain(above).collect()
    }

    fn clients(&self, tls: &Tls, configs: &[Read], at: SystemTime) -> Vec<Finding> {
        let what = self.what("ClientRootCAs");
        if !tls.client_auth_required.value {
            let found = "ClientAuthRequired is false: clients need no certificate";
            return vec![fine(Part::Tls, &what, found, "authorities, if certificates are required")];
        }
        let own = tls.client_authorities.ders().count();
        let of_channels: usize = match self.section {
            "General" => {
                configs.iter().filter_map(|(_, it)| Some(authorities(it.as_ref().ok()?).ders().count())).sum()
            }
            _ => 0,
        };
        let found = format!("{own} of the files, {of_channels} of channels");
        let wanted = "one or more that clients' certificates come from";
        if own + of_channels == 0 {
            let told = [what, found, wanted.to_owned()];
            let remedy = "name files with the authorities of clients' certificates".to_owned();
            return vec![finding(Part::Tls, Verdict::Wrong, told, "no client gets in", &[remedy])];
        }
        let mut findings = vec![fine(Part::Tls, &what, found, wanted)];
        findings.extend(soonest(tls.client_authorities.certificates()).map(|first| {
            let why = "clients whose certificates come from it do not get in any more when it has ended";
            let remedy = ["have the authority renewed, and name it beside the old one".to_owned()];
            left(Part::Tls, &format!("time of {}", first.subject()), &first, at, why, &remedy)
        }));
        findings
    }
}

/// What a channel's config says of TLS: by it peers choose an orderer and verify it.
fn of_channel(tls: &Tls, config: &CurrentConfig, at: SystemTime) -> Vec<Finding> {
    let (channel, authorities) = (config.channel(), authorities(config));
    let what = format!("TLS authorities of {channel}");
    let wanted = "one that the certificate comes from".to_owned();
    let found = format!("{} in the channel's config", authorities.ders().count());
    let why = "peers verify an orderer by them";
    let add = format!(
        "add the authority to the MSP of this orderer's organisation: raddle channel config update {channel}"
    );
    let told = |verdict, found: String| {
        finding(Part::Tls, verdict, [what.clone(), found, wanted.clone()], why, std::slice::from_ref(&add))
    };
    let mut findings = vec![match tls.pair.check_issuer(&authorities, at) {
        Ok(()) => fine(Part::Tls, &what, found, &wanted),
        Err(_) if authorities.is_empty() => told(Verdict::Warning, found),
        Err(error) => told(Verdict::Wrong, format!("{found}; the certificate: {error}")),
    }];
    findings.extend(soonest(authorities.certificates()).map(|first| {
        let why = "peers and clients that go by it break off when it has ended";
        let remedy = ["have it renewed, and put the new one into the channel's config beside it".to_owned()];
        left(Part::Tls, &format!("time of {} in {channel}", first.subject()), &first, at, why, &remedy)
    }));
    findings.extend(addresses(tls, config));
    findings
}

/// Whether one of the addresses that the config tells peers is one that the certificate is made for.
fn addresses(tls: &Tls, config: &CurrentConfig) -> Option<Finding> {
    let all = endpoints(config);
    if all.is_empty() {
        return None;
    }
    let (what, found) = (format!("addresses of orderers in {}", config.channel()), all.join(", "));
    let wanted = "one whose host is a name of the certificate";
    if is_named(tls, &all) {
        return Some(fine(Part::Tls, &what, found, wanted));
    }
    let why = "peers ask for these, and take this orderer for none of them";
    let remedy =
        "put this orderer's name into the channel's config, or have a certificate issued with that name";
    let told = [what, found, wanted.to_owned()];
    Some(finding(Part::Tls, Verdict::Warning, told, why, &[remedy.to_owned()]))
}

fn is_named(tls: &Tls, addresses: &[String]) -> bool {
    let host =
        |address: &str| address.rsplit_once(':').map_or_else(|| address.to_owned(), |it| it.0.to_owned());
    addresses.iter().any(|address| tls.pair.check_host(&host(address)).is_ok())
}

/// Those that all orderers have, and each organisation's own.
fn endpoints(config: &CurrentConfig) -> Vec<String> {
    let Some(root) = &config.config.channel_group else { return Vec::new() };
    let organisations = root.groups.get("Orderer").into_iter().flat_map(|orderers| orderers.groups.values());
    let own = organisations.filter_map(|group| group.values.get("Endpoints"));
    let lists = root.values.get("OrdererAddresses").into_iter().chain(own);
    let read = |value: &ConfigValue| OrdererAddresses::decode(value.value.clone()).ok();
    let mut all: Vec<String> = lists.filter_map(read).flat_map(|it| it.addresses).collect();
    all.sort();
    all.dedup();
    all
}

fn authorities(config: &CurrentConfig) -> Authorities {
    let mut all = Authorities::default();
    for pem in config.access.tls_authorities() {
        all.append(Authorities::readable(pem));
    }
    all
}

/// What clients ask for, as far as the settings tell: where all addresses are listened on, the machine's name.
fn asked(host: &str) -> String {
    let name = fs::read_to_string("/proc/sys/kernel/hostname").map(|name| name.trim().to_owned());
    match name {
        Ok(name) if is_any(host) && !name.is_empty() => name,
        _ => bare(host).to_owned(),
    }
}

/// Without the brackets of IPv6.
fn bare(host: &str) -> &str {
    host.trim_start_matches('[').trim_end_matches(']')
}

fn is_any(host: &str) -> bool {
    bare(host).is_empty() || bare(host).parse::<IpAddr>().is_ok_and(|address| address.is_unspecified())
}

fn is_local(host: &str) -> bool {
    bare(host) == "localhost" || bare(host).parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}
