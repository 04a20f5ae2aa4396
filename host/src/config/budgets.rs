//! `Budgets` of `raddle.yaml`: what each organisation may send in a second.

use std::collections::BTreeMap;
use std::time::Duration;

use super::effective::Effective;
use super::keys::Versions;
use super::layer::{Found, Layer};
use super::problem::{Origin, Problem};
use super::value::{self, Wrong};
use super::yaml::Value;
use super::{by_table, duration, report};

const ENVELOPES: &str = "EnvelopesPerSecond";
const BYTES: &str = "BytesPerSecond";
const ORGANISATIONS: &str = "Budgets.Organisations";

/// What an organisation may send to one channel in a second.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Budget {
    /// Envelopes; 0: as many as it likes.
    pub envelopes_per_second: u32,
    /// Bytes of envelopes, payload and signature with their framing; 0: as many as it likes.
    pub bytes_per_second: u32,
}

/// The budgets of all organisations. By default nobody has one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Budgets {
    /// `Budgets.EnvelopesPerSecond` and `Budgets.BytesPerSecond`, for organisations that are not named.
    pub others: Budget,
    /// `Budgets.Organisations`, by MSP id.
    pub organisations: BTreeMap<String, Budget>,
    /// `Budgets.Burst`: for how long an organisation that sends nothing saves up. Default: 2 s.
    pub burst: Duration,
}

impl Default for Budgets {
    fn default() -> Self {
        let (others, organisations) = (Budget::default(), BTreeMap::new());
        Self { others, organisations, burst: Duration::from_secs(2) }
    }
}

impl Budgets {
    pub(super) fn read(layer: &mut Layer<'_>) -> (Self, Vec<Effective>) {
        let mut amount = |key, parse: fn(&Found) -> Result<u32, Wrong>| by_table(layer, key, parse).value;
        let others = Budget {
            envelopes_per_second: amount("Budgets.EnvelopesPerSecond", count),
            bytes_per_second: amount("Budgets.BytesPerSecond", value::size),
        };
        let burst = duration(layer, "Budgets.Burst").value;
        let (organisations, effective) = organisations(layer);
        (Self { others, organisations, burst }, effective)
    }
}

fn count(found: &Found) -> Result<u32, Wrong> {
    value::number(found, u32::MAX.into()).map(|number| u32::try_from(number).unwrap_or(u32::MAX))
}

fn organisations(layer: &mut Layer<'_>) -> (BTreeMap<String, Budget>, Vec<Effective>) {
    let (mut organisations, mut effective) = (BTreeMap::new(), Vec::new());
    let Some(found) = layer.get(ORGANISATIONS) else { return (organisations, effective) };
    let (Value::Map(entries), Origin::File { path, .. }) = (found.value, &found.origin) else {
        let what = "here stands no map".to_owned();
        let remedy = format!("write `MSPID: {{{ENVELOPES}: 100, {BYTES}: 1 MB}}` below it, in the file");
        report(layer, ORGANISATIONS, &found.origin, Wrong { what, remedy });
        return (organisations, effective);
    };
    let at = |place| Origin::File { path: path.clone(), place: Some(place) };
    for entry in entries {
        let name = format!("{ORGANISATIONS}.{}", entry.key);
        let remedy = format!("write {ENVELOPES}, {BYTES}, or both, below the MSP id");
        let Value::Map(limits) = entry.node.value else {
            let (origin, what) = (at(entry.place), "here stands no map".to_owned());
            layer.problems.push(Problem { origin, key: name, what, remedy });
            continue;
        };
        let mut budget = Budget::default();
        for limit in limits {
            let (origin, key) = (at(limit.place), format!("{name}.{}", limit.key));
            let found = Found { value: limit.node.value, origin: origin.clone() };
            let read = if limit.key.eq_ignore_ascii_case(ENVELOPES) {
                count(&found).map(|amount| budget.envelopes_per_second = amount)
            } else if limit.key.eq_ignore_ascii_case(BYTES) {
                value::size(&found).map(|amount| budget.bytes_per_second = amount)
            } else {
                Err(Wrong { what: "there is no such key".to_owned(), remedy: remedy.clone() })
            };
            match read {
                Ok(()) => effective.push(Effective {
                    key,
                    value: value::text(&found).ok(),
                    origin,
                    without_effect: None,
                    versions: Versions::NONE,
                }),
                Err(Wrong { what, remedy }) => layer.problems.push(Problem { origin, key, what, remedy }),
            }
        }
        organisations.insert(entry.key, budget);
    }
    (organisations, effective)
}
