//! PEM as Fabric writes it.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// Characters on a line.
const LINE_CHARS: usize = 64;

/// Label of a certificate's block.
pub(crate) const CERTIFICATE: &str = "CERTIFICATE";
/// Label of a key in PKCS #8.
pub(crate) const PRIVATE_KEY: &str = "PRIVATE KEY";

/// One block, with lines of 64 characters.
///
/// Source: Go 1.26 `encoding/pem/pem.go` `Encode`.
pub(crate) fn encode(label: &str, der: &[u8]) -> String {
    let text = STANDARD.encode(der);
    let mut pem = format!("-----BEGIN {label}-----\n");
    let mut rest = text.as_str();
    while !rest.is_empty() {
        let (line, after) = rest.split_at(rest.len().min(LINE_CHARS));
        pem.push_str(line);
        pem.push('\n');
        rest = after;
    }
    pem.push_str("-----END ");
    pem.push_str(label);
    pem.push_str("-----\n");
    pem
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_has_64_characters_and_the_last_what_is_left() {
        for (bytes, lines) in [(0, vec![]), (48, vec![64]), (49, vec![64, 4]), (100, vec![64, 64, 8])] {
            let pem = encode("X", &vec![7; bytes]);
            let inner =
                pem.strip_prefix("-----BEGIN X-----\n").and_then(|it| it.strip_suffix("-----END X-----\n"));
            let found: Vec<usize> = inner.unwrap_or("-").lines().map(str::len).collect();
            assert_eq!(found, lines, "{bytes} bytes");
        }
    }
}
