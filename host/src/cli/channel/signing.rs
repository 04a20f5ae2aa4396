//! Who signs an update, and what that is to the policies.

use std::path::PathBuf;
use std::str::FromStr;

use raddle_proto::common::Config;

use super::current::Current;
use crate::admin::update::{Approval, Draft, approvals};
use crate::cli::output::printable;
use crate::cli::refusal::with_proof;
use crate::cli::{Code, Exit, Failure, program};
use crate::identity::Signer;

/// Most elements that a line names.
const ELEMENTS_MAX: usize = 3;

/// An identity that signs: `Org1MSP:path/to/msp`.
#[derive(Clone, Debug)]
pub struct SignAs {
    /// The MSP id.
    pub msp_id: String,
    /// The MSP folder.
    pub msp_dir: PathBuf,
}

impl FromStr for SignAs {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.split_once(':') {
            Some((msp_id, msp_dir)) if !msp_id.is_empty() && !msp_dir.is_empty() => {
                Ok(Self { msp_id: msp_id.to_owned(), msp_dir: msp_dir.into() })
            }
            _ => Err("it is not of the form ID:DIR, such as Org1MSP:org1/admin/msp".to_owned()),
        }
    }
}

/// Who may sign.
pub enum Signing {
    /// These do, whether it is needed or not.
    Named(Vec<Signer>),
    /// Those of these do whose signatures an update needs.
    Admins(Vec<Signer>),
}

impl Signing {
    /// Those whom the flags name or, if they name none, those of the folder.
    pub fn of(named: &[SignAs], admins: &[SignAs]) -> Result<Self, Failure> {
        let read = |list: &[SignAs]| -> Result<Vec<Signer>, Failure> {
            list.iter().map(|it| Ok(Signer::from_msp_dir(&it.msp_id, &it.msp_dir)?)).collect()
        };
        if named.is_empty() { Ok(Self::Admins(read(admins)?)) } else { Ok(Self::Named(read(named)?)) }
    }

    /// Signs a draft of an update; answers what the policies say then.
    pub fn sign(&self, draft: &mut Draft, current: &Current) -> Result<Vec<Approval>, Failure> {
        let ask = |draft: &Draft| approvals(&current.config, &current.access, draft);
        match self {
            Self::Named(signers) => {
                for signer in signers {
                    draft.sign(signer)?;
                }
            }
            Self::Admins(signers) => {
                let before = draft.signed().unwrap_or_default().len();
                for signer in signers {
                    if !ask(draft).iter().all(Approval::holds) {
                        draft.sign(signer)?;
                    }
                }
                drop_needless(draft, before, &ask);
            }
        }
        Ok(ask(draft))
    }
}

/// Takes away each signature behind the first `before` without which as many policies hold.
fn drop_needless(draft: &mut Draft, before: usize, ask: &dyn Fn(&Draft) -> Vec<Approval>) {
    let score = |draft: &Draft| -> Vec<usize> { ask(draft).iter().map(missing_count).collect() };
    let mut index = draft.signed().unwrap_or_default().len();
    while index > before {
        index -= 1;
        let fewer = draft.without(index);
        if score(&fewer) == score(draft) {
            *draft = fewer;
        }
    }
}

/// How far a policy is from holding: changes with each signature that counts.
fn missing_count(approval: &Approval) -> usize {
    approval.missing().map_or(0, |missing| missing.len())
}

/// Who has signed, and what is needed: a line each.
pub fn lines(draft: &Draft, current: &Current, approvals: &[Approval]) -> Vec<String> {
    let mut lines = Vec::new();
    for signed in draft.signed().unwrap_or_default() {
        let who = match current.access.creator(&signed.identity) {
            Some(identity) => format!("{} ({})", identity.certificate().subject(), identity.msp_id()),
            None => "somebody whom no MSP of the channel knows".to_owned(),
        };
        lines.push(format!("signed   {}", printable(&who)));
    }
    for approval in approvals {
        let policy = printable(approval.policy());
        let elements = elements(approval);
        match approval.missing() {
            None => lines.push(format!("agreed   {policy}   for {elements}")),
            Some(missing) => {
                lines.push(format!(
                    "missing  {}   for {policy}, which guards {elements}",
                    printable(&missing)
                ));
            }
        }
    }
    lines
}

fn elements(approval: &Approval) -> String {
    let named: Vec<String> = approval.elements.iter().take(ELEMENTS_MAX).map(|it| printable(it)).collect();
    match approval.elements.len().saturating_sub(ELEMENTS_MAX) {
        0 => named.join(", "),
        more => format!("{} and {more} more", named.join(", ")),
    }
}

/// Says why an update is not sent yet. None if nothing is missing.
pub fn missing(approvals: &[Approval]) -> Option<Failure> {
    let open: Vec<&Approval> = approvals.iter().filter(|approval| !approval.holds()).collect();
    let first = open.first()?;
    let who = printable(&first.missing().unwrap_or_default());
    let sentence = format!("the update was not sent: it needs the signature of {who}");
    let mut failure = Failure::new(Code::SignaturesMissing, Exit::Failed, sentence);
    for approval in open {
        failure = with_proof(failure, &approval.proof.to_string());
    }
    Some(failure.hint(format!(
        "--sign-as ID:DIR signs as one more; or write it with --out FILE, have others call `{} channel config sign \
         FILE`, and then submit it",
        program()
    )))
}

/// Whether an update can still be applied; if not, why.
pub fn check_stale(config: &Config, draft: &Draft) -> Result<(), Failure> {
    let stale = crate::admin::update::stale(config, draft.update());
    let Some(first) = stale.first() else { return Ok(()) };
    let sentence =
        format!("the channel's config has changed since the update was made: {}", printable(first));
    Err(Failure::new(Code::ConfigMoved, Exit::Failed, sentence)
        .hint("signatures are over the old update, so make it anew and have it signed again"))
}
