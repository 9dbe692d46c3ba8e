//! `logtriage suggest-rules`: what it writes works, and matches nothing else.

use std::process::Command;

use scripted_llm::Step;
use serde_json::json;

use crate::place::{LABEL, Place};

fn run(place: &Place, args: &[&str]) -> String {
    let mut command = Command::new(env!("CARGO_BIN_EXE_logtriage"));
    let output = command.args(args).current_dir(place.path("")).output().expect("runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("UTF-8")
}

#[test]
fn suggested_rules_take_over() {
    let place = Place::new([Step::Right]);
    let lines = [
        "gadget 1 was polished in 3 ms",
        "gadget 2 was polished in 9 ms",
        "widget \"it's (a) [trap]\" was lost",
        // Its expression would match the next line, which has another label.
        "door 7",
        "door 8 fell on somebody",
    ];
    place.write("app.log", &(lines.join("\n") + "\n"));
    let verdicts = [
        (lines[0], LABEL),
        (lines[2], "User Action"),
        (lines[3], "Error"),
        (lines[4], "Critical Error"),
    ];
    let verdicts =
        verdicts.map(|(line, label)| json!({"template": line, "label": label, "by": "m"}));
    let journal: String = verdicts.iter().map(|verdict| format!("{verdict}\n")).collect();
    place.write("state/verdicts.human.jsonl", &journal);
    let rules = run(&place, &["suggest-rules", "--config", "logtriage.toml", "app.log"]);
    assert!(rules.starts_with("# 2 events; m; gadget <num>"), "{rules}");
    place.write("suggested.toml", &rules);
    std::fs::remove_file(place.path("state/verdicts.human.jsonl")).expect("there");
    let config = place.text("logtriage.toml");
    place.write("logtriage.toml", &format!("rules = \"suggested.toml\"\n{config}"));
    let labelled = run(&place, &["classify", "--config", "logtriage.toml", "app.log"]);
    let labels: Vec<String> = labelled
        .lines()
        .map(|line| serde_json::from_str::<serde_json::Value>(line).expect(line))
        .filter(|line| line["triage"]["tier"] == "rule")
        .map(|line| line["triage"]["label"].as_str().expect("a label").to_owned())
        .collect();
    assert_eq!(labels, [LABEL, LABEL, "User Action", "Error", "Critical Error"]);
}

/// What was redacted is hidden like what was masked: one rule for all of them.
#[test]
fn no_secret_gets_into_a_rule() {
    let place = Place::new([Step::Right]);
    let lines = ["gadget login, password swordfish", "gadget login, password marlin"];
    place.write("app.log", &(lines.join("\n") + "\n"));
    let verdict = json!({"template": lines[0], "label": "User Action", "by": "ada"});
    place.write("state/verdicts.human.jsonl", &format!("{verdict}\n"));
    let rules = run(&place, &["suggest-rules", "--config", "logtriage.toml", "app.log"]);
    assert!(rules.starts_with("# 2 events; ada; gadget login, password <*>\n"), "{rules}");
    assert!(!rules.contains("swordfish") && !rules.contains("marlin"), "{rules}");
    assert_eq!(rules.matches("[[rule]]").count(), 1, "{rules}");
}
