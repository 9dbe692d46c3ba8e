//! The options of commands that may work with a sentence transformer.

use std::path::PathBuf;
use std::sync::Arc;

use logtriage_engine::semantic::Pooling;
use logtriage_files::TransformerFiles;
use logtriage_onnx::{Files, Transformer, Usage};

use crate::failure::Failure;

/// Tokens that are read of a template, unless somebody says otherwise.
pub(crate) const MAX_LENGTH: usize = 256;

/// What embeds templates, for commands that train.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct EmbedderArgs {
    /// What embeds templates: the token table (static), or a sentence transformer (onnx), which
    /// costs about a thousand times as much and needs ONNX Runtime wherever the model is used
    #[arg(long, value_enum, default_value_t = EmbedderKind::Static, value_name = "KIND")]
    pub embedder: EmbedderKind,
    /// The transformer: inputs input_ids and, if it has them, attention_mask and token_type_ids;
    /// output last_hidden_state or token_embeddings
    #[arg(long, required_if_eq("embedder", "onnx"), value_name = "FILE")]
    pub onnx: Option<PathBuf>,
    /// Its tokenizer.json
    #[arg(long, required_if_eq("embedder", "onnx"), value_name = "FILE")]
    pub tokenizer: Option<PathBuf>,
    /// How the vectors of its tokens become one: their mean, or that of [CLS]
    #[arg(long, value_enum, default_value_t = PoolingKind::Mean, value_name = "KIND")]
    pub pooling: PoolingKind,
    /// Tokens it reads of a template, special ones included, 8 to 8192: its max_seq_length
    #[arg(long, default_value_t = MAX_LENGTH, value_name = "N")]
    pub max_length: usize,
    /// ONNX Runtime's shared library
    #[arg(long, env = "ORT_DYLIB_PATH", value_name = "FILE")]
    pub onnxruntime: Option<PathBuf>,
}

/// `--embedder`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum EmbedderKind {
    Static,
    Onnx,
}

/// `--pooling`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum PoolingKind {
    Mean,
    Cls,
}

impl EmbedderArgs {
    /// The transformer, if it is asked for.
    ///
    /// # Errors
    /// It cannot be used.
    pub(crate) fn open(&self) -> Result<Option<Arc<Transformer>>, Failure> {
        let (Some(model), Some(tokenizer), EmbedderKind::Onnx) =
            (&self.onnx, &self.tokenizer, self.embedder)
        else {
            return match &self.onnx {
                None => Ok(None),
                Some(_) => Err(Failure::other("--onnx is for --embedder onnx alone")),
            };
        };
        let (model, tokenizer) = (model.clone(), tokenizer.clone());
        let files = Files { model, tokenizer, runtime: self.onnxruntime.clone() };
        let pooling = match self.pooling {
            PoolingKind::Mean => Pooling::Mean,
            PoolingKind::Cls => Pooling::Cls,
        };
        let usage = Usage { pooling, max_length: self.max_length, threads: 0 };
        let transformer = Transformer::open(&files, usage);
        Ok(Some(Arc::new(transformer.map_err(|error| Failure::other(error.to_string()))?)))
    }
}

/// Where the transformer of a bundle is, for commands that take bundles.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct TransformerArgs {
    /// The transformer of a bundle that has one [default: model.onnx in the bundle]
    #[arg(long, value_name = "FILE")]
    onnx: Option<PathBuf>,
    /// Its tokenizer [default: tokenizer.json in the bundle]
    #[arg(long, value_name = "FILE")]
    tokenizer: Option<PathBuf>,
    /// ONNX Runtime's shared library
    #[arg(long, env = "ORT_DYLIB_PATH", value_name = "FILE")]
    onnxruntime: Option<PathBuf>,
}

impl TransformerArgs {
    pub(crate) fn files(&self) -> TransformerFiles {
        let Self { onnx, tokenizer, onnxruntime } = self.clone();
        TransformerFiles { model: onnx, tokenizer, runtime: onnxruntime, threads: 0 }
    }
}
