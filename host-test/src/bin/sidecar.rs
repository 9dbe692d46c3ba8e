//! A sidecar as a process of its own, for tests that kill it and benchmarks that measure it:
//! `sidecar FORWARD [DIRECTORY | --bare]`. It says where it listens on standard output. `--bare`
//! hands requests on as they are.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use host_test::{Failure, sidecar};
use logtriage_sidecar::{Labeller, Labelling, Metrics, Sidecar};

fn main() -> Result<(), Failure> {
    let mut arguments = std::env::args().skip(1);
    let forward: SocketAddr = arguments.next().ok_or("where to forward to")?.parse()?;
    let how = arguments.next();
    let metrics = Arc::new(Metrics::default());
    let labelling = if how.as_deref() == Some("--bare") {
        None
    } else {
        let directory = how.map(PathBuf::from);
        let open = move || Labeller::open(sidecar::loaded(directory.as_deref())?);
        Some(Labelling::start(open, Arc::clone(&metrics))?)
    };
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        let sidecar = Sidecar::bind(&sidecar::options(forward), labelling, metrics).await?;
        println!("{}", sidecar.local_addr()?);
        sidecar.serve(std::future::pending()).await?;
        Ok(())
    })
}
