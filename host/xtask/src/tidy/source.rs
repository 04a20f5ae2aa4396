//! One Rust file, read once for all rules: its tokens, its comments, and which of its lines are test code.

use std::ops::RangeInclusive;

use anyhow::Context;
use proc_macro2::{Delimiter, Ident, Span, TokenStream, TokenTree};
use syn::spanned::Spanned;
use syn::visit::{self, Visit};

/// A parsed Rust file.
pub struct Source {
    /// From the repository's root, with `/` between folders.
    pub path: String,
    pub text: String,
    pub functions: Vec<Function>,
    /// `mod name;`, with the path of its attribute if it has one.
    pub modules: Vec<Module>,
    /// What `use` brings in, each with its whole path.
    pub imports: Vec<Import>,
    pub comments: Vec<Comment>,
    pub tokens: Vec<Token>,
    /// Lines of items that only tests compile. All lines when the file is part of a test.
    tests: Vec<RangeInclusive<usize>>,
}

/// A function with a body.
pub struct Function {
    pub name: String,
    /// From the line of `fn` to the closing brace, counted from 1.
    pub lines: RangeInclusive<usize>,
}

/// A module that is declared and stands in a file of its own.
pub struct Module {
    pub name: String,
    /// What `#[path = "…"]` says.
    pub path: Option<String>,
}

/// A name that `use` brings in.
pub struct Import {
    pub line: usize,
    /// Names with `::` between them; `*` for all.
    pub path: String,
}

/// Text after `//`, documentation included.
pub struct Comment {
    pub line: usize,
    pub text: String,
}

/// A leaf of the token tree, or an edge of a group.
pub struct Token {
    pub line: usize,
    pub text: String,
    pub is_ident: bool,
}

impl Source {
    /// Parses a file.
    pub fn parse(path: &str, text: String) -> anyhow::Result<Self> {
        let file = syn::parse_file(&text).with_context(|| path.to_owned())?;
        let stream: TokenStream = text.parse().map_err(|error| anyhow::anyhow!("{path}: {error}"))?;
        let mut items = Items::default();
        items.visit_file(&file);
        if is_test_file(path) {
            items.tests = vec![1..=usize::MAX];
        }
        let mut leaves = Leaves { text: text.lines().collect(), tokens: Vec::new(), literals: Vec::new() };
        leaves.flatten(stream);
        let comments = comments(&leaves);
        let tokens = leaves.tokens;
        let Items { functions, modules, imports, tests } = items;
        Ok(Self { path: path.to_owned(), text, functions, modules, imports, comments, tokens, tests })
    }

    /// Whether only tests compile this line.
    pub fn is_test(&self, line: usize) -> bool {
        self.tests.iter().any(|lines| lines.contains(&line))
    }

    /// Lines that are no test code.
    pub fn product_lines(&self) -> usize {
        (1..=self.text.lines().count()).filter(|line| !self.is_test(*line)).count()
    }

    /// Where these tokens follow one another, as lines. `|` separates what may stand at one place.
    pub fn find(&self, pattern: &[&str]) -> Vec<usize> {
        let fits = |(token, wanted): (&Token, &&str)| wanted.split('|').any(|it| it == token.text);
        let windows = self.tokens.windows(pattern.len());
        windows
            .filter(|window| window.iter().zip(pattern).all(fits))
            .filter_map(|window| Some(window.first()?.line))
            .collect()
    }
}

/// Files in a folder `tests`, files named so, and the guests that exist for tests.
fn is_test_file(path: &str) -> bool {
    path.starts_with("guest-filters/hostile/")
        || path.split('/').any(|part| part == "tests" || part == "tests.rs")
}

/// Collects what rules ask of a syntax tree.
#[derive(Default)]
struct Items {
    functions: Vec<Function>,
    modules: Vec<Module>,
    imports: Vec<Import>,
    tests: Vec<RangeInclusive<usize>>,
}

impl Items {
    fn function(&mut self, name: &Ident, body: &syn::Block) {
        let lines = name.span().start().line..=body.brace_token.span.close().end().line;
        self.functions.push(Function { name: name.to_string(), lines });
    }

