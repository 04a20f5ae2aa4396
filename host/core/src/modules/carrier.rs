//! From a policy of the config to a module, and back.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use flate2::{Compress, Compression, Decompress, FlushCompress, FlushDecompress, Status};
use prost::Message as _;
use raddle_proto::common;
use raddle_proto::wire::go_decode;

use super::refusal::{Cause, ModuleRefusal};
use super::spec::Spec;
use super::{BATCH_POLICY_KEY, FILTER_KEY_PREFIX, SPEC_BYTES_MAX, TEXT_BYTES_MAX, TEXT_PREFIX};

/// Bytes by which what is inflated grows at first.
const STEP_BYTES: usize = 64 << 10;

/// The policy that carries `spec`, under the key [`Spec::key`]. `mod_policy` is the path of the signature policy whose
/// owners may change the module afterwards.
///
/// # Errors
///
/// The spec breaks a rule that needs no sandbox; see [`Cause`].
pub fn encode(spec: &Spec, mod_policy: &str) -> Result<common::ConfigPolicy, ModuleRefusal> {
    spec.check().map_err(|cause| ModuleRefusal::module(&spec.key(), cause))?;
    let text = TEXT_PREFIX.to_owned() + &STANDARD.encode(deflate(&spec.marshal()));
    let policy =
        common::ImplicitMetaPolicy { sub_policy: text, rule: common::implicit_meta_policy::Rule::Any as i32 };
    Ok(common::ConfigPolicy {
        version: 0,
        policy: Some(common::Policy {
            r#type: common::policy::PolicyType::ImplicitMeta as i32,
            value: policy.encode_to_vec().into(),
        }),
        mod_policy: mod_policy.to_owned(),
    })
}

/// The module under `key`, checked as far as that needs no sandbox. Its length is checked before it is read, and what
/// it inflates to while it does.
///
/// # Errors
///
/// See [`Cause`].
pub fn decode(key: &str, policy: &common::ConfigPolicy) -> Result<Spec, ModuleRefusal> {
    decode_text(key, policy).map_err(|cause| ModuleRefusal::module(key, cause))
}

fn decode_text(key: &str, policy: &common::ConfigPolicy) -> Result<Spec, Cause> {
    if key != BATCH_POLICY_KEY && !key.starts_with(FILTER_KEY_PREFIX) {
        return Err(Cause::UnknownKey);
    }
    let policy = policy.policy.as_ref();
    let found = policy.map_or(0, |policy| policy.r#type);
    if found != common::policy::PolicyType::ImplicitMeta as i32 {
        return Err(Cause::PolicyType { found });
    }
    let value = policy.map(|policy| policy.value.clone()).unwrap_or_default();
    // What stands beside the text is a tag, its length and the rule.
    if value.len() > TEXT_BYTES_MAX.saturating_add(32) {
        return Err(Cause::TextBytes { used: value.len() });
    }
    let policy: common::ImplicitMetaPolicy =
        go_decode(value).map_err(|error| Cause::Unreadable { what: error.to_string() })?;
    let text = policy.sub_policy.strip_prefix(TEXT_PREFIX).ok_or(Cause::NoPrefix)?;
    if policy.sub_policy.len() > TEXT_BYTES_MAX {
        return Err(Cause::TextBytes { used: policy.sub_policy.len() });
    }
    let deflated = STANDARD.decode(text).map_err(|error| Cause::Base64 { what: error.to_string() })?;
    Spec::unmarshal(key, Bytes::from(inflate(&deflated)?))
}

/// Bytes of the policy's own, as a channel's limit counts them.
pub(super) fn encoded_bytes(policy: &common::ConfigPolicy) -> usize {
    policy.policy.as_ref().map_or(0, |policy| policy.value.len())
}

fn deflate(bytes: &[u8]) -> Vec<u8> {
    let mut deflater = Compress::new(Compression::best(), false);
    let mut out = Vec::new();
    loop {
        out.reserve(STEP_BYTES);
        let rest = usize::try_from(deflater.total_in()).ok().and_then(|done| bytes.get(done..));
        match deflater.compress_vec(rest.unwrap_or_default(), &mut out, FlushCompress::Finish) {
            Ok(Status::Ok | Status::BufError) => {}
            // It has no errors but those of a caller who finished before.
            Ok(Status::StreamEnd) | Err(_) => return out,
        }
    }
}

/// Inflates at most [`SPEC_BYTES_MAX`]; not one byte more is made.
fn inflate(deflated: &[u8]) -> Result<Vec<u8>, Cause> {
    let damaged = |what: &str| Cause::Deflate { what: what.to_owned() };
    let mut inflater = Decompress::new(false);
    let mut out: Vec<u8> = Vec::new();
    loop {
        // `reserve_exact` may give more than it was asked for, so the end is looked for below, too.
        let room = SPEC_BYTES_MAX.saturating_add(1).saturating_sub(out.len());
        out.reserve_exact(out.len().max(STEP_BYTES).min(room));
        let (done, had) = (inflater.total_in(), out.len());
        let rest = usize::try_from(done).ok().and_then(|done| deflated.get(done..)).unwrap_or_default();
        let status = inflater
            .decompress_vec(rest, &mut out, FlushDecompress::None)
            .map_err(|error| damaged(&error.to_string()))?;
        if out.len() > SPEC_BYTES_MAX {
            return Err(Cause::SpecBytes);
        }
        match status {
            Status::StreamEnd if inflater.total_in() == deflated.len() as u64 => return Ok(out),
            Status::StreamEnd => return Err(damaged("bytes follow its end")),
            Status::Ok | Status::BufError if inflater.total_in() == done && out.len() == had => {
                return Err(damaged("it is cut off"));
            }
            Status::Ok | Status::BufError => {}
        }
    }
}
