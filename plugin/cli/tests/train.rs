//! `logtriage train` from CSV to a bundle that loads, and everything it refuses.

mod support;

use std::fs;
use std::path::Path;
use std::process::{Output, Stdio};

use assert_cmd::Command;
use tempfile::TempDir;

use support::corpus;

fn logtriage() -> Command {
    Command::new(env!("CARGO_BIN_EXE_logtriage"))
}

fn train(dir: &Path, csv: &str, more: &[&str]) -> Output {
    let file = dir.join("labelled.csv");
    fs::write(&file, csv).unwrap();
    let mut command = logtriage();
    command.arg("train").arg(file).arg("-o").arg(dir.join("bundle")).args(more);
    command.output().unwrap()
}

fn refused(csv: &str, more: &[&str], expected: &str) {
    let dir = TempDir::new().unwrap();
    let output = train(dir.path(), csv, more);
    let message = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{message}");
    assert!(message.contains(expected), "{message}");
    assert!(!dir.path().join("bundle").exists());
}

fn loaded(dir: &Path) -> logtriage_engine::Model {
    let parts = fs::read_dir(dir).unwrap().map(|entry| {
        let entry = entry.unwrap();
        let name = entry.file_name().into_string().unwrap();
        (name, fs::read(entry.path()).unwrap().into())
    });
    logtriage_engine::Model::load(parts.collect()).unwrap()
}

#[test]
fn a_csv_becomes_a_bundle_the_same_every_time() {
    let (first, second) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    let more = ["--c", "6", "--target-error", "0.1"];
    let output = train(first.path(), &corpus(), &more);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let report = String::from_utf8(output.stdout).unwrap();
    assert!(report.contains("128 messages, 128 templates, 4 sources, 2 labels"), "{report}");
    assert!(report.contains("Held out by template:\naccuracy 1.0000"), "{report}");
    assert!(!report.contains("Held out by source"), "four sources are too few: {report}");

    train(second.path(), &corpus(), &more);
    let bundle = first.path().join("bundle");
    for entry in fs::read_dir(&bundle).unwrap() {
        let name = entry.unwrap().file_name();
        let other = second.path().join("bundle").join(&name);
        assert!(fs::read(bundle.join(&name)).unwrap() == fs::read(other).unwrap(), "{name:?}");
    }

    let model = loaded(&bundle);
    let mut scratch = logtriage_engine::semantic::Scratch::default();
    let prediction = model.predict("printer failed badly", &mut scratch).unwrap();
    assert_eq!(model.labels()[usize::from(prediction.label)], "Error");
    assert_eq!(model.info().training.templates, 128);
    assert_eq!(model.groups(), 6);

    let calibration = model.info().calibration.as_ref().unwrap();
    assert_eq!((calibration.by.as_str(), calibration.templates), ("template", 128));
    assert_eq!(calibration.digest, model.info().training.digest);
    for label in &calibration.labels {
        assert_eq!((label.target_error, label.answers, label.wrong), (0.1, 64, 0));
        assert!(label.accepted > 28 && label.upper_bound.unwrap() <= 0.1, "{label:?}");
    }
}

/// The corpus with a column of groups: what failed and what started, but for one that is rare.
fn grouped() -> String {
    let row = |(number, line): (usize, &str)| match (number, line.ends_with(",Error")) {
        (0, _) => format!("{line},group\n"),
        (1..=3, _) => format!("{line},seldom\n"),
        (4..=8, _) => format!("{line},\n"),
        (_, true) => format!("{line},went down\n"),
        (_, false) => format!("{line},came up\n"),
    };
    corpus().lines().enumerate().map(row).collect()
}

