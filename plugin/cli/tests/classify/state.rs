//! The state directory: what is unknown goes out, verdicts come in.

use serde_json::Value;

use crate::place::{CONFIG, Place, Ran};

fn place() -> Place {
    let place = Place::new();
    place.file("logtriage.toml", format!("{CONFIG}\n[reasoning]\nstate_dir = 'state'\n"));
    place
}

/// The templates that wait.
fn waiting(place: &Place) -> Vec<Value> {
    let text = place.text("state/pending.jsonl");
    let lines = text.lines().filter(|line| !line.is_empty());
    lines.filter_map(|line| serde_json::from_str(line).ok()).collect()
}

fn label(ran: &Ran) -> Vec<(String, String)> {
    ran.outcomes("label").into_iter().zip(ran.outcomes("tier")).collect()
}

fn pair(label: &str, tier: &str) -> (String, String) {
    (label.to_owned(), tier.to_owned())
}

#[test]
fn unknown_templates_are_appended_as_whole_lines() {
    let place = place();
    // What another writer left when it was stopped.
    place.file("state/pending.jsonl", "{\"template\":\"torn");
    place.file("a.csv", "source,log_message\ndb,job 7 is late\nweb,job 8 is late\nx,boom\n");
    place.classify(&["a.csv"]).quietly();
    let text = place.text("state/pending.jsonl");
    assert!(text.starts_with("{\"template\":\"torn\n{\"") && text.ends_with("}\n"), "{text}");
    let waiting = waiting(&place);
    assert_eq!(waiting.len(), 1, "{text}");
    let (job, ids) = (&waiting[0], place.classify(&["a.csv"]).column("template_id"));
    assert_eq!(job["template"], "job <num> is late");
    assert_eq!((&job["count"], &job["source"]), (&2.into(), &"db".into()));
    assert_eq!(job["template_id"].as_str(), Some(ids[0].as_str()));
    assert!(job["candidates"][0]["label"].is_string() && job["time"].is_u64());
}

#[test]
fn a_run_appends_and_takes_nothing_away() {
    let place = place();
    place.file("a.log", "alpha\n").file("b.log", "beta\n");
    place.classify(&["a.log"]).quietly();
    let before = place.read("state/pending.jsonl");
    place.classify(&["b.log"]).quietly();
    assert!(place.read("state/pending.jsonl").starts_with(&before));
    let templates: Vec<_> = waiting(&place).iter().map(|w| w["template"].clone()).collect();
    assert_eq!(templates, ["alpha", "beta"]);
}

#[cfg(unix)]
#[test]
fn the_file_is_for_its_owner_only() {
    use std::os::unix::fs::PermissionsExt;
    let place = place();
    place.file("a.log", "alpha\n");
    place.classify(&["a.log"]).quietly();
    let mode =
        std::fs::metadata(place.path("state/pending.jsonl")).expect("it").permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
}

#[test]
fn nothing_is_kept_without_a_state_directory() {
    let place = Place::new();
    place.file("a.log", "alpha\n");
    place.classify(&["a.log"]).quietly();
    assert!(!place.path("state").exists());
}

#[test]
fn counts_are_the_same_for_any_number_of_threads() {
    let pending = |threads| {
        let place = place();
        place.file("a.log", "alpha\nbeta\nbeta\n".repeat(3500));
        place.classify(&["a.log", "--threads", threads]).quietly();
        let counts =
            waiting(&place).into_iter().map(|w| (w["template"].clone(), w["count"].clone()));
        counts.collect::<Vec<_>>()
    };
    let expected: [(Value, Value); 2] =
        [("alpha".into(), 3500.into()), ("beta".into(), 7000.into())];
    for threads in ["1", "2", "5"] {
        assert_eq!(pending(threads), expected, "{threads} threads");
    }
}

#[test]
fn the_list_is_bounded_and_says_what_it_let_go() {
    let place = Place::new();
    let word =
        |n: u32| (0..6).map(move |place| char::from(b'a' + (n / 5_u32.pow(place) % 5) as u8));
    let lines: Vec<String> =
        (0..15_000).map(|n| word(n).chain(" zz qq".chars()).collect()).collect();
    let lines =
        [lines.clone(), lines.iter().map(|line| line.replace("zz", "ww")).collect()].concat();
    place.file("a.log", lines.join("\n"));
    let ran = place.run(&["classify", "a.log"]).ends(0);
    ran.says(&["16,384 templates are unknown; the queue was full for "]);
}

#[test]
fn a_limit_on_new_templates_is_for_streams() {
    let place = Place::new();
    place.file("logtriage.toml", format!("max_new_templates_per_second = 1\n{CONFIG}"));
    place.file("a.log", "alpha\nbeta\ngamma\n");
    let ran = place.classify(&["a.log", "--fields", "candidates"]).quietly();
    assert_eq!(ran.records().iter().filter(|r| r["triage"]["candidates"].is_array()).count(), 3);
}

#[test]
fn a_machines_verdict_is_used_and_ends_the_wait() {
    let place = place();
    place.file("a.log", "job 7 is late\nboom\n");
    let verdict =
        r#"{"template":"job <num> is late","label":"Workflow Error","by":"m","reason":"late"}"#;
    place.file("state/verdicts.jsonl", format!("\n{verdict}\n"));
    let ran = place.classify(&["a.log", "--fields", "by,reason"]).quietly();
    assert_eq!(label(&ran), [pair("Workflow Error", "reasoning"), pair("Error", "rule")]);
    assert_eq!(
        (ran.outcomes("by"), ran.outcomes("reason")),
        (vec!["m".into(), String::new()], vec!["late".into(), String::new()])
    );
    assert!(!place.path("state/pending.jsonl").exists());
}

