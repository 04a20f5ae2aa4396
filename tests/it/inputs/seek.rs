//! Requests for blocks, asked of an orderer over its socket: whatever is asked for, blocks come as they are and in
//! order, then a status.

use std::time::SystemTime;

use bytes::Bytes;
use proptest::prelude::*;
use prost::Message as _;
use raddle::client::{Client, ClientError, Place, range};
use raddle_proto::common::{Block, HeaderType, Payload, Status};
use raddle_proto::orderer::seek_info::SeekBehavior;
use raddle_proto::orderer::{SeekInfo, SeekPosition, SeekSpecified, seek_position};
use raddle_proto::wire::{Envelope, go_decode};
use raddle_serve::deliver::SEEK_BYTES_MAX;
use tokio::runtime::Runtime;

use super::mutation::{Mutation, mutate, mutations, odd_number};
use super::{Outcome, try_inputs};
use crate::harness::admin::with_value;
use crate::harness::scene::Scene;

/// Blocks of the channel.
const HEIGHT: u64 = 4;

/// An orderer whose channel has a few blocks, and somebody who may read them.
struct Asked {
    runtime: Runtime,
    scene: Scene,
    client: Client,
    blocks: Vec<Block>,
}

impl Asked {
    fn start() -> Self {
        let runtime = Runtime::new().unwrap();
        let (scene, client, blocks) = runtime.block_on(async {
            let scene = Scene::start().await;
            let client = scene.client().await;
            for count in 1..HEIGHT {
                let path = "/Channel/Orderer/BatchSize/max_message_count";
                scene.update(&client, |config| with_value(config, path, &count.to_string())).await;
            }
            let mut following = scene.admin.blocks_from(&client, 0);
            let mut blocks = Vec::new();
            while blocks.len() < HEIGHT as usize {
                blocks.push(following.next().await.unwrap().unwrap());
            }
            (scene, client, blocks)
        });
        Self { runtime, scene, client, blocks }
    }

    fn signed(&self, payload: &[u8]) -> Envelope {
        Envelope::new(payload, &self.scene.admin.client().sign(payload).unwrap())
    }

    fn request(&self, data: Vec<u8>) -> Envelope {
        let (signer, channel) = (self.scene.admin.client(), self.scene.admin.channel());
        signer.envelope(channel, HeaderType::DeliverSeekInfo, data, SystemTime::now()).unwrap()
    }

    /// Asks, and reads up to the status. Answers how many blocks came.
    fn ask(&self, envelope: &Envelope) -> Result<usize, ClientError> {
        self.runtime.block_on(async {
            let (mut answers, mut came, mut next) = (self.client.deliver(envelope), 0, None);
            while let Some(block) = answers.next().await? {
                let number = block.header.as_ref().unwrap().number;
                assert!(next.is_none_or(|next| next == number), "block {number}");
                let original = &self.blocks[usize::try_from(number).unwrap()];
                assert_eq!(block.header, original.header);
                // Who asks for headers alone gets no data.
                assert!(block.data == original.data || block.data.is_none_or(|data| data.data.is_empty()));
                (came, next) = (came + 1, Some(number + 1));
            }
            Ok(came)
        })
    }
}

/// What is asked for, if the bytes can be read.
fn seek_of(data: &Bytes) -> Option<SeekInfo> {
    go_decode(data.clone()).ok()
}

/// Whether blocks that do not exist yet would be waited for, which has no end here.
fn waits(seek: &SeekInfo) -> bool {
    seek.behavior != i32::from(SeekBehavior::FailIfNotReady)
}

/// How many blocks are owed; none if the request is one to refuse, at its beginning or at the end of the channel.
///
/// Source: fabric v2.5.16 `common/deliver/deliver.go` `deliverBlocks`: what is no end counts as block 0.
fn owed(seek: &SeekInfo) -> Option<u64> {
    use seek_position::Type::{Newest, NextCommit, Oldest, Specified};
    let start = match seek.start.as_ref()?.r#type.as_ref()? {
        Oldest(_) => 0,
        Newest(_) => HEIGHT - 1,
        Specified(SeekSpecified { number }) => *number,
        NextCommit(_) => HEIGHT,
    };
    let stop = match &seek.stop.as_ref()?.r#type {
        Some(Oldest(_)) => start,
        Some(Newest(_)) => HEIGHT - 1,
        Some(Specified(SeekSpecified { number })) => *number,
        Some(NextCommit(_)) | None => 0,
    };
    (start <= stop && stop < HEIGHT).then(|| stop - start + 1)
}

