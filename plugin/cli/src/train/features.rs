//! Templates as the numbers that the regression sees.

use logtriage_engine::semantic::{Embedder, FRAGMENTS, Scratch, Terms, WIDTH};

use crate::labelled::Row;

/// What embeddings are multiplied by beside the words, which are of length 1 as they are.
///
/// It is the share of the embedding in the regularisation: measured on the default corpus by
/// source, 0.5 is better than 1 by half a point of macro-F1 and than 2 by three.
pub(super) const EMBEDDING_SCALE: f64 = 0.5;
/// What fragments are multiplied by, likewise.
pub(super) const FRAGMENT_SCALE: f64 = 1.2;

/// One template: its tokens as they come, its scaled embedding, its words by place in
/// [`Features::tokens`], and its scaled fragments by their place.
#[derive(Debug, Clone)]
pub(super) struct Sample {
    pub(super) ids: Vec<u32>,
    pub(super) embedding: Vec<f64>,
    pub(super) words: Vec<(usize, f64)>,
    pub(super) fragments: Vec<(usize, f64)>,
}

/// All templates.
#[derive(Debug)]
pub(super) struct Features {
    pub(super) samples: Vec<Sample>,
    /// The tokens that occur, ascending.
    pub(super) tokens: Vec<u32>,
    /// The value of every token of the vocabulary: inverse document frequency.
    pub(super) values: Vec<f32>,
    /// The value of every fragment, likewise.
    pub(super) fragment_values: Vec<f32>,
}

impl Features {
    pub(super) fn of(rows: &[Row], embedder: &Embedder) -> Self {
        let mut scratch = Scratch::default();
        let split = rows.iter().map(|row| {
            let ids = embedder.tokens(&row.template, &mut scratch).to_vec();
            (ids, embedder.fragments(&scratch).collect::<Vec<u32>>())
        });
        let (ids, fragments): (Vec<_>, Vec<_>) = split.unzip();
        let values = document_values(&ids, embedder.info().tokens);
        let fragment_values = document_values(&fragments, FRAGMENTS);
        let tokens = distinct(ids.concat());
        let mut terms = Terms::default();
        let samples =
            rows.iter().zip(ids.into_iter().zip(fragments)).map(|(row, (ids, fragments))| {
                terms.collect_set(ids.iter().copied(), &values);
                let words = placed(&terms, &tokens);
                terms.collect_all(fragments.into_iter(), &fragment_values);
                let fragments = merged(&terms);
                let embedding = scaled(embedder.embed(&row.template, &mut scratch));
                Sample { ids, embedding, words, fragments }
            });
        let samples = samples.collect();
        Self { samples, tokens, values, fragment_values }
    }

    /// Whether each token of the vocabulary is in one of `rows`.
    pub(super) fn known(&self, rows: &[usize]) -> Vec<bool> {
        let mut known = vec![false; self.values.len()];
        for &id in rows.iter().flat_map(|&row| &self.samples[row].ids) {
            known[id as usize] = true;
        }
        known
    }

    /// Numbers per label: the embedding, the words, the fragments, and the bias.
    pub(super) fn width(&self) -> usize {
        self.first_fragment() + FRAGMENTS + 1
    }

    /// Where the fragments begin.
    pub(super) fn first_fragment(&self) -> usize {
        WIDTH + self.tokens.len()
    }

    /// `(feature, value)` of a sample's words and fragments.
    pub(super) fn terms<'s>(&self, sample: &'s Sample) -> impl Iterator<Item = (usize, f64)> + 's {
        let first = self.first_fragment();
        let words = sample.words.iter().map(|&(place, value)| (WIDTH + place, value));
        words.chain(sample.fragments.iter().map(move |&(place, value)| (first + place, value)))
    }
}

fn scaled(embedding: &[f32]) -> Vec<f64> {
    embedding.iter().map(|&value| f64::from(value) * EMBEDDING_SCALE).collect()
}

/// Each place once, scaled.
fn merged(fragments: &Terms) -> Vec<(usize, f64)> {
    let mut sums = std::collections::BTreeMap::new();
    for &(place, value) in fragments.values() {
        *sums.entry(place as usize).or_insert(0.0) += f64::from(value) * FRAGMENT_SCALE;
    }
    sums.into_iter().collect()
}

fn placed(words: &Terms, tokens: &[u32]) -> Vec<(usize, f64)> {
    let known = words
        .values()
        .iter()
        .filter_map(|(token, value)| Some((tokens.binary_search(token).ok()?, f64::from(*value))));
    known.collect()
}

fn distinct(mut ids: Vec<u32>) -> Vec<u32> {
    ids.sort_unstable();
    ids.dedup();
    ids
}

/// `ln((1 + N) / (1 + n)) + 1`: n of N templates hold the term.
fn document_values(ids: &[Vec<u32>], terms: usize) -> Vec<f32> {
    let mut counts = vec![0_u32; terms];
    for ids in ids {
        for id in distinct(ids.clone()) {
            counts[id as usize] += 1;
        }
    }
    let all = 1.0 + ids.len() as f64;
    counts.iter().map(|&n| ((all / (1.0 + f64::from(n))).ln() + 1.0) as f32).collect()
}
