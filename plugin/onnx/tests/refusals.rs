//! What cannot be used is refused when it is opened, with what to do.

use std::path::{Path, PathBuf};

use logtriage_engine::semantic::Pooling;
use logtriage_onnx::{Files, OnnxError, Transformer, Usage};

fn data(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data").join(name)
}

fn files() -> Files {
    let (model, tokenizer) = (data("bpe/model.onnx"), data("bpe/tokenizer.json"));
    Files { model, tokenizer, runtime: None }
}

fn open(files: &Files, max_length: usize) -> Result<Transformer, OnnxError> {
    Transformer::open(files, Usage { pooling: Pooling::Mean, max_length, threads: 1 })
}

fn refusal(files: &Files, max_length: usize) -> String {
    open(files, max_length).expect_err("must be refused").to_string()
}

#[test]
fn a_refusal_says_what_is_wrong_and_what_to_do() {
    open(&files(), 64).unwrap_or_else(|error| panic!("{error}; or run ./test"));

    let cases = [
        (Files { model: "nowhere/model.onnx".into(), ..files() }, 64, "nowhere/model.onnx: "),
        (Files { tokenizer: "none.json".into(), ..files() }, 64, "none.json: "),
        (Files { model: data("bpe/tokenizer.json"), ..files() }, 64, "tokenizer.json: "),
        (Files { tokenizer: data("bpe/model.onnx"), ..files() }, 64, "model.onnx: "),
        (files(), 7, "max_length is 7, expected 8 to 8192 tokens"),
        (files(), 8193, "max_length is 8193, expected 8 to 8192 tokens"),
        // It has 64 positions.
        (files(), 65, "model.onnx: cannot embed a text of 65 tokens: "),
        (Files { tokenizer: data("wordpiece/golden.jsonl"), ..files() }, 64, "golden.jsonl: "),
    ];
    for (files, max_length, expected) in cases {
        let message = refusal(&files, max_length);
        assert!(message.contains(expected), "{message}");
    }
}
