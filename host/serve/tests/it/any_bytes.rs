//! Bytes that no client of Fabric's would send.

use std::{net::SocketAddr, sync::LazyLock, time::Duration};

use bytes::Bytes;
use futures_util::stream;
use proptest::prelude::*;
use raddle_serve::server::ServerSettings;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    runtime::Runtime,
    time,
};
use tonic::{Code, transport::Channel};

use crate::{
    client::{Seen, connect, open, read, send, send_body},
    doubles::{TestChannel, envelope, serve},
};

/// A server and a client for all inputs of all tests here: it must outlive each of them.
static SERVER: LazyLock<(Runtime, SocketAddr, Channel)> = LazyLock::new(|| {
    let runtime = Runtime::new().unwrap();
    let (address, channel) = runtime.block_on(async {
        let channel = TestChannel::open();
        let running = serve(&channel, ServerSettings::default()).await;
        let address = running.address;
        // Dropping what stops it would stop it.
        tokio::spawn(async move {
            let _running = running;
            std::future::pending::<()>().await;
        });
        (address, connect(address).await)
    });
    (runtime, address, channel)
});

async fn is_alive(address: SocketAddr) -> bool {
    send(address, vec![envelope(0)]).await.successes() == 1
}

fn frame(message: &[u8]) -> Vec<u8> {
    [&[0], &u32::try_from(message.len()).unwrap().to_be_bytes()[..], message].concat()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn any_message_is_answered(messages in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..64), 0..8)) {
        let (runtime, _, channel) = &*SERVER;
        let count = messages.len();
        let seen: Seen = runtime.block_on(async {
            let messages = messages.into_iter().map(Bytes::from);
            time::timeout(Duration::from_secs(10), async { read(open(channel, stream::iter(messages)).await).await })
                .await
                .unwrap()
        });
        // Nothing here names a channel, so the first answer is the last one.
        prop_assert!(seen.answers.len() <= 1);
        match seen.end {
            Ok(_) => {
                prop_assert_eq!(seen.answers.len(), count.min(1));
                prop_assert!(seen.answers.iter().all(|answer| answer.0 == 400));
            }
            Err(status) => prop_assert_eq!(status.code(), Code::Internal),
        }
    }

    #[test]
    fn a_damaged_envelope_is_answered(at in any::<prop::sample::Index>(), byte in any::<u8>(), cut in any::<bool>()) {
        let (runtime, _, channel) = &*SERVER;
        let mut bytes = envelope(1);
        let at = at.index(bytes.len());
        if cut { bytes.truncate(at) } else { bytes[at] = byte }
        let seen = runtime.block_on(async { read(open(channel, stream::iter([Bytes::from(bytes)])).await).await });
        let expected = match seen.end {
            Ok(_) => seen.answers.len() == 1 && [200, 400].contains(&seen.answers[0].0),
            Err(ref status) => seen.answers.is_empty() && status.code() == Code::Internal,
        };
        prop_assert!(expected, "{seen:?}");
    }

    #[test]
    fn any_body_ends_with_a_status(body in prop::collection::vec(any::<u8>(), 0..200), is_framed in any::<bool>()) {
        let (runtime, _, channel) = &*SERVER;
        let body = if is_framed { [frame(&envelope(2)), body].concat() } else { body };
        let (http, grpc) = runtime.block_on(async {
            time::timeout(Duration::from_secs(10), send_body(channel, body)).await.unwrap()
        });
        prop_assert_eq!(http, 200);
        prop_assert!(grpc.is_some());
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    #[test]
    fn any_bytes_on_the_socket_hurt_their_own_connection_only(
        bytes in prop::collection::vec(any::<u8>(), 0..2000),
        has_preface in any::<bool>(),
    ) {
        let (runtime, address, _) = &*SERVER;
        runtime.block_on(async {
            let mut socket = TcpStream::connect(address).await.unwrap();
            if has_preface {
                socket.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").await.unwrap();
            }
            // The server may hang up at any byte.
            let _ = socket.write_all(&bytes).await;
            let _ = socket.shutdown().await;
            let mut answer = Vec::new();
            let _ = time::timeout(Duration::from_secs(10), socket.read_to_end(&mut answer)).await.unwrap();
        });
    }
}

#[test]
fn the_server_lives_on() {
    let (runtime, address, channel) = &*SERVER;
    let bodies: [(&[u8], i32); 6] = [
        // Flags that do not exist, compression that was not agreed on, an end in the middle.
        (&[2, 0, 0, 0, 0], 13),
        (&[1, 0, 0, 0, 0], 13),
        (&[0, 0, 0, 0], 13),
        (&[0, 0, 0, 0, 2, 10], 13),
        // A message that was announced and of which nothing came counts as not sent.
        (&[0, 0, 0, 0, 1], 0),
        (&[], 0),
    ];
    for (body, expected) in bodies {
        let (_, status) = runtime.block_on(send_body(channel, body.to_vec()));
        assert_eq!(status, Some(expected), "{body:?}");
    }
    assert!(runtime.block_on(is_alive(*address)));
}

#[test]
fn what_is_no_envelope_ends_the_stream_as_gos_server_does_after_the_answers_before_it() {
    let (runtime, address, _) = &*SERVER;
    let seen = runtime
        .block_on(send(*address, vec![envelope(0), envelope(1), b"\x0a\x05abc".to_vec(), envelope(2)]));
    assert_eq!(seen.successes(), 2);
    let status = seen.end.unwrap_err();
    assert_eq!(status.code(), Code::Internal);
    let text = "grpc: failed to unmarshal the received message: proto: ";
    assert!(status.message().starts_with(text), "{status:?}");
}
