//! `evaluate templates`, `completions`, and usage.

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
