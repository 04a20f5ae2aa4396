//! What can be wrong with a policy, and how one fails. The texts are Fabric's where Fabric has one.

use std::borrow::Cow;

use raddle_proto::wire::WireError;

use super::GROUPS_DEPTH_MAX;

/// Why a config gives no [`super::PolicyTree`].
///
/// With several broken policies the first by path is named: a group's sub-groups come before its own policies.
///
/// Source: fabric v2.5.16 `common/policies/policy.go` `NewManagerImpl`.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BuildError {
    /// The config has the policy's name and no policy.
    #[error("policy {name} at path {path} was nil")]
    Nil {
        /// The policy's name.
        name: String,
        /// Its group, without a slash in front.
        path: String,
    },
    /// The policy is of no kind that a channel may have: MSP policies and unknown ones.
    #[error("policy {name} at path {path} has unknown policy type: {found}")]
    UnknownType {
        /// The policy's name.
        name: String,
        /// Its group, without a slash in front.
        path: String,
        /// `Policy.type` as it stands in the config.
        found: i32,
    },
    /// A signature policy that makes no sense.
    #[error("policy {name} at path {path} did not compile: {error}")]
    Signature {
        /// The policy's name.
        name: String,
        /// Its group, without a slash in front.
        path: String,
        /// What is wrong with it.
        error: CompileError,
    },
    /// An implicit meta policy whose bytes are none.
    #[error(
        "implicit policy {name} at path {path} did not compile: Error unmarshalling to ImplicitMetaPolicy: {}",
        go_text(.error)
    )]
    ImplicitMeta {
        /// The policy's name.
        name: String,
        /// Its group, without a slash in front.
        path: String,
        /// What is wrong with its bytes.
        error: WireError,
    },
    /// Groups inside groups.
    #[error("more than {GROUPS_DEPTH_MAX} groups stand inside one another below {path}")]
    GroupDepth {
        /// The outermost group, without a slash in front.
        path: String,
    },
}

/// Why a signature policy does not compile.
///
/// Source: fabric v2.5.16 `common/cauthdsl/{cauthdsl,policy}.go` `compile`, `NewPolicy`.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CompileError {
    /// The bytes are no `SignaturePolicyEnvelope`.
    #[error("Error unmarshalling to SignaturePolicy: {}", go_text(.0))]
    Unmarshal(WireError),
    /// Only version 0 is known.
    #[error("This evaluator only understands messages of version 0, but version was {0}")]
    Version(i32),
    /// The policy has no rule.
    #[error("Empty policy element")]
    NoRule,
    /// A rule names a principal that is not in the list.
    #[error("identity index out of range, requested {requested}, but identities length is {length}")]
    IndexOutOfRange {
        /// `signed_by`.
        requested: i32,
        /// How many principals the policy lists.
        length: usize,
    },
    /// A rule that is neither a principal nor a count of rules.
    #[error("Unknown type: <nil>:<nil>")]
    UnknownRule,
}

/// Why a policy does not hold. The text goes to clients.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PolicyFailure {
    /// The signers do not satisfy a signature policy.
    ///
    /// Source: fabric v2.5.16 `common/cauthdsl/policy.go` `EvaluateIdentities`.
    #[error("signature set did not satisfy policy")]
    Signature,
    /// Too few of the groups below hold.
    ///
    /// Source: fabric v2.5.16 `common/policies/implicitmeta.go` `EvaluateSignedData`.
    #[error(
        "implicit policy evaluation failed - {satisfied} sub-policies were satisfied, but this policy requires \
         {needed} of the '{sub_policy}' sub-policies to be satisfied"
    )]
    ImplicitMeta {
        /// How many sub-policies hold.
        satisfied: usize,
        /// How many had to. 0 under an unknown rule, which holds only if no sub-policy does.
        needed: usize,
        /// Their name.
        sub_policy: String,
    },
    /// There is no such policy, so nothing satisfies it.
    #[error(transparent)]
    NoSuchPolicy(#[from] NoSuchPolicy),
}

/// There is no policy of this name. Fabric puts a policy in its place that refuses everything with this text.
///
/// Source: fabric v2.5.16 `common/policies/policy.go` `rejectPolicy`.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no such policy: '{id}'")]
pub struct NoSuchPolicy {
    /// What was asked for; without the manager's own path if it began with that.
    pub id: String,
}

/// Why a message does not tell who signed it.
///
/// Source: fabric v2.5.16 `protoutil/signeddata.go`.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SignedDataError {
    /// The payload is no `Payload`, or a signature header of a config update is none.
    #[error("{}", go_text(.0))]
    Wire(WireError),
    /// The payload has no header.
    #[error("Missing Header")]
    MissingHeader,
    /// The signature header is no `SignatureHeader`.
    #[error("GetSignatureHeaderFromBytes failed, err {}", go_text(.0))]
    SignatureHeader(WireError),
}

/// What Go's library says of bytes that it cannot read; where only this side has a limit, what this side says.
///
/// Source: protobuf-go v1.36.11 `internal/impl/{decode,codec_field}.go` `errDecode`, `errInvalidUTF8`.
pub(crate) fn go_text(error: &WireError) -> Cow<'static, str> {
    match error {
        WireError::NotUtf8 { .. } => "string field contains invalid UTF-8".into(),
        WireError::MessageDepth { .. } | WireError::NoSchema { .. } | WireError::Decoder(_) => {
            error.to_string().into()
        }
        _ => "proto: cannot parse invalid wire-format data".into(),
    }
}
