//! A real ONNX Runtime runs small real models, and says what the reference implementation says.
//!
//! `./test` installs the runtime. Under plain `cargo test` the variable `ORT_DYLIB_PATH` must say
//! where one is; without it these tests fail with the sentence that says how to get it.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use logtriage_engine::semantic::{Encoder, Pooling};
use logtriage_onnx::{Files, Transformer, Usage};
use serde::Deserialize;

/// As large a difference in one of the numbers as there may be.
const TOLERANCE: f32 = 1e-4;

/// What `models/teacher/tiny.py` computed, with other code than ONNX Runtime's.
#[derive(Deserialize)]
struct Golden {
    text: String,
    tokens: usize,
    embedding: Vec<f32>,
}

fn data(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data").join(name)
}

fn open(name: &str, pooling: Pooling, max_length: usize) -> Transformer {
    let (model, tokenizer) = (data(name).join("model.onnx"), data(name).join("tokenizer.json"));
    let files = Files { model, tokenizer, runtime: None };
    let usage = Usage { pooling, max_length, threads: 1 };
    Transformer::open(&files, usage).unwrap_or_else(|error| panic!("{error}; or run ./test"))
}

fn golden(name: &str) -> Vec<Golden> {
    let text = std::fs::read_to_string(data(name).join("golden.jsonl")).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn embed(transformer: &Transformer, text: &str) -> Vec<f32> {
    let mut embedding = vec![0.0; transformer.info().width];
    transformer.encode(text, &mut embedding).unwrap();
    embedding
}

fn difference(a: &[f32], b: &[f32]) -> f32 {
    assert_eq!(a.len(), b.len());
    a.iter().zip(b).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max)
}

fn agrees(name: &str, pooling: Pooling) {
    let (transformer, golden) = (open(name, pooling, 64), golden(name));
    assert!(golden.len() >= 200);
    assert!(golden.iter().filter(|golden| golden.tokens == 64).count() >= 5, "none is cut");
    for Golden { text, embedding, .. } in golden {
        let found = difference(&embed(&transformer, &text), &embedding);
        assert!(found <= TOLERANCE, "{text:?} differs by {found}");
    }
}

#[test]
fn word_pieces_with_types_and_the_mean_agree_with_the_reference() {
    agrees("wordpiece", Pooling::Mean);
}

#[test]
fn byte_pairs_without_types_and_the_first_token_agree_with_the_reference() {
    agrees("bpe", Pooling::Cls);
}

#[test]
fn pooling_and_length_matter() {
    let long = &"disk full ".repeat(40);
    let whole = embed(&open("wordpiece", Pooling::Mean, 64), long);
    for other in [open("wordpiece", Pooling::Cls, 64), open("wordpiece", Pooling::Mean, 32)] {
        assert!(difference(&whole, &embed(&other, long)) > 100.0 * TOLERANCE);
    }
}

/// The cache must not change an outcome, nor the thread that an event meets.
#[test]
fn a_text_has_the_same_numbers_whenever_and_wherever_it_is_asked() {
    let transformer = Arc::new(open("wordpiece", Pooling::Mean, 64));
    let texts: Vec<String> = golden("wordpiece").into_iter().map(|golden| golden.text).collect();
    let all = |transformer: &Transformer| -> Vec<Vec<f32>> {
        texts.iter().map(|text| embed(transformer, text)).collect()
    };
    let first = all(&transformer);
    std::thread::scope(|scope| {
        let again = || assert!(all(&transformer) == first);
        let threads: Vec<_> = (0..4).map(|_| scope.spawn(again)).collect();
        threads.into_iter().for_each(|thread| thread.join().unwrap());
    });
}
