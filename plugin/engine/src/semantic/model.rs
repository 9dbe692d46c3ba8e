//! The model: from a template to a label with a calibrated confidence.

use std::sync::Arc;

use super::bundle::{
    Bundle, BundleError, BundleParts, Checksums, ClassifierInfo, EXAMPLE_EMBEDDINGS, EXAMPLES,
    EmbedderInfo, FRAGMENT_LEXICON, GROUP_TITLES, GROUPS, HEAD, LEXICON, MANIFEST, TABLE,
    VOCABULARY,
};
use super::confidence::{Confidence, Threshold};
use super::embedding::Table;
use super::encoder::{EncodeError, Encoder, check_finite};
use super::examples::{Examples, Quantised};
use super::fragments::{FRAGMENTS, fragments};
use super::groups::{self, Groups};
use super::head::Head;
use super::lexicon::{Lexicon, Terms};
use super::trust::{shrink, unreadable};
use super::wordpiece::WordPiece;

/// Working space, to be kept and passed in again; holds nothing that outlives a call.
#[derive(Debug, Default)]
pub struct Scratch {
    pub(super) normal: String,
    pub(super) ids: Vec<u32>,
    /// The same, ascending.
    sorted: Vec<u32>,
    unreadable: usize,
    pub(super) embedding: Vec<f32>,
    pub(super) words: Terms,
    pub(super) fragments: Terms,
    pub(super) logits: Vec<f32>,
    sums: Vec<f32>,
    pub(super) probabilities: Vec<f64>,
    point: Vec<f32>,
}

/// The best labels for a template, with their confidence.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Prediction {
    /// Number of the best label, a position in [`Model::labels`].
    pub label: u16,
    /// Calibrated probability that it is right.
    pub confidence: Confidence,
    /// The three best labels, the best first. A model of fewer labels leaves the last places at
    /// [`Confidence::ZERO`].
    pub candidates: [(u16, Confidence); 3],
    /// Number of the group, of [`Model::predict_with_group`] alone.
    pub group: Option<u16>,
}

impl Prediction {
    fn of(probabilities: &[f64]) -> Self {
        let mut best = [(0_u16, 0.0_f64); 3];
        for (label, &probability) in (0..).zip(probabilities) {
            let mut new = (label, probability);
            for kept in &mut best {
                // Of equals, the lower number stays in front.
                if new.1 > kept.1 {
                    std::mem::swap(kept, &mut new);
                }
            }
        }
        let candidates = best.map(|(label, p)| (label, Confidence::from_probability(p)));
        let [(label, confidence), ..] = candidates;
        Self { label, confidence, candidates, group: None }
    }
}

/// Tokeniser, and table or transformer: the part of a model that needs no labels, and what `train`
/// starts from.
#[derive(Debug)]
pub struct Embedder {
    pub(super) wordpiece: WordPiece,
    pub(super) source: Source,
    info: EmbedderInfo,
}

/// Where embeddings come from.
#[derive(Debug)]
pub(super) enum Source {
    Table(Table),
    Encoder(Arc<dyn Encoder>),
}

impl Embedder {
    /// Reads `manifest.json`, `vocab.txt` and `table.bin`; other parts must be whole but are left
    /// aside.
    ///
    /// # Errors
    /// As [`Model::load`].
    pub fn load(parts: BundleParts) -> Result<Self, BundleError> {
        Self::open(&mut Bundle::open(parts, Checksums::Verify)?, None)
    }

    /// The same with a transformer in the place of `table.bin`.
    ///
    /// # Errors
    /// As [`Model::load_with`].
    pub fn load_with(parts: BundleParts, encoder: Arc<dyn Encoder>) -> Result<Self, BundleError> {
        Self::open(&mut Bundle::open(parts, Checksums::Verify)?, Some(encoder))
    }

