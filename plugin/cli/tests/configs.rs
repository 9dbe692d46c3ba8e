//! Every file under `configs/` works as it is. The sample inputs have their expected outputs beside
//! them: `BLESS=1 cargo test -p logtriage --test configs` writes those anew.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

fn configs() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../configs")
}

/// Runs in an empty directory, so that no `logtriage.toml` is found by itself.
fn logtriage(directory: &Path, args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_logtriage"))
        .args(args)
        .current_dir(directory)
        .output()
        .expect("logtriage runs")
}

fn path(name: &str) -> String {
    configs().join(name).to_str().expect("UTF-8").to_owned()
}

#[test]
fn samples_give_their_expected_output() {
    let directory = tempfile::tempdir().expect("a directory");
    let fields = "template,rule,candidates";
    for (input, expected) in [
        ("sample.log", "sample.log.expected.jsonl"),
        ("sample.jsonl", "sample.expected.jsonl"),
        ("sample.csv", "sample.expected.csv"),
    ] {
        let output = logtriage(directory.path(), &["classify", &path(input), "--fields", fields]);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        if std::env::var_os("BLESS").is_some() {
            fs::write(path(expected), &output.stdout).expect("can be written");
        }
        let expected_bytes = fs::read(path(expected)).expect("can be read");
        let lines = |bytes: &[u8]| -> Vec<String> {
            String::from_utf8_lossy(bytes).lines().map(str::to_owned).collect()
        };
        let (made, wanted) = (lines(&output.stdout), lines(&expected_bytes));
        assert_eq!(made.len(), wanted.len(), "{expected} has as many lines");
        let other = made.iter().zip(&wanted).find(|(made, wanted)| made != wanted);
        assert_eq!(other, None, "made and expected differ in {expected}");
    }
}

#[test]
fn the_sample_shows_every_label_and_tier() {
    let expected = fs::read_to_string(path("sample.log.expected.jsonl")).expect("can be read");
    let labels = logtriage_engine::DEFAULT_LABELS.iter().map(|(label, _)| *label);
    for label in labels.chain(["Unclassified"]) {
        assert!(expected.contains(&format!("\"label\":\"{label}\",\"tier\"")), "{label}");
    }
    for tier in ["rule", "semantic", "none"] {
        assert!(expected.contains(&format!("\"tier\":\"{tier}\"")), "{tier}");
    }
}

#[test]
fn the_example_config_and_rules_work() {
    let directory = tempfile::tempdir().expect("a directory");
    for file in ["logtriage.toml", "rules.toml"] {
        fs::copy(path(file), directory.path().join(file)).expect("can be copied");
    }
    let args = ["classify", &path("sample.log"), "--fields", "rule"];
    let output = logtriage(directory.path(), &args);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let labelled = String::from_utf8_lossy(&output.stdout);
    assert!(labelled.contains("\"rule\":\"coffee-machine\""), "a rule of the example file matches");
    assert!(labelled.contains("\"rule\":\"http-"), "and so do the built-in ones");
    let pending = fs::read_to_string(directory.path().join("state/pending.jsonl"));
    assert!(pending.expect("unknown templates are kept").contains("\"template\""));
}

#[test]
fn no_file_is_without_a_test() {
    let known = [
        // Tested by `host-test/tests/fluent_bit`.
        "fluent-bit",
        "logtriage.toml",
        "rules.toml",
        "sample.csv",
        "sample.expected.csv",
        "sample.expected.jsonl",
        "sample.jsonl",
        "sample.log",
        "sample.log.expected.jsonl",
    ];
    let mut files: Vec<_> = fs::read_dir(configs())
        .expect("can be read")
        .map(|entry| entry.expect("can be read").file_name().into_string().expect("UTF-8"))
        .collect();
    files.sort();
    assert_eq!(files, known);
}
