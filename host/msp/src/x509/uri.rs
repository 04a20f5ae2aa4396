//! URIs in certificates: which Go can read, and which host they name.
//!
//! Source: Go 1.26 `net/url/url.go` `Parse`.

use std::net::Ipv6Addr;

use raddle_proto::go_text::{quoted, quoted_bytes};

/// Where in a URI a text stands, which decides what may be escaped there.
#[derive(Clone, Copy, Eq, PartialEq)]
enum Place {
    Host,
    Zone,
    Elsewhere,
}

/// The host of an ASCII URI, with its port; empty if there is none. The error is Go's, with the URI as Go repeats it.
pub(crate) fn host(uri: &str) -> Result<Vec<u8>, String> {
    let (before, fragment) = uri.split_once('#').unwrap_or((uri, ""));
    let fail = |part: &str, reason: &str| format!("parse {}: {reason}", quoted(part));
    let host = parse(before).map_err(|reason| fail(before, &reason))?;
    unescape(fragment, Place::Elsewhere).map_err(|reason| fail(uri, &reason))?;
    Ok(host)
}

fn parse(uri: &str) -> Result<Vec<u8>, String> {
    if uri.bytes().any(|byte| byte < b' ' || byte == 0x7f) {
        return Err("net/url: invalid control character in URL".to_owned());
    }
    if uri == "*" {
        return Ok(Vec::new());
    }
    let (scheme, rest) = scheme(uri)?;
    let rest = rest.split_once('?').map_or(rest, |(before, _)| before);
    if !rest.starts_with('/') {
        if !scheme.is_empty() {
            return Ok(Vec::new());
        }
        let segment = rest.split_once('/').map_or(rest, |(segment, _)| segment);
        if segment.contains(':') {
            return Err("first path segment in URL cannot contain colon".to_owned());
        }
    }
    let has_authority = !scheme.is_empty() || !rest.starts_with("///");
    let (host, path) = match rest.strip_prefix("//") {
        Some(after) if has_authority => {
            let (authority, path) = after.split_at(after.find('/').unwrap_or(after.len()));
            (parse_authority(&scheme.to_ascii_lowercase(), authority)?, path)
        }
        _ => (Vec::new(), rest),
    };
    unescape(path, Place::Elsewhere)?;
    Ok(host)
}

/// The scheme, empty if there is none, and what follows its colon.
fn scheme(uri: &str) -> Result<(&str, &str), String> {
    for (index, byte) in uri.bytes().enumerate() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' => {}
            b'0'..=b'9' | b'+' | b'-' | b'.' if index > 0 => {}
            b':' if index == 0 => return Err("missing protocol scheme".to_owned()),
            b':' => return Ok(uri.split_once(':').unwrap_or(("", uri))),
            _ => break,
        }
    }
    Ok(("", uri))
}

fn parse_authority(scheme: &str, authority: &str) -> Result<Vec<u8>, String> {
    let Some((user, host)) = authority.rsplit_once('@') else { return parse_host(scheme, authority) };
    let host = parse_host(scheme, host)?;
    if !user.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._:~!$&'()*+,;=%@".contains(&byte)) {
        return Err("net/url: invalid userinfo".to_owned());
    }
    let (name, password) = user.split_once(':').unwrap_or((user, ""));
    unescape(name, Place::Elsewhere)?;
    unescape(password, Place::Elsewhere)?;
    Ok(host)
}

fn parse_host(scheme: &str, host: &str) -> Result<Vec<u8>, String> {
    match host.rfind('[') {
        Some(0) => return parse_ip_literal(host),
        Some(_) => return Err("invalid IP-literal".to_owned()),
        None => {}
    }
    if let Some(first) = host.find(':') {
        let is_strict = scheme == "http" || scheme == "https";
        let colon = if is_strict { first } else { host.rfind(':').unwrap_or(first) };
        check_port(host.split_at(colon).1)?;
    }
    unescape(host, Place::Host)
}

/// `[address%25zone]:port`
fn parse_ip_literal(host: &str) -> Result<Vec<u8>, String> {
    let (literal, port) = host.rsplit_once(']').ok_or("missing ']' in host")?;
    check_port(port)?;
    let literal = literal.strip_prefix('[').unwrap_or(literal);
    let name = match literal.find("%25") {
        Some(zone) => {
            let (address, zone) = literal.split_at(zone);
            [unescape(address, Place::Host)?, unescape(zone, Place::Zone)?].concat()
        }
        None => unescape(literal, Place::Host)?,
    };
    let text = String::from_utf8_lossy(&name);
    let (address, zone) =
        text.split_once('%').map_or((text.as_ref(), None), |(address, zone)| (address, Some(zone)));
    if zone.is_none() && address.parse::<std::net::Ipv4Addr>().is_ok() {
        return Err("invalid IP-literal".to_owned());
    }
    if address.parse::<Ipv6Addr>().is_err() || zone == Some("") {
        return Err(format!("invalid host: ParseAddr({}): unable to parse IP", quoted_bytes(&name)));
    }
    Ok([b"[".as_slice(), &name, b"]", port.as_bytes()].concat())
}

fn check_port(port: &str) -> Result<(), String> {
    let is_port = match port.strip_prefix(':') {
        Some(digits) => digits.bytes().all(|byte| byte.is_ascii_digit()),
        None => port.is_empty(),
    };
    if is_port { Ok(()) } else { Err(format!("invalid port {} after host", quoted(port))) }
}

fn unescape(text: &str, place: Place) -> Result<Vec<u8>, String> {
    let mut unescaped = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&byte, after)) = rest.split_first() {
        if byte != b'%' {
            if place != Place::Elsewhere && byte.is_ascii() && !is_host_byte(byte) {
                return Err(format!("invalid character {} in host name", quoted_bytes(&[byte])));
            }
            unescaped.push(byte);
            rest = after;
            continue;
        }
        let escape = rest.get(..3).unwrap_or(rest);
        let invalid = || format!("invalid URL escape {}", quoted_bytes(escape));
        let digits = after.get(..2).and_then(|digits| std::str::from_utf8(digits).ok());
        let digits = digits.filter(|digits| digits.bytes().all(|digit| digit.is_ascii_hexdigit()));
        let value = digits.and_then(|digits| u8::from_str_radix(digits, 16).ok()).ok_or_else(invalid)?;
        let is_allowed = match place {
            _ if escape == b"%25" => true,
            Place::Host => value >= 0x80,
            Place::Zone => value == b' ' || is_host_byte(value),
            Place::Elsewhere => true,
        };
        if !is_allowed {
            return Err(invalid());
        }
        unescaped.push(value);
        rest = after.get(2..).unwrap_or_default();
    }
    Ok(unescaped)
}

/// Bytes that a host name may have as they are.
fn is_host_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!\"$&'()*+,-.:;<=>[]_~".contains(&byte)
}
