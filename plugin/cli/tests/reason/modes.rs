//! What each mode does when all goes well.

use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use scripted_llm::Step;
use serde_json::json;

use crate::place::{LABEL, Place};

#[test]
fn once_asks_about_what_waits_and_writes_verdicts() {
    let place = Place::new([Step::Right]);
    place.pending(&["billing step 7 of 9 aborted", "kettle <num> boils", "kettle 3 boils"]);
    let ran = place.once().with(0);
    assert!(ran.output.is_empty() && ran.errors.contains("2 verdicts"), "{}", ran.errors);
    let verdicts = place.lines("state/verdicts.jsonl");
    assert_eq!(verdicts.len(), 2);
    // The most frequent first: `kettle` came twice.
    assert_eq!(verdicts[0]["template"], "kettle <num> boils");
    assert_eq!((&verdicts[0]["label"], &verdicts[0]["by"]), (&json!(LABEL), &json!("m")));
    assert_eq!(
        (&verdicts[0]["reason"], &verdicts[0]["count"]),
        (&json!("a step failed"), &json!(1997))
    );
    assert!(verdicts[0]["time"].as_u64() > Some(1_500_000_000));
    let id = verdicts[0]["template_id"].as_str().expect("an id");
    assert!(id.len() == 16 && verdicts[0]["prompt"].as_str().expect("a digest").len() == 16);
    assert_eq!((place.waiting(), place.declined()), (vec![], vec![]));
    // Nothing is asked twice, even if it is offered again.
    place.pending(&["kettle 4 boils"]).once().with(0);
    assert_eq!(place.server.received().len(), 1);
}

#[test]
fn a_request_holds_what_helps_to_judge() {
    let place = Place::new([Step::Right]);
    place.config("[reasoning.labels]\nError = \"it broke\"\n");
    place.pending(&["billing step <num> aborted"]).once().with(0);
    let received = &place.server.received()[0];
    let body = received.json();
    assert_eq!(received.line.trim_end(), "POST /v1/chat/completions HTTP/1.1");
    assert_eq!(
        (&body["model"], &body["temperature"], &body["stream"]),
        (&json!("m"), &json!(0), &json!(false))
    );
    let system = body["messages"][0]["content"].as_str().expect("a prompt");
    assert!(
        system.contains("- Error: it broke\n") && system.contains("- Workflow Error: a business")
    );
    let asked = &received.question()["templates"][0];
    assert_eq!((&asked["source"], &asked["count"]), (&json!("app"), &json!(1000)));
    assert_eq!(asked["candidates"], json!([{"label": "Error", "probability": 0.4}]));
    let schema =
        &body["response_format"]["json_schema"]["schema"]["properties"]["verdicts"]["items"];
    let labels = schema["properties"]["label"]["enum"].as_array().expect("labels");
    assert!(labels.len() == 10 && labels.contains(&json!("Unclassified")));
    assert_eq!(schema["properties"]["id"]["enum"], json!([asked["id"]]));
}

/// Hosts say when a template first came. `--dry-run` shows what is sent.
#[test]
fn what_came_at_the_same_time_is_shown() {
    let place = Place::new([Step::Right]);
    let line = |template: &str, source: &str, first_seen_ms: u64| json!({"template": template, "source": source, "first_seen_ms": first_seen_ms});
    let lines = [
        line("pool refuses password hunter2", "db of bob@example.com", 1_700_000_000_000),
        line("order is\u{202e} lost", "shop", 1_700_000_001_500),
        line("lamp glows", "shop", 1_700_000_060_000),
    ];
    let text: String = lines.iter().map(|line| format!("\n{line}\n")).collect();
    place.write("state/pending.jsonl", &text);
    let shown = place.reason(&["--dry-run"]).with(0).output;
    let shown: serde_json::Value = serde_json::from_str(&shown).expect("JSON");
    place.once().with(0);
    let received = &place.server.received()[0];
    assert!(!received.body.contains("hunter2") && !received.body.contains("bob@"));
    assert!(!received.body.contains('\u{202e}'));
    let dry = shown["messages"][1]["content"].as_str().expect("a question");
    for question in [received.question(), serde_json::from_str(dry).expect("JSON")] {
        let templates = question["templates"].as_array().expect("templates").clone();
        let near = |template: &str| {
            let asked = templates.iter().find(|asked| asked["template"] == template);
            asked.expect("it is asked about")["neighbours"].clone()
        };
        let pool = "pool refuses password <*>";
        let expected = json!([{"seconds": -1.5, "source": "db of <email>", "template": pool}]);
        assert_eq!(near("order is\u{202e} lost"), expected);
        assert_eq!(near(pool)[0]["seconds"], 1.5);
        assert!(near("lamp glows").is_null());
    }
}

