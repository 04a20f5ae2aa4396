//! What the batch policies of another language are held to: it cuts as its setting `do` says. The README tells each.

use raddle_guest::{
    BatchPolicy, Channel, Creator, EnvelopeInfo, FromSetting, Pending, Settings, export_batch_policy, log,
};

/// Where batches are cut.
#[derive(Clone, Copy)]
enum Do {
    Never,
    Each,
    Count,
    Bytes,
    Type,
    Creator,
    Organisation,
    Memory,
    Trap,
    Spin,
}

const WORDS: [(&str, Do); 10] = [
    ("never", Do::Never),
    ("each", Do::Each),
    ("count", Do::Count),
    ("bytes", Do::Bytes),
    ("type", Do::Type),
    ("creator", Do::Creator),
    ("organisation", Do::Organisation),
    ("memory", Do::Memory),
    ("trap", Do::Trap),
    ("spin", Do::Spin),
];

impl FromSetting for Do {
    fn expected() -> String {
        format!("one of {}", WORDS.map(|(word, _)| word).join(", "))
    }

    fn from_setting(value: &str) -> Option<Self> {
        WORDS.iter().find(|(word, _)| *word == value).map(|(_, it)| *it)
    }
}

struct Conformance {
    what: Do,
    number: u32,
    preferred_max_bytes: u64,
    /// Envelopes of this batch, counted here and not by the host.
    met: u32,
    /// The batch's first envelope.
    first: Option<(Option<i32>, Creator)>,
}

impl BatchPolicy for Conformance {
    fn new(settings: &Settings, channel: &Channel) -> Result<Self, String> {
        settings.only(&["do", "number"])?;
        let preferred_max_bytes = u64::from(channel.batch_size().preferred_max_bytes);
        let (what, number) = (settings.required("do")?, settings.with_default("number", 2)?);
        Ok(Self { what, number, preferred_max_bytes, met: 0, first: None })
    }

    fn fits(&mut self, envelope: &EnvelopeInfo, pending: Pending) -> bool {
        let (header_type, creator) = self.first.unwrap_or((envelope.header_type, envelope.creator));
        match self.what {
            Do::Bytes => pending.size_bytes.saturating_add(envelope.size_bytes) <= self.preferred_max_bytes,
            Do::Type => header_type == envelope.header_type,
            Do::Creator => creator == envelope.creator,
            Do::Organisation => creator.msp_id() == envelope.creator.msp_id(),
            _ => true,
        }
    }

    fn add(&mut self, envelope: &EnvelopeInfo, pending: Pending) -> bool {
        self.first.get_or_insert((envelope.header_type, envelope.creator));
        self.met = self.met.saturating_add(1);
        match self.what {
            Do::Each => true,
            Do::Count => pending.count.saturating_add(1) >= self.number,
            Do::Memory => self.met >= self.number,
            Do::Trap if self.met >= self.number => {
                log::error("told to trap");
                std::process::abort()
            }
            Do::Spin if self.met >= self.number => loop {
                std::hint::spin_loop();
            },
            _ => false,
        }
    }
}

export_batch_policy!(Conformance);

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use raddle_guest::testing::{Envelope, Host};

    use super::*;

    #[test]
    fn it_cuts_where_it_is_told() {
        let one = Envelope::of_size(900_000);
        let envelopes = [one, one.by("Org1MSP", "bob"), one.by("Org2MSP", "eve").of_type(Some(0)), one, one];
        for (what, expected) in [
            ("never", &[][..]),
            ("each", &[1, 1, 1, 1, 1]),
            ("count", &[2, 2]),
            ("bytes", &[2, 2]),
            ("type", &[2, 1]),
            ("creator", &[1, 1, 1]),
            ("organisation", &[2, 1]),
            ("memory", &[2, 2]),
        ] {
            let cuts = Host::new().with_setting("do", what).cut::<Conformance>(envelopes).unwrap();
            assert_eq!(cuts.counts(), expected, "{what}");
        }
    }
}
