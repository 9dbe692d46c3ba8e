//! What a busy `logtriage reason --watch` costs the engine that labels on the same state directory.
//!
//! `cargo bench --bench reason` labels events alone, beside the command, which asks a scripted
//! server about templates that do not run out, and alone again, and prints the ratios: 1.05 beside
//! it at most. Ratios of one run hold on any machine, single times do not. The command and the
//! server are threads and processes of their own: with two cores or more they have a core for
//! themselves, and the ratio says what sharing files, and learning what is answered, costs; on one
//! core they take turns with the engine, and the ratio says how much of it they were given.

use std::hint::black_box;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use criterion::{BenchmarkId, Criterion, Throughput};
use host_test::bench::print_ratios;
use host_test::command::Running;
use host_test::{command, records};
use logtriage_files::{Agent, Loaded, RuleForm};
use scripted_llm::{Server, Step};
use tempfile::TempDir;

/// Templates that are handed to the command at once: what it asks about in some tens of seconds.
const TEMPLATES: usize = 30_000;

/// Events in one pass.
const EVENTS: usize = 5_000;

const GROUP: &str = "the engine";
const ROWS: [&str; 3] = ["alone", "beside a busy reason --watch", "alone again"];

/// What hosts and command share: a directory with a config and the state.
struct Place {
    directory: TempDir,
}

impl Place {
    fn new(server: &Server) -> Self {
        let directory = TempDir::new().expect("a temporary directory");
        let config = format!(
            "max_new_templates_per_second = 0\n[reasoning]\nbase_url = \"{}\"\nmodel = \"m\"\n\
             [reasoning.limits]\nrequests_per_minute = 4294967295\nconcurrent_requests = 8\n\
             templates_per_day = 4294967295\ntokens_per_day = 4294967295\n",
            server.base_url()
        );
        std::fs::write(directory.path().join("logtriage.toml"), config).expect("can be written");
        std::fs::create_dir(directory.path().join("state")).expect("can be made");
        Self { directory }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    fn agent(&self) -> Agent {
        let loaded = Loaded::read(&self.path("logtriage.toml")).expect("a right config");
        Agent::open(loaded, RuleForm::Text).expect("an agent")
    }

    fn watch(&self) -> Running {
        let child = Command::new(command::optimized())
            .args(["reason", "--watch", "--quiet", "--config", "logtriage.toml"])
            .current_dir(self.directory.path())
            .stderr(Stdio::null())
            .spawn()
            .expect("the command runs");
        Running(child)
    }

    /// Hands over templates of which no two are alike, as soon as those before were taken.
    fn feed(&self, ends: &AtomicBool) {
        let mut made = 0;
        while !ends.load(Ordering::Relaxed) {
            if !self.path("state/pending.jsonl").exists() {
                let lines: String = (made..made + TEMPLATES).map(pending).collect();
                let whole = self.path("state/fed");
                std::fs::write(&whole, lines).expect("can be written");
                std::fs::rename(whole, self.path("state/pending.jsonl")).expect("can be moved");
                made += TEMPLATES;
            }
            thread::sleep(Duration::from_millis(100));
        }
    }
}

/// A line of `pending.jsonl`.
fn pending(number: usize) -> String {
    let letter = |place: u32| char::from(b'a' + (number / 20_usize.pow(place) % 20) as u8);
    let words: Vec<_> = (0..4).map(|place| format!("{}o{0}", letter(place))).collect();
    let line = serde_json::json!({
        "template": format!("gadget {} was polished <num> times", words.join(" ")),
        "source": "bench",
        "count": 1,
        "candidates": [],
        "first_seen_ms": 1_700_000_000_000_u64 + 100 * number as u64,
    });
    format!("\n{line}\n")
}

/// The ordinary records of the corpus, again and again.
fn events() -> Vec<&'static [u8]> {
    let all: Vec<_> = records::ordinary().collect();
    all.iter().copied().cycle().take(EVENTS).collect()
}

fn main() {
    // Built before anything is measured.
    command::optimized();
    let judge = |_: &str| ("System Notification".to_owned(), "routine of a system".to_owned());
    let server = Server::start([Step::Right], judge);
    let place = Place::new(&server);
    let (mut agent, events, began) = (place.agent(), events(), Instant::now());
    let mut pass = || {
        for record in &events {
            let now = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
            let mut out = Vec::new();
            black_box(agent.annotate(black_box(record), now, &mut out));
        }
    };
    let mut criterion = Criterion::default().configure_from_args();
    let mut group = criterion.benchmark_group(GROUP);
    // Longer than several looks at the files, which are two seconds apart.
    group.measurement_time(Duration::from_secs(20)).sample_size(50);
    group.throughput(Throughput::Elements(EVENTS as u64));
    let [alone, beside, again] = ROWS.map(BenchmarkId::from_parameter);
    group.bench_function(alone, |b| b.iter(&mut pass));
    let ends = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| place.feed(&ends));
        let _watch = place.watch();
        while server.received().is_empty() {
            thread::sleep(Duration::from_millis(50));
        }
        let before = server.received().len();
        group.bench_function(beside, |b| b.iter(&mut pass));
        println!("requests meanwhile: {}", server.received().len() - before);
        ends.store(true, Ordering::Relaxed);
    });
    group.bench_function(again, |b| b.iter(&mut pass));
    group.finish();
    criterion.final_summary();
    print_ratios(GROUP, EVENTS, ROWS[0], &ROWS);
}