#[test]
fn near_templates_are_shown_as_examples_and_people_are_believed() {
    let place = Place::new([Step::Right]);
    let url = place.server.base_url();
    place.write("logtriage.toml", &format!("[reasoning]\nbase_url = \"{url}\"\nexamples = 2\n"));
    let reviewed = json!({"template": "coffee step <num> aborted", "label": "User Action"});
    place.write("state/verdicts.human.jsonl", &format!("{reviewed}\n"));
    place.pending(&["coffee step <num> was aborted"]).once().with(0);
    let examples = &place.server.received()[0].question()["templates"][0]["examples"];
    assert_eq!(examples.as_array().map(Vec::len), Some(2));
    assert_eq!(
        examples[0],
        json!({"template": "coffee step <num> aborted", "label": "User Action"})
    );
}

#[test]
fn a_prompt_of_ones_own_is_used() {
    let place = Place::new([Step::Right]);
    place.config("prompt = \"mine.md\"\n");
    place.pending(&["kettle boils"]);
    place.write("mine.md", "no place for them");
    assert!(place.once().with(2).errors.contains("mine.md: nowhere says {{labels}}"));
    place.write("mine.md", "MINE\n{{labels}}");
    place.once().with(0);
    let body = place.server.received()[0].json();
    assert!(
        body["messages"][0]["content"].as_str().expect("text").starts_with("MINE\n- HTTP Status")
    );
    let builtin = place.reason(&["--print-prompt"]).with(0).output;
    assert!(builtin.contains("{{labels}}") && builtin.contains("Unclassified"));
}

#[test]
fn a_dry_run_prints_and_changes_nothing() {
    let place = Place::new([Step::Right]);
    place.config("[reasoning.price]\ninput = 1000\n");
    place.pending(&["kettle boils\u{1b}[2J"]);
    let before = place.text("state/pending.jsonl");
    let ran = place.reason(&["--dry-run"]).with(0);
    assert!(ran.output.contains("kettle boils") && ran.output.lines().count() == 1);
    assert!(!ran.output.contains('\u{1b}'));
    for words in ["nothing was sent", "1 templates", "money "] {
        assert!(ran.errors.contains(words), "{words}: {}", ran.errors);
    }
    assert_eq!(place.text("state/pending.jsonl"), before);
    assert_eq!(std::fs::read_dir(place.path("state")).expect("there").count(), 1);
    assert!(place.server.received().is_empty());
}

#[test]
fn status_shows_every_limit() {
    let place = Place::new([Step::Right]);
    place.config("[reasoning.price]\ninput = 1000000\n");
    place.pending(&["kettle boils"]).once().with(0);
    place.pending(&["lamp glows"]);
    let page = place.reason(&["--status"]).with(0).output;
    for words in [
        "model m",
        "no API key is sent",
        "circuit closed",
        "1 templates of 1,000 events",
        "requests 1 of 30",
        "templates 1 of 5,000",
        "tokens 110 of 2,000,000",
        "money 100.0000",
        "2 requests of 20 templates",
        "8,192 tokens, 4 MiB at most",
        "10 s to connect, 120 s to the first byte, 300 s in all",
    ] {
        assert!(page.contains(words), "{words}: {page}");
    }
}

#[test]
fn many_directories_are_asked_for_at_once() {
    let place = Place::new([Step::Right]);
    place.pending_in("pods/a/state", &["kettle boils", "lamp glows"]);
    place.pending_in("pods/b/state", &["kettle boils"]);
    let dirs = ["--once", "--state-dir", "pods/*/state"];
    place.reason(&dirs).with(0);
    assert_eq!(place.server.asked().len(), 2);
    assert_eq!(place.lines("pods/a/state/verdicts.jsonl").len(), 2);
    assert_eq!(place.lines("pods/b/state/verdicts.jsonl").len(), 1);
    // What one knows, another need not ask.
    place.pending_in("pods/b/state", &["lamp glows"]).reason(&dirs).with(0);
    assert_eq!(place.server.asked().len(), 2);
    assert_eq!(place.lines("pods/b/state/verdicts.jsonl").len(), 2);
    assert!(place.reason(&["--once", "--state-dir", "no/*"]).with(2).errors.contains("no/*"));
}

/// Ends the process when a test does.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let began = Instant::now();
    while !holds() {
        assert!(began.elapsed() < Duration::from_secs(120), "{what}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn watch_goes_on_and_nobody_else_asks_meanwhile() {
    let place = Place::new([Step::Status(503, vec![], String::new()), Step::Right]);
    let mut command = place.command(&["--watch"]);
    let _running = Running(command.stderr(Stdio::null()).spawn().expect("starts"));
    until("it holds the lock", || place.path("state/reason.lock").exists());
    place.pending(&["kettle boils"]);
    until("the first verdict", || place.verdicts().len() == 1);
    assert!(place.once().with(2).errors.contains("another `logtriage reason`"));
    place.pending(&["lamp glows"]);
    until("the second verdict", || place.verdicts().len() == 2);
}

#[test]
fn a_config_must_be_named_and_ask_for_it() {
    let place = Place::new([Step::Right]);
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_logtriage"));
    let output = command.args(["reason", "--once"]).current_dir(place.path("")).output();
    let output = output.expect("runs");
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).contains("--config"));
    place.write("logtriage.toml", "");
    assert!(place.once().with(2).errors.contains("[reasoning]"));
    assert_eq!(place.server.received().len(), 0);
}
