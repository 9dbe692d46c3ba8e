//! One sidecar, from its sockets to its end.

use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use tonic::transport::server::TcpIncoming;
use tonic::transport::{Channel, Endpoint, Server};

use crate::causes::with_causes;
use crate::downstream::Downstream;
use crate::labelling::Labelling;
use crate::metrics::Metrics;
use crate::options::{Options, StartError};
use crate::relay::Relay;
use crate::scrape;

/// Requests of one connection that may be under way. Vector's sink has at most 200.
const STREAMS: u32 = 256;

/// What may be sent of one request before it is taken. A connection has room for as much of all its
/// requests, so that those that wait cannot hold up those that are taken.
const STREAM_WINDOW: u32 = 64 << 10;

/// Pings find out, on both ends, that a peer is gone without a word.
const PING_EVERY: Duration = Duration::from_secs(20);
const PING_PATIENCE: Duration = Duration::from_secs(20);

/// For a connection to downstream.
const CONNECT_PATIENCE: Duration = Duration::from_secs(5);

/// Requests in flight have so long to end after a stop.
pub const STOP_PATIENCE: Duration = Duration::from_secs(25);

/// A sidecar that has its sockets.
pub struct Sidecar {
    server: Server,
    relay: Relay,
    listener: TcpListener,
    metrics: Arc<Metrics>,
    metrics_listener: Option<TcpListener>,
}

/// How a sidecar ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stopped {
    /// Every request was answered.
    Drained,
    /// Some were not in time; the upstream sends them again.
    Cut,
}

impl Sidecar {
    /// Takes its sockets. Without `labelling` requests are handed on as they are.
    ///
    /// # Errors
    /// An address or a certificate that cannot be used.
    pub async fn bind(
        options: &Options,
        labelling: Option<Labelling>,
        metrics: Arc<Metrics>,
    ) -> Result<Self, StartError> {
        let mut server = Server::builder()
            .max_concurrent_streams(STREAMS)
            .initial_stream_window_size(STREAM_WINDOW)
            .initial_connection_window_size(STREAMS * STREAM_WINDOW)
            .http2_keepalive_interval(Some(PING_EVERY))
            .http2_keepalive_timeout(Some(PING_PATIENCE));
        if let Some(tls) = &options.listen_tls {
            server = server.tls_config(tls.config()?).map_err(|problem| {
                let file = tls.certificate.display();
                StartError(format!(
                    "{file}: certificate or key cannot be used: {}",
                    with_causes(&problem)
                ))
            })?;
        }
        let downstream = Downstream::new(channel(options)?);
        let metrics_listener = match options.metrics_listen {
            Some(address) => Some(bind(address).await?),
            None => None,
        };
        Ok(Self {
            server,
            relay: Relay::new(labelling, downstream, Arc::clone(&metrics)),
            listener: bind(options.listen).await?,
            metrics,
            metrics_listener,
        })
    }

    /// Where it listens.
    ///
    /// # Errors
    /// The system does not say.
    pub fn local_addr(&self) -> std::io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// Where it tells its metrics, if it does.
    ///
    /// # Errors
    /// The system does not say.
    pub fn metrics_addr(&self) -> std::io::Result<Option<SocketAddr>> {
        self.metrics_listener.as_ref().map(TcpListener::local_addr).transpose()
    }

    /// Serves until `stop`, and then until every request is answered, [`STOP_PATIENCE`] at most.
    ///
    /// # Errors
    /// The socket fails.
    pub async fn serve(self, stop: impl Future<Output = ()>) -> Result<Stopped, StartError> {
        let Self { server, relay, listener, metrics, metrics_listener } = self;
        let scrapes =
            metrics_listener.map(|listener| tokio::spawn(scrape::serve(listener, metrics)));
        let (stopping, stopped) = tokio::sync::oneshot::channel();
        let incoming = TcpIncoming::from(listener).with_nodelay(Some(true));
        let serving = server.serve_with_incoming_shutdown(relay, incoming, async {
            stop.await;
            // The other end is below, and waits.
            let _ = stopping.send(());
        });
        let out_of_patience = async {
            if stopped.await.is_ok() {
                tokio::time::sleep(STOP_PATIENCE).await;
            } else {
                std::future::pending::<()>().await;
            }
        };
        let ended = tokio::select! {
            served = serving => match served {
                Ok(()) => Ok(Stopped::Drained),
                Err(problem) => Err(StartError(with_causes(&problem))),
            },
            () = out_of_patience => Ok(Stopped::Cut),
        };
        if let Some(scrapes) = scrapes {
            scrapes.abort();
        }
        ended
    }
}

async fn bind(address: SocketAddr) -> Result<TcpListener, StartError> {
    let bound = TcpListener::bind(address).await;
    bound.map_err(|problem| StartError(format!("cannot listen on {address}: {problem}")))
}

/// Connects with the first request, and again after each loss.
fn channel(options: &Options) -> Result<Channel, StartError> {
    let mut endpoint = Endpoint::from(options.forward_uri()?)
        .connect_timeout(CONNECT_PATIENCE)
        .http2_keep_alive_interval(PING_EVERY)
        .keep_alive_timeout(PING_PATIENCE)
        .keep_alive_while_idle(true);
    if let Some(tls) = &options.forward_tls {
        endpoint = endpoint.tls_config(tls.config()?).map_err(|problem| {
            let file = tls.ca.display();
            StartError(format!("{file}: certificates cannot be used: {}", with_causes(&problem)))
        })?;
    }
    Ok(endpoint.connect_lazy())
}
