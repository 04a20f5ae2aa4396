//! The known word that somebody meant who wrote an unknown one.

/// From here on a person sees a slip and no other word.
const LIKENESS_MIN: f64 = 0.7;

/// What the last part of a key must have in common too: the sections before it are alike in many keys.
const LAST_MIN: f64 = 0.5;

/// The candidate that is most like `text`, if one is like it at all.
pub(in super::super) fn nearest<T: AsRef<str>>(
    text: &str,
    candidates: impl IntoIterator<Item = T>,
) -> Option<T> {
    candidates
        .into_iter()
        .map(|known| (likeness(text, known.as_ref()), known))
        .filter(|(likeness, _)| *likeness >= LIKENESS_MIN)
        .max_by(|(a, _), (b, _)| a.total_cmp(b))
        .map(|(_, known)| known)
}

/// The key that is most like `key`; or the one that has its last part in another section, if there is one only that
/// lies no deeper than others.
pub(super) fn key(key: &str, known: &[&'static str]) -> Option<&'static str> {
    let alike = known.iter().copied().filter(|it| likeness(last(key), last(it)) >= LAST_MIN);
    nearest(key, alike).or_else(|| {
        let depth = |key: &str| key.matches('.').count();
        let named = known.iter().copied().filter(|it| last(it).eq_ignore_ascii_case(last(key)));
        let least = named.clone().map(depth).min()?;
        let mut elsewhere = named.filter(|it| depth(it) == least);
        elsewhere.next().filter(|_| elsewhere.next().is_none())
    })
}

fn likeness(a: &str, b: &str) -> f64 {
    strsim::normalized_damerau_levenshtein(&a.to_ascii_lowercase(), &b.to_ascii_lowercase())
}

fn last(key: &str) -> &str {
    key.rsplit('.').next().unwrap_or(key)
}