    fn open(bundle: &mut Bundle, encoder: Option<Arc<dyn Encoder>>) -> Result<Self, BundleError> {
        let info = bundle.manifest.embedder.clone();
        let vocabulary = bundle.text(VOCABULARY)?;
        let wordpiece = WordPiece::parse(vocabulary)
            .map_err(|reason| BundleError::malformed(VOCABULARY, reason))?;
        let source = match (&info, encoder) {
            (EmbedderInfo::Table(info), None) => {
                if wordpiece.len() != info.tokens {
                    let reason =
                        format!("has {} tokens, expected {}", wordpiece.len(), info.tokens);
                    return Err(BundleError::malformed(VOCABULARY, reason));
                }
                let bytes = bundle.sized(TABLE, Table::size(info.tokens))?;
                let wrong = |reason| BundleError::malformed(TABLE, reason);
                Source::Table(Table::parse(bytes, info.tokens).map_err(wrong)?)
            }
            (EmbedderInfo::Onnx(info), Some(encoder)) => match info.differs(encoder.info()) {
                Some(difference) => return Err(BundleError::OtherTransformer { difference }),
                None => Source::Encoder(encoder),
            },
            (EmbedderInfo::Table(_), Some(_)) => return Err(BundleError::NeedsNoTransformer),
            (EmbedderInfo::Onnx(_), None) => return Err(BundleError::NoTransformer),
        };
        Ok(Self { wordpiece, source, info })
    }

    /// What embeds.
    pub fn info(&self) -> &EmbedderInfo {
        &self.info
    }

    /// Tokens in the vocabulary.
    pub fn vocabulary(&self) -> usize {
        self.wordpiece.len()
    }

    /// The WordPiece ids of `text`, without `[CLS]` and `[SEP]`, however long it is.
    pub fn tokens<'a>(&self, text: &str, scratch: &'a mut Scratch) -> &'a [u32] {
        scratch.ids.clear();
        self.wordpiece.encode(text, &mut scratch.normal, &mut scratch.ids);
        &scratch.ids
    }

    /// The places of the fragments of `text`, after [`Embedder::tokens`], [`Embedder::embed`] or
    /// [`Model::predict`] of it has left its normal form in `scratch`.
    pub fn fragments<'a>(&self, scratch: &'a Scratch) -> impl Iterator<Item = u32> + 'a {
        fragments(&scratch.normal)
    }

    /// The text of a token; empty for an unknown id.
    pub fn token(&self, id: u32) -> &str {
        self.wordpiece.token(id)
    }

    /// The embedding of `text`, [`EmbedderInfo::width`] numbers: of length 1, or all zero for a
    /// text without tokens.
    ///
    /// # Errors
    /// A transformer fails; a table never does.
    pub fn embed<'a>(
        &self,
        text: &str,
        scratch: &'a mut Scratch,
    ) -> Result<&'a [f32], EncodeError> {
        self.fill(text, scratch)?;
        Ok(&scratch.embedding)
    }

    /// Fills in ids and embedding; returns the factor of [`Table::embed`], of a transformer 0.
    pub(super) fn fill(&self, text: &str, scratch: &mut Scratch) -> Result<f32, EncodeError> {
        self.tokens(text, scratch);
        scratch.sorted.clone_from(&scratch.ids);
        scratch.sorted.sort_unstable();
        scratch.unreadable = unreadable(text);
        scratch.embedding.resize(self.info.width(), 0.0);
        match &self.source {
            Source::Table(table) => Ok(table.embed(&scratch.sorted, &mut scratch.embedding)),
            Source::Encoder(encoder) => {
                encoder.encode(text, &mut scratch.embedding)?;
                check_finite(&scratch.embedding).map(|()| 0.0)
            }
        }
    }
}

/// A loaded model bundle. Immutable; share it between as many threads as there are.
///
/// It takes its parts' size in memory (the built-in one's are part of the program) plus about
/// 2 MB: look-up tables and the example templates.
#[derive(Debug)]
pub struct Model {
    pub(super) embedder: Embedder,
    pub(super) head: Head,
    pub(super) lexicon: Lexicon,
    pub(super) fragments: Lexicon,
    pub(super) info: ClassifierInfo,
    pub(super) examples: Examples,
    groups: Option<Groups>,
}

impl Model {
    /// Reads a bundle: file name to content, as found in a bundle directory.
    ///
    /// # Errors
    /// If a part is missing, damaged (by its XXH3-128), of another format or out of range; the
    /// error names the part and what was expected. Other files in `parts` are ignored.
    pub fn load(parts: BundleParts) -> Result<Self, BundleError> {
        Self::check(parts, None)
    }

