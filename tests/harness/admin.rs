//! The orderers' admin of a generated network: makes config updates, and reads the blocks that come of them.
#![allow(dead_code, reason = "each test binary uses a part of it")]

use std::sync::Arc;
use std::time::SystemTime;

use bytes::Bytes;
use raddle::admin::edit::{edited, set, show};
use raddle::admin::modules::{Kind, Mode, Setting, Spec};
use raddle::admin::update::{Draft, compute};
use raddle::client::{Answer, Client, ClientError, Deliveries, Place, last_config, message, range};
use raddle::identity::Signer;
use raddle::network::{DEV_CHANNEL, DevNetwork};
use raddle_core::bundle::{CurrentConfig, read_config_of};
use raddle_core::ids::ChannelId;
use raddle_proto::common::{Block, Config};
use raddle_proto::wire::Envelope;
use raddle_rules::Digest;
use raddle_rules::profile::ModuleLimits;
use raddle_rules::shipped::{BATCH_COUNT_AND_BYTES, EMPTY};

use super::eventually::Deadline;

/// Signs updates as the orderers' admin, and sends them as the network's client.
#[derive(Clone)]
pub struct Admin {
    channel: ChannelId,
    admin: Arc<Signer>,
    client: Arc<Signer>,
}

impl Admin {
    pub fn of(network: &DevNetwork) -> Self {
        let (msp_id, msp_dir) = network.admins().next().unwrap();
        let (client_msp_id, client_msp_dir) = network.client();
        Self {
            channel: ChannelId(DEV_CHANNEL.into()),
            admin: Arc::new(Signer::from_msp_dir(msp_id, &msp_dir).unwrap()),
            client: Arc::new(Signer::from_msp_dir(client_msp_id, &client_msp_dir).unwrap()),
        }
    }

    pub fn channel(&self) -> &ChannelId {
        &self.channel
    }

    /// Who sends.
    pub fn client(&self) -> &Arc<Signer> {
        &self.client
    }

    /// The update that leads from one config to another.
    pub fn update(&self, old: &Config, new: &Config) -> Envelope {
        let mut draft = Draft::new(compute(&self.channel, old, new).unwrap());
        draft.sign(&self.admin).unwrap();
        draft.envelope(&self.client, SystemTime::now()).unwrap()
    }

    /// Sends the update; it is taken, unless the node is gone.
    pub async fn change(&self, client: &Client, old: &Config, new: &Config) -> Result<(), ClientError> {
        let mut answers = client.broadcast(tokio_stream::once(message(&self.update(old, new))));
        let answer = answers.next().await?;
        assert!(matches!(answer, None | Some(Answer::Taken)), "{answer:?}");
        Ok(())
    }

    /// Sends the update, and waits for its block.
    pub async fn change_now(&self, client: &Client, old: &Config, new: &Config) -> Result<(), ClientError> {
        let newest = self.newest(client).await?.header.unwrap().number;
        self.change(client, old, new).await?;
        let mut blocks = self.blocks_from(client, newest + 1);
        loop {
            let block = blocks.next().await?.unwrap();
            if last_config(&block).unwrap() > newest {
                return Ok(());
            }
        }
    }

    /// Makes the update and sends it, anew where another config came first, until it is taken and in a block. False if
    /// the node is gone instead, or its log.
    pub async fn change_until_taken(
        &self,
        client: &Client,
        change: impl Fn(&Config) -> Config,
    ) -> Result<bool, ClientError> {
        let deadline = Deadline::new();
        loop {
            let config = self.config(client).await?.config;
            let update = message(&self.update(&config, &change(&config)));
            match client.broadcast(tokio_stream::once(update)).next().await? {
                Some(Answer::Taken) => {
                    while self.config(client).await?.config.sequence == config.sequence {
                        deadline.pause("the update is in a block").await;
                    }
                    return Ok(true);
                }
                Some(Answer::Refused(refusal)) if refusal.status == 503 => return Ok(false),
                Some(Answer::Refused(refusal)) => assert_eq!(refusal.status, 400, "{refusal}"),
                None => return Ok(false),
            }
            deadline.pause("no other config comes before the update").await;
        }
    }

    /// All blocks from this one on, as they are committed.
    pub fn blocks_from(&self, client: &Client, number: u64) -> Deliveries {
        self.deliver(client, Place::Number(number), Place::Number(u64::MAX))
    }

    /// The newest block.
    pub async fn newest(&self, client: &Client) -> Result<Block, ClientError> {
        Ok(self.deliver(client, Place::Newest, Place::Newest).next().await?.unwrap())
    }

    /// The config that the newest block names.
    pub async fn config(&self, client: &Client) -> Result<CurrentConfig, ClientError> {
        let place = Place::Number(last_config(&self.newest(client).await?).unwrap());
        let block = self.deliver(client, place, place).next().await?.unwrap();
        Ok(read_config_of(block.data.unwrap().data.swap_remove(0)).unwrap())
    }

    fn deliver(&self, client: &Client, start: Place, stop: Place) -> Deliveries {
        let seek = range(start, stop, true);
        client.deliver(&self.client.seek(&self.channel, &seek, SystemTime::now()).unwrap())
    }
}

/// The config with `text` at a path of its JSON.
pub fn with_value(config: &Config, path: &str, text: &str) -> Config {
    let mut json = show(config).unwrap();
    set(&mut json, path, text).unwrap();
    edited(config, &json).unwrap()
}

/// A filter of this name, as it would be installed.
pub fn filter(name: &str, component: impl Into<Bytes>, settings: &[(&str, &str)]) -> Spec {
    let (component, limits) = (component.into(), ModuleLimits::of_filter());
    let settings = settings.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned()));
    Spec {
        name: name.into(),
        version: "1".into(),
        kind: Kind::Filter,
        mode: Mode::Enforce,
        order: 100,
        settings: settings.map(|(key, value)| Setting { key, value }).collect(),
        fuel: limits.fuel_per_call(),
        memory_bytes: limits.memory_bytes(),
        digest: Digest::of(&component),
        component,
    }
}

/// A filter that lets everything pass; each config sequence gets another one.
pub fn guard(config: &Config) -> Spec {
    Spec { version: config.sequence.to_string(), ..filter("guard", EMPTY.bytes, &[]) }
}

/// The shipped batch policy as a channel's own; each config sequence gets another one.
pub fn batch_policy(config: &Config) -> Spec {
    let limits = ModuleLimits::default();
    Spec {
        version: config.sequence.to_string(),
        kind: Kind::BatchPolicy,
        fuel: limits.fuel_per_call(),
        memory_bytes: limits.memory_bytes(),
        ..filter("batch-count-and-bytes", BATCH_COUNT_AND_BYTES.bytes, &[])
    }
}
