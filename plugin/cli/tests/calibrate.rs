//! `logtriage calibrate` from a labelled CSV and a bundle to the same bundle with other thresholds.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use logtriage_engine::semantic::{MANIFEST, Manifest, builtin_parts};
use logtriage_engine::{Model, Threshold};
use tempfile::TempDir;

fn calibrate(dir: &Path, csv: &str, more: &[&str]) -> Output {
    let file = dir.join("labelled.csv");
    fs::write(&file, csv).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_logtriage"));
    command.arg("calibrate").arg(file).arg("-o").arg(dir.join("bundle")).args(more);
    command.output().unwrap()
}

/// Templates that the built-in model is right about, one wrong label among them, and one template
/// that it was trained on.
fn labelled() -> String {
    let known = Model::builtin().unwrap().examples()[0].template.clone();
    let mut csv = "source,log_message,target_label\n".to_owned();
    let objects = ["disk", "memory", "cpu", "swap", "inode", "heap", "buffer", "quota", "volume"];
    let places = ["node", "server", "host", "pod", "router", "database", "broker", "gateway"];
    for object in objects {
        for place in places {
            csv += &format!("s,{object} usage at 91% on this {place},Resource Usage\n");
        }
    }
    csv += "s,option retry is deprecated and will be removed,Error\n";
    csv += &format!("s,\"{}\",Error\n", known.replace('"', "\"\""));
    csv
}

fn files(bundle: &Path) -> BTreeMap<String, Vec<u8>> {
    let file = |entry: std::io::Result<fs::DirEntry>| {
        let entry = entry.unwrap();
        (entry.file_name().into_string().unwrap(), fs::read(entry.path()).unwrap())
    };
    fs::read_dir(bundle).unwrap().map(file).collect()
}

#[test]
fn thresholds_change_and_nothing_else() {
    let dir = TempDir::new().unwrap();
    let output = calibrate(dir.path(), &labelled(), &[]);
    let report = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(report.contains("1 templates are left out"), "{report}");
    assert!(report.contains("on logs like those that were calibrated on"), "{report}");
    assert!(report.contains("Error is never given"), "{report}");
    assert!(report.contains("about 59 more answers without an error are needed"), "{report}");

    let (mut made, mut builtin) = (files(&dir.path().join("bundle")), builtin_parts());
    let made_manifest = Manifest::parse(&made.remove(MANIFEST).unwrap()).unwrap();
    let manifest = Manifest::parse(&builtin.remove(MANIFEST).unwrap()).unwrap();
    let builtin: BTreeMap<String, Vec<u8>> =
        builtin.into_iter().map(|(name, part)| (name, part.into_owned())).collect();
    assert!(made == builtin);
    let mut made_info = made_manifest.classifier.unwrap();
    let info = manifest.classifier.unwrap();

    let usage = info.labels.iter().position(|label| label == "Resource Usage").unwrap();
    let calibration = made_info.calibration.take().unwrap();
    assert_eq!((calibration.by.as_str(), calibration.templates), ("calibrate", 73));
    let found = calibration.labels[usage];
    assert_eq!((found.target_error, found.wrong, found.answers_missing), (0.05, 0, None));
    assert!(found.accepted >= 59 && found.upper_bound.unwrap() <= 0.05, "{found:?}");
    for (label, threshold) in made_info.thresholds.iter().enumerate() {
        assert_eq!(*threshold == Threshold::Never, label != usage);
    }
    made_info.thresholds = info.thresholds.clone();
    made_info.calibration = info.calibration.clone();
    assert_eq!(made_info, info);
}

#[test]
fn a_bundle_can_be_calibrated_again() {
    let dir = TempDir::new().unwrap();
    assert!(calibrate(dir.path(), &labelled(), &[]).status.success());
    let bundle = dir.path().join("bundle");
    let first = files(&bundle);
    let again = calibrate(dir.path(), &labelled(), &["--model", bundle.to_str().unwrap()]);
    assert!(again.status.success());
    assert!(files(&bundle) == first);
}

#[test]
fn what_cannot_be_calibrated_on_is_refused_with_the_reason() {
    let known = Model::builtin().unwrap().examples()[0].template.replace('"', "\"\"");
    let header = "source,log_message,target_label\n";
    for (csv, more, expected) in [
        (format!("{header}s,a line,Rare\n"), vec![], "\"Rare\" is not a label of the model"),
        (format!("{header}s,\"{known}\",Error\n"), vec![], "trained on every template"),
        (header.to_owned(), vec![], "no rows"),
        (labelled(), vec!["--target-error", "1"], "--target-error is 1"),
        (labelled(), vec!["--model", "nowhere"], "nowhere"),
    ] {
        let dir = TempDir::new().unwrap();
        let output = calibrate(dir.path(), &csv, &more);
        let message = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{message}");
        assert!(message.contains(expected), "{message}");
        assert!(!dir.path().join("bundle").exists());
    }
}

#[test]
fn a_model_that_never_labels_is_announced() {
    let dir = TempDir::new().unwrap();
    let csv = "log_message,target_label\nsomething about a kettle,Error\n";
    let output = calibrate(dir.path(), csv, &[]);
    assert!(output.status.success());
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.contains("at 0.05 at least 59 answers without an error"), "{said}");
}
