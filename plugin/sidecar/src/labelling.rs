//! The thread that labels: one engine for all requests, so that there is one cache and one state
//! directory, and memory does not grow with the cores.
//!
//! The other threads have more to do with a request (the kernel, HTTP/2) than this one, so it holds
//! nobody back before several cores are busy.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use bytes::Bytes;
use logtriage_engine::Stats;
use logtriage_files::FileError;
use tokio::sync::oneshot;

use crate::MAX_MESSAGE;
use crate::labeller::Labeller;
use crate::metrics::{Metrics, Unlabelled};

/// Files are looked at this often while no event comes.
const IDLE: Duration = Duration::from_secs(2);

/// A thread with an engine. It ends when this is dropped, after what it was given.
pub struct Labelling {
    jobs: Option<Sender<Job>>,
    thread: Option<JoinHandle<()>>,
}

struct Job {
    request: Bytes,
    done: oneshot::Sender<Done>,
}

/// A request as it goes on.
pub(crate) struct Done {
    pub(crate) request: Bytes,
    /// Events in it, as far as they could be counted.
    pub(crate) events: u64,
}

/// What labels requests: a [`Labeller`], or what stands for one in a test.
pub(crate) trait Label: Send + 'static {
    /// The request with its logs labelled, `None` for the request as it came; and its events.
    fn label(&mut self, request: &[u8], now: u64, metrics: &Metrics) -> (Option<Vec<u8>>, u64);

    /// Works on files. Says what people should be told.
    fn keep_up(&mut self, now: u64) -> Vec<String>;
}

/// A labeller, and what it had counted when that was last told.
struct Counted {
    labeller: Labeller,
    told: Stats,
}

impl Labelling {
    /// Starts the thread with the labeller that `open` gives. After a panic it is asked for another
    /// one.
    ///
    /// # Errors
    /// The first one is an error.
    pub fn start(
        mut open: impl FnMut() -> Result<Labeller, FileError> + Send + 'static,
        metrics: Arc<Metrics>,
    ) -> Result<Self, FileError> {
        let counted = move || {
            let labeller = open()?;
            Ok(Counted { told: Stats::default(), labeller })
        };
        Self::start_with(counted, metrics)
    }

    fn start_with<L: Label>(
        mut open: impl FnMut() -> Result<L, FileError> + Send + 'static,
        metrics: Arc<Metrics>,
    ) -> Result<Self, FileError> {
        let labeller = open()?;
        let (jobs, work) = channel();
        let run = move || run(labeller, open, &work, &metrics);
        let thread = std::thread::Builder::new().name("labelling".to_owned()).spawn(run);
        let thread = thread.map_err(|problem| FileError::Other(format!("no thread: {problem}")))?;
        Ok(Self { jobs: Some(jobs), thread: Some(thread) })
    }

    /// Labels a request. Whatever happens to the thread, the request comes back.
    pub(crate) async fn label(&self, request: Bytes) -> Done {
        let (done, answer) = oneshot::channel();
        let job = Job { request: request.clone(), done };
        if let Some(jobs) = &self.jobs
            && jobs.send(job).is_ok()
            && let Ok(done) = answer.await
        {
            return done;
        }
        Done { request, events: 0 }
    }
}

impl Drop for Labelling {
    fn drop(&mut self) {
        drop(self.jobs.take());
        if let Some(thread) = self.thread.take() {
            // It catches its panics.
            let _ = thread.join();
        }
    }
}

fn run<L: Label>(
    mut labeller: L,
    mut open: impl FnMut() -> Result<L, FileError>,
    work: &Receiver<Job>,
    metrics: &Metrics,
) {
    let began = Instant::now();
    let now = || u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
    loop {
        match work.recv_timeout(IDLE) {
            Ok(Job { request, done }) => {
                let labelled = labelled(&mut labeller, &request, now(), metrics);
                if labelled.is_none() {
                    tracing::error!("labelling panicked: a request passes unlabelled");
                    metrics.passed_unlabelled(Unlabelled::Panic);
                    labeller = open().unwrap_or(labeller);
                }
                // Nobody waits for it any more if the upstream went away.
                let _ = done.send(labelled.unwrap_or(Done { request, events: 0 }));
            }
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => return tell(labeller.keep_up(now())),
        }
        tell(labeller.keep_up(now()));
    }
}

/// `None` after a panic.
fn labelled<L: Label>(
    labeller: &mut L,
    request: &Bytes,
    now: u64,
    metrics: &Metrics,
) -> Option<Done> {
    let began = Instant::now();
    let label = AssertUnwindSafe(|| labeller.label(request, now, metrics));
    let (labelled, events) = catch_unwind(label).ok()?;
    metrics.labelling_took(began.elapsed());
    let labelled = labelled.filter(|labelled| {
        let fits = labelled.len() <= MAX_MESSAGE;
        if !fits {
            metrics.passed_unlabelled(Unlabelled::TooLarge);
        }
        fits
    });
    let request = labelled.map_or_else(|| request.clone(), Bytes::from);
    Some(Done { request, events })
}

/// As a value, not as the message itself: text from files must not act on a terminal.
fn tell(reports: Vec<String>) {
    for report in reports {
        tracing::warn!(problem = report.as_str(), "files");
    }
}

impl Label for Counted {
    fn label(&mut self, request: &[u8], now: u64, metrics: &Metrics) -> (Option<Vec<u8>>, u64) {
        let labelled = self.labeller.label(request, now);
        let tally = self.labeller.take_tally();
        if tally.malformed_requests > 0 {
            metrics.passed_unlabelled(Unlabelled::Malformed);
        }
        metrics.count(&tally, self.labeller.labels());
        let stats = self.labeller.stats();
        metrics.count_stats(&self.told, &stats);
        self.told = stats;
        (labelled, tally.events())
    }

    fn keep_up(&mut self, now: u64) -> Vec<String> {
        self.labeller.keep_up(now);
        self.labeller.reports()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Panics at what begins with `!`, and says with which life it labelled the rest.
    struct Fragile(u8);

    impl Label for Fragile {
        fn label(&mut self, request: &[u8], _: u64, _: &Metrics) -> (Option<Vec<u8>>, u64) {
            assert!(!request.starts_with(b"!"), "a panic for a test");
            (Some([request, &[self.0]].concat()), 1)
        }

        fn keep_up(&mut self, _: u64) -> Vec<String> {
            Vec::new()
        }
    }

    fn label(labelling: &Labelling, request: &'static [u8]) -> Bytes {
        let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
        runtime.block_on(labelling.label(Bytes::from_static(request))).request
    }

    #[test]
    fn a_panic_costs_one_request_its_labels_and_is_counted() {
        let metrics = Arc::new(Metrics::default());
        let mut lives = b"123".iter().copied();
        let open = move || {
            let life = lives.next().map(Fragile);
            life.ok_or_else(|| FileError::Other("no more".to_owned()))
        };
        let labelling = Labelling::start_with(open, Arc::clone(&metrics)).expect("starts");
        for (request, expected) in [
            (&b"a"[..], &b"a1"[..]),
            (b"!", b"!"),
            (b"b", b"b2"),
            (b"!", b"!"),
            (b"!", b"!"),
            (b"c", b"c3"),
        ] {
            assert_eq!(label(&labelling, request), expected);
        }
        let text = metrics.text();
        assert!(text.contains("unlabelled_requests_total{reason=\"panic\"} 3"), "{text}");
    }
}
