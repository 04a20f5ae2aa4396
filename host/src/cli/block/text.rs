//! A block for people.

use std::fmt::Write as _;

use comfy_table::{CellAlignment, Table, presets};

use super::view::{BlockView, EnvelopeView, IdentityView};
use crate::cli::output::printable;

/// The block as text: its header, then a line for each envelope.
pub fn text(view: &BlockView) -> String {
    let mut text = format!("block {} of {}\n", view.number, printable(&view.channel));
    let mut line = |what: &str, value: &str| {
        let _ = writeln!(text, "  {what:<14} {value}");
    };
    line("hash", &view.hash);
    line("previous hash", or(&view.previous_hash, "none, as it is the first block"));
    line("data hash", &view.data_hash);
    line("size", &format!("{} bytes", view.size_bytes));
    let is_config = view.last_config == view.number;
    line("last config", &format!("block {}{}", view.last_config, if is_config { ", this one" } else { "" }));
    if let Some(offsets) = &view.offsets {
        let offsets = format!(
            "last persisted {}, last original processed {}, last resubmitted config {}",
            offsets.last_persisted, offsets.last_original_processed, offsets.last_resubmitted_config
        );
        line("offsets", &offsets);
    }
    for signature in &view.signatures {
        let signer = identity(signature.signer.as_ref());
        match &signature.uncounted {
            None => line("signed by", &signer),
            Some(reason) => line(
                "not signed by",
                &format!("{signer}: the signature does not count: {}", printable(reason)),
            ),
        }
    }
    line("verified", &view.verified.text);
    let _ = writeln!(text, "\n{}", envelopes(&view.envelopes));
    text
}

fn envelopes(envelopes: &[EnvelopeView]) -> String {
    let mut table = Table::new();
    table.load_preset(presets::NOTHING).set_header(["#", "type", "bytes", "creator", "tx id"]);
    for envelope in envelopes {
        let kind = match (envelope.kind, envelope.type_number, &envelope.unreadable) {
            (Some(kind), ..) => kind.to_owned(),
            (None, Some(number), _) => number.to_string(),
            (None, None, Some(error)) => format!("unreadable: {}", printable(error)),
            (None, None, None) => String::new(),
        };
        table.add_row([
            envelope.index.to_string(),
            kind,
            envelope.size_bytes.to_string(),
            identity(envelope.creator.as_ref()),
            printable(or(envelope.tx_id.as_deref().unwrap_or_default(), "–")),
        ]);
    }
    for (index, column) in table.column_iter_mut().enumerate() {
        column.set_padding((if index == 0 { 2 } else { 0 }, 2));
        if index == 0 || index == 2 {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    table.lines().map(|line| line.trim_end().to_owned()).collect::<Vec<_>>().join("\n")
}

/// Who it is, as proofs of policies write it.
fn identity(identity: Option<&IdentityView>) -> String {
    match identity {
        None => "nobody".to_owned(),
        Some(IdentityView { msp_id, subject: Some(subject), .. }) => {
            format!("{} ({})", printable(&short(subject)), printable(msp_id))
        }
        Some(IdentityView { msp_id, .. }) => format!("no certificate ({})", printable(msp_id)),
    }
}

/// Common name and organisational units of a subject such as `CN=a,OU=b,C=US`; all of it if it has neither. A comma
/// behind a backslash belongs to a name, and stays as it is.
fn short(subject: &str) -> String {
    let mut is_escaped = false;
    let parts = subject.split(|letter: char| {
        let is_end = letter == ',' && !is_escaped;
        is_escaped = letter == '\\' && !is_escaped;
        is_end
    });
    let kept: Vec<&str> =
        parts.filter(|part| ["CN=", "OU="].iter().any(|kind| part.starts_with(kind))).collect();
    if kept.is_empty() { subject.to_owned() } else { kept.join(",") }
}

fn or<'a>(text: &'a str, otherwise: &'a str) -> &'a str {
    if text.is_empty() { otherwise } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_subject_is_shortened_to_its_name_and_units_and_no_name_feigns_a_unit() {
        for (subject, expected) in [
            ("CN=a,ST=b,OU=c+OU=d,C=US", "CN=a,OU=c+OU=d"),
            ("CN=a\\,OU=admin,OU=client", "CN=a\\,OU=admin,OU=client"),
            ("CN=a\\\\,OU=client", "CN=a\\\\,OU=client"),
            ("O=x\\,CN=a,C=US", "O=x\\,CN=a,C=US"),
            ("", ""),
        ] {
            assert_eq!(short(subject), expected);
        }
    }
}
