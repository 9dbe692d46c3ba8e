//! `logtriage review`: a person's word wins.

use std::io::Write;
use std::process::{Command, Stdio};

use scripted_llm::Step;
use serde_json::json;

use crate::place::{LABEL, Place};

fn review(place: &Place, answers: &str) -> (i32, String) {
    let mut running = Command::new(env!("CARGO_BIN_EXE_logtriage"))
        .args(["review", "--config", "logtriage.toml", "--by", "ada"])
        .current_dir(place.path(""))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("starts");
    running.stdin.take().expect("piped").write_all(answers.as_bytes()).expect("written");
    let output = running.wait_with_output().expect("ends");
    (output.status.code().expect("by itself"), String::from_utf8(output.stdout).expect("UTF-8"))
}

/// Three with verdicts and one that waits, the most frequent first.
fn place() -> Place {
    let place = Place::new([Step::Right]);
    place.pending(&["kettle boils", "lamp glows", "door \u{1b}[2J opens"]).once().with(0);
    let line = json!({"template": "window shuts", "count": 7,
        "candidates": [{"label": "User Action", "confidence": 0.4}]});
    place.write("state/pending.jsonl", &format!("{line}\n"));
    place
}

#[test]
fn what_a_person_says_is_kept_at_once() {
    let place = place();
    let (status, page) = review(&place, "a\nnonsense\n7\ns\n\n");
    assert_eq!(status, 0);
    assert!(page.contains("[1/4] 1,000 events") && !page.contains('\u{1b}'), "{page}");
    assert!(page.contains("a number is 1 to 9"), "{page}");
    let said = place.lines("state/verdicts.human.jsonl");
    let said: Vec<_> = said.iter().map(|v| (&v["template"], &v["label"], &v["by"])).collect();
    let expected =
        [("kettle boils", LABEL), ("lamp glows", "User Action"), ("window shuts", "User Action")]
            .map(|(template, label)| (json!(template), json!(label), json!("ada")));
    assert_eq!(said, expected.iter().map(|(t, l, b)| (t, l, b)).collect::<Vec<_>>());
    // Only what was skipped is asked about again, and what was reviewed is no question any more.
    assert!(review(&place, "q\n").1.contains("[1/1]"));
    let asked = place.server.received().len();
    place.once().with(0);
    assert_eq!(place.server.received().len(), asked);
}

#[test]
fn the_end_of_the_input_ends_the_review() {
    let place = place();
    assert_eq!(review(&place, "a").0, 0);
    assert_eq!(place.lines("state/verdicts.human.jsonl").len(), 1);
}
