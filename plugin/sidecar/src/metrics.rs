//! What is counted, for Prometheus.

use std::time::Duration;

use logtriage_engine::{Labels, Stats, Tier};
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::Registry;
use tonic::Code;

use crate::labeller::Tally;

/// One label and its value.
type By = [(&'static str, &'static str); 1];

/// Counters, gauges and histograms of one sidecar.
pub struct Metrics {
    registry: Registry,
    received: Family<By, Counter>,
    labelled: Family<[(&'static str, String); 2], Counter>,
    unlabelled: Family<By, Counter>,
    requests_unlabelled: Family<By, Counter>,
    requests: Family<By, Counter>,
    events: Family<By, Counter>,
    in_flight: Gauge,
    request_seconds: Histogram,
    labelling_seconds: Histogram,
    without_message: Counter,
    cache_hits: Counter,
    cache_misses: Counter,
    transformer_failures: Counter,
    cached: Gauge,
    shed: Counter,
    pending: Gauge,
    pending_let_go: Counter,
}

/// Why a whole request passed unlabelled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unlabelled {
    Malformed,
    TooLarge,
    Panic,
}

impl Default for Metrics {
    fn default() -> Self {
        // From 0.1 ms to 26 s, by factors of 4.
        let seconds = || Histogram::new(exponential_buckets(0.0001, 4.0, 10));
        let mut metrics = Self {
            registry: Registry::with_prefix("logtriage"),
            received: Family::default(),
            labelled: Family::default(),
            unlabelled: Family::default(),
            requests_unlabelled: Family::default(),
            requests: Family::default(),
            events: Family::default(),
            in_flight: Gauge::default(),
            request_seconds: seconds(),
            labelling_seconds: seconds(),
            without_message: Counter::default(),
            cache_hits: Counter::default(),
            cache_misses: Counter::default(),
            transformer_failures: Counter::default(),
            cached: Gauge::default(),
            shed: Counter::default(),
            pending: Gauge::default(),
            pending_let_go: Counter::default(),
        };
        metrics.register();
        metrics
    }
}

impl Metrics {
    /// The present state in the OpenMetrics text format.
    pub fn text(&self) -> String {
        let mut text = String::new();
        // Writing to a string cannot fail.
        let _ = encode(&mut text, &self.registry);
        text
    }

    fn register(&mut self) {
        let r = &mut self.registry;
        r.register("received_events", "Events received, by kind", self.received.clone());
        r.register("events", "Logs labelled, by tier and label", self.labelled.clone());
        r.register("unlabelled_events", "Events passed unlabelled", self.unlabelled.clone());
        let help = "Requests passed unlabelled as a whole";
        r.register("unlabelled_requests", help, self.requests_unlabelled.clone());
        r.register("requests", "Requests answered, by status", self.requests.clone());
        r.register("answered_events", "Events in them, by status", self.events.clone());
        r.register("requests_in_flight", "Requests without an answer yet", self.in_flight.clone());
        let help = "From the whole request to its answer, in seconds";
        r.register("request_duration_seconds", help, self.request_seconds.clone());
        let help = "Labelling one request, in seconds";
        r.register("labelling_duration_seconds", help, self.labelling_seconds.clone());
        r.register("no_message", "Logs without a message", self.without_message.clone());
        r.register("cache_hits", "Logs whose template was cached", self.cache_hits.clone());
        r.register("cache_misses", "Logs whose template was new", self.cache_misses.clone());
        let help = "Logs that passed without the semantic tier because the transformer failed";
        r.register("transformer_failures", help, self.transformer_failures.clone());
        r.register("cached_templates", "Templates in the cache", self.cached.clone());
        let help = "Logs beyond the limit on new templates";
        r.register("shed", help, self.shed.clone());
        r.register("pending_templates", "Templates to be written down", self.pending.clone());
        let help = "Logs whose template found the queue full";
        r.register("pending_let_go", help, self.pending_let_go.clone());
    }

