//! The one place where what a node meets becomes what a client of Broadcast is told.

use raddle_core::channel_creation::{CreationRefusal, InspectionRefusal};
use raddle_core::modules::ModuleRefusal;
use raddle_ordering::{AppendError, Cause, Readiness};
use raddle_proto::common::Status;
use raddle_rules::admission::{Reason, Refusal as RuleRefusal};
use raddle_rules::store::InstallError;
use raddle_serve::channels::{Code, Detail, Failure, NotTaken, Refusal, RefusalStatus};
use serde_json::{Map, Value, json};

use super::board::{Halt, ReadOnly};
use super::budgets::OverBudget;
use super::rules::BrokenFilter;
use super::workers::NotCompleted;

/// A filter refuses the envelope.
pub const FILTER: Code = Code(1104);
/// The envelope is not what peers can live with.
pub const INVARIANT: Code = Code(1105);
/// The channel is in maintenance.
pub const MAINTENANCE: Code = Code(1106);
/// A config update does not fit the channel's config, or lacks signatures.
pub const CONFIG_UPDATE: Code = Code(1107);
/// A channel is not created.
pub const CREATION: Code = Code(1108);
/// The client's organisation is over its budget.
pub const OVER_BUDGET: Code = Code(1109);
/// A config update does with modules what it may not, or a module cannot be installed.
pub const MODULE: Code = Code(3010);
/// A filter fails at the envelope, on every orderer alike.
pub const FILTER_FAULT: Code = Code(2001);
/// A filter does not run on this orderer.
pub const FILTER_LOCAL: Code = Code(4101);
/// The ordered log does not take the record, or cannot be read.
pub const ORDERED_LOG: Code = Code(4102);
/// The channel has halted on this orderer.
pub const HALTED: Code = Code(4103);
/// The channel is starting, or this orderer is stopping.
pub const NOT_READY: Code = Code(4104);
/// This orderer takes no envelopes and makes no blocks.
pub const READ_ONLY: Code = Code(4105);
/// Our bug.
pub const BUG: Code = Code(9001);

/// All codes that a node answers with.
pub const CODES: [Code; 14] = [
    FILTER,
    INVARIANT,
    MAINTENANCE,
    CONFIG_UPDATE,
    CREATION,
    OVER_BUDGET,
    FILTER_FAULT,
    MODULE,
    FILTER_LOCAL,
    ORDERED_LOG,
    HALTED,
    NOT_READY,
    READ_ONLY,
    BUG,
];

/// The rules do not let an envelope pass. `proof` is why its signature does not do, for clients that may know.
#[must_use]
pub fn not_taken(refusal: RuleRefusal, proof: Option<&str>) -> NotTaken {
    let RuleRefusal { status, info, reason } = refusal;
    let (code, members) = match &reason {
        Reason::Filter { module } => match proof {
            Some(proof) => (FILTER, json!({ "module": module, "proof": proof })),
            None => (FILTER, json!({ "module": module })),
        },
        Reason::Fault { module, fault } => {
            (FILTER_FAULT, json!({ "module": module, "fault": fault.to_string() }))
        }
        Reason::Invariant(_) => (INVARIANT, json!({})),
        Reason::NoVerdict(unknown) => {
            let detail = detail(FILTER_LOCAL, json!({ "module": unknown.module }));
            return Failure { info, detail }.into();
        }
    };
    let status = match status {
        Status::Forbidden => RefusalStatus::Forbidden,
        Status::RequestEntityTooLarge => RefusalStatus::TooLarge,
        _ => RefusalStatus::BadRequest,
    };
    Refusal { status, info, detail: detail(code, members) }.into()
}

/// The log does not take a record. Fabric has one sentence for all of it; the cause goes into the trailer.
///
/// Source: fabric v2.5.16 `orderer/consensus/kafka/chain.go` `order`.
#[must_use]
pub fn not_appended(error: &AppendError) -> Failure {
    let members = json!({
        "cause": error.to_string(),
        "outcome": if error.is_outcome_unknown() { "unknown" } else { "not ordered" },
    });
    Failure { info: "cannot enqueue".into(), detail: detail(ORDERED_LOG, members) }
}

/// The channel has halted. Fabric's sentence; the cause goes into the trailer.
///
/// Source: fabric v2.5.16 `orderer/consensus/kafka/chain.go` `WaitReady`.
#[must_use]
pub fn halted(halt: &Halt) -> Failure {
    let info = "consenter for this channel has been halted".into();
    Failure { info, detail: detail(HALTED, json!({ "cause": halt.to_string() })) }
}

/// This orderer only reads. Fabric's does not start then, so it has no sentence.
#[must_use]
pub fn read_only(cause: &ReadOnly) -> Failure {
    let info = "this orderer takes no envelopes: its certificate has expired".into();
    Failure { info, detail: detail(READ_ONLY, json!({ "cause": cause.to_string() })) }
}

/// The channel is being stopped. Fabric's sentence for it is the same as for a halted one.
#[must_use]
pub fn stopped() -> Failure {
    let info = "consenter for this channel has been halted".into();
    Failure { info, detail: detail(NOT_READY, json!({ "cause": "the orderer is stopping" })) }
}

/// The channel has not found its place in the log yet, whose state says why.
///
/// Source: fabric v2.5.16 `orderer/consensus/kafka/chain.go` `WaitReady`.
#[must_use]
pub fn starting(log: &Readiness) -> Failure {
    let info = "backing Kafka cluster has not completed booting; try again later".into();
    let cause = match log {
        Readiness::Unavailable { cause } => format!("the channel waits for its ordered log: {cause}"),
        _ => "the channel waits for its ordered log".to_owned(),
    };
    Failure { info, detail: detail(NOT_READY, json!({ "cause": cause })) }
}

