//! A reader, as any client of gRPC would write one, and what it asks for.

use std::{net::SocketAddr, time::Duration};

use prost::Message;
use raddle_proto::{
    common::{ChannelHeader, Envelope, Header, Payload, SignatureHeader},
    orderer::{
        DeliverResponse, SeekInfo, SeekNewest, SeekNextCommit, SeekOldest, SeekPosition, SeekSpecified,
        deliver_response, seek_position::Type,
    },
};
use raddle_serve::client::AtomicBroadcastClient;
use serde_json::Value;
use tokio::{sync::mpsc, time};
use tokio_stream::wrappers::UnboundedReceiverStream;
use tonic::{Status, Streaming, metadata::MetadataMap, transport::Channel};

use crate::{blocks::NOW_SECONDS, client::connect, doubles::CHANNEL};

/// `oldest`, `newest`, `next`, a number; `nothing` is a position of no type, and `-` is no position.
pub fn position(text: &str) -> Option<SeekPosition> {
    let r#type = match text {
        "-" => return None,
        "oldest" => Some(Type::Oldest(SeekOldest {})),
        "newest" => Some(Type::Newest(SeekNewest {})),
        "next" => Some(Type::NextCommit(SeekNextCommit {})),
        "nothing" => None,
        "max" => Some(Type::Specified(SeekSpecified { number: u64::MAX })),
        number => Some(Type::Specified(SeekSpecified { number: number.parse().unwrap() })),
    };
    Some(SeekPosition { r#type })
}

/// What is asked for: `START..STOP`, and behind it `fail` and `best` as one likes.
pub fn seek(text: &str) -> SeekInfo {
    let mut words = text.split(' ');
    let (start, stop) = words.next().unwrap().split_once("..").unwrap();
    let mut seek = SeekInfo { start: position(start), stop: position(stop), ..Default::default() };
    for word in words {
        match word {
            "fail" => seek.behavior = 1,
            "best" => seek.error_response = 1,
            other => panic!("{other}"),
        }
    }
    seek
}

/// A request, part by part.
pub struct Parts {
    pub channel_id: &'static str,
    /// Nanoseconds from when the test began.
    pub time: Option<i64>,
    pub signature_header: Vec<u8>,
    pub data: Vec<u8>,
}

impl Parts {
    pub fn of(seek_text: &str) -> Self {
        let signature_header =
            SignatureHeader { creator: b"somebody".as_slice().into(), ..Default::default() };
        Self {
            channel_id: CHANNEL,
            time: Some(0),
            signature_header: signature_header.encode_to_vec(),
            data: seek(seek_text).encode_to_vec(),
        }
    }

    pub fn envelope(self) -> Envelope {
        // Its type is not looked at.
        let mut channel_header =
            ChannelHeader { channel_id: self.channel_id.to_owned(), r#type: 77, ..Default::default() };
        if let Some(nanos) = self.time {
            let at = NOW_SECONDS as i64 * 1_000_000_000 + nanos;
            let timestamp = channel_header.timestamp.get_or_insert_default();
            (timestamp.seconds, timestamp.nanos) = (at / 1_000_000_000, (at % 1_000_000_000) as i32);
        }
        let header = Header {
            channel_header: channel_header.encode_to_vec().into(),
            signature_header: self.signature_header.into(),
        };
        let payload = Payload { header: Some(header), data: self.data.into() };
        Envelope { payload: payload.encode_to_vec().into(), signature: b"signature".as_slice().into() }
    }
}

pub fn request(seek_text: &str) -> Envelope {
    Parts::of(seek_text).envelope()
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Seen {
    Block(u64),
    Status(i32),
}

/// How a stream ended.
pub type End = Result<MetadataMap, Status>;

/// A stream of Deliver.
pub struct Reader {
    pub requests: Option<mpsc::UnboundedSender<Envelope>>,
    pub answers: Streaming<DeliverResponse>,
}

impl Reader {
    pub async fn open(channel: &Channel) -> Self {
        let (sender, receiver) = mpsc::unbounded_channel();
        let mut client = AtomicBroadcastClient::new(channel.clone()).max_decoding_message_size(usize::MAX);
        let answers = client.deliver(UnboundedReceiverStream::new(receiver)).await.unwrap().into_inner();
        Self { requests: Some(sender), answers }
    }

    /// A stream that is not opened, and why.
    pub async fn open_refused(channel: &Channel) -> Status {
        let mut client = AtomicBroadcastClient::new(channel.clone());
        client.deliver(tokio_stream::pending()).await.unwrap_err()
    }

    /// On a connection of its own, with a first request.
    pub async fn start(address: SocketAddr, seek_text: &str) -> Self {
        let reader = Self::open(&connect(address).await).await;
        reader.ask(request(seek_text));
        reader
    }

    pub fn ask(&self, request: Envelope) {
        self.requests.as_ref().unwrap().send(request).unwrap();
    }

    /// With these requests, and no more.
    pub async fn ask_all(channel: &Channel, seek_texts: &[&str]) -> Self {
        let mut reader = Self::open(channel).await;
        for text in seek_texts {
            reader.ask(request(text));
        }
        reader.requests = None;
        reader
    }

    /// What comes next, or how the stream ended.
    pub async fn next(&mut self) -> Result<Seen, End> {
        let answer = time::timeout(Duration::from_secs(10), self.answers.message()).await.unwrap();
        match answer.map_err(Err)? {
            Some(DeliverResponse { r#type: Some(deliver_response::Type::Block(block)) }) => {
                Ok(Seen::Block(block.header.unwrap().number))
            }
            Some(DeliverResponse { r#type: Some(deliver_response::Type::Status(status)) }) => {
                Ok(Seen::Status(status))
            }
            Some(DeliverResponse { r#type: None }) => panic!("an answer of no type"),
            None => Err(self.answers.trailers().await.map(Option::unwrap_or_default)),
        }
    }

    /// Blocks up to the next status, and that status.
    pub async fn until_status(&mut self) -> (Vec<u64>, i32) {
        let mut blocks = Vec::new();
        loop {
            match self.next().await.unwrap() {
                Seen::Block(number) => blocks.push(number),
                Seen::Status(status) => return (blocks, status),
            }
        }
    }

    /// This many blocks.
    pub async fn blocks(&mut self, count: usize) -> Vec<u64> {
        let mut blocks = Vec::new();
        while blocks.len() < count {
            match self.next().await.unwrap() {
                Seen::Block(number) => blocks.push(number),
                Seen::Status(status) => panic!("status {status} after {blocks:?}"),
            }
        }
        blocks
    }

    /// The stream ends here, as Fabric ends it: gives the code and the reason.
    pub async fn end(mut self) -> (Option<String>, Value) {
        let trailers = self.next().await.unwrap_err().unwrap();
        let code = trailers.get("raddle-code").map(|code| code.to_str().unwrap().to_owned());
        let reason = trailers.get_bin("raddle-reason-bin").map(|reason| reason.to_bytes().unwrap());
        (code, reason.map_or(Value::Null, |reason| serde_json::from_slice(&reason).unwrap()))
    }

    /// The stream ends here, with an error of gRPC's.
    pub async fn failure(mut self) -> Status {
        self.next().await.unwrap_err().unwrap_err()
    }
}
