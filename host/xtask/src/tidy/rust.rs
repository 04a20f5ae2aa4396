//! What holds for every Rust file.

use super::Complaint;
use super::house::House;
use super::source::Source;

/// Most lines of a file, its tests apart.
const FILE_LINES_MAX: usize = 600;
/// Most lines of a function.
const FUNCTION_LINES_MAX: usize = 70;

/// Where machine code enters the process, which the engine has no safe way for.
const UNSAFE_FILE: &str = "host/rules/src/artifact/load.rs";

/// Clippy's lints that keep the product from panicking. The workspace denies them.
const PANIC_LINTS: &str = "unwrap_used|expect_used|panic|indexing_slicing|todo|unimplemented|dbg_macro";

pub fn every_file_says_what_it_is(house: &House) -> Vec<Complaint> {
    let silent = house.sources.iter().filter(|it| !it.text.trim_start().starts_with("//!"));
    silent.map(|it| format!("{}: must begin with `//!` and a sentence", it.path)).collect()
}

pub fn files_can_be_read_in_one_go(house: &House) -> Vec<Complaint> {
    let mut complaints = Vec::new();
    for source in &house.sources {
        // A file of tests alone is measured whole.
        let lines = match source.product_lines() {
            0 => source.text.lines().count(),
            lines => lines,
        };
        if lines > FILE_LINES_MAX {
            complaints.push(format!("{}: {lines} lines, at most {FILE_LINES_MAX}", source.path));
        }
    }
    complaints
}

pub fn functions_fit_the_screen(house: &House) -> Vec<Complaint> {
    let mut complaints = Vec::new();
    for source in &house.sources {
        for function in &source.functions {
            let (first, lines) = (*function.lines.start(), function.lines.clone().count());
            if lines > FUNCTION_LINES_MAX {
                let what = format!("`{}` has {lines} lines, at most {FUNCTION_LINES_MAX}", function.name);
                complaints.push(House::at(&source.path, first, &what));
            }
        }
    }
    complaints
}

/// Clippy looks at two workspaces; this looks at every file, inside of macros too.
pub fn nothing_panics_outside_of_tests(house: &House) -> Vec<Complaint> {
    let calls: [&[&str]; 2] =
        [&[".", "unwrap|expect|unwrap_err|expect_err", "("], &["panic|todo|unimplemented|dbg", "!", "(|[|{"]];
    in_product(house, &calls, "may panic, or is for debugging")
}

/// The lints bind only as long as nobody lifts them for the product.
pub fn the_lints_on_panics_are_lifted_in_tests_alone(house: &House) -> Vec<Complaint> {
    let mut complaints = Vec::new();
    for source in &house.sources {
        for line in source.find(&["clippy", ":", ":", PANIC_LINTS]) {
            if !source.is_test(line) && !is_for_tests_alone(source, line) {
                complaints.push(House::at(&source.path, line, "lifts a lint on panics outside of tests"));
            }
        }
    }
    complaints
}

/// Whether the attribute on this line stands on something that only tests compile, which may begin a line above.
fn is_for_tests_alone(source: &Source, line: usize) -> bool {
    source.is_test(line.saturating_sub(1))
}

/// The workspace denies it, and a file could allow it.
pub fn unsafe_code_stands_in_one_file(house: &House) -> Vec<Complaint> {
    let mut complaints = Vec::new();
    let ours = |path: &str| !path.starts_with("guest-filters/") && !path.starts_with("examples/");
    for source in house.sources.iter().filter(|it| ours(&it.path) && it.path != UNSAFE_FILE) {
        for line in source.find(&["unsafe"]) {
            complaints.push(House::at(
                &source.path,
                line,
                &format!("unsafe code stands in {UNSAFE_FILE} alone"),
            ));
        }
    }
    complaints
}

pub fn no_test_is_ignored(house: &House) -> Vec<Complaint> {
    let mut complaints = Vec::new();
    for source in &house.sources {
        for line in source.find(&["#", "[", "ignore"]) {
            let what = "a test that does not run proves nothing; make it fast, or scale it by RADDLE_SOAK";
            complaints.push(House::at(&source.path, line, what));
        }
    }
    complaints
}

