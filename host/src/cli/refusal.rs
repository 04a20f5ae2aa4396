//! How people are told what came between a client and an orderer.

use serde_json::Value;

use super::output::printable;
use super::{Code, Exit, Failure, program};
use crate::client::{BlockFault, ClientError, ConfigError, Detail, Refusal, WireFault};

/// The one place where what a client meets becomes what a person sees.
impl From<ClientError> for Failure {
    fn from(error: ClientError) -> Self {
        let sentence = printable(&error.to_string());
        match error {
            ClientError::Address { .. } => Self::new(Code::ClientConfig, Exit::Usage, sentence)
                .hint("an address is host:port, such as 127.0.0.1:7050"),
            ClientError::Unreachable { .. } => Self::new(Code::Unreachable, Exit::Unreachable, sentence)
                .hint(format!("look whether it runs; `{} dev` starts one in this folder", program())),
            ClientError::Wire { fault, .. } => {
                let failure = Self::new(Code::NoConversation, Exit::Unreachable, sentence);
                match wire_hint(&fault) {
                    Some(hint) => failure.hint(hint),
                    None => failure,
                }
            }
            ClientError::Broken { .. } | ClientError::Silent { .. } => {
                Self::new(Code::BrokenOff, Exit::Unreachable, sentence)
            }
            ClientError::Grpc { detail, .. } => {
                told(Self::new(code_of(&detail), Exit::Failed, sentence), &detail)
            }
            ClientError::Http { .. } => Self::new(Code::Refused, Exit::Failed, sentence),
            ClientError::Unsigned { .. } => Self::new(Code::Msp, Exit::Failed, sentence),
            ClientError::Refused(refusal) => refusal.into(),
        }
    }
}

fn wire_hint(fault: &WireFault) -> Option<&'static str> {
    Some(match fault {
        WireFault::SpeaksTls => "give --tls-ca FILE, with the authorities of the orderer's TLS certificate",
        WireFault::NoTls => {
            "leave out --tls-ca, and in client.yaml tls-ca, or ask for the port that speaks TLS"
        }
        WireFault::UnknownAuthority => {
            "--tls-ca names authorities of others; ask the orderer's operator for its own"
        }
        WireFault::WrongName { .. } => "write --orderer with one of the certificate's names",
        WireFault::Expired => "the orderer's operator must renew it; compare the clocks before",
        WireFault::CertificateRequired => "give --tls-cert FILE and --tls-key FILE",
        WireFault::NotTaken(_) => "the orderer's log says why; its authorities must have issued --tls-cert",
        _ => return None,
    })
}

impl From<Refusal> for Failure {
    fn from(refusal: Refusal) -> Self {
        let Refusal { detail, .. } = &refusal;
        let mut failure = Self::new(code_of(detail), Exit::Failed, printable(&refusal.sentence()));
        failure.word = "refused";
        failure = told(failure.line("status", &refusal.status_text()), detail);
        match hint(failure.code, detail) {
            Some(hint) => failure.hint(hint),
            None => failure,
        }
    }
}

impl From<BlockFault> for Failure {
    fn from(fault: BlockFault) -> Self {
        let failure = Self::new(Code::BlockFault, Exit::Failed, printable(&fault.to_string()));
        match fault {
            BlockFault::Signatures { proof: Some(proof), .. } => with_proof(failure, &proof),
            _ => failure,
        }
        .hint("ask another orderer of the channel, and compare the blocks' hashes")
    }
}

impl From<ConfigError> for Failure {
    fn from(error: ConfigError) -> Self {
        let sentence = printable(&error.to_string());
        match error {
            ConfigError::Read { .. } => Self::new(Code::File, Exit::Usage, sentence),
            _ => Self::new(Code::ClientConfig, Exit::Usage, sentence),
        }
    }
}

fn code_of(detail: &Detail) -> Code {
    detail.code.as_deref().and_then(Code::parse).unwrap_or(Code::Refused)
}

