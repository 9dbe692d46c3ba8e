//! What a line costs, beside a user's alternatives on the same lines in the same run.
//!
//! `cargo bench` prints the time for all lines of a set; divided by the number of lines it is the
//! time of one. Ratios between rows of one run hold on any machine, single times do not.

use std::hint::black_box;
use std::io::Write;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use logtriage_engine::{BUILTIN_RULES, Config, Engine, Event, Labels, Masker, Model, Rules, Setup};
use regex::bytes::{RegexSet, RegexSetBuilder};

/// Real-looking lines of 100 to 140 bytes: 120 on average.
fn lines() -> Vec<&'static [u8]> {
    include_str!("../../configs/sample.log")
        .lines()
        .filter(|line| (100..=140).contains(&line.len()))
        .map(str::as_bytes)
        .collect()
}

/// The first fifty built-in rules, as a file.
fn fifty_rules() -> String {
    let blocks: Vec<&str> = BUILTIN_RULES.split("[[rule]]").skip(1).take(50).collect();
    blocks.iter().map(|block| format!("[[rule]]{block}")).collect()
}

/// The same patterns, as a user of the `regex` crate would match them.
fn fifty_patterns() -> RegexSet {
    #[derive(serde::Deserialize)]
    struct File {
        rule: Vec<Rule>,
    }
    #[derive(serde::Deserialize)]
    struct Rule {
        pattern: String,
    }
    let file: File = toml::from_str(&fifty_rules()).expect("the built-in rules are TOML");
    RegexSetBuilder::new(file.rule.iter().map(|rule| &rule.pattern))
        .size_limit(64 << 20)
        .build()
        .expect("the built-in patterns compile")
}

fn engine() -> Engine {
    let rules = Rules::parse(&[("rules", fifty_rules().as_bytes())], &Labels::default())
        .expect("the built-in rules are right");
    let model = Arc::new(Model::builtin().expect("the built-in model loads"));
    let setup = Setup::new(&Config::default(), rules, model).expect("the default config is right");
    Engine::new(Arc::new(setup))
}

fn event(line: &[u8]) -> Event<'_> {
    Event { message: Some(line.into()), source: None }
}

fn label_all(engine: &mut Engine, lines: Option<&Vec<Vec<u8>>>) {
    for line in lines.into_iter().flatten() {
        black_box(engine.label(&event(black_box(line)), 0).label_id);
    }
}

/// Adds a number of four digits.
fn other_digits(lines: &[&[u8]], pass: usize) -> Vec<Vec<u8>> {
    lines.iter().map(|line| [line, format!(" {}", 1000 + pass).as_bytes()].concat()).collect()
}

/// Any odd number of 64 bits would do.
fn scattered(pass: u64, place: u64) -> u64 {
    (pass * 1000 + place + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15)
}

/// Adds an id of sixteen hexadecimal digits.
fn other_ids(lines: &[&[u8]], pass: u64) -> Vec<Vec<u8>> {
    let id = |place| format!(" {:016x}", scattered(pass, place));
    lines.iter().zip(0..).map(|(line, place)| [line, id(place).as_bytes()].concat()).collect()
}

/// Adds a name of eight letters, none of which a hexadecimal number has.
fn other_names(lines: &[&[u8]], pass: u64) -> Vec<Vec<u8>> {
    let name = |place| -> Vec<u8> {
        let letters = (0..8).map(|n| b'g' + (scattered(pass, place) >> (8 * n) & 15) as u8);
        b" user=".iter().copied().chain(letters).collect()
    };
    lines.iter().zip(0..).map(|(line, place)| [line.to_vec(), name(place)].concat()).collect()
}

fn per_line(c: &mut Criterion) {
    let lines = lines();
    let mut group = c.benchmark_group("per line of 120 bytes");
    group.throughput(Throughput::Elements(lines.len() as u64));

    let mut masker = Masker::default();
    group.bench_function("mask", |b| {
        b.iter(|| {
            for line in &lines {
                black_box(masker.mask(black_box(line)));
            }
        });
    });

    let set = fifty_patterns();
    group.bench_function("RegexSet of 50, matches", |b| {
        b.iter(|| {
            for line in &lines {
                black_box(set.matches(black_box(line)));
            }
        });
    });

    let mut engine = engine();
    // Each pass with other digits: what rules and mask said of a line holds for it.
    let passes: Vec<_> = (0..4).map(|pass| other_digits(&lines, pass)).collect();
    let mut next = passes.iter().cycle();
    group.bench_function("label, 50 rules, lines that differ in digits", |b| {
        b.iter(|| label_all(&mut engine, next.next()));
    });
    // Each pass with another id: the mask need not look again, rules must.
    let passes: Vec<_> = (0..200).map(|pass| other_ids(&lines, pass)).collect();
    let mut next = passes.iter().cycle();
    group.bench_function("label, 50 rules, lines that differ in ids", |b| {
        b.iter(|| label_all(&mut engine, next.next()));
    });
    // Each pass with another name: the template is known, and nothing else is.
    let passes: Vec<_> = (0..200).map(|pass| other_names(&lines, pass)).collect();
    let mut next = passes.iter().cycle();
    group.bench_function("label, 50 rules, lines that differ in names", |b| {
        b.iter(|| label_all(&mut engine, next.next()));
    });

    if drain3(&lines, 1).is_some() {
        group.bench_function("Drain3 (Python), match", |b| {
            b.iter_custom(|passes| drain3(&lines, passes).unwrap_or_default());
        });
    } else {
        println!("Drain3 is not measured: `python3 -c 'import drain3'` fails; pip install drain3");
    }
    group.finish();
}

/// The time of a Python process with Drain3 for so many passes over the lines, without its start.
fn drain3(lines: &[&[u8]], passes: u64) -> Option<Duration> {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/benches/time_drain3.py");
    let mut child = Command::new("python3")
        .args([script, &passes.to_string()])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .ok()?;
    child.stdin.take()?.write_all(&lines.join(&b'\n')).ok()?;
    let output = child.wait_with_output().ok()?;
    let nanoseconds = String::from_utf8(output.stdout).ok()?.trim().parse().ok()?;
    Some(Duration::from_nanos(nanoseconds))
}

fn new_template(c: &mut Criterion) {
    let model = Arc::new(Model::builtin().expect("the built-in model loads"));
    let config = Config::parse("bench", b"cache_size = 1").expect("a right config");
    let setup = Setup::new(&config, Rules::none(), model).expect("a right config");
    let mut engine = Engine::new(Arc::new(setup));
    let lines = lines();
    let mut group = c.benchmark_group("new template");
    group.throughput(Throughput::Elements(lines.len() as u64));
    group.bench_function("label, no rules, cache of one", |b| {
        b.iter(|| {
            for line in &lines {
                black_box(engine.label(&event(line), 0).label_id);
            }
        });
    });
    group.finish();
}

fn start(c: &mut Criterion) {
    let mut group = c.benchmark_group("start");
    group.sample_size(20);
    group.bench_function("model", |b| b.iter(|| black_box(Model::builtin().is_ok())));
    let labels = Labels::default();
    group.bench_function("built-in rules", |b| b.iter(|| Rules::builtin(&labels).is_ok()));
    group.bench_function("the same rules from a file", |b| {
        b.iter(|| Rules::parse(&[("rules", BUILTIN_RULES.as_bytes())], &labels).is_ok());
    });
    group.finish();
}

criterion_group!(benches, per_line, new_template, start);
criterion_main!(benches);
