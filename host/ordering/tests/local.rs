//! The local log does what every ordered log does.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, missing_docs)]

#[macro_use]
mod conformance;

use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};

use conformance::Subject;
use raddle_core::ids::ChannelId;
use raddle_ordering::OrderedLog;
use raddle_ordering::local::{LocalLog, Settings, system_clock};
use tempfile::TempDir;

struct Local {
    log: LocalLog,
    settings: Settings,
    home: TempDir,
    channels: AtomicUsize,
}

fn path(home: &TempDir) -> PathBuf {
    home.path().join("log.redb")
}

impl Local {
    fn with(settings: Settings) -> Self {
        let home = tempfile::tempdir().unwrap();
        let log = LocalLog::create(&path(&home), &settings, system_clock()).unwrap();
        Self { log, settings, home, channels: AtomicUsize::new(0) }
    }
}

impl Subject for Local {
    fn log(&self) -> &dyn OrderedLog {
        &self.log
    }

    fn channel(&self) -> ChannelId {
        ChannelId(format!("channel{}", self.channels.fetch_add(1, Ordering::SeqCst)))
    }

    fn limited(max_record_bytes: u64) -> Self {
        Self::with(Settings { cache_bytes: 4 << 20, max_record_bytes, ..Settings::default() })
    }

    fn reopen(self, see: impl FnOnce()) -> Self {
        let Self { log, settings, home, channels } = self;
        drop(log);
        see();
        let log = LocalLog::open(&path(&home), &settings, system_clock()).unwrap();
        Self { log, settings, home, channels }
    }
}

macro_rules! tests {
    ($($name:ident)*) => {
        $(
            #[test]
            fn $name() {
                conformance::$name(Local::limited(100 << 20));
            }
        )*
    };
}

for_each_test!(tests);

/// Memory has a few records, so that readers change between it and the file.
#[test]
fn readers_that_change_between_memory_and_file_see_every_record_once_and_in_order() {
    let settings = Settings { cache_bytes: 4 << 20, tail_bytes: 20_000, ..Settings::default() };
    conformance::readers_see_every_record_once_and_in_order_from_any_place_while_others_write(Local::with(
        settings,
    ));
}
