//! What an MSP refuses, in Fabric's words.
//!
//! The texts are Fabric's byte for byte, since logs, answers to clients and the messages of config checks carry them.
//! Where Go prints a whole Go struct, the certificate's subject stands instead: `Differs:` at the variant.

use bytes::Bytes;
use raddle_proto::go_text::decimal_list;
use raddle_proto::wire::WireError;

use crate::crl::{AuthorityKeyIdError, RevocationListError};
use crate::role::Role;
use crate::signature::EcdsaSignatureError;
use crate::x509::{ParseError, PathError};

/// Why a configured certificate cannot be read.
///
/// Source: fabric v2.5.16 `msp/mspimpl.go` `getCertFromPem`.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum ConfiguredCertificateError {
    /// Nothing is there.
    #[error("getCertFromPem error: nil idBytes")]
    Missing,
    /// No PEM block in these bytes.
    #[error("getCertFromPem error: could not decode pem bytes [{}]", decimal_list(.0))]
    Pem(Bytes),
    /// The block is no certificate.
    #[error("getCertFromPem error: failed to parse x509 cert: {0}")]
    Certificate(#[from] ParseError),
}

/// Why a certificate has not the one cert path that every identity needs.
///
/// Source: fabric v2.5.16 `msp/mspimpl.go` `getUniqueValidationChain`.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum UniquePathError {
    /// There is none.
    #[error("the supplied identity is not valid: {0}")]
    Invalid(#[from] PathError),
    /// There are so many.
    #[error("this MSP only supports a single validation chain, got {0}")]
    Several(usize),
}

/// Why a certificate's path does not make an identity.
///
/// Source: fabric v2.5.16 `msp/mspimpl.go` `getCertificationChainForBCCSPIdentity`, `getValidationChain`.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum IdentityPathError {
    /// An authority is no identity.
    #[error(
        "An X509 certificate with Basic Constraint: Certificate Authority equals true cannot be used as an identity"
    )]
    Authority,
    /// There is not exactly one path.
    #[error("failed getting validation chain: {0}")]
    Path(#[from] UniquePathError),
    /// The certificate is itself among the roots. The number is the path's length.
    #[error("expected a chain of length at least 2, got {0}")]
    TooShort(usize),
    /// The issuer stands above other authorities, and such an issuer issues no identities. Holds the identity's DER.
    #[error(
        "invalid validation chain. Parent certificate should be a leaf of the certification tree [{}]",
        decimal_list(.0)
    )]
    IssuerIsInternal(Bytes),
}

/// Why revocation lists refuse a certificate.
///
/// Source: fabric v2.5.16 `msp/mspimplvalidate.go` `validateCertAgainstChain`.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum RevocationError {
    /// The issuer's key has no identifier.
    #[error(
        "could not obtain Subject Key Identifier for signer cert: subjectKeyIdentifier not found in certificate"
    )]
    IssuerKeyId,
    /// One of the lists does not name its signer's key.
    #[error("could not obtain Authority Key Identifier for crl: {0}")]
    ListKeyId(#[from] AuthorityKeyIdError),
    /// The issuer revoked it.
    #[error("The certificate has been revoked")]
    Revoked,
}

/// Why an identity's organisational units do not do. `units` is the list as Fabric prints it.
///
/// Source: fabric v2.5.16 `msp/mspimplvalidate.go` `validateIdentityOUsV1`, `V11`, `V142`.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
#[allow(missing_docs)]
pub enum UnitError {
    /// The MSP lists units, and the identity has none.
    #[error("the identity certificate does not contain an Organizational Unit (OU)")]
    Missing,
    /// The MSP lists units, and the identity has none of them.
    #[error("none of the identity's organizational units {units} are in MSP {msp_id}")]
    NotListed { units: String, msp_id: String },
    /// A role's unit under another authority than the role's.
    #[error("certifiersIdentifier does not match: {units}, MSP: [{msp_id}]")]
    OtherAuthority { units: String, msp_id: String },
    /// No unit of a role, where roles are client and peer.
    #[error(
        "the identity does not have an OU that resolves to client or peer. OUs: {units}, MSP: [{msp_id}]"
    )]
    NoRoleOfTwo { units: String, msp_id: String },
    /// Several units of roles, where roles are client and peer.
    #[error(
        "the identity must be a client or a peer identity to be valid, not a combination of them. \
         OUs: {units}, MSP: [{msp_id}]"
    )]
    SeveralRolesOfTwo { units: String, msp_id: String },
    /// No unit of a role, where roles are client, peer, admin and orderer.
    #[error(
        "the identity does not have an OU that resolves to client, peer, orderer, or admin role. \
         OUs: {units}, MSP: [{msp_id}]"
    )]
    NoRoleOfFour { units: String, msp_id: String },
    /// Several units of roles, where roles are client, peer, admin and orderer.
    #[error(
        "the identity must have a client, a peer, an orderer, or an admin OU role to be valid, not a combination of \
         them. OUs: {units}, MSP: [{msp_id}]"
    )]
    SeveralRolesOfFour { units: String, msp_id: String },
}

