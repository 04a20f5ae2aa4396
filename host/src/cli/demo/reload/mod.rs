//! The second act: a filter comes, changes and goes by signed config updates, while envelopes flow.

mod books;
mod flow;
mod log;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::SystemTime;

use bytes::Bytes;
use comfy_table::{Table, presets};
use raddle_core::bundle::{read_config_envelope, read_genesis};
use raddle_core::ids::{ChannelId, Offset};
use raddle_proto::common::{self, Config, HeaderType};
use raddle_proto::msp::SerializedIdentity;
use raddle_proto::wire::{self, Envelope, go_decode};
use raddle_rules::Digest;
use raddle_rules::profile::ModuleLimits;

use self::books::{Books, Denials};
use self::flow::{Flow, IN_FLIGHT, STREAMS, Seen};
use self::log::Again;
use super::blocks::{Follower, Witness, envelopes};
use super::cast::{CHANNEL, Cast};
use super::{begins, bug};
use crate::admin::modules::{self, Kind, Mode, OWNER, Setting, Spec};
use crate::admin::update::{Draft, compute};
use crate::cli::Failure;
use crate::cli::output::printable;
use crate::cli::progress::Progress;
use crate::cli::report::align;
use crate::client::{self, Answer, Client};
use crate::orderer::Orderer;

/// The filter of the example, built.
static COMPONENT: &[u8] = include_bytes!("../../../../../guest-filters/dist/examples/custom-filter.wasm");

/// Its name in the channel's config.
const NAME: &str = "deny";

/// Answers of each config that are waited for.
const ANSWERS: u64 = 2000;

/// The filter's one setting at each config sequence from 1 on; none: it is removed.
const SETTINGS: [Option<(&str, &str)>; 3] =
    [Some(("deny-types", "MESSAGE")), Some(("deny-msps", "Org2MSP")), None];

/// A config of the act.
struct Step {
    /// What led to it.
    update: String,
    /// Its block.
    block: u64,
}

/// Plays the act, and checks everything that it tells.
///
/// # Errors
///
/// Something did not go as it should: our bug.
pub async fn play(
    orderer: &Orderer,
    client: &Client,
    cast: &Arc<Cast>,
    follower: &mut Follower,
    witness: &Witness,
) -> Result<(), Failure> {
    tell_what_comes();
    let channel = orderer.node().channels().into_iter().next().ok_or_else(|| bug("there is no channel"))?;
    let specs: Vec<Option<Spec>> = SETTINGS.map(|setting| setting.map(spec)).into();
    let denials =
        |spec: &Option<Spec>| spec.as_ref().map_or_else(Denials::default, |it| Denials::of(&it.settings));
    let rules: Vec<Denials> = std::iter::once(Denials::default()).chain(specs.iter().map(denials)).collect();
    let mut config = read_genesis(cast.genesis.clone())?.config.config.clone();
    let mut act = Act { follower, books: Books::new(), last: Offset::NOTHING_READ };
    let mut steps = Vec::new();
    let progress = Progress::new(specs.len() as u64, "config updates");
    begins("sending under the first config");
    let mut flow = Flow::start(client, cast, rules.clone());
    flow.wait(0, is_enough(&rules, 0)).await?;
    for (spec, sequence) in specs.iter().zip(1..) {
        let next = match spec {
            Some(spec) => modules::with(&config, spec, OWNER),
            None => modules::without(&config, &[NAME.to_owned()]),
        }?;
        let update = words(spec.as_ref(), sequence);
        begins(&format!("update {sequence} of {}: {update}", specs.len()));
        flow.begins(sequence);
        send_update(client, cast, &config, &next).await?;
        let (block, found) = act.until_config(sequence).await?;
        flow.is_in_force(sequence);
        progress.advance();
        steps.push(Step { update, block });
        config = found;
        flow.wait(sequence, is_enough(&rules, sequence)).await?;
    }
    begins("waiting until all that was taken is in a block");
    let (seen, acknowledged) = flow.end().await?;
    let refused_at = act.until_settled(&acknowledged, witness).await?;
    drop(progress);
    let again = log::read(channel.log().as_ref(), act.last, &refused_at, rules.len()).await?;
    act.books.close(&acknowledged, &again.signatures).map_err(|sentence| bug(&sentence))?;
    tell(&steps, &seen, &act.books, &again);
    Ok(())
}

