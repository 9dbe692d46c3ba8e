//! A model that was trained with a transformer, from `train` to everything that uses it.
//!
//! `./test` installs ONNX Runtime. Under plain `cargo test` the variable `ORT_DYLIB_PATH` must say
//! where one is; without it these tests fail with the sentence that says how to get it.

mod support;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use logtriage_engine::semantic::{
    EXAMPLE_EMBEDDINGS, EmbedderInfo, GROUPS, MANIFEST, Manifest, Pooling, TABLE,
};
use tempfile::TempDir;

use support::corpus;

fn model(name: &str, file: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../onnx/tests/data").join(name).join(file)
}

fn run(directory: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_logtriage"));
    command.current_dir(directory).args(arguments).output().unwrap()
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap()
}

/// What it prints, if it ends as it should.
fn done(directory: &Path, arguments: &[&str]) -> String {
    let output = run(directory, arguments);
    assert!(output.status.success(), "{}\nor run ./test", text(&output.stderr));
    text(&output.stdout).to_owned()
}

/// What it says on standard error when it cannot run.
fn refused(directory: &Path, arguments: &[&str]) -> String {
    let output = run(directory, arguments);
    assert_eq!(output.status.code(), Some(2), "{}", text(&output.stderr));
    text(&output.stderr).to_owned()
}

fn train(directory: &Path, onnx: &Path, tokenizer: &Path, more: &[&str]) -> String {
    fs::write(directory.join("labelled.csv"), corpus()).unwrap();
    let (onnx, tokenizer) = (onnx.to_str().unwrap(), tokenizer.to_str().unwrap());
    let mut arguments = vec!["train", "labelled.csv", "-o", "bundle", "--target-error", "0.1"];
    arguments.extend(["--embedder", "onnx", "--onnx", onnx, "--tokenizer", tokenizer]);
    arguments.extend(["--c", "6"]);
    arguments.extend(more);
    done(directory, &arguments)
}

/// A directory with a bundle, its transformer in it, and a config that names both.
fn trained() -> TempDir {
    let place = TempDir::new().unwrap();
    let (onnx, tokenizer) =
        (model("wordpiece", "model.onnx"), model("wordpiece", "tokenizer.json"));
    train(place.path(), &onnx, &tokenizer, &["--max-length", "64"]);
    for file in ["model.onnx", "tokenizer.json"] {
        fs::copy(model("wordpiece", file), place.path().join("bundle").join(file)).unwrap();
    }
    config(place.path(), "embedder = \"onnx\"");
    place
}

fn config(directory: &Path, semantic: &str) {
    let text = format!("rules = []\nmodel = \"bundle\"\n[semantic]\n{semantic}\n");
    fs::write(directory.join("logtriage.toml"), text).unwrap();
}

fn events(directory: &Path) -> String {
    let messages =
        ["printer here failed badly", "printer here started well", "printer here failed badly"];
    let lines = messages.map(|message| format!("{{\"message\":\"{message}\"}}\n"));
    fs::write(directory.join("events.jsonl"), lines.concat()).unwrap();
    lines.concat()
}

#[test]
fn training_writes_a_bundle_that_knows_its_transformer() {
    let place = TempDir::new().unwrap();
    let (onnx, tokenizer) = (model("bpe", "model.onnx"), model("bpe", "tokenizer.json"));
    let more = ["--pooling", "cls", "--max-length", "48"];
    let report = train(place.path(), &onnx, &tokenizer, &more);
    assert!(report.contains("Held out by template:\naccuracy 1.0000"), "{report}");
    assert!(report.contains("on logs like those that were calibrated on"), "{report}");
    let bundle = place.path().join("bundle");
    let manifest = Manifest::parse(&fs::read(bundle.join(MANIFEST)).unwrap()).unwrap();
    let EmbedderInfo::Onnx(info) = &manifest.embedder else { panic!("a table") };
    assert_eq!((info.width, info.pooling, info.max_length), (32, Pooling::Cls, 48));
    let onnx = fs::read(model("bpe", "model.onnx")).unwrap();
    assert_eq!(info.model.xxh3_128, logtriage_engine::semantic::digest(&onnx));
    assert!(manifest.parts.contains_key(EXAMPLE_EMBEDDINGS));
    for absent in [TABLE, GROUPS, "model.onnx", "tokenizer.json"] {
        assert!(!bundle.join(absent).exists(), "{absent}");
    }
}

