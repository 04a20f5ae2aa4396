//! What is not as it should be with a channel.
//!
//! Anybody may ask, so reasons name no file and no cause that could name one: the log has those.

use raddle_ordering::{LogKind, Readiness};
use raddle_serve::operations::FailedCheck;
use raddle_serve::participation::{Participation as _, Status};

use crate::node::{Channel, Doing, Halt, Node};

/// All that is not as it should be.
pub(super) fn of_node(node: &Node) -> Vec<FailedCheck> {
    let channels = node.channels();
    let mut failed: Vec<_> = channels.iter().filter_map(|channel| of_channel(channel)).collect();
    // What another orderer is called by, a channel's config says.
    let suspicions = node.suspicions().borrow().clone();
    failed.extend(
        suspicions.iter().map(|((channel, _), why)| check(&channel.0, &format!("fork suspected: {why}"))),
    );
    // Those that are being joined or removed.
    let list = node.list().channels;
    let others = list.iter().filter(|name| node.channel(name).is_none());
    let has_failed = |name: &str| node.info(name).is_ok_and(|info| info.status == Status::Failed);
    let others = others.filter(|name| has_failed(name));
    failed.extend(others.map(|name| check(name, "it is not joined, or not removed, to its end")));
    failed
}

/// What is no failure, and must not be forgotten.
pub(super) fn notes(node: &Node) -> Vec<FailedCheck> {
    let is_single = |channel: &Channel| {
        let rules = channel.rules();
        let log = channel.log().state(channel.id());
        let is_local = matches!(&*log.borrow(), Readiness::Ready { log } if log.kind == LogKind::Local);
        is_local && rules.bundle().consensus.kind != "solo"
    };
    let channels = node.channels();
    let single = channels.iter().filter(|channel| is_single(channel));
    single
        .map(|channel| check(&channel.id().0, "single node: its log is on this orderer's disk alone"))
        .collect()
}

/// A channel is called as Fabric's Kafka orderer calls it, with the number of its partition.
fn check(channel: &str, reason: &str) -> FailedCheck {
    FailedCheck { component: format!("{channel}/0"), reason: reason.to_owned() }
}

/// Why a channel is not well.
///
/// Differs: Fabric appends a record to see whether the log works; here nothing is done but to look.
///
/// Source: fabric v2.5.16 `orderer/consensus/kafka/consenter.go` `HandleChain`, `chain.go` `HealthCheck`.
fn of_channel(channel: &Channel) -> Option<FailedCheck> {
    let doing = channel.board().doing().borrow().clone();
    let reason = match doing {
        Doing::Halted(halt) => format!("halted: {}", of_halt(&halt)),
        Doing::ReadOnly(cause) => cause.to_string(),
        Doing::Stopped => "stopped".to_owned(),
        Doing::Starting | Doing::Ordering => of_log(&channel.log().state(channel.id()).borrow())?,
    };
    Some(check(&channel.id().0, &reason))
}

fn of_log(state: &Readiness) -> Option<String> {
    match state {
        Readiness::Ready { .. } | Readiness::Starting => None,
        // What brokers or librdkafka say names brokers, and nothing of this machine.
        Readiness::Unavailable { cause } => {
            match cause.get().downcast_ref::<raddle_ordering::kafka::Failure>() {
                Some(failure) => Some(format!("the ordered log does not work: {failure}")),
                None => Some("the ordered log does not work".to_owned()),
            }
        }
        Readiness::Closed => Some("the ordered log is closed".to_owned()),
    }
}

fn of_halt(halt: &Halt) -> String {
    match halt {
        Halt::Log { after, .. } => format!("the ordered log cannot be read after offset {after}"),
        Halt::Rules { offset, .. } => format!("offset {offset}: the rules of the new config cannot be built"),
        Halt::Creation { channel, .. } => format!("channel {channel}, which was created, is not there"),
        Halt::Signature { number, .. } => format!("block {number} cannot be signed"),
        Halt::Ledger(_) => "a block cannot be committed".to_owned(),
        Halt::OtherLog(_)
        | Halt::UnknownLogKind(_)
        | Halt::NotTakenOver(_)
        | Halt::Chain(_)
        | Halt::BatchPolicy { .. }
        | Halt::Panicked { .. } => halt.to_string(),
    }
}
