//! What a node offers admins over HTTP.
//!
//! Source: fabric v2.5.16 and v3.1.5 `orderer/common/multichannel/registrar.go`.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::SystemTime;

use bytes::Bytes;
use prost::Message as _;
use raddle_core::bundle::{JoinBlock, JoinBlockError, go_error_text, read_join_block};
use raddle_core::ids::BlockNumber;
use raddle_ledger::OpenError;
use raddle_proto::common::{self, HeaderType};
use raddle_proto::wire::{self, Envelope, go_decode};
use raddle_serve::channels::{BoxFuture, BroadcastChannel as _, NotTaken, Received};
use raddle_serve::participation::{
    ChannelInfo, ChannelList, Participation, Refused, Relation, Status, Which,
};
use tokio::sync::oneshot;
use tokio::task::spawn_blocking;

use super::registrar::{Registrar, StartError};
use super::removal::Pending;
use super::{Channel, Doing, Node};
use crate::client::block_hash;
use crate::pull;

impl Participation for Node {
    fn list(&self) -> ChannelList {
        // In the order in which a channel moves on, so that it is not missed; it may be met twice.
        let mut list: BTreeSet<_> = self.registrar.onboarding().keys().cloned().collect();
        let system = self.registrar.system_channel().map(|channel| channel.id().0.clone());
        let channels = self.registrar.channels().into_iter().map(|channel| channel.id().0.clone());
        list.extend(channels.filter(|channel| Some(channel) != system.as_ref()));
        list.extend(self.registrar.pending().keys().cloned());
        ChannelList { system_channel: system, channels: list.into_iter().collect() }
    }

    fn info(&self, channel: &str) -> Result<ChannelInfo, Refused> {
        if let Some(onboarding) = self.registrar.onboarding().get(channel) {
            return Ok(onboarding.info(channel));
        }
        if let Some(channel) = self.channel(channel) {
            return Ok(info(&channel));
        }
        let pending = self.registrar.pending().get(channel).copied().ok_or(Refused::NoChannel)?;
        let Pending { relation, status, .. } = pending;
        Ok(ChannelInfo { name: channel.to_owned(), relation, status, height: 0 })
    }

    fn join(&self, block: Bytes) -> BoxFuture<Result<ChannelInfo, Refused>> {
        let registrar = Arc::clone(&self.registrar);
        blocking(move || registrar.join(&block))
    }

    fn remove(&self, channel: &str) -> BoxFuture<Result<(), Refused>> {
        let (registrar, channel) = (Arc::clone(&self.registrar), channel.to_owned());
        let (certain, is_certain) = oneshot::channel();
        let removing = spawn_blocking(move || {
            registrar.remove(&channel, || {
                // Who asked may have left.
                let _ = certain.send(());
            })
        });
        Box::pin(async {
            // What is left goes on behind the answer, as in Fabric.
            match is_certain.await {
                Ok(()) => Ok(()),
                Err(_) => removing.await.unwrap_or_else(|error| Err(Refused::Other(error.to_string()))),
            }
        })
    }

    fn update(&self, envelope: Bytes) -> BoxFuture<Result<ChannelInfo, Refused>> {
        let found = read_update(envelope)
            .and_then(|(channel, received)| Ok((self.registrar.serving(&channel)?, received)));
        Box::pin(async {
            let (channel, received) = found?;
            let failed = |what: &str| {
                let prefix = format!("failed update config of channel {}", channel.id());
                Refused::Other(format!("{prefix}{what}"))
            };
            let admitted = channel.admit_config_update(received).await.map_err(|error| match error {
                NotTaken::Refused(refusal) => failed(&format!(": {refusal}")),
                NotTaken::Failed(failure) => {
                    failed(&format!(" with SERVICE_UNAVAILABLE: rejected by Consenter: {failure}"))
                }
            })?;
            channel.append(admitted).await.map_err(|failure| {
                failed(&format!(" with SERVICE_UNAVAILABLE: rejected by Configure: {failure}"))
            })?;
            Ok(info(&channel))
        })
    }

    fn block(&self, channel: &str, which: Which) -> BoxFuture<Result<Bytes, Refused>> {
        let channel = self.registrar.serving(channel);
        blocking(move || {
            let ledger = channel?.ledger().clone();
            let number = match which {
                Which::Oldest => BlockNumber(0),
                Which::Newest => ledger.state().chain.tip,
                Which::Config => ledger.state().chain.last_config,
                Which::Number(number) => BlockNumber(number),
            };
            match ledger.block(number) {
                Ok(Some(block)) => Ok(block),
                Ok(None) => Err(Refused::Other(format!("no such block number [{}] in index", number.0))),
                Err(error) => Err(Refused::Other(error.to_string())),
            }
        })
    }
}

impl Registrar {
    /// A channel that is served, and not being removed.
    fn serving(&self, id: &str) -> Result<Arc<Channel>, Refused> {
        match self.pending().get(id) {
            Some(pending) if pending.has_failed => Err(Refused::RemovalFailed),
            Some(_) => Err(Refused::PendingRemoval),
            None if self.onboarding().contains_key(id) => Err(Refused::NotReady),
            None => self.channel(id).ok_or(Refused::NoChannel),
        }
    }

