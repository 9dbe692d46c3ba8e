//! The model bundle: a directory of a manifest and its parts, here as bytes by file name.
//!
//! | Part | Holds |
//! | --- | --- |
//! | `manifest.json` | [`Manifest`]: format version, size and XXH3-128 of each part, labels, calibration |
//! | `vocab.txt` | one token per line; the id of a token is its line, from 0 |
//! | `table.bin` | tokens × 256 i8, tokens × f32 scales, tokens × f32 weights |
//! | `head.bin` | labels × f32 bias, 256 × labels × f32 weights |
//! | `lexicon.bin` | tokens × f32 values, labels × f32 scales, tokens × labels × i8 weights |
//! | `fragments.bin` | 32,768 × f32 values, labels × f32 scales, 32,768 × labels × i8 weights |
//! | `groups.bin` | groups × f32 scales, as many offsets, (256 + labels) × groups × i8 centroids; may be absent |
//! | `groups.txt` | a line for each group: its name, a tab, and its title, its most central template |
//! | `examples.jsonl` | the labelled templates it was trained on, `{"template","label"}` per line |
//! | `examples.bin` | examples × f32 scales, examples × width × i8: their embeddings; beside a transformer |
//!
//! A bundle of a sentence transformer has no `table.bin`: its manifest says which transformer
//! embeds in the table's place, and in how many numbers, of which `head.bin` has as many weights.
//! The transformer itself is no part of it. It has no groups.
//!
//! Floats are little-endian. A *table* is a bundle of `manifest.json`, `vocab.txt` and `table.bin`
//! alone: what `distil` writes and `train` takes. The manifest carries no checksum of its own: it
//! is text that a person may read and edit, and each of its values is checked.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::xxh3_128;

use super::confidence::Threshold;
use super::encoder::OnnxInfo;
use super::groups::MAX_GROUPS;
use crate::labels::UNCLASSIFIED;

/// The format that this version reads and writes.
pub const FORMAT: u32 = 1;
/// File name of the manifest.
pub const MANIFEST: &str = "manifest.json";
/// File name of the vocabulary.
pub const VOCABULARY: &str = "vocab.txt";
/// File name of the token table.
pub const TABLE: &str = "table.bin";
/// File name of the regression's weights over the embedding.
pub const HEAD: &str = "head.bin";
/// File name of the regression's weights over single tokens.
pub const LEXICON: &str = "lexicon.bin";
/// File name of the regression's weights over fragments of words.
pub const FRAGMENT_LEXICON: &str = "fragments.bin";
/// File name of the centroids of groups.
pub const GROUPS: &str = "groups.bin";
/// File name of the titles of groups.
pub const GROUP_TITLES: &str = "groups.txt";
/// File name of the labelled templates.
pub const EXAMPLES: &str = "examples.jsonl";
/// File name of their embeddings.
pub const EXAMPLE_EMBEDDINGS: &str = "examples.bin";

/// Every file that a bundle or a table may hold.
pub const PARTS: [&str; 10] = [
    MANIFEST,
    VOCABULARY,
    TABLE,
    HEAD,
    LEXICON,
    FRAGMENT_LEXICON,
    GROUPS,
    GROUP_TITLES,
    EXAMPLES,
    EXAMPLE_EMBEDDINGS,
];

/// Files of a bundle by name; the built-in one is borrowed, not copied.
pub type BundleParts = BTreeMap<String, Cow<'static, [u8]>>;

