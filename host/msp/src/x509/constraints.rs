//! Name constraints: what an authority allows the certificates below it to be called.
//!
//! Source: Go 1.26 `crypto/x509/constraints.go`, and `crypto/x509/parser.go` `parseNameConstraintsExtension`.

use std::cmp::Ordering;
use std::net::IpAddr;

use raddle_proto::go_text::{quoted, quoted_bytes};
use raddle_proto::hash::hex;

use super::certificate::Certificate;
use super::der::{Reader, tag};
use super::error::ParseError;
use super::extensions::{AltNames, Uri, ascii};
use super::names::{Mailbox, is_domain};
use super::path::Path;

/// What one certificate allows and forbids below it.
#[derive(Clone, Debug, Default)]
pub(crate) struct NameConstraints {
    permitted: Subtrees,
    excluded: Subtrees,
    /// A constraint on a kind of names that Go does not check.
    pub(crate) has_unknown_kind: bool,
}

#[derive(Clone, Debug, Default)]
struct Subtrees {
    dns: Vec<String>,
    mail: Vec<String>,
    uris: Vec<String>,
    ips: Vec<Network>,
}

/// Addresses of 4 or 16 bytes under a mask of the same length.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
struct Network {
    address: Vec<u8>,
    mask: Vec<u8>,
}

/// The names of a certificate, ready to be compared.
struct Subject<'a> {
    names: &'a AltNames,
    uris: Vec<(&'a Uri, Vec<u8>)>,
    mail: Vec<Mailbox>,
}

// === impl NameConstraints ===

impl NameConstraints {
    pub(crate) fn read(value: &[u8]) -> Result<Self, ParseError> {
        let (permitted, excluded) =
            subtrees(value).ok_or(ParseError::Invalid("NameConstraints extension"))?;
        if permitted.is_empty() && excluded.is_empty() {
            return Err(ParseError::NoConstraints);
        }
        let mut constraints = Self::default();
        constraints.has_unknown_kind |= constraints.permitted.read(permitted)?;
        constraints.has_unknown_kind |= constraints.excluded.read(excluded)?;
        Ok(constraints)
    }

    /// Says which name is not allowed, with Go's words.
    fn check(&self, subject: &Subject<'_>) -> Result<(), String> {
        for ip in &subject.names.ips {
            check_ip(&self.permitted.ips, &self.excluded.ips, ip)?;
        }
        let (permitted, excluded) =
            (Domains::new(&self.permitted.dns, true), Domains::new(&self.excluded.dns, false));
        for name in &subject.names.dns {
            if !is_domain(name.as_bytes(), false) {
                return Err(format!("x509: cannot parse dnsName {}", quoted(name)));
            }
            verdict("DNS name", name, permitted.query(name.as_bytes()), excluded.query(name.as_bytes()))?;
        }
        let (permitted, excluded) =
            (Domains::new(&self.permitted.uris, true), Domains::new(&self.excluded.uris, false));
        for (uri, host) in &subject.uris {
            if !is_domain(host, false) {
                return Err(format!("x509: internal error: URI SAN {} failed to parse", quoted(&uri.text)));
            }
            verdict("URI", &uri.text, permitted.query(host), excluded.query(host))?;
        }
        for mailbox in &subject.mail {
            let address = [mailbox.local.as_slice(), b"@", &mailbox.domain].concat();
            let address = String::from_utf8_lossy(&address);
            if !is_domain(&mailbox.domain, false) {
                return Err(format!("x509: cannot parse rfc822Name {}", quoted(&address)));
            }
            let permitted = query_mail(&self.permitted.mail, true, mailbox);
            let excluded = query_mail(&self.excluded.mail, false, mailbox);
            verdict("email address", &address, permitted, excluded)?;
        }
        Ok(())
    }
}

/// The contents of the two lists; empty for one that is absent.
fn subtrees(value: &[u8]) -> Option<(Reader<'_>, Reader<'_>)> {
    let mut outer = Reader::new(value);
    let mut fields = outer.enter(tag::SEQUENCE)?;
    let permitted = fields.enter_optional(tag::context_constructed(0))?.unwrap_or(Reader::new(&[]));
    let excluded = fields.enter_optional(tag::context_constructed(1))?.unwrap_or(Reader::new(&[]));
    (outer.is_empty() && fields.is_empty()).then_some((permitted, excluded))
}

