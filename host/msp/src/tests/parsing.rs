//! What Go's parsers say of thousands of mutated certificates and PEM texts.

use std::fmt;

use serde::Deserialize;

use super::fabric::{Bytes, Differences, golden};
use crate::crl::RevocationList;
use crate::pem;
use crate::x509::Certificate;

#[derive(Deserialize)]
struct Parsing {
    bases: Vec<Bytes>,
    /// All answers, each once; empty is no error.
    said: Vec<String>,
    mutations: Vec<Mutation>,
}

/// At `offset` of a certificate, so many bytes are replaced.
#[derive(Deserialize)]
struct Mutation {
    base: usize,
    offset: usize,
    remove: usize,
    /// Hexadecimal.
    insert: String,
    said: usize,
}

#[derive(Deserialize)]
struct PemText {
    text: Bytes,
    /// The first eight bytes of SHA-256 over label, newline and content; empty if there is no block.
    sum: String,
}

impl Mutation {
    fn apply(&self, bases: &[Bytes]) -> Vec<u8> {
        let mut der = bases[self.base].0.to_vec();
        der.splice(self.offset..self.offset + self.remove, unhex(&self.insert));
        der
    }
}

impl fmt::Display for Mutation {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { base, offset, remove, insert, .. } = self;
        write!(formatter, "base {base}, offset {offset}, {remove} bytes become {insert:?}")
    }
}

fn unhex(text: &str) -> Vec<u8> {
    (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap()).collect()
}

#[test]
fn certificates_are_read_as_go_reads_them() {
    let all: Parsing = golden("parse.json.gz");
    assert!(all.mutations.len() > 5_000, "{}", all.mutations.len());
    let mut differences = Differences::default();
    for mutation in &all.mutations {
        let ours = Certificate::parse(mutation.apply(&all.bases).into()).map(|_| ());
        let ours = ours.err().map(|error| error.to_string()).unwrap_or_default();
        differences.compare(|| mutation.to_string(), &all.said[mutation.said], &ours);
    }
    differences.check();
}

#[test]
fn revocation_lists_are_taken_that_fabric_takes() {
    let all: Parsing = golden("lists.json.gz");
    assert!(all.mutations.len() > 2_000, "{}", all.mutations.len());
    let mut differences = Differences::default();
    for mutation in &all.mutations {
        let ours = if RevocationList::read(&mutation.apply(&all.bases)).is_ok() { "" } else { "refused" };
        differences.compare(|| mutation.to_string(), &all.said[mutation.said], ours);
    }
    differences.check();
}

#[test]
fn pem_is_read_as_go_reads_it() {
    let all: Vec<PemText> = golden("pem.json.gz");
    assert!(all.iter().filter(|case| !case.sum.is_empty()).count() > 100);
    let mut differences = Differences::default();
    for case in &all {
        let ours = pem::first_block(&case.text.0).map(|block| {
            let text = [block.label.as_slice(), b"\n", &block.bytes].concat();
            raddle_proto::hash::hex(
                &aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, &text).as_ref()[..8],
            )
        });
        differences.compare(|| format!("{:?}", case.text.0), &case.sum, &ours.unwrap_or_default());
    }
    differences.check();
}