/// Why a bundle could not be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BundleError {
    /// A part is not there.
    #[error("model bundle: {part} is missing")]
    Missing {
        /// File name of the part.
        part: String,
    },
    /// The manifest is of another format.
    #[error(
        "model bundle: {MANIFEST} has format {found}, expected {FORMAT}; \
             use a bundle made by this version of `logtriage train`"
    )]
    Format {
        /// The version in the manifest.
        found: u32,
    },
    /// A part is longer or shorter than it should be.
    #[error("model bundle: {part} has {found} bytes, expected {expected}")]
    Size {
        /// File name of the part.
        part: String,
        /// Bytes by the manifest.
        expected: usize,
        /// Bytes found.
        found: usize,
    },
    /// A part is not what it was when the manifest was written.
    #[error(
        "model bundle: {part} has XXH3-128 {found}, expected {expected}; it was damaged or edited"
    )]
    Checksum {
        /// File name of the part.
        part: String,
        /// By the manifest, 32 hexadecimal digits.
        expected: String,
        /// Of the bytes found.
        found: String,
    },
    /// It was trained with a transformer, and there is none.
    #[error(
        "model bundle: it was trained with a transformer, which nobody hands over: write \
         `[semantic] embedder = \"onnx\"` in logtriage.toml (the command, the sidecar and the Lua module \
         can load ONNX Runtime), or --embedder onnx for `train` and `evaluate model`"
    )]
    NoTransformer,
    /// It was trained with a token table, and is given a transformer.
    #[error(
        "model bundle: it was trained with a token table, not with a transformer; train one by \
         `logtriage train --embedder onnx`, or leave `embedder = \"onnx\"` out"
    )]
    NeedsNoTransformer,
    /// It was trained with another transformer.
    #[error(
        "model bundle: it was trained with another transformer: {difference}; use the files that \
         it was trained with, or train again"
    )]
    OtherTransformer {
        /// What is different.
        difference: String,
    },
    /// A part cannot be understood.
    #[error("model bundle: {part} {reason}")]
    Malformed {
        /// File name of the part.
        part: String,
        /// What is wrong, and where.
        reason: String,
    },
}

impl BundleError {
    pub(crate) fn malformed(part: &str, reason: impl Into<String>) -> Self {
        Self::Malformed { part: part.to_owned(), reason: reason.into() }
    }
}

/// `manifest.json`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Manifest {
    /// [`FORMAT`].
    pub format: u32,
    /// What embeds templates, under its own name.
    #[serde(flatten)]
    pub embedder: EmbedderInfo,
    /// The classifier; absent in a table directory.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub classifier: Option<ClassifierInfo>,
    /// Every other file, by name.
    pub parts: BTreeMap<String, PartInfo>,
}

/// Size and checksum of a part.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PartInfo {
    /// Length in bytes.
    pub bytes: usize,
    /// XXH3-128, seed 0, 32 lower-case hexadecimal digits.
    pub xxh3_128: String,
}

impl PartInfo {
    /// Size and checksum of `bytes`.
    pub fn of(bytes: &[u8]) -> Self {
        Self { bytes: bytes.len(), xxh3_128: digest(bytes) }
    }
}

/// XXH3-128 of `bytes` as 32 lower-case hexadecimal digits.
pub fn digest(bytes: &[u8]) -> String {
    format!("{:032x}", xxh3_128(bytes))
}

/// What embeds templates.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum EmbedderInfo {
    /// The token table of the bundle.
    Table(TableInfo),
    /// A transformer that the host hands in.
    Onnx(OnnxInfo),
}

impl EmbedderInfo {
    /// Numbers in an embedding.
    pub fn width(&self) -> usize {
        match self {
            Self::Table(info) => info.width,
            Self::Onnx(info) => info.width,
        }
    }
}

/// Shape and origin of the token table.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TableInfo {
    /// Numbers in an embedding: 256.
    pub width: usize,
    /// Tokens in the vocabulary, 1 to 65,535.
    pub tokens: usize,
    /// What it was distilled from, and how, for people to read.
    pub origin: String,
}

/// The classifier's labels and calibration, and how good it is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ClassifierInfo {
    /// Names, 1 to 256, distinct; the position is the number of the label.
    pub labels: Vec<String>,
    /// One for each label.
    pub thresholds: Vec<Threshold>,
    /// What logits are divided by, 0.01 to 100.
    pub temperature: f64,
    /// How the thresholds were chosen; absent in bundles made before it was kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub calibration: Option<Calibration>,
    /// Groups of templates of nearby meaning, 0 to 1,024; 0 in bundles made before there were any.
    #[serde(default)]
    pub groups: usize,
    /// What it was trained on.
    pub training: Training,
    /// What was measured on held-out data.
    pub quality: Vec<Quality>,
}

/// What a classifier was trained on.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Training {
    /// XXH3-128 over template, label and source of every template, each ended by a line end.
    pub digest: String,
    /// Distinct templates.
    pub templates: usize,
    /// Distinct sources.
    pub sources: usize,
    /// Inverse strength of regularisation.
    pub c: f64,
}

