//! What stands before and behind a sidecar, as Vector's sink and source would.

use std::convert::Infallible;
use std::future::Future;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};

use bytes::Bytes;
use logtriage_sidecar::{BytesCodec, MAX_MESSAGE, PUSH_EVENTS, VECTOR_HEALTH_CHECK};
use tokio::net::TcpListener;
use tokio::runtime::Runtime;
use tokio::sync::Notify;
use tonic::body::Body;
use tonic::codec::CompressionEncoding;
use tonic::transport::server::TcpIncoming;
use tonic::transport::{Channel, Server, ServerTlsConfig};
use tonic::{Request, Response, Status};
use tower_service::Service;

use crate::Failure;

type BoxFuture<T> = Pin<Box<dyn Future<Output = T> + Send>>;

/// Calls the method at `path`.
///
/// # Errors
/// The status that the other end gives, or that there is none.
pub async fn call(
    channel: &Channel,
    path: &'static str,
    message: Bytes,
    compression: Option<CompressionEncoding>,
) -> Result<Response<Bytes>, Status> {
    let mut client = tonic::client::Grpc::new(channel.clone());
    if let Some(compression) = compression {
        client = client.send_compressed(compression);
    }
    client.ready().await.map_err(|problem| Status::unavailable(problem.to_string()))?;
    let path = http::uri::PathAndQuery::from_static(path);
    client.unary(Request::new(message), path, BytesCodec).await
}

/// Sends a request as Vector's sink does.
///
/// # Errors
/// As [`call`].
pub async fn push(channel: &Channel, request: impl Into<Bytes>) -> Result<Response<Bytes>, Status> {
    call(channel, PUSH_EVENTS, request.into(), None).await
}

/// How a downstream answers.
#[derive(Clone, Debug)]
pub enum Manner {
    /// It takes everything.
    Accept,
    /// It takes nothing.
    Refuse(Status),
    /// It takes everything and never answers.
    Hang,
    /// It takes everything, and answers when it is told to.
    Wait(Arc<Notify>),
}

/// A server with Vector's protocol. It lives in a runtime of its own, so that it can die with all
/// its connections.
pub struct Downstream {
    address: SocketAddr,
    state: Arc<State>,
    runtime: Option<Runtime>,
}

struct State {
    manner: Mutex<Manner>,
    received: Mutex<Vec<Received>>,
    forgets: AtomicBool,
    tls: Option<ServerTlsConfig>,
}

/// A request that arrived.
#[derive(Clone, Debug)]
pub struct Received {
    /// Its message.
    pub message: Bytes,
    /// How it was compressed.
    pub encoding: Option<String>,
    /// It was accepted.
    pub is_accepted: bool,
}

impl Downstream {
    /// Starts one at an address of its own.
    ///
    /// # Errors
    /// There is none.
    pub fn start() -> Result<Self, Failure> {
        Self::start_with(None)
    }

    /// Starts one that speaks TLS, if it is to.
    ///
    /// # Errors
    /// It cannot be started.
    pub fn start_with(tls: Option<ServerTlsConfig>) -> Result<Self, Failure> {
        let state = State {
            manner: Mutex::new(Manner::Accept),
            received: Mutex::default(),
            forgets: AtomicBool::new(false),
            tls,
        };
        let address = SocketAddr::from(([127, 0, 0, 1], 0));
        let mut downstream = Self { address, state: Arc::new(state), runtime: None };
        downstream.restart()?;
        Ok(downstream)
    }

    /// Where it listens, before and after a restart.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Ends at once, in the middle of whatever it does.
    pub fn die(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }

    /// Starts again at the same address.
    ///
    /// # Errors
    /// The address is taken.
    pub fn restart(&mut self) -> Result<(), Failure> {
        self.die();
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
        let listener = bind(&runtime, self.address)?;
        self.address = listener.local_addr()?;
        let mut server = Server::builder();
        if let Some(tls) = &self.state.tls {
            server = server.tls_config(tls.clone())?;
        }
        let service = Source(Arc::clone(&self.state));
        let incoming = TcpIncoming::from(listener);
        runtime.spawn(async move { server.serve_with_incoming(service, incoming).await });
        self.runtime = Some(runtime);
        Ok(())
    }

    /// Answers otherwise from now on.
    pub fn be(&self, manner: Manner) {
        *lock(&self.state.manner) = manner;
    }

    /// Keeps nothing of what arrives from now on.
    pub fn forget(&self) {
        self.state.forgets.store(true, Ordering::Relaxed);
    }

    /// What arrived, in order.
    pub fn received(&self) -> Vec<Received> {
        lock(&self.state.received).clone()
    }

    /// Takes what arrived.
    pub fn take_received(&self) -> Vec<Received> {
        std::mem::take(&mut lock(&self.state.received))
    }
}

impl Drop for Downstream {
    fn drop(&mut self) {
        self.die();
    }
}

/// The sockets of one that died may take a moment to go.
fn bind(runtime: &Runtime, address: SocketAddr) -> Result<TcpListener, Failure> {
    let mut tries = 0;
    loop {
        match runtime.block_on(TcpListener::bind(address)) {
            Err(_) if tries < 100 => std::thread::sleep(std::time::Duration::from_millis(20)),
            bound => return Ok(bound?),
        }
        tries += 1;
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[derive(Clone)]
struct Source(Arc<State>);

impl Service<http::Request<Body>> for Source {
    type Response = http::Response<Body>;
    type Error = Infallible;
    type Future = BoxFuture<Result<http::Response<Body>, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<Body>) -> Self::Future {
        let encoding = request.headers().get("grpc-encoding");
        let encoding = encoding.and_then(|encoding| encoding.to_str().ok()).map(str::to_owned);
        let is_push = request.uri().path() == PUSH_EVENTS;
        let is_known = is_push || request.uri().path() == VECTOR_HEALTH_CHECK;
        let method = Method { state: Arc::clone(&self.0), encoding, is_push };
        Box::pin(async move {
            if !is_known {
                return Ok(Status::unimplemented("no such method").into_http());
            }
            let mut server = tonic::server::Grpc::new(BytesCodec)
                .accept_compressed(CompressionEncoding::Gzip)
                .accept_compressed(CompressionEncoding::Zstd)
                .max_decoding_message_size(MAX_MESSAGE);
            Ok(server.unary(method, request).await)
        })
    }
}

struct Method {
    state: Arc<State>,
    encoding: Option<String>,
    is_push: bool,
}

impl Service<Request<Bytes>> for Method {
    type Response = Response<Bytes>;
    type Error = Status;
    type Future = BoxFuture<Result<Response<Bytes>, Status>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Status>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Bytes>) -> Self::Future {
        let manner = lock(&self.state.manner).clone();
        if self.is_push && !self.state.forgets.load(Ordering::Relaxed) {
            lock(&self.state.received).push(Received {
                message: request.into_inner(),
                encoding: self.encoding.take(),
                is_accepted: matches!(manner, Manner::Accept | Manner::Wait(_)),
            });
        }
        Box::pin(async move {
            match manner {
                Manner::Accept => Ok(Response::new(Bytes::new())),
                Manner::Refuse(status) => Err(status),
                Manner::Hang => std::future::pending().await,
                Manner::Wait(told) => {
                    told.notified().await;
                    Ok(Response::new(Bytes::new()))
                }
            }
        })
    }
}