fn in_product(house: &House, patterns: &[&[&str]], what: &str) -> Vec<Complaint> {
    let mut complaints = Vec::new();
    for source in &house.sources {
        for line in patterns.iter().flat_map(|pattern| source.find(pattern)) {
            if !source.is_test(line) {
                complaints.push(House::at(&source.path, line, what));
            }
        }
    }
    complaints
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_without_a_first_sentence_is_named() {
        let house = House::of(&[("a.rs", "//! A.\n"), ("b.rs", "// B.\n"), ("c.rs", "fn c() {}\n")]);
        let named = every_file_says_what_it_is(&house);
        assert_eq!(named, ["b", "c"].map(|it| format!("{it}.rs: must begin with `//!` and a sentence")));
    }

    #[test]
    fn a_file_is_measured_without_its_tests_unless_it_is_one() {
        let product = "fn a() {}\n".repeat(FILE_LINES_MAX);
        let tests = format!("#[cfg(test)]\nmod tests {{\n{product}}}\n");
        let house = House::of(&[
            ("host/a.rs", &format!("{product}{tests}")),
            ("host/b.rs", &format!("{product}fn b() {{}}\n{tests}")),
            ("tests/it/c.rs", &format!("{product}fn b() {{}}\n")),
        ]);
        let expected = ["host/b.rs: 601 lines, at most 600", "tests/it/c.rs: 601 lines, at most 600"];
        assert_eq!(files_can_be_read_in_one_go(&house), expected);
    }

    #[test]
    fn a_function_is_measured_with_its_braces() {
        let body = "    f();\n".repeat(FUNCTION_LINES_MAX - 2);
        let text = format!("fn fits() {{\n{body}}}\n\nfn grows() {{\n{body}    f();\n}}\n");
        let complaints = functions_fit_the_screen(&House::of(&[("a.rs", &text)]));
        assert_eq!(complaints, ["a.rs:72: `grows` has 71 lines, at most 70"]);
    }

    #[test]
    fn the_product_does_not_panic_and_tests_may() {
        let text = "fn a() {\n    b.unwrap();\n    c.unwrap_or(1);\n    m!(d.expect(\"\"));\n    panic!(\"x\");\n\
                    \x20   dbg!(e);\n}\n#[cfg(test)]\nmod tests {\n    fn f() { g.unwrap(); }\n}\n";
        let complaints = nothing_panics_outside_of_tests(&House::of(&[("a.rs", text)]));
        let lines = [2, 4, 5, 6].map(|line| format!("a.rs:{line}: may panic, or is for debugging"));
        assert_eq!(complaints, lines);
    }

    #[test]
    fn a_lint_on_panics_is_lifted_in_tests_alone() {
        let text = "#[allow(clippy::unwrap_used)]\nfn a() {}\n#[cfg(test)]\n#[allow(clippy::panic)]\nfn b() {}\n\
                    #[cfg(test)]\nmod tests {\n    #![allow(clippy::expect_used)]\n}\n\
                    #[allow(clippy::new_ret_no_self)]\nfn c() {}\n";
        let complaints = the_lints_on_panics_are_lifted_in_tests_alone(&House::of(&[("a.rs", text)]));
        assert_eq!(complaints, ["a.rs:1: lifts a lint on panics outside of tests"]);
    }

    #[test]
    fn unsafe_code_outside_of_its_file_is_named_in_tests_too() {
        let text = "fn a() { unsafe { b() } }\n#[cfg(test)]\nmod tests {\n    unsafe fn c() {}\n}\n";
        let house = House::of(&[("host/a.rs", text), (UNSAFE_FILE, text), ("guest-filters/a.rs", text)]);
        let expected =
            [1, 4].map(|line| format!("host/a.rs:{line}: unsafe code stands in {UNSAFE_FILE} alone"));
        assert_eq!(unsafe_code_stands_in_one_file(&house), expected);
    }

    #[test]
    fn an_ignored_test_is_named_inside_macros_too() {
        // Put together here, so that a plain search for ignored tests finds none in this file.
        let text = "#[test]\n#[SKIP = \"slow\"]\nfn a() {}\nproptest! {\n\
                    #[test]\n    #[SKIP]\n    fn b() {}\n}\n"
            .replace("SKIP", "ignore");
        assert_eq!(no_test_is_ignored(&House::of(&[("a.rs", &text)])).len(), 2);
    }
}