/// How thresholds were chosen: on which answers, and with what guarantee.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Calibration {
    /// Whose answers: `source` or `template` for the training data, each answered by a model that
    /// has not seen the fold of its source or template; `calibrate` for other labelled data.
    pub by: String,
    /// XXH3-128 of that data, as [`Training::digest`].
    pub digest: String,
    /// Distinct templates, one vote each.
    pub templates: usize,
    /// Probability with which the bound of each label holds by itself: 0.95.
    pub probability: f64,
    /// One for each label.
    pub labels: Vec<LabelCalibration>,
}

/// What calibration found of one label.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct LabelCalibration {
    /// The highest share of wrong answers allowed, above 0, below 1.
    pub target_error: f64,
    /// Templates whose first candidate it was.
    pub answers: usize,
    /// Those of them that reach the threshold.
    pub accepted: usize,
    /// Those of these that are wrong.
    pub wrong: usize,
    /// Share of the answers that reach the threshold.
    pub coverage: f64,
    /// Upper bound on the share of wrong answers among those that reach the threshold, rounded up
    /// to 4 decimals; absent where the threshold is never.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub upper_bound: Option<f64>,
    /// Where the threshold is never: with how many more answers, all right and sure, there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answers_missing: Option<usize>,
}

/// Quality on templates that were held out.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Quality {
    /// What was held out together: `source` or `template`.
    pub folds_by: String,
    /// Share of templates whose first candidate is right.
    pub accuracy: f64,
    /// Mean over the labels of the F1 score.
    pub macro_f1: f64,
    /// Expected calibration error, 10 bins.
    pub calibration_error: f64,
    /// Share of templates whose first candidate reaches the threshold that training chose.
    pub coverage: f64,
    /// Share of those whose first candidate is right.
    pub accuracy_when_covered: f64,
}

/// The manifest and checked parts of a bundle, on their way to a model.
pub(crate) struct Bundle {
    pub(crate) manifest: Manifest,
    parts: BundleParts,
}

/// Whether checksums were verified before, by a test on what is compiled in.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Checksums {
    Verify,
    Trust,
}

impl Bundle {
    pub(crate) fn open(mut parts: BundleParts, checksums: Checksums) -> Result<Self, BundleError> {
        let manifest = Manifest::parse(&take(&mut parts, MANIFEST)?)?;
        for (name, info) in &manifest.parts {
            let bytes =
                parts.get(name).ok_or_else(|| BundleError::Missing { part: name.clone() })?;
            expect_size(name, bytes, info.bytes)?;
            if checksums == Checksums::Verify {
                expect_digest(name, bytes, &info.xxh3_128)?;
            }
        }
        Ok(Self { manifest, parts })
    }

    /// Takes a part out, which the manifest must list.
    pub(crate) fn part(&mut self, name: &str) -> Result<Cow<'static, [u8]>, BundleError> {
        if !self.manifest.parts.contains_key(name) {
            return Err(BundleError::malformed(MANIFEST, format!("does not list {name}")));
        }
        take(&mut self.parts, name)
    }

    /// A part whose length follows from the manifest.
    pub(crate) fn sized(
        &mut self,
        name: &str,
        expected: usize,
    ) -> Result<Cow<'static, [u8]>, BundleError> {
        let bytes = self.part(name)?;
        expect_size(name, &bytes, expected)?;
        Ok(bytes)
    }

    /// A part that is text.
    pub(crate) fn text(&mut self, name: &str) -> Result<Cow<'static, str>, BundleError> {
        let not_text = |at| BundleError::malformed(name, format!("is not UTF-8 at byte {at}"));
        match self.part(name)? {
            Cow::Borrowed(bytes) => std::str::from_utf8(bytes)
                .map(Cow::Borrowed)
                .map_err(|error| not_text(error.valid_up_to())),
            Cow::Owned(bytes) => String::from_utf8(bytes)
                .map(Cow::Owned)
                .map_err(|error| not_text(error.utf8_error().valid_up_to())),
        }
    }
}

fn take(parts: &mut BundleParts, name: &str) -> Result<Cow<'static, [u8]>, BundleError> {
    parts.remove(name).ok_or_else(|| BundleError::Missing { part: name.to_owned() })
}

fn expect_size(part: &str, bytes: &[u8], expected: usize) -> Result<(), BundleError> {
    match bytes.len() {
        found if found == expected => Ok(()),
        found => Err(BundleError::Size { part: part.to_owned(), expected, found }),
    }
}

