//! Counting tests by what cargo prints of them.

use std::fmt;
use std::ops::AddAssign;

/// How many tests passed, failed and were left out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    pub passed: u64,
    pub failed: u64,
    pub skipped: u64,
}

impl Tally {
    /// What one line of `cargo test` adds: its summaries count, all other lines are nothing.
    pub fn of_line(line: &str) -> Self {
        let mut tally = Self::default();
        let Some((_, counts)) = line.strip_prefix("test result: ").and_then(|it| it.split_once(". ")) else {
            return tally;
        };
        for part in counts.split("; ") {
            let Some((number, what)) = part.split_once(' ') else { continue };
            let Ok(number) = number.parse() else { continue };
            match what {
                "passed" => tally.passed = number,
                "failed" => tally.failed = number,
                "ignored" => tally.skipped = number,
                _ => {}
            }
        }
        tally
    }

    /// A step whose output counts nothing is one test itself; one that failed has at least one failure.
    pub fn of_step(self, has_passed: bool) -> Self {
        match (self, has_passed) {
            (Self { passed: 0, failed: 0, skipped: 0 }, true) => Self { passed: 1, ..self },
            (Self { failed: 0, .. }, false) => Self { failed: 1, ..self },
            _ => self,
        }
    }
}

impl AddAssign for Tally {
    fn add_assign(&mut self, other: Self) {
        self.passed += other.passed;
        self.failed += other.failed;
        self.skipped += other.skipped;
    }
}

/// The closing line.
impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} passed, {} failed, {} skipped", self.passed, self.failed, self.skipped)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn tally(passed: u64, failed: u64, skipped: u64) -> Tally {
        Tally { passed, failed, skipped }
    }

    #[test]
    fn summaries_are_counted_and_nothing_else() {
        for (line, expected) in [
            (
                "test result: ok. 12 passed; 0 failed; 3 ignored; 0 measured; 5 filtered out; finished in 0.31s",
                tally(12, 0, 3),
            ),
            (
                "test result: FAILED. 1 passed; 2 failed; 0 ignored; 0 measured; 0 filtered out; finished in 9s",
                tally(1, 2, 0),
            ),
            ("test tidy::tests::the_repository_is_tidy ... ok", tally(0, 0, 0)),
            ("running 12 tests", tally(0, 0, 0)),
            (" test result: ok. 12 passed", tally(0, 0, 0)),
            ("test result: ok. many passed; 1 failed", tally(0, 1, 0)),
            ("test result: ok", tally(0, 0, 0)),
            ("", tally(0, 0, 0)),
        ] {
            assert_eq!(Tally::of_line(line), expected, "{line}");
        }
    }

    #[test]
    fn a_step_that_counts_nothing_is_one_test() {
        assert_eq!(tally(0, 0, 0).of_step(true), tally(1, 0, 0));
        assert_eq!(tally(0, 0, 0).of_step(false), tally(0, 1, 0));
        assert_eq!(tally(7, 0, 1).of_step(true), tally(7, 0, 1));
        assert_eq!(tally(7, 0, 0).of_step(false), tally(7, 1, 0));
        assert_eq!(tally(7, 2, 0).of_step(false), tally(7, 2, 0));
    }

    #[test]
    fn the_closing_line_is_plain() {
        let mut sum = tally(1, 2, 3);
        sum += tally(10, 20, 30);
        assert_eq!(sum.to_string(), "11 passed, 22 failed, 33 skipped");
    }
}