    /// Reads a bundle that was trained with a transformer.
    ///
    /// # Errors
    /// As [`Model::load`]; if it was trained with another transformer or none.
    pub fn load_with(parts: BundleParts, encoder: Arc<dyn Encoder>) -> Result<Self, BundleError> {
        Self::check(parts, Some(encoder))
    }

    fn check(parts: BundleParts, encoder: Option<Arc<dyn Encoder>>) -> Result<Self, BundleError> {
        let mut model = Self::open(Bundle::open(parts, Checksums::Verify)?, encoder)?;
        let wrong = |reason| BundleError::malformed(EXAMPLES, reason);
        model.examples.check(&model.info.labels, model.info.training.templates).map_err(wrong)?;
        Ok(model)
    }

    /// The model that is compiled in: nine labels, trained on `models/corpus`.
    ///
    /// # Errors
    /// Never in a build that passed its tests, which verify the checksums.
    pub fn builtin() -> Result<Self, BundleError> {
        Self::open(Bundle::open(builtin_parts(), Checksums::Trust)?, None)
    }

    fn open(mut bundle: Bundle, encoder: Option<Arc<dyn Encoder>>) -> Result<Self, BundleError> {
        let info = bundle.manifest.classifier.take().ok_or_else(|| {
            BundleError::malformed(MANIFEST, "has no classifier: this is a table; `train` takes it")
        })?;
        let embedder = Embedder::open(&mut bundle, encoder)?;
        let (tokens, labels) = (embedder.vocabulary(), info.labels.len());
        let width = embedder.info.width();
        let head = bundle.sized(HEAD, Head::size(labels, width))?;
        let head = Head::parse(&head, labels, info.temperature)
            .map_err(|reason| BundleError::malformed(HEAD, reason))?;
        let mut lexicon = |part: &str, terms: usize| {
            let bytes = bundle.sized(part, Lexicon::size(terms, labels))?;
            Lexicon::parse(bytes, terms, labels, info.training.templates)
                .map_err(|reason| BundleError::malformed(part, reason))
        };
        let (lexicon, fragments) =
            (lexicon(LEXICON, tokens)?, lexicon(FRAGMENT_LEXICON, FRAGMENTS)?);
        let mut examples = Examples::unread(bundle.part(EXAMPLES)?);
        let groups = match embedder.source {
            Source::Table(_) => Self::open_groups(&mut bundle, &info)?,
            Source::Encoder(_) => {
                let size = Quantised::size(info.training.templates, width);
                let bytes = bundle.sized(EXAMPLE_EMBEDDINGS, size)?;
                let read = Quantised::parse(bytes, info.training.templates, width);
                let wrong = |reason| BundleError::malformed(EXAMPLE_EMBEDDINGS, reason);
                examples.embeddings = Some(read.map_err(wrong)?);
                None
            }
        };
        Ok(Self { embedder, head, lexicon, fragments, info, examples, groups })
    }

    fn open_groups(
        bundle: &mut Bundle,
        info: &ClassifierInfo,
    ) -> Result<Option<Groups>, BundleError> {
        let (groups, labels) = (info.groups, info.labels.len());
        if groups == 0 {
            return Ok(None);
        }
        let (centroids, titles) =
            (bundle.sized(GROUPS, Groups::size(groups, labels))?, bundle.text(GROUP_TITLES)?);
        let names = Groups::names(&titles, groups)
            .map_err(|reason| BundleError::malformed(GROUP_TITLES, reason))?;
        Groups::parse(centroids, groups, names, titles)
            .map(Some)
            .map_err(|reason| BundleError::malformed(GROUPS, reason))
    }

    /// Names of the labels; their position is the number of the label.
    pub fn labels(&self) -> &[String] {
        &self.info.labels
    }

    /// The thresholds that calibration chose, one for each label.
    pub fn thresholds(&self) -> &[Threshold] {
        &self.info.thresholds
    }

    /// Training data and measured quality.
    pub fn info(&self) -> &ClassifierInfo {
        &self.info
    }

    /// Tokeniser and table.
    pub fn embedder(&self) -> &Embedder {
        &self.embedder
    }

