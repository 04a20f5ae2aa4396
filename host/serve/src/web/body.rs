//! What a request brings along.

use std::time::Duration;

use bytes::Bytes;
use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use tokio::time::timeout;

/// How long a request may take to arrive.
///
/// Source: fabric v2.5.16 `common/fabhttp/server.go` `initializeServer`.
pub(super) const READ_MAX: Duration = Duration::from_secs(10);

/// What is read and thrown away of a body that is too long, so that its client sees the answer.
const OVERLONG_BYTES_MAX: usize = 16 << 20;

/// Why a body is not there.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NoBody {
    /// The connection or its framing failed.
    #[error(transparent)]
    Broken(#[from] hyper::Error),
    /// In Go's words.
    #[error("i/o timeout")]
    Slow,
}

/// A body up to a limit, and whether it goes on.
///
/// # Errors
///
/// See [`NoBody`].
pub(crate) async fn read(body: Incoming, bytes_max: usize) -> Result<(Bytes, bool), NoBody> {
    timeout(READ_MAX, read_slowly(body, bytes_max)).await.map_err(|_| NoBody::Slow)?
}

async fn read_slowly(mut body: Incoming, bytes_max: usize) -> Result<(Bytes, bool), NoBody> {
    let (mut bytes, mut overlong) = (Vec::new(), 0_usize);
    while let Some(frame) = body.frame().await {
        let Ok(data) = frame?.into_data() else { continue };
        let room = bytes_max.saturating_sub(bytes.len()).min(data.len());
        let (kept, rest) = data.split_at(room);
        bytes.extend_from_slice(kept);
        overlong = overlong.saturating_add(rest.len());
        if overlong > OVERLONG_BYTES_MAX {
            break;
        }
    }
    Ok((bytes.into(), overlong > 0))
}
