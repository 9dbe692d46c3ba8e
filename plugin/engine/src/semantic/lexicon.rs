//! What the mean of rows loses: which words are there.
//!
//! A mean over the table keeps what a text is about and blurs which words said so. One small
//! weight per token and label, beside the embedding, brings that back, as in a bag-of-words
//! classifier: the text is the set of its tokens, each of the value `ln((1 + N) / (1 + n)) + 1`
//! with n of the N training templates holding it (inverse document frequency, Spärck Jones 1972,
//! smoothed), the whole of length 1. A second lexicon does the same for `fragments.rs`.

use std::borrow::Cow;

use super::embedding::floats_within;
use super::rows::add_weighted;

/// A value for every term, a signed byte for every term and label, a scale for every label. Terms
/// are tokens, or places of fragments.
#[derive(Debug)]
pub(crate) struct Lexicon {
    /// The part of the bundle; the weights are read from here.
    bytes: Cow<'static, [u8]>,
    values: Vec<f32>,
    scales: Vec<f32>,
    /// Between the value of a term of one training template and that of a term of none.
    unseen: f32,
}

impl Lexicon {
    /// Bytes of the part.
    pub(crate) fn size(terms: usize, labels: usize) -> usize {
        4 * (terms + labels) + terms * labels
    }

    /// Reads the part: the value of each term (f32 LE, 0 to 100), the scale of each label (f32 LE,
    /// 0 to 1e4), then for each term the weight of each label (i8).
    pub(crate) fn parse(
        bytes: Cow<'static, [u8]>,
        terms: usize,
        labels: usize,
        templates: usize,
    ) -> Result<Self, String> {
        let numbers = bytes.get(..4 * (terms + labels)).ok_or("is too short")?;
        let (values, scales) = numbers.split_at_checked(4 * terms).ok_or("is too short")?;
        let values = floats_within(values, 100.0, "value")?;
        let scales = floats_within(scales, 1e4, "scale")?;
        let unseen = libm::log(1.0 + templates as f64) + 1.0 - 0.3;
        Ok(Self { bytes, values, scales, unseen: unseen as f32 })
    }

    fn row(&self, term: u32) -> &[u8] {
        let labels = self.scales.len();
        let start = 4 * (self.values.len() + labels) + term as usize * labels;
        self.bytes.get(start..start + labels).unwrap_or_default()
    }

    /// The value of each term.
    pub(crate) fn values(&self) -> &[f32] {
        &self.values
    }

    /// Adds what `terms` say to the logit of each label.
    pub(crate) fn add(&self, terms: &Terms, logits: &mut [f32], sums: &mut Vec<f32>) {
        sums.clear();
        sums.resize(logits.len(), 0.0);
        add_weighted(terms.values.iter().map(|&(term, value)| (self.row(term), value)), sums);
        for ((logit, &sum), &scale) in logits.iter_mut().zip(sums.iter()).zip(&self.scales) {
            *logit += sum * scale;
        }
    }

    /// Whether a term was in the training data.
    pub(crate) fn knows(&self, term: u32) -> bool {
        self.values.get(term as usize).is_some_and(|value| *value < self.unseen)
    }

    /// What each term adds to the logit of `label`, in the order of the terms.
    pub(crate) fn contributions<'a>(
        &'a self,
        terms: &'a Terms,
        label: usize,
    ) -> impl Iterator<Item = (u32, f64)> + 'a {
        let scale = self.scales.get(label).copied().unwrap_or_default();
        terms.values.iter().map(move |&(term, value)| {
            let weight = self.row(term).get(label).map_or(0, |&byte| byte as i8);
            (term, f64::from(weight) * f64::from(value) * f64::from(scale))
        })
    }
}

/// Terms of a text, each with its value; together of length 1.
#[derive(Clone, Debug, Default)]
pub struct Terms {
    values: Vec<(u32, f32)>,
}

impl Terms {
    /// Takes in each term once, ascending; `values` holds the value of every term there is.
    pub fn collect_set(&mut self, terms: impl Iterator<Item = u32>, values: &[f32]) {
        self.take(terms, values);
        self.values.sort_unstable_by_key(|&(term, _)| term);
        self.values.dedup_by_key(|&mut (term, _)| term);
        self.normalise();
    }

    /// Takes in each term as often as it comes, in its order.
    pub fn collect_all(&mut self, terms: impl Iterator<Item = u32>, values: &[f32]) {
        self.take(terms, values);
        self.normalise();
    }

    fn take(&mut self, terms: impl Iterator<Item = u32>, values: &[f32]) {
        let value = |term: u32| values.get(term as usize).copied().unwrap_or_default();
        self.values.clear();
        self.values.extend(terms.map(|term| (term, value(term))));
    }

    fn normalise(&mut self) {
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

    /// `(term, value)`.
    pub fn values(&self) -> &[(u32, f32)] {
        &self.values
    }
}