#[test]
fn groups_are_learnt_by_their_names_and_stay_when_verdicts_are_learnt() {
    let dir = TempDir::new().unwrap();
    let more = ["--c", "6", "--target-error", "0.1"];
    let output = train(dir.path(), &grouped(), &more);
    let report = String::from_utf8(output.stdout).unwrap();
    let said = "2 groups of 120 templates; 100.0 % of 12 held out get their own; 1 groups of fewer than \
                10 templates are left out";
    assert!(report.contains(said), "{report}");

    let bundle = dir.path().join("bundle");
    let names = |bundle: &Path| {
        let model = loaded(bundle);
        let mut scratch = logtriage_engine::semantic::Scratch::default();
        let mut name = |template: &str| {
            let group = model.predict_with_group(template, &mut scratch).unwrap().group.unwrap();
            (model.group_name(group).unwrap().to_owned(), model.group_title(group).to_owned())
        };
        ["printer failed badly", "printer started well"].map(&mut name)
    };
    let [(down, title), (up, _)] = names(&bundle);
    assert_eq!((down.as_str(), up.as_str()), ("went down", "came up"));
    assert!(title.ends_with("failed badly"), "{title}");

    let (verdicts, after) = (dir.path().join("verdicts.jsonl"), dir.path().join("after"));
    let verdict = r#"{"template":"printer gave up","label":"Error","by":"ada"}"#;
    fs::write(&verdicts, format!("{verdict}\n")).unwrap();
    let mut again = logtriage();
    again.arg("train").arg("--verdicts").arg(verdicts).arg("--table").arg(&bundle);
    let output = again.arg("-o").arg(&after).args(more).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(names(&after).map(|(name, _)| name), ["went down", "came up"]);
}

#[test]
fn what_cannot_be_a_group_is_refused() {
    let csv = grouped().replace("went down", &"x".repeat(65));
    refused(&csv, &[], "cannot be a group, expected 1 to 64 bytes");
}

#[test]
fn a_report_that_nobody_reads_costs_no_bundle() {
    let dir = TempDir::new().unwrap();
    let file = dir.path().join("labelled.csv");
    fs::write(&file, corpus()).unwrap();
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_logtriage"));
    command.arg("train").arg(file).args(["--c", "6", "-o"]).arg(dir.path().join("bundle"));
    let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
    drop(child.stdout.take());
    assert_eq!(child.wait().unwrap().code(), Some(0));
    loaded(&dir.path().join("bundle"));
}

#[test]
fn nothing_in_the_report_acts_on_a_terminal() {
    let dir = TempDir::new().unwrap();
    let csv = corpus() + "a,\u{1b}[2J here,Error\na,\u{1b}[2J here,System Notification\n";
    let output = train(dir.path(), &csv, &["--c", "6"]);
    let report = String::from_utf8(output.stdout).unwrap();
    assert!(report.contains("more than one label") && !report.contains('\u{1b}'), "{report:?}");
}

#[test]
fn a_model_that_never_labels_is_announced() {
    let dir = TempDir::new().unwrap();
    let said = |target: &str| {
        let output = train(dir.path(), &corpus(), &["--c", "6", "--target-error", target]);
        assert!(output.status.success());
        String::from_utf8(output.stderr).unwrap()
    };
    let never = said("0.02");
    assert!(never.contains("no label reaches the target error: at 0.02 at least 149 "), "{never}");
    assert!(never.contains("[thresholds]") && never.contains("--target-error"), "{never}");
    assert_eq!(said("0.1"), "");
}

#[test]
fn columns_can_have_other_names() {
    let dir = TempDir::new().unwrap();
    let csv = corpus().replace("source,log_message,target_label", "a,text,kind");
    let more = ["--message-column", "text", "--label-column", "kind", "--c", "6"];
    assert!(train(dir.path(), &csv, &more).status.success());
}

#[test]
fn what_cannot_be_trained_on_is_refused_with_the_reason() {
    refused("", &[], "no rows");
    refused("source,log_message,target_label\n", &[], "no rows");
    refused(&corpus(), &["--label-column", "kind"], "it has \"source\", \"log_message\"");
    refused(&corpus().replace("System Notification", "Error"), &[], "needs at least two");
    let few: String = corpus().lines().take(12).map(|line| format!("{line}\n")).collect();
    refused(&few, &[], "11 distinct templates; a model needs 20");
    refused(&(corpus() + "s,a rare thing,Rare\n"), &[], "\"Rare\" has 1 distinct templates");
    refused(&corpus().replace(",Error", ",Unclassified"), &[], "cannot be a label");
    refused(&corpus().replace(",Error", ",\"Er\tror\""), &[], "cannot be a label");
    let long = "x".repeat(65);
    refused(&corpus().replace(",Error", &format!(",{long}")), &[], "cannot be a label");
    refused(&corpus(), &["--target-error", "0"], "--target-error");
    refused(&corpus(), &["--c=-1"], "--c");
    refused(&corpus(), &["--table", "nowhere"], "nowhere");
}

