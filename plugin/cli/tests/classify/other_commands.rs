//! `evaluate templates`, `explain`, `completions`, and usage.

use std::process::{Command, Stdio};

use crate::place::{COMMAND, Place};

#[test]
fn evaluate_measures_grouping() {
    let place = Place::empty();
    let rows = "job 1 ended,E1\njob 2 ended,E1\nred light,E2\ngreen light,E2\n";
    place.file("a.csv", format!("Content,EventTemplate\n{rows}"));
    let ran = place.run(&["evaluate", "templates", "a.csv", "a.csv"]).quietly();
    let lines: Vec<_> = ran.text().lines().collect();
    let cells = |line: &str| line.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
    assert_eq!(cells(lines[0])[0], "file");
    assert_eq!(cells(lines[1]), ["a.csv", "4", "2", "3", "1.500", "0.500"]);
    assert_eq!(lines[1], lines[2]);
    assert_eq!(cells(lines[3]), ["mean", "1.500", "0.500"]);
}

#[test]
fn evaluate_takes_other_columns_and_names_missing_ones() {
    let place = Place::empty();
    place.file("a.csv", "text,id\njob 1,E1\n");
    let ran = place.run(&["evaluate", "templates", "a.csv"]).ends(2).gives_nothing();
    ran.says(&["a.csv has no column \"Content\"", "text, id"]);
    let columns = ["--message-column", "text", "--truth-column", "id"];
    place.run(&[&["evaluate", "templates", "a.csv"], &columns[..]].concat()).quietly();
    let ran = place.run(&["evaluate", "templates", "no.csv"]);
    ran.ends(2).says(&["no.csv", "No such file"]);
    place.file("b.csv", "Content,EventTemplate\na,b,c\n");
    place
        .run(&["evaluate", "templates", "b.csv"])
        .ends(2)
        .gives_nothing()
        .says(&["b.csv", "line: 2"]);
}

#[test]
fn explain_shows_the_whole_way() {
    let place = Place::new();
    let ran = place.run(&["explain", "--top", "2", "boom on port 7 after 3 ms"]).quietly();
    let text = ran.text();
    for line in
        ["tier         rule", "template     boom on port <num> after <dur>", "rule         boom"]
    {
        assert!(text.lines().any(|shown| shown == line), "{line:?} is not in: {text}");
    }
    for head in
        ["labels of the semantic tier", "tokens that weighed most", "nearest known templates"]
    {
        let rows = text.lines().skip_while(|shown| !shown.starts_with(head)).skip(1);
        assert_eq!(rows.take_while(|shown| !shown.is_empty()).count(), 2, "{head}: {text}");
    }
    for dashes in ["-- MARK --", "--- boom", "-x"] {
        let ran = place.run(&["explain", "--top", "1", dashes]).quietly();
        assert!(ran.text().contains("template_id"), "{dashes}");
    }
    let ran = place.run(&["explain", "--source", "crm-1", "ada signed in"]).quietly();
    assert!(ran.text().contains("rule         signed-in"));
    let ran = place.run(&["explain", "ada signed in"]).quietly();
    assert!(ran.text().contains("rule         none matches"));
}

#[test]
fn explain_shows_verdicts_and_nothing_that_acts_on_a_terminal() {
    let place = Place::new();
    let verdict = r#"{"template":"disk <num> hums","label":"User Action","by":"ada\u001b[2J"}"#;
    place.file("state/verdicts.human.jsonl", format!("{verdict}\n"));
    place.file("logtriage.toml", format!("{}[reasoning]\n", crate::place::CONFIG));
    let ran = place.run(&["explain", "disk 7 hums"]).quietly();
    assert!(
        ran.text().contains("tier         reviewed") && ran.text().contains("verdict by   ada")
    );
    let hostile = place.run(&["explain", "\u{1b}]0;x\u{7} \u{202e} disk \u{9b}2J"]).quietly();
    for text in [ran.text(), hostile.text()] {
        assert!(!text.contains(['\u{1b}', '\u{7}', '\u{9b}', '\u{202e}']), "{text:?}");
    }
}

#[test]
fn completions_for_every_shell() {
    let place = Place::empty();
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let ran = place.run(&["completions", shell]).quietly();
        assert!(ran.text().contains("plain-output"), "{shell}");
    }
    place.run(&["completions", "tcsh"]).ends(2).says(&["tcsh", "bash"]);
}

#[test]
fn a_reader_that_goes_away_is_no_failure() {
    for shell in ["bash", "zsh"] {
        let mut child = Command::new(COMMAND)
            .args(["completions", shell])
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("run");
        drop(child.stdout.take());
        let output = child.wait_with_output().expect("an end");
        assert_eq!((output.status.code(), output.stderr), (Some(0), Vec::new()));
    }
}

#[test]
fn usage_is_explained() {
    let place = Place::empty();
    place.run(&[]).ends(2).says(&["classify", "--help"]);
    place.run(&["classify"]).ends(2).says(&["<FILE>", "--help"]);
    place.run(&["clasify"]).ends(2).says(&["'clasify'", "classify"]);
    place.run(&["classify", "a.log", "--threads", "0"]).ends(2).says(&["--threads", "1..=256"]);
    let help = place.run(&["classify", "--help"]).quietly();
    assert!(help.text().contains("Examples:") && help.text().contains("Exit status"));
}
