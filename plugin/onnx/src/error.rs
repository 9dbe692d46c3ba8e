//! Why a transformer cannot be used.

use std::path::{Path, PathBuf};

/// What is wrong, with which file, and what to do.
#[derive(Debug, thiserror::Error)]
pub enum OnnxError {
    /// ONNX Runtime is not there, or not of a version that can be used.
    #[error(
        "ONNX Runtime cannot be loaded{}: {reason}\n\
         get it with `pip install onnxruntime` (1.24 or newer), and set ORT_DYLIB_PATH to \
         onnxruntime/capi/libonnxruntime.so.* in its site-packages; --onnxruntime FILE, or `runtime` \
         in [semantic], says so, too",
        path.as_ref().map(|path| format!(" from {}", path.display())).unwrap_or_default()
    )]
    Runtime {
        /// Where it was looked for, if that was said.
        path: Option<PathBuf>,
        /// What the loader said.
        reason: String,
    },
    /// A file cannot be used.
    #[error("{}: {reason}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// The number of tokens to be read is out of range.
    #[error("max_length is {0}, expected {1} to {2} tokens")]
    MaxLength(usize, usize, usize),
    /// The model cannot be run.
    #[error("the transformer failed: {0}")]
    Run(#[from] ort::Error),
    /// The model answers in another shape.
    #[error("the transformer's {output} has shape {shape:?}, expected [batch, tokens, width]")]
    Shape {
        /// Which of its outputs.
        output: String,
        /// The shape found.
        shape: Vec<usize>,
    },
}

impl OnnxError {
    pub(crate) fn file(path: &Path, reason: impl ToString) -> Self {
        Self::File { path: path.to_owned(), reason: reason.to_string() }
    }
}