#[test]
fn distil_says_how_to_get_the_runtime() {
    let dir = TempDir::new().unwrap();
    let tokenizer = dir.path().join("tokenizer.json");
    let text = serde_json::json!({
        "version": "1.0", "truncation": null, "padding": null, "added_tokens": [],
        "normalizer": null, "pre_tokenizer": null, "post_processor": null, "decoder": null,
        "model": {
            "type": "WordPiece", "unk_token": "[UNK]", "continuing_subword_prefix": "##",
            "max_input_chars_per_word": 100,
            "vocab": {"[CLS]": 0, "[SEP]": 1, "[UNK]": 2, "a": 3},
        },
    });
    fs::write(&tokenizer, text.to_string()).unwrap();
    let mut command = logtriage();
    command.args([
        "distil",
        "--model",
        "model.onnx",
        "--onnxruntime",
        "/nowhere/libonnxruntime.so",
    ]);
    command.arg("--tokenizer").arg(&tokenizer).arg("-o").arg(dir.path().join("table"));
    let output = command.output().unwrap();
    let message = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{message}");
    assert!(message.contains("pip install onnxruntime"), "{message}");
}

#[test]
fn verdicts_are_learnt_as_well() {
    let dir = TempDir::new().unwrap();
    let verdicts = dir.path().join("verdicts.jsonl");
    let lines = [
        r#"{"template":"kettle <num> failed badly","label":"System Notification"}"#,
        r#"{"template":"kettle 7 failed badly","label":"Error"}"#,
        r#"{"template":"disk here failed badly","label":"System Notification"}"#,
        r#"{"template":"lamp declined","label":"Unclassified"}"#,
        r#"{"template":"the password is hunter2 for now","label":"Error"}"#,
    ];
    fs::write(&verdicts, lines.join("\n")).unwrap();
    let more = ["--verdicts", verdicts.to_str().unwrap(), "--c", "6"];
    let output = train(dir.path(), &corpus(), &more);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let learnt = |bundle: &Path| {
        let model = loaded(bundle);
        let label = |template: &str| {
            let example = model.examples().iter().find(|e| e.template == template)?;
            model.labels().get(usize::from(example.label)).cloned()
        };
        assert_eq!(label("kettle <num> failed badly").as_deref(), Some("Error"), "the later wins");
        assert_eq!(label("disk here failed badly").as_deref(), Some("Error"), "the CSV wins");
        assert_eq!(label("lamp declined"), None);
        assert!(model.examples().iter().all(|e| !e.template.contains("hunter2")), "a secret");
        model.examples().len()
    };
    let bundle = dir.path().join("bundle");
    assert_eq!(learnt(&bundle), 130);
    // Without a CSV it begins with what the model was trained on.
    let again = dir.path().join("again");
    let output = logtriage()
        .arg("train")
        .args(more)
        .args([std::ffi::OsStr::new("--table"), bundle.as_os_str()])
        .arg("-o")
        .arg(&again)
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(learnt(&again), 130);
}

/// The walk-through in the README.
#[test]
fn tickets_become_a_model_that_labels_tickets() {
    let dir = TempDir::new().unwrap();
    let tickets = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../configs/tickets.csv");
    let mut command = logtriage();
    command.arg("train").arg(tickets).args(["--target-error", "0.2", "-o", "tickets-model"]);
    let output = command.current_dir(dir.path()).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let report = String::from_utf8(output.stdout).unwrap();
    assert!(report.contains("`logtriage evaluate model` on the same files"), "{report}");

    fs::write(dir.path().join("logtriage.toml"), "model = \"tickets-model\"\n").unwrap();
    let new =
        "text\nThe invoice for May was charged twice\nI cannot log in since my password expired\n";
    fs::write(dir.path().join("new.csv"), new).unwrap();
    let mut command = logtriage();
    command.args(["classify", "new.csv", "--message-column", "text"]).current_dir(dir.path());
    let labelled = String::from_utf8(command.output().unwrap().stdout).unwrap();
    let labels: Vec<&str> =
        labelled.lines().skip(1).filter_map(|line| line.split(',').nth(1)).collect();
    assert_eq!(labels, ["Billing", "Access"], "{labelled}");
}