/// Why an identity is not valid.
///
/// Source: fabric v2.5.16 `msp/mspimplvalidate.go` `validateIdentity`.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum ValidateError {
    /// By its cert path.
    #[error("could not obtain certification chain: {0}")]
    Path(#[from] IdentityPathError),
    /// By a revocation list.
    #[error("could not validate identity against certification chain: {0}")]
    Revocation(#[from] RevocationError),
    /// By its organisational units.
    #[error("could not validate identity's OUs: {0}")]
    Units(#[from] UnitError),
}

/// Why an identity has not a role that organisational units tell.
///
/// Source: fabric v2.5.16 `msp/mspimpl.go` `hasOURole`.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
#[allow(missing_docs)]
pub enum RoleError {
    /// Units tell no roles in this MSP.
    #[error("NodeOUs not activated. Cannot tell apart identities.")]
    NotActivated,
    /// No unit tells this role.
    #[error("cannot test for classification, node ou for type [{role}], not defined, msp: [{msp_id}]")]
    NotDefined { role: Role, msp_id: String },
    /// The identity has not the role's unit.
    #[error("The identity does not contain OU [{role}], MSP: [{msp_id}]")]
    Other { role: Role, msp_id: String },
}

/// A public key that no identity has: neither ECDSA's nor RSA's.
///
/// Source: fabric v2.5.16 `bccsp/sw/impl.go` `KeyImport`.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error(
    "Failed importing key with opts [&{{true}}]: Certificate's public key type not recognized. \
     Supported keys: [ECDSA, RSA]"
)]
pub struct KeyTypeError;

