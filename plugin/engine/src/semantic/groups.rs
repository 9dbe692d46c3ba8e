//! Groups of templates of nearby meaning, whatever the words: the nearest of fixed centroids.
//!
//! ```text
//! point = embedding ++ 3 · sqrt(probability of each label)
//! group = the centroid c with the greatest  point · c - offset;  of equals, the first
//! ```
//! With half the square of a centroid's length for an offset that is the centroid at the least
//! Euclidean distance; training moves offsets and centroids so that rows of one group fall
//! together. The labels' part keeps apart what a table of words holds alike: `backup failed`,
//! `backup finished`. Two templates of surely different labels are farther apart by it than any two
//! embeddings are. Centroids are fixed in a bundle, so that a group means the same in every process
//! that loads it. The numbers agree on every engine as the embedding's do.

use std::borrow::Cow;

use super::bundle::{LABEL_RULE, is_label};
use super::embedding::{WIDTH, floats_within};
use super::rows::add_weighted;

/// What the square roots of the probabilities are multiplied by.
const LABELS_SHARE: f32 = 3.0;

/// Groups of a bundle, at most.
pub const MAX_GROUPS: usize = 1024;

/// Bounds of scales and offsets.
const LARGEST: f32 = 1e6;

/// Writes the point of a template, [`WIDTH`] numbers of its embedding and one for each label: what
/// groups are told by.
pub fn point(embedding: &[f32], probabilities: &[f64], out: &mut Vec<f32>) {
    out.clear();
    out.extend_from_slice(embedding);
    out.extend(probabilities.iter().map(|&p| LABELS_SHARE * (p as f32).sqrt()));
}

/// A name, a title, and a centroid in signed bytes with its scale and offset for each group.
#[derive(Debug)]
pub(crate) struct Groups {
    /// What `groups.bin` holds; the centroids are read from here: for each dimension a run of
    /// groups.
    bytes: Cow<'static, [u8]>,
    scales: Vec<f32>,
    offsets: Vec<f32>,
    names: Vec<Box<str>>,
    /// `name`, tab, `title`, a line for each group.
    titles: Cow<'static, str>,
}

impl Groups {
    /// Bytes of `groups.bin`.
    pub(crate) fn size(groups: usize, labels: usize) -> usize {
        groups * (8 + WIDTH + labels)
    }

    /// Reads `groups.bin`: the scale of each group, the offset of each (f32 LE), then for each
    /// dimension the centroid of each group (i8); and the lines of `groups.txt`.
    pub(crate) fn parse(
        bytes: Cow<'static, [u8]>,
        groups: usize,
        names: Vec<Box<str>>,
        titles: Cow<'static, str>,
    ) -> Result<Self, String> {
        let floats = |from: usize, what| {
            let bytes = bytes.get(4 * from..4 * (from + groups)).ok_or("is too short")?;
            floats_within(bytes, LARGEST, what)
        };
        let (scales, offsets) = (floats(0, "scale")?, floats(groups, "offset")?);
        Ok(Self { bytes, scales, offsets, names, titles })
    }

    /// Reads the names in `groups.txt`: a line for each group, its name, a tab and its title.
    pub(crate) fn names(titles: &str, groups: usize) -> Result<Vec<Box<str>>, String> {
        let name = |(number, line): (usize, &str)| match line.split_once('\t') {
            Some((name, _)) if is_label(name) => Ok(name.into()),
            _ => Err(format!("line {number}: expected a name of {LABEL_RULE}; a tab; a title")),
        };
        let names: Vec<_> = (1..).zip(titles.lines()).map(name).collect::<Result<_, _>>()?;
        if names.len() != groups {
            return Err(format!("has {} lines, expected {groups}", names.len()));
        }
        Ok(names)
    }

    /// The group of a point. `sums` is working space.
    pub(crate) fn nearest(&self, point: &[f32], sums: &mut Vec<f32>) -> u16 {
        sums.clear();
        sums.resize(self.scales.len(), 0.0);
        let levels = self.bytes.get(8 * self.scales.len()..).unwrap_or_default();
        let rows = levels.chunks_exact(self.scales.len().max(1));
        add_weighted(rows.zip(point.iter().copied()), sums);
        let mut best = (0, f32::NEG_INFINITY);
        for ((group, &sum), (&scale, &offset)) in
            (0..).zip(&*sums).zip(self.scales.iter().zip(&self.offsets))
        {
            let near = sum * scale - offset;
            if near > best.1 {
                best = (group, near);
            }
        }
        best.0
    }

    /// The name of a group in events.
    pub(crate) fn name(&self, group: u16) -> Option<&str> {
        self.names.get(usize::from(group)).map(|name| &**name)
    }

    /// The template of the training data that is nearest to its centroid.
    pub(crate) fn title(&self, group: u16) -> &str {
        let line = self.titles.lines().nth(usize::from(group));
        line.and_then(|line| line.split_once('\t')).map_or("", |(_, title)| title)
    }
}
