//! The model: from a template to a label with a calibrated confidence.

use super::bundle::{
    Bundle, BundleError, BundleParts, Checksums, ClassifierInfo, EXAMPLES, FRAGMENT_LEXICON,
    GROUP_TITLES, GROUPS, HEAD, LEXICON, MANIFEST, TABLE, TableInfo, VOCABULARY,
};
use super::confidence::{Confidence, Threshold};
use super::embedding::{Table, Vector, WIDTH};
use super::examples::Examples;
use super::fragments::{FRAGMENTS, fragments};
use super::groups::{self, Groups};
use super::head::Head;
use super::lexicon::{Lexicon, Terms};
use super::trust::{shrink, unreadable};
use super::wordpiece::WordPiece;

/// Working space, to be kept and passed in again; holds nothing that outlives a call.
#[derive(Debug)]
pub struct Scratch {
    pub(super) normal: String,
    pub(super) ids: Vec<u32>,
    unreadable: usize,
    pub(super) embedding: Box<Vector>,
    pub(super) words: Terms,
    pub(super) fragments: Terms,
    pub(super) logits: Vec<f32>,
    sums: Vec<f32>,
    pub(super) probabilities: Vec<f64>,
    point: Vec<f32>,
}

impl Default for Scratch {
    fn default() -> Self {
        Self {
            normal: String::new(),
            ids: Vec::new(),
            unreadable: 0,
            embedding: Box::new([0.0; WIDTH]),
            words: Terms::default(),
            fragments: Terms::default(),
            logits: Vec::new(),
            sums: Vec::new(),
            probabilities: Vec::new(),
            point: Vec::new(),
        }
    }
}

impl Scratch {
    /// The point of the template that was predicted last.
    fn fill_point(&mut self) -> &[f32] {
        groups::point(&*self.embedding, &self.probabilities, &mut self.point);
        &self.point
    }
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

/// Tokeniser and table: the part of a model that needs no labels, and what `train` starts from.
#[derive(Debug)]
pub struct Embedder {
    pub(super) wordpiece: WordPiece,
    pub(super) table: Table,
    info: TableInfo,
}

impl Embedder {
    /// Reads `manifest.json`, `vocab.txt` and `table.bin`; other parts must be whole but are left
    /// aside.
    ///
    /// # Errors
    /// As [`Model::load`].
    pub fn load(parts: BundleParts) -> Result<Self, BundleError> {
        Self::open(&mut Bundle::open(parts, Checksums::Verify)?)
    }

    fn open(bundle: &mut Bundle) -> Result<Self, BundleError> {
        let info = bundle.manifest.table.clone();
        let vocabulary = bundle.text(VOCABULARY)?;
        let wordpiece = WordPiece::parse(vocabulary)
            .map_err(|reason| BundleError::malformed(VOCABULARY, reason))?;
        if wordpiece.len() != info.tokens {
            let reason = format!("has {} tokens, expected {}", wordpiece.len(), info.tokens);
            return Err(BundleError::malformed(VOCABULARY, reason));
        }
        let table = Table::parse(bundle.sized(TABLE, Table::size(info.tokens))?, info.tokens)
            .map_err(|reason| BundleError::malformed(TABLE, reason))?;
        Ok(Self { wordpiece, table, info })
    }

    /// Shape and origin of the table.
    pub fn info(&self) -> &TableInfo {
        &self.info
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

    /// The embedding of `text`, [`WIDTH`] numbers: of length 1, or all zero for a text without
    /// tokens.
    pub fn embed<'a>(&self, text: &str, scratch: &'a mut Scratch) -> &'a [f32] {
        self.fill(text, scratch);
        scratch.embedding.as_slice()
    }

