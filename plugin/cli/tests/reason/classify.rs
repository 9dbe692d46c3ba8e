//! `logtriage classify --reason` waits for the verdicts.

use std::process::Command;

use scripted_llm::Step;

use crate::place::{LABEL, Place};

fn classify(place: &Place, args: &[&str]) -> (i32, Vec<String>, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_logtriage"))
        .arg("classify")
        .args(args)
        .current_dir(place.path(""))
        .output()
        .expect("runs");
    let errors = String::from_utf8(output.stderr).expect("UTF-8");
    let label = |line: &str| {
        let line: serde_json::Value = serde_json::from_str(line).expect(line);
        format!("{} {}", line["triage"]["label"], line["triage"]["tier"]).replace('"', "")
    };
    let text = String::from_utf8(output.stdout).expect("UTF-8");
    (output.status.code().expect("ended"), text.lines().map(label).collect(), errors)
}

fn place(step: Step) -> Place {
    let place = Place::new([step]);
    place.config("[thresholds]\nError = \"never\"\n\"System Notification\" = \"never\"\n\"User Action\" = \"never\"\n\"Workflow Error\" = \"never\"\n\"Resource Usage\" = \"never\"\n\"Critical Error\" = \"never\"\n");
    place.write("a.log", "kettle 1 boils\nlamp glows\nkettle 2 boils\n");
    place
}

const ARGS: [&str; 4] = ["--config", "logtriage.toml", "--reason", "a.log"];

#[test]
fn everything_gets_its_label() {
    let place = place(Step::Right);
    let (status, labels, errors) = classify(&place, &ARGS);
    assert_eq!((status, labels), (0, vec![format!("{LABEL} reasoning"); 3]), "{errors}");
    assert_eq!(place.server.asked(), ["kettle <num> boils", "lamp glows"]);
    // The second run asks nothing.
    assert_eq!(classify(&place, &ARGS).1, vec![format!("{LABEL} reasoning"); 3]);
    assert_eq!(place.server.received().len(), 1);
}

#[test]
fn a_dead_server_costs_only_its_own_answers() {
    let place = place(Step::Status(401, vec![], String::new()));
    let (status, labels, errors) = classify(&place, &ARGS);
    assert_eq!((status, labels.len()), (1, 3), "{errors}");
    assert!(labels.iter().all(|label| label == "Unclassified none"), "{labels:?}");
}

#[test]
fn the_config_is_named_and_the_input_is_a_file() {
    let place = place(Step::Right);
    for args in [&["--reason", "a.log"][..], &["--config", "logtriage.toml", "--reason", "-"]] {
        assert_eq!(classify(&place, args).0, 2);
    }
    assert!(place.server.received().is_empty());
}
