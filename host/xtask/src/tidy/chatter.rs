//! What comments do not say.

use super::Complaint;
use super::house::House;

/// Marks of work to be done. A wish has no place in code; a condition has: "Until wasmtime exposes it (48.0): …".
const MARKS: &[&str] = &["TODO", "FIXME", "XXX", "HACK"];

pub fn comments_hold_no_wishes(house: &House) -> Vec<Complaint> {
    let mut complaints = Vec::new();
    for source in &house.sources {
        for comment in &source.comments {
            let mut words = comment.text.split(|letter: char| !letter.is_alphanumeric());
            if let Some(mark) = words.find(|word| MARKS.contains(word)) {
                let what = format!("{mark}: do it, or write what it waits for: `Until …: …`");
                complaints.push(House::at(&source.path, comment.line, &what));
            }
        }
    }
    complaints
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mark_is_named_in_comments_alone() {
        let text = "// TODO: later\nfn a() { b(\"TODO\"); } // FIXME(me)\n/// Todos of TODOS.\nfn c() {}\n";
        let lines: Vec<_> = comments_hold_no_wishes(&House::of(&[("a.rs", text)]));
        let expected = [(1, "TODO"), (2, "FIXME")].map(|(line, mark)| {
            format!("a.rs:{line}: {mark}: do it, or write what it waits for: `Until …: …`")
        });
        assert_eq!(lines, expected);
    }
}
