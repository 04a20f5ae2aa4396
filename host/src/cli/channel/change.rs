//! From a change to a config block: the same for all commands that change a channel's config.

use std::io::{BufRead as _, IsTerminal as _, Write as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use raddle_core::bundle::read_config_envelope;
use raddle_core::duration;
use raddle_proto::common::{self, Config};
use raddle_proto::wire::Envelope;
use raddle_rules::artifact::CompileLimits;
use tokio::time::timeout;

use super::current::{self, Current};
use super::signing::{self, SignAs, Signing};
use crate::admin::config_json::ToJsonError;
use crate::admin::edit::{self, EditError};
use crate::admin::update::{Approval, Difference, Draft, compute, differences, in_words, rebase};
use crate::cli::connection::{Connection, Flags, Settings};
use crate::cli::output::{print, printable};
use crate::cli::progress::Slow;
use crate::cli::{Code, Exit, Failure, program};
use crate::client::{Answer, Deliveries, Place, Refusal, message};

/// How often a change is done again because somebody was faster.
const REBASES_MAX: usize = 5;

/// How long to wait for the answer: an orderer compiles a module first, for [`CompileLimits::STRICT`]'s time at most.
const ANSWER_MAX: Duration = CompileLimits::STRICT.time.saturating_add(Duration::from_secs(30));

/// How long to wait for the config block.
const WAIT_MAX: Duration = Duration::from_secs(60);

/// Flags of every command that changes a channel's config.
#[derive(Debug, clap::Args)]
pub struct Options {
    /// Sign as this identity; may be given several times. Without it those of the folder's admins sign who are needed
    #[arg(long, value_name = "ID:DIR")]
    pub sign_as: Vec<SignAs>,
    /// Write the signed update to a file instead of sending it
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,
    /// Do not ask
    #[arg(long, short)]
    pub yes: bool,
    #[command(flatten)]
    pub connection: Flags,
}

/// What a change makes of a config.
pub type Change<'a> = dyn Fn(&Current) -> Result<Config, Failure> + 'a;

/// Does a change: fetches the config, shows what is different, signs, and sends it or writes it to a file.
pub async fn carry_out(options: &Options, settings: Settings, change: &Change<'_>) -> Result<(), Failure> {
    let signing = Signing::of(&options.sign_as, &settings.admins)?;
    let connection = settings.connect().await?;
    let mut base = current::fetch(&connection).await?;
    let mut mine = change(&base)?;
    let mut is_confirmed = options.yes;
    for _ in 0..REBASES_MAX {
        let (draft, approvals) = plan(&connection, &signing, &base, &mine)?;
        if let Some(out) = &options.out {
            return write(out, &draft, &approvals);
        }
        if let Some(missing) = signing::missing(&approvals) {
            return Err(missing);
        }
        if !is_confirmed {
            confirm()?;
            is_confirmed = true;
        }
        let faster = match current::block_number(&connection).await? {
            number if number != base.block => None,
            _ => match submit(&connection, &draft).await? {
                Ok(()) => return Ok(()),
                Err(refusal) => Some(refusal),
            },
        };
        let newest = current::fetch(&connection).await?;
        if let (Some(refusal), true) = (faster, newest.config.sequence == base.config.sequence) {
            return Err(refusal.into());
        }
        mine = rebased(&base, &mine, &newest)?;
        base = newest;
    }
    let sentence =
        format!("others changed the channel's config {REBASES_MAX} times meanwhile; nothing was changed");
    Err(Failure::new(Code::ConfigMoved, Exit::Failed, sentence))
}

/// Computes the update, shows it, and signs it.
fn plan(
    connection: &Connection,
    signing: &Signing,
    base: &Current,
    mine: &Config,
) -> Result<(Draft, Vec<Approval>), Failure> {
    let update = compute(&connection.channel, &base.config, mine)
        .map_err(|same| Failure::new(Code::NoChange, Exit::Failed, same.to_string()))?;
    let found = differences(&edit::show(&base.config)?, &edit::show(mine)?);
    let found = in_words(found, &base.config, mine);
    let sequence = base.config.sequence;
    let channel = printable(&connection.channel.0);
    let mut text = format!("channel {channel}, config sequence {sequence} (block {})\n", base.block);
    for difference in &found {
        text.push_str(&line(difference));
        text.push('\n');
    }
    let mut draft = Draft::new(update);
    let approvals = signing.sign(&mut draft, base)?;
    for line in signing::lines(&draft, base, &approvals) {
        text.push_str(&line);
        text.push('\n');
    }
    print(&text)?;
    Ok((draft, approvals))
}

fn line(difference: &Difference) -> String {
    let path = printable(&difference.path);
    let old = difference.old.as_deref().map(printable);
    let new = difference.new.as_deref().map(printable);
    match (old, new) {
        (Some(old), Some(new)) => format!("  ~ {path}   {old} → {new}"),
        (Some(old), None) => format!("  - {path}   {old}"),
        (None, new) => format!("  + {path}   {}", new.unwrap_or_default()),
    }
}

/// Asks a person. Where nobody can be asked, whoever called has decided.
fn confirm() -> Result<(), Failure> {
    let mut stdin = std::io::stdin().lock();
    if !stdin.is_terminal() {
        return Ok(());
    }
    anstream::eprint!("send it? [y/N] ");
    let _ = std::io::stderr().flush();
    let mut answer = String::new();
    let is_read = stdin.read_line(&mut answer).is_ok();
    if is_read && matches!(answer.trim(), "y" | "Y" | "yes") {
        return Ok(());
    }
    Err(Failure::new(Code::NotConfirmed, Exit::Failed, "nothing was sent, as you said"))
}

/// Writes an update that may lack signatures.
pub fn write(path: &Path, draft: &Draft, approvals: &[Approval]) -> Result<(), Failure> {
    std::fs::write(path, draft.marshal()).map_err(|error| {
        Failure::new(Code::File, Exit::Failed, format!("{} cannot be written: {error}", path.display()))
    })?;
    let (file, program) = (path.display(), program());
    let next = if approvals.iter().all(Approval::holds) {
        format!("{program} channel config submit {file}")
    } else {
        format!("{program} channel config sign {file} --sign-as ID:DIR")
    };
    print(&format!("written  {file}\n\nNext:\n  {next}\n"))
}

/// The same change on the newest config.
fn rebased(base: &Current, mine: &Config, newest: &Current) -> Result<Config, Failure> {
    let (old, new) = (base.config.sequence, newest.config.sequence);
    let merged = rebase(&base.config, mine, &newest.config).map_err(|conflict| {
        let sentence = format!("somebody was faster, and nothing was changed: {conflict}");
        Failure::new(Code::ConfigMoved, Exit::Failed, printable(&sentence))
            .hint("look at what it is now, and decide anew")
    })?;
    print(&format!(
        "\nsomebody was faster: the config went from sequence {old} to {new}; the same change again, on that one\n\n"
    ))?;
    Ok(merged)
}

/// Sends an update and waits for its block. Within: the orderer's refusal.
pub async fn submit(connection: &Connection, draft: &Draft) -> Result<Result<(), Refusal>, Failure> {
    let mut blocks = connection.deliver(Place::Newest, Place::Number(u64::MAX), true)?;
    blocks.next().await?.ok_or_else(ended)?;
    let envelope = draft.envelope(&connection.signer, SystemTime::now())?;
    let client = connection.client.clone().waiting(ANSWER_MAX);
    let slow = Slow::new("waiting for the orderer's answer");
    let mut answers = client.broadcast(tokio_stream::iter([message(&envelope)]));
    match answers.next().await? {
        Some(Answer::Taken) => {}
        Some(Answer::Refused(refusal)) => return Ok(Err(refusal)),
        None => return Err(ended()),
    }
    drop(slow);
    let _slow = Slow::new("waiting for the config block");
    let (block, sequence) = match timeout(WAIT_MAX, find(&mut blocks, &envelope)).await {
        Ok(found) => found?,
        Err(_) => {
            let sentence = format!("the update is taken, but in no block after {}", duration::text(WAIT_MAX));
            return Err(Failure::new(Code::NotInABlock, Exit::Failed, sentence));
        }
    };
    print(&format!("done     config block {block}, config sequence {sequence}\n"))?;
    Ok(Ok(()))
}

/// The config block that an update led to: its number and the config's sequence.
async fn find(blocks: &mut Deliveries, sent: &Envelope) -> Result<(u64, u64), Failure> {
    loop {
        let block: common::Block = blocks.next_whenever().await?.ok_or_else(ended)?;
        let number = block.header.map(|header| header.number).unwrap_or_default();
        let envelope = block.data.and_then(|data| data.data.first().cloned()).unwrap_or_default();
        let Ok(envelope) = Envelope::unmarshal(envelope) else { continue };
        let Ok(read) = read_config_envelope(&envelope) else { continue };
        let is_ours = read
            .last_update
            .is_some_and(|update| update.payload == *sent.payload() && update.signature == *sent.signature());
        if is_ours {
            return Ok((number, read.config.map(|config| config.sequence).unwrap_or_default()));
        }
    }
}

fn ended() -> Failure {
    let sentence = "the orderer ended the stream before it had answered; the update may be ordered, or not";
    Failure::new(Code::BrokenOff, Exit::Unreachable, sentence)
}

impl From<EditError> for Failure {
    fn from(error: EditError) -> Self {
        let sentence = printable(&error.to_string());
        match error {
            EditError::Show(ToJsonError::Wire { .. }) => {
                Self::new(Code::ConfigUnusable, Exit::Failed, sentence)
            }
            _ => Self::new(Code::ConfigEdit, Exit::Usage, sentence)
                .hint(format!("`{} channel config show` lists the paths", program())),
        }
    }
}
