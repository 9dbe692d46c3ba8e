//! What the mean of rows loses: which words are there.
//!
//! A mean over the table keeps what a text is about and blurs which words said so. One small
//! weight per token and label, beside the embedding, brings that back, as in a bag-of-words
//! classifier: the text is the set of its tokens, each of the value `ln((1 + N) / (1 + n)) + 1`
//! with n of the N training templates holding it (inverse document frequency, Spärck Jones 1972,
//! smoothed), the whole of length 1.

use std::borrow::Cow;

use super::embedding::floats_within;

/// A value for every token, a signed byte for every token and label, a scale for every label.
#[derive(Debug)]
pub(crate) struct Lexicon {
    /// What `lexicon.bin` holds; the weights are read from here.
    bytes: Cow<'static, [u8]>,
    values: Vec<f32>,
    scales: Vec<f32>,
    /// Between the value of a token of one training template and that of a token of none.
    unseen: f32,
}

impl Lexicon {
    /// Bytes of `lexicon.bin`.
    pub(crate) fn size(tokens: usize, labels: usize) -> usize {
        4 * (tokens + labels) + tokens * labels
    }

    /// Reads `lexicon.bin`: the value of each token (f32 LE, 0 to 100), the scale of each label
    /// (f32 LE, 0 to 1e4), then for each token the weight of each label (i8).
    pub(crate) fn parse(
        bytes: Cow<'static, [u8]>,
        tokens: usize,
        labels: usize,
        templates: usize,
    ) -> Result<Self, String> {
        let numbers = bytes.get(..4 * (tokens + labels)).ok_or("is too short")?;
        let (values, scales) = numbers.split_at_checked(4 * tokens).ok_or("is too short")?;
        let values = floats_within(values, 100.0, "value")?;
        let scales = floats_within(scales, 1e4, "scale")?;
        let unseen = libm::log(1.0 + templates as f64) + 1.0 - 0.3;
        Ok(Self { bytes, values, scales, unseen: unseen as f32 })
    }

    fn row(&self, token: u32) -> &[u8] {
        let labels = self.scales.len();
        let start = 4 * (self.values.len() + labels) + token as usize * labels;
        self.bytes.get(start..start + labels).unwrap_or_default()
    }

    /// Fills `words` with the distinct tokens of a text, ascending, each with its value.
    pub(crate) fn words(&self, ids: &[u32], words: &mut Words) {
        words.collect(ids, &self.values);
    }

    /// Adds what a set of words says to the logit of each label.
    pub(crate) fn add(&self, words: &Words, logits: &mut [f32], sums: &mut Vec<f32>) {
        sums.clear();
        sums.resize(logits.len(), 0.0);
        for &(token, value) in &words.values {
            for (sum, &byte) in sums.iter_mut().zip(self.row(token)) {
                *sum += value * f32::from(byte as i8);
            }
        }
        for ((logit, &sum), &scale) in logits.iter_mut().zip(sums.iter()).zip(&self.scales) {
            *logit += sum * scale;
        }
    }

    /// Whether a token was in the training data.
    pub(crate) fn knows(&self, token: u32) -> bool {
        self.values.get(token as usize).is_some_and(|value| *value < self.unseen)
    }

    /// What each word adds to the logit of `label`, in the order of the words.
    pub(crate) fn contributions<'a>(
        &'a self,
        words: &'a Words,
        label: usize,
    ) -> impl Iterator<Item = (u32, f64)> + 'a {
        let scale = self.scales.get(label).copied().unwrap_or_default();
        words.values.iter().map(move |&(token, value)| {
            let weight = self.row(token).get(label).map_or(0, |&byte| byte as i8);
            (token, f64::from(weight) * f64::from(value) * f64::from(scale))
        })
    }
}

/// The distinct tokens of a text, ascending, each with its value; together of length 1.
#[derive(Clone, Debug, Default)]
pub struct Words {
    values: Vec<(u32, f32)>,
}

impl Words {
    /// Takes in the tokens of a text; `values` holds the value of each token of the vocabulary.
    pub fn collect(&mut self, ids: &[u32], values: &[f32]) {
        let value = |id: u32| values.get(id as usize).copied().unwrap_or_default();
        self.values.clear();
        self.values.extend(ids.iter().map(|&id| (id, value(id))));
        self.values.sort_unstable_by_key(|&(token, _)| token);
        self.values.dedup_by_key(|&mut (token, _)| token);
        let mut square = 0.0_f32;
        for &(_, value) in &self.values {
            square += value * value;
        }
        let length = square.sqrt();
        if length <= f32::MIN_POSITIVE {
            return self.values.clear();
        }
        for (_, value) in &mut self.values {
            *value /= length;
        }
    }

    /// `(token, value)`, ascending by token.
    pub fn values(&self) -> &[(u32, f32)] {
        &self.values
    }
}
