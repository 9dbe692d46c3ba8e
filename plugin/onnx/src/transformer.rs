//! An encoder with its tokenizer, as sentence-transformers uses them.

use std::fmt;
use std::fs;
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use logtriage_engine::semantic::{EncodeError, Encoder, OnnxInfo, PartInfo, Pooling};
use ndarray::{Array2, Axis};
use ort::session::Session;
use ort::value::Tensor;
use tokenizers::{Tokenizer, TruncationParams};

use crate::error::OnnxError;
use crate::runtime;

/// Tokens that may be read of a text.
pub const MAX_LENGTHS: RangeInclusive<usize> = 8..=8192;

/// What exporters call the vectors of the tokens.
const OUTPUTS: [&str; 2] = ["last_hidden_state", "token_embeddings"];

/// Where the parts of a transformer are.
#[derive(Clone, Debug)]
pub struct Files {
    /// The model: inputs `input_ids`, and `attention_mask` and `token_type_ids` if it has them, all
    /// int64 `[batch, tokens]`; output `last_hidden_state` or `token_embeddings`, f32
    /// `[batch, tokens, width]`.
    pub model: PathBuf,
    /// Its `tokenizer.json`.
    pub tokenizer: PathBuf,
    /// ONNX Runtime's shared library; without it `ORT_DYLIB_PATH` says, else the system looks.
    pub runtime: Option<PathBuf>,
}

/// How it is used.
#[derive(Clone, Copy, Debug)]
pub struct Usage {
    /// How the vectors of the tokens become one.
    pub pooling: Pooling,
    /// Tokens of a text that are read, special ones included: one of [`MAX_LENGTHS`]. What
    /// sentence-transformers calls `max_seq_length`.
    pub max_length: usize,
    /// Threads of one inference; 0: as many as the machine has cores.
    pub threads: usize,
}

/// A sentence transformer. Threads share one: inferences wait for each other, so that the weights
/// are in memory once.
pub struct Transformer {
    info: OnnxInfo,
    tokenizer: Tokenizer,
    session: Mutex<Session>,
    inputs: Inputs,
    output: String,
}

/// Which inputs the model has beside `input_ids`.
#[derive(Clone, Copy, Debug)]
struct Inputs {
    mask: bool,
    types: bool,
}

/// Texts of one length as tokens, without padding.
#[derive(Clone, Debug)]
pub struct Tokens {
    /// Ids, text after text.
    pub ids: Vec<i64>,
    /// Their types, as many.
    pub types: Vec<i64>,
    /// Texts, and tokens of each.
    pub shape: [usize; 2],
}

impl Transformer {
    /// Loads ONNX Runtime, model and tokenizer, and embeds a long text to see that it can be done.
    ///
    /// # Errors
    /// There is no ONNX Runtime; a file cannot be read or used; the model has other inputs or
    /// outputs than [`Files::model`] says, or cannot read so many tokens.
    pub fn open(files: &Files, usage: Usage) -> Result<Self, OnnxError> {
        if !MAX_LENGTHS.contains(&usage.max_length) {
            let (least, most) = (*MAX_LENGTHS.start(), *MAX_LENGTHS.end());
            return Err(OnnxError::MaxLength(usage.max_length, least, most));
        }
        let (tokenizer, tokenizer_info) = load_tokenizer(&files.tokenizer, usage.max_length)?;
        let (session, model_info) = load_model(files, usage.threads)?;
        let inputs = Inputs::of(&session).map_err(|why| OnnxError::file(&files.model, why))?;
        let mut transformer = Self {
            info: OnnxInfo {
                width: 0,
                pooling: usage.pooling,
                max_length: usage.max_length,
                model: model_info,
                tokenizer: tokenizer_info,
            },
            tokenizer,
            output: output(&session),
            session: Mutex::new(session),
            inputs,
        };
        transformer.info.width = transformer.try_out().map_err(|error| {
            let reason = format!("cannot embed a text of {} tokens: {error}", usage.max_length);
            OnnxError::file(&files.model, reason)
        })?;
        Ok(transformer)
    }

    /// Embeds a text that is too long. Gives the width of the embedding.
    fn try_out(&self) -> Result<usize, OnnxError> {
        let tokens = self.tokens(&"long ".repeat(self.info.max_length))?;
        Ok(self.pooled(tokens, self.info.pooling)?.ncols())
    }

    /// The tokenizer; it adds special tokens where it is told to, and reads
    /// [`max_length`](Usage::max_length) tokens.
    pub fn tokenizer(&self) -> &Tokenizer {
        &self.tokenizer
    }

    fn tokens(&self, text: &str) -> Result<Tokens, OnnxError> {
        let tokens = self.tokenizer.encode(text, true);
        let tokens = tokens.map_err(|error| OnnxError::Run(ort::Error::new(error.to_string())))?;
        let wide = |values: &[u32]| values.iter().copied().map(i64::from).collect::<Vec<_>>();
        let (ids, types) = (wide(tokens.get_ids()), wide(tokens.get_type_ids()));
        Ok(Tokens { shape: [1, ids.len()], ids, types })
    }

