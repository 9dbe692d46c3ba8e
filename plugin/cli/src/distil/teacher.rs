//! The teacher: what a transformer says of each token by itself.

use std::path::{Path, PathBuf};

use indicatif::{ProgressBar, ProgressStyle};
use logtriage_engine::semantic::Pooling;
use logtriage_onnx::{Files, OnnxError, Tokens, Transformer, Usage};
use ndarray::{Array2, Axis};
use tokenizers::Tokenizer;

use crate::transformer::MAX_LENGTH;

/// Tokens per run: small enough for any machine, large enough to keep it busy.
const BATCH: usize = 256;

/// A transformer, and its vocabulary.
pub(super) struct Teacher {
    transformer: Transformer,
    /// Reads whole texts.
    tokenizer: Tokenizer,
    /// The tokenizer's file.
    path: PathBuf,
    /// By id.
    vocabulary: Vec<String>,
    start: i64,
    end: i64,
}

impl Teacher {
    /// Loads it.
    pub(super) fn open(files: &Files) -> Result<Self, OnnxError> {
        let usage = Usage { pooling: Pooling::Mean, max_length: MAX_LENGTH, threads: 0 };
        let transformer = Transformer::open(files, usage)?;
        let path = files.tokenizer.clone();
        let bad = |reason| wrong(&path, reason);
        let mut tokenizer = transformer.tokenizer().clone();
        tokenizer.with_truncation(None).map_err(|error| bad(error.to_string()))?;
        let special = |token: &str| {
            let id = tokenizer.token_to_id(token).ok_or_else(|| format!("has no {token}"));
            id.map(i64::from).map_err(bad)
        };
        let (start, end) = (special("[CLS]")?, special("[SEP]")?);
        let vocabulary = by_id(&tokenizer).map_err(bad)?;
        Ok(Self { transformer, tokenizer, path, vocabulary, start, end })
    }

    /// Tokens by id.
    pub(super) fn vocabulary(&self) -> Vec<String> {
        self.vocabulary.clone()
    }

    /// How often each token occurs in `texts`.
    pub(super) fn count(&self, texts: &[String]) -> Result<Vec<u64>, OnnxError> {
        let mut counts = vec![0; self.vocabulary.len()];
        for text in texts {
            let read = self.tokenizer.encode(text.as_str(), false);
            for id in read.map_err(|error| wrong(&self.path, error.to_string()))?.get_ids() {
                if let Some(count) = counts.get_mut(*id as usize) {
                    *count += 1;
                }
            }
        }
        Ok(counts)
    }

    /// One row per token: the mean over `[CLS] token [SEP]`, as sentence-transformers pools.
    pub(super) fn vectors(&self) -> Result<Array2<f64>, OnnxError> {
        let tokens = self.vocabulary.len();
        let bar = ProgressBar::new(tokens as u64).with_style(style());
        let mut batches = Vec::new();
        for first in (0..tokens).step_by(BATCH) {
            let ids = first..tokens.min(first + BATCH);
            bar.inc(ids.len() as u64);
            let shape = [ids.len(), 3];
            let ids: Vec<i64> = ids.flat_map(|id| [self.start, id as i64, self.end]).collect();
            let tokens = Tokens { types: vec![0; ids.len()], ids, shape };
            batches.push(self.transformer.pooled(tokens, Pooling::Mean)?);
        }
        bar.finish_and_clear();
        let views: Vec<_> = batches.iter().map(|batch| batch.view()).collect();
        ndarray::concatenate(Axis(0), &views).map_err(|error| wrong(&self.path, error.to_string()))
    }
}

fn style() -> ProgressStyle {
    ProgressStyle::with_template("{bar:40} {pos}/{len} tokens, {eta} left")
        .unwrap_or_else(|_| ProgressStyle::default_bar())
}

fn wrong(path: &Path, reason: String) -> OnnxError {
    OnnxError::File { path: path.to_owned(), reason }
}

fn by_id(tokenizer: &Tokenizer) -> Result<Vec<String>, String> {
    let size = tokenizer.get_vocab_size(true) as u32;
    let token = |id| tokenizer.id_to_token(id).ok_or_else(|| format!("has no token {id}"));
    let vocabulary: Vec<String> = (0..size).map(token).collect::<Result<_, _>>()?;
    match vocabulary.iter().find(|token| token.contains('\n')) {
        Some(token) => Err(format!("has the token {token:?}, which is more than one line")),
        None => Ok(vocabulary),
    }
}