    /// Fills in ids and embedding; returns the factor of [`Table::embed`].
    pub(super) fn fill(&self, text: &str, scratch: &mut Scratch) -> f32 {
        self.tokens(text, scratch);
        scratch.unreadable = unreadable(text);
        self.table.embed(&scratch.ids, &mut scratch.embedding)
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
        let mut model = Self::open(Bundle::open(parts, Checksums::Verify)?)?;
        let wrong = |reason| BundleError::malformed(EXAMPLES, reason);
        model.examples.check(&model.info.labels).map_err(wrong)?;
        Ok(model)
    }

    /// The model that is compiled in: nine labels, trained on `models/corpus`.
    ///
    /// # Errors
    /// Never in a build that passed its tests, which verify the checksums.
    pub fn builtin() -> Result<Self, BundleError> {
        Self::open(Bundle::open(builtin_parts(), Checksums::Trust)?)
    }

    fn open(mut bundle: Bundle) -> Result<Self, BundleError> {
        let info = bundle.manifest.classifier.take().ok_or_else(|| {
            BundleError::malformed(MANIFEST, "has no classifier: this is a table; `train` takes it")
        })?;
        let embedder = Embedder::open(&mut bundle)?;
        let (tokens, labels) = (embedder.info.tokens, info.labels.len());
        let head = Head::parse(&bundle.sized(HEAD, Head::size(labels))?, labels, info.temperature)
            .map_err(|reason| BundleError::malformed(HEAD, reason))?;
        let mut lexicon = |part: &str, terms: usize| {
            let bytes = bundle.sized(part, Lexicon::size(terms, labels))?;
            Lexicon::parse(bytes, terms, labels, info.training.templates)
                .map_err(|reason| BundleError::malformed(part, reason))
        };
        let (lexicon, fragments) =
            (lexicon(LEXICON, tokens)?, lexicon(FRAGMENT_LEXICON, FRAGMENTS)?);
        let examples = Examples::unread(bundle.part(EXAMPLES)?);
        let groups = Self::open_groups(&mut bundle, &info)?;
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
        Groups::parse(centroids, groups, labels, names, titles)
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

    /// The labels of `template`, best first. The same on every run and every engine.
    pub fn predict(&self, template: &str, scratch: &mut Scratch) -> Prediction {
        self.score(template, scratch);
        self.probabilities(scratch);
        Prediction::of(&scratch.probabilities)
    }

    /// The same with the template's group, if the model has groups.
    pub fn predict_with_group(&self, template: &str, scratch: &mut Scratch) -> Prediction {
        let prediction = self.predict(template, scratch);
        let group = self.groups.as_ref().map(|groups| groups.nearest(scratch.fill_point()));
        Prediction { group, ..prediction }
    }

    /// Where `template` stands among the centroids of groups: [`WIDTH`] numbers and one for each
    /// label. What `train` makes groups of.
    pub fn point<'a>(&self, template: &str, scratch: &'a mut Scratch) -> &'a [f32] {
        self.predict(template, scratch);
        scratch.fill_point()
    }

    /// How many groups there are; none in bundles made before there were any.
    pub fn groups(&self) -> usize {
        self.info.groups
    }

    /// The name of a group in events, such as `connection-refused`, or `g042` where training found the
    /// groups by itself: the same as long as the bundle is.
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

    /// Fills in the logits; returns the factor of [`Table::embed`].
    pub(super) fn score(&self, template: &str, scratch: &mut Scratch) -> f32 {
        let factor = self.embedder.fill(template, scratch);
        self.head.logits(&scratch.embedding, &mut scratch.logits);
        scratch.words.collect_set(scratch.ids.iter().copied(), self.lexicon.values());
        self.lexicon.add(&scratch.words, &mut scratch.logits, &mut scratch.sums);
        scratch.fragments.collect_all(fragments(&scratch.normal), self.fragments.values());
        self.fragments.add(&scratch.fragments, &mut scratch.logits, &mut scratch.sums);
        factor
    }

    /// As [`Embedder::embed`].
    pub fn embed<'a>(&self, text: &str, scratch: &'a mut Scratch) -> &'a [f32] {
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
