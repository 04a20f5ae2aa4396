//! What readers of a channel may ask about its modules.
//!
//! A request is one for blocks as far as its signature, its time and its binding go, so that whoever may read a channel
//! may ask, and nobody else.

use raddle_proto::{common, wire::Envelope};
use tonic::{Request, Response, Status};

use crate::{
    answer,
    client::node::ModulesReport,
    deliver::{NotDelivered, Source, channel_to_read},
    guard::Peer,
    service::node::node_server::Node,
};

/// The service on one server.
pub(crate) struct NodeService {
    pub(crate) source: Source,
}

#[tonic::async_trait]
impl Node for NodeService {
    async fn modules(&self, request: Request<Envelope>) -> Result<Response<ModulesReport>, Status> {
        let client = request.extensions().get::<Peer>().and_then(|peer| peer.certificate.clone());
        match channel_to_read(&self.source, client.as_deref(), request.into_inner()).await {
            Ok(channel) => Ok(Response::new(channel.modules())),
            Err(refused) => Err(status(refused)),
        }
    }
}

/// gRPC's code for a status of Fabric's, with the trailers of Deliver.
fn status(refused: NotDelivered) -> Status {
    let (fabric, text) = (refused.status(), refused.to_string());
    let ended = answer::end(refused.into_detail());
    let code = match fabric {
        common::Status::NotFound => tonic::Code::NotFound,
        common::Status::Forbidden => tonic::Code::PermissionDenied,
        common::Status::ServiceUnavailable => tonic::Code::Unavailable,
        _ => tonic::Code::InvalidArgument,
    };
    Status::with_metadata(code, text, ended.metadata().clone())
}
