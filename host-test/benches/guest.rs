//! What the guest costs in WAMR's fast interpreter, as Fluent Bit runs it, beside what other
//! filters in Rust cost on the same records in the same run.
//!
//! `cargo bench --bench guest` prints the time for all records of a set, and at the end the time of
//! one record and the ratios. Ratios of one run hold on any machine, single times do not. What
//! Fluent Bit itself does with a record, before and after, is not in these times.

use std::hint::black_box;
use std::path::{Path, PathBuf};

use criterion::{BenchmarkId, Criterion, Throughput};
use host_test::{Wamr, WamrSettings, guest, records};
use logtriage_engine::{BUILTIN_RULES, CompiledRules, Labels};
use tempfile::TempDir;

const TEMPLATES: usize = 300;
/// Records in one pass.
const EVENTS: usize = 3_000;

/// Passes with other values each: more lines than the guest's cache of shapes holds.
const PASSES: usize = 4;

/// The row that others are compared with.
const ROUND_TRIP: &str = "serde_json Value, round trip";

/// A set of records.
struct Corpus {
    name: &'static str,
    /// Some passes of `pass` records each.
    records: Vec<Vec<u8>>,
    pass: usize,
}

/// What differs between two messages with one template.
#[derive(Clone, Copy, PartialEq)]
enum Varying {
    Numbers,
    /// An id has hexadecimal letters, too.
    Ids,
    /// A name has no digit.
    Names,
}

/// About 150 bytes each: what services say of their work.
fn generated(name: &'static str, varying: Varying) -> Corpus {
    const SUBJECTS: [&str; 15] = [
        "worker",
        "session",
        "order",
        "invoice",
        "backup",
        "replica",
        "queue",
        "upload",
        "request",
        "connection",
        "volume",
        "job",
        "snapshot",
        "lease",
        "token",
    ];
    const VERBS: [&str; 20] = [
        "started",
        "finished",
        "failed",
        "was created",
        "was deleted",
        "timed out",
        "retried",
        "was accepted",
        "was rejected",
        "expired",
        "moved",
        "is waiting",
        "reconnected",
        "was closed",
        "is slow",
        "was restored",
        "was skipped",
        "was renewed",
        "is full",
        "recovered",
    ];
    let record = |event: usize| {
        let template = event * 7 % TEMPLATES;
        let (subject, verb) = (SUBJECTS[template % 15], VERBS[template / 15]);
        let (a, b) = (event * 7919 % 65_536, event * 104_729 % 256);
        let id = match varying {
            Varying::Ids => format!("{a:04x}-{b:02x}"),
            Varying::Numbers | Varying::Names => format!("{a:05}-{b:03}"),
        };
        let user = match varying {
            Varying::Names => (0..6).map(|n| char::from(b'g' + (a >> (3 * n) & 7) as u8)).collect(),
            Varying::Numbers | Varying::Ids => format!("u{a}"),
        };
        let message = format!(
            "{subject} {a} {verb} after {b} ms on 10.0.{}.{b} user={user} id=4f{id}",
            b / 2
        );
        let second = event % 60;
        format!(
            "{{\"log\":\"{message}\",\"stream\":\"stdout\",\"time\":\"2026-11-20T07:03:{second:02}.1182Z\"}}"
        )
    };
    let records = (0..PASSES * EVENTS).map(|e| record(e).into_bytes()).collect();
    Corpus { name, records, pass: EVENTS }
}

/// What the project shows as examples, of all lengths.
fn sample() -> Corpus {
    let records: Vec<_> = records::ordinary().map(<[u8]>::to_vec).collect();
    Corpus { name: "sample", pass: records.len(), records }
}

/// A directory with fifty rules of a user's and no limit on new templates.
fn directory(more: &str) -> TempDir {
    let blocks: Vec<&str> = BUILTIN_RULES.split("[[rule]]").skip(1).take(50).collect();
    let text: String = blocks.iter().map(|block| format!("[[rule]]{block}")).collect();
    let files = [("rules.toml", text.as_bytes())];
    let compiled = CompiledRules::compile(&files, &Labels::default()).expect("right rules");
    let directory = TempDir::new().expect("a temporary directory");
    let write = |name: &str, content: &[u8]| {
        std::fs::write(directory.path().join(name), content).expect("can be written");
    };
    let config = format!("max_new_templates_per_second = 0\nrules = [\"rules.toml\"]\n{more}");
    write("logtriage.toml", config.as_bytes());
    write("rules.toml", text.as_bytes());
    write("rules.bin", &compiled.bytes);
    directory
}

fn ours(directory: &Path) -> Wamr {
    let settings = WamrSettings { directory: Some(directory), ..WamrSettings::default() };
    Wamr::start(&settings).expect("starts")
}

