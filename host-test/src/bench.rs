//! What benchmarks share: lines to label, and the figures of a run.

use crate::root;

/// What differs between two messages with one template.
#[derive(Clone, Copy, PartialEq)]
pub enum Varying {
    /// Decimal digits.
    Numbers,
    /// An id has hexadecimal letters, too.
    Ids,
    /// A name has no digit.
    Names,
}

/// The message of an event, of about 80 bytes: what services say of their work, in 300 templates.
pub fn message(event: usize, varying: Varying) -> String {
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
    let template = event * 7 % (SUBJECTS.len() * VERBS.len());
    let (subject, verb) = (SUBJECTS[template % 15], VERBS[template / 15]);
    let (a, b) = values(event);
    let id = match varying {
        Varying::Ids => format!("{a:04x}-{b:02x}"),
        Varying::Numbers | Varying::Names => format!("{a:05}-{b:03}"),
    };
    let user = match varying {
        Varying::Names => (0..6).map(|n| char::from(b'g' + (a >> (3 * n) & 7) as u8)).collect(),
        Varying::Numbers | Varying::Ids => format!("u{a}"),
    };
    format!("{subject} {a} {verb} after {b} ms on 10.0.{}.{b} user={user} id=4f{id}", b / 2)
}

/// The same as a program writes it to a file, about 140 bytes.
pub fn line(event: usize, varying: Varying) -> String {
    let (a, b) = values(event);
    format!(
        "2026-11-20T07:03:{:02}.1182Z host-{b} billing[{a}]: {} attempt {} of 5",
        event % 60,
        message(event, varying),
        event % 5
    )
}

/// Two numbers that vary with the event.
fn values(event: usize) -> (usize, usize) {
    (event * 7919 % 65_536, event * 104_729 % 256)
}

/// Prints the mean time of each row of a criterion group per event, and beside the row `base`;
/// nothing where `base` was never measured. The benchmark has to be over.
pub fn print_ratios(group: &str, events: usize, base: &str, rows: &[&str]) {
    let mean = |row| Some(mean(group, row)? / events as f64);
    let Some(base_mean) = mean(base) else { return };
    for (row, mean) in rows.iter().filter_map(|row| Some((row, mean(row)?))) {
        println!("{row:<42} {mean:>8.2} µs per event {:>7.2} of {base}", mean / base_mean);
    }
}

/// In µs, as criterion wrote it down last.
fn mean(group: &str, row: &str) -> Option<f64> {
    let target = std::env::var_os("CARGO_TARGET_DIR").unwrap_or_else(|| "target".into());
    let name = row.replace(['?', '"', '/', '\\', '*', '<', '>', ':', '|', '^'], "_");
    let results = root().join(target).join("criterion").join(group).join(name);
    let text = std::fs::read(results.join("new/estimates.json")).ok()?;
    let estimates: serde_json::Value = serde_json::from_slice(&text).ok()?;
    Some(estimates["mean"]["point_estimate"].as_f64()? / 1000.0)
}

/// What a process has in memory (`VmRSS`) or had at most (`VmHWM`), in MiB, where the system tells.
pub fn memory(process: u32, name: &str) -> Option<f64> {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    let line = status.lines().find(|line| line.starts_with(name))?;
    let kib: f64 = line.split_whitespace().nth(1)?.parse().ok()?;
    Some(kib / 1024.0)
}