    /// One row for each text: the mean over its tokens, or its first one.
    ///
    /// # Errors
    /// The model fails, or answers in another shape.
    pub fn pooled(&self, tokens: Tokens, pooling: Pooling) -> Result<Array2<f64>, OnnxError> {
        let Tokens { ids, types, shape } = tokens;
        let mask = vec![1_i64; ids.len()];
        let mut inputs = vec![("input_ids", Tensor::from_array((shape, ids))?)];
        if self.inputs.mask {
            inputs.push(("attention_mask", Tensor::from_array((shape, mask))?));
        }
        if self.inputs.types {
            inputs.push(("token_type_ids", Tensor::from_array((shape, types))?));
        }
        let mut session = self.session.lock().unwrap_or_else(PoisonError::into_inner);
        let outputs = session.run(inputs)?;
        let wrong = |shape: &[usize]| OnnxError::Shape {
            output: self.output.clone(),
            shape: shape.to_vec(),
        };
        let hidden = outputs.get(self.output.as_str()).ok_or_else(|| wrong(&[]))?;
        let hidden = hidden.try_extract_array::<f32>()?;
        if hidden.ndim() != 3 || hidden.shape().get(..2) != Some(&shape[..]) {
            return Err(wrong(hidden.shape()));
        }
        let pooled = match pooling {
            Pooling::Mean => hidden.mapv(f64::from).sum_axis(Axis(1)) / shape[1] as f64,
            Pooling::Cls => hidden.index_axis(Axis(1), 0).mapv(f64::from),
        };
        pooled.into_dimensionality().map_err(|_| wrong(hidden.shape()))
    }
}

impl Encoder for Transformer {
    fn info(&self) -> &OnnxInfo {
        &self.info
    }

    fn encode(&self, text: &str, out: &mut [f32]) -> Result<(), EncodeError> {
        let tokens = self.tokens(text);
        let pooled = tokens.and_then(|tokens| self.pooled(tokens, self.info.pooling));
        let pooled = pooled.map_err(|error| match error {
            OnnxError::Run(error) => EncodeError(error.to_string()),
            other => EncodeError(other.to_string()),
        })?;
        let length = pooled.iter().map(|value| value * value).sum::<f64>().sqrt();
        for (out, value) in out.iter_mut().zip(&pooled) {
            // As torch's `normalize`: never divided by less.
            *out = (value / length.max(1e-12)) as f32;
        }
        Ok(())
    }
}

impl fmt::Debug for Transformer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Transformer").field("info", &self.info).finish_non_exhaustive()
    }
}

impl Inputs {
    fn of(session: &Session) -> Result<Self, String> {
        let names: Vec<&str> = session.inputs().iter().map(ort::value::Outlet::name).collect();
        let known = ["input_ids", "attention_mask", "token_type_ids"];
        if !names.contains(&"input_ids") || names.iter().any(|name| !known.contains(name)) {
            let found = names.join(", ");
            return Err(format!(
                "has the inputs {found}; expected input_ids, and perhaps attention_mask and \
                 token_type_ids"
            ));
        }
        let has = |name| names.contains(&name);
        Ok(Self { mask: has("attention_mask"), types: has("token_type_ids") })
    }
}

/// The output with the vectors of the tokens; else the first one, which may have another name.
fn output(session: &Session) -> String {
    let names: Vec<&str> = session.outputs().iter().map(ort::value::Outlet::name).collect();
    let known = OUTPUTS.into_iter().find(|name| names.contains(name));
    known.or(names.first().copied()).unwrap_or_default().to_owned()
}

fn read(path: &Path) -> Result<(Vec<u8>, PartInfo), OnnxError> {
    let bytes = fs::read(path).map_err(|problem| OnnxError::file(path, problem))?;
    let info = PartInfo::of(&bytes);
    Ok((bytes, info))
}

/// A tokenizer that cuts, and does not fill up.
fn load_tokenizer(path: &Path, max_length: usize) -> Result<(Tokenizer, PartInfo), OnnxError> {
    let (bytes, info) = read(path)?;
    let mut tokenizer =
        Tokenizer::from_bytes(&bytes).map_err(|error| OnnxError::file(path, error))?;
    tokenizer.with_padding(None);
    let cut = TruncationParams { max_length, ..TruncationParams::default() };
    tokenizer.with_truncation(Some(cut)).map_err(|error| OnnxError::file(path, error))?;
    Ok((tokenizer, info))
}

/// From memory, so that the model that runs is the one whose digest is known.
fn load_model(files: &Files, threads: usize) -> Result<(Session, PartInfo), OnnxError> {
    let environment = runtime::start(files.runtime.as_deref())?;
    let (bytes, info) = read(&files.model)?;
    // Threads that spin while they wait would take what the host has better use for.
    let session = Session::builder(&environment)
        .and_then(|builder| Ok(builder.with_intra_threads(threads)?))
        .and_then(|builder| Ok(builder.with_intra_op_spinning(false)?))
        .and_then(|builder| Ok(builder.with_deterministic_compute(true)?))
        .and_then(|mut builder| builder.commit_from_memory(&bytes))
        .map_err(|error| OnnxError::file(&files.model, error))?;
    Ok((session, info))
}