#[test]
fn events_are_labelled_whatever_the_number_of_workers_and_the_cache() {
    let place = trained();
    events(place.path());
    let one = done(place.path(), &["classify", "events.jsonl", "--threads", "1"]);
    for (line, label) in one.lines().zip(["Error", "System Notification", "Error"]) {
        let expected = format!("\"label\":\"{label}\",\"tier\":\"semantic\"");
        assert!(line.contains(&expected), "{line}");
    }
    assert_eq!(one.lines().count(), 3);
    assert_eq!(one, done(place.path(), &["classify", "events.jsonl", "--threads", "4"]));
    // The files may stand elsewhere, too, and inference may have threads.
    let (onnx, tokenizer) =
        (model("wordpiece", "model.onnx"), model("wordpiece", "tokenizer.json"));
    for file in ["model.onnx", "tokenizer.json"] {
        fs::remove_file(place.path().join("bundle").join(file)).unwrap();
    }
    let semantic =
        format!("embedder = \"onnx\"\nonnx = {onnx:?}\ntokenizer = {tokenizer:?}\nthreads = 2");
    config(place.path(), &semantic);
    assert_eq!(one, done(place.path(), &["classify", "events.jsonl"]));
}

#[test]
fn explain_shows_the_transformer_s_part_and_what_is_near() {
    let place = trained();
    let page = done(place.path(), &["explain", "mail inside failed badly now"]);
    for words in ["(the transformer)", "failed", "mail inside failed badly", "Error"] {
        assert!(page.contains(words), "{words}: {page}");
    }
}

#[test]
fn calibrate_and_reason_work_with_it() {
    let place = trained();
    let mut csv = "source,log_message,target_label\n".to_owned();
    for thing in ["engine", "pump", "valve", "motor", "boiler", "heater"] {
        for adverb in ["again", "twice", "today", "somehow", "slowly", "at once"] {
            csv += &format!("s,{thing} failed badly {adverb},Error\n");
        }
    }
    fs::write(place.path().join("more.csv"), csv).unwrap();
    let arguments =
        ["calibrate", "more.csv", "--model", "bundle", "-o", "other", "--target-error", "0.2"];
    let report = done(place.path(), &arguments);
    assert!(report.contains("0 templates are left out"), "{report}");
    let read = |name: &str| {
        Manifest::parse(&fs::read(place.path().join(name).join(MANIFEST)).unwrap()).unwrap()
    };
    let (before, after) = (read("bundle"), read("other"));
    assert_eq!(before.embedder, after.embedder);
    assert_eq!(after.classifier.unwrap().calibration.unwrap().by, "calibrate");
    assert_eq!(before.parts, after.parts);

    let toml = place.path().join("logtriage.toml");
    fs::write(&toml, fs::read_to_string(&toml).unwrap() + "[reasoning]\n").unwrap();
    fs::create_dir(place.path().join("state")).unwrap();
    let pending =
        "{\"template\":\"mail inside failed badly\",\"template_id\":\"0000000000000000\"}\n";
    fs::write(place.path().join("state/pending.jsonl"), pending).unwrap();
    let request = done(place.path(), &["reason", "--config", "logtriage.toml", "--dry-run"]);
    // Nothing is nearer to it than itself.
    let example =
        r#"\"examples\":[{\"template\":\"mail inside failed badly\",\"label\":\"Error\"}"#;
    assert!(request.contains(example), "{request}");
}

#[test]
fn evaluate_measures_what_train_would_make() {
    let place = trained();
    let (onnx, tokenizer) =
        (model("wordpiece", "model.onnx"), model("wordpiece", "tokenizer.json"));
    let (onnx, tokenizer) = (onnx.to_str().unwrap(), tokenizer.to_str().unwrap());
    let mut arguments =
        vec!["evaluate", "model", "labelled.csv", "--folds", "2", "--max-length", "64"];
    arguments.extend(["--embedder", "onnx", "--onnx", onnx, "--tokenizer", tokenizer]);
    let report = done(place.path(), &arguments);
    assert!(report.contains("this model"), "{report}");
}