    pub(crate) fn count(&self, tally: &Tally, labels: &Labels) {
        let kinds = [
            ("log", tally.logs),
            ("metric", tally.metrics),
            ("trace", tally.traces),
            ("unknown", tally.unknown + tally.malformed),
        ];
        for (kind, count) in kinds {
            add(&self.received, ("kind", kind), count);
        }
        add(&self.unlabelled, ("reason", "not_an_object"), tally.rootless);
        add(&self.unlabelled, ("reason", "malformed"), tally.malformed);
        for (tier, counts) in Tier::ALL.iter().zip(&tally.outcomes) {
            for (place, count) in counts.iter().enumerate().filter(|(_, count)| **count > 0) {
                let label = labels.names().nth(place).unwrap_or(logtriage_engine::UNCLASSIFIED);
                let series = [("tier", tier.name().to_owned()), ("label", label.to_owned())];
                self.labelled.get_or_create(&series).inc_by(*count);
            }
        }
    }

    /// What the engine counted since `before`.
    pub(crate) fn count_stats(&self, before: &Stats, now: &Stats) {
        self.without_message.inc_by(now.no_message - before.no_message);
        self.cache_hits.inc_by(now.cache_hits - before.cache_hits);
        self.cache_misses.inc_by(now.cache_misses - before.cache_misses);
        self.transformer_failures.inc_by(now.encoder_failures - before.encoder_failures);
        self.shed.inc_by(now.shed - before.shed);
        self.pending_let_go.inc_by(now.pending_let_go - before.pending_let_go);
        self.cached.set(now.cached.cast_signed());
        self.pending.set(now.pending.cast_signed());
    }

    pub(crate) fn labelling_took(&self, duration: Duration) {
        self.labelling_seconds.observe(duration.as_secs_f64());
    }

    pub(crate) fn passed_unlabelled(&self, why: Unlabelled) {
        let reason = match why {
            Unlabelled::Malformed => "malformed",
            Unlabelled::TooLarge => "too_large",
            Unlabelled::Panic => "panic",
        };
        add(&self.requests_unlabelled, ("reason", reason), 1);
    }

    pub(crate) fn request_began(&self) {
        self.in_flight.inc();
    }

    pub(crate) fn request_ended(&self) {
        self.in_flight.dec();
    }

    pub(crate) fn answered(&self, code: Code, events: u64, duration: Duration) {
        add(&self.requests, ("code", code_name(code)), 1);
        add(&self.events, ("code", code_name(code)), events);
        self.request_seconds.observe(duration.as_secs_f64());
    }
}

fn add(family: &Family<By, Counter>, by: (&'static str, &'static str), count: u64) {
    if count > 0 {
        family.get_or_create(&[by]).inc_by(count);
    }
}

/// As gRPC spells its codes.
pub(crate) fn code_name(code: Code) -> &'static str {
    match code {
        Code::Ok => "OK",
        Code::Cancelled => "CANCELLED",
        Code::Unknown => "UNKNOWN",
        Code::InvalidArgument => "INVALID_ARGUMENT",
        Code::DeadlineExceeded => "DEADLINE_EXCEEDED",
        Code::NotFound => "NOT_FOUND",
        Code::AlreadyExists => "ALREADY_EXISTS",
        Code::PermissionDenied => "PERMISSION_DENIED",
        Code::ResourceExhausted => "RESOURCE_EXHAUSTED",
        Code::FailedPrecondition => "FAILED_PRECONDITION",
        Code::Aborted => "ABORTED",
        Code::OutOfRange => "OUT_OF_RANGE",
        Code::Unimplemented => "UNIMPLEMENTED",
        Code::Internal => "INTERNAL",
        Code::Unavailable => "UNAVAILABLE",
        Code::DataLoss => "DATA_LOSS",
        Code::Unauthenticated => "UNAUTHENTICATED",
    }
}
