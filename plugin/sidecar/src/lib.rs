//! Labels events on their way from a `vector` sink to a `vector` source, in Vector's own protocol.
//!
//! ```text
//! vector sink ── PushEvents ──► relay ── bytes ──► labelling (a thread, an engine)
//!                                 │ ◄── the same bytes, an entry more in each log ──┘
//!                                 ▼
//!                            downstream ── PushEvents ──► vector source
//! vector sink ◄────────────── its answer, status for status
//! ```
//!
//! An answer goes upstream only when downstream has answered, so Vector's end-to-end
//! acknowledgements hold. Nothing is stored: what is not answered, the sink sends again.
//!
//! Messages are never decoded and encoded again: the bytes are walked, and one entry is inserted.
//! Whatever is in doubt passes as it came, and downstream judges it.

#![warn(unreachable_pub)]

mod causes;
mod codec;
mod downstream;
mod labeller;
mod labelling;
mod log;
mod metrics;
mod options;
mod outcome;
mod relay;
mod scrape;
mod sidecar;
mod value;
mod wire;

pub use codec::BytesCodec;
pub use labeller::{Labeller, Tally};
pub use labelling::Labelling;
pub use metrics::Metrics;
pub use options::{ForwardTls, ListenTls, Options, StartError};
pub use sidecar::{STOP_PATIENCE, Sidecar, Stopped};

/// The largest message, compressed or not, in either direction: what Vector's source takes. A
/// request that labels would make larger goes on without them.
pub const MAX_MESSAGE: usize = 100 << 20;

/// The path of Vector's method for events.
pub const PUSH_EVENTS: &str = "/vector.Vector/PushEvents";

/// The path of Vector's own health check.
pub const VECTOR_HEALTH_CHECK: &str = "/vector.Vector/HealthCheck";

/// The path of gRPC's standard health check.
pub const HEALTH_CHECK: &str = "/grpc.health.v1.Health/Check";