/// All that an orderer tells beside its text.
fn told(mut failure: Failure, detail: &Detail) -> Failure {
    if let Some(code) = detail.code.as_deref().filter(|code| Code::parse(code).is_none()) {
        failure = failure.line("code", &printable(code));
    }
    for (name, value) in &detail.reason {
        match (name.as_str(), value) {
            ("text", _) | ("proof", Value::String(_)) => {}
            (name, Value::String(text)) => failure = failure.line(&printable(name), &printable(text)),
            (name, value) => failure = failure.line(&printable(name), &printable(&value.to_string())),
        }
    }
    match detail.text("proof") {
        Some(proof) => with_proof(failure, proof),
        None => failure,
    }
}

/// The tree of who signed and what was needed, a line each.
pub(super) fn with_proof(mut failure: Failure, proof: &str) -> Failure {
    for line in proof.lines() {
        // Lines below the first are indented as these are.
        failure.lines.push(printable(line.strip_prefix("  ").unwrap_or(line)));
    }
    failure
}

/// What to do next, where the code's own page says less.
fn hint(code: Code, detail: &Detail) -> Option<String> {
    let hint = match (code, detail.text("module")) {
        (Code::Filter, Some("max-bytes")) => {
            "send less; the limit is BatchSize.AbsoluteMaxBytes in the channel's config"
        }
        (Code::Filter, Some("expiration")) => "have the certificate renewed, and sign with the new one",
        (Code::Filter, Some("signature")) if detail.text("proof").is_some() => {
            "--msp-id and --msp-dir say who signs; it must be one whom the channel lets write"
        }
        (Code::Filter, Some("signature")) => {
            "--msp-id and --msp-dir say who signs; what the channel asks for is told only to those who may read it"
        }
        (Code::ConfigUpdate, _) if detail.text("policy").is_some() => {
            return Some(format!(
                "have those sign too who are missing: `{} channel config sign FILE --sign-as ID:DIR`",
                program()
            ));
        }
        (Code::ReaderDenied, _) => {
            "--msp-id and --msp-dir say who asks; it must be one whom the channel lets read"
        }
        (Code::ChannelUnknown, _) => "--channel says which channel; names are compared letter by letter",
        _ => return None,
    };
    Some(hint.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn refusal(code: Option<&str>, reason: Value) -> Refusal {
        let reason = reason.as_object().cloned().unwrap_or_default();
        Refusal { status: 403, info: "no".into(), detail: Detail { code: code.map(str::to_owned), reason } }
    }

    #[test]
    fn a_refusal_shows_all_that_the_orderer_tells() {
        let proof = "/A is not\n  ANY of 1\n  └─ ✗ B";
        let reason = json!({ "module": "signature", "proof": proof, "bytes": 7, "text": "t" });
        let failure = Failure::from(refusal(Some("RDL-1104"), reason));
        assert_eq!((failure.word, failure.code, failure.exit), ("refused", Code::Filter, Exit::Failed));
        let lines =
            ["status 403 FORBIDDEN", "bytes  7", "module signature", "/A is not", "ANY of 1", "└─ ✗ B"];
        assert_eq!(failure.lines, lines);
        assert!(failure.hint.is_some());
    }

    #[test]
    fn an_update_that_lacks_signatures_is_shown_with_element_and_policy() {
        let reason =
            json!({ "element": "[Value]  /Channel/A", "policy": "/Channel/Admins", "proof": "/B is not" });
        let failure = Failure::from(refusal(Some("RDL-1107"), reason));
        assert_eq!(failure.code, Code::ConfigUpdate);
        let lines =
            ["status 403 FORBIDDEN", "element [Value]  /Channel/A", "policy /Channel/Admins", "/B is not"];
        assert_eq!(failure.lines, lines);
        assert!(failure.hint.unwrap_or_default().starts_with("have those sign too who are missing: `"));
    }

    #[test]
    fn a_code_of_tomorrow_is_shown_as_it_came() {
        let failure = Failure::from(refusal(Some("RDL-7777"), json!({})));
        assert_eq!(
            (failure.code, failure.lines.last().map(String::as_str)),
            (Code::Refused, Some("code   RDL-7777"))
        );
        let failure = Failure::from(refusal(None, json!({ "a\u{1b}": "\u{7}", "proof": [1] })));
        assert_eq!(failure.lines, ["status 403 FORBIDDEN", "a\\u{1b} \\u{7}", "proof  [1]"]);
    }
}
