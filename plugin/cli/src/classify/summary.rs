//! What is said on standard error after a run.

use std::time::Duration;

use logtriage_engine::{Labels, Tier};

use super::pipeline::Report;
use crate::screen::{grouped, tell};

/// Prints the summary. `appended`: templates that went to the state directory, if there is one.
pub fn print(report: &Report, labels: &Labels, appended: Option<usize>, took: Duration) {
    let stats = &report.stats;
    let seconds = took.as_secs_f64();
    tell(&format!("{} events in {seconds:.2} s", grouped(stats.events)));
    let tiers: Vec<_> = Tier::ALL
        .into_iter()
        .filter(|tier| stats.tier(*tier) > 0)
        .map(|tier| share(tier.name(), stats.tier(tier), stats.events))
        .collect();
    line("tiers", &tiers.join(", "));
    let mut by_label: Vec<_> = labels.names().zip(&stats.labels).filter(|(_, n)| **n > 0).collect();
    by_label.sort_by_key(|(_, count)| std::cmp::Reverse(**count));
    let mut lines: Vec<_> =
        by_label.iter().map(|(label, count)| share(label, **count, stats.events)).collect();
    let unclassified = stats.tier(Tier::None);
    if unclassified > 0 {
        lines.push(share(logtriage_engine::UNCLASSIFIED, unclassified, stats.events));
    }
    for (place, text) in lines.iter().enumerate() {
        line(if place == 0 { "labels" } else { "" }, text);
    }
    let (hits, misses) = (grouped(stats.cache_hits), grouped(stats.cache_misses));
    line("cache", &format!("{hits} hits, {misses} misses"));
    line("pending", &pending(report, appended));
    let passed = stats.not_records + stats.malformed;
    if stats.no_message > 0 {
        line("no message", &format!("{} events have none", grouped(stats.no_message)));
    }
    if passed > 0 {
        line("passed", &format!("{} lines are no records", grouped(passed)));
    }
    if stats.encoder_failures > 0 {
        let failures = grouped(stats.encoder_failures);
        line("failed", &format!("the transformer failed on {failures} events"));
    }
    if report.bad_rows > 0 {
        line("problems", &format!("{} rows passed unlabelled", grouped(report.bad_rows)));
    }
}

fn pending(report: &Report, appended: Option<usize>) -> String {
    let waiting = report.pending.list().len();
    let mut text = format!("{} templates are unknown", grouped(waiting as u64));
    if let Some(appended) = appended {
        text.push_str(&format!("; {} went to pending.jsonl", grouped(appended as u64)));
        if appended < waiting {
            text.push_str(", which is full: take out what has its verdict");
        }
    }
    let let_go = report.stats.pending_let_go + report.pending.let_go();
    if let_go > 0 {
        let let_go = grouped(let_go);
        text.push_str(&format!("; the queue was full for {let_go} events"));
    }
    text
}

fn share(name: &str, count: u64, all: u64) -> String {
    let percent = 100.0 * count as f64 / all.max(1) as f64;
    format!("{name} {} ({percent:.1} %)", grouped(count))
}

fn line(name: &str, text: &str) {
    tell(&format!("  {name:<10} {text}"));
}
