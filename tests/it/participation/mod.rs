//! Channel participation, as `osnadmin` and other clients of HTTP see it.

mod cases;
mod join;
mod removal;
mod settings;
mod tls;
mod update;

use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use raddle::config::Tls;
use raddle::identity::Signer;
use raddle::orderer::{AdminListener, Orderer, OrdererSettings};
use raddle_serve::participation::AdminSettings;

use crate::harness::eventually::eventually_async;
use crate::harness::{golden, http, orderer};

/// An orderer whose admins are served, with these channels.
async fn start(folder: &Path, genesis: &[Bytes]) -> Orderer {
    Orderer::start(settings(folder, genesis, None)).await.unwrap()
}

fn settings(folder: &Path, genesis: &[Bytes], tls: Option<Tls>) -> OrdererSettings {
    let settings = AdminSettings { is_enabled: true, body_bytes_max: 1 << 20 };
    let listen = "127.0.0.1:0".parse().unwrap();
    let signer = Signer::from_msp_dir("OrdererMSP", &golden("orderer-msp")).unwrap();
    OrdererSettings {
        genesis: genesis.to_vec(),
        signer: Arc::new(signer),
        admin: Some(AdminListener { listen, tls, settings }),
        ..orderer::settings(folder, Bytes::new())
    }
}

/// Where its admins are served.
fn address(orderer: &Orderer) -> String {
    orderer.admin_address().unwrap().to_string()
}

async fn asked<T: Send + 'static>(orderer: &Orderer, ask: impl FnOnce(&str) -> T + Send + 'static) -> T {
    http::asked(&address(orderer), ask).await
}

async fn list(orderer: &Orderer) -> String {
    asked(orderer, http::list).await
}

async fn join(orderer: &Orderer, block: Bytes) -> http::Reply {
    asked(orderer, move |address| http::join(address, &block)).await
}

async fn remove(orderer: &Orderer, channel: &'static str) -> http::Reply {
    asked(orderer, move |address| http::remove(address, channel)).await
}

fn block(name: &str) -> Bytes {
    std::fs::read(golden(name)).unwrap().into()
}

/// Waits until a removal has come to its end.
async fn gone(orderer: &Orderer, channel: &str) {
    let url = format!("\"url\":\"{}/{channel}\"", http::CHANNELS);
    eventually_async("it is gone", async || !list(orderer).await.contains(&url)).await;
}
