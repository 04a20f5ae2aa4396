//! An orderer in this process on a generated network, whose admin changes the channel's config.

use std::sync::Arc;
use std::time::SystemTime;

use raddle::client::{Client, Patience};
use raddle::identity::Signer;
use raddle::network::DevNetwork;
use raddle::node::Channel;
use raddle::orderer::{Orderer, OrdererSettings};
use raddle_proto::common::Config;
use tempfile::TempDir;

use super::admin::Admin;
use super::node::Told;
use super::orderer::{channel, settings};

/// The orderer, who changes its channel, and what it told.
pub struct Scene {
    pub orderer: Orderer,
    pub admin: Admin,
    pub told: Arc<Told>,
    _folder: TempDir,
}

impl Scene {
    pub async fn start() -> Self {
        let folder = TempDir::new().unwrap();
        let path = folder.path().join("network");
        let network = DevNetwork::generate(&path, "127.0.0.1:1", SystemTime::now()).unwrap();
        let (msp_id, msp_dir) = network.orderer();
        let signer = Arc::new(Signer::from_msp_dir(msp_id, &msp_dir).unwrap());
        let told = Arc::new(Told::default());
        let settings = settings(folder.path(), network.genesis().clone());
        let settings = OrdererSettings { signer, observer: Arc::clone(&told) as _, ..settings };
        let orderer = Orderer::start(settings).await.unwrap();
        Self { orderer, admin: Admin::of(&network), told, _folder: folder }
    }

    pub async fn client(&self) -> Client {
        Client::connect(&self.orderer.address().to_string(), Patience::default()).await.unwrap()
    }

    pub fn channel(&self) -> Arc<Channel> {
        channel(&self.orderer)
    }

    /// Changes the config; waits until the orderer judges by the new one.
    pub async fn update(&self, client: &Client, change: impl Fn(&Config) -> Config) {
        let channel = self.channel();
        let current = Arc::clone(&channel.rules().config);
        self.admin.change(client, &current.config, &change(&current.config)).await.unwrap();
        let next = current.bundle.sequence.0 + 1;
        let mut standing = channel.board().standing();
        standing.wait_for(|_| channel.rules().bundle().sequence.0 >= next).await.unwrap();
    }
}
