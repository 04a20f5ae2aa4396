//! The demo's envelopes that are not taken, each for another reason.

use std::time::SystemTime;

use raddle_core::ids::ChannelId;
use raddle_proto::common::{self, HeaderType};
use raddle_proto::wire::Envelope;

use super::cast::{BATCH_SIZE, CHANNEL, Cast};
use crate::cli::{Code, Exit, Failure, output};
use crate::client::{self, Answer, Client, Refusal};
use crate::identity::{Signer, SignerError};

/// What is wrong with an envelope, and the envelope.
pub struct Case {
    what: &'static str,
    envelope: common::Envelope,
}

/// One of each kind.
///
/// # Errors
///
/// The cryptographic library fails.
pub fn cases(cast: &Cast) -> Result<Vec<Case>, Failure> {
    let channel = ChannelId(CHANNEL.into());
    let signed = |signer: &Signer, bytes: usize| -> Result<Envelope, SignerError> {
        signer.envelope(&channel, HeaderType::Message, vec![b'x'; bytes], SystemTime::now())
    };
    let good = signed(&cast.client, 100)?;
    // Somebody changes what was signed: the last byte of the data.
    let mut payload = good.payload().to_vec();
    if let Some(last) = payload.last_mut() {
        *last ^= 1;
    }
    let changed = Envelope::new(&payload, good.signature());
    let case = |what, envelope: &Envelope| Case { what, envelope: client::message(envelope) };
    Ok(vec![
        case("too large", &signed(&cast.client, BATCH_SIZE.absolute_max_bytes as usize)?),
        case("certificate ended yesterday", &signed(&cast.ended, 100)?),
        case("changed after signing", &changed),
        case("signed by a peer, which may only read", &signed(&cast.peer, 100)?),
        case("signed by a stranger", &signed(&cast.outsider, 100)?),
        case("not signed", &Envelope::new(good.payload(), &[])),
        case("empty", &Envelope::new(&[], &[])),
    ])
}

/// Sends each on a stream of its own, since a refusal ends a stream; shows the answers.
///
/// # Errors
///
/// One is taken: our bug. Or the orderer does not answer.
pub async fn send(orderer: &Client, cases: Vec<Case>) -> Result<(), Failure> {
    for Case { what, envelope } in cases {
        let mut answers = orderer.broadcast(tokio_stream::once(envelope));
        let Some(Answer::Refused(refusal)) = answers.next().await? else {
            let sentence = format!("an envelope that is {what} was not refused");
            return Err(Failure::new(Code::Bug, Exit::Bug, sentence));
        };
        let (status, said_by) = (refusal.status, said_by(&refusal));
        anstream::println!("  {status}  {said_by:<16}  {what}");
        anstream::println!("       {:<16}  {}", "", output::printable(&refusal.info));
        // Told to those who may read the channel.
        for line in refusal.detail.text("proof").into_iter().flat_map(str::lines) {
            anstream::println!("       {:<16}  {}", "", output::printable(line));
        }
    }
    Ok(())
}

/// The module that refuses. What has no readable headers is in no channel, so no module sees it.
fn said_by(refusal: &Refusal) -> String {
    match refusal.detail.text("module") {
        Some(module) => module.to_owned(),
        None => "before filters".into(),
    }
}
