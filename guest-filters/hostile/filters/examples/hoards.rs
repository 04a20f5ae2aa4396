//! Grabs memory until it gets no more.
//!
//! Settings: `chunk`, what it asks for each time (64 KiB by default); `refused`, what it does when there is no more:
//! `trap` (the default), or `answer`, which accepts the envelope.

use std::hint::black_box;

use hostile_filters::{Fault, Faulty};
use raddle_guest::{ByteSize, Channel, Envelope, FromSetting, Refusal, Settings, export_filter};

struct Hoard {
    chunk_bytes: usize,
    refused: Refused,
}

/// What to do when memory is refused.
enum Refused {
    Trap,
    Answer,
}

impl FromSetting for Refused {
    fn expected() -> String {
        "`trap` or `answer`".to_owned()
    }

    fn from_setting(value: &str) -> Option<Self> {
        match value {
            "trap" => Some(Self::Trap),
            "answer" => Some(Self::Answer),
            _ => None,
        }
    }
}

impl Fault for Hoard {
    const SETTINGS: &'static [&'static str] = &["chunk", "refused"];

    fn new(settings: &Settings, _channel: &Channel) -> Result<Self, String> {
        let chunk = settings.with_default("chunk", ByteSize::kibi(64))?.bytes();
        match usize::try_from(chunk) {
            Ok(chunk_bytes) if chunk_bytes > 0 => {
                Ok(Self { chunk_bytes, refused: settings.with_default("refused", Refused::Trap)? })
            }
            _ => Err(settings.refuse("chunk", "more than nothing, and less than 4 GiB").into()),
        }
    }

    fn strike(&self, _envelope: Option<&Envelope>) -> Result<(), Refusal> {
        let mut hoard = Vec::new();
        while let Some(chunk) = grab(self.chunk_bytes).filter(|_| hoard.try_reserve(1).is_ok()) {
            hoard.push(chunk);
        }
        match self.refused {
            Refused::Trap => std::process::abort(),
            Refused::Answer => Ok(()),
        }
    }
}

/// A chunk, which the compiler must not take for unused.
fn grab(bytes: usize) -> Option<Vec<u8>> {
    let mut chunk = Vec::new();
    chunk.try_reserve_exact(bytes).ok()?;
    Some(black_box(chunk))
}

export_filter!(Faulty<Hoard>);
