//! The sidecar between two ends that tests hold.

mod ends;
pub mod events;
mod process;
pub mod proto;

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use logtriage_files::Loaded;
use logtriage_sidecar::{
    Labeller, Labelling, Metrics, Options, Sidecar as Server, StartError, Stopped,
};
use prost::Message;
use tokio::runtime::Runtime;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tonic::transport::{Channel, Endpoint};

use crate::{Failure, Host, Lost};
pub use ends::{Downstream, Manner, Received, call, push};
pub use process::Process;
use proto::{Event, EventWrapper, Log, PushEventsRequest, fields_of, json_of};

/// A running sidecar, in this process.
pub struct Sidecar {
    address: SocketAddr,
    metrics_address: Option<SocketAddr>,
    metrics: Arc<Metrics>,
    runtime: Runtime,
    stop: Option<oneshot::Sender<()>>,
    serving: JoinHandle<Result<Stopped, StartError>>,
}

impl Sidecar {
    /// Starts one with the config of a directory, or with what is built in.
    ///
    /// # Errors
    /// The directory or an option is wrong.
    pub fn start(directory: Option<&Path>, options: &Options) -> Result<Self, Failure> {
        let path = directory.map(Path::to_owned);
        let metrics = Arc::new(Metrics::default());
        let open = move || Labeller::open(loaded(path.as_deref())?);
        let labelling = Labelling::start(open, Arc::clone(&metrics))?;
        let runtime = runtime()?;
        let bound =
            runtime.block_on(Server::bind(options, Some(labelling), Arc::clone(&metrics)))?;
        let (address, metrics_address) = (bound.local_addr()?, bound.metrics_addr()?);
        let (stop, stopped) = oneshot::channel::<()>();
        let serving = runtime.spawn(bound.serve(async {
            // Dropped or sent: both end it.
            let _ = stopped.await;
        }));
        Ok(Self { address, metrics_address, metrics, runtime, stop: Some(stop), serving })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Where it tells its metrics, if it does.
    pub fn metrics_address(&self) -> Option<SocketAddr> {
        self.metrics_address
    }

    /// A connection to it, made when it is needed.
    ///
    /// # Errors
    /// There is no such address.
    pub fn channel(&self) -> Result<Channel, Failure> {
        channel(self.address)
    }

    /// What it counted, as text.
    pub fn metrics(&self) -> String {
        self.metrics.text()
    }

    /// Asks it to stop.
    pub fn stop(&mut self) {
        drop(self.stop.take());
    }

    /// Waits for its end.
    ///
    /// # Errors
    /// It failed.
    pub fn wait(self) -> Result<Stopped, Failure> {
        Ok(self.runtime.block_on(self.serving)??)
    }

    /// Runs `work` where its connections are.
    pub fn run<T>(&self, work: impl Future<Output = T>) -> T {
        self.runtime.block_on(work)
    }

    /// Starts `work` where its connections are, and goes on.
    pub fn spawn<T: Send + 'static>(
        &self,
        work: impl Future<Output = T> + Send + 'static,
    ) -> JoinHandle<T> {
        self.runtime.spawn(work)
    }
}

fn runtime() -> std::io::Result<Runtime> {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()
}

/// Options for a sidecar at any free address.
pub fn options(forward: SocketAddr) -> Options {
    Options {
        listen: SocketAddr::from(([127, 0, 0, 1], 0)),
        forward: forward.to_string(),
        metrics_listen: None,
        listen_tls: None,
        forward_tls: None,
    }
}

/// A connection to `address`, made when it is needed. To be called in a runtime.
///
/// # Errors
/// There is no such address.
pub fn channel(address: SocketAddr) -> Result<Channel, Failure> {
    Ok(Endpoint::from_shared(format!("http://{address}"))?.connect_lazy())
}

/// The config in a directory, or what is built in.
///
/// # Errors
/// The config is wrong.
pub fn loaded(directory: Option<&Path>) -> Result<Loaded, logtriage_files::FileError> {
    match directory.map(|directory| directory.join(logtriage_files::CONFIG)) {
        Some(config) if config.exists() => Loaded::read(&config),
        _ => Ok(Loaded::default()),
    }
}

/// A sidecar as a host of JSON records: each becomes a log event of its own request, and what
/// arrives behind the sidecar becomes a record again.
pub struct SidecarHost {
    sidecar: Sidecar,
    channel: Channel,
    downstream: Downstream,
}

impl SidecarHost {
    /// As [`Sidecar::start`].
    ///
    /// # Errors
    /// The directory is wrong.
    pub fn start(directory: Option<&Path>) -> Result<Self, Failure> {
        let downstream = Downstream::start()?;
        let sidecar = Sidecar::start(directory, &options(downstream.address()))?;
        let channel = sidecar.run(async { sidecar.channel() })?;
        Ok(Self { sidecar, channel, downstream })
    }
}

impl Host for SidecarHost {
    /// `record` is what Vector makes of JSON: see [`canonical`].
    fn annotate(&mut self, record: &[u8]) -> Result<Vec<u8>, Lost> {
        let tree = serde_json::from_slice(record).map_err(|_| not_an_object(record))?;
        let serde_json::Value::Object(members) = tree else { return Err(not_an_object(record)) };
        let log = Log { fields: fields_of(&members), ..Log::default() };
        let request = PushEventsRequest { events: vec![log.into()] }.encode_to_vec();
        let answer = self.sidecar.run(push(&self.channel, request));
        answer.map_err(|status| Lost::Trap(status.to_string()))?;
        let received = self.downstream.take_received();
        let [received] = &received[..] else { return Err(Lost::NoAnswer) };
        record_of(&received.message).ok_or(Lost::NoAnswer)
    }
}

fn not_an_object(record: &[u8]) -> Lost {
    Lost::NotAnObject(record.to_vec())
}

/// The one log of a request, as a record.
fn record_of(request: &Bytes) -> Option<Vec<u8>> {
    let request = PushEventsRequest::decode(request.clone()).ok()?;
    let [EventWrapper { event: Some(Event::Log(log)) }] = &request.events[..] else { return None };
    serde_json::to_vec(&json_of(log.root()?)).ok()
}

/// A record as it looks after Vector has read it: members by name, integers of 64 bits, other
/// numbers as floats. `None` for what is no JSON object.
pub fn canonical(record: &[u8]) -> Option<Vec<u8>> {
    let serde_json::Value::Object(members) = serde_json::from_slice(record).ok()? else {
        return None;
    };
    serde_json::to_vec(&json_of(&fields_of(&members))).ok()
}