fn baseline(package: &str) -> Wamr {
    Wamr::start_module(&guest::baseline(package), &WamrSettings::default()).expect("starts")
}

fn pass(host: &mut Wamr, records: &[Vec<u8>]) {
    for record in records {
        black_box(host.answer(black_box(record)).expect("kept"));
    }
}

fn events(c: &mut Criterion, corpus: &Corpus) {
    let (warm, new) = (directory(""), directory("cache_size = 1\n"));
    let mut hosts = [
        ("identity", baseline("identity")),
        (ROUND_TRIP, baseline("round-trip")),
        ("serde_json Value, three fields added", baseline("add-fields")),
        ("logtriage, 50 rules, warm cache", ours(warm.path())),
        ("logtriage, built-in rules, warm cache", {
            let settings = WamrSettings::default();
            Wamr::start(&settings).expect("starts")
        }),
        ("logtriage, 50 rules, new templates", ours(new.path())),
    ];
    let mut group = c.benchmark_group(corpus.name);
    group.throughput(Throughput::Elements(corpus.pass as u64));
    group.sample_size(20);
    for (name, host) in &mut hosts {
        pass(host, &corpus.records);
        let mut passes = corpus.records.chunks(corpus.pass).cycle();
        group.bench_function(BenchmarkId::from_parameter(*name), |b| {
            b.iter(|| pass(host, passes.next().unwrap_or_default()));
        });
    }
    group.finish();
}

fn start(c: &mut Criterion) {
    let mut group = c.benchmark_group("start");
    group.sample_size(20);
    let record = br#"{"log":"Failed password for root from 203.0.113.7 port 4711 ssh2"}"#;
    group.bench_function("load, instantiate, first event", |b| {
        b.iter(|| {
            let mut host = Wamr::start(&WamrSettings::default()).expect("starts");
            host.answer(record).expect("kept")
        });
    });
    group.finish();
}

/// What one filter adds to the process, after the whole corpus has passed.
fn memory(corpus: &Corpus) {
    let before = resident();
    let mut host = Wamr::start(&WamrSettings::default()).expect("starts");
    pass(&mut host, &corpus.records);
    let mib = |bytes: usize| bytes as f64 / f64::from(1 << 20);
    println!("memory: the guest's own {:.1} MiB", mib(host.memory_size()));
    if let (Some(before), Some(after)) = (before, resident()) {
        println!("memory: resident {:.1} MiB more than before", mib(after.saturating_sub(before)));
    }
}

/// What the process has in memory, in bytes, where the system tells.
fn resident() -> Option<usize> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    line.trim().strip_suffix(" kB")?.trim().parse::<usize>().ok().map(|kib| kib << 10)
}

/// The mean time of each row per event, and beside the round trip's.
fn ratios(corpus: &Corpus) {
    let mean = |row: &str| {
        let name = row.replace(['?', '"', '/', '\\', '*', '<', '>', ':', '|', '^'], "_");
        let file = criterion_directory().join(corpus.name).join(name).join("new/estimates.json");
        let text = std::fs::read(file).ok()?;
        let estimates: serde_json::Value = serde_json::from_slice(&text).ok()?;
        Some(estimates["mean"]["point_estimate"].as_f64()? / corpus.pass as f64 / 1000.0)
    };
    let bytes: usize = corpus.records.iter().map(Vec::len).sum();
    let average = bytes / corpus.records.len();
    println!("\n{}: {} records of {average} bytes a pass", corpus.name, corpus.pass);
    let rows = [
        "identity",
        ROUND_TRIP,
        "serde_json Value, three fields added",
        "logtriage, 50 rules, warm cache",
        "logtriage, built-in rules, warm cache",
        "logtriage, 50 rules, new templates",
    ];
    let Some(round_trip) = mean(ROUND_TRIP) else { return };
    for (row, mean) in rows.iter().filter_map(|row| Some((row, mean(row)?))) {
        println!("{row:<40} {mean:>8.2} µs per event {:>7.2} of the round trip", mean / round_trip);
    }
}

fn criterion_directory() -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let target = std::env::var_os("CARGO_TARGET_DIR").unwrap_or_else(|| "target".into());
    root.join(target).join("criterion")
}

fn main() {
    let corpora = [
        generated("numbers", Varying::Numbers),
        generated("hexadecimal ids", Varying::Ids),
        generated("names", Varying::Names),
        sample(),
    ];
    memory(&corpora[0]);
    let mut criterion = Criterion::default().configure_from_args();
    for corpus in &corpora {
        events(&mut criterion, corpus);
    }
    start(&mut criterion);
    criterion.final_summary();
    corpora.iter().for_each(ratios);
}
