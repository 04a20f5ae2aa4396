//! Texts for people, of bounded length, from names that anybody may have chosen.

use raddle_proto::common::{
    self, msp_identity_anonymity::MspIdentityAnonymityType, msp_principal::Classification,
    msp_role::MspRoleType,
};
use raddle_proto::msp;
use raddle_proto::wire::go_decode;

/// Most characters of any single text in a proof; a longer one ends in `…`.
pub const TEXT_CHARS_MAX: usize = 200;

/// Most principals of a combined one that are named.
const COMBINED_MAX: usize = 4;

/// Joins parts to a text of at most [`TEXT_CHARS_MAX`] characters on one line.
///
/// Characters that would move the cursor, colour the terminal or turn the direction of writing are written as
/// `\u{1b}`, which may take the text a few characters beyond the limit.
pub(super) fn clip<'a>(parts: impl IntoIterator<Item = &'a str>) -> String {
    let mut text = String::new();
    for (place, char) in parts.into_iter().flat_map(str::chars).enumerate() {
        if place == TEXT_CHARS_MAX {
            text.push('…');
            break;
        }
        if is_deceptive(char) {
            text.extend(char.escape_unicode());
        } else {
            text.push(char);
        }
    }
    text
}

fn is_deceptive(char: char) -> bool {
    char.is_control()
        || matches!(char, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
}

/// A principal for people, such as `Org1MSP.admin`, and the MSP that its members belong to if it names one.
pub(super) fn principal(principal: &common::MspPrincipal) -> (String, Option<String>) {
    let bytes = principal.principal.clone();
    let unreadable = || {
        let (class, length) = (principal.principal_classification, principal.principal.len());
        (format!("unreadable principal of class {class}, {length} bytes"), None)
    };
    let named = |msp_id: &str, what: &str| (clip([msp_id, ".", what]), Some(clip([msp_id])));
    match Classification::try_from(principal.principal_classification) {
        Ok(Classification::Role) => match go_decode::<common::MspRole>(bytes) {
            Ok(it) => named(&it.msp_identifier, &role(it.role)),
            Err(_) => unreadable(),
        },
        Ok(Classification::OrganizationUnit) => match go_decode::<common::OrganizationUnit>(bytes) {
            Ok(it) => named(&it.msp_identifier, &clip(["OU=", it.organizational_unit_identifier.as_str()])),
            Err(_) => unreadable(),
        },
        Ok(Classification::Identity) => match go_decode::<msp::SerializedIdentity>(bytes) {
            Ok(it) => named(&it.mspid, "one certificate"),
            Err(_) => unreadable(),
        },
        Ok(Classification::Anonymity) => match go_decode::<common::MspIdentityAnonymity>(bytes) {
            Ok(it) if it.anonymity_type == MspIdentityAnonymityType::Nominal as i32 => {
                ("anybody".into(), None)
            }
            Ok(it) if it.anonymity_type == MspIdentityAnonymityType::Anonymous as i32 => {
                ("somebody anonymous".into(), None)
            }
            _ => unreadable(),
        },
        Ok(Classification::Combined) => match go_decode::<common::CombinedPrincipal>(bytes) {
            Ok(it) => (combined(&it), None),
            Err(_) => unreadable(),
        },
        Err(_) => unreadable(),
    }
}

fn role(role: i32) -> String {
    match MspRoleType::try_from(role) {
        Ok(role) => role.as_str_name().to_lowercase(),
        Err(_) => format!("role {role}"),
    }
}

/// The principals in a combined one. What is combined in turn is only counted.
fn combined(it: &common::CombinedPrincipal) -> String {
    let mut texts = Vec::new();
    for part in it.principals.iter().take(COMBINED_MAX) {
        texts.push(match Classification::try_from(part.principal_classification) {
            Ok(Classification::Combined) => "several at once".to_owned(),
            _ => principal(part).0,
        });
    }
    match it.principals.len().saturating_sub(COMBINED_MAX) {
        0 => {}
        more => texts.push(format!("{more} more")),
    }
    clip(["all of (", &texts.join(", "), ")"])
}
