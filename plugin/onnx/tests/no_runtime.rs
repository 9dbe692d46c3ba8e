//! Without ONNX Runtime: alone in its process, which tries to load it once.

use std::path::Path;

use logtriage_engine::semantic::Pooling;
use logtriage_onnx::{Files, Transformer, Usage};

#[test]
fn a_runtime_that_is_not_there_is_asked_for_however_often_one_tries() {
    let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/bpe");
    let usage = Usage { pooling: Pooling::Mean, max_length: 64, threads: 1 };
    // What is found later is not used: the second attempt must not run what was never loaded.
    for runtime in [Some("nowhere/libonnxruntime.so".into()), None] {
        let (model, tokenizer) = (data.join("model.onnx"), data.join("tokenizer.json"));
        let files = Files { model, tokenizer, runtime };
        let message = Transformer::open(&files, usage).expect_err("there is none").to_string();
        for words in [
            "ONNX Runtime cannot be loaded from nowhere/libonnxruntime.so: ",
            "pip install onnxruntime",
            "ORT_DYLIB_PATH",
            "`runtime` in [semantic]",
        ] {
            assert!(message.contains(words), "{message}");
        }
    }
}