// === impl Subtrees ===

impl Subtrees {
    /// Reads a list. Says whether it holds a kind of names that Go does not check.
    fn read(&mut self, mut list: Reader<'_>) -> Result<bool, ParseError> {
        let mut has_unknown_kind = false;
        while !list.is_empty() {
            let base = list.enter(tag::SEQUENCE).and_then(|mut subtree| subtree.any());
            let base = base.ok_or(ParseError::Invalid("NameConstraints extension"))?;
            let text =
                || ascii(base.content).ok_or_else(|| ParseError::ConstraintText(quoted_bytes(base.content)));
            match base.tag {
                0x81 => self.mail.push(mail_constraint(text()?)?),
                0x82 => self.dns.push(domain_constraint("dnsName", text()?)?),
                0x86 => {
                    let domain = text()?;
                    if domain.parse::<IpAddr>().is_ok() {
                        return Err(ParseError::ConstraintIsIp(quoted(&domain)));
                    }
                    self.uris.push(domain_constraint("URI", domain)?);
                }
                0x87 => self.ips.push(Network::read(base.content)?),
                _ => has_unknown_kind = true,
            }
        }
        Ok(has_unknown_kind)
    }
}

fn domain_constraint(kind: &'static str, text: String) -> Result<String, ParseError> {
    if is_domain(text.as_bytes(), true) {
        Ok(text)
    } else {
        Err(ParseError::Constraint { kind, value: quoted(&text) })
    }
}

fn mail_constraint(text: String) -> Result<String, ParseError> {
    if text.contains('@') && Mailbox::new(text.as_bytes()).is_some() {
        return Ok(text);
    }
    if text.contains('@') {
        return Err(ParseError::Constraint { kind: "rfc822Name", value: quoted(&text) });
    }
    domain_constraint("rfc822Name", text)
}

// === impl Network ===

impl Network {
    fn read(content: &[u8]) -> Result<Self, ParseError> {
        if !matches!(content.len(), 8 | 32) {
            return Err(ParseError::ConstraintIpLength(content.len()));
        }
        let (address, mask) = content.split_at(content.len() / 2);
        let ones = mask.iter().map(|octet| octet.leading_ones()).take_while(|&ones| ones == 8).count();
        let is_mask = mask.get(ones..).unwrap_or_default().split_first().is_none_or(|(first, rest)| {
            first.leading_ones() + first.trailing_zeros() == 8 && rest.iter().all(|&octet| octet == 0)
        });
        if !is_mask {
            return Err(ParseError::ConstraintMask(hex(mask)));
        }
        Ok(Self { address: address.to_vec(), mask: mask.to_vec() })
    }

    fn contains(&self, address: &[u8]) -> bool {
        let masked =
            |address: &[u8]| -> Vec<u8> { address.iter().zip(&self.mask).map(|(a, m)| a & m).collect() };
        address.len() == self.address.len() && masked(address) == masked(&self.address)
    }

    fn contains_network(&self, other: &Self) -> bool {
        let last: Vec<u8> =
            other.address.iter().zip(&other.mask).map(|(address, mask)| address | !mask).collect();
        self.contains(&other.address) && self.contains(&last)
    }
}

impl std::fmt::Display for Network {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let ones: u32 = self.mask.iter().map(|octet| octet.leading_ones()).sum();
        write!(formatter, "{}/{ones}", ip_text(&self.address))
    }
}

fn ip_text(address: &[u8]) -> String {
    if let Ok(address) = <[u8; 4]>::try_from(address) {
        return IpAddr::from(address).to_string();
    }
    match <[u8; 16]>::try_from(address) {
        Ok(address) => IpAddr::from(address).to_canonical().to_string(),
        Err(_) => hex(address),
    }
}

fn check_ip(permitted: &[Network], excluded: &[Network], ip: &[u8]) -> Result<(), String> {
    let query = |networks: &[Network]| -> Option<Option<String>> {
        if networks.is_empty() {
            return None;
        }
        let same_length: Vec<Network> =
            networks.iter().filter(|n| n.address.len() == ip.len()).cloned().collect();
        let set = pruned(same_length, Ord::cmp, Network::contains_network);
        let found =
            search(&set, |network| network.address.as_slice().cmp(ip), |network| network.contains(ip));
        Some(found.map(ToString::to_string))
    };
    verdict("IP address", &ip_text(ip), query(permitted), query(excluded))
}

