//! How much a token counts in the mean: smooth inverse frequency.

/// Share of the corpus' tokens that the prior is worth.
const PRIOR: f64 = 0.1;
/// BERT's vocabulary starts with special tokens, unused ones and single characters; from here on
/// it is ordered by frequency.
const FIRST_WORD: usize = 999;

/// `a / (a + p)` for every token (Arora, Liang and Ma, ICLR 2017), where
///
/// ```text
/// p(token) = (n(token) + 0.1 · N · zipf(token)) / (1.1 · N)      N = Σ n
/// zipf(token) ∝ 1 / (rank + 2.7), rank = its number in the vocabulary
/// ```
/// The prior (Zipf's law in Mandelbrot's form) is for tokens that the corpus does not have; those
/// before the first word have `1 / vocabulary` in it. An empty corpus leaves the prior alone.
pub(super) fn weights(counts: &[u64], a: f64) -> Vec<f32> {
    let total = counts.iter().sum::<u64>().max(1) as f64;
    let prior = zipf(counts.len());
    let probabilities = counts
        .iter()
        .zip(&prior)
        .map(|(&count, prior)| (count as f64 / total + PRIOR * prior) / (1.0 + PRIOR));
    probabilities.map(|p| (a / (a + p)) as f32).collect()
}

fn zipf(tokens: usize) -> Vec<f64> {
    let raw = |rank: usize| match rank {
        0..FIRST_WORD => 1.0 / tokens as f64,
        _ => 1.0 / (rank as f64 + 2.7),
    };
    let total: f64 = (0..tokens).map(raw).sum();
    (0..tokens).map(|rank| raw(rank) / total).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frequent_tokens_count_less_and_unseen_ones_most() {
        let mut counts = vec![0; 2000];
        counts[1500] = 900;
        counts[1600] = 100;
        let weights = weights(&counts, 1e-2);
        assert!(weights[1500] < weights[1600] && weights[1600] < weights[1999]);
        assert!(weights.iter().all(|weight| (0.0..=1.0).contains(weight)));
    }
}
