//! Calls an import without end.
//!
//! Setting: `import`, one of `read-payload`, `header`, `creator`, `satisfies` (another policy each time),
//! `satisfies-writers` (the default), `policy-text`. They want an envelope: not with `call` = `new`, where it traps.

use std::hint::black_box;

use hostile_filters::{Fault, Faulty};
use raddle_guest::{Channel, Envelope, FromSetting, Refusal, Scope, Settings, export_filter};

/// As much of the payload as there may be.
const READ_BYTES: u32 = 128 << 20;

struct Importer {
    import: Import,
}

#[derive(Clone, Copy)]
enum Import {
    ReadPayload,
    Header,
    Creator,
    Satisfies,
    SatisfiesWriters,
    PolicyText,
}

impl FromSetting for Import {
    fn expected() -> String {
        "the name of an import, such as `creator`".to_owned()
    }

    fn from_setting(value: &str) -> Option<Self> {
        match value {
            "read-payload" => Some(Self::ReadPayload),
            "header" => Some(Self::Header),
            "creator" => Some(Self::Creator),
            "satisfies" => Some(Self::Satisfies),
            "satisfies-writers" => Some(Self::SatisfiesWriters),
            "policy-text" => Some(Self::PolicyText),
            _ => None,
        }
    }
}

impl Fault for Importer {
    const SETTINGS: &'static [&'static str] = &["import"];

    fn new(settings: &Settings, _channel: &Channel) -> Result<Self, String> {
        Ok(Self { import: settings.with_default("import", Import::SatisfiesWriters)? })
    }

    fn strike(&self, envelope: Option<&Envelope>) -> Result<(), Refusal> {
        let Some(envelope) = envelope else { std::process::abort() };
        for n in 0_u64.. {
            match self.import {
                Import::ReadPayload => drop(black_box(envelope.read_payload(0, READ_BYTES))),
                Import::Header => drop(black_box(envelope.header())),
                Import::Creator => drop(black_box(envelope.creator())),
                Import::Satisfies => drop(black_box(envelope.satisfies(&format!("/Channel/{n}")))),
                Import::SatisfiesWriters => drop(black_box(envelope.satisfies_writers(Scope::Channel))),
                Import::PolicyText => drop(black_box(envelope.policy_text())),
            }
        }
        Ok(())
    }
}

export_filter!(Faulty<Importer>);
