//! A process that is killed at any moment loses no verdict and asks little twice.

use std::collections::BTreeMap;
use std::process::Stdio;
use std::time::{Duration, Instant};

use scripted_llm::{Server, Step};

use crate::place::Place;

/// Kills at so many moments.
const KILLS: u32 = 200;

const TEMPLATES: [&str; 12] = [
    "ape runs",
    "bear runs",
    "cat runs",
    "dog runs",
    "eel runs",
    "fox runs",
    "gnu runs",
    "hare runs",
    "ibex runs",
    "jay runs",
    "koala runs",
    "lion runs",
];

/// Templates that wait, as hosts left them, or as a run before took them.
fn waiting(taken: bool) -> Place {
    let place = Place::new([Step::Slow(Duration::from_millis(4))]);
    place.config("templates_per_request = 1\n[reasoning.limits]\nrequests_per_minute = 100000\n");
    place.pending(&TEMPLATES);
    if taken {
        let from = place.path("state/pending.jsonl");
        std::fs::rename(from, place.path("state/waiting.jsonl")).expect("renamed");
    }
    place
}

/// Kills a run after so long, and lets another one end the work.
fn kill(place: &Place, wait: Duration) {
    let mut running = place.command(&["--once"]).stderr(Stdio::null()).spawn().expect("starts");
    std::thread::sleep(wait);
    running.kill().expect("SIGKILL");
    running.wait().expect("it is gone");
    let before = place.text("state/verdicts.jsonl");
    place.once().with(0);
    let after = place.text("state/verdicts.jsonl");
    assert!(after.starts_with(&before), "the journal was only appended to");
    // A line that was torn is ended; all others are whole, and there is one for each template.
    let (verdicts, problems) = logtriage_engine::read_journal(after.as_bytes());
    assert!(problems.len() <= 1, "{problems:?}");
    let mut labelled: Vec<_> = verdicts.into_iter().map(|v| v.template).collect();
    labelled.sort();
    labelled.dedup();
    assert_eq!(labelled, TEMPLATES, "after {wait:?}");
    assert!(place.waiting().is_empty());
    at_most_twice(&place.server);
}

fn at_most_twice(server: &Server) {
    let mut asked: BTreeMap<String, usize> = BTreeMap::new();
    for template in server.asked() {
        *asked.entry(template).or_default() += 1;
    }
    assert!(asked.values().all(|times| *times <= 2), "{asked:?}");
}

#[test]
fn killed_at_any_moment_it_loses_nothing() {
    for (taken, kills) in [(false, KILLS / 4), (true, KILLS - KILLS / 4)] {
        // How long a whole run takes on this machine, so that moments are spread over all of it.
        let began = Instant::now();
        waiting(taken).once().with(0);
        let whole = began.elapsed();
        for moment in 0..kills {
            kill(&waiting(taken), whole * moment / kills);
        }
    }
}
