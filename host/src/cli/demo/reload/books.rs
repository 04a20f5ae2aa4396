//! Whether all went as it should: what may be answered under which config, and what may stand in a block.
//!
//! The filter's rule stands here once more, natively, so that the module is checked by something else than itself.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::RangeInclusive;

use bytes::Bytes;
use raddle_proto::common::HeaderType;

use crate::admin::modules::Setting;

/// What an envelope is to the filter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Kind {
    /// The type in its channel header.
    pub header_type: HeaderType,
    /// Who wrote it.
    pub msp_id: &'static str,
}

/// What the filter refuses at one config sequence; nothing where it is not installed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Denials {
    types: BTreeSet<String>,
    msp_ids: BTreeSet<String>,
}

/// All that was committed, by the config sequence under which it was.
pub struct Books {
    /// By config sequence.
    rules: Vec<Denials>,
    committed: BTreeMap<Bytes, usize>,
}

// === impl Denials ===

impl Denials {
    /// What the filter refuses with these settings.
    pub fn of(settings: &[Setting]) -> Self {
        let list = |key: &str| -> BTreeSet<String> {
            let values = settings.iter().filter(|setting| setting.key == key).map(|it| it.value.as_str());
            values.flat_map(|value| value.split(',')).map(|item| item.trim().to_owned()).collect()
        };
        Self { types: list("deny-types"), msp_ids: list("deny-msps") }
    }

    /// Whether it refuses an envelope of this type by this organisation.
    pub fn denies(&self, header_type: i32, msp_id: &str) -> bool {
        let name = HeaderType::try_from(header_type).map_or("", |known| known.as_str_name());
        self.types.contains(name) || self.msp_ids.contains(msp_id)
    }
}

/// The newest of these config sequences at which an envelope is answered so; none is our bug.
pub fn who_says(
    rules: &[Denials],
    may_be: RangeInclusive<usize>,
    kind: Kind,
    is_taken: bool,
) -> Option<usize> {
    let says = |sequence: &usize| {
        let denials = rules.get(*sequence);
        denials.is_some_and(|it| it.denies(kind.header_type.into(), kind.msp_id) != is_taken)
    };
    may_be.rev().find(says)
}

// === impl Books ===

impl Books {
    /// Nothing is committed, and nothing denied.
    pub fn new() -> Self {
        Self { rules: vec![Denials::default()], committed: BTreeMap::new() }
    }

    /// The config sequence in force.
    pub fn sequence(&self) -> usize {
        self.rules.len() - 1
    }

    /// A config block: what is denied from here on.
    ///
    /// # Errors
    ///
    /// It is not the next config.
    pub fn config(&mut self, sequence: u64, denials: Denials) -> Result<(), String> {
        let next = self.rules.len();
        if sequence != next as u64 {
            return Err(format!("config sequence {sequence} came where {next} is next"));
        }
        self.rules.push(denials);
        Ok(())
    }

    /// An envelope in a block.
    ///
    /// # Errors
    ///
    /// It is there already, or the filter of its config sequence refuses it.
    pub fn commit(&mut self, signature: Bytes, header_type: i32, msp_id: &str) -> Result<(), String> {
        let sequence = self.sequence();
        if self.rules.get(sequence).is_some_and(|denials| denials.denies(header_type, msp_id)) {
            let what = format!("an envelope of type {header_type} by {msp_id} stands in a block");
            return Err(format!("{what}, and the filter of config sequence {sequence} refuses it"));
        }
        match self.committed.insert(signature, sequence) {
            None => Ok(()),
            Some(_) => Err("an envelope stands in two blocks".into()),
        }
    }

    /// How many envelopes were committed at a config sequence.
    pub fn committed_at(&self, sequence: usize) -> usize {
        self.committed.values().filter(|at| **at == sequence).count()
    }

    /// Envelopes in blocks.
    pub fn committed(&self) -> usize {
        self.committed.len()
    }