fn expect_digest(part: &str, bytes: &[u8], expected: &str) -> Result<(), BundleError> {
    let found = digest(bytes);
    if found == expected {
        return Ok(());
    }
    Err(BundleError::Checksum { part: part.to_owned(), expected: expected.to_owned(), found })
}

impl Manifest {
    /// Reads and checks `manifest.json`.
    pub fn parse(bytes: &[u8]) -> Result<Self, BundleError> {
        // The version first: another format may be another shape.
        #[derive(Deserialize)]
        struct Version {
            format: u32,
        }
        let unreadable = |error: serde_json::Error| {
            BundleError::malformed(MANIFEST, format!("is not readable: {error}"))
        };
        let version: Version = serde_json::from_slice(bytes).map_err(unreadable)?;
        if version.format != FORMAT {
            return Err(BundleError::Format { found: version.format });
        }
        let manifest: Self = serde_json::from_slice(bytes).map_err(unreadable)?;
        manifest.check().map_err(|reason| BundleError::malformed(MANIFEST, reason))?;
        Ok(manifest)
    }

    fn check(&self) -> Result<(), String> {
        match &self.embedder {
            EmbedderInfo::Table(table) => table.check()?,
            EmbedderInfo::Onnx(onnx) => onnx.check()?,
        }
        let groups = self.classifier.as_ref().map_or(0, |info| info.groups);
        if groups > 0 && matches!(self.embedder, EmbedderInfo::Onnx(_)) {
            return Err(format!("has {groups} groups, expected none beside a transformer"));
        }
        self.classifier.as_ref().map_or(Ok(()), ClassifierInfo::check)
    }
}

impl TableInfo {
    fn check(&self) -> Result<(), String> {
        if self.width != super::WIDTH {
            return Err(format!("has width {}, expected {}", self.width, super::WIDTH));
        }
        if !(1..=super::wordpiece::MAX_TOKENS).contains(&self.tokens) {
            return Err(format!("has {} tokens, expected 1 to 65535", self.tokens));
        }
        Ok(())
    }
}

impl ClassifierInfo {
    fn check(&self) -> Result<(), String> {
        let labels = self.labels.len();
        if !(1..=256).contains(&labels) {
            return Err(format!("has {labels} labels, expected 1 to 256"));
        }
        if let Some(label) = self.labels.iter().find(|label| !is_label(label)) {
            return Err(format!("has the label {label:?}, expected {LABEL_RULE}"));
        }
        let mut sorted: Vec<&String> = self.labels.iter().collect();
        sorted.sort_unstable();
        if sorted.windows(2).any(|pair| pair.first() == pair.last()) {
            return Err("has a label twice".to_owned());
        }
        if self.thresholds.len() != labels {
            return Err(format!("has {} thresholds, expected {labels}", self.thresholds.len()));
        }
        if self.groups > MAX_GROUPS {
            return Err(format!("has {} groups, expected 0 to {MAX_GROUPS}", self.groups));
        }
        if let Some(calibration) = &self.calibration
            && calibration.labels.len() != labels
        {
            let found = calibration.labels.len();
            return Err(format!("has the calibration of {found} labels, expected {labels}"));
        }
        if !(0.01..=100.0).contains(&self.temperature) {
            return Err(format!("has temperature {}, expected 0.01 to 100", self.temperature));
        }
        Ok(())
    }
}

/// What [`is_label`] asks for, for messages: "expected …".
pub const LABEL_RULE: &str = "1 to 64 bytes without control characters, and not Unclassified";

/// Whether `name` can name a label.
pub fn is_label(name: &str) -> bool {
    let sized = (1..=64).contains(&name.len());
    sized && !name.chars().any(char::is_control) && name != UNCLASSIFIED
}

/// Writes the manifest to go with `parts`, and adds it to them.
pub fn seal(
    embedder: EmbedderInfo,
    classifier: Option<ClassifierInfo>,
    mut parts: BundleParts,
) -> BundleParts {
    parts.remove(MANIFEST);
    let infos = parts.iter().map(|(name, bytes)| (name.clone(), PartInfo::of(bytes))).collect();
    let manifest = Manifest { format: FORMAT, embedder, classifier, parts: infos };
    // Maps have string keys and floats become null at worst: this cannot fail.
    let mut text = serde_json::to_vec_pretty(&manifest).unwrap_or_default();
    text.push(b'\n');
    parts.insert(MANIFEST.to_owned(), Cow::Owned(text));
    parts
}