#[derive(Clone, Debug)]
enum Input {
    /// `SeekInfo` as nobody writes it, signed.
    Data { seek: SeekInfo, mutations: Vec<Mutation> },
    /// A payload with headers of any kind, signed.
    Payload(Vec<Mutation>),
    /// An envelope that is not what was signed.
    Envelope(Vec<Mutation>),
}

fn position() -> impl Strategy<Value = Option<SeekPosition>> + Clone {
    let word = |place: Place| range(place, place, true).start;
    let number = move |number| word(Place::Number(number));
    let next = SeekPosition { r#type: Some(seek_position::Type::NextCommit(Default::default())) };
    prop_oneof![
        1 => Just(None),
        1 => Just(Some(SeekPosition { r#type: None })),
        2 => Just(word(Place::Oldest)),
        2 => Just(word(Place::Newest)),
        1 => Just(Some(next)),
        6 => (0..HEIGHT + 2).prop_map(number),
        2 => odd_number().prop_map(number),
    ]
}

fn seek() -> impl Strategy<Value = SeekInfo> + Clone {
    let behavior = SeekBehavior::FailIfNotReady.into();
    (position(), position(), -1..3, -1..3).prop_map(move |(start, stop, error_response, content_type)| {
        SeekInfo { start, stop, behavior, error_response, content_type }
    })
}

fn inputs() -> impl Strategy<Value = Input> {
    let maybe = prop_oneof![Just(Vec::new()), mutations()];
    prop_oneof![
        6 => (seek(), maybe).prop_map(|(seek, mutations)| Input::Data { seek, mutations }),
        2 => mutations().prop_map(Input::Payload),
        2 => mutations().prop_map(Input::Envelope),
    ]
}

impl Input {
    /// The request, and what is asked for if it can be read.
    fn request(&self, asked: &Asked) -> Option<(Envelope, Option<SeekInfo>)> {
        const NONE: &[&[u8]] = &[];
        let good = || asked.request(range(Place::Oldest, Place::Newest, false).encode_to_vec());
        let envelope = match self {
            Self::Data { seek, mutations } => asked.request(mutate(&seek.encode_to_vec(), mutations, NONE)),
            Self::Payload(mutations) => asked.signed(&mutate(good().payload(), mutations, NONE)),
            Self::Envelope(mutations) => {
                Envelope::unmarshal(mutate(&good().marshal(), mutations, NONE).into()).ok()?
            }
        };
        let payload = go_decode::<Payload>(envelope.payload().clone()).ok();
        let seek = payload.and_then(|payload| seek_of(&payload.data));
        Some((envelope, seek))
    }
}

#[test]
fn seek_info() {
    let asked = Asked::start();
    let all = asked.request(range(Place::Oldest, Place::Newest, false).encode_to_vec());
    assert_eq!(asked.ask(&all).unwrap(), HEIGHT as usize);
    try_inputs("seek", 200, &inputs(), |input| {
        let Some((envelope, seek)) = input.request(&asked) else { return Outcome::Refused };
        if seek.as_ref().is_some_and(waits) {
            return Outcome::Refused;
        }
        let answer = asked.ask(&envelope);
        match &answer {
            Ok(came) => assert_eq!(seek.as_ref().and_then(owed), Some(*came as u64), "{seek:?}"),
            Err(ClientError::Refused(refusal)) => {
                let status = Status::try_from(refusal.status).unwrap();
                let known =
                    [Status::BadRequest, Status::Forbidden, Status::NotFound, Status::RequestEntityTooLarge];
                assert!(known.contains(&status), "{refusal}");
                let is_too_long = envelope.marshal().len() > SEEK_BYTES_MAX;
                let says_so = refusal.to_string().contains(" bytes, and at most ");
                assert_eq!(says_so, is_too_long, "{refusal}");
                let is_good = matches!(input, Input::Data { .. }) && seek.as_ref().and_then(owed).is_some();
                assert!(!is_good || is_too_long, "{refusal}: {seek:?}");
            }
            Err(other) => panic!("{other}"),
        }
        Outcome::of(&answer)
    });
    assert_eq!(asked.ask(&all).unwrap(), HEIGHT as usize, "it serves on");
    let Asked { runtime, scene, .. } = asked;
    runtime.block_on(scene.orderer.stop()).unwrap();
}
