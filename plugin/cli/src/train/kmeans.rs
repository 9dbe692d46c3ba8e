//! k-means: groups of points that nobody has named.

use fastrand::Rng;
use ndarray::{Array1, Array2, ArrayView1, Axis};

/// Rounds of Lloyd's algorithm at most.
const ROUNDS: usize = 50;

/// Centroids, and which of them is nearest to each point.
pub(super) struct KMeans {
    points: Array2<f32>,
    pub(super) centroids: Array2<f32>,
    nearest: Vec<usize>,
}

impl KMeans {
    /// Lloyd's algorithm from a start by k-means++ (Arthur and Vassilvitskii, SODA 2007) with a
    /// fixed seed.
    pub(super) fn of(points: Array2<f32>, number: usize) -> Self {
        let centroids = points.select(Axis(0), &start(&points, number));
        let mut groups = Self { nearest: nearest(&points, &centroids), points, centroids };
        for _ in 0..ROUNDS {
            groups.centre();
            let now = nearest(&groups.points, &groups.centroids);
            if now == groups.nearest {
                break;
            }
            groups.nearest = now;
        }
        groups
    }

    /// Moves each centroid to the mean of its points; one without any stays.
    fn centre(&mut self) {
        for (group, mut centroid) in self.centroids.rows_mut().into_iter().enumerate() {
            let own = (0..self.nearest.len()).filter(|&place| self.nearest[place] == group);
            let own: Vec<usize> = own.collect();
            if let Some(mean) = self.points.select(Axis(0), &own).mean_axis(Axis(0)) {
                centroid.assign(&mean);
            }
        }
    }

    /// Numbers the groups by size.
    pub(super) fn largest_first(&mut self) {
        let mut sizes = vec![0_usize; self.centroids.nrows()];
        self.nearest.iter().for_each(|&group| sizes[group] += 1);
        let mut order: Vec<usize> = (0..sizes.len()).collect();
        order.sort_by_key(|&group| std::cmp::Reverse(sizes[group]));
        self.centroids = self.centroids.select(Axis(0), &order);
        self.nearest = nearest(&self.points, &self.centroids);
    }

    /// For each group its point that is nearest to the centroid, of those that are wanted if there
    /// is one.
    pub(super) fn most_central(&self, is_wanted: impl Fn(usize) -> bool) -> Vec<usize> {
        let central = |(group, centroid): (usize, ArrayView1<'_, f32>)| {
            let distances = squares(&self.points, centroid);
            let rank = |place: usize| (self.nearest[place] != group, !is_wanted(place));
            (0..distances.len())
                .min_by(|&a, &b| rank(a).cmp(&rank(b)).then(distances[a].total_cmp(&distances[b])))
        };
        self.centroids.rows().into_iter().enumerate().filter_map(central).collect()
    }
}

/// Distinct points, each next one drawn by the square of its distance to those before.
fn start(points: &Array2<f32>, number: usize) -> Vec<usize> {
    let mut random = Rng::with_seed(0);
    let mut distances = vec![f32::INFINITY; points.nrows()];
    let mut chosen = vec![random.usize(0..points.nrows())];
    while chosen.len() < number {
        for (least, square) in
            distances.iter_mut().zip(squares(points, points.row(chosen[chosen.len() - 1])))
        {
            *least = least.min(square);
        }
        let total: f64 = distances.iter().copied().map(f64::from).sum();
        let mut left = random.f64() * total;
        let drawn = distances.iter().position(|&square| {
            left -= f64::from(square);
            square > 0.0 && left <= 0.0
        });
        match drawn {
            Some(place) => chosen.push(place),
            // No point is left that is not chosen.
            None => break,
        }
    }
    chosen
}

/// The square of each point's distance to another; exactly 0 to itself.
fn squares(points: &Array2<f32>, other: ArrayView1<'_, f32>) -> Vec<f32> {
    let square = |point: ArrayView1<'_, f32>| {
        point.iter().zip(other).map(|(a, b)| (a - b) * (a - b)).sum::<f32>()
    };
    points.rows().into_iter().map(square).collect()
}

/// The centroid nearest to each point; of equals, the first.
fn nearest(points: &Array2<f32>, centroids: &Array2<f32>) -> Vec<usize> {
    let halves: Array1<f32> = centroids.rows().into_iter().map(|c| c.dot(&c) / 2.0).collect();
    let near = points.dot(&centroids.t()) - halves;
    let best = |row: ArrayView1<'_, f32>| {
        (0..row.len()).rev().max_by(|&a, &b| row[a].total_cmp(&row[b])).unwrap_or_default()
    };
    near.rows().into_iter().map(best).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn heaps_become_groups_the_largest_first() {
        let heaps = [(0.0, 5), (10.0, 31), (20.0, 9)];
        let points = heaps
            .iter()
            .flat_map(|&(middle, count)| (0..count).flat_map(move |n| [middle, n as f32 / 100.0]));
        let points = Array2::from_shape_vec((45, 2), points.collect()).unwrap();
        let mut groups = KMeans::of(points, 3);
        groups.largest_first();
        let middles: Vec<f32> = groups.centroids.column(0).to_vec();
        assert_eq!(middles, [10.0, 20.0, 0.0]);
        assert_eq!(groups.most_central(|_| true), [20, 40, 2]);
        assert_eq!(groups.most_central(|place| place < 12), [11, 40, 2]);
    }

    #[test]
    fn there_are_no_more_groups_than_points() {
        let points = Array2::from_shape_vec((4, 1), vec![1.0, 1.0, 2.0, 2.0]).unwrap();
        assert_eq!(KMeans::of(points, 3).centroids.nrows(), 2);
    }
}