/// The verdict on a name. A query's outer `None` is that nothing is constrained; the inner, that nothing matches.
fn verdict(
    kind: &str,
    name: &str,
    permitted: Option<Option<String>>,
    excluded: Option<Option<String>>,
) -> Result<(), String> {
    if permitted == Some(None) {
        return Err(format!("{kind} {} is not permitted by any constraint", quoted(name)));
    }
    match excluded.flatten() {
        Some(constraint) => {
            Err(format!("{kind} {} is excluded by constraint {}", quoted(name), quoted(&constraint)))
        }
        None => Ok(()),
    }
}

/// Domains in the order in which they are searched.
struct Domains {
    is_constrained: bool,
    /// An empty constraint is there, which every name matches.
    matches_all: bool,
    is_permitted: bool,
    set: Vec<String>,
}

impl Domains {
    fn new(domains: &[String], is_permitted: bool) -> Self {
        let matches_all = domains.iter().any(String::is_empty);
        let set = if matches_all { Vec::new() } else { domains.to_vec() };
        let set = pruned(
            set,
            |a, b| compare_domains(a.as_bytes(), b.as_bytes()),
            |suffix, domain| has_domain_suffix(domain.as_bytes(), suffix.as_bytes()),
        );
        Self { is_constrained: !domains.is_empty(), matches_all, is_permitted, set }
    }

    fn query(&self, name: &[u8]) -> Option<Option<String>> {
        if !self.is_constrained {
            return None;
        }
        if self.matches_all {
            return Some(Some(String::new()));
        }
        let found = search(
            &self.set,
            |domain| compare_domains(domain.as_bytes(), name),
            |domain| has_domain_suffix(name, domain.as_bytes()),
        );
        let is_wildcard = !self.is_permitted && name.first() == Some(&b'*');
        Some(found.cloned().or_else(|| if is_wildcard { self.excluded_sibling(name) } else { None }))
    }

    /// A wildcard is excluded too if a constraint differs from it in the first label only. Of several such constraints
    /// the last counts.
    fn excluded_sibling(&self, wildcard: &[u8]) -> Option<String> {
        let wildcard = wildcard.to_ascii_lowercase();
        let dot = wildcard.iter().position(|&byte| byte == b'.')?;
        let parent = wildcard.get(dot..)?;
        let lower = self.set.iter().rev().map(|domain| domain.to_ascii_lowercase());
        lower.into_iter().find(|domain| {
            domain.find('.').and_then(|dot| domain.as_bytes().get(dot..)).is_some_and(|rest| rest == parent)
        })
    }
}

/// Mailboxes match exactly, but for the case of their domain; everything else matches by the domain.
fn query_mail(constraints: &[String], is_permitted: bool, mailbox: &Mailbox) -> Option<Option<String>> {
    if constraints.is_empty() {
        return None;
    }
    let (exact, domains): (Vec<String>, Vec<String>) =
        constraints.iter().cloned().partition(|c| c.contains('@'));
    let is_exact = exact
        .iter()
        .filter_map(|text| Mailbox::new(text.as_bytes()))
        .any(|exact| exact.local == mailbox.local && exact.domain.to_ascii_lowercase() == mailbox.domain);
    if is_exact {
        let address = [mailbox.local.as_slice(), b"@", &mailbox.domain].concat();
        return Some(Some(String::from_utf8_lossy(&address).into_owned()));
    }
    Some(Domains::new(&domains, is_permitted).query(&mailbox.domain).flatten())
}

/// Sorts, and drops what lies within what stands before it.
fn pruned<T>(
    mut set: Vec<T>,
    compare: impl Fn(&T, &T) -> Ordering,
    contains: impl Fn(&T, &T) -> bool,
) -> Vec<T> {
    set.sort_by(compare);
    set.dedup_by(|next, kept| contains(kept, next));
    set
}

