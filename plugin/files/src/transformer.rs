//! The transformer of a model that was trained with one.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use logtriage_engine::semantic::{
    BundleError, BundleParts, EmbedderInfo, Encoder, MANIFEST, Manifest,
};
use logtriage_engine::{Model, Onnx};
use logtriage_onnx::{Files, Transformer, Usage};

use crate::error::FileError;
use crate::loaded::Loaded;
use crate::parts::read;

/// What a model is called in the directory of its bundle, where nobody says another name.
pub const MODEL: &str = "model.onnx";

/// What its tokenizer is called there.
pub const TOKENIZER: &str = "tokenizer.json";

/// Where the transformer of a bundle is. What is not said is looked for in the bundle's directory:
/// `model.onnx`, `tokenizer.json`.
#[derive(Clone, Debug, Default)]
pub struct TransformerFiles {
    /// The model.
    pub model: Option<PathBuf>,
    /// Its tokenizer.
    pub tokenizer: Option<PathBuf>,
    /// ONNX Runtime's shared library.
    pub runtime: Option<PathBuf>,
    /// Threads of one inference; 0: as many as the machine has cores.
    pub threads: usize,
}

impl TransformerFiles {
    /// The transformer that the bundle in `directory` was trained with, used as it was then; none,
    /// if it was trained with a table.
    ///
    /// # Errors
    /// The manifest or the transformer cannot be used. That it is another one than that of the
    /// training is for the reader of the bundle to tell.
    pub fn open(
        &self,
        directory: &Path,
        parts: &BundleParts,
    ) -> Result<Option<Arc<dyn Encoder>>, FileError> {
        let wrong = |error| FileError::Other(format!("{}: {error}", directory.display()));
        let missing = || wrong(BundleError::Missing { part: MANIFEST.to_owned() });
        let manifest = parts.get(MANIFEST).ok_or_else(missing)?;
        let EmbedderInfo::Onnx(info) = Manifest::parse(manifest).map_err(wrong)?.embedder else {
            return Ok(None);
        };
        let place = |named: &Option<PathBuf>, name: &str| {
            named.clone().unwrap_or_else(|| directory.join(name))
        };
        let files = Files {
            model: place(&self.model, MODEL),
            tokenizer: place(&self.tokenizer, TOKENIZER),
            runtime: self.runtime.clone(),
        };
        let (pooling, max_length) = (info.pooling, info.max_length);
        let usage = Usage { pooling, max_length, threads: self.threads };
        let transformer = Transformer::open(&files, usage)
            .map_err(|error| FileError::Other(error.to_string()))?;
        Ok(Some(Arc::new(transformer)))
    }
}

impl Loaded {
    /// The model in the directory called `name` with the transformer that the config names.
    pub(crate) fn load_with_transformer(
        &self,
        name: &str,
        onnx: &Onnx,
    ) -> Result<Model, FileError> {
        let directory = &self.model_directory(name)?;
        let resolve = |name: &Option<String>| name.as_ref().map(|name| self.resolve(name));
        let files = TransformerFiles {
            model: resolve(&onnx.model),
            tokenizer: resolve(&onnx.tokenizer),
            runtime: resolve(&onnx.runtime),
            threads: onnx.threads,
        };
        let parts = read(directory)?;
        let wrong = |error| FileError::Other(format!("{}: {error}", directory.display()));
        match files.open(directory, &parts)? {
            Some(encoder) => Model::load_with(parts, encoder).map_err(wrong),
            None => Err(wrong(BundleError::NeedsNoTransformer)),
        }
    }
}
