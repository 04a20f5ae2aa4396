//! `cargo xtask tidy`: the rules of the house that a program can decide.
//!
//! A rule is a function from the [`House`] to complaints, and its name reads as what it asks for. Rules that clippy has
//! are clippy's; here is what clippy cannot know.

mod chatter;
mod crates;
mod documents;
mod house;
mod layout;
mod purity;
mod rust;
mod source;
mod text;
mod words;

use std::path::Path;

use crate::test::Tally;
use house::House;

/// A breach of a rule: where, and what.
type Complaint = String;

/// A rule looks at the house and lists every breach.
type Check = fn(&House) -> Vec<Complaint>;

/// A rule's name, as a sentence, and what decides it.
struct Rule {
    name: &'static str,
    check: Check,
}

/// Names a function as a rule.
macro_rules! rules {
    ($($module:ident :: $name:ident),+ $(,)?) => {
        &[$(Rule { name: stringify!($name), check: $module::$name }),+]
    };
}

/// All rules, in the order in which they are looked at.
const RULES: &[Rule] = rules![
    layout::the_top_level_holds_what_was_agreed,
    layout::every_rust_file_belongs_to_a_crate,
    text::lines_fit_the_page,
    text::lines_end_at_their_last_letter,
    text::paths_stay_inside_the_repository,
    text::no_path_of_a_machine_is_named,
    rust::every_file_says_what_it_is,
    rust::files_can_be_read_in_one_go,
    rust::functions_fit_the_screen,
    rust::nothing_panics_outside_of_tests,
    rust::the_lints_on_panics_are_lifted_in_tests_alone,
    rust::unsafe_code_stands_in_one_file,
    rust::no_test_is_ignored,
    purity::pure_crates_ask_no_clock_and_touch_nothing,
    purity::core_has_one_order,
    words::each_thing_has_one_word,
    chatter::comments_hold_no_wishes,
    crates::dependencies_point_one_way,
    crates::pure_crates_know_no_engine,
    crates::every_engine_has_one_master,
    crates::every_crate_inherits_the_lints,
    crates::run_and_tests_share_one_build,
    documents::what_the_threat_model_names_is_there,
    documents::every_threat_has_a_test,
    documents::every_link_leads_to_what_is_there,
];

/// Looks at every rule and prints each breach.
///
/// # Errors
///
/// The repository cannot be read, a Rust file does not parse, or cargo fails.
pub fn run(root: &Path) -> anyhow::Result<Tally> {
    let house = House::read(root)?;
    let mut tally = Tally::default();
    for rule in RULES {
        let complaints = (rule.check)(&house);
        if complaints.is_empty() {
            tally.passed += 1;
        } else {
            tally.failed += 1;
            println!("{}", sentence(rule.name));
        }
        for complaint in complaints {
            println!("    {complaint}");
        }
    }
    println!("tidy: {} of {} rules hold", tally.passed, RULES.len());
    Ok(tally)
}

/// A rule's name as people write.
fn sentence(name: &str) -> String {
    name.replace('_', " ")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn the_repository_is_tidy() {
        let house = House::read(&crate::repository::root().unwrap()).unwrap();
        let mut breaches = Vec::new();
        for rule in RULES {
            breaches.extend((rule.check)(&house).into_iter().map(|it| format!("{}: {it}", rule.name)));
        }
        assert!(breaches.is_empty(), "\n{}", breaches.join("\n"));
    }

    #[test]
    fn a_rules_name_reads_as_a_sentence() {
        for rule in RULES {
            assert!(sentence(rule.name).split(' ').count() >= 4, "{}", rule.name);
        }
    }
}