    /// Joins the channel of a config block.
    ///
    /// Differs: Fabric joins channels of type etcdraft (in 3.x also BFT) alone, and wants a restart after a system
    /// channel; here every type can be joined that `Ordering` maps to a log, and orders at once.
    ///
    /// Source: fabric v2.5.16 `orderer/common/multichannel/registrar.go` `JoinChannel`.
    fn join(&self, block: &Bytes) -> Result<ChannelInfo, Refused> {
        let unreadable =
            |error| Refused::Unreadable(format!("config-block into a block: {}", go_error_text(&error)));
        let decoded: common::Block = go_decode(block.clone()).map_err(unreadable)?;
        let join = read_join_block(&decoded).map_err(not_read)?;
        let channel = join.channel().clone();
        let _opening = self.opening();
        match self.pending().get(&channel.0) {
            Some(pending) if pending.has_failed => return Err(Refused::RemovalFailed),
            Some(_) => return Err(Refused::PendingRemoval),
            None => {}
        }
        if self.system_channel().is_some() {
            return Err(Refused::SystemChannelExists);
        }
        let is_onboarding = self.onboarding().contains_key(&channel.0);
        if is_onboarding || self.channel(&channel.0).is_some() {
            return Err(Refused::ChannelExists);
        }
        let has_channels = !self.channels().is_empty() || !self.onboarding().is_empty();
        if join.config.bundle.has_consortiums && has_channels {
            return Err(Refused::ApplicationChannelsExist);
        }
        self.join_new(join, &decoded.header.clone().unwrap_or_default(), &decoded.encode_to_vec().into())
    }

    /// By block 0 the channel begins; by a later one its blocks are pulled first.
    fn join_new(
        &self,
        join: JoinBlock,
        header: &common::BlockHeader,
        block: &Bytes,
    ) -> Result<ChannelInfo, Refused> {
        let other = |error: &dyn std::fmt::Display| Refused::Other(error.to_string());
        // First, so that a channel without a log leaves no ledger.
        self.logs().log_of(&join.config.bundle).map_err(|error| other(&error))?;
        if join.number > BlockNumber(0) {
            let JoinBlock { number, config } = join;
            return self.begin_joining(pull::JoinBlock { number, hash: block_hash(header), config }, block);
        }
        let channel = join.channel();
        let ledger = self.ledgers().make(channel, block).map_err(|error: OpenError| other(&error))?;
        let started = self.start(ledger).map_err(|error| {
            // Nothing is in it but the block that the client has.
            if let Err(cause) = self.ledgers().take_back(channel) {
                tracing::warn!(%channel, %cause, "the ledger of a channel that was not joined is left");
            }
            other(&StartError::from(error))
        })?;
        tracing::info!(%channel, "channel joined");
        Ok(info(&started))
    }
}

/// How a channel stands.
///
/// Differs: Fabric calls a chain of Kafka active that has halted.
fn info(channel: &Channel) -> ChannelInfo {
    let status = match &*channel.board().doing().borrow() {
        Doing::Starting | Doing::Ordering => Status::Active,
        Doing::Halted(_) => Status::Failed,
        Doing::ReadOnly(_) | Doing::Stopped => Status::Inactive,
    };
    let (name, height) = (channel.id().0.clone(), channel.board().height());
    ChannelInfo { name, relation: relation(channel), status, height }
}

/// Who orders a channel for which Fabric keeps a set of orderers is one of them for all who look.
pub(super) fn relation(channel: &Channel) -> Relation {
    relation_of(&channel.rules().bundle().consensus.kind)
}

/// The same of a channel of this type.
pub(super) fn relation_of(kind: &str) -> Relation {
    match kind {
        "solo" | "kafka" => Relation::Other,
        _ => Relation::Consenter,
    }
}

/// What Fabric finds only once it makes the ledger it does not call a fault of the block.
fn not_read(error: JoinBlockError) -> Refused {
    match error {
        JoinBlockError::Incompatible { .. } => Refused::Other(error.to_string()),
        _ => Refused::InvalidBlock(error.to_string()),
    }
}

/// The channel of an update's config, and the update as Broadcast takes it.
///
/// Source: fabric v3.1.5 `orderer/common/channelparticipation/validator.go` `ValidateUpdateConfigEnvelope`.
fn read_update(bytes: Bytes) -> Result<(String, Received), Refused> {
    let invalid = |what: &str| Refused::InvalidUpdate(what.to_owned());
    let envelope = Envelope::unmarshal(bytes).map_err(|error| {
        let text = go_error_text(&error);
        Refused::Unreadable(format!("config-update-envelope into an envelope: {text}"))
    })?;
    let payload: common::Payload =
        go_decode(envelope.payload().clone()).map_err(|_| invalid("bad payload"))?;
    let header = payload.header.unwrap_or_default();
    if header.channel_header.is_empty() {
        return Err(invalid("bad header"));
    }
    let channel_header: common::ChannelHeader =
        go_decode(header.channel_header).map_err(|_| invalid("could not unmarshall channel header"))?;
    if channel_header.r#type != HeaderType::ConfigUpdate as i32 {
        return Err(invalid("bad type"));
    }
    if channel_header.channel_id.is_empty() {
        return Err(invalid("empty channel id"));
    }
    let proto = |what: &str, error: &wire::WireError| invalid(&format!("{what}{}", go_error_text(error)));
    let update: common::ConfigUpdateEnvelope = go_decode(payload.data)
        .map_err(|error| proto("error unmarshaling ConfigUpdateEnvelope: ", &error))?;
    let update: common::ConfigUpdate = go_decode(update.config_update)
        .map_err(|error| proto("error unmarshaling ConfigUpdate: ", &error))?;
    let signature_header = wire::signature_header(&envelope);
    let received = Received { envelope, channel_header, signature_header, at: SystemTime::now() };
    Ok((update.channel_id, received))
}

/// Runs what may wait for the disk on a thread that may.
fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Refused> + Send + 'static,
) -> BoxFuture<Result<T, Refused>> {
    let running = spawn_blocking(work);
    Box::pin(async { running.await.unwrap_or_else(|error| Err(Refused::Other(error.to_string()))) })
}
