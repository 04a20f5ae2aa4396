//! Text files that say what must come of something, line by line.

use std::path::PathBuf;

/// Set, the file is written and not compared: for those who add cases.
const WRITE: &str = "RADDLE_WRITE_EXPECTED";

/// Compares what was found with a file of this repository, named from its root.
///
/// # Panics
///
/// They differ; the message has the first lines that do.
pub fn compare(path: &str, found: &str) {
    let file = root().join(path);
    if std::env::var_os(WRITE).is_some() {
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        std::fs::write(&file, found).unwrap();
    }
    let expected = std::fs::read_to_string(&file).unwrap_or_default();
    let differing: Vec<_> = lines(&expected)
        .zip(lines(found))
        .take_while(|(expected, found)| expected.is_some() || found.is_some())
        .filter(|(expected, found)| expected != found)
        .take(5)
        .collect();
    assert!(differing.is_empty(), "{path}: expected, found: {differing:#?}; {WRITE}=1 writes what is found");
}

fn lines(text: &str) -> impl Iterator<Item = Option<&str>> {
    text.lines().map(Some).chain(std::iter::repeat(None))
}

/// The repository.
pub fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..")
}