/// Whether the streams have seen enough of a config: answers, and a refusal if it refuses anything.
fn is_enough(rules: &[Denials], sequence: usize) -> impl Fn(&Seen) -> bool {
    let denies = rules.get(sequence).is_some_and(|denials| *denials != Denials::default());
    move |seen| seen.steady >= ANSWERS && (seen.refused > 0 || !denies)
}

fn spec((key, value): (&str, &str)) -> Spec {
    let limits = ModuleLimits::of_filter();
    Spec {
        name: NAME.into(),
        version: String::new(),
        kind: Kind::Filter,
        mode: Mode::Enforce,
        order: 100,
        settings: vec![Setting { key: key.into(), value: value.into() }],
        fuel: limits.fuel_per_call(),
        memory_bytes: limits.memory_bytes(),
        digest: Digest::of(COMPONENT),
        component: Bytes::from_static(COMPONENT),
    }
}

/// Sends the update from one config to another, as the orderers' admin.
async fn send_update(client: &Client, cast: &Cast, old: &Config, new: &Config) -> Result<(), Failure> {
    let update = compute(&ChannelId(CHANNEL.into()), old, new).map_err(|same| bug(&same.to_string()))?;
    let mut draft = Draft::new(update);
    draft.sign(&cast.admin)?;
    let envelope = draft.envelope(&cast.admin, SystemTime::now())?;
    match client.broadcast(tokio_stream::once(client::message(&envelope))).next().await? {
        Some(Answer::Taken) => Ok(()),
        Some(Answer::Refused(refusal)) => Err(refusal.into()),
        None => Err(bug("a stream ended that owed an answer")),
    }
}

// === blocks ===

/// The blocks of the act, as they come.
struct Act<'a> {
    follower: &'a mut Follower,
    books: Books,
    /// How far the log was read for the last block.
    last: Offset,
}

impl Act<'_> {
    /// Takes blocks up to the one with the config of this sequence; answers its number and the config.
    async fn until_config(&mut self, sequence: usize) -> Result<(u64, Config), Failure> {
        loop {
            let block = self.follower.next().await?;
            if let Some(config) = self.take(&block)?
                && self.books.sequence() == sequence
            {
                return Ok((block.header.unwrap_or_default().number, config));
            }
        }
    }

    /// Takes blocks until all that was acknowledged is in one, or refused by a newer config; answers where those stand
    /// in the log.
    async fn until_settled(
        &mut self,
        acknowledged: &BTreeSet<Bytes>,
        witness: &Witness,
    ) -> Result<Vec<Offset>, Failure> {
        let mut refused_again = witness.refused_again();
        loop {
            let refused = refused_again.borrow_and_update().clone();
            if self.books.missing(acknowledged).len() <= refused.len() {
                return Ok(refused);
            }
            tokio::select! {
                block = self.follower.next() => drop(self.take(&block?)?),
                // Its sender is the witness.
                _ = refused_again.changed() => {}
            }
        }
    }

    /// Enters a block into the books; answers the config that is in force from it on, if it is another.
    fn take(&mut self, block: &common::Block) -> Result<Option<Config>, Failure> {
        let mut config = None;
        if let Some(offsets) = client::offsets(block) {
            self.last = Offset(offsets.last_offset_persisted);
        }
        for envelope in envelopes(block)? {
            let (header_type, msp_id) = read(&envelope)?;
            let entered = if header_type == i32::from(HeaderType::Config) {
                let envelope = read_config_envelope(&envelope).map_err(|error| bug(&error.to_string()))?;
                let found = config.insert(envelope.config.unwrap_or_default());
                self.books.config(found.sequence, denials_in(found)?)
            } else {
                self.books.commit(envelope.signature().clone(), header_type, &msp_id)
            };
            entered.map_err(|sentence| bug(&sentence))?;
        }
        Ok(config)
    }
}

