//! A bar for what takes long.

use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// A bar for less than this is noise.
const QUIET: Duration = Duration::from_secs(1);

/// A bar on stderr that stays away for the first second, and wherever stderr is no terminal.
pub struct Progress {
    bar: ProgressBar,
    started: Instant,
}

impl Progress {
    /// A bar over so many of something.
    pub fn new(total: u64, of_what: &str) -> Self {
        let bar = ProgressBar::with_draw_target(Some(total), ProgressDrawTarget::hidden());
        let template = format!("{{bar:32}} {{pos}} of {{len}} {of_what}  {{eta}} left");
        if let Ok(style) = ProgressStyle::with_template(&template) {
            bar.set_style(style);
        }
        Self { bar, started: Instant::now() }
    }

    /// One more is done.
    pub fn advance(&self) {
        self.show();
        self.bar.inc(1);
    }

    /// So many are done.
    pub fn reach(&self, done: u64) {
        self.show();
        self.bar.set_position(done);
    }

    fn show(&self) {
        if self.bar.is_hidden() && self.started.elapsed() > QUIET {
            self.bar.set_draw_target(ProgressDrawTarget::stderr());
        }
    }
}

/// The bar goes away, however it ends.
impl Drop for Progress {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}
