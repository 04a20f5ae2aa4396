//! The table at the end.

use std::fmt::Write;

use super::counts::Tally;
use super::{Done, Outcome};

/// One line a step, then what skipped steps need, then the closing line.
pub fn table(done: &[Done]) -> String {
    let mut text = String::from("\n");
    let mut sum = Tally::default();
    let width = done.iter().map(|it| it.step.name.chars().count()).max().unwrap_or(0).max("step".len());
    // Writing to a string does not fail.
    let _ = writeln!(text, "tier    {:<width$}  outcome   seconds", "step");
    for it in done {
        let tier = format!("{:?}", it.step.tier).to_lowercase();
        let seconds = format!("{:.1}", it.took.as_secs_f64());
        let (outcome, note) = match &it.outcome {
            Outcome::Passed(tally) => {
                sum += tally.of_step(true);
                ("passed", String::new())
            }
            Outcome::Failed { tally, why } => {
                sum += tally.of_step(false);
                // The whole of it stands where it happened.
                ("FAILED", format!("  {}", why.lines().next().unwrap_or_default()))
            }
            Outcome::Skipped { needs } => {
                sum.skipped += 1;
                ("skipped", format!("  needs {needs}"))
            }
            Outcome::NotRun => ("not run", String::new()),
        };
        let _ = writeln!(text, "{tier:<7} {:<width$}  {outcome:<8} {seconds:>8}{note}", it.step.name);
    }
    let _ = writeln!(text, "\n{sum}");
    text
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::test::Tier;
    use crate::test::steps::{Step, Work};

    const STEPS: [Step; 4] = [
        Step { tier: Tier::Core, name: "tidy", needs: &[], work: Work::Tidy },
        Step { tier: Tier::Core, name: "tests", needs: &[], work: Work::Tidy },
        Step { tier: Tier::Guests, name: "bytes of the components", needs: &[], work: Work::Tidy },
        Step { tier: Tier::Go, name: "what Go makes of bytes", needs: &[], work: Work::Tidy },
    ];

    #[test]
    fn every_step_has_its_line_and_the_last_line_counts_tests() {
        static TABLE: [Step; 4] = STEPS;
        let outcomes = [
            Outcome::Passed(Tally::default()),
            Outcome::Failed {
                tally: Tally { passed: 40, failed: 2, skipped: 0 },
                why: "exit status: 101".into(),
            },
            Outcome::Skipped { needs: "rustc 1.96".into() },
            Outcome::NotRun,
        ];
        let done: Vec<_> = TABLE
            .iter()
            .zip(outcomes)
            .map(|(step, outcome)| Done { step, outcome, took: Duration::from_millis(12_345) })
            .collect();
        let expected = "
tier    step                     outcome   seconds
core    tidy                     passed       12.3
core    tests                    FAILED       12.3  exit status: 101
guests  bytes of the components  skipped      12.3  needs rustc 1.96
go      what Go makes of bytes   not run      12.3

41 passed, 2 failed, 1 skipped
";
        assert_eq!(table(&done), expected);
    }
}
