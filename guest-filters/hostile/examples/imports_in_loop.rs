//! Calls an import without end.
//!
//! Setting: `import`, one of `channel-name`, `batch-size` (the default), `has-orderer-capability`, `settings-keys`,
//! `settings-get`, `log`, `creator-msp-id`, `creator-identity`. The last two want an envelope: not with `call` = `new`.

use std::hint::black_box;

use hostile::{Call, Fault, Faulty};
use raddle_guest::{Channel, Creator, FromSetting, Settings, export_batch_policy, log};

/// As long a line as is kept of one call.
const LINE_BYTES: usize = 4096;

struct Importer {
    import: Import,
    channel: Channel,
    settings: Settings,
}

#[derive(Clone, Copy)]
enum Import {
    ChannelName,
    BatchSize,
    HasOrdererCapability,
    SettingsKeys,
    SettingsGet,
    Log,
    CreatorMspId,
    CreatorIdentity,
}

impl FromSetting for Import {
    fn expected() -> String {
        "the name of an import, such as `batch-size`".to_owned()
    }

    fn from_setting(value: &str) -> Option<Self> {
        match value {
            "channel-name" => Some(Self::ChannelName),
            "batch-size" => Some(Self::BatchSize),
            "has-orderer-capability" => Some(Self::HasOrdererCapability),
            "settings-keys" => Some(Self::SettingsKeys),
            "settings-get" => Some(Self::SettingsGet),
            "log" => Some(Self::Log),
            "creator-msp-id" => Some(Self::CreatorMspId),
            "creator-identity" => Some(Self::CreatorIdentity),
            _ => None,
        }
    }
}

impl Fault for Importer {
    const SETTINGS: &'static [&'static str] = &["import"];

    fn new(settings: &Settings, channel: &Channel) -> Result<Self, String> {
        let import = settings.with_default("import", Import::BatchSize)?;
        let wants_envelope = matches!(import, Import::CreatorMspId | Import::CreatorIdentity);
        if wants_envelope && settings.optional("call")? == Some(Call::New) {
            return Err(settings.refuse("import", "one that needs no envelope, with `call` = `new`").into());
        }
        Ok(Self { import, channel: channel.clone(), settings: settings.clone() })
    }

    fn strike(&mut self, creator: Option<Creator>) -> bool {
        let line = "x".repeat(LINE_BYTES);
        loop {
            match self.import {
                Import::ChannelName => drop(black_box(self.channel.name())),
                Import::BatchSize => drop(black_box(self.channel.batch_size())),
                Import::HasOrdererCapability => {
                    black_box(self.channel.has_orderer_capability("V2_0"));
                }
                Import::SettingsKeys => drop(black_box(self.settings.keys())),
                Import::SettingsGet => drop(black_box(self.settings.get("import"))),
                Import::Log => log::info(&line),
                Import::CreatorMspId => drop(black_box(creator.and_then(Creator::msp_id))),
                Import::CreatorIdentity => drop(black_box(creator.map(Creator::identity))),
            }
        }
    }
}

export_batch_policy!(Faulty<Importer>);
