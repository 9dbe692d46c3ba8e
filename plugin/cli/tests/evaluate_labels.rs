//! `logtriage evaluate labels`: labelled messages against what the configured engine says of them.

use std::fs;
use std::path::Path;
use std::process::Output;

use assert_cmd::Command;
use tempfile::TempDir;

/// Two rules are right, one is wrong, and of the last line nothing is known.
const LABELLED: &str = "\
log_message,target_label,source
Nov 20 07:12:26 host sshd[19354]: Failed password for root from 203.0.113.5 port 40301 ssh2,Security Alert,sshd
Nov 20 07:12:27 host sshd[19355]: Failed password for root from 203.0.113.6 port 40302 ssh2,Security Alert,sshd
Nov 20 07:13:00 host kernel: Out of memory: Killed process 812 (java) \x1b[2J,Error,kernel
qwzx vbnm kjhg,Error,other
";

fn evaluate(dir: &Path, csv: &str, more: &[&str]) -> Output {
    fs::write(dir.join("labelled.csv"), csv).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_logtriage"));
    command.current_dir(dir).args(["evaluate", "labels", "labelled.csv"]).args(more);
    command.output().unwrap()
}

fn said(output: Output) -> String {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// The cells of the first row that begins with `name`.
fn row<'p>(page: &'p str, name: &str) -> Vec<&'p str> {
    let line = page.lines().find(|line| line.starts_with(name)).expect(name);
    line.split("  ").map(str::trim).filter(|cell| !cell.is_empty()).collect()
}

#[test]
fn events_and_templates_are_counted_by_source_tier_and_label() {
    let dir = TempDir::new().unwrap();
    let page = said(evaluate(dir.path(), LABELLED, &[]));
    assert_eq!(row(&page, "sshd"), ["sshd", "2", "100.0%", "100.0%", "1", "100.0%", "100.0%"]);
    assert_eq!(row(&page, "other"), ["other", "1", "0.0%", "-", "1", "0.0%", "-"]);
    assert_eq!(row(&page, "all"), ["all", "4", "75.0%", "66.7%", "3", "66.7%", "50.0%"]);
    assert_eq!(row(&page, "rule"), ["rule", "3", "100.0%", "66.7%", "2", "100.0%", "50.0%"]);
    assert_eq!(row(&page, "none"), ["none", "1", "0.0%", "-", "1", "0.0%", "-"]);
    let alert = row(&page, "Security Alert");
    assert_eq!(alert, ["Security Alert", "2", "100.0%", "100.0%", "1", "100.0%", "100.0%"]);
    assert_eq!(row(&page, "Error"), ["Error", "2", "-", "0.0%", "2", "-", "0.0%"]);
    assert!(page.contains("1 of 1 mistakes, the most frequent first:"), "{page}");
    assert!(
        page.contains("1  Critical Error (rule), is Error: Nov 20 07:13:00 host kernel"),
        "{page}"
    );
    assert!(!page.contains('\x1b'), "{page}");
    assert!(!said(evaluate(dir.path(), LABELLED, &["--mistakes", "0"])).contains("mistakes"));
}

/// Rules with a source, own labels and a person's verdicts count as they do in a stream.
#[test]
fn the_config_decides() {
    let dir = TempDir::new().unwrap();
    let write = |name: &str, text: &str| fs::write(dir.path().join(name), text).unwrap();
    write(
        "logtriage.toml",
        "rules = \"rules.toml\"\nmax_new_templates_per_second = 1\n[reasoning]\nstate_dir = \"state\"\n",
    );
    write(
        "rules.toml",
        "[[rule]]\nid = \"k\"\nsource = \"kern*\"\npattern = \"Killed\"\nlabel = \"Error\"\n",
    );
    fs::create_dir(dir.path().join("state")).unwrap();
    write(
        "state/verdicts.human.jsonl",
        "{\"template\":\"qwzx vbnm kjhg\",\"label\":\"Error\",\"by\":\"ada\"}\n",
    );
    let page = said(evaluate(dir.path(), LABELLED, &["--config", "logtriage.toml"]));
    assert_eq!(row(&page, "rule")[..4], ["rule", "1", "100.0%", "100.0%"]);
    assert_eq!(row(&page, "reviewed")[..4], ["reviewed", "1", "100.0%", "100.0%"]);
}

#[test]
fn what_cannot_be_measured_is_refused() {
    let dir = TempDir::new().unwrap();
    for (csv, expected) in [
        ("log_message,target_label\nup,Routine\n", "labelled.csv:2: \"Routine\" is not a label"),
        ("log_message,target_label\nup,\n", "labelled.csv:2: \"\" is not a label"),
        ("log_message,label\nup,Error\n", "no column \"target_label\"; it has \"log_message\""),
        ("log_message,target_label\n", "labelled.csv: no rows"),
    ] {
        let output = evaluate(dir.path(), csv, &[]);
        let message = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{message}");
        assert!(message.contains(expected), "{message}");
    }
}
