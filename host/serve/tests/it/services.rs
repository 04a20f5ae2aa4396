//! What else the socket offers, and how a server stops.

use std::{sync::Arc, time::Duration};

use futures_util::stream;
use raddle_proto::{common, orderer};
use raddle_serve::{
    client::AtomicBroadcastClient,
    server::{ATOMIC_BROADCAST, Server, ServerError, ServerSettings},
};
use std::collections::HashMap;
use tokio::time;
use tonic::{Code, Request};
use tonic_health::pb::{HealthCheckRequest, health_client::HealthClient};
use tonic_reflection::pb::{v1, v1alpha};

use crate::{
    client::{connect, open_sender, read},
    doubles::{TestChannel, TestChannels, envelope, eventually, never, ready, serve},
};

const SERVING: i32 = 1;
const NOT_SERVING: i32 = 2;

#[tokio::test(flavor = "multi_thread")]
async fn health_says_what_it_was_told_for_each_service() {
    let server = serve(&TestChannel::open(), ServerSettings::default()).await;
    let mut client = HealthClient::new(connect(server.address).await);
    let mut check = async |service: &str| {
        let answer = client.check(HealthCheckRequest { service: service.to_owned() }).await;
        answer.map(|answer| answer.into_inner().status).map_err(|status| status.code())
    };
    assert_eq!(check("").await, Ok(SERVING));
    assert_eq!(check(ATOMIC_BROADCAST).await, Ok(SERVING));
    assert_eq!(check("no.such.Service").await, Err(Code::NotFound));
    server.health.set(ATOMIC_BROADCAST, false).await;
    assert_eq!(check(ATOMIC_BROADCAST).await, Ok(NOT_SERVING));
    assert_eq!(check("").await, Ok(SERVING));
    server.health.set(ATOMIC_BROADCAST, true).await;
    server.health.set("mychannel", false).await;
    assert_eq!(check(ATOMIC_BROADCAST).await, Ok(SERVING));
    assert_eq!(check("mychannel").await, Ok(NOT_SERVING));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_said_of_health_before_the_server_ran_holds() {
    let server = Server::bind(
        "127.0.0.1:0".parse().unwrap(),
        Arc::new(TestChannels(HashMap::new())),
        ServerSettings::default(),
    );
    let server = server.await.unwrap();
    let address = server.local_address().unwrap();
    server.health().set(ATOMIC_BROADCAST, false).await;
    tokio::spawn(server.run(std::future::pending()));
    let mut client = HealthClient::new(connect(address).await);
    let answer = client.check(HealthCheckRequest { service: ATOMIC_BROADCAST.to_owned() }).await.unwrap();
    assert_eq!(answer.into_inner().status, NOT_SERVING);
}

#[tokio::test(flavor = "multi_thread")]
async fn reflection_names_the_services_and_knows_their_messages() {
    let server = serve(&TestChannel::open(), ServerSettings::default()).await;
    let channel = connect(server.address).await;
    let mut client = v1::server_reflection_client::ServerReflectionClient::new(channel.clone());
    let requests = [
        v1::server_reflection_request::MessageRequest::ListServices(String::new()),
        v1::server_reflection_request::MessageRequest::FileContainingSymbol("common.Envelope".to_owned()),
    ]
    .map(|message_request| v1::ServerReflectionRequest {
        host: String::new(),
        message_request: Some(message_request),
    });
    let mut answers = client.server_reflection_info(stream::iter(requests)).await.unwrap().into_inner();
    let mut next = async || answers.message().await.unwrap().unwrap().message_response.unwrap();
    let v1::server_reflection_response::MessageResponse::ListServicesResponse(services) = next().await else {
        panic!("services were asked for");
    };
    let names: Vec<_> = services.service.iter().map(|service| service.name.as_str()).collect();
    for name in [ATOMIC_BROADCAST, "grpc.health.v1.Health", "raddle.node.v1.Node"] {
        assert!(names.contains(&name), "{names:?}");
    }
    assert!(matches!(
        next().await,
        v1::server_reflection_response::MessageResponse::FileDescriptorResponse(_)
    ));

    let mut client = v1alpha::server_reflection_client::ServerReflectionClient::new(channel);
    let request = v1alpha::ServerReflectionRequest {
        host: String::new(),
        message_request: Some(
            v1alpha::server_reflection_request::MessageRequest::ListServices(String::new()),
        ),
    };
    let mut answers = client.server_reflection_info(stream::iter([request])).await.unwrap().into_inner();
    assert!(answers.message().await.unwrap().is_some());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_client_of_this_crate_speaks_with_the_server_of_this_crate() {
    let server = serve(&TestChannel::open(), ServerSettings::default()).await;
    let mut client = AtomicBroadcastClient::new(connect(server.address).await);
    let bytes = envelope(0);
    let envelope: common::Envelope = prost::Message::decode(bytes.as_slice()).unwrap();
    let mut answers = client.broadcast(stream::iter([envelope.clone()])).await.unwrap().into_inner();
    let answer = answers.message().await.unwrap().unwrap();
    assert_eq!(answer, orderer::BroadcastResponse { status: 200, info: String::new() });
    assert!(answers.message().await.unwrap().is_none());
    // It is no request for blocks: there is no timestamp in it.
    let mut answers = client.deliver(Request::new(stream::iter([envelope]))).await.unwrap().into_inner();
    let answer = answers.message().await.unwrap().unwrap();
    assert_eq!(answer.r#type, Some(orderer::deliver_response::Type::Status(400)));
    assert!(answers.message().await.unwrap().is_none());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_in_use_is_named() {
    let server = serve(&TestChannel::open(), ServerSettings::default()).await;
    let channels = Arc::new(TestChannels(HashMap::new()));
    let error = Server::bind(server.address, channels, ServerSettings::default()).await.err().unwrap();
    assert!(matches!(error, ServerError::Bind { address, .. } if address == server.address));
    assert!(error.to_string().starts_with(&format!("cannot listen on {}: ", server.address)));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_stops_answers_what_it_received_and_takes_nothing_more() {
    let (open, channel) = TestChannel::gated();
    let server = serve(&channel, ServerSettings::default()).await;
    let client = connect(server.address).await;
    let (requests, answers) = open_sender(&client).await;
    let (_idle_requests, idle) = open_sender(&client).await;
    for number in 0..3 {
        requests.send(envelope(number).into()).unwrap();
    }
    eventually("three are being appended", || channel.log().len() == 3).await;
    server.stop.send(()).unwrap();
    // An idle stream has nothing to wait for.
    let idle = read(idle).await;
    assert_eq!(idle.successes(), 0);
    assert_eq!(idle.end.unwrap_err().code(), Code::Unavailable);
    requests.send(envelope(3).into()).unwrap();
    // Time for it to be taken, which it must not be: nothing tells that.
    time::sleep(Duration::from_millis(50)).await;
    open.send_replace(true);

    let seen = read(answers).await;
    assert_eq!(seen.successes(), 3);
    assert_eq!(seen.end.unwrap_err().code(), Code::Unavailable);
    assert_eq!(channel.log(), [0, 1, 2]);
    drop(client);
    time::timeout(Duration::from_secs(5), server.task).await.unwrap().unwrap().unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_stops_does_not_wait_for_ever() {
    let channel = TestChannel::new(Box::new(|_| ready(Ok(()))), Box::new(|_| never()));
    let settings = ServerSettings { drain_max: Duration::from_millis(100), ..Default::default() };
    let server = serve(&channel, settings).await;
    let (requests, answers) = open_sender(&connect(server.address).await).await;
    requests.send(envelope(0).into()).unwrap();
    eventually("it is being appended", || channel.log().len() == 1).await;
    server.stop.send(()).unwrap();
    time::timeout(Duration::from_secs(5), server.task).await.unwrap().unwrap().unwrap();
    let seen = time::timeout(Duration::from_secs(5), read(answers)).await.unwrap();
    assert_eq!(seen.successes(), 0);
    assert_eq!(seen.end.unwrap_err().code(), Code::Unavailable);
    eventually("nothing is held", || channel.held.bytes() == 0).await;
}
