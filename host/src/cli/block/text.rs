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
        line("signed by", &identity(signature.signer.as_ref()));
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
            format!("{} ({})", printable(subject), printable(msp_id))
        }
        Some(IdentityView { msp_id, .. }) => format!("no certificate ({})", printable(msp_id)),
    }
}

fn or<'a>(text: &'a str, otherwise: &'a str) -> &'a str {
    if text.is_empty() { otherwise } else { text }
}
