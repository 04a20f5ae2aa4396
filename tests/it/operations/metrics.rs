//! What is counted.

use super::Served;
use crate::harness::http;

#[test]
fn everything_that_happens_is_counted_under_the_names_of_channels_that_exist() {
    let served = Served::with_traffic();
    let metrics = served.metrics();
    let taken = r#"{channel="demo",status="SUCCESS",type="MESSAGE"}"#;
    for name in
        ["broadcast_processed_count", "broadcast_validate_duration_count", "broadcast_enqueue_duration_count"]
    {
        metrics.has(&format!("{name}{taken}"), 1.0);
    }
    let update = r#"{channel="demo",status="SUCCESS",type="CONFIG_UPDATE"}"#;
    metrics.has(&format!("broadcast_processed_count{update}"), 1.0);
    let refused = r#"{channel="demo",status="BAD_REQUEST",type="MESSAGE"}"#;
    metrics.has(&format!("broadcast_processed_count{refused}"), 1.0);
    let unknown = r#"{channel="unknown",status="BAD_REQUEST",type="unknown"}"#;
    metrics.has(&format!("broadcast_processed_count{unknown}"), 1.0);
    metrics.has(r#"raddle_broadcast_refusals{channel="demo",code="RDL-1104"}"#, 1.0);
    assert_eq!(metrics.value(&format!("broadcast_enqueue_duration_count{refused}")), None);
    // What clients and modules write is nowhere.
    for text in ["nowhere", "secret"] {
        assert!(!metrics.0.contains(text), "{text}\n{}", metrics.0);
    }

    metrics.has(r#"ledger_blockchain_height{channel="demo"}"#, 3.0);
    metrics.has(r#"participation_status{channel="demo"}"#, 1.0);
    metrics.has(r#"raddle_blocks_cut{channel="demo",reason="config"}"#, 1.0);
    metrics.has(r#"raddle_block_envelopes{channel="demo"}"#, 2.0);
    metrics.has(r#"raddle_channel_state{channel="demo",state="ordering"}"#, 1.0);
    metrics.has(r#"raddle_channel_state{channel="demo",state="halted"}"#, 0.0);
    metrics.has(r#"raddle_log_lag_records{channel="demo"}"#, 0.0);
    metrics.has(r#"raddle_log_available{channel="demo"}"#, 1.0);
    metrics.has(r#"raddle_config_sequence{channel="demo"}"#, 1.0);
    metrics.has(r#"blockcutter_block_fill_duration_count{channel="demo"}"#, 1.0);
    metrics.has(r#"ledger_blockstorage_commit_time_bucket{channel="demo",le="10"}"#, 2.0);
    let sent = r#"deliver_blocks_sent{channel="demo",data_type="block",filtered="false"}"#;
    assert!(metrics.value(sent).unwrap() >= 2.0, "{}", metrics.0);
    let calls = r#"{code="OK",method="Broadcast",service="orderer_AtomicBroadcast"}"#;
    metrics.has(&format!("grpc_server_stream_requests_completed{calls}"), 4.0);
    let method = r#"{method="Broadcast",service="orderer_AtomicBroadcast"}"#;
    metrics.has(&format!("grpc_server_stream_messages_received{method}"), 4.0);
    metrics.has(&format!("grpc_server_stream_messages_sent{method}"), 4.0);
}

#[test]
fn a_module_is_counted_under_its_name_and_its_digest_stands_in_one_place() {
    let served = Served::with_traffic();
    let metrics = served.metrics();
    metrics.has(r#"raddle_module_calls{channel="demo",module="no-way"}"#, 1.0);
    metrics.has(r#"raddle_module_verdicts{channel="demo",module="no-way",verdict="refused"}"#, 1.0);
    metrics.has(r#"raddle_module_verdicts{channel="demo",module="no-way",verdict="accepted"}"#, 0.0);
    metrics.has(r#"raddle_module_faults{channel="demo",class="trapped",module="no-way"}"#, 0.0);
    assert!(metrics.value(r#"raddle_module_fuel{channel="demo",module="no-way"}"#).unwrap() > 0.0);
    assert!(metrics.value(r#"raddle_module_seconds{channel="demo",module="no-way"}"#).unwrap() > 0.0);
    let info: Vec<&str> = metrics.0.lines().filter(|line| line.starts_with("raddle_module_info{")).collect();
    let [info] = info.as_slice() else { panic!("{info:?}") };
    let digest = info.split_once("digest=\"").unwrap().1.split_once('"').unwrap().0;
    assert_eq!(digest.len(), 64, "{info}");
    assert_eq!(metrics.0.matches(digest).count(), 1);
    assert!(info.contains(r#"kind="filter",mode="enforce",module="no-way""#), "{info}");
}

#[test]
fn certificates_connections_the_log_and_the_process_are_told_of() {
    let served = Served::with_traffic();
    let metrics = served.metrics();
    let days = metrics.0.lines().find(|line| line.starts_with("raddle_certificate_days_left{")).unwrap();
    assert!(days.contains(r#"role="enrollment",subject=""#), "{days}");
    assert!(days.rsplit_once(' ').unwrap().1.parse::<f64>().unwrap() > 300.0, "{days}");
    let opened = metrics.value("grpc_comm_conn_opened").unwrap();
    assert!(opened >= 6.0 && metrics.value("grpc_comm_conn_closed").unwrap() <= opened, "{}", metrics.0);
    for name in ["process_resident_memory_bytes", "process_cpu_seconds_total", "process_start_time_seconds"] {
        assert!(metrics.value(name).unwrap() > 0.0, "{name}");
    }
    metrics.has(&format!("fabric_version{{version=\"{}\"}}", env!("CARGO_PKG_VERSION")), 1.0);
    let infos = |served: &Served| served.metrics().value(r#"logging_entries_written{level="info"}"#).unwrap();
    assert_eq!(infos(&served), 0.0);
    assert_eq!(served.put_spec(r#"{"spec":"info"}"#).code(), 204);
    assert!(infos(&served) >= 1.0);
}

#[test]
fn where_metrics_are_switched_off_there_is_no_path_for_them() {
    let node = super::tls::Site::without_tls("Metrics: {Provider: disabled}\n");
    let running = node.start();
    assert_eq!(http::ask(&node.operations, "GET", "/metrics", &[], b"").code(), 404);
    assert_eq!(http::ask(&node.operations, "GET", "/healthz", &[], b"").code(), 200);
    running.stop();
}
