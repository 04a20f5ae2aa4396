//! What only filters may ask: the envelope that they judge.

use std::collections::BTreeSet;
use std::rc::Rc;

use raddle_core::batch_policy::GuestFault;
use wasmtime::component::LinkerInstance;

use super::{State, World, pay, size};
use crate::bindings::filter::raddle::rules::envelopes::{ChannelHeader, Identity, PolicyVerdict, Scope};
use crate::case::{Case, Verdict};
use crate::fault::HostFault;
use crate::profile::{LIST_ELEMENT_BYTES, POLICIES_PER_ENVELOPE_MAX, POLICY_EVALUATION};

type Store<'a> = super::Store<'a, Judgement>;

/// One filter's judgement of one envelope.
///
/// What it pays and what it may ask depend on what this filter has asked, and on no other: the verdicts are shared
/// with the other filters of the envelope, the prices are not.
#[derive(Default)]
pub(crate) struct Judgement {
    /// Only while `check` runs.
    case: Option<Rc<Case>>,
    asked: BTreeSet<String>,
    /// Why the last evaluation that did not say `satisfied` did not.
    policy_text: Option<Rc<str>>,
}

impl Judgement {
    /// The envelope is there from here on.
    pub(crate) fn open(&mut self, case: &Rc<Case>) {
        self.case = Some(Rc::clone(case));
    }

    /// The sentence that a refusal may refer to.
    pub(crate) fn policy_text(&self) -> Option<&str> {
        self.policy_text.as_deref()
    }

    fn case(&self) -> wasmtime::Result<Rc<Case>> {
        self.case.clone().ok_or_else(|| {
            fault(GuestFault::BadAnswer { what: "asked for the envelope outside of `check`".to_owned() })
        })
    }
}

fn fault(fault: GuestFault) -> wasmtime::Error {
    HostFault(fault.into()).into()
}

impl World for Judgement {
    const INTERFACE: &'static str = "raddle:rules/envelopes@1.0.0";

    fn imports(import: &mut LinkerInstance<'_, State<Self>>) -> wasmtime::Result<()> {
        import.func_wrap("read-payload", |mut store: Store<'_>, (offset, bytes): (u64, u32)| {
            let case = store.data().own.case()?;
            let part = case.payload_part(offset, bytes);
            pay(&mut store, size(part))?;
            Ok((part.to_vec(),))
        })?;
        import.func_wrap("header", |mut store: Store<'_>, (): ()| {
            let case = store.data().own.case()?;
            let header = case.header();
            let moved = header.map_or_else(
                |sentence| size(sentence.as_bytes()),
                |header| size(header.tx_id.as_bytes()).saturating_add(size(&header.extension)),
            );
            pay(&mut store, moved)?;
            let header = header.map(|header| ChannelHeader {
                tx_id: header.tx_id.clone(),
                epoch: header.epoch,
                extension: header.extension.to_vec(),
            });
            Ok((header.map_err(str::to_owned),))
        })?;
        import.func_wrap("creator", |mut store: Store<'_>, (): ()| {
            let case = store.data().own.case()?;
            let creator = case.creator();
            let moved = creator.as_ref().map_or_else(
                |sentence| size(sentence.as_bytes()),
                |creator| {
                    let units = creator.organisational_units.iter();
                    let units = units.map(|unit| size(unit.as_bytes()).saturating_add(LIST_ELEMENT_BYTES));
                    [size(creator.msp_id.as_bytes()), size(&creator.certificate)]
                        .into_iter()
                        .chain(units)
                        .fold(0, u64::saturating_add)
                },
            );
            pay(&mut store, moved)?;
            let identity = creator.as_ref().map(|creator| Identity {
                msp_id: creator.msp_id.clone(),
                certificate: creator.certificate.to_vec(),
                organisational_units: creator.organisational_units.clone(),
            });
            Ok((identity.map_err(String::clone),))
        })?;
        policies(import)
    }
}

fn policies(import: &mut LinkerInstance<'_, State<Judgement>>) -> wasmtime::Result<()> {
    import.func_wrap("satisfies", |mut store: Store<'_>, (policy,): (String,)| {
        let moved = size(policy.as_bytes());
        Ok((evaluate(&mut store, &policy, moved)?,))
    })?;
    import.func_wrap("satisfies-writers", |mut store: Store<'_>, (scope,): (Scope,)| {
        let policy = match scope {
            Scope::Channel => "/Channel/Writers",
            Scope::Orderer => "/Channel/Orderer/Writers",
        };
        Ok((evaluate(&mut store, policy, 0)?,))
    })?;
    import.func_wrap("policy-text", |mut store: Store<'_>, (): ()| {
        store.data().own.case()?;
        let text = store.data().own.policy_text.clone();
        pay(&mut store, size(text.as_deref().unwrap_or_default().as_bytes()))?;
        Ok((text.map(|text| text.to_string()),))
    })
}

/// The verdict of a policy. The first time that a filter asks for it, it pays for the evaluation, even where another
/// filter of the same envelope has asked before.
fn evaluate(store: &mut Store<'_>, policy: &str, moved: u64) -> wasmtime::Result<PolicyVerdict> {
    let case = store.data().own.case()?;
    let asked = &store.data().own.asked;
    if asked.contains(policy) {
        pay(store, moved)?;
    } else if asked.len() < POLICIES_PER_ENVELOPE_MAX {
        pay(store, moved.saturating_add(POLICY_EVALUATION))?;
        store.data_mut().own.asked.insert(policy.to_owned());
    } else {
        let limit = u64::try_from(POLICIES_PER_ENVELOPE_MAX).unwrap_or(u64::MAX);
        return Err(fault(GuestFault::LimitExceeded { resource: "policies for an envelope", limit }));
    }
    let Verdict { verdict, text } = case.evaluate(policy);
    if text.is_some() {
        store.data_mut().own.policy_text = text;
    }
    Ok(verdict)
}