    /// The labels of `template`, best first. The same on every run and, unless a transformer
    /// embeds, on every engine.
    ///
    /// # Errors
    /// A transformer fails; a model of a table never does.
    pub fn predict(
        &self,
        template: &str,
        scratch: &mut Scratch,
    ) -> Result<Prediction, EncodeError> {
        self.score(template, scratch)?;
        self.probabilities(scratch);
        Ok(Prediction::of(&scratch.probabilities))
    }

    /// The same with the template's group, if the model has groups.
    ///
    /// # Errors
    /// As [`Model::predict`].
    pub fn predict_with_group(
        &self,
        template: &str,
        scratch: &mut Scratch,
    ) -> Result<Prediction, EncodeError> {
        let prediction = self.predict(template, scratch)?;
        groups::point(&scratch.embedding, &scratch.probabilities, &mut scratch.point);
        let nearest = |groups: &Groups| groups.nearest(&scratch.point, &mut scratch.sums);
        let group = self.groups.as_ref().map(nearest);
        Ok(Prediction { group, ..prediction })
    }

    /// Where `template` stands among the centroids of groups: [`EmbedderInfo::width`] numbers and
    /// one for each label. What `train` makes groups of.
    ///
    /// # Errors
    /// As [`Model::predict`].
    pub fn point<'a>(
        &self,
        template: &str,
        scratch: &'a mut Scratch,
    ) -> Result<&'a [f32], EncodeError> {
        self.predict(template, scratch)?;
        groups::point(&scratch.embedding, &scratch.probabilities, &mut scratch.point);
        Ok(&scratch.point)
    }

    /// How many groups there are; none in bundles made before there were any.
    pub fn groups(&self) -> usize {
        self.info.groups
    }

    /// The name of a group in events, such as `connection-refused`, or `g042` where training found
    /// the groups by itself: the same as long as the bundle is.
    pub fn group_name(&self, group: u16) -> Option<&str> {
        self.groups.as_ref()?.name(group)
    }

    /// What a group is about: its most central template of the training data. Empty for an unknown
    /// one.
    pub fn group_title(&self, group: u16) -> &str {
        self.groups.as_ref().map_or("", |groups| groups.title(group))
    }

    /// From logits to calibrated probabilities.
    pub(super) fn probabilities(&self, scratch: &mut Scratch) {
        self.head.probabilities(&scratch.logits, &mut scratch.probabilities);
        let trust =
            self.embedder.trust(&scratch.ids, scratch.unreadable, |id| self.lexicon.knows(id));
        shrink(&mut scratch.probabilities, trust);
    }

    /// Fills in the logits; returns what [`Embedder::fill`] does.
    pub(super) fn score(&self, template: &str, scratch: &mut Scratch) -> Result<f32, EncodeError> {
        let factor = self.embedder.fill(template, scratch)?;
        self.head.logits(&scratch.embedding, &mut scratch.logits);
        scratch.words.collect_set(scratch.sorted.iter().copied(), self.lexicon.values());
        self.lexicon.add(&scratch.words, &mut scratch.logits, &mut scratch.sums);
        scratch.fragments.collect_all(fragments(&scratch.normal), self.fragments.values());
        self.fragments.add(&scratch.fragments, &mut scratch.logits, &mut scratch.sums);
        Ok(factor)
    }

    /// As [`Embedder::embed`].
    ///
    /// # Errors
    /// As [`Model::predict`].
    pub fn embed<'a>(
        &self,
        text: &str,
        scratch: &'a mut Scratch,
    ) -> Result<&'a [f32], EncodeError> {
        self.embedder.embed(text, scratch)
    }
}

/// The files of `models/default`, borrowed from the program.
pub fn builtin_parts() -> BundleParts {
    macro_rules! parts {
        ($($name:literal),+) => {
            [$(($name, &include_bytes!(concat!("../../../../models/default/", $name))[..])),+]
        };
    }
    let parts = parts![
        "manifest.json",
        "vocab.txt",
        "table.bin",
        "head.bin",
        "lexicon.bin",
        "fragments.bin",
        "groups.bin",
        "groups.txt",
        "examples.jsonl"
    ];
    parts.map(|(name, bytes)| (name.to_owned(), bytes.into())).into()
}
