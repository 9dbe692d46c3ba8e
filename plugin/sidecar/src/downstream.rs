//! The end that events go to.

use std::error::Error;

use bytes::Bytes;
use http::uri::PathAndQuery;
use tonic::client::Grpc;
use tonic::codec::CompressionEncoding;
use tonic::transport::Channel;
use tonic::{Request, Response, Status};

use crate::causes::with_causes;
use crate::codec::BytesCodec;
use crate::{MAX_MESSAGE, PUSH_EVENTS, VECTOR_HEALTH_CHECK};

/// A connection that is made when it is needed, and made again.
#[derive(Clone)]
pub(crate) struct Downstream {
    channel: Channel,
}

impl Downstream {
    pub(crate) fn new(channel: Channel) -> Self {
        Self { channel }
    }

    /// Hands a request on and gives the answer, whatever it is. No answer at all is `UNAVAILABLE`,
    /// after which Vector's sink tries again.
    pub(crate) async fn push(
        &self,
        request: Bytes,
        compression: Option<CompressionEncoding>,
    ) -> Result<Response<Bytes>, Status> {
        self.call(request, compression, PUSH_EVENTS).await
    }

    /// Whether it answers that it serves.
    pub(crate) async fn is_serving(&self) -> bool {
        // `SERVING` is 0, which protobuf leaves out.
        let answer = self.call(Bytes::new(), None, VECTOR_HEALTH_CHECK).await;
        answer.is_ok_and(|answer| matches!(&answer.get_ref()[..], b"" | b"\x08\x00"))
    }

    async fn call(
        &self,
        message: Bytes,
        compression: Option<CompressionEncoding>,
        path: &'static str,
    ) -> Result<Response<Bytes>, Status> {
        let mut client = Grpc::new(self.channel.clone())
            .accept_compressed(CompressionEncoding::Gzip)
            .accept_compressed(CompressionEncoding::Zstd)
            .max_decoding_message_size(MAX_MESSAGE)
            .max_encoding_message_size(usize::MAX);
        if let Some(compression) = compression {
            client = client.send_compressed(compression);
        }
        client.ready().await.map_err(|problem| unavailable(&problem))?;
        let path = PathAndQuery::from_static(path);
        client.unary(Request::new(message), path, BytesCodec).await.map_err(answered)
    }
}

/// A status that came from downstream stays; one that tonic made of a lost connection becomes one
/// that is retried.
fn answered(status: Status) -> Status {
    match status.source() {
        Some(problem) => unavailable(problem),
        None => status,
    }
}

fn unavailable(problem: &dyn Error) -> Status {
    Status::unavailable(format!("no answer from downstream: {}", with_causes(problem)))
}