/// The type of an envelope, and who wrote it.
fn read(envelope: &Envelope) -> Result<(i32, String), Failure> {
    let header = wire::channel_header(envelope).map_err(|error| bug(&error.to_string()))?;
    let creator = wire::signature_header(envelope).map_err(|error| bug(&error.to_string()))?.creator;
    let creator: SerializedIdentity = go_decode(creator).map_err(|error| bug(&error.to_string()))?;
    Ok((header.r#type, creator.mspid))
}

/// What the filter of a config denies, if there is one.
fn denials_in(config: &Config) -> Result<Denials, Failure> {
    match modules::find(config, NAME) {
        None => Ok(Denials::default()),
        Some(module) => Ok(Denials::of(&module.spec.map_err(|refusal| bug(&refusal.to_string()))?.settings)),
    }
}

// === words ===

fn tell_what_comes() {
    let streams = STREAMS.len();
    anstream::println!(
        "  {streams} streams go on sending, {IN_FLIGHT} envelopes of each on the way. Meanwhile an admin of the \
         orderers signs three\n  config updates, ordered like any envelope: a filter comes ({} bytes of WebAssembly, \
         built from\n  examples/custom-filter), gets another setting, and goes. Nothing stops for it.",
        COMPONENT.len()
    );
}

/// What an update does.
fn words(spec: Option<&Spec>, sequence: usize) -> String {
    let sign = if sequence == 1 { '+' } else { '~' };
    match spec.and_then(|spec| spec.settings.first()) {
        Some(Setting { key, value }) => format!("{sign} {NAME}  {key}={value}"),
        None => format!("- {NAME}"),
    }
}

fn tell(steps: &[Step], seen: &[Seen], books: &Books, again: &Again) {
    let mut table = Table::new();
    table.load_preset(presets::NOTHING).set_header([
        "sequence",
        "update",
        "block",
        "committed",
        "refused",
        "judged twice",
        "then refused",
        "longest gap",
    ]);
    let first = Step { update: "–".into(), block: 0 };
    for (sequence, (step, seen)) in std::iter::once(&first).chain(steps).zip(seen).enumerate() {
        let of = |counts: &[u64]| counts.get(sequence).copied().unwrap_or_default();
        table.add_row([
            sequence.to_string(),
            step.update.clone(),
            step.block.to_string(),
            books.committed_at(sequence).to_string(),
            seen.refused.to_string(),
            (of(&again.resubmitted) + of(&again.refused)).to_string(),
            of(&again.refused).to_string(),
            format!("{:.0} ms", seen.longest_gap.as_secs_f64() * 1e3),
        ]);
    }
    anstream::println!();
    for line in align(&mut table, 2).lines() {
        anstream::println!("  {line}");
    }
    anstream::println!();
    for refusal in seen.iter().filter_map(|seen| seen.refusal.as_ref()) {
        anstream::println!("  {}  {NAME:<16}  {}", refusal.status, printable(&refusal.info));
    }
    let (committed, refused) = (books.committed(), again.signatures.len());
    anstream::println!(
        "\n  judged twice  taken under one config and met in the log behind the next, which has the last word\n  \
         longest gap   between two answers on a stream that sends what no filter refuses; 0 is without a change\n  \
         checked       {committed} envelopes in blocks: all that was taken is there once, but for the {refused} then \
         refused;\n                no block holds what the filter of its config refuses, and no envelope was refused \
         before\n                that filter came or after it had gone"
    );
}