    /// What is acknowledged and in no block.
    pub fn missing<'a>(&self, acknowledged: &'a BTreeSet<Bytes>) -> BTreeSet<&'a Bytes> {
        acknowledged.iter().filter(|signature| !self.committed.contains_key(*signature)).collect()
    }

    /// Closes the books: what is acknowledged must be in a block or refused again, and nothing else may be in one.
    ///
    /// # Errors
    ///
    /// Something is lost, was never acknowledged, or is in a block although it was refused again.
    pub fn close(
        &self,
        acknowledged: &BTreeSet<Bytes>,
        refused_again: &BTreeSet<Bytes>,
    ) -> Result<(), String> {
        let missing = self.missing(acknowledged);
        let lost = missing.iter().filter(|it| !refused_again.contains(**it)).count();
        let strange = self.committed.keys().filter(|it| !acknowledged.contains(*it)).count();
        let revived = refused_again.iter().filter(|it| !missing.contains(it)).count();
        for (count, what) in [
            (lost, "were acknowledged and are in no block"),
            (strange, "stand in blocks and were not acknowledged"),
            (revived, "were refused again, and stand in a block or were not acknowledged"),
        ] {
            if count > 0 {
                return Err(format!("{count} of the envelopes {what}"));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TRANSACTION: Kind = Kind { header_type: HeaderType::EndorserTransaction, msp_id: "Org1MSP" };
    const MESSAGE: Kind = Kind { header_type: HeaderType::Message, msp_id: "Org1MSP" };

    fn denials(key: &str, value: &str) -> Denials {
        Denials::of(&[Setting { key: key.into(), value: value.into() }])
    }

    /// Nothing is denied, then messages, then Org2, then nothing.
    fn rules() -> Vec<Denials> {
        let (types, msps) = (denials("deny-types", "MESSAGE"), denials("deny-msps", "Org3MSP, Org2MSP"));
        vec![Denials::default(), types, msps, Denials::default()]
    }

    #[test]
    fn the_rule_is_that_of_the_module() {
        let refused = |sequence: usize, header_type: HeaderType, msp_id: &str| {
            rules().get(sequence).is_some_and(|denials| denials.denies(header_type.into(), msp_id))
        };
        for sequence in 0..4 {
            assert_eq!(refused(sequence, HeaderType::Message, "Org1MSP"), sequence == 1);
            assert_eq!(refused(sequence, HeaderType::EndorserTransaction, "Org2MSP"), sequence == 2);
            assert!(!refused(sequence, HeaderType::EndorserTransaction, "Org1MSP"));
        }
    }

    #[test]
    fn an_answer_that_no_config_in_force_gives_is_noticed() {
        for (may_be, kind, is_taken, expected) in [
            (0..=0, MESSAGE, true, Some(0)),
            // Before the update was sent, and once it was known to be in force.
            (0..=0, MESSAGE, false, None),
            (1..=1, MESSAGE, true, None),
            (2..=2, MESSAGE, false, None),
            (2..=3, MESSAGE, false, None),
            // In between both are right.
            (0..=1, MESSAGE, false, Some(1)),
            (0..=1, MESSAGE, true, Some(0)),
            (1..=2, MESSAGE, false, Some(1)),
            (0..=3, TRANSACTION, false, None),
            (0..=3, TRANSACTION, true, Some(3)),
        ] {
            assert_eq!(who_says(&rules(), may_be.clone(), kind, is_taken), expected, "{may_be:?} {kind:?}");
        }
    }

    #[test]
    fn what_its_filter_refuses_or_stands_twice_is_noticed_in_blocks() {
        let mut books = Books::new();
        let commit = |books: &mut Books, signature: &'static [u8]| {
            books.commit(Bytes::from_static(signature), HeaderType::Message.into(), "Org1MSP")
        };
        assert_eq!(commit(&mut books, b"1"), Ok(()));
        assert!(commit(&mut books, b"1").is_err_and(|error| error == "an envelope stands in two blocks"));
        assert_eq!(books.config(1, denials("deny-types", "MESSAGE")), Ok(()));
        assert!(
            commit(&mut books, b"2").is_err_and(|error| error.ends_with("of config sequence 1 refuses it"))
        );
        assert!(books.config(3, Denials::default()).is_err());
        assert_eq!(books.config(2, Denials::default()), Ok(()));
        assert_eq!(commit(&mut books, b"3"), Ok(()));
        assert_eq!([0, 1, 2].map(|sequence| books.committed_at(sequence)), [1, 0, 1]);
    }

    #[test]
    fn the_books_close_only_if_nothing_is_lost_and_nothing_strange() {
        let set = |signatures: &[&'static str]| -> BTreeSet<Bytes> {
            signatures.iter().map(|it| Bytes::from_static(it.as_bytes())).collect()
        };
        let mut books = Books::new();
        for signature in ["1", "2"] {
            let committed =
                books.commit(signature.into(), TRANSACTION.header_type.into(), TRANSACTION.msp_id);
            assert_eq!(committed, Ok(()));
        }
        let close = |acknowledged, refused_again| books.close(&set(acknowledged), &set(refused_again));
        assert_eq!(close(&["1", "2"], &[]), Ok(()));
        assert_eq!(close(&["1", "2", "3"], &["3"]), Ok(()));
        for (acknowledged, refused_again, what) in [
            (&["1", "2", "3"][..], &[][..], "were acknowledged and are in no block"),
            (&["1"], &[], "stand in blocks and were not acknowledged"),
            (&["1", "2"], &["2"], "were refused again, and stand in a block or were not acknowledged"),
            (&["1", "2"], &["3"], "were refused again, and stand in a block or were not acknowledged"),
        ] {
            assert_eq!(close(acknowledged, refused_again), Err(format!("1 of the envelopes {what}")));
        }
    }
}
