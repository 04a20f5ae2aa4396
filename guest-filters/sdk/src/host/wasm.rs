//! The component's imports.

use super::bindings::raddle::rules::{channel, creators, logging, settings};
use super::filter_bindings::raddle::rules::envelopes;
use crate::log::Level;
use crate::{BatchSize, ConsensusState, Header, Identity, PolicyFailure, Scope};

#[derive(Clone, Copy)]
pub(crate) struct Settings;

impl Settings {
    pub(crate) fn keys(&self) -> Vec<String> {
        settings::keys()
    }

    pub(crate) fn get(&self, key: &str) -> Option<String> {
        settings::get(key)
    }
}

#[derive(Clone, Copy)]
pub(crate) struct Channel;

impl Channel {
    pub(crate) fn name(&self) -> String {
        channel::name()
    }

    pub(crate) fn config_sequence(&self) -> u64 {
        channel::config_sequence()
    }

    pub(crate) fn batch_size(&self) -> BatchSize {
        let limits = channel::batch_size();
        BatchSize {
            max_message_count: limits.max_message_count,
            absolute_max_bytes: limits.absolute_max_bytes,
            preferred_max_bytes: limits.preferred_max_bytes,
        }
    }

    pub(crate) fn absolute_max_bytes(&self) -> u32 {
        channel::absolute_max_bytes()
    }

    pub(crate) fn consensus_state(&self) -> ConsensusState {
        match channel::consensus_state() {
            channel::ConsensusMode::Normal => ConsensusState::Normal,
            channel::ConsensusMode::Maintenance => ConsensusState::Maintenance,
        }
    }

    pub(crate) fn has_orderer_capability(&self, name: &str) -> bool {
        channel::has_orderer_capability(name)
    }

    pub(crate) fn has_expiration_check(&self) -> bool {
        channel::has_expiration_check()
    }
}

pub(crate) struct Envelope;

impl Envelope {
    pub(crate) fn read_payload(&self, offset: u64, size_bytes: u32) -> Vec<u8> {
        envelopes::read_payload(offset, size_bytes)
    }

    pub(crate) fn header(&self) -> Result<Header, String> {
        let header = envelopes::header()?;
        Ok(Header { tx_id: header.tx_id, epoch: header.epoch, extension: header.extension })
    }

    pub(crate) fn creator(&self) -> Result<Identity, String> {
        let creator = envelopes::creator()?;
        Ok(Identity {
            msp_id: creator.msp_id,
            certificate: creator.certificate,
            organisational_units: creator.organisational_units,
        })
    }

    pub(crate) fn satisfies(&self, policy: &str) -> Result<(), PolicyFailure> {
        verdict(envelopes::satisfies(policy))
    }

    pub(crate) fn satisfies_writers(&self, scope: Scope) -> Result<(), PolicyFailure> {
        verdict(envelopes::satisfies_writers(match scope {
            Scope::Channel => envelopes::Scope::Channel,
            Scope::Orderer => envelopes::Scope::Orderer,
        }))
    }

    pub(crate) fn policy_text(&self) -> Option<String> {
        envelopes::policy_text()
    }
}

fn verdict(verdict: envelopes::PolicyVerdict) -> Result<(), PolicyFailure> {
    match verdict {
        envelopes::PolicyVerdict::Satisfied => Ok(()),
        envelopes::PolicyVerdict::Denied => Err(PolicyFailure::Denied),
        envelopes::PolicyVerdict::Missing => Err(PolicyFailure::Missing),
        envelopes::PolicyVerdict::Unreadable => Err(PolicyFailure::Unreadable),
    }
}

pub(crate) fn creator_msp_id(creator: u32) -> Option<String> {
    creators::msp_id(creator)
}

pub(crate) fn creator_identity(creator: u32) -> Vec<u8> {
    creators::identity(creator)
}

pub(crate) fn log(level: Level, message: &str) {
    let level = match level {
        Level::Debug => logging::Level::Debug,
        Level::Info => logging::Level::Info,
        Level::Warn => logging::Level::Warn,
        Level::Error => logging::Level::Error,
    };
    logging::log(level, message);
}
