//! A sentence transformer in the table's place: what a host hands in, and how a bundle knows it.
//!
//! The engine does no I/O and holds no runtime for neural networks, so that it asks for little: a
//! text in, numbers out. `logtriage-onnx` is the one that there is.

use std::fmt::Debug;

use serde::{Deserialize, Serialize};

use super::bundle::PartInfo;

/// Numbers that an encoder may give at most.
pub(crate) const MAX_WIDTH: usize = 8192;

/// Turns a text into numbers. Threads share one.
pub trait Encoder: Debug + Send + Sync {
    /// What it is. A bundle refuses any other than the one that it was trained with.
    fn info(&self) -> &OnnxInfo;

    /// Writes the embedding of `text` to `out`, which is [`OnnxInfo::width`] long: of length 1. The
    /// same text gives the same numbers.
    ///
    /// # Errors
    /// It cannot be run; `out` is of no use then.
    fn encode(&self, text: &str, out: &mut [f32]) -> Result<(), EncodeError>;
}

/// A text has no embedding: the transformer failed. No template is known by it, and no event is
/// lost.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the transformer failed: {0}")]
pub struct EncodeError(pub String);

/// What a transformer is and how it is used.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OnnxInfo {
    /// Numbers in an embedding, 1 to 8,192.
    pub width: usize,
    /// How the tokens' vectors become one.
    pub pooling: Pooling,
    /// Tokens of a text that are read, special ones included.
    pub max_length: usize,
    /// `model.onnx`.
    pub model: PartInfo,
    /// `tokenizer.json`.
    pub tokenizer: PartInfo,
}

/// How the vectors of a text's tokens become one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Pooling {
    /// Their mean.
    #[default]
    Mean,
    /// The first one: `[CLS]`.
    Cls,
}

impl OnnxInfo {
    pub(crate) fn check(&self) -> Result<(), String> {
        if !(1..=MAX_WIDTH).contains(&self.width) {
            return Err(format!("has width {}, expected 1 to {MAX_WIDTH}", self.width));
        }
        Ok(())
    }

    /// Says in which way `found` is another one.
    pub(crate) fn differs(&self, found: &Self) -> Option<String> {
        let file = |name, wanted: &PartInfo, found: &PartInfo| {
            let (wanted, found) = (&wanted.xxh3_128, &found.xxh3_128);
            (wanted != found).then(|| format!("its {name} had XXH3-128 {wanted}, this has {found}"))
        };
        file("model", &self.model, &found.model)
            .or_else(|| file("tokenizer", &self.tokenizer, &found.tokenizer))
            .or_else(|| {
                (self != found).then(|| {
                    let say = |it: &Self| {
                        format!("{} numbers, {:?}, {} tokens", it.width, it.pooling, it.max_length)
                    };
                    format!("it was used with {}, this with {}", say(self), say(found))
                })
            })
    }
}

/// Whether all of an encoder's numbers are numbers.
pub(crate) fn check_finite(embedding: &[f32]) -> Result<(), EncodeError> {
    if embedding.iter().all(|value| value.is_finite()) {
        return Ok(());
    }
    Err(EncodeError("its answer holds what is no number".to_owned()))
}
