//! `[semantic]`: what embeds templates.
//!
//! ```toml
//! model = "bundle"                    # by `logtriage train --embedder onnx`
//!
//! [semantic]
//! embedder  = "onnx"                  # or "static", the token table of the model
//! onnx      = "model.onnx"            # default: model.onnx in the bundle's directory
//! tokenizer = "tokenizer.json"        # default: tokenizer.json in the bundle's directory
//! runtime   = "libonnxruntime.so"     # default: ORT_DYLIB_PATH, else where the system looks
//! threads   = 1                       # of one inference
//! ```
//! How the transformer is used (pooling, tokens that are read) is known by the bundle.

use serde::Deserialize;
use toml::Spanned;

use super::{ModelSource, Reader};
use crate::location::TextError;

/// Threads that one inference may have at most.
pub const MAX_THREADS: usize = 64;

/// A transformer, run by ONNX Runtime. Paths are as written: the host resolves them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Onnx {
    /// The model; `None`: `model.onnx` in the bundle's directory.
    pub model: Option<String>,
    /// Its tokenizer; `None`: `tokenizer.json` in the bundle's directory.
    pub tokenizer: Option<String>,
    /// ONNX Runtime's shared library; `None`: the environment variable `ORT_DYLIB_PATH` says, else
    /// the system's loader looks for it.
    pub runtime: Option<String>,
    /// Threads of one inference, 1 to 64, default 1. There is one at a time: what other workers
    /// want embedded waits.
    pub threads: usize,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawSemantic {
    #[serde(default)]
    embedder: Option<Spanned<RawEmbedder>>,
    onnx: Option<Spanned<String>>,
    tokenizer: Option<Spanned<String>>,
    runtime: Option<Spanned<String>>,
    threads: Option<Spanned<usize>>,
}

#[derive(Clone, Copy, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
enum RawEmbedder {
    #[default]
    Static,
    Onnx,
}

impl Reader<'_> {
    /// The transformer that is asked for, if one is.
    pub(super) fn onnx(
        &self,
        raw: Option<RawSemantic>,
        model: &ModelSource,
    ) -> Result<Option<Onnx>, TextError> {
        let Some(raw) = raw else { return Ok(None) };
        let span = raw.embedder.as_ref().map_or(0..0, Spanned::span);
        let embedder = raw.embedder.map(Spanned::into_inner).unwrap_or_default();
        let names = [("onnx", &raw.onnx), ("tokenizer", &raw.tokenizer), ("runtime", &raw.runtime)];
        for (key, name) in names.into_iter().filter_map(|(key, name)| Some((key, name.as_ref()?))) {
            if name.get_ref().is_empty() {
                return Err(self.error(name.span(), format!("{key} is an empty file name")));
            }
        }
        if let RawEmbedder::Static = embedder {
            let threads = raw.threads.as_ref().map(|threads| ("threads", threads.span()));
            let idle =
                names.into_iter().filter_map(|(key, name)| Some((key, name.as_ref()?.span())));
            return match idle.chain(threads).next() {
                None => Ok(None),
                Some((key, span)) => {
                    let message = format!("{key} is for embedder = \"onnx\" alone");
                    Err(self.error(span, message))
                }
            };
        }
        if *model == ModelSource::Builtin {
            let message = "embedder = \"onnx\" takes a model of its own: write model = \"…\", a \
                           directory by `logtriage train --embedder onnx`";
            return Err(self.error(span, message));
        }
        Ok(Some(Onnx {
            model: raw.onnx.map(Spanned::into_inner),
            tokenizer: raw.tokenizer.map(Spanned::into_inner),
            runtime: raw.runtime.map(Spanned::into_inner),
            threads: self.threads(raw.threads)?,
        }))
    }

    fn threads(&self, threads: Option<Spanned<usize>>) -> Result<usize, TextError> {
        let Some(threads) = threads else { return Ok(1) };
        let span = threads.span();
        match threads.into_inner() {
            threads @ 1..=MAX_THREADS => Ok(threads),
            threads => {
                let message = format!("threads is {threads}; it takes 1 to {MAX_THREADS}");
                Err(self.error(span, message))
            }
        }
    }
}
