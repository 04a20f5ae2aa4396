//! The component's imports.

use super::bindings::raddle::rules::{channel, creators, logging, settings};
use crate::log::Level;
use crate::{BatchSize, ConsensusState};

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

    pub(crate) fn consensus_state(&self) -> ConsensusState {
        match channel::consensus_state() {
            channel::ConsensusMode::Normal => ConsensusState::Normal,
            channel::ConsensusMode::Maintenance => ConsensusState::Maintenance,
        }
    }

    pub(crate) fn has_orderer_capability(&self, name: &str) -> bool {
        channel::has_orderer_capability(name)
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
