//! Which channels an orderer has, asked as its admin: Fabric's channel participation API.
//!
//! Source: fabric v2.5.16 `orderer/common/types/channelinfo.go`, `cmd/osnadmin/main.go`.

use bytes::Bytes;
use http_body_util::{BodyExt as _, Empty, Limited};
use hyper::header::{ACCEPT, HOST};
use hyper::{Request, StatusCode};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use tokio::time::timeout;

use super::{ClientError, ClientTls, Patience, check_address, wire};

const CHANNELS: &str = "/participation/v1/channels";

/// Longest answer that is read.
const ANSWER_BYTES_MAX: usize = 16 << 20;

/// How a channel stands with an orderer.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ChannelStanding {
    /// The channel.
    pub name: String,
    /// `active`, `onboarding`, `inactive` or `failed`.
    pub status: String,
    /// `consenter`, `follower`, `config-tracker` or `other`.
    pub consensus_relation: String,
    /// The number of its blocks there.
    pub height: u64,
    /// Whether it creates the others.
    #[serde(skip)]
    pub is_system: bool,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct List {
    system_channel: Option<Named>,
    channels: Option<Vec<Named>>,
}

#[derive(Deserialize)]
struct Named {
    name: String,
}

#[derive(Deserialize)]
struct Wrong {
    error: String,
}

/// Asks the orderer whose admins are served at `address` for all of its channels. One that goes while they are asked
/// for is left out.
///
/// # Errors
///
/// [`ClientError::Address`], [`ClientError::Unreachable`], [`ClientError::Wire`], [`ClientError::Silent`],
/// [`ClientError::Broken`] and [`ClientError::Http`].
pub async fn list_channels(
    address: &str,
    patience: Patience,
    tls: Option<&ClientTls>,
) -> Result<Vec<ChannelStanding>, ClientError> {
    let admin = Admin { address, patience, tls: tls.map(ClientTls::for_http) };
    let List { system_channel, channels } = admin.get(CHANNELS).await?;
    let channels = channels.unwrap_or_default().into_iter().map(|it| (it.name, false));
    let mut standings = Vec::new();
    for (name, is_system) in system_channel.into_iter().map(|it| (it.name, true)).chain(channels) {
        match admin.get::<ChannelStanding>(&format!("{CHANNELS}/{name}")).await {
            Ok(standing) => standings.push(ChannelStanding { is_system, ..standing }),
            Err(ClientError::Http { status: 404, .. }) => {}
            Err(error) => return Err(error),
        }
    }
    standings.sort_by(|one, other| one.name.cmp(&other.name));
    Ok(standings)
}

/// The way to an orderer's admins.
struct Admin<'a> {
    address: &'a str,
    patience: Patience,
    tls: Option<ClientTls>,
}

impl Admin<'_> {
    async fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, ClientError> {
        check_address(self.address)?;
        let silence = self.patience.answer;
        let silent = |_| ClientError::Silent { address: self.address.to_owned(), silence };
        let (status, body) = timeout(silence, self.answer(path)).await.map_err(silent)??;
        let http = |text: String| {
            let address = self.address.to_owned();
            ClientError::Http { address, status: status.as_u16(), text }
        };
        if status != StatusCode::OK {
            let said: Option<Wrong> = serde_json::from_slice(&body).ok();
            return Err(http(said.map_or_else(|| "without a sentence".to_owned(), |it| it.error)));
        }
        serde_json::from_slice(&body)
            .map_err(|error| http(format!("with JSON that is none of its API's: {error}")))
    }

    /// One request over a connection of its own.
    async fn answer(&self, path: &str) -> Result<(StatusCode, Bytes), ClientError> {
        let fault = wire::Fault::default();
        let connecting = wire::connect(self.address.to_owned(), self.tls.clone(), fault.clone());
        let socket = timeout(self.patience.connect, connecting).await;
        let address = || self.address.to_owned();
        let socket = match socket {
            Ok(Ok(socket)) => socket,
            Ok(Err(wire::NotConnected::Wire(fault))) => {
                return Err(ClientError::Wire { address: address(), fault });
            }
            Ok(Err(error)) => {
                return Err(ClientError::Unreachable { address: address(), cause: error.to_string() });
            }
            Err(_) => {
                let cause = "the connection is not made in time".to_owned();
                return Err(ClientError::Unreachable { address: address(), cause });
            }
        };
        let broken = |cause: String| match fault.get() {
            Some(fault) => ClientError::Wire { address: address(), fault: fault.clone() },
            None => ClientError::Broken { address: address(), cause },
        };
        let (mut sender, connection) =
            hyper::client::conn::http1::handshake(socket).await.map_err(|error| broken(error.to_string()))?;
        let asking = async move {
            let request = Request::get(path).header(HOST, self.address).header(ACCEPT, "application/json");
            let request = request.body(Empty::<Bytes>::new()).map_err(|error| broken(error.to_string()))?;
            let answer = sender.send_request(request).await.map_err(|error| broken(error.to_string()))?;
            let status = answer.status();
            let body = Limited::new(answer.into_body(), ANSWER_BYTES_MAX).collect().await;
            Ok((status, body.map_err(|error| broken(error.to_string()))?.to_bytes()))
        };
        // The connection works while the answer is awaited, and goes with the sender.
        let (answer, _) = tokio::join!(asking, connection);
        answer
    }
}
