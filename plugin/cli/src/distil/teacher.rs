//! The teacher: a BERT-like encoder run by ONNX Runtime.

use std::path::{Path, PathBuf};

use indicatif::{ProgressBar, ProgressStyle};
use ndarray::{Array2, Axis};
use ort::environment::Environment;
use ort::session::Session;
use ort::value::Tensor;
use tokenizers::Tokenizer;

/// Tokens of a text that are read, `[CLS]` and `[SEP]` included, as all-MiniLM-L6-v2 does.
const LONGEST: usize = 256;
/// Tokens per run: small enough for any machine, large enough to keep it busy.
const BATCH: usize = 256;

/// Why the teacher cannot be loaded or run.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TeacherError {
    /// ONNX Runtime is not there.
    #[error(
        "ONNX Runtime cannot be loaded{}: {reason}\n\
         get it with `pip install onnxruntime` and pass --onnxruntime FILE or set ORT_DYLIB_PATH, \
         where FILE is onnxruntime/capi/libonnxruntime.so.* in site-packages",
        path.as_ref().map(|path| format!(" from {}", path.display())).unwrap_or_default()
    )]
    Runtime {
        /// Where it was looked for, if that was said.
        path: Option<PathBuf>,
        /// What the loader said.
        reason: String,
    },
    /// The tokenizer cannot be used.
    #[error("{}: {reason}", path.display())]
    Tokenizer {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// The model cannot be loaded.
    #[error("{}: {error}", path.display())]
    Model {
        /// The file.
        path: PathBuf,
        /// What ONNX Runtime said.
        error: ort::Error,
    },
    /// The model cannot be run.
    #[error("the teacher failed: {0}")]
    Run(#[from] ort::Error),
    /// The model answers in another shape.
    #[error("last_hidden_state has shape {0:?}, expected [batch, tokens, width]")]
    Shape(Vec<usize>),
}

/// An encoder with its tokenizer.
pub(crate) struct Teacher {
    session: Session,
    tokenizer: Tokenizer,
    /// The tokenizer's file.
    path: PathBuf,
    /// By id.
    vocabulary: Vec<String>,
    start: i64,
    end: i64,
}

impl Teacher {
    /// Loads both; 0 `threads` are as many as the machine has cores.
    pub(crate) fn open(
        model: &Path,
        tokenizer: &Path,
        runtime: Option<&Path>,
        threads: usize,
    ) -> Result<Self, TeacherError> {
        let bad = |reason: String| TeacherError::Tokenizer { path: tokenizer.to_owned(), reason };
        let library = load_tokenizer(tokenizer).map_err(bad)?;
        let special = |token: &str| {
            let id = library.token_to_id(token).ok_or_else(|| format!("has no {token}"));
            id.map(i64::from).map_err(bad)
        };
        let (start, end) = (special("[CLS]")?, special("[SEP]")?);
        let vocabulary = by_id(&library).map_err(bad)?;
        let environment = start_runtime(runtime)?;
        let session = Session::builder(&environment)
            .and_then(|builder| Ok(builder.with_intra_threads(threads)?))
            .and_then(|mut builder| builder.commit_from_file(model))
            .map_err(|error| TeacherError::Model { path: model.to_owned(), error })?;
        let path = tokenizer.to_owned();
        Ok(Self { session, tokenizer: library, path, vocabulary, start, end })
    }

    /// Tokens by id.
    pub(super) fn vocabulary(&self) -> Vec<String> {
        self.vocabulary.clone()
    }

    /// How often each token occurs in `texts`.
    pub(super) fn count(&self, texts: &[String]) -> Result<Vec<u64>, TeacherError> {
        let mut counts = vec![0; self.vocabulary.len()];
        for text in texts {
            for id in self.ids(text)? {
                if let Some(count) = counts.get_mut(id as usize) {
                    *count += 1;
                }
            }
        }
        Ok(counts)
    }

    /// The tokens of a text, without `[CLS]` and `[SEP]`.
    fn ids(&self, text: &str) -> Result<Vec<u32>, TeacherError> {
        let encoding = self.tokenizer.encode(text, false).map_err(|error| {
            TeacherError::Tokenizer { path: self.path.clone(), reason: error.to_string() }
        })?;
        Ok(encoding.get_ids().to_vec())
    }

    /// The embedding of a text: the mean over its first tokens, of length 1, as
    /// sentence-transformers has it.
    pub(crate) fn embed(&mut self, text: &str) -> Result<Vec<f64>, TeacherError> {
        let words = self.ids(text)?.into_iter().take(LONGEST - 2).map(i64::from);
        let tokens: Vec<i64> = [self.start].into_iter().chain(words).chain([self.end]).collect();
        let mean = self.pooled([1, tokens.len()], tokens)?;
        let length = mean.iter().map(|value| value * value).sum::<f64>().sqrt();
        Ok(mean.iter().map(|value| value / length.max(f64::MIN_POSITIVE)).collect())
    }

    /// One row per token: the mean over `[CLS] token [SEP]`, as sentence-transformers pools.
    pub(super) fn vectors(&mut self) -> Result<Array2<f64>, TeacherError> {
        let tokens = self.vocabulary.len();
        let bar = ProgressBar::new(tokens as u64).with_style(style());
        let mut vectors = Array2::zeros((0, 0));
        for first in (0..tokens).step_by(BATCH) {
            let ids = first..tokens.min(first + BATCH);
            bar.inc(ids.len() as u64);
            let shape = [ids.len(), 3];
            let tokens = ids.flat_map(|id| [self.start, id as i64, self.end]).collect();
            let batch = self.pooled(shape, tokens)?;
            if vectors.is_empty() {
                vectors = Array2::zeros((0, batch.ncols()));
            }
            vectors
                .append(Axis(0), batch.view())
                .map_err(|_| TeacherError::Shape(batch.shape().to_vec()))?;
        }
        bar.finish_and_clear();
        Ok(vectors)
    }

    /// The mean over each row of tokens.
    fn pooled(&mut self, shape: [usize; 2], tokens: Vec<i64>) -> Result<Array2<f64>, TeacherError> {
        let fill = |value: i64| Tensor::from_array((shape, vec![value; tokens.len()]));
        let (attention, types) = (fill(1)?, fill(0)?);
        let outputs = self.session.run(ort::inputs![
            "input_ids" => Tensor::from_array((shape, tokens))?,
            "attention_mask" => attention,
            "token_type_ids" => types,
        ])?;
        let hidden = outputs["last_hidden_state"].try_extract_array::<f32>()?;
        if hidden.ndim() != 3 || hidden.shape()[..2] != shape {
            return Err(TeacherError::Shape(hidden.shape().to_vec()));
        }
        let sum = hidden.mapv(f64::from).sum_axis(Axis(1));
        let wrong = |_| TeacherError::Shape(hidden.shape().to_vec());
        (sum / shape[1] as f64).into_dimensionality().map_err(wrong)
    }
}

fn style() -> ProgressStyle {
    ProgressStyle::with_template("{bar:40} {pos}/{len} tokens, {eta} left")
        .unwrap_or_else(|_| ProgressStyle::default_bar())
}

fn start_runtime(path: Option<&Path>) -> Result<Environment, TeacherError> {
    let name = path.unwrap_or(Path::new(if cfg!(target_os = "macos") {
        "libonnxruntime.dylib"
    } else if cfg!(windows) {
        "onnxruntime.dll"
    } else {
        "libonnxruntime.so"
    }));
    let builder = ort::init_from(name).map_err(|error| TeacherError::Runtime {
        path: path.map(Path::to_owned),
        reason: error.to_string(),
    })?;
    Ok(builder.build()?)
}

/// The whole text, however long, without padding.
fn load_tokenizer(path: &Path) -> Result<Tokenizer, String> {
    let mut tokenizer = Tokenizer::from_file(path).map_err(|error| error.to_string())?;
    tokenizer.with_padding(None);
    tokenizer.with_truncation(None).map_err(|error| error.to_string())?;
    Ok(tokenizer)
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
