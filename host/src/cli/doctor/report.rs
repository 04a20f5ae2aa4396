//! What `raddle doctor kafka` prints.

use std::fmt::Write as _;

use comfy_table::{ContentArrangement, Table, presets};
use serde::Serialize;

use crate::cli::Failure;
use crate::cli::output::{Output, count, print, print_json, printable};
use crate::doctor::{Finding, TRUST, Verdict};

/// Columns of a table that is not printed to a terminal.
const WIDTH: u16 = 100;

/// In fewer columns no table can be read.
const WIDTH_MIN: u16 = 60;

/// What was found out about the clusters.
pub struct Report {
    /// One for each list of brokers.
    pub outcomes: Vec<Outcome>,
    /// What should be known beside.
    pub notes: Vec<String>,
}

/// What was found out about one cluster.
pub struct Outcome {
    /// The brokers that were asked.
    pub asked: Vec<String>,
    /// The channels whose topics were looked at.
    pub channels: Vec<String>,
    /// The cluster's id.
    pub cluster: Option<String>,
    /// What was looked at.
    pub findings: Vec<Finding>,
    /// Why nothing was: whether because nobody answers, and a sentence.
    pub failure: Option<(bool, String)>,
}

#[derive(Serialize)]
struct Json<'a> {
    clusters: Vec<JsonCluster<'a>>,
    notes: &'a [String],
    wrong: u64,
    unseen: u64,
    warnings: u64,
    trust: &'static str,
}

#[derive(Serialize)]
struct JsonCluster<'a> {
    brokers: &'a [String],
    channels: &'a [String],
    cluster_id: Option<&'a str>,
    failure: Option<&'a str>,
    findings: &'a [Finding],
}

impl Outcome {
    /// Whether nobody answers.
    pub fn is_unreachable(&self) -> bool {
        self.failure.as_ref().is_some_and(|(is_unreachable, _)| *is_unreachable)
    }

    /// Why nothing was looked at.
    pub fn failure_line(&self) -> Option<String> {
        self.failure.as_ref().map(|(_, sentence)| printable(sentence))
    }

    fn heading(&self) -> String {
        let id = self.cluster.as_deref().map_or_else(String::new, |id| format!(" {id}"));
        let channels = match self.channels.as_slice() {
            [] => "no channel yet".to_owned(),
            several => several.join(", "),
        };
        printable(&format!("Kafka cluster{id} at {}, which orders {channels}", self.asked.join(", ")))
    }

    fn text(&self) -> String {
        let mut text = self.heading() + "\n";
        if let Some(line) = self.failure_line() {
            let _ = writeln!(text, "  {:<8} {line}", Verdict::Wrong.word());
        }
        text.push_str(&table(&self.findings));
        for it in self.findings.iter().filter(|it| it.verdict != Verdict::Ok) {
            text.push_str(&explained(it));
        }
        text
    }
}

/// Findings, a row each, as wide as the terminal.
pub fn table(findings: &[Finding]) -> String {
    let mut table = Table::new();
    table.load_preset(presets::NOTHING).set_header(["", "of", "what", "found", "wanted"]);
    let width = table.width().filter(|width| *width > 0).map_or(WIDTH, |width| width.max(WIDTH_MIN));
    // A space stands before each line.
    table.set_content_arrangement(ContentArrangement::Dynamic).set_width(width - 1);
    for it in findings {
        let Finding { subject, what, found, wanted, .. } = it;
        let foreign = [subject, what, found, wanted].map(|it| printable(it));
        let [subject, what, found, wanted] = foreign;
        table.add_row([it.verdict.word().to_owned(), subject, what, found, wanted]);
    }
    let lines = table.lines().take(if findings.is_empty() { 0 } else { usize::MAX });
    lines.map(|line| format!(" {}\n", line.trim_end())).collect()
}

/// A finding with its reason and its remedy. Commands stand on lines of their own, to be copied.
pub fn explained(it: &Finding) -> String {
    let Finding { verdict, subject, what, found, wanted, why, remedy } = it;
    let head = printable(&format!("{}, {what}: {found}; wanted: {wanted}", subject));
    let mut text = format!("\n{}  {head}\n  why    {}\n", verdict.word(), printable(why));
    for line in remedy {
        let _ = writeln!(text, "  do     {}", printable(line));
    }
    text
}

impl Report {
    /// How many findings are so.
    pub fn count(&self, verdict: Verdict) -> u64 {
        let all = self.outcomes.iter().flat_map(|it| &it.findings);
        u64::try_from(all.filter(|it| it.verdict == verdict).count()).unwrap_or(u64::MAX)
    }

    /// Prints everything.
    ///
    /// # Errors
    ///
    /// Stdout cannot be written to.
    pub fn print(&self, output: Output) -> Result<(), Failure> {
        match output {
            Output::Json => print_json(&self.json()),
            Output::Text => print(&self.text()),
        }
    }

    fn json(&self) -> Json<'_> {
        let clusters = self.outcomes.iter().map(|it| JsonCluster {
            brokers: &it.asked,
            channels: &it.channels,
            cluster_id: it.cluster.as_deref(),
            failure: it.failure.as_ref().map(|(_, sentence)| sentence.as_str()),
            findings: &it.findings,
        });
        Json {
            clusters: clusters.collect(),
            notes: &self.notes,
            wrong: self.count(Verdict::Wrong),
            unseen: self.count(Verdict::Unseen),
            warnings: self.count(Verdict::Warning),
            trust: TRUST,
        }
    }

    fn text(&self) -> String {
        let mut text = String::new();
        for outcome in &self.outcomes {
            text.push_str(&outcome.text());
            text.push('\n');
        }
        for note in &self.notes {
            let _ = writeln!(text, "note   {}", printable(note));
        }
        let _ = writeln!(text, "trust  {TRUST}");
        let _ = writeln!(
            text,
            "found  {} ok, {}, {} unseen, {} wrong",
            self.count(Verdict::Ok),
            count(self.count(Verdict::Warning), "warning", "warnings"),
            self.count(Verdict::Unseen),
            self.count(Verdict::Wrong),
        );
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_of_long_findings_fits_the_page_and_lacks_no_word() {
        let finding = |what: &str, found: &str| Finding {
            verdict: Verdict::Warning,
            subject: "tls".into(),
            what: what.into(),
            found: found.into(),
            wanted: "at least 60 days to go, so that whoever issues certificates can be asked in time".into(),
            why: String::new(),
            remedy: Vec::new(),
        };
        let long = "CN=orderer.example.com, with its key, in tls/server.crt, until 2027-01-31 in 62 days";
        let findings = [finding("time of General.TLS.Certificate", long), finding("x", "short")];
        let table = table(&findings);
        for line in table.lines() {
            assert!(line.chars().count() <= usize::from(WIDTH), "{table}");
        }
        for word in
            findings.iter().flat_map(|it| [&it.what, &it.found, &it.wanted]).flat_map(|it| it.split(' '))
        {
            assert!(table.split_whitespace().any(|it| it == word), "{word}: {table}");
        }
        assert!(table.lines().count() > 1 + findings.len(), "{table}");
        assert_eq!(super::table(&[]), "");
    }
}
