//! `logtriage evaluate model` on labels of a user's own, end to end.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Output;

use assert_cmd::Command;
use tempfile::TempDir;

fn tickets() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../configs/tickets.csv")
}

fn evaluate(file: &Path, more: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_logtriage"));
    command.args(["evaluate", "model"]).arg(file).args(more).output().unwrap()
}

fn said(output: Output) -> String {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

fn refused(csv: &str, more: &[&str], expected: &str) {
    let dir = TempDir::new().unwrap();
    let file = dir.path().join("labelled.csv");
    fs::write(&file, csv).unwrap();
    let output = evaluate(&file, more);
    let message = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{message}");
    assert!(message.contains(expected), "{message}");
}

/// The number that follows the name in its line's column.
fn macro_f1(page: &str, model: &str) -> f64 {
    let line = page.lines().find(|line| line.starts_with(model)).unwrap();
    let cells: Vec<&str> =
        line.split("  ").map(str::trim).filter(|cell| !cell.is_empty()).collect();
    cells[2].split(' ').next().unwrap().parse().unwrap()
}

#[test]
fn a_mislabelled_ticket_is_found_and_the_report_is_whole() {
    let dir = TempDir::new().unwrap();
    let text = fs::read_to_string(tickets()).unwrap();
    let wrong = "Please refund the licence fee that was charged after our cancellation,";
    let text = text.replace(&format!("{wrong}Billing"), &format!("{wrong}Access"));
    let file = dir.path().join("tickets.csv");
    fs::write(&file, &text).unwrap();
    let line = 1 + text.lines().position(|line| line.contains(wrong)).unwrap();

    let report = dir.path().join("report");
    let more = ["--learning-curve", "--report", report.to_str().unwrap()];
    let page = said(evaluate(&file, &more));

    assert!(page.contains("88 templates, 5 sources, 4 labels"), "{page}");
    assert!(page.contains("Held out by source: each of 5 systems alone"), "{page}");
    assert!(page.contains("not measured: grep"), "no label is Error: {page}");
    assert!(page.contains("not measured: rules alone"), "{page}");
    let (ours, words) = (macro_f1(&page, "this model"), macro_f1(&page, "TF-IDF"));
    assert!(ours > words && words > 0.25, "{page}");

    let suspects = page.split("Labels to look at again").nth(1).unwrap();
    let place = format!("{}:{line} ", file.display());
    let row = suspects.lines().find(|row| row.starts_with(&place)).expect("is found");
    assert!(row.contains("Access 0.0") && row.contains("Billing "), "{row}");

    let written = fs::read_to_string(report.join("report.md")).unwrap();
    let charts: Vec<&str> = written
        .lines()
        .filter_map(|line| line.strip_prefix("![")?.split_once("](")?.1.strip_suffix(')'))
        .collect();
    assert_eq!(charts.len(), 7, "{charts:?}");
    for chart in charts {
        let svg = fs::read_to_string(report.join(chart)).unwrap();
        let document = roxmltree::Document::parse(&svg).unwrap();
        assert_eq!(document.root_element().tag_name().name(), "svg", "{chart}");
    }
    assert!(written.contains("Learning curve") && written.contains("| 12.5% | 11 |"), "{written}");
}

#[test]
fn two_runs_print_the_same() {
    let first = said(evaluate(&tickets(), &["--folds", "3"]));
    assert!(first.contains("Held out by source: 5 whole systems, 3 folds"), "{first}");
    assert_eq!(first, said(evaluate(&tickets(), &["--folds", "3"])));
}

#[test]
fn default_labels_are_held_against_grep_and_rules() {
    let dir = TempDir::new().unwrap();
    let file = dir.path().join("logs.csv");
    let mut csv = "log_message,target_label\n".to_owned();
    let things = ["disk", "queue", "mail", "cache", "index", "backup", "session", "volume"];
    for thing in things {
        for place in ["here", "there", "above"] {
            csv += &format!("{thing} {place} failed badly,Error\n");
            csv += &format!("{thing} {place} started well,System Notification\n");
        }
    }
    fs::write(&file, &csv).unwrap();
    let page = said(evaluate(&file, &["--folds", "4"]));
    // One file without a source column is one system, which cannot be left out.
    assert!(!page.contains("Held out by source") && page.contains("routine or not"), "{page}");
    assert_eq!(macro_f1(&page, "grep fail|error"), 1.0);
    assert_eq!(macro_f1(&page, "rules alone"), 0.0, "no rule knows these: {page}");
    assert!(page.contains("no label looks wrong"), "{page}");
}

#[test]
fn nothing_in_the_report_acts_on_a_terminal() {
    let dir = TempDir::new().unwrap();
    // The name of the file is shown, and so is the template.
    let file = dir.path().join("\u{1b}[2Jtickets.csv");
    let text = fs::read_to_string(tickets()).unwrap();
    let more = "webshop,my \u{202e}password is refused and my account is locked,Billing\n";
    fs::write(&file, text + more).unwrap();
    let page = said(evaluate(&file, &[]));
    assert!(page.contains("\\u{1b}[2J") && page.contains("\\u{202e}password"), "{page}");
    assert!(!page.contains(['\u{1b}', '\u{202e}']), "{page}");
}

#[test]
fn what_cannot_be_measured_is_refused_with_the_reason() {
    let tickets = fs::read_to_string(tickets()).unwrap();
    refused("", &[], "no rows");
    refused(&tickets, &["--label-column", "kind"], "it has \"source\", \"log_message\"");
    refused(&tickets, &["--folds", "1"], "--folds is 1, expected 2 to 1000");
    refused(&tickets, &["--target-error", "2"], "--target-error");
    refused(&tickets, &["--c", "0"], "--c");
    refused(&tickets, &["--table", "nowhere"], "nowhere");
    refused(&tickets, &["--teacher", "model.onnx"], "--tokenizer");
    let more = ["--teacher", "model.onnx", "--tokenizer", "tokenizer.json"];
    refused(&tickets, &more, "tokenizer.json");
    let few: String = tickets.lines().take(12).map(|line| format!("{line}\n")).collect();
    refused(&few, &[], "11 distinct templates; a model needs 20");
}
