//! The end that events come from: Vector's gRPC service, answered with what downstream answers.

use std::convert::Infallible;
use std::future::{Future, ready};
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Instant;

use bytes::Bytes;
use http::HeaderMap;
use logtriage_files::Reports;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tonic::body::Body;
use tonic::codec::CompressionEncoding;
use tonic::server::Grpc;
use tonic::{Code, Response, Status};
use tower_service::Service;

use crate::codec::BytesCodec;
use crate::downstream::Downstream;
use crate::labelling::{Done, Labelling};
use crate::metrics::{Metrics, code_name};
use crate::{HEALTH_CHECK, MAX_MESSAGE, PUSH_EVENTS, VECTOR_HEALTH_CHECK};

/// Requests that are received and labelled at one time. The others wait in HTTP/2's flow control.
const RECEIVED_AT_ONCE: usize = 8;

/// Bytes of labelled requests that wait for downstream's answer, at most; one larger request is
/// taken alone. Beyond it nothing is received.
const BYTES_IN_FLIGHT: usize = 32 << 20;

type BoxFuture<T> = Pin<Box<dyn Future<Output = T> + Send>>;

/// The service of one sidecar; its clones share everything.
#[derive(Clone)]
pub(crate) struct Relay(Arc<Parts>);

struct Parts {
    labelling: Option<Labelling>,
    downstream: Downstream,
    metrics: Arc<Metrics>,
    receiving: Arc<Semaphore>,
    in_flight: Arc<Semaphore>,
    began: Instant,
    /// Answers that are no success, told now and then.
    problems: Mutex<Reports>,
}

impl Relay {
    pub(crate) fn new(
        labelling: Option<Labelling>,
        downstream: Downstream,
        metrics: Arc<Metrics>,
    ) -> Self {
        Self(Arc::new(Parts {
            labelling,
            downstream,
            metrics,
            receiving: Arc::new(Semaphore::new(RECEIVED_AT_ONCE)),
            in_flight: Arc::new(Semaphore::new(BYTES_IN_FLIGHT)),
            began: Instant::now(),
            problems: Mutex::default(),
        }))
    }

    async fn push_events(self, request: http::Request<Body>) -> http::Response<Body> {
        let compression = compression(request.headers());
        let receiving = permits(&self.0.receiving, 1).await;
        let push = Push { parts: self.0, compression, receiving };
        server().unary(push, request).await
    }

    async fn health_check(self, request: http::Request<Body>) -> http::Response<Body> {
        // `SERVING` is 0 in Vector's own protocol.
        server().unary(Always(Bytes::new()), request).await
    }

    async fn standard_health_check(self, request: http::Request<Body>) -> http::Response<Body> {
        server().unary(Health { downstream: self.0.downstream.clone() }, request).await
    }
}

impl Parts {
    /// At most once a minute for each code.
    fn tell(&self, status: &Status) {
        let now = u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX);
        let problems = self.problems.lock();
        let mut problems = problems.unwrap_or_else(PoisonError::into_inner);
        problems.tell(code_name(status.code()), now, || status.message().to_owned());
        for problem in problems.take() {
            let code = code_name(status.code());
            tracing::warn!(code, problem = problem.as_str(), "not delivered");
        }
    }
}

fn server() -> Grpc<BytesCodec> {
    Grpc::new(BytesCodec)
        .accept_compressed(CompressionEncoding::Gzip)
        .accept_compressed(CompressionEncoding::Zstd)
        .max_decoding_message_size(MAX_MESSAGE)
}

/// How the upstream compresses, so that we do likewise.
fn compression(headers: &HeaderMap) -> Option<CompressionEncoding> {
    match headers.get("grpc-encoding")?.as_bytes() {
        b"gzip" => Some(CompressionEncoding::Gzip),
        b"zstd" => Some(CompressionEncoding::Zstd),
        _ => None,
    }
}

