//! One word for each thing.
//!
//! Fabric and its users have several words for many things, and one word for several. These are the ones of which a
//! program can tell that they are wrong: in comments and in names of Rust, and anywhere in prose and contracts.

use super::Complaint;
use super::house::House;

/// What is not said, with what is said instead. Lower case; a space stands for any break between words.
const WORDS: &[(&str, &str)] = &[
    ("plugin", "module"),
    ("plugins", "modules"),
    ("smart contract", "chaincode"),
    ("filter chain", "admission, or filters"),
    ("certificate chain", "cert path"),
    ("cert chain", "cert path"),
    ("pending block", "batch"),
    ("rejection", "refusal"),
    ("rejections", "refusals"),
    ("blacklist", "denied"),
    ("whitelist", "allowed"),
];

pub fn each_thing_has_one_word(house: &House) -> Vec<Complaint> {
    let mut complaints = Vec::new();
    for source in &house.sources {
        let comments = source.comments.iter().map(|it| (it.line, it.text.as_str()));
        let names = source.tokens.iter().filter(|it| it.is_ident).map(|it| (it.line, it.text.as_str()));
        complaints.extend(breaches(&source.path, comments.chain(names)));
    }
    let prose =
        house.texts.iter().filter(|it| [".md", ".wit", ".proto"].iter().any(|end| it.path.ends_with(end)));
    for text in prose {
        complaints.extend(breaches(&text.path, (1..).zip(text.text.lines())));
    }
    complaints
}

fn breaches<'a>(path: &str, lines: impl Iterator<Item = (usize, &'a str)>) -> Vec<Complaint> {
    let mut found = Vec::new();
    for (line, text) in lines {
        let spoken = format!(" {} ", parts(text));
        for (word, instead) in WORDS.iter().filter(|(word, _)| spoken.contains(&format!(" {word} "))) {
            found.push(House::at(path, line, &format!("\"{word}\" is called {instead}")));
        }
    }
    found
}

/// Words in lower case with one space between them; `snake_case` and `CamelCase` are taken apart.
fn parts(text: &str) -> String {
    let mut parts = String::new();
    let mut was_lower = false;
    for letter in text.chars() {
        let is_word = letter.is_alphanumeric();
        if (!is_word || (was_lower && letter.is_uppercase())) && !parts.ends_with(' ') {
            parts.push(' ');
        }
        if is_word {
            parts.extend(letter.to_lowercase());
        }
        was_lower = letter.is_lowercase();
    }
    parts.trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_taken_apart_into_words() {
        for (name, words) in [
            ("plugin_name", "plugin name"),
            ("PluginName", "plugin name"),
            ("loadPlugins", "load plugins"),
            ("a certificate  chain, then", "a certificate chain then"),
            ("KAFKA", "kafka"),
        ] {
            assert_eq!(parts(name), words, "{name}");
        }
    }

    #[test]
    fn a_wrong_word_is_named_with_the_right_one() {
        let text = "// The filter-chain.\nfn load_plugin() { say(\"plugin\"); }\n";
        let house =
            House::of(&[("a.rs", text), ("b.md", "Our plugin.\nReplugin.\n"), ("c.toml", "plugin = 1\n")]);
        let expected = [
            "a.rs:1: \"filter chain\" is called admission, or filters",
            "a.rs:2: \"plugin\" is called module",
            "b.md:1: \"plugin\" is called module",
        ];
        assert_eq!(each_thing_has_one_word(&house), expected);
    }
}
