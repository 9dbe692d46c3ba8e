//! The static token table: a text's embedding is a weighted mean of one row per token.
//!
//! The rows are distilled from a sentence transformer (Tulkens and van Dongen, Model2Vec, 2024);
//! the weights are the smooth inverse frequencies of Arora, Liang and Ma (ICLR 2017). The numbers
//! are the same on every engine: whole steps in the sum (see `rows.rs`), f32 in the rest, no fused
//! multiply-add, nothing but `+ * /` and the exactly rounded square root.

use std::borrow::Cow;

use super::head::Head;
use super::rows::add_weighted;

/// Numbers in an embedding.
pub const WIDTH: usize = 256;

/// A row of [`WIDTH`] signed bytes, a scale and a weight for every token.
#[derive(Debug)]
pub(crate) struct Table {
    /// Row after row, each number one `i8`.
    rows: Cow<'static, [u8]>,
    /// What a row's bytes are multiplied by.
    scales: Vec<f32>,
    /// Share of a token in the mean, 0 to 1.
    weights: Vec<f32>,
}

impl Table {
    /// Bytes of `table.bin` for that many tokens.
    pub(crate) fn size(tokens: usize) -> usize {
        tokens * (WIDTH + 8)
    }

    /// Reads `table.bin`: rows (i8), scales (f32 LE, 0 to 1), weights (f32 LE, 0 to 1).
    pub(crate) fn parse(bytes: Cow<'static, [u8]>, tokens: usize) -> Result<Self, String> {
        let tail = bytes.get(tokens * WIDTH..Self::size(tokens)).ok_or("is too short")?;
        let (scales, weights) = tail.split_at_checked(tokens * 4).ok_or("is too short")?;
        let (scales, weights) =
            (floats_within(scales, 1.0, "scale")?, floats_within(weights, 1.0, "weight")?);
        Ok(Self { rows: bytes, scales, weights })
    }

    /// The row of a token as it stands in the table; empty for an unknown id.
    fn row(&self, id: u32) -> &[u8] {
        let start = id as usize * WIDTH;
        self.rows.get(start..start + WIDTH).unwrap_or_default()
    }

    fn weight(&self, id: u32) -> f32 {
        self.weights.get(id as usize).copied().unwrap_or(0.0)
    }

    fn scale(&self, id: u32) -> f32 {
        self.scales.get(id as usize).copied().unwrap_or(0.0)
    }

    /// What a token's row is multiplied by in the weighted sum.
    fn factor(&self, id: u32) -> f32 {
        self.weight(id) * self.scale(id)
    }

    /// Writes the embedding of `ids`, which ascend, to `out`, which is [`WIDTH`] long: of length 1,
    /// or all zero if there is nothing in it. What it returns is the factor from the weighted sum
    /// to the embedding.
    pub(crate) fn embed(&self, ids: &[u32], out: &mut [f32]) -> f32 {
        let Some(out) = out.first_chunk_mut::<WIDTH>() else { return 0.0 };
        out.fill(0.0);
        let row = |run: &[u32]| {
            let id = *run.first()?;
            Some((self.row(id), run.len() as f32 * self.factor(id)))
        };
        add_weighted(ids.chunk_by(|a, b| a == b).filter_map(row), out);
        normalise(out, ids.iter().map(|&id| self.weight(id)).sum())
    }

    /// What each of `ids` adds to the logit of `label`, given the factor that [`Table::embed`]
    /// returned.
    pub(crate) fn contributions<'a>(
        &'a self,
        ids: &'a [u32],
        factor: f32,
        head: &'a Head,
        label: usize,
    ) -> impl Iterator<Item = f64> + 'a {
        ids.iter().map(move |&id| {
            let row = self.row(id).iter().map(|&byte| f64::from(byte as i8));
            let dot: f64 = row.zip(head.column(label)).map(|(x, w)| x * f64::from(w)).sum();
            dot * f64::from(self.factor(id)) * f64::from(factor)
        })
    }
}

/// From the weighted sum to the mean, and from there to length 1.
fn normalise(sum: &mut [f32; WIDTH], total: f32) -> f32 {
    if total <= 0.0 {
        return 0.0;
    }
    let mut square = 0.0_f32;
    for value in sum.iter_mut() {
        *value /= total;
        square += *value * *value;
    }
    let length = square.sqrt();
    if length <= f32::MIN_POSITIVE {
        sum.fill(0.0);
        return 0.0;
    }
    for value in sum.iter_mut() {
        *value /= length;
    }
    1.0 / (total * length)
}

/// Little-endian floats; the length is a multiple of 4.
pub(crate) fn floats(bytes: &[u8]) -> impl Iterator<Item = f32> + '_ {
    bytes.as_chunks::<4>().0.iter().map(|&chunk| f32::from_le_bytes(chunk))
}

/// Little-endian floats, of which each must be from 0 to `most`.
pub(crate) fn floats_within(bytes: &[u8], most: f32, what: &str) -> Result<Vec<f32>, String> {
    let values: Vec<f32> = floats(bytes).collect();
    match values.iter().position(|value| !(0.0..=most).contains(value)) {
        Some(at) => Err(format!("has a {what} out of 0 to {most}, number {at}")),
        None => Ok(values),
    }
}
