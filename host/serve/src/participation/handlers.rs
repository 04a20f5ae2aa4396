//! The requests of the API.
//!
//! Source: fabric v3.1.5 `orderer/common/channelparticipation/{restapi,validator}.go`.

use bytes::Bytes;
use http::header::{ACCEPT, CONTENT_TYPE};
use http::{HeaderMap, StatusCode};
use raddle_core::bundle::check_channel_name;

use super::answer::{self, Answer};
use super::form::{Body, Form};
use super::routes::Route;
use super::{Participation, Refused, Which, media_type};

/// Keys of the parts that are asked for.
const JOIN_KEY: &str = "config-block";
const UPDATE_KEY: &str = "config-update-envelope";

/// Does what is asked for. An error is the answer as well.
pub(super) async fn serve(
    channels: &dyn Participation,
    route: Route,
    headers: &HeaderMap,
    body: Body<'_>,
) -> Result<Answer, Answer> {
    negotiate(headers)?;
    match route {
        Route::List => Ok(answer::list(&channels.list())),
        Route::Info { channel } => {
            check_channel(&channel)?;
            let not_found = |refused: Refused| answer::error(StatusCode::NOT_FOUND, &refused.to_string());
            channels.info(&channel).map(|info| answer::info(&info)).map_err(not_found)
        }
        Route::Join => {
            let block = part(headers, body, JOIN_KEY)?;
            let joined = channels.join(block).await;
            joined.map(|info| answer::created(&info)).map_err(|refused| not_joined(&refused))
        }
        Route::Update => {
            let envelope = part(headers, body, UPDATE_KEY)?;
            let updated = channels.update(envelope).await;
            updated.map(|info| answer::created(&info)).map_err(|refused| not_updated(&refused))
        }
        Route::Remove { channel } => {
            check_channel(&channel)?;
            let removed = channels.remove(&channel).await;
            removed.map(|()| answer::empty(StatusCode::NO_CONTENT)).map_err(|refused| not_removed(&refused))
        }
        Route::Block { channel, block } => {
            check_channel(&channel)?;
            let fetched = channels.block(&channel, which(&block)?).await;
            fetched
                .map(answer::block)
                .map_err(|refused| answer::error(StatusCode::NOT_FOUND, &refused.to_string()))
        }
    }
}

/// Fabric looks at the first `Accept` alone, and for parts of it.
fn negotiate(headers: &HeaderMap) -> Result<(), Answer> {
    let accept =
        headers.get(ACCEPT).map(|value| String::from_utf8_lossy(value.as_bytes())).unwrap_or_default();
    let takes = ["application/json", "application/*", "*/*"];
    let is_taken = |option: &str| takes.iter().any(|take| option.contains(take));
    if accept.is_empty() || accept.split(',').any(is_taken) {
        return Ok(());
    }
    let sentence = "response Content-Type is application/json only";
    Err(answer::error(StatusCode::NOT_ACCEPTABLE, sentence))
}

fn bad_request(sentence: &str) -> Answer {
    answer::error(StatusCode::BAD_REQUEST, sentence)
}

fn check_channel(channel: &str) -> Result<(), Answer> {
    check_channel_name(channel).map_err(|error| bad_request(&format!("invalid channel ID: {error}")))
}

/// Differs: Fabric sends the sentence twice, one JSON text behind the other.
fn which(block: &str) -> Result<Which, Answer> {
    match block {
        "oldest" => return Ok(Which::Oldest),
        "newest" => return Ok(Which::Newest),
        "config" => return Ok(Which::Config),
        _ => {}
    }
    match block.parse::<i64>() {
        // Fabric's ledger takes what this becomes for the last one.
        Ok(-1) => Ok(Which::Newest),
        Ok(number) => Ok(Which::Number(number.cast_unsigned())),
        Err(_) => {
            let sentence = format!("invalid block ID: '{block}' not equal <newest|oldest|config|(number)>");
            Err(bad_request(&sentence))
        }
    }
}

/// The one file that a form must have.
fn part(headers: &HeaderMap, body: Body<'_>, key: &str) -> Result<Bytes, Answer> {
    let media_type = headers.get(CONTENT_TYPE).map(|value| String::from_utf8_lossy(value.as_bytes()));
    let (_, parameters) = media_type::parse(&media_type.unwrap_or_default())
        .map_err(|error| bad_request(&format!("cannot parse Mime media type: {error}")))?;
    let boundary = parameters.get("boundary").map(String::as_str).unwrap_or_default();
    let form = Form::read(body, boundary)
        .map_err(|error| bad_request(&format!("cannot read form from request body: {error}")))?;
    let Some((_, content)) = form.files.iter().find(|(name, _)| name == key) else {
        return Err(bad_request(&format!("form does not contains part key: {key}")));
    };
    // Of several files of the one name Fabric takes the first.
    if form.has_values || form.files.iter().any(|(name, _)| name != key) {
        return Err(bad_request("form contains too many parts"));
    }
    Ok(Bytes::copy_from_slice(content))
}

fn not_joined(refused: &Refused) -> Answer {
    let sentence = format!("cannot join: {refused}");
    match refused {
        Refused::Unreadable(_) | Refused::InvalidBlock(_) => bad_request(&refused.to_string()),
        Refused::SystemChannelExists => answer::not_allowed(&sentence, "GET"),
        Refused::ChannelExists => answer::not_allowed(&sentence, "GET, DELETE"),
        Refused::ApplicationChannelsExist => answer::error(StatusCode::FORBIDDEN, &sentence),
        Refused::PendingRemoval => answer::error(StatusCode::CONFLICT, &sentence),
        Refused::RemovalFailed => answer::error(StatusCode::INTERNAL_SERVER_ERROR, &sentence),
        _ => bad_request(&sentence),
    }
}

fn not_removed(refused: &Refused) -> Answer {
    let sentence = format!("cannot remove: {refused}");
    match refused {
        Refused::SystemChannelExists => answer::not_allowed(&sentence, "GET"),
        Refused::NoChannel => answer::error(StatusCode::NOT_FOUND, &sentence),
        Refused::PendingRemoval => answer::error(StatusCode::CONFLICT, &sentence),
        _ => bad_request(&sentence),
    }
}

fn not_updated(refused: &Refused) -> Answer {
    let sentence = format!("cannot update: {refused}");
    match refused {
        Refused::Unreadable(_) | Refused::InvalidUpdate(_) => bad_request(&refused.to_string()),
        Refused::SystemChannelExists => answer::not_allowed(&sentence, "GET"),
        Refused::PendingRemoval => answer::error(StatusCode::CONFLICT, &sentence),
        Refused::RemovalFailed => answer::error(StatusCode::INTERNAL_SERVER_ERROR, &sentence),
        Refused::NoChannel => answer::error(StatusCode::METHOD_NOT_ALLOWED, &sentence),
        Refused::NotReady => answer::error(StatusCode::FORBIDDEN, &sentence),
        _ => bad_request(&sentence),
    }
}
