//! Calls itself.
//!
//! Settings: `depth`, how often (without end by default); `stack`, where its frames lie: `host` (the default), which is
//! out of the module's sight and has to end for lack of fuel; or `guest`, a few bytes of its own stack, which end soon.

use std::hint::black_box;

use hostile_filters::{Fault, Faulty};
use raddle_guest::{Channel, Envelope, FromSetting, Refusal, Settings, export_filter};

struct Recurse {
    depth: u64,
    stack: Stack,
}

/// Where the frames of a recursion lie.
enum Stack {
    Host,
    Guest,
}

impl FromSetting for Stack {
    fn expected() -> String {
        "`host` or `guest`".to_owned()
    }

    fn from_setting(value: &str) -> Option<Self> {
        match value {
            "host" => Some(Self::Host),
            "guest" => Some(Self::Guest),
            _ => None,
        }
    }
}

impl Fault for Recurse {
    const SETTINGS: &'static [&'static str] = &["depth", "stack"];

    fn new(settings: &Settings, _channel: &Channel) -> Result<Self, String> {
        Ok(Self {
            depth: settings.with_default("depth", u64::MAX)?,
            stack: settings.with_default("stack", Stack::Host)?,
        })
    }

    fn strike(&self, _envelope: Option<&Envelope>) -> Result<(), Refusal> {
        match self.stack {
            Stack::Host => black_box(in_locals(self.depth)),
            Stack::Guest => black_box(in_memory(self.depth)),
        };
        Ok(())
    }
}

/// What comes back is worked on, so that no loop will do instead.
#[inline(never)]
fn in_locals(depth: u64) -> u64 {
    if depth == 0 { 1 } else { in_locals(depth - 1).rotate_left(1) ^ depth }
}

#[inline(never)]
fn in_memory(depth: u64) -> u64 {
    let frame = black_box(depth);
    if frame == 0 { 1 } else { in_memory(frame - 1).rotate_left(1) ^ frame }
}

export_filter!(Faulty<Recurse>);
