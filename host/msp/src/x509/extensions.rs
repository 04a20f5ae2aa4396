//! The extensions of a certificate that Go understands.
//!
//! Source: Go 1.26 `crypto/x509/parser.go` `processExtensions`.

use raddle_proto::go_text::quoted;

use super::constraints::NameConstraints;
use super::der::{Reader, tag};
use super::error::ParseError;
use super::names::is_domain;
use super::oid::{extension, is_policy_oid};
use super::uri;

/// What a certificate's extensions say.
#[derive(Clone, Debug, Default)]
pub(crate) struct Extensions {
    /// Bit `n` of the extension is bit `n` here; 0 if it is absent or empty.
    pub(crate) key_usage: u16,
    pub(crate) basic_constraints: Option<BasicConstraints>,
    pub(crate) alt_names: Option<AltNames>,
    pub(crate) name_constraints: Option<NameConstraints>,
    pub(crate) subject_key_id: Option<Vec<u8>>,
    pub(crate) authority_key_id: Vec<u8>,
    /// Object identifiers' contents.
    pub(crate) extended_key_usage: Vec<Vec<u8>>,
    pub(crate) policy: PolicyExtensions,
    /// There is a critical extension that nobody here understands.
    pub(crate) has_unhandled_critical: bool,
}

/// Whether a certificate may sign others, and how many may come between it and a leaf.
#[derive(Clone, Copy, Debug)]
pub(crate) struct BasicConstraints {
    pub(crate) is_ca: bool,
    pub(crate) intermediates_max: Option<i64>,
}

/// A subject's other names.
#[derive(Clone, Debug, Default)]
pub(crate) struct AltNames {
    /// The extension's value as it stands.
    pub(crate) value: Vec<u8>,
    pub(crate) dns: Vec<String>,
    pub(crate) mail: Vec<String>,
    pub(crate) uris: Vec<Uri>,
    /// Of 4 or of 16 bytes.
    pub(crate) ips: Vec<Vec<u8>>,
}

/// A URI and the host that it names.
#[derive(Clone, Debug)]
pub(crate) struct Uri {
    pub(crate) text: String,
    pub(crate) host: Vec<u8>,
}

/// Certificate policies. Identifiers are their object identifiers' contents.
#[derive(Clone, Debug, Default)]
pub(crate) struct PolicyExtensions {
    pub(crate) policies: Vec<Vec<u8>>,
    /// Pairs of an issuer's policy and a subject's.
    pub(crate) mappings: Vec<(Vec<u8>, Vec<u8>)>,
    pub(crate) require_explicit: Option<i64>,
    pub(crate) inhibit_mapping: Option<i64>,
    pub(crate) inhibit_any: Option<i64>,
}

const KEY_USAGE_BITS: u16 = 9;
/// `keyCertSign`
pub(crate) const KEY_USAGE_CERT_SIGN: u16 = 1 << 5;

// === impl Extensions ===

impl Extensions {
    /// Takes in one extension.
    pub(crate) fn add(&mut self, oid: &[u8], is_critical: bool, value: &[u8]) -> Result<(), ParseError> {
        let mut is_handled = true;
        match oid {
            extension::KEY_USAGE => self.key_usage = key_usage(value)?,
            extension::BASIC_CONSTRAINTS => self.basic_constraints = Some(basic_constraints(value)?),
            extension::SUBJECT_ALT_NAME => {
                let names = AltNames::read(value)?;
                is_handled = !names.is_empty();
                self.alt_names = Some(names);
            }
            extension::NAME_CONSTRAINTS => {
                let constraints = NameConstraints::read(value)?;
                is_handled = !constraints.has_unknown_kind;
                self.name_constraints = Some(constraints);
            }
            extension::CRL_DISTRIBUTION_POINTS => check_crl_distribution_points(value)?,
            extension::AUTHORITY_KEY_ID if is_critical => {
                return Err(ParseError::WronglyCritical("authority key identifier"));
            }
            extension::AUTHORITY_KEY_ID => self.authority_key_id = authority_key_id(value)?,
            extension::SUBJECT_KEY_ID if is_critical => {
                return Err(ParseError::WronglyCritical("subject key identifier"));
            }
            extension::SUBJECT_KEY_ID => {
                let id = Reader::new(value).content(tag::OCTET_STRING);
                self.subject_key_id = Some(id.ok_or(ParseError::Invalid("subject key identifier"))?.to_vec());
            }
            extension::EXTENDED_KEY_USAGE => self.extended_key_usage = extended_key_usage(value)?,
            extension::AUTHORITY_INFO_ACCESS if is_critical => {
                return Err(ParseError::WronglyCritical("authority info access"));
            }
            extension::AUTHORITY_INFO_ACCESS => check_authority_info_access(value)?,
            _ => is_handled = self.policy.add(oid, value)?,
        }
        self.has_unhandled_critical |= is_critical && !is_handled;
        Ok(())
    }
}

