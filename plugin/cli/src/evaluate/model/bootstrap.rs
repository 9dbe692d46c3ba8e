//! Intervals by bootstrap (Efron, Annals of Statistics 1979): percentiles over resamples.
//!
//! What is drawn is what could have been others: whole systems where systems were left out, for
//! templates of a system stand and fall together; templates where templates were.

use fastrand::Rng;

use crate::train::confusion::Confusion;

/// Resamples of an interval.
const RESAMPLES: usize = 1000;
/// Two runs give the same intervals, and contestants are compared on the same draws.
const SEED: u64 = 20_260_101;

/// The middle 95% of what the resamples say.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Interval {
    pub(super) low: f64,
    pub(super) high: f64,
}

/// The confusion in each resample.
#[derive(Debug, PartialEq)]
pub(super) struct Resamples(Vec<Confusion>);

impl Resamples {
    /// Draws as many units as there are, with replacement; `units` has the unit of each of `pairs`
    /// of truth and answer.
    pub(super) fn draw(units: &[usize], labels: usize, pairs: &[(usize, Option<usize>)]) -> Self {
        let count = units.iter().max().map_or(0, |last| last + 1);
        let mut members = vec![Vec::new(); count];
        for (&unit, &pair) in units.iter().zip(pairs) {
            members[unit].push(pair);
        }
        members.retain(|members| !members.is_empty());
        let mut random = Rng::with_seed(SEED);
        let mut resample = |_| {
            let draws = members.iter().map(|_| random.u64(..members.len() as u64) as usize);
            Confusion::of(labels, draws.flat_map(|unit| members[unit].iter().copied()))
        };
        Self((0..RESAMPLES).map(&mut resample).collect())
    }

    /// The interval of a figure.
    pub(super) fn interval(&self, of: impl Fn(&Confusion) -> f64) -> Interval {
        Interval::of(self.0.iter().map(of).collect())
    }

    /// The interval of a figure less another's, on the same draws.
    pub(super) fn difference(&self, other: &Self, of: impl Fn(&Confusion) -> f64) -> Interval {
        Interval::of(self.0.iter().zip(&other.0).map(|(own, other)| of(own) - of(other)).collect())
    }
}

impl Interval {
    fn of(mut values: Vec<f64>) -> Self {
        values.sort_unstable_by(f64::total_cmp);
        let at = |share: f64| {
            let place = (share * values.len().saturating_sub(1) as f64).round() as usize;
            values.get(place).copied().unwrap_or_default()
        };
        Self { low: at(0.025), high: at(0.975) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 200 templates, 150 of them right.
    fn pairs() -> Vec<(usize, Option<usize>)> {
        (0..200).map(|row| (row % 2, Some(if row < 150 { row % 2 } else { 1 - row % 2 }))).collect()
    }

    #[test]
    fn two_runs_draw_the_same() {
        let units: Vec<usize> = (0..200).collect();
        let first = Resamples::draw(&units, 2, &pairs());
        assert_eq!(first, Resamples::draw(&units, 2, &pairs()));
        assert!(first.0.iter().any(|resample| *resample != first.0[0]), "resamples differ");
    }

    #[test]
    fn an_interval_of_templates_is_that_of_the_binomial() {
        let units: Vec<usize> = (0..200).collect();
        let interval = Resamples::draw(&units, 2, &pairs()).interval(Confusion::accuracy);
        // 0.75 ± 1.96 · sqrt(0.75 · 0.25 / 200) = 0.69 to 0.81.
        assert!((interval.low - 0.69).abs() < 0.012, "{interval:?}");
        assert!((interval.high - 0.81).abs() < 0.012, "{interval:?}");
    }

    #[test]
    fn systems_that_stand_and_fall_together_widen_it() {
        let alone: Vec<usize> = (0..200).collect();
        let together: Vec<usize> = (0..200).map(|row| row / 25).collect();
        let width = |units: &[usize]| {
            let interval = Resamples::draw(units, 2, &pairs()).interval(Confusion::accuracy);
            interval.high - interval.low
        };
        assert!(width(&together) > 3.0 * width(&alone));
    }

    #[test]
    fn differences_are_paired() {
        let units: Vec<usize> = (0..200).collect();
        let drawn = Resamples::draw(&units, 2, &pairs());
        let same = Resamples::draw(&units, 2, &pairs());
        let none = drawn.difference(&same, Confusion::macro_f1);
        assert_eq!(none, Interval { low: 0.0, high: 0.0 });
    }
}
