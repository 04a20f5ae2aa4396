//! Answers: status, headers, body.
//!
//! Source: fabric v3.1.5 `orderer/common/channelparticipation/restapi.go` `sendResponse…`.

use bytes::Bytes;
use http::StatusCode;
use http::header::{ALLOW, CACHE_CONTROL, LOCATION};

use super::routes::BASE;
use super::{ChannelInfo, ChannelList};
pub(super) use crate::web::{Answer, empty, not_found, redirect, with};
use crate::web::{json, string, text};

/// A sentence about what is wrong, as JSON.
pub(super) fn error(status: StatusCode, sentence: &str) -> Answer {
    json(status, format!("{{\"error\":{}}}\n", string(sentence)))
}

/// The method, or the request as such, is not allowed now.
pub(super) fn not_allowed(sentence: &str, allowed: &str) -> Answer {
    with(error(StatusCode::METHOD_NOT_ALLOWED, sentence), ALLOW, allowed)
}

/// All channels.
pub(super) fn list(list: &ChannelList) -> Answer {
    let short = |name: &String| format!("{{\"name\":{},\"url\":{}}}", string(name), string(&url(name)));
    let system = list.system_channel.as_ref().map_or_else(|| "null".to_owned(), short);
    let channels: Vec<String> = list.channels.iter().map(short).collect();
    let channels = if channels.is_empty() { "null".to_owned() } else { format!("[{}]", channels.join(",")) };
    let body = format!("{{\"systemChannel\":{system},\"channels\":{channels}}}\n");
    with(json(StatusCode::OK, body), CACHE_CONTROL, "no-store")
}

/// One channel.
pub(super) fn info(info: &ChannelInfo) -> Answer {
    with(json(StatusCode::OK, info_json(info)), CACHE_CONTROL, "no-store")
}

/// A channel that is there now, or is changed.
pub(super) fn created(info: &ChannelInfo) -> Answer {
    with(json(StatusCode::CREATED, info_json(info)), LOCATION, &url(&info.name))
}

/// A block.
pub(super) fn block(block: Bytes) -> Answer {
    let answer = text(StatusCode::OK, "application/octet-stream", block);
    with(answer, CACHE_CONTROL, "no-store")
}

fn url(channel: &str) -> String {
    format!("{BASE}channels/{channel}")
}

fn info_json(info: &ChannelInfo) -> String {
    let (relation, status) = (info.relation.word(), info.status.word());
    let (name, url) = (string(&info.name), string(&url(&info.name)));
    let ChannelInfo { height, .. } = info;
    format!(
        "{{\"name\":{name},\"url\":{url},\"consensusRelation\":\"{relation}\",\"status\":\"{status}\",\
         \"height\":{height}}}\n"
    )
}
