//! What readers of a channel may ask about its modules: who may read may ask, and nobody else.

use std::time::Duration;

use raddle_serve::channels::ModuleReport;
use raddle_serve::client::node::NodeClient;
use raddle_serve::server::ServerSettings;
use tonic::Code;

use super::reader::{Parts, request};
use crate::blocks::{Readers, TestBlocks, TestClock, now, serve_blocks};
use crate::client::connect;

#[tokio::test(flavor = "multi_thread")]
async fn who_may_read_a_channel_may_ask_what_its_modules_have_done_and_nobody_else() {
    let (channel, clock) = (TestBlocks::new(1, 10), TestClock::new());
    let server = serve_blocks(&channel, &clock, ServerSettings::default()).await;
    let mut client = NodeClient::new(connect(server.address).await);
    let report = client.modules(request("0..0")).await.unwrap().into_inner();
    assert_eq!(report.modules, [ModuleReport { name: "a".into(), calls: 7, ..Default::default() }]);

    let mut refused = async |envelope| client.modules(envelope).await.unwrap_err();
    let elsewhere = Parts { channel_id: "elsewhere", ..Parts::of("0..0") };
    assert_eq!(refused(elsewhere.envelope()).await.code(), Code::NotFound);
    let late = Parts { time: Some(-3_600_000_000_000), ..Parts::of("0..0") };
    let late = refused(late.envelope()).await;
    assert_eq!(late.code(), Code::InvalidArgument);
    assert_eq!(late.metadata().get("raddle-code").unwrap(), "RDL-1202");
    let unsigned = Parts { signature_header: b"\xff".to_vec(), ..Parts::of("0..0") };
    assert_eq!(refused(unsigned.envelope()).await.code(), Code::InvalidArgument);
    *channel.readers.lock().unwrap() = Readers::NoneFrom(0);
    let denied = refused(request("0..0")).await;
    assert_eq!(denied.code(), Code::PermissionDenied);
    assert_eq!(denied.metadata().get("raddle-code").unwrap(), "RDL-1211");
    *channel.readers.lock().unwrap() = Readers::All;
    *channel.ends.lock().unwrap() = Some(now() - Duration::from_secs(1));
    assert_eq!(refused(request("0..0")).await.code(), Code::PermissionDenied);
}
