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

/// The weights of every label.
#[derive(Debug)]
pub(crate) struct Head {
    /// Per label.
    bias: Vec<f32>,
    /// One run of labels for each dimension, so that the inner loop runs over labels.
    weights: Vec<f32>,
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
        Ok(Self { bias, weights, temperature })
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
        self.rows().map(move |row| row.get(label).copied().unwrap_or(0.0))
    }

    /// For each dimension the weights of all labels.
    fn rows(&self) -> impl Iterator<Item = &[f32]> {
        // `parse` refuses a head without labels.
        self.weights.chunks_exact(self.len().max(1))
    }

    /// Writes one logit for each label.
    pub(crate) fn logits(&self, embedding: &[f32], out: &mut Vec<f32>) {
        out.clear();
        out.extend_from_slice(&self.bias);
        for (&x, row) in embedding.iter().zip(self.rows()) {
            for (sum, &weight) in out.iter_mut().zip(row) {
                *sum += x * weight;
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
