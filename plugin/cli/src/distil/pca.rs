//! Principal components of the token vectors.

use logtriage_engine::semantic::WIDTH;
use nalgebra::{DMatrix, SymmetricEigen};
use ndarray::{Array1, Array2, Axis};

/// The vectors in their first [`WIDTH`] principal components.
pub(super) struct Reduced {
    /// One row per token.
    pub(super) vectors: Array2<f64>,
    /// Share of the variance that is left, 0 to 1.
    pub(super) variance_kept: f64,
}

/// Centres the rows and turns them onto their principal components, the largest first.
///
/// A component's sign is free; the largest of its entries by size is made positive, so that the
/// result is the same on every machine that rounds alike. Fewer than [`WIDTH`] dimensions are
/// filled up with zeros.
pub(super) fn reduce(vectors: &Array2<f64>) -> Reduced {
    let mean = vectors.mean_axis(Axis(0)).unwrap_or_else(|| Array1::zeros(vectors.ncols()));
    let centred = vectors - &mean;
    let covariance = centred.t().dot(&centred) / vectors.nrows().max(1) as f64;
    let (components, variance_kept) = components(&covariance);
    Reduced { vectors: centred.dot(&components), variance_kept }
}

/// One column per component, and the share of the variance that they hold.
fn components(covariance: &Array2<f64>) -> (Array2<f64>, f64) {
    let size = covariance.nrows();
    let eigen = SymmetricEigen::new(DMatrix::from_fn(size, size, |i, j| covariance[[i, j]]));
    let mut order: Vec<usize> = (0..size).collect();
    order.sort_by(|&a, &b| eigen.eigenvalues[b].total_cmp(&eigen.eigenvalues[a]));
    order.truncate(WIDTH);

    let mut out = Array2::zeros((size, WIDTH));
    for (target, &source) in order.iter().enumerate() {
        let column = eigen.eigenvectors.column(source);
        let sign = column[column.iamax()].signum();
        for row in 0..size {
            out[[row, target]] = sign * column[row];
        }
    }
    let kept: f64 = order.iter().map(|&i| eigen.eigenvalues[i]).sum();
    let all: f64 = eigen.eigenvalues.iter().sum();
    (out, if all > 0.0 { kept / all } else { 1.0 })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_main_direction_comes_first_with_a_fixed_sign() {
        let vectors = ndarray::array![[1.0, 2.0], [2.0, 4.1], [3.0, 5.9], [-6.0, -12.0]];
        let reduced = reduce(&vectors);
        let first = reduced.vectors.column(0);
        assert!(first[0] > 0.0 && first[3] < -10.0);
        assert!(reduced.vectors.column(1).iter().all(|x| x.abs() < 0.2));
        assert!((reduced.variance_kept - 1.0).abs() < 1e-9);
    }
}