/// Waits for permits. The semaphores are never closed.
async fn permits(semaphore: &Arc<Semaphore>, count: usize) -> Option<OwnedSemaphorePermit> {
    let count = u32::try_from(count).unwrap_or(u32::MAX);
    Arc::clone(semaphore).acquire_many_owned(count).await.ok()
}

impl Service<http::Request<Body>> for Relay {
    type Response = http::Response<Body>;
    type Error = Infallible;
    type Future = BoxFuture<Result<http::Response<Body>, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<Body>) -> Self::Future {
        let relay = self.clone();
        match request.uri().path() {
            PUSH_EVENTS => Box::pin(async { Ok(relay.push_events(request).await) }),
            VECTOR_HEALTH_CHECK => Box::pin(async { Ok(relay.health_check(request).await) }),
            HEALTH_CHECK => Box::pin(async { Ok(relay.standard_health_check(request).await) }),
            _ => Box::pin(ready(Ok(Status::unimplemented("no such method").into_http()))),
        }
    }
}

/// One call of `PushEvents`.
struct Push {
    parts: Arc<Parts>,
    compression: Option<CompressionEncoding>,
    receiving: Option<OwnedSemaphorePermit>,
}

impl Service<tonic::Request<Bytes>> for Push {
    type Response = Response<Bytes>;
    type Error = Status;
    type Future = BoxFuture<Result<Response<Bytes>, Status>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Status>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: tonic::Request<Bytes>) -> Self::Future {
        let (parts, receiving) = (Arc::clone(&self.parts), self.receiving.take());
        let compression = self.compression;
        Box::pin(async move {
            let _in_work = InWork::begin(&parts.metrics);
            let began = Instant::now();
            let Done { request, events } = match &parts.labelling {
                Some(labelling) => labelling.label(request.into_inner()).await,
                None => Done { request: request.into_inner(), events: 0 },
            };
            let bytes = request.len().min(BYTES_IN_FLIGHT);
            let _in_flight = permits(&parts.in_flight, bytes).await;
            drop(receiving);
            let answer = parts.downstream.push(request, compression).await;
            let code = answer.as_ref().map_or_else(Status::code, |_| Code::Ok);
            parts.metrics.answered(code, events, began.elapsed());
            if let Err(status) = &answer {
                parts.tell(status);
            }
            answer
        })
    }
}

/// A request in work, until it is answered or the upstream goes away.
struct InWork<'m>(&'m Metrics);

impl<'m> InWork<'m> {
    fn begin(metrics: &'m Metrics) -> Self {
        metrics.request_began();
        Self(metrics)
    }
}

impl Drop for InWork<'_> {
    fn drop(&mut self) {
        self.0.request_ended();
    }
}

/// Gives one answer to everything.
struct Always(Bytes);

impl Service<tonic::Request<Bytes>> for Always {
    type Response = Response<Bytes>;
    type Error = Status;
    type Future = std::future::Ready<Result<Response<Bytes>, Status>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Status>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: tonic::Request<Bytes>) -> Self::Future {
        ready(Ok(Response::new(self.0.clone())))
    }
}

/// `grpc.health.v1.Health/Check`: of this process for no service, of the whole way for
/// `vector.Vector`.
struct Health {
    downstream: Downstream,
}

impl Service<tonic::Request<Bytes>> for Health {
    type Response = Response<Bytes>;
    type Error = Status;
    type Future = BoxFuture<Result<Response<Bytes>, Status>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Status>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: tonic::Request<Bytes>) -> Self::Future {
        const SERVING: &[u8] = b"\x08\x01";
        const NOT_SERVING: &[u8] = b"\x08\x02";
        let downstream = self.downstream.clone();
        Box::pin(async move {
            // The one field of the request: the name of a service.
            let serves = match &request.get_ref()[..] {
                b"" => true,
                b"\x0a\x0dvector.Vector" => downstream.is_serving().await,
                _ => return Err(Status::not_found("the service is vector.Vector")),
            };
            Ok(Response::new(Bytes::from_static(if serves { SERVING } else { NOT_SERVING })))
        })
    }
}
