//! Multinomial logistic regression over an embedding and the words beside it.
//!
//! ```text
//! logits = bias + weights · embedding + lexicon(words)
//! probabilities = softmax(logits / temperature)      (Guo et al., ICML 2017)
//! ```
//! The words' part is `lexicon.rs`; `trust.rs` shrinks what comes out here where the words are
//! unknown.
//! Probabilities are f64 by way of `libm`, whose `exp` is the same code on every engine.

use super::embedding::floats;

/// Labels that are scored at once.
const LANES: usize = 12;

/// The weights of every label.
#[derive(Debug)]
pub(crate) struct Head {
    /// Per label.
    bias: Vec<f32>,
    /// Twelve labels after twelve, and for each of these blocks dimension after dimension: what
    /// pays in an interpreter is a loop of known length. Zeros stand for labels that there are not.
    weights: Vec<[f32; LANES]>,
    temperature: f64,
}

impl Head {
    /// Bytes of `head.bin` for that many labels and numbers in an embedding.
    pub(crate) fn size(labels: usize, width: usize) -> usize {
        labels * (width + 1) * 4
    }

    /// Reads `head.bin`: f32 LE, the bias of each label, then for each dimension the weight of
    /// each label; all within ±1e6.
    pub(crate) fn parse(bytes: &[u8], labels: usize, temperature: f64) -> Result<Self, String> {
        let mut values = floats(bytes);
        if let Some(at) = floats(bytes).position(|value| !(-1e6..=1e6).contains(&value)) {
            return Err(format!("has a weight out of -1e6 to 1e6, number {at}"));
        }
        let bias: Vec<f32> = values.by_ref().take(labels).collect();
        let weights: Vec<f32> = values.collect();
        if labels == 0 || weights.is_empty() || !weights.len().is_multiple_of(labels) {
            return Err(format!("does not have as many weights for each of {labels} labels"));
        }
        let rows = weights.chunks_exact(labels);
        let lanes = |row: &[f32], first| std::array::from_fn(|n| at(row, first + n));
        let blocks = (0..labels).step_by(LANES);
        let weights = blocks.flat_map(|first| rows.clone().map(move |row| lanes(row, first)));
        Ok(Self { bias, weights: weights.collect(), temperature })
    }

    /// Labels.
    pub(crate) fn len(&self) -> usize {
        self.bias.len()
    }

    /// The bias of a label.
    pub(crate) fn bias(&self, label: usize) -> f32 {
        self.bias.get(label).copied().unwrap_or_default()
    }

    /// The weights of one label, dimension by dimension.
    pub(crate) fn column(&self, label: usize) -> impl Iterator<Item = f32> + '_ {
        let rows = self.blocks().nth(label / LANES).unwrap_or_default().iter();
        rows.map(move |row| at(row, label % LANES))
    }

    /// For each block of labels their weights in each dimension.
    fn blocks(&self) -> std::slice::ChunksExact<'_, [f32; LANES]> {
        let dimensions = self.weights.len() / self.len().div_ceil(LANES).max(1);
        // `parse` refuses a head without weights.
        self.weights.chunks_exact(dimensions.max(1))
    }

    /// Writes one logit for each label.
    pub(crate) fn logits(&self, embedding: &[f32], out: &mut Vec<f32>) {
        out.clear();
        out.extend_from_slice(&self.bias);
        for (out, rows) in out.chunks_mut(LANES).zip(self.blocks()) {
            let mut sums: [f32; LANES] = std::array::from_fn(|n| at(out, n));
            for (&x, row) in embedding.iter().zip(rows) {
                for (sum, &weight) in sums.iter_mut().zip(row) {
                    *sum += x * weight;
                }
            }
            for (out, sum) in out.iter_mut().zip(sums) {
                *out = sum;
            }
        }
    }

    /// Writes the calibrated probability of each label.
    pub(crate) fn probabilities(&self, logits: &[f32], out: &mut Vec<f64>) {
        let highest = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        out.clear();
        let exponents = logits.iter().map(|&l| f64::from(l - highest) / self.temperature);
        out.extend(exponents.map(libm::exp));
        let mut total = 0.0;
        for &value in out.iter() {
            total += value;
        }
        for value in out.iter_mut() {
            *value /= total;
        }
    }
}

fn at(row: &[f32], place: usize) -> f32 {
    row.get(place).copied().unwrap_or_default()
}
