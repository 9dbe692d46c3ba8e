//! Groups of templates of nearby meaning, whatever the words: the nearest of fixed centroids.
//!
//! ```text
//! point = embedding ++ 3 · sqrt(probability of each label)
//! group = the centroid at the least Euclidean distance; of equals, the first
//! ```
//! The labels' part keeps apart what a table of words holds alike: `backup failed`, `backup
//! finished`. Two templates of surely different labels are farther apart by it than any two
//! embeddings are. Centroids are fixed in a bundle, so that a group means the same in every process
//! that loads it; in another bundle the same name is another group. The numbers agree on every
//! engine as the embedding's do.

use std::borrow::Cow;

use super::embedding::{WIDTH, floats_within};

/// What the square roots of the probabilities are multiplied by.
const LABELS_SHARE: f32 = 3.0;

/// Groups at most.
pub(crate) const MAX_GROUPS: usize = 1024;

/// Writes the point of a template, [`WIDTH`] numbers and one for each label.
pub(super) fn point(embedding: &[f32], probabilities: &[f64], out: &mut Vec<f32>) {
    out.clear();
    out.extend_from_slice(embedding);
    out.extend(probabilities.iter().map(|&p| LABELS_SHARE * (p as f32).sqrt()));
}

/// A name, a title, and a centroid in signed bytes with a scale for each group.
#[derive(Debug)]
pub(crate) struct Groups {
    /// What `groups.bin` holds; the centroids are read from here.
    bytes: Cow<'static, [u8]>,
    scales: Vec<f32>,
    /// Half the square of each centroid's length.
    halves: Vec<f32>,
    /// Numbers in a centroid.
    width: usize,
    names: Vec<Box<str>>,
    titles: Cow<'static, str>,
}

impl Groups {
    /// Bytes of `groups.bin`.
    pub(crate) fn size(groups: usize, labels: usize) -> usize {
        groups * (4 + WIDTH + labels)
    }

    /// Reads `groups.bin`: the scale of each group (f32 LE, 0 to 1), then its centroid (i8).
    pub(crate) fn parse(
        bytes: Cow<'static, [u8]>,
        groups: usize,
        labels: usize,
        titles: Cow<'static, str>,
    ) -> Result<Self, String> {
        let scales = floats_within(bytes.get(..4 * groups).ok_or("is too short")?, 1.0, "scale")?;
        let names = (0..groups).map(|group| format!("g{group:03}").into()).collect();
        let width = WIDTH + labels;
        let mut read = Self { bytes, scales, halves: Vec::new(), width, names, titles };
        read.halves = (0..groups).map(|group| read.half_square(group)).collect();
        Ok(read)
    }

    fn centroid(&self, group: usize) -> impl Iterator<Item = f32> + '_ {
        let start = 4 * self.scales.len() + group * self.width;
        let bytes = self.bytes.get(start..start + self.width).unwrap_or_default();
        bytes.iter().map(|&byte| f32::from(byte as i8))
    }

    fn half_square(&self, group: usize) -> f32 {
        let mut sum = 0.0_f32;
        for level in self.centroid(group) {
            sum += level * level;
        }
        let scale = self.scales.get(group).copied().unwrap_or_default();
        sum * scale * scale * 0.5
    }

    /// The group of a point: where `x · c - c² / 2` is greatest, the distance is least.
    pub(crate) fn nearest(&self, point: &[f32]) -> u16 {
        let mut best = (0, f32::NEG_INFINITY);
        for (group, (&scale, &half)) in (0..).zip(self.scales.iter().zip(&self.halves)) {
            let mut sum = 0.0_f32;
            for (&x, level) in point.iter().zip(self.centroid(usize::from(group))) {
                sum += x * level;
            }
            let near = sum * scale - half;
            if near > best.1 {
                best = (group, near);
            }
        }
        best.0
    }

    /// The name of a group in events: `g` and its number, three digits at least.
    pub(crate) fn name(&self, group: u16) -> Option<&str> {
        self.names.get(usize::from(group)).map(|name| &**name)
    }

    /// The template of the training data that is nearest to its centroid.
    pub(crate) fn title(&self, group: u16) -> &str {
        self.titles.lines().nth(usize::from(group)).unwrap_or_default()
    }
}