/// Why a certificate cannot become an identity object.
///
/// Source: fabric v2.5.16 `msp/identities.go` `newIdentity`, `msp/mspimpl.go` `sanitizeCert`.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum IdentityError {
    /// It is signed with ECDSA and has not exactly one path.
    #[error(transparent)]
    Path(#[from] UniquePathError),
    /// It is signed with ECDSA, stands among the roots and is not signed by itself. Holds its subject.
    #[error(
        "failed to traverse certificate verification chain for leaf or intermediate certificate, with subject {0}"
    )]
    NoParent(String),
    /// Its ECDSA signature cannot be read.
    #[error(transparent)]
    Signature(#[from] EcdsaSignatureError),
    /// With S made low it is a certificate no more.
    #[error(transparent)]
    Rewritten(#[from] ParseError),
    /// The config names a hash that Fabric does not know.
    #[error("failed getting hash function options: hash function not recognized [{0}]")]
    Hash(String),
}

/// Why bytes are no identity of a channel.
///
/// Source: fabric v2.5.16 `msp/mspmgrimpl.go` `DeserializeIdentity`, `msp/mspimpl.go` `deserializeIdentityInternal`.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
#[allow(missing_docs)]
pub enum DeserializeError {
    /// Not a `SerializedIdentity`.
    #[error("could not deserialize a SerializedIdentity: {0}")]
    Encoding(WireError),
    /// The channel has no such MSP.
    #[error("MSP {0} is not defined on channel")]
    UnknownMsp(String),
    /// Another MSP than the one asked.
    #[error("expected MSP ID {expected}, received {received}")]
    OtherMsp { expected: String, received: String },
    /// No PEM block.
    #[error("could not decode the PEM structure")]
    Pem,
    /// The PEM block is no certificate.
    #[error("parseCertificate failed: {0}")]
    Certificate(#[from] ParseError),
    /// The certificate's key is of a kind that no identity has.
    #[error("failed to import certificate's public key: {0}")]
    Key(#[from] KeyTypeError),
    /// The certificate cannot become an identity.
    #[error(transparent)]
    Identity(#[from] IdentityError),
}

/// Why an identity does not satisfy a principal.
///
/// Source: fabric v2.5.16 `msp/mspimpl.go` `collectPrincipals`, `satisfiesPrincipalInternalPreV13`, `V13`, `V142`.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
#[allow(missing_docs)]
pub enum PrincipalError {
    /// The principal's bytes are not what its class says.
    #[error("could not unmarshal {kind} from principal: {error}")]
    Encoding { kind: &'static str, error: WireError },
    /// A combination of nothing.
    #[error("No principals in CombinedPrincipal")]
    EmptyCombination,
    /// A class that this version of MSPs does not have.
    #[error("invalid principal type {0}")]
    UnknownClass(i32),
    /// A role that this version of MSPs does not have.
    #[error("invalid MSP role type {0}")]
    UnknownRole(i32),
    /// A kind of anonymity that nobody knows.
    #[error("Unknown principal anonymity type: {0}")]
    UnknownAnonymity(i32),
    /// Certificates are never anonymous.
    #[error("Principal is anonymous, but X.509 MSP does not support anonymous identities")]
    Anonymous,
    /// The principal is about another MSP than the identity's.
    #[error("the identity is a member of a different MSP (expected {expected}, got {found})")]
    OtherMsp { expected: String, found: String },
    /// The identity is not valid, for a principal that adds nothing to that.
    #[error(transparent)]
    Invalid(#[from] ValidateError),
    /// The identity is not valid, for a principal that asks for a role.
    #[error("The identity is not valid under this MSP [{msp_id}]: {error}")]
    InvalidForRole { msp_id: String, error: ValidateError },
    /// The identity is not one of the listed admins.
    #[error("This identity is not an admin")]
    NotListedAdmin,
    /// The identity is neither listed as an admin nor has the admins' unit.
    #[error("The identity is not an admin under this MSP [{msp_id}]: {error}")]
    NotAdmin { msp_id: String, error: RoleError },
    /// The identity has not the role's unit.
    #[error("The identity is not a [{role}] under this MSP [{msp_id}]: {error}")]
    NotOfRole { role: Role, msp_id: String, error: RoleError },
    /// The principal's identity cannot be read.
    #[error("invalid identity principal, not a certificate: {0}")]
    PrincipalIdentity(Box<DeserializeError>),
    /// Another identity, or none of its units.
    #[error("The identities do not match")]
    NoMatch,
}

/// Why a signature over a message does not hold.
///
/// Source: fabric v2.5.16 `msp/identities.go` `Verify`, `bccsp/sw/impl.go` `Verify`, `bccsp/sw/ecdsa.go`.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum VerifyError {
    /// The config names a hash family that Fabric does not know.
    #[error("failed getting hash function options: hash family not recognized [{0}]")]
    HashFamily(String),
    /// There is none.
    #[error("could not determine the validity of the signature: Invalid signature. Cannot be empty.")]
    Empty,
    /// The identity's key is RSA's, which signs no messages.
    /// Differs: Fabric prints the key as a Go struct.
    #[error("could not determine the validity of the signature: Unsupported 'VerifyKey' provided [RSA]")]
    RsaKey,
    /// Not an ECDSA signature.
    #[error(
        "could not determine the validity of the signature: Failed verifing with opts [<nil>]: \
         Failed unmashalling signature [{0}]"
    )]
    Encoding(#[from] EcdsaSignatureError),
    /// S is in the upper half: the twin of a signature that may be valid. Both numbers are decimal.
    #[error(
        "could not determine the validity of the signature: Failed verifing with opts [<nil>]: \
         Invalid S. Must be smaller than half the order [{s}][{half_order}]."
    )]
    HighS {
        /// The signature's S.
        s: String,
        /// The largest S that is low.
        half_order: String,
    },
    /// The mathematics fail.
    #[error("The signature is invalid")]
    Invalid,
}

/// Why the certificate of an authority that organisational units name does not do.
///
/// Source: fabric v2.5.16 `msp/mspimplsetup.go` `getCertifiersIdentifier`.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum CertifiersError {
    /// It cannot be read.
    #[error("Failed getting certificate for [{}]: [{error}]", decimal_list(.pem))]
    Certificate {
        /// What the config holds.
        pem: Bytes,
        /// What is wrong with it.
        error: ConfiguredCertificateError,
    },
    /// It has no proper path.
    #[error("sanitizeCert failed {0}")]
    Sanitize(#[from] IdentityError),
    /// It is none of the MSP's authorities. Holds its subject.
    /// Differs: Fabric prints the certificate as a Go struct.
    #[error("Failed adding OU. Certificate [{0}] not in root or intermediate certs.")]
    NotAnAuthority(String),
    /// It is an intermediate authority that does not issue identities.
    /// Differs: Fabric prints the certificate as a Go struct.
    #[error("Failed computing validation chain for [{subject}]. [{error}]")]
    Path {
        /// Its subject.
        subject: String,
        /// What is wrong with its path.
        error: IdentityPathError,
    },
}

/// Why a configured authority does not do. Serial numbers print as Fabric prints them: hexadecimal, or decimal.
///
/// Source: fabric v2.5.16 `msp/mspimplsetup.go` `finalizeSetupCAs`, `setupTLSCAs`.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
#[allow(missing_docs)]
pub enum AuthorityError {
    /// It does not say that it is one.
    #[error("CA Certificate did not have the CA attribute, (SN: {serial})")]
    NoAttribute { serial: String },
    /// Its key has no identifier.
    #[error(
        "CA Certificate problem with Subject Key Identifier extension, (SN: {serial}): \
         subjectKeyIdentifier not found in certificate"
    )]
    NoKeyId { serial: String },
    /// It has not exactly one path.
    #[error("CA Certificate is not valid, (SN: {serial}): could not obtain certification chain: {error}")]
    Path { serial: String, error: UniquePathError },
    /// It is revoked, or no list can say.
    #[error("CA Certificate is not valid, (SN: {serial}): {error}")]
    Revocation { serial: String, error: RevocationError },
}

