//! Templates as the numbers that the regression sees.

use indicatif::{ProgressBar, ProgressStyle};
use logtriage_engine::semantic::{
    Embedder, EmbedderInfo, EncodeError, FRAGMENTS, Scratch, Terms, unreadable,
};

use crate::labelled::Row;

/// What embeddings are multiplied by beside the words, which are of length 1 as they are.
///
/// It is the share of the embedding in the regularisation: measured on the default corpus by
/// source, 0.5 is better than 1 by half a point of macro-F1 and than 2 by three.
pub(crate) const EMBEDDING_SCALE: f64 = 0.5;

/// What fragments are multiplied by, likewise.
pub(crate) const FRAGMENT_SCALE: f64 = 1.2;

/// One template: its tokens as they come, its unreadable characters, its scaled embedding, and its
/// terms, of which each is a place among [`Features::terms`] and a value.
#[derive(Debug, Clone, Default)]
pub(crate) struct Sample {
    pub(crate) ids: Vec<u32>,
    pub(crate) unreadable: usize,
    pub(crate) embedding: Vec<f64>,
    pub(crate) terms: Vec<(usize, f64)>,
}

/// All templates.
#[derive(Debug)]
pub(crate) struct Features {
    pub(crate) samples: Vec<Sample>,
    /// Numbers in an embedding.
    pub(crate) dense: usize,
    /// Terms that there are: words in the order of `tokens`, then fragments in that of `fragments`.
    pub(crate) terms: usize,
    /// The tokens that occur, ascending.
    pub(crate) tokens: Vec<u32>,
    /// The places of the fragments that occur, ascending.
    pub(crate) fragments: Vec<u32>,
    /// The value of every token of the vocabulary: inverse document frequency.
    pub(crate) values: Vec<f32>,
    /// The value of every fragment, likewise.
    pub(crate) fragment_values: Vec<f32>,
}

impl Features {
    /// # Errors
    /// A transformer fails.
    pub(crate) fn of(rows: &[Row], embedder: &Embedder) -> Result<Self, EncodeError> {
        let mut scratch = Scratch::default();
        let split = rows.iter().map(|row| {
            let ids = embedder.tokens(&row.template, &mut scratch).to_vec();
            (ids, embedder.fragments(&scratch).collect::<Vec<u32>>())
        });
        let (ids, places): (Vec<_>, Vec<_>) = split.unzip();
        let values = document_values(&ids, embedder.vocabulary());
        let fragment_values = document_values(&places, FRAGMENTS);
        let (tokens, fragments) = (distinct(ids.concat()), distinct(places.concat()));
        let mut found = Terms::default();
        let split = rows.iter().zip(ids.into_iter().zip(places));
        let bar = progress(rows.len(), embedder);
        let samples = split.map(|(row, (ids, places))| {
            found.collect_set(ids.iter().copied(), &values);
            let mut terms = placed(&found, &tokens);
            found.collect_all(places.into_iter(), &fragment_values);
            let merged = merged(&placed(&found, &fragments));
            terms.extend(merged.map(|(place, value)| (tokens.len() + place, value)));
            let embedding = scaled(embedder.embed(&row.template, &mut scratch)?);
            bar.inc(1);
            Ok(Sample { ids, unreadable: unreadable(&row.template), embedding, terms })
        });
        let samples = samples.collect::<Result<_, _>>()?;
        bar.finish_and_clear();
        let (dense, terms) = (embedder.info().width(), tokens.len() + fragments.len());
        Ok(Self { samples, dense, terms, tokens, fragments, values, fragment_values })
    }

    /// Samples of another make: so many numbers in an embedding, so many terms.
    pub(crate) fn plain(samples: Vec<Sample>, dense: usize, terms: usize) -> Self {
        let (tokens, fragments) = (Vec::new(), Vec::new());
        let (values, fragment_values) = (Vec::new(), Vec::new());
        Self { samples, dense, terms, tokens, fragments, values, fragment_values }
    }

    /// Whether each token of the vocabulary is in one of `rows`.
    pub(crate) fn known(&self, rows: &[usize]) -> Vec<bool> {
        let mut known = vec![false; self.values.len()];
        for &id in rows.iter().flat_map(|&row| &self.samples[row].ids) {
            known[id as usize] = true;
        }
        known
    }

    /// Numbers per label: the embedding, the terms, and the bias.
    pub(crate) fn width(&self) -> usize {
        self.dense + self.terms + 1
    }
}

/// A transformer takes minutes.
fn progress(rows: usize, embedder: &Embedder) -> ProgressBar {
    if let EmbedderInfo::Table(_) = embedder.info() {
        return ProgressBar::hidden();
    }
    let style = ProgressStyle::with_template("{bar:40} {pos}/{len} embeddings, {eta} left");
    let style = style.unwrap_or_else(|_| ProgressStyle::default_bar());
    ProgressBar::new(rows as u64).with_style(style)
}

fn scaled(embedding: &[f32]) -> Vec<f64> {
    embedding.iter().map(|&value| f64::from(value) * EMBEDDING_SCALE).collect()
}

/// Each place once, scaled.
fn merged(fragments: &[(usize, f64)]) -> impl Iterator<Item = (usize, f64)> + use<> {
    let mut sums = std::collections::BTreeMap::new();
    for &(place, value) in fragments {
        *sums.entry(place).or_insert(0.0) += value * FRAGMENT_SCALE;
    }
    sums.into_iter()
}

/// Terms by their place among those that occur.
fn placed(terms: &Terms, occurring: &[u32]) -> Vec<(usize, f64)> {
    let known = terms
        .values()
        .iter()
        .filter_map(|(term, value)| Some((occurring.binary_search(term).ok()?, f64::from(*value))));
    known.collect()
}

fn distinct(mut ids: Vec<u32>) -> Vec<u32> {
    ids.sort_unstable();
    ids.dedup();
    ids
}

/// `ln((1 + N) / (1 + n)) + 1`: n of N templates hold the term.
pub(crate) fn document_values(ids: &[Vec<u32>], terms: usize) -> Vec<f32> {
    let mut counts = vec![0_u32; terms];
    for ids in ids {
        for id in distinct(ids.clone()) {
            counts[id as usize] += 1;
        }
    }
    let all = 1.0 + ids.len() as f64;
    counts.iter().map(|&n| ((all / (1.0 + f64::from(n))).ln() + 1.0) as f32).collect()
}
