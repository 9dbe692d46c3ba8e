//! Token vectors as the bytes of a table.

use std::borrow::Cow;

use logtriage_engine::semantic::{
    BundleParts, EmbedderInfo, TABLE, TableInfo, VOCABULARY, WIDTH, seal,
};
use ndarray::{Array2, ArrayView1};

/// A table directory: vocabulary, rows of 8 bits, manifest.
///
/// Only directions matter to the mean's cosine, so all rows are divided by the longest one's length
/// first: every scale is then below 1.
pub(super) fn parts(
    vocabulary: &[String],
    vectors: &Array2<f64>,
    weights: &[f32],
    origin: String,
) -> BundleParts {
    let longest = vectors.rows().into_iter().map(|row| row.dot(&row).sqrt()).fold(0.0, f64::max);
    let unit = if longest > 0.0 { longest } else { 1.0 };
    let mut rows = Vec::with_capacity(vocabulary.len() * (WIDTH + 8));
    let scales: Vec<f32> =
        vectors.rows().into_iter().map(|row| quantise(row, unit, &mut rows)).collect();
    rows.extend(scales.iter().chain(weights).flat_map(|value| value.to_le_bytes()));

    let mut text = vocabulary.join("\n");
    text.push('\n');
    let files = [(VOCABULARY, text.into_bytes()), (TABLE, rows)];
    let files = files.map(|(name, bytes)| (name.to_owned(), Cow::Owned(bytes)));
    let info = TableInfo { width: WIDTH, tokens: vocabulary.len(), origin };
    seal(EmbedderInfo::Table(info), None, BundleParts::from(files))
}

/// Appends a row of `i8` from -127 to 127; returns its scale.
fn quantise(row: ArrayView1<'_, f64>, unit: f64, out: &mut Vec<u8>) -> f32 {
    let largest = row.iter().fold(0.0_f64, |most, value| most.max(value.abs())) / unit;
    let scale = (largest / 127.0) as f32;
    let step = f64::from(scale) * unit;
    out.extend(row.iter().map(|value| {
        let level = if step > 0.0 { (value / step).round() } else { 0.0 };
        level.clamp(-127.0, 127.0) as i8 as u8
    }));
    scale
}