/// With a threshold of 0 the model is always sure: a person comes before it, an LLM after.
#[test]
fn a_person_comes_before_the_model_and_an_llm_after() {
    let place = place();
    let config = format!("{CONFIG}\n[reasoning]\nstate_dir = 'state'\n").replace("\"never\"", "0");
    place.file("logtriage.toml", config);
    place.file("a.log", "reviewed line\nasked line\n");
    place.file(
        "state/verdicts.human.jsonl",
        "{\"template\":\"reviewed line\",\"label\":\"User Action\"}\n",
    );
    let machine = |text| format!("{{\"template\":\"{text} line\",\"label\":\"Critical Error\"}}\n");
    place.file("state/verdicts.jsonl", machine("reviewed") + &machine("asked"));
    let ran = place.classify(&["a.log"]).quietly();
    assert_eq!(label(&ran)[0], pair("User Action", "reviewed"));
    assert_eq!(ran.outcomes("tier")[1], "semantic");
}

#[test]
fn a_later_verdict_beats_an_earlier_one() {
    let place = place();
    place.file("a.log", "alpha\n");
    let verdict = |label| format!("{{\"template\":\"alpha\",\"label\":\"{label}\"}}\n");
    place.file("state/verdicts.human.jsonl", verdict("Error") + &verdict("User Action"));
    assert_eq!(place.classify(&["a.log"]).quietly().outcomes("label"), ["User Action"]);
}

#[test]
fn a_broken_verdict_is_named_and_the_others_are_used() {
    let place = place();
    place.file("a.log", "alpha\n");
    let good = "{\"template\":\"alpha\",\"label\":\"Error\"}\n";
    place.file("state/verdicts.human.jsonl", format!("{good}not json\n"));
    let ran = place.classify(&["a.log"]).ends(1).says(&["verdicts.human.jsonl:2: "]);
    assert_eq!(label(&ran), [pair("Error", "reviewed")]);
    // A torn last line is a writer's, not a mistake.
    place.file("state/verdicts.human.jsonl", format!("{good}{{\"templ"));
    place.classify(&["a.log"]).quietly();
}

#[test]
fn a_verdict_with_an_unknown_label_is_not_used_and_said() {
    let place = place();
    place.file("a.log", "alpha\n");
    place.file("state/verdicts.human.jsonl", "{\"template\":\"alpha\",\"label\":\"Eror\"}\n");
    let ran = place.classify(&["a.log"]).ends(1).says(&["1 verdicts are not used", "Error"]);
    assert_eq!(label(&ran), [pair("Unclassified", "none")]);
}

#[test]
fn pending_templates_that_cannot_be_kept_cost_no_labels() {
    let place = place();
    place.file("a.log", "alpha\nboom\n").file("state", "a file where a directory should be");
    let ran = place.classify(&["a.log"]);
    // The journals cannot be looked for either.
    let ran = ran.ends(1).says(&["verdicts are not used: state", "templates are not kept: state"]);
    assert_eq!(ran.outcomes("label"), ["Unclassified", "Error"]);
    std::fs::remove_file(place.path("state")).expect("removed");
    place.file("state/pending.jsonl/occupied", "");
    let ran = place.classify(&["a.log"]).ends(1);
    assert_eq!(ran.outcomes("label"), ["Unclassified", "Error"]);
    ran.says(&["pending templates are not kept", "pending.jsonl"]);
}

#[test]
fn a_journal_that_cannot_be_read_costs_no_labels() {
    let place = place();
    place.file("a.log", "alpha\nboom\n").file("state/verdicts.jsonl/occupied", "");
    let alpha = "{\"template\":\"alpha\",\"label\":\"User Action\"}\n";
    place.file("state/verdicts.human.jsonl", alpha);
    let ran = place.classify(&["a.log"]).ends(1);
    assert_eq!(ran.outcomes("label"), ["User Action", "Error"]);
    assert_eq!(ran.said.lines().count(), 1);
    ran.says(&["verdicts are not used: ", "verdicts.jsonl: Is a directory"]);
    let ran = place.run(&["explain", "alpha"]).ends(1).says(&["verdicts.jsonl: Is a directory"]);
    assert!(ran.text().contains("tier         reviewed"));
}

#[test]
fn many_broken_verdicts_are_counted() {
    let place = place();
    place.file("a.log", "boom\n").file("state/verdicts.jsonl", "{\"template\"}\n".repeat(2500));
    let ran = place.classify(&["a.log"]).ends(1);
    assert_eq!(ran.said.lines().count(), 21, "{}", ran.said);
    let ran = ran.says(&["verdicts.jsonl:20: ", " at column 12", "and 2480 more lines"]);
    assert!(!ran.said.contains("line 1 "), "{}", ran.said);
}

#[test]
fn a_full_list_says_so() {
    let place = place();
    place.file("a.log", "alpha\n").file("state/pending.jsonl", vec![b'\n'; 16 << 20]);
    let ran = place.run(&["classify", "a.log"]).ends(0);
    ran.says(&["1 templates are unknown; 0 went to pending.jsonl, which is full: "]);
}
