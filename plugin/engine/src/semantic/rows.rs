//! Weighted sums of rows of signed bytes: what embeddings, lexicons and groups are made of.
//!
//! An interpreter pays for operations, not for their width. So one multiplication serves two
//! numbers: a factor is told in whole steps of 1/65,535 of the largest, bytes are made positive,
//! and the products of two of them stand in the halves of 64 bits. The sums are exact, and the same
//! on every engine, whatever its vectors.

/// Steps of the largest factor.
const MOST_STEPS: u32 = 65_535;

const LOW_HALF: u64 = u32::MAX as u64;

/// Rows that are summed at once: so many products fit into half of 64 bits.
const AT_ONCE: usize = 64;
const _: () = assert!(AT_ONCE as u64 * 255 * MOST_STEPS as u64 <= LOW_HALF);

/// A row, and what it is multiplied by.
#[derive(Clone, Copy, Default)]
struct Weighted<'r> {
    chunks: &'r [[u8; 8]],
    /// What stands behind the last whole chunk, and zeros.
    rest: u64,
    steps: u64,
    /// Turns a signed byte into a positive one, for which [`Self::lift`] must be taken off again.
    turn: u64,
    lift: u64,
}

impl<'r> Weighted<'r> {
    fn new(row: &'r [u8], factor: f32, step: f32) -> Self {
        let (chunks, rest) = row.as_chunks();
        let rest = rest.iter().rev().fold(0, |word, byte| word << 8 | u64::from(*byte));
        // b + 128, and of a factor below zero -b + 127.
        let (turn, lift) = if factor < 0.0 { (0x7f, 127) } else { (0x80, 128) };
        // Of factors so small that a step is nothing, there would be any number.
        let steps = ((factor.abs() / step + 0.5) as u64).min(u64::from(MOST_STEPS));
        Self { chunks, rest, steps, turn: u64::from_le_bytes([turn; 8]), lift }
    }

    /// Eight bytes; zeros beyond the end.
    fn word(&self, place: usize) -> u64 {
        match self.chunks.get(place) {
            Some(chunk) => u64::from_le_bytes(*chunk),
            None if place == self.chunks.len() => self.rest,
            None => 0,
        }
    }
}

/// Adds rows to `sums`, number by number, each times its factor. A row that is too short goes on in
/// zeros. Each factor is off by at most 1/131,070 of the largest.
pub(crate) fn add_weighted<'r>(
    rows: impl Iterator<Item = (&'r [u8], f32)> + Clone,
    sums: &mut [f32],
) {
    let larger =
        |most: f32, (_, factor): (_, f32)| if factor.abs() > most { factor.abs() } else { most };
    let step = rows.clone().fold(0.0, larger) / MOST_STEPS as f32;
    let mut rows = rows.map(|(row, factor)| Weighted::new(row, factor, step));
    let mut batch = [Weighted::default(); AT_ONCE];
    loop {
        let mut count = 0;
        for (place, row) in batch.iter_mut().zip(&mut rows) {
            *place = row;
            count += 1;
        }
        add_batch(batch.get(..count).unwrap_or_default(), step, sums);
        if count < AT_ONCE {
            return;
        }
    }
}

fn add_batch(rows: &[Weighted<'_>], step: f32, sums: &mut [f32]) {
    let lifted: u64 = rows.iter().map(|row| row.steps * row.lift).sum();
    for (place, sums) in sums.chunks_mut(8).enumerate() {
        let mut pairs = [0_u64; 4];
        for row in rows {
            let positive = row.word(place) ^ row.turn;
            for (pair, shift) in pairs.iter_mut().zip([0, 8, 16, 24]) {
                *pair += (positive >> shift & 0x0000_00ff_0000_00ff) * row.steps;
            }
        }
        let ([a, b, c, d], [e, f, g, h]) =
            (pairs.map(|pair| pair & LOW_HALF), pairs.map(|pair| pair >> 32));
        for (sum, total) in sums.iter_mut().zip([a, b, c, d, e, f, g, h]) {
            *sum += step * (total as i64 - lifted as i64) as f32;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn rows() -> impl Strategy<Value = Vec<(Vec<u8>, f32)>> {
        let factor = prop_oneof![4 => -2.0_f32..2.0, 1 => Just(0.0), 1 => Just(2.0)];
        let byte = prop_oneof![4 => any::<u8>(), 1 => Just(0x80), 1 => Just(0x7f)];
        prop::collection::vec((prop::collection::vec(byte, 0..40), factor), 0..200)
    }

    #[test]
    fn factors_next_to_nothing_do_no_harm() {
        let mut sums = [0.0; 3];
        add_weighted([(&[0x7f, 0x80, 1][..], 1e-42), (&[1], -1e-45)].into_iter(), &mut sums);
        assert_eq!(sums, [0.0; 3]);
    }

    proptest! {
        #[test]
        fn sums_are_those_of_a_loop(rows in rows(), length in 0..40_usize) {
            let mut sums = vec![0.0; length];
            add_weighted(rows.iter().map(|(row, factor)| (row.as_slice(), *factor)), &mut sums);
            let largest = rows.iter().fold(0.0, |most: f64, (_, f)| most.max(f64::from(f.abs())));
            for (place, sum) in sums.iter().enumerate() {
                let value = |row: &Vec<u8>| f64::from(row.get(place).copied().unwrap_or(0) as i8);
                let expected: f64 = rows.iter().map(|(row, f)| value(row) * f64::from(*f)).sum();
                let most: f64 = rows.iter().map(|(row, _)| value(row).abs()).sum();
                let allowed = most * largest / 131_070.0 * 1.01 + 1e-6 * most;
                prop_assert!((f64::from(*sum) - expected).abs() <= allowed, "{sum} {expected}");
            }
        }
    }
}
