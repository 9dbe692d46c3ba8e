//! Tier 2: a template's label by its meaning.
//!
//! ```text
//! template ──► WordPiece ids ──► weighted mean of table rows ──► 256 numbers ─┐
//!    │                 └───────► set of tokens ──► lexicon ───────────────────┤
//!    └──► fragments of four letters ──► lexicon ──────────────────────────────┤
//!        group ◄──── label, confidence ◄── trust ◄── softmax ◄── temperature ◄── logits ┘
//! ```
//! A sentence transformer that a host hands in may stand in the table's place; all else stays.
//!
//! The logits are linear in tokens and fragments, so that an explanation is exact up to rounding.
//! Trust shrinks what is said of a text in words that training never had. It costs a few
//! microseconds and allocates nothing once its [`Scratch`] has grown.

mod bundle;
mod confidence;
mod embedding;
mod encoder;
mod examples;
mod explain;
mod fragments;
mod groups;
mod head;
mod lexicon;
mod model;
mod rows;
mod trust;
mod wordpiece;

pub use bundle::{
    BundleError, BundleParts, Calibration, ClassifierInfo, EXAMPLE_EMBEDDINGS, EXAMPLES,
    EmbedderInfo, FORMAT, FRAGMENT_LEXICON, GROUP_TITLES, GROUPS, HEAD, LABEL_RULE, LEXICON,
    LabelCalibration, MANIFEST, Manifest, PARTS, PartInfo, Quality, TABLE, TableInfo, Training,
    VOCABULARY, digest, is_label, seal,
};
pub use confidence::{Confidence, Threshold};
pub use embedding::WIDTH;
pub use encoder::{EncodeError, Encoder, OnnxInfo, Pooling};
pub use examples::{Example, ExampleIndex, Neighbour};
pub use explain::{Explanation, TokenShare};
pub use fragments::FRAGMENTS;
pub use groups::{MAX_GROUPS, point as group_point};
pub use lexicon::Terms;
pub use model::{Embedder, Model, Prediction, Scratch, builtin_parts};
pub use trust::{shrink, unreadable};
