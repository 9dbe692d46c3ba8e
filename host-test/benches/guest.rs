//! What the guest costs in WAMR's fast interpreter, as Fluent Bit runs it, beside what other
//! filters in Rust cost on the same records in the same run.
//!
//! `cargo bench --bench guest` prints the time for all records of a set, and at the end the time of
//! one record and the ratios. Ratios of one run hold on any machine, single times do not. What
//! Fluent Bit itself does with a record, before and after, is not in these times.

use std::hint::black_box;
use std::path::Path;

use criterion::{BenchmarkId, Criterion, Throughput};
use host_test::bench::{self, Varying, message, print_ratios};
use host_test::{Wamr, WamrSettings, guest, records};
use logtriage_engine::{BUILTIN_RULES, CompiledRules, Labels};
use tempfile::TempDir;

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

/// About 150 bytes each: what services say of their work.
fn generated(name: &'static str, varying: Varying) -> Corpus {
    let record = |event: usize| {
        let message = message(event, varying);
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
    let resident = || bench::memory(std::process::id(), "VmRSS");
    let before = resident();
    let mut host = Wamr::start(&WamrSettings::default()).expect("starts");
    pass(&mut host, &corpus.records);
    let own = host.memory_size() as f64 / f64::from(1 << 20);
    println!("memory: the guest's own {own:.1} MiB");
    if let (Some(before), Some(after)) = (before, resident()) {
        println!("memory: resident {:.1} MiB more than before", after - before);
    }
}

/// The mean time of each row per event, and beside the round trip's.
fn ratios(corpus: &Corpus) {
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
    print_ratios(corpus.name, corpus.pass, ROUND_TRIP, &rows);
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
