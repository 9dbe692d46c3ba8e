//! Templates as the numbers that the regression sees.

use logtriage_engine::semantic::{Embedder, Scratch, WIDTH, Words};

use crate::labelled::Row;

/// What embeddings are multiplied by beside the words, which are of length 1 as they are.
///
/// It is the share of the embedding in the regularisation: measured on the default corpus by
/// source, 0.5 is better than 1 by half a point of macro-F1 and than 2 by three.
pub(crate) const EMBEDDING_SCALE: f64 = 0.5;

/// One template: its tokens as they come, its scaled embedding, and its words by place in [`Features::tokens`].
#[derive(Debug, Clone)]
pub(crate) struct Sample {
    pub(crate) ids: Vec<u32>,
    pub(crate) embedding: Vec<f64>,
    pub(crate) words: Vec<(usize, f64)>,
}

/// All templates.
#[derive(Debug)]
pub(crate) struct Features {
    pub(crate) samples: Vec<Sample>,
    /// Numbers in an embedding.
    pub(crate) dense: usize,
    /// The tokens that occur, ascending.
    pub(crate) tokens: Vec<u32>,
    /// The value of every token of the vocabulary: inverse document frequency.
    pub(crate) values: Vec<f32>,
}

impl Features {
    pub(crate) fn of(rows: &[Row], embedder: &Embedder) -> Self {
        let mut scratch = Scratch::default();
        let ids: Vec<Vec<u32>> =
            rows.iter().map(|row| embedder.tokens(&row.template, &mut scratch).to_vec()).collect();
        let values = document_values(&ids, embedder.info().tokens);
        let tokens = distinct(ids.concat());
        let mut words = Words::default();
        let samples = rows.iter().zip(&ids).map(|(row, ids)| {
            words.collect(ids, &values);
            Sample {
                ids: ids.clone(),
                embedding: scaled(embedder.embed(&row.template, &mut scratch)),
                words: placed(&words, &tokens),
            }
        });
        Self { samples: samples.collect(), dense: WIDTH, tokens, values }
    }

    /// Whether each token of the vocabulary is in one of `rows`.
    pub(crate) fn known(&self, rows: &[usize]) -> Vec<bool> {
        let mut known = vec![false; self.values.len()];
        for &id in rows.iter().flat_map(|&row| &self.samples[row].ids) {
            known[id as usize] = true;
        }
        known
    }

    /// Numbers per label: the embedding, the words, and the bias.
    pub(crate) fn width(&self) -> usize {
        self.dense + self.tokens.len() + 1
    }
}

fn scaled(embedding: &[f32]) -> Vec<f64> {
    embedding.iter().map(|&value| f64::from(value) * EMBEDDING_SCALE).collect()
}

fn placed(words: &Words, tokens: &[u32]) -> Vec<(usize, f64)> {
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

/// `ln((1 + N) / (1 + n)) + 1`: n of N templates hold the token.
pub(crate) fn document_values(ids: &[Vec<u32>], vocabulary: usize) -> Vec<f32> {
    let mut counts = vec![0_u32; vocabulary];
    for ids in ids {
        for id in distinct(ids.clone()) {
            counts[id as usize] += 1;
        }
    }
    let all = 1.0 + ids.len() as f64;
    counts.iter().map(|&n| ((all / (1.0 + f64::from(n))).ln() + 1.0) as f32).collect()
}