/// The log cannot be read, so that there are no further blocks here. Fabric answers Deliver with a status alone.
#[must_use]
pub fn unreadable(cause: &Cause) -> Failure {
    let info = "this orderer cannot read the channel's ordered log; try another one".into();
    Failure { info, detail: detail(ORDERED_LOG, json!({ "cause": cause.to_string() })) }
}

/// A config update that was appended again is not settled. Fabric lets the client wait for ever, so it has no sentence.
#[must_use]
pub fn held() -> Failure {
    let info = "a config update of this channel is being ordered; try again later".into();
    Failure { info, detail: detail(NOT_READY, json!({ "cause": "the channel waits for a config update" })) }
}

/// The chain does not keep up with the log.
#[must_use]
pub fn behind() -> Failure {
    let info = "this orderer is behind the channel's log; try again later".into();
    Failure { info, detail: detail(NOT_READY, json!({ "cause": "the channel's chain is behind its log" })) }
}

/// A judgement was not completed.
#[must_use]
pub fn not_completed(error: NotCompleted) -> Failure {
    Failure { info: error.to_string(), detail: Detail::from(BUG) }
}

/// A config update is refused. Fabric's sentence.
#[must_use]
pub fn bad_update(info: &str) -> NotTaken {
    let detail = Detail::from(CONFIG_UPDATE);
    Refusal { status: RefusalStatus::BadRequest, info: info.to_owned(), detail }.into()
}

/// A config update lacks signatures. Fabric's sentence; what it needs them for goes into the trailer, and for clients
/// that may know also whose they are.
#[must_use]
pub fn update_denied(info: &str, element: &str, policy: &str, proof: Option<&str>) -> NotTaken {
    let mut members = json!({ "element": element, "policy": policy });
    if let (Some(proof), Value::Object(members)) = (proof, &mut members) {
        members.insert("proof".to_owned(), proof.into());
    }
    let detail = detail(CONFIG_UPDATE, members);
    Refusal { status: RefusalStatus::BadRequest, info: info.to_owned(), detail }.into()
}

/// A normal envelope for a channel that does not exist, where there is a system channel.
///
/// Source: fabric v2.5.16 `orderer/common/msgprocessor/msgprocessor.go` `ErrChannelDoesNotExist`.
#[must_use]
pub fn no_channel() -> NotTaken {
    let info = "channel does not exist".into();
    Refusal { status: RefusalStatus::NotFound, info, detail: Code::CHANNEL_UNKNOWN.into() }.into()
}

/// The client's organisation has sent more than its budget. Gateways shall try another orderer; others wait.
#[must_use]
pub fn over_budget(over: &OverBudget) -> NotTaken {
    let members = json!({
        "organisation": over.organisation,
        "budget": over.meter.name(),
        "per_second": over.limit,
        "setting": over.setting(),
        "retry_after_ms": u64::try_from(over.wait.as_millis()).unwrap_or(u64::MAX).max(1),
    });
    let (status, detail) = (RefusalStatus::ServiceUnavailable, detail(OVER_BUDGET, members));
    Refusal { status, info: over.to_string(), detail }.into()
}

/// A channel is not created. Fabric's sentence.
#[must_use]
pub fn not_created(refusal: &CreationRefusal) -> NotTaken {
    let (status, info) = (RefusalStatus::BadRequest, refusal.to_string());
    Refusal { status, info, detail: CREATION.into() }.into()
}

/// The last filter of a system channel refuses. Fabric's sentence.
#[must_use]
pub fn creation_refused(refusal: &InspectionRefusal) -> NotTaken {
    let (status, code) = match refusal.is_transient() {
        true => (RefusalStatus::ServiceUnavailable, MAINTENANCE),
        false => (RefusalStatus::BadRequest, CREATION),
    };
    Refusal { status, info: refusal.to_string(), detail: code.into() }.into()
}

/// A config update does with modules what it may not.
#[must_use]
pub fn bad_module(refusal: &ModuleRefusal) -> NotTaken {
    let detail = Detail::from(MODULE);
    Refusal { status: RefusalStatus::BadRequest, info: refusal.to_string(), detail }.into()
}

/// What a client is told of a module that is not installed; `raddle module check` and `install` say the same.
#[must_use]
pub fn cannot_be_installed(module: &str, error: &InstallError) -> String {
    format!("module {module} cannot be installed: {error}")
}

/// A module of a config update cannot be installed: it is to be changed, or this orderer fails at it.
#[must_use]
pub fn not_installed(module: &str, error: &InstallError) -> NotTaken {
    let info = cannot_be_installed(module, error);
    let detail = detail(MODULE, json!({ "module": module }));
    match error.is_refusal() {
        true => Refusal { status: RefusalStatus::BadRequest, info, detail }.into(),
        false => Failure { info, detail: Detail { code: FILTER_LOCAL, ..detail } }.into(),
    }
}

/// A config cannot be signed.
#[must_use]
pub fn not_signed() -> Failure {
    Failure { info: "the config cannot be signed by this orderer".into(), detail: Detail::from(BUG) }
}

/// A filter of the channel's own cannot be run here: gateways shall try another orderer.
#[must_use]
pub fn broken(filter: &BrokenFilter) -> Failure {
    let detail = detail(FILTER_LOCAL, json!({ "module": filter.name, "cause": filter.cause }));
    Failure { info: format!("filter {} cannot be run by this orderer", filter.name), detail }
}

fn detail(code: Code, members: Value) -> Detail {
    let reason = match members {
        Value::Object(members) => members,
        _ => Map::new(),
    };
    Detail { code, reason }
}