// === impl PolicyExtensions ===

impl PolicyExtensions {
    /// Takes in one extension, if it is about policies.
    fn add(&mut self, oid: &[u8], value: &[u8]) -> Result<bool, ParseError> {
        match oid {
            extension::CERTIFICATE_POLICIES => {
                self.policies = policies(value).ok_or(ParseError::Invalid("certificate policies"))?;
            }
            extension::POLICY_MAPPINGS => {
                self.mappings = mappings(value).ok_or(ParseError::Invalid("policy mappings extension"))?;
            }
            extension::POLICY_CONSTRAINTS => {
                let invalid = ParseError::Invalid("policy constraints extension");
                let (explicit, mapping) = policy_constraints(value).ok_or(invalid)?;
                (self.require_explicit, self.inhibit_mapping) = (explicit, mapping);
            }
            extension::INHIBIT_ANY_POLICY => {
                let skip = Reader::new(value).integer_i64(tag::INTEGER);
                self.inhibit_any = Some(skip.ok_or(ParseError::Invalid("inhibit any policy extension"))?);
            }
            _ => return Ok(false),
        }
        Ok(true)
    }
}

fn policies(value: &[u8]) -> Option<Vec<Vec<u8>>> {
    let mut all = Reader::new(value).enter(tag::SEQUENCE)?;
    let mut policies: Vec<Vec<u8>> = Vec::new();
    while !all.is_empty() {
        let oid = all.enter(tag::SEQUENCE)?.content(tag::OBJECT_IDENTIFIER)?;
        if !is_policy_oid(oid) || policies.iter().any(|policy| policy == oid) {
            return None;
        }
        policies.push(oid.to_vec());
    }
    Some(policies)
}

fn mappings(value: &[u8]) -> Option<Vec<(Vec<u8>, Vec<u8>)>> {
    let mut all = Reader::new(value).enter(tag::SEQUENCE)?;
    let mut mappings = Vec::new();
    while !all.is_empty() {
        let mut pair = all.enter(tag::SEQUENCE)?;
        let issuer = pair.content(tag::OBJECT_IDENTIFIER)?.to_vec();
        mappings.push((issuer, pair.content(tag::OBJECT_IDENTIFIER)?.to_vec()));
    }
    Some(mappings)
}

fn policy_constraints(value: &[u8]) -> Option<(Option<i64>, Option<i64>)> {
    let mut fields = Reader::new(value).enter(tag::SEQUENCE)?;
    let mut read = |number| {
        let tag = tag::context(number);
        if fields.is_next(tag) { fields.integer_i64(tag).map(Some) } else { Some(None) }
    };
    Some((read(0)?, read(1)?))
}

// === impl AltNames ===

impl AltNames {
    /// Source: Go 1.26 `crypto/x509/parser.go` `parseSANExtension`.
    fn read(value: &[u8]) -> Result<Self, ParseError> {
        let mut names = Self { value: value.to_vec(), ..Self::default() };
        let all = Reader::new(value).enter(tag::SEQUENCE);
        let mut all = all.ok_or(ParseError::Invalid("subject alternative names"))?;
        while !all.is_empty() {
            let name = all.any().ok_or(ParseError::Invalid("subject alternative name"))?;
            let ascii = |kind| ascii(name.content).ok_or(ParseError::AltName(kind));
            match name.tag ^ 0x80 {
                1 => names.mail.push(ascii("rfc822Name")?),
                2 => names.dns.push(ascii("dNSName")?),
                6 => names.uris.push(Uri::read(ascii("uniformResourceIdentifier")?)?),
                7 if matches!(name.content.len(), 4 | 16) => names.ips.push(name.content.to_vec()),
                7 => return Err(ParseError::IpLength(name.content.len())),
                _ => {}
            }
        }
        Ok(names)
    }

