//! What `raddle.yaml` says about batch policies, to a node that is started by it.

use std::fs;
use std::net::TcpListener;
use std::path::Path;

use raddle::admin::modules::{OWNER, with};
use raddle::client::{Place, range};
use raddle_core::bundle::read_config_envelope;

use super::batch_policy::{cuts, one_organisation};
use super::*;
use crate::harness::process;

/// Envelopes that are sent at a time.
const ENVELOPES: usize = 30;

/// A node by the settings in a folder.
struct Started {
    process: process::Node,
    client: Client,
}

impl Started {
    async fn by(folder: &Path, raddle: &str) -> Self {
        fs::write(folder.join("raddle.yaml"), format!("Ordering: {{kafka: local}}\n{raddle}\n")).unwrap();
        let folder = folder.to_owned();
        let process = spawn_blocking(move || process::Node::start_by_settings(&folder)).await.unwrap();
        let client = Client::connect(&process.address, Patience::default()).await.unwrap();
        Self { process, client }
    }

    async fn stop(self) {
        let Self { process, client } = self;
        drop(client);
        let ended = spawn_blocking(move || process.stop()).await.unwrap();
        assert!(ended.status.success(), "{}", ended.said);
    }

    /// All blocks up to the first one that is enough.
    async fn blocks(
        &self,
        fleet: &Fleet,
        is_enough: impl Fn(&[common::Block]) -> bool,
    ) -> Vec<common::Block> {
        let seek = range(Place::Oldest, Place::Number(u64::MAX), true);
        let seek = fleet.users[0].seek(&channel(), &seek, SystemTime::now()).unwrap();
        let (mut reader, mut blocks) = (self.client.deliver(&seek), Vec::new());
        while !is_enough(&blocks) {
            blocks.push(reader.next().await.unwrap().unwrap());
        }
        blocks
    }

    /// Changes the config from one sequence on; answers the next one.
    async fn change(
        &self,
        fleet: &Fleet,
        from: &Config,
        change: impl FnOnce(&Config) -> Config,
    ) -> Result<Config, Refusal> {
        send_one(&self.client, fleet.update(from, &change(from), &[&fleet.admins[0]])).await?;
        let is_there =
            |blocks: &[common::Block]| last_config(blocks).is_some_and(|it| it.sequence > from.sequence);
        Ok(last_config(&self.blocks(fleet, is_there).await).unwrap())
    }

    /// Sends envelopes of both organisations in turn; answers what the blocks of this config sequence are once they
    /// hold so many.
    async fn mix(&self, fleet: &Fleet, sequence: u64, total: usize) -> Vec<(usize, usize)> {
        let envelopes: Vec<_> = (0..ENVELOPES).map(|index| fleet.envelope(index % 2)).collect();
        let mut answers = self.client.broadcast(tokio_stream::iter(envelopes));
        while let Some(answer) = answers.next().await.unwrap() {
            assert_eq!(answer, Answer::Taken);
        }
        let all = |blocks: &[common::Block]| {
            let cuts = cuts(blocks).remove(&sequence).unwrap_or_default();
            cuts.iter().map(|(envelopes, _)| envelopes).sum::<usize>() >= total
        };
        cuts(&self.blocks(fleet, all).await).remove(&sequence).unwrap()
    }
}

fn last_config(blocks: &[common::Block]) -> Option<Config> {
    let envelope =
        |block: &common::Block| Envelope::unmarshal(block.data.clone()?.data.first()?.clone()).ok();
    let config = |envelope: Envelope| read_config_envelope(&envelope).ok()?.config;
    blocks.iter().rev().filter_map(envelope).find_map(config)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn batch_policies_are_allowed_and_overridden_by_raddle_yaml() {
    let (fleet, folder) = (Fleet::new(), TempDir::new().unwrap());
    fs::write(folder.path().join("demo.block"), &fleet.genesis).unwrap();
    fleet.write_orderer(&folder.path().join("msp"));
    // In Fabric's file a zero means 7050.
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let orderer = format!(
        "General: {{ListenPort: {port}, BootstrapFile: demo.block, LocalMSPDir: msp, LocalMSPID: OrdererMSP}}\n\
         FileLedger: {{Location: state}}\n"
    );
    fs::write(folder.path().join("orderer.yaml"), orderer).unwrap();

    let node = Started::by(folder.path(), "").await;
    let config = last_config(&node.blocks(&fleet, |blocks| !blocks.is_empty()).await).unwrap();
    let refusal = node.change(&fleet, &config, with_capability).await.unwrap_err();
    assert!(refusal.info.ends_with("allow it in this orderer's setting `BatchPolicies`"), "{}", refusal.info);
    node.stop().await;

    let node = Started::by(folder.path(), "BatchPolicies: [demo]").await;
    let config = node.change(&fleet, &config, with_capability).await.unwrap();
    let install = |config: &Config| with(config, &one_organisation(), OWNER).unwrap();
    node.change(&fleet, &config, install).await.unwrap();
    let cuts = node.mix(&fleet, 2, ENVELOPES).await;
    assert!(cuts.iter().all(|(_, organisations)| *organisations == 1), "{cuts:?}");
    node.stop().await;

    // What is cut stays as it is.
    let node = Started::by(folder.path(), "BatchPolicyOverride: {channel: demo, offset: 2}").await;
    let cuts = node.mix(&fleet, 2, 2 * ENVELOPES).await;
    assert!(cuts.iter().any(|(_, organisations)| *organisations == 2), "{cuts:?}");
    node.stop().await;
}