/// Why a listed admin does not do.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
#[allow(missing_docs)]
pub enum AdminError {
    /// It is not valid.
    #[error(transparent)]
    Invalid(#[from] ValidateError),
    /// It is no client, in versions in which admins must be.
    #[error(transparent)]
    NotClient(Box<PrincipalError>),
}

/// Why an MSP cannot be set up from its config.
///
/// Source: fabric v2.5.16 `msp/mspimplsetup.go`, `msp/mspimpl.go` `Setup`.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
#[allow(missing_docs)]
pub enum SetupError {
    /// Not an X.509 MSP.
    /// Differs: Fabric also has type 1, Idemix.
    #[error("Setup error: unsupported msp type {0}")]
    UnsupportedType(i32),
    /// Not a `FabricMSPConfig`.
    #[error("failed unmarshalling fabric msp config: {0}")]
    Encoding(WireError),
    /// No root.
    #[error("expected at least one CA certificate")]
    NoAuthority,
    /// A configured certificate cannot be read.
    #[error(transparent)]
    Certificate(#[from] ConfiguredCertificateError),
    /// A configured certificate's key is of a kind that no identity has.
    #[error(transparent)]
    Key(#[from] KeyTypeError),
    /// A configured certificate cannot become an identity.
    #[error(transparent)]
    Identity(#[from] IdentityError),
    /// A revocation list cannot be read.
    #[error(transparent)]
    RevocationList(#[from] RevocationListError),
    /// An authority does not do.
    #[error(transparent)]
    Authority(#[from] AuthorityError),
    /// The config carries a signing identity without its private key.
    #[error("KeyMaterial not found in SigningIdentityInfo")]
    NoKeyMaterial,
    /// The config carries a signing identity whose private key is no PEM. Holds the key's identifier.
    #[error("{0}: wrong PEM encoding")]
    KeyMaterialEncoding(String),
    /// A listed unit's authority does not do.
    #[error(
        "failed getting certificate for [{}]: {error}",
        raddle_proto::go_text::fields(&[("certificate", .pem), ("organizational_unit_identifier", .unit.as_bytes())])
    )]
    UnitIdentifier { pem: Bytes, unit: String, error: Box<CertifiersError> },
    /// A role's authority does not do.
    #[error(transparent)]
    RoleIdentifier(#[from] CertifiersError),
    /// Units tell roles, and one for clients is missing where it must be given.
    #[error("Failed setting up NodeOUs. ClientOU must be different from nil.")]
    NoClientUnit,
    /// Units tell roles, and one for peers is missing where it must be given.
    #[error("Failed setting up NodeOUs. PeerOU must be different from nil.")]
    NoPeerUnit,
    /// Neither a listed admin nor a unit that tells admins.
    #[error("administrators must be declared when no admin ou classification is set")]
    NoAdmins,
    /// A listed admin does not do. Counted from 0.
    #[error("admin {index} is invalid: {error}")]
    Admin { index: usize, error: AdminError },
    /// A listed admin has neither the clients' nor the admins' unit. Counted from 0.
    #[error("admin {index} is invalid [{client},{admin}]")]
    AdminRole { index: usize, client: Box<RoleError>, admin: Box<RoleError> },
}
