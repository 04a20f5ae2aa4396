//! Transactions of endorsers, as far as a filter may want to read them.
//!
//! Source: fabric-protos `peer/transaction.proto`, `peer/proposal.proto`, `peer/chaincode.proto`.

use bytes::Bytes;
use prost::Message;

/// `ChaincodeSpec.Type`: Go's.
const GOLANG: i32 = 1;

#[derive(Clone, PartialEq, Message)]
struct Transaction {
    #[prost(message, repeated, tag = "1")]
    actions: Vec<TransactionAction>,
}

#[derive(Clone, PartialEq, Message)]
struct TransactionAction {
    #[prost(bytes = "bytes", tag = "1")]
    header: Bytes,
    #[prost(bytes = "bytes", tag = "2")]
    payload: Bytes,
}

#[derive(Clone, PartialEq, Message)]
struct ChaincodeActionPayload {
    #[prost(bytes = "bytes", tag = "1")]
    chaincode_proposal_payload: Bytes,
}

#[derive(Clone, PartialEq, Message)]
struct ChaincodeProposalPayload {
    #[prost(bytes = "bytes", tag = "1")]
    input: Bytes,
}

#[derive(Clone, PartialEq, Message)]
struct ChaincodeInvocationSpec {
    #[prost(message, optional, tag = "1")]
    chaincode_spec: Option<ChaincodeSpec>,
}

#[derive(Clone, PartialEq, Message)]
struct ChaincodeSpec {
    #[prost(int32, tag = "1")]
    r#type: i32,
    #[prost(message, optional, tag = "2")]
    chaincode_id: Option<ChaincodeId>,
    #[prost(message, optional, tag = "3")]
    input: Option<ChaincodeInput>,
}

#[derive(Clone, PartialEq, Message)]
struct ChaincodeId {
    #[prost(string, tag = "2")]
    name: String,
}

#[derive(Clone, PartialEq, Message)]
struct ChaincodeInput {
    #[prost(bytes = "bytes", repeated, tag = "1")]
    args: Vec<Bytes>,
}

#[derive(Clone, PartialEq, Message)]
struct ChaincodeHeaderExtension {
    #[prost(message, optional, tag = "2")]
    chaincode_id: Option<ChaincodeId>,
}

/// The extension of the channel header and the data of a payload that calls a function of a chaincode. There is no
/// answer of an endorser in it.
pub fn calls(chaincode: &str, args: &[String]) -> (Bytes, Bytes) {
    let chaincode_id = Some(ChaincodeId { name: chaincode.to_owned() });
    let extension = ChaincodeHeaderExtension { chaincode_id: chaincode_id.clone() };
    let input = ChaincodeInput { args: args.iter().map(|arg| Bytes::from(arg.clone())).collect() };
    let spec = ChaincodeSpec { r#type: GOLANG, chaincode_id, input: Some(input) };
    let input = ChaincodeInvocationSpec { chaincode_spec: Some(spec) }.encode_to_vec().into();
    let proposal = ChaincodeProposalPayload { input }.encode_to_vec().into();
    let payload = ChaincodeActionPayload { chaincode_proposal_payload: proposal }.encode_to_vec().into();
    let transaction = Transaction { actions: vec![TransactionAction { header: Bytes::new(), payload }] };
    (extension.encode_to_vec().into(), transaction.encode_to_vec().into())
}