    /// Whether no name is of a kind that Go reads.
    fn is_empty(&self) -> bool {
        self.dns.is_empty() && self.mail.is_empty() && self.uris.is_empty() && self.ips.is_empty()
    }
}

impl Uri {
    fn read(text: String) -> Result<Self, ParseError> {
        let fail = |reason| ParseError::Uri { uri: quoted(&text), reason };
        let host = uri::host(&text).map_err(fail)?;
        if is_domain(&host, false) {
            Ok(Self { text, host })
        } else {
            Err(ParseError::UriDomain(quoted(&text)))
        }
    }
}

/// The text, if it is ASCII.
pub(crate) fn ascii(content: &[u8]) -> Option<String> {
    if content.is_ascii() { String::from_utf8(content.to_vec()).ok() } else { None }
}

fn key_usage(value: &[u8]) -> Result<u16, ParseError> {
    let bits = Reader::new(value).bit_string().ok_or(ParseError::Invalid("key usage"))?;
    Ok((0..KEY_USAGE_BITS)
        .filter(|&index| bits.bit(usize::from(index)))
        .fold(0, |usage, index| usage | 1 << index))
}

fn basic_constraints(value: &[u8]) -> Result<BasicConstraints, ParseError> {
    let invalid = || ParseError::Invalid("basic constraints");
    let mut fields = Reader::new(value).enter(tag::SEQUENCE).ok_or_else(invalid)?;
    let is_ca = fields.is_next(tag::BOOLEAN) && fields.boolean().ok_or_else(invalid)?;
    let intermediates_max = if fields.is_next(tag::INTEGER) {
        let count = fields.integer_i64(tag::INTEGER).filter(|&count| count >= 0);
        Some(count.ok_or_else(invalid)?)
    } else {
        None
    };
    Ok(BasicConstraints { is_ca, intermediates_max })
}

fn authority_key_id(value: &[u8]) -> Result<Vec<u8>, ParseError> {
    let invalid = || ParseError::Invalid("authority key identifier");
    let mut fields = Reader::new(value).enter(tag::SEQUENCE).ok_or_else(invalid)?;
    if !fields.is_next(tag::context(0)) {
        return Ok(Vec::new());
    }
    fields.content(tag::context(0)).map(<[u8]>::to_vec).ok_or_else(invalid)
}

fn extended_key_usage(value: &[u8]) -> Result<Vec<Vec<u8>>, ParseError> {
    let invalid = || ParseError::Invalid("extended key usages");
    let mut all = Reader::new(value).enter(tag::SEQUENCE).ok_or_else(invalid)?;
    let mut usages = Vec::new();
    while !all.is_empty() {
        usages.push(all.oid().ok_or_else(invalid)?.as_bytes().to_vec());
    }
    Ok(usages)
}

/// Go wants the points to be readable, though nobody here uses them.
fn check_crl_distribution_points(value: &[u8]) -> Result<(), ParseError> {
    let mut points =
        Reader::new(value).enter(tag::SEQUENCE).ok_or(ParseError::Invalid("CRL distribution points"))?;
    while !points.is_empty() {
        check_crl_distribution_point(&mut points).ok_or(ParseError::Invalid("CRL distribution point"))?;
    }
    Ok(())
}

fn check_crl_distribution_point(points: &mut Reader<'_>) -> Option<()> {
    let mut point = points.enter(tag::SEQUENCE)?;
    let Some(mut name) = point.enter_optional(tag::context_constructed(0))? else { return Some(()) };
    let mut names = name.enter(tag::context_constructed(0))?;
    while names.is_next(tag::context(6)) {
        names.any()?;
    }
    Some(())
}

fn check_authority_info_access(value: &[u8]) -> Result<(), ParseError> {
    let invalid = || ParseError::Invalid("authority info access");
    let mut all = Reader::new(value).enter(tag::SEQUENCE).ok_or_else(invalid)?;
    while !all.is_empty() {
        let mut access = all.enter(tag::SEQUENCE).ok_or_else(invalid)?;
        access.oid().ok_or_else(invalid)?;
        if access.is_next(tag::context(6)) {
            access.any().ok_or_else(invalid)?;
        }
    }
    Ok(())
}