/// What equals the target, or else what stands right before it, if that matches.
fn search<T>(set: &[T], compare: impl Fn(&T) -> Ordering, matches: impl Fn(&T) -> bool) -> Option<&T> {
    let place = set.partition_point(|item| compare(item) == Ordering::Less);
    if let Some(item) = set.get(place).filter(|item| compare(item) == Ordering::Equal) {
        return Some(item);
    }
    set.get(place.saturating_sub(1)).filter(|item| matches(item))
}

/// From the end to the start, without regard to case; a dot comes before every other letter.
fn compare_domains(left: &[u8], right: &[u8]) -> Ordering {
    let key = |byte: &u8| if *byte == b'.' { 0 } else { byte.to_ascii_lowercase() };
    left.iter().rev().map(key).cmp(right.iter().rev().map(key))
}

/// Whether `suffix` is `domain` or, at a label's start, its end. A suffix that begins with a dot is never the whole.
fn has_domain_suffix(domain: &[u8], suffix: &[u8]) -> bool {
    let Some(start) = domain.len().checked_sub(suffix.len()) else { return false };
    let (before, end) = domain.split_at_checked(start).unwrap_or_default();
    end.eq_ignore_ascii_case(suffix)
        && (suffix.first() == Some(&b'.') || before.last().is_none_or(|&byte| byte == b'.'))
}

// === impl Subject ===

impl<'a> Subject<'a> {
    fn new(names: &'a AltNames) -> Result<Self, String> {
        let uris = names.uris.iter().map(|uri| Ok((uri, uri_host(uri)?))).collect::<Result<_, String>>()?;
        let mail = names.mail.iter().map(|text| {
            let mailbox = Mailbox::new(text.as_bytes());
            let mut mailbox = mailbox.ok_or_else(|| format!("cannot parse rfc822Name {}", quoted(text)))?;
            mailbox.domain.make_ascii_lowercase();
            Ok(mailbox)
        });
        let mail = mail.collect::<Result<_, String>>()?;
        Ok(Self { names, uris, mail })
    }
}

/// The host of a URI without its port, in lower case. IP addresses cannot be constrained.
fn uri_host(uri: &Uri) -> Result<Vec<u8>, String> {
    let text = quoted(&uri.text);
    let mut host = uri.host.to_ascii_lowercase();
    if host.is_empty() {
        return Err(format!("URI with empty host ({text}) cannot be matched against constraints"));
    }
    if host.contains(&b':') && host.last() != Some(&b']') {
        // Go keeps the case of a host that has a port.
        host = uri.host.clone();
        let colon = host.iter().rposition(|&byte| byte == b':').unwrap_or(host.len());
        let before = host.get(..colon).unwrap_or_default();
        if before.contains(&b':') && before.last() != Some(&b']') {
            let shown = String::from_utf8_lossy(&uri.host);
            return Err(format!(
                "cannot parse URI host {}: address {shown}: too many colons in address",
                quoted_bytes(&uri.host)
            ));
        }
        let bare = before.strip_prefix(b"[").and_then(|before| before.strip_suffix(b"]")).unwrap_or(before);
        host = bare.to_vec();
    }
    let is_literal = host.first() == Some(&b'[') && host.last() == Some(&b']');
    let address =
        std::str::from_utf8(&host).ok().map(|host| host.split_once('%').map_or(host, |(host, _)| host));
    if is_literal || address.is_some_and(|address| address.parse::<IpAddr>().is_ok()) {
        return Err(format!("URI with IP ({text}) cannot be matched against constraints"));
    }
    Ok(host)
}

/// Checks the names of every certificate against the constraints of all that stand above it. The error is Go's text.
pub(crate) fn check_path(path: &Path) -> Result<(), String> {
    let certificates: Vec<&Certificate> = path.certificates().collect();
    let Some(highest) =
        certificates.iter().rposition(|certificate| certificate.extensions.name_constraints.is_some())
    else {
        return Ok(());
    };
    for (index, certificate) in certificates.iter().enumerate() {
        let Some(names) = &certificate.extensions.alt_names else { continue };
        if index >= highest {
            return Ok(());
        }
        let subject = Subject::new(names)?;
        for above in certificates.iter().skip(index + 1) {
            if let Some(constraints) = &above.extensions.name_constraints {
                constraints.check(&subject)?;
            }
        }
    }
    Ok(())
}