#[test]
fn a_runtime_that_is_missing_is_said_with_how_to_get_it() {
    let place = trained();
    events(place.path());
    config(place.path(), "embedder = \"onnx\"\nruntime = \"/nowhere/libonnxruntime.so\"");
    let message = refused(place.path(), &["classify", "events.jsonl"]);
    for words in [
        "ONNX Runtime cannot be loaded from /nowhere/libonnxruntime.so",
        "pip install onnxruntime",
        "ORT_DYLIB_PATH",
    ] {
        assert!(message.contains(words), "{message}");
    }
}

#[test]
fn what_does_not_belong_together_is_refused() {
    let place = trained();
    events(place.path());
    let classify = ["classify", "events.jsonl"];
    let model_of_another = model("bpe", "model.onnx");
    config(place.path(), &format!("embedder = \"onnx\"\nonnx = {model_of_another:?}"));
    let message = refused(place.path(), &classify);
    assert!(
        message.contains("trained with another transformer: its model had XXH3-128"),
        "{message}"
    );

    config(place.path(), "");
    let message = refused(place.path(), &classify);
    assert!(message.contains("embedder = \"onnx\"` in logtriage.toml"), "{message}");

    let more = ["train", "labelled.csv", "-o", "bundle", "--c", "6", "--target-error", "0.1"];
    done(place.path(), &more);
    fs::write(place.path().join("logtriage.toml"), "rules = []\nmodel = \"bundle\"\n").unwrap();
    done(place.path(), &classify);
    config(place.path(), "embedder = \"onnx\"");
    let message = refused(place.path(), &classify);
    assert!(message.contains("trained with a token table"), "{message}");

    let idle = ["train", "labelled.csv", "-o", "b", "--onnx", "model.onnx"];
    assert!(refused(place.path(), &idle).contains("--onnx is for --embedder onnx alone"));
    let alone = ["train", "labelled.csv", "-o", "b", "--embedder", "onnx"];
    assert!(refused(place.path(), &alone).contains("--onnx <FILE>"));
}

/// Its tokenizer knows more tokens than the model has, as a file of another model may.
#[test]
fn a_transformer_that_fails_costs_no_event() {
    let place = TempDir::new().unwrap();
    let tokenizer = fs::read_to_string(model("wordpiece", "tokenizer.json")).unwrap();
    // Its number is beyond the model's table of words.
    let token = "\"zebra\":9999,\"[PAD]\":0";
    let broken = tokenizer.replacen("\"[PAD]\":0", token, 1);
    assert_ne!(broken, tokenizer);
    let file = place.path().join("tokenizer.json");
    fs::write(&file, broken).unwrap();
    let onnx = model("wordpiece", "model.onnx");
    train(place.path(), &onnx, &file, &["--max-length", "64"]);
    config(
        place.path(),
        &format!("embedder = \"onnx\"\nonnx = {onnx:?}\ntokenizer = \"tokenizer.json\""),
    );
    let lines =
        events(place.path()) + "{\"message\":\"zebra failed badly\"}\n{\"message\":\"a zebra\"}\n";
    fs::write(place.path().join("events.jsonl"), &lines).unwrap();

    let output = run(place.path(), &["classify", "events.jsonl", "--threads", "2"]);
    let (out, err) = (text(&output.stdout), text(&output.stderr));
    assert_eq!(output.status.code(), Some(1), "{err}");
    assert_eq!(out.lines().count(), 5, "{out}");
    assert_eq!(out.matches("\"tier\":\"semantic\"").count(), 3, "{out}");
    assert_eq!(
        out.matches("\"label\":\"Unclassified\",\"tier\":\"none\",\"confidence\":0").count(),
        2
    );
    assert_eq!(err.matches("such events pass without the semantic tier").count(), 1, "{err}");
    assert!(err.contains("the transformer failed on 2 events"), "{err}");
    assert!(!err.contains("[E:onnxruntime"), "the runtime speaks for itself: {err}");
}
