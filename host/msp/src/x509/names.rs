//! Host names and mailboxes, as far as Go checks them.

/// Whether a text can be a domain: no empty label but a constraint's first, no trailing dot, printable letters.
/// An empty text can.
///
/// Source: Go 1.26 `crypto/x509/parser.go` `domainNameValid`.
pub(crate) fn is_domain(text: &[u8], is_constraint: bool) -> bool {
    if text.is_empty() {
        return true;
    }
    if text.last() == Some(&b'.') {
        return false;
    }
    let text = if is_constraint { text.strip_prefix(b".").unwrap_or(text) } else { text };
    text.split(|&byte| byte == b'.')
        .all(|label| !label.is_empty() && label.iter().all(|byte| (33..=126).contains(byte)))
}

/// A mail address in its two parts.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) struct Mailbox {
    pub(crate) local: Vec<u8>,
    pub(crate) domain: Vec<u8>,
}

impl Mailbox {
    /// Source: Go 1.26 `crypto/x509/verify.go` `parseRFC2821Mailbox`.
    pub(crate) fn new(text: &[u8]) -> Option<Self> {
        let (local, rest) = match text.strip_prefix(b"\"") {
            Some(quoted) => quoted_local(quoted)?,
            None => plain_local(text)?,
        };
        let domain = rest.strip_prefix(b"@")?;
        is_mail_domain(domain).then(|| Self { local, domain: domain.to_vec() })
    }
}

fn quoted_local(mut rest: &[u8]) -> Option<(Vec<u8>, &[u8])> {
    let mut local = Vec::new();
    loop {
        let (&byte, after) = rest.split_first()?;
        rest = after;
        match byte {
            b'"' => return Some((local, rest)),
            b'\\' => {
                let (&escaped, after) = rest.split_first()?;
                rest = after;
                if !matches!(escaped, 1..=9 | 11 | 12 | 14..=127) {
                    return None;
                }
                local.push(escaped);
            }
            1..=8 | 11 | 12 | 14..=33 | 35..=91 | 93..=127 => local.push(byte),
            _ => return None,
        }
    }
}

fn plain_local(mut rest: &[u8]) -> Option<(Vec<u8>, &[u8])> {
    let mut local = Vec::new();
    while let Some((&byte, after)) = rest.split_first() {
        if byte == b'\\' {
            let (&escaped, after) = after.split_first()?;
            local.push(escaped);
            rest = after;
        } else if byte.is_ascii_alphanumeric() || b"!#$%&'*+-/=?^_`{|}~.".contains(&byte) {
            local.push(byte);
            rest = after;
        } else {
            break;
        }
    }
    let has_dots =
        local.first() == Some(&b'.') || local.last() == Some(&b'.') || local.windows(2).any(|w| w == b"..");
    (!local.is_empty() && !has_dots).then_some((local, rest))
}

/// Source: Go 1.26 `crypto/x509/verify.go` `domainToReverseLabels`.
fn is_mail_domain(domain: &[u8]) -> bool {
    is_domain(domain, false)
}

/// Whether a common name looks like the name of a host.
///
/// Source: fabric v2.5.16 `msp/mspimpl.go` `validHostname`.
pub(crate) fn is_hostname(text: &str) -> bool {
    let text = text.strip_suffix('.').unwrap_or(text);
    let is_label = |label: &str| {
        !label.is_empty()
            && label.bytes().enumerate().all(|(index, byte)| {
                byte.is_ascii_alphanumeric() || b"_:".contains(&byte) || (byte == b'-' && index > 0)
            })
    };
    !text.is_empty()
        && text.split('.').enumerate().all(|(index, label)| (index == 0 && label == "*") || is_label(label))
}

#[cfg(test)]
mod tests {
    use super::{Mailbox, is_domain, is_hostname};

    #[test]
    fn common_names_of_nodes_look_like_hosts() {
        for name in ["peer0", "Admin", "*.example.com", "a_b:c-d.", "x"] {
            assert!(is_hostname(name), "{name}");
        }
        for name in ["", ".", "User1@org1.example.com", "-a", "a..b", "a.*", "a b"] {
            assert!(!is_hostname(name), "{name}");
        }
    }

    #[test]
    fn mailboxes_and_domains_are_told_from_other_text() {
        for text in ["a@b", "\"a b\"@c.d", "a.b@c", "a\\@b@c", "a@"] {
            assert!(Mailbox::new(text.as_bytes()).is_some(), "{text}");
        }
        for text in ["", "@b", ".a@b", "a..b@c", "a@b.", "a", "\"a@b"] {
            assert!(Mailbox::new(text.as_bytes()).is_none(), "{text}");
        }
        assert!(is_domain(b".a.b", true) && !is_domain(b".a.b", false) && !is_domain(b"a..b", true));
    }
}