    fn import(&mut self, tree: &syn::UseTree, above: &str) {
        match tree {
            syn::UseTree::Path(path) => self.import(&path.tree, &format!("{above}{}::", path.ident)),
            syn::UseTree::Group(group) => group.items.iter().for_each(|tree| self.import(tree, above)),
            syn::UseTree::Name(syn::UseName { ident, .. })
            | syn::UseTree::Rename(syn::UseRename { ident, .. }) => {
                let line = ident.span().start().line;
                self.imports.push(Import { line, path: format!("{above}{ident}") });
            }
            syn::UseTree::Glob(glob) => {
                let line = glob.star_token.span().start().line;
                self.imports.push(Import { line, path: format!("{above}*") });
            }
        }
    }

    fn note_tests(&mut self, attributes: &[syn::Attribute], span: Span) {
        if attributes.iter().any(is_for_tests) {
            self.tests.push(span.start().line..=span.end().line);
        }
    }
}

/// `#[test]` and `#[cfg(test)]`.
fn is_for_tests(attribute: &syn::Attribute) -> bool {
    match &attribute.meta {
        syn::Meta::Path(path) => path.is_ident("test"),
        syn::Meta::List(list) => list.path.is_ident("cfg") && list.tokens.to_string() == "test",
        syn::Meta::NameValue(_) => false,
    }
}

impl<'ast> Visit<'ast> for Items {
    fn visit_item_fn(&mut self, item: &'ast syn::ItemFn) {
        self.note_tests(&item.attrs, item.span());
        self.function(&item.sig.ident, &item.block);
        visit::visit_item_fn(self, item);
    }

    fn visit_impl_item_fn(&mut self, item: &'ast syn::ImplItemFn) {
        self.note_tests(&item.attrs, item.span());
        self.function(&item.sig.ident, &item.block);
        visit::visit_impl_item_fn(self, item);
    }

    fn visit_trait_item_fn(&mut self, item: &'ast syn::TraitItemFn) {
        if let Some(body) = &item.default {
            self.function(&item.sig.ident, body);
        }
        visit::visit_trait_item_fn(self, item);
    }

    fn visit_item_impl(&mut self, item: &'ast syn::ItemImpl) {
        self.note_tests(&item.attrs, item.span());
        visit::visit_item_impl(self, item);
    }

    fn visit_item_use(&mut self, item: &'ast syn::ItemUse) {
        self.note_tests(&item.attrs, item.span());
        self.import(&item.tree, "");
    }

    fn visit_item_mod(&mut self, item: &'ast syn::ItemMod) {
        self.note_tests(&item.attrs, item.span());
        if item.content.is_none() {
            let path = item.attrs.iter().find_map(path_attribute);
            self.modules.push(Module { name: item.ident.to_string(), path });
        }
        visit::visit_item_mod(self, item);
    }
}

fn path_attribute(attribute: &syn::Attribute) -> Option<String> {
    let syn::Meta::NameValue(pair) = &attribute.meta else { return None };
    let syn::Expr::Lit(syn::ExprLit { lit: syn::Lit::Str(value), .. }) = &pair.value else { return None };
    pair.path.is_ident("path").then(|| value.value())
}

/// Collects the tokens, and where literals stand, in which `//` begins no comment.
struct Leaves<'a> {
    text: Vec<&'a str>,
    tokens: Vec<Token>,
    /// First and last place; a place is a line, counted from 1, and a column in characters, counted from 0.
    literals: Vec<[(usize, usize); 2]>,
}

impl Leaves<'_> {
    fn flatten(&mut self, stream: TokenStream) {
        for tree in stream {
            let span = tree.span();
            match tree {
                TokenTree::Group(group) => {
                    let (open, close) = edges(group.delimiter());
                    self.push(group.span_open(), open, false);
                    self.flatten(group.stream());
                    self.push(group.span_close(), close, false);
                }
                TokenTree::Ident(ident) => self.push(span, &ident.to_string(), true),
                TokenTree::Punct(punct) => self.push(span, &punct.as_char().to_string(), false),
                TokenTree::Literal(literal) => {
                    if !self.is_documentation(span) {
                        let (start, end) = (span.start(), span.end());
                        self.literals.push([(start.line, start.column), (end.line, end.column)]);
                        self.push(span, &literal.to_string(), false);
                    }
                }
            }
        }
    }

    fn push(&mut self, span: Span, text: &str, is_ident: bool) {
        self.tokens.push(Token { line: span.start().line, text: text.to_owned(), is_ident });
    }

    /// Whether these tokens are what became of a `///`.
    fn is_documentation(&self, span: Span) -> bool {
        let start = span.start();
        let line = start.line.checked_sub(1).and_then(|index| self.text.get(index));
        line.is_some_and(|line| line.chars().skip(start.column).take(2).eq("//".chars()))
    }

    fn is_in_literal(&self, place: (usize, usize)) -> bool {
        self.literals.iter().any(|[start, end]| *start <= place && place < *end)
    }
}

