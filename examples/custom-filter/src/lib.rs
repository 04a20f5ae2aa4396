//! Refuses envelopes of some types, and all envelopes of some organisations.
//!
//! Settings, each a list separated by commas, of which one must be there: `deny-types`, by Fabric's names, such as
//! `MESSAGE`; `deny-msps`, by MSP ids, such as `Org2MSP`.

use raddle_guest::{Channel, Envelope, Facts, Filter, FromSetting, Refusal, Settings, export_filter};

/// The types of envelopes that a filter can meet. Config updates are not among them: they pass Raddle's own filters and
/// no others, so that no filter can lock the admins out.
const TYPES: [(&str, i32); 5] = [
    ("MESSAGE", 0),
    ("ENDORSER_TRANSACTION", 3),
    ("DELIVER_SEEK_INFO", 5),
    ("CHAINCODE_PACKAGE", 6),
    ("PEER_ADMIN_OPERATION", 8),
];

/// A type of the channel header: its name, and its number there.
struct HeaderType(&'static str, i32);

impl FromSetting for HeaderType {
    fn expected() -> String {
        let names: Vec<_> = TYPES.iter().map(|(name, _)| *name).collect();
        format!("one of {}", names.join(", "))
    }

    fn from_setting(value: &str) -> Option<Self> {
        TYPES.iter().find(|(name, _)| *name == value).map(|(name, number)| Self(name, *number))
    }
}

struct Deny {
    types: Vec<HeaderType>,
    msps: Vec<String>,
}

impl Filter for Deny {
    fn new(settings: &Settings, _channel: &Channel) -> Result<Self, String> {
        settings.only(&["deny-types", "deny-msps"])?;
        let deny = Self {
            types: settings.optional("deny-types")?.unwrap_or_default(),
            msps: settings.optional("deny-msps")?.unwrap_or_default(),
        };
        if deny.types.is_empty() && deny.msps.is_empty() {
            return Err("neither `deny-types` nor `deny-msps` says what to refuse".to_owned());
        }
        Ok(deny)
    }

    fn check(&self, facts: &Facts, envelope: &Envelope) -> Result<(), Refusal> {
        if let Some(denied) = self.types.iter().find(|denied| denied.1 == facts.header_type) {
            return Err(Refusal::bad_request(format!(
                "this channel takes no envelopes of type {}",
                denied.0
            )));
        }
        if self.msps.is_empty() {
            return Ok(());
        }
        // Read only where somebody is denied: it costs.
        let creator = envelope.creator().map_err(Refusal::bad_request)?;
        if self.msps.contains(&creator.msp_id) {
            return Err(Refusal::forbidden(format!("{} may not write to this channel", creator.msp_id)));
        }
        Ok(())
    }
}

export_filter!(Deny);

#[cfg(test)]
mod tests;
