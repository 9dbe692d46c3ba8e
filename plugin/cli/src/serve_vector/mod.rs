//! `logtriage serve-vector`: a sidecar for Vector.

mod logs;
mod stop;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use logtriage_files::FileError;
use logtriage_sidecar::{
    ForwardTls, Labeller, Labelling, ListenTls, Metrics, Options, Sidecar, StartError, Stopped,
};

use crate::failure::{Ended, Failure};
use crate::setup::SetupArgs;
use logs::LogFormat;
use stop::Signals;

/// Label events between a vector sink and a vector source of Vector
///
/// Vector's `vector` sink sends its events here, and they go on to its `vector` source, each log
/// with its label. The sink is answered with what the source answers, so end-to-end
/// acknowledgements hold. Nothing is stored: while the source is away the sink is told to try
/// again. Rules and verdicts are read again when their files change. SIGTERM and SIGINT let what is
/// under way end, within 25 seconds.
#[derive(clap::Args, Debug)]
#[command(after_help = "\
Examples:
  logtriage serve-vector
  logtriage serve-vector --listen 127.0.0.1:9100 --forward 127.0.0.1:9101
  logtriage serve-vector --config /etc/logtriage/logtriage.toml --metrics-listen 127.0.0.1:9102
  logtriage serve-vector --listen 0.0.0.0:9100 --listen-cert server.pem --listen-key server.key
  logtriage serve-vector --forward vector.example.com:6000 --forward-ca ca.pem")]
pub struct Args {
    #[command(flatten)]
    setup: SetupArgs,

    /// Where the vector sink sends its events
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:9100")]
    listen: SocketAddr,

    /// Where the vector source takes them: HOST:PORT
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:9101")]
    forward: String,

    /// Where Prometheus finds /metrics; nowhere without it
    #[arg(long, value_name = "ADDR")]
    metrics_listen: Option<SocketAddr>,

    /// Certificate to show to the sink, with those between it and a root (PEM)
    #[arg(long, value_name = "FILE", requires = "listen_key", help_heading = "TLS")]
    listen_cert: Option<PathBuf>,

    /// The key of that certificate (PEM)
    #[arg(long, value_name = "FILE", requires = "listen_cert", help_heading = "TLS")]
    listen_key: Option<PathBuf>,

    /// Let only sinks in that have a certificate of these roots (PEM)
    #[arg(long, value_name = "FILE", requires = "listen_cert", help_heading = "TLS")]
    listen_client_ca: Option<PathBuf>,

    /// Forward over TLS to a source that has a certificate of these roots (PEM)
    #[arg(long, value_name = "FILE", help_heading = "TLS")]
    forward_ca: Option<PathBuf>,

    /// Certificate to show to the source (PEM)
    #[arg(long, value_name = "FILE", requires_all = ["forward_ca", "forward_key"], help_heading = "TLS")]
    forward_cert: Option<PathBuf>,

    /// The key of that certificate (PEM)
    #[arg(long, value_name = "FILE", requires = "forward_cert", help_heading = "TLS")]
    forward_key: Option<PathBuf>,

    /// The name in the source's certificate; without it the host to forward to
    #[arg(long, value_name = "NAME", requires = "forward_ca", help_heading = "TLS")]
    forward_name: Option<String>,

    /// How to log on standard error
    #[arg(long, value_enum, value_name = "FORMAT", default_value = "text")]
    log_format: LogFormat,
}

/// Runs the command.
pub fn run(args: &Args) -> Result<Ended, Failure> {
    let metrics = Arc::new(Metrics::default());
    let setup = args.setup.clone();
    let open = move || -> Result<Labeller, FileError> { Labeller::open(setup.load()?) };
    let labelling = Labelling::start(open, Arc::clone(&metrics))?;
    logs::start(args.log_format);
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let runtime = runtime.map_err(|problem| Failure::other(format!("no threads: {problem}")))?;
    let stopped = runtime.block_on(serve(&args.options(), labelling, metrics));
    runtime.shutdown_background();
    Ok(match stopped? {
        Stopped::Drained => Ended::Clean,
        Stopped::Cut => Ended::WithProblems,
    })
}

async fn serve(
    options: &Options,
    labelling: Labelling,
    metrics: Arc<Metrics>,
) -> Result<Stopped, Failure> {
    let signals = Signals::listen().map_err(|problem| Failure::other(problem.to_string()))?;
    let sidecar = Sidecar::bind(options, Some(labelling), metrics).await.map_err(failed)?;
    let listen = sidecar.local_addr().map_err(|problem| Failure::other(problem.to_string()))?;
    let metrics = options.metrics_listen.map(tracing::field::display);
    tracing::info!(%listen, forward = options.forward, metrics, "serving");
    let stopped = sidecar.serve(signals.stop()).await.map_err(failed)?;
    match stopped {
        Stopped::Drained => tracing::info!("stopped"),
        Stopped::Cut => tracing::warn!("stopped before every request had its answer"),
    }
    Ok(stopped)
}

fn failed(problem: StartError) -> Failure {
    Failure::other(problem.to_string())
}

impl Args {
    fn options(&self) -> Options {
        let listen_tls = match (&self.listen_cert, &self.listen_key) {
            (Some(certificate), Some(key)) => Some(ListenTls {
                certificate: certificate.clone(),
                key: key.clone(),
                client_ca: self.listen_client_ca.clone(),
            }),
            _ => None,
        };
        let forward_tls = self.forward_ca.clone().map(|ca| ForwardTls {
            ca,
            identity: self.forward_cert.clone().zip(self.forward_key.clone()),
            server_name: self.forward_name.clone(),
        });
        Options {
            listen: self.listen,
            forward: self.forward.clone(),
            metrics_listen: self.metrics_listen,
            listen_tls,
            forward_tls,
        }
    }
}