const fn edges(delimiter: Delimiter) -> (&'static str, &'static str) {
    match delimiter {
        Delimiter::Parenthesis => ("(", ")"),
        Delimiter::Brace => ("{", "}"),
        Delimiter::Bracket => ("[", "]"),
        Delimiter::None => ("", ""),
    }
}

fn comments(leaves: &Leaves) -> Vec<Comment> {
    let mut comments = Vec::new();
    for (line, text) in (1..).zip(&leaves.text) {
        let mut splits = text.match_indices("//").map(|(at, _)| text.split_at(at));
        let comment = splits.find(|(code, _)| !leaves.is_in_literal((line, code.chars().count())));
        if let Some((_, comment)) = comment {
            comments.push(Comment { line, text: comment.trim_start_matches(['/', '!']).trim().to_owned() });
        }
    }
    comments
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn parse(text: &str) -> Source {
        Source::parse("host/core/src/one.rs", text.to_owned()).unwrap()
    }

    #[test]
    fn comments_are_told_from_strings_and_include_documentation() {
        let text = "//! One\n/// Two\nfn f() { g(\"http://x\"); } // Three\n\
                    const T: &str = \"\n// no\";\n// Four: é // five\n";
        let source = parse(text);
        let found: Vec<_> = source.comments.iter().map(|it| (it.line, it.text.as_str())).collect();
        assert_eq!(found, [(1, "One"), (2, "Two"), (3, "Three"), (6, "Four: é // five")]);
    }

    #[test]
    fn items_for_tests_are_told_from_the_product() {
        let source = parse(
            "fn a() {}\n#[test]\nfn b() {\n}\n#[cfg(test)]\nmod tests {\n    fn c() {}\n}\nfn d() {}\n",
        );
        let tests: Vec<_> = (1..=9).filter(|line| source.is_test(*line)).collect();
        assert_eq!(tests, [2, 3, 4, 5, 6, 7, 8]);
        assert_eq!(source.product_lines(), 2);
        let whole = Source::parse("host/core/src/chain/tests/mod.rs", "fn a() {}\n".into()).unwrap();
        assert_eq!(whole.product_lines(), 0);
    }

    #[test]
    fn functions_are_measured_wherever_they_stand() {
        let text = "fn a() {\n    fn b() {}\n}\nimpl A {\n    #[inline]\n    fn c(\n    ) {\n    }\n}\n\
                    trait T {\n    fn d();\n    fn e() {}\n}";
        let source = parse(text);
        let found: Vec<_> = source.functions.iter().map(|it| (it.name.as_str(), it.lines.clone())).collect();
        assert_eq!(found, [("a", 1..=3), ("b", 2..=2), ("c", 6..=8), ("e", 12..=12)]);
    }

    #[test]
    fn modules_in_files_of_their_own_are_listed_with_their_path() {
        let source = parse("mod a;\nmod b { mod c; }\n#[path = \"d/e.rs\"]\nmod d;\n");
        let found: Vec<_> = source.modules.iter().map(|it| (it.name.as_str(), it.path.as_deref())).collect();
        assert_eq!(found, [("a", None), ("c", None), ("d", Some("d/e.rs"))]);
    }

    #[test]
    fn imports_have_their_whole_path() {
        let source =
            parse("use std::{\n    fmt,\n    collections::{BTreeMap as Map, *},\n};\nuse super::a;\n");
        let found: Vec<_> = source.imports.iter().map(|it| (it.line, it.path.as_str())).collect();
        let expected =
            [(2, "std::fmt"), (3, "std::collections::BTreeMap"), (3, "std::collections::*"), (5, "super::a")];
        assert_eq!(found, expected);
    }

    #[test]
    fn tokens_are_found_inside_macros_but_not_inside_strings() {
        let source =
            parse("fn a() {\n    m!(x.unwrap(), \".unwrap()\");\n    Some(1).unwrap();\n}\n// .unwrap()");
        assert_eq!(source.find(&[".", "unwrap|expect", "("]), [2, 3]);
    }

    #[test]
    fn what_is_no_rust_is_an_error_with_its_path() {
        let error = Source::parse("a/b.rs", "fn {".into()).err().unwrap();
        assert!(format!("{error:#}").starts_with("a/b.rs: "), "{error:#}");
    }
}
