//! Sentence transformers for native hosts: ONNX Runtime runs the model, `tokenizers` reads the
//! text.
//!
//! ```text
//! text ──► tokenizer.json ──► model.onnx ──► mean, or [CLS] ──► length 1
//!           at most max_length tokens         a vector per token
//! ```
//! ONNX Runtime is no part of the program: its shared library is loaded when a [`Transformer`] is
//! opened, and once per process. Nothing here knows labels: the engine takes a [`Transformer`] as
//! its [`Encoder`](logtriage_engine::semantic::Encoder).
//!
//! It downloads nothing, and reads a model only from one file: weights that stand beside it
//! ("external data") are refused, because the bundle's digest would not cover them.

#![warn(unreachable_pub)]

mod error;
mod runtime;
mod transformer;

pub use error::OnnxError;
pub use transformer::{Files, MAX_LENGTHS, Tokens, Transformer, Usage};
