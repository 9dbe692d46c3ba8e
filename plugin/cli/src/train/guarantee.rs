//! Thresholds with a guarantee: the answers of a label that reach its threshold are wrong at most
//! as often as a target says, with probability 95%.
//!
//! Learn then test (Angelopoulos, Bates, Candès, Jordan and Lei, 2021) with fixed-sequence testing
//! and the exact binomial bound. The promise holds for each label by itself, and for logs like
//! those that the answers are about.

use logtriage_engine::semantic::LabelCalibration;
use logtriage_engine::{Confidence, Threshold};
use statrs::distribution::{Beta, ContinuousCDF};

use super::calibrate::Answer;
use crate::failure::Failure;

/// What thresholds are to promise.
#[derive(Debug, Clone, Copy, clap::Args)]
pub(crate) struct Target {
    /// Highest share of wrong answers among those that reach their label's threshold, above 0,
    /// below 1; holds for each label with probability 95%
    #[arg(long = "target-error", default_value_t = 0.05, value_name = "SHARE")]
    pub(crate) error: f64,
}

impl Target {
    /// Whether it can be one.
    pub(crate) fn check(self) -> Result<(), Failure> {
        if self.error > 0.0 && self.error < 1.0 {
            return Ok(());
        }
        Err(Failure::other(format!("--target-error is {}, expected 0 to 1", self.error)))
    }
}

/// Probability that a threshold's promise does not hold.
const DELTA: f64 = 0.05;

/// Probability that the promise of a label's threshold holds.
pub(crate) const PROBABILITY: f64 = 1.0 - DELTA;

/// The threshold of each label: the lowest confidence, from 0.5 up, from which on the answers of
/// that label are wrong at most `target` of the time, with probability 95%; never, if there is
/// none.
pub(crate) fn thresholds(answers: &[Answer], labels: usize, target: f64) -> Vec<Threshold> {
    (0..labels).map(|label| threshold(&own(answers, label), target)).collect()
}

/// What is to be said of the threshold of each label.
pub(crate) fn found(
    answers: &[Answer],
    thresholds: &[Threshold],
    target: f64,
) -> Vec<LabelCalibration> {
    let label = |(label, threshold): (usize, &Threshold)| {
        let own = own(answers, label);
        let accepted: Vec<&Answer> =
            own.iter().filter(|answer| threshold.admits(answer.confidence)).collect();
        let wrong = accepted.iter().filter(|answer| !answer.is_right()).count();
        let is_given = *threshold != Threshold::Never;
        LabelCalibration {
            target_error: target,
            answers: own.len(),
            accepted: accepted.len(),
            wrong,
            coverage: to_four(accepted.len() as f64 / own.len().max(1) as f64, f64::round),
            upper_bound: is_given.then(|| to_four(upper_bound(wrong, accepted.len()), f64::ceil)),
            answers_missing: (!is_given).then(|| answers_missing(&own, target)),
        }
    };
    thresholds.iter().enumerate().map(label).collect()
}

/// To four decimals.
fn to_four(value: f64, round: fn(f64) -> f64) -> f64 {
    round(value * 10_000.0) / 10_000.0
}

/// The answers that say `label`, the surest first.
fn own(answers: &[Answer], label: usize) -> Vec<Answer> {
    let mut own: Vec<Answer> =
        answers.iter().copied().filter(|answer| answer.said == label).collect();
    own.sort_by_key(|answer| std::cmp::Reverse(answer.confidence));
    own
}

/// No label is given that is less likely right than wrong, whatever else is promised: that matters
/// on logs unlike those that were calibrated on.
const LOWEST: u16 = 50;

/// Going down in steps of 0.01, to 0.5 at the lowest, each confidence is tested at the full level
/// until one fails; the last that passed is the threshold. The first test is where there are
/// answers enough to bear two errors (or one, or none, if there are too few altogether), so that
/// one wrong answer at the top does not end it; where that is depends on no answer being right.
/// `own` is sorted, the surest first.
fn threshold(own: &[Answer], target: f64) -> Threshold {
    let bears = |errors: &usize| upper_bound(*errors, own.len()) <= target;
    let Some(spare) = [2, 1, 0].into_iter().find(bears) else { return Threshold::Never };
    let mut passed = Threshold::Never;
    for units in (LOWEST..100).rev().map(|step| step * 100) {
        let Some(least) = Confidence::from_units(units) else { break };
        let accepted = &own[..own.partition_point(|answer| answer.confidence >= least)];
        let wrong = accepted.iter().filter(|answer| !answer.is_right()).count();
        if upper_bound(spare, accepted.len()) > target {
            continue;
        }
        if upper_bound(wrong, accepted.len()) > target {
            break;
        }
        passed = Threshold::At(least);
    }
    passed
}

/// With how many more answers, right and of the highest confidence, there is a threshold.
fn answers_missing(own: &[Answer], target: f64) -> usize {
    let suffice = |more: usize| {
        let said = own.first().map_or(0, |answer| answer.said);
        let right = Answer { truth: said, said, confidence: Confidence::ONE };
        let all: Vec<Answer> =
            std::iter::repeat_n(right, more).chain(own.iter().copied()).collect();
        threshold(&all, target) != Threshold::Never
    };
    // Sooner or later they outweigh every error.
    let (mut few, mut enough) = (0, 1);
    while !suffice(enough) {
        (few, enough) = (enough, 2 * enough);
    }
    while enough - few > 1 {
        let middle = few.midpoint(enough);
        if suffice(middle) { enough = middle } else { few = middle }
    }
    enough
}

/// The exact one-sided upper bound on an error rate of which `wrong` of `all` were seen (Clopper
/// and Pearson, Biometrika 1934), at 95%.
fn upper_bound(wrong: usize, all: usize) -> f64 {
    if wrong >= all {
        return 1.0;
    }
    Beta::new(wrong as f64 + 1.0, (all - wrong) as f64)
        .map_or(1.0, |beta| beta.inverse_cdf(PROBABILITY))
}

/// How many answers without an error bring the bound down to `target`: the smallest n with
/// 0.05^(1/n) at least 1 - target.
pub(crate) fn answers_needed(target: f64) -> u64 {
    (DELTA.ln() / (1.0 - target).ln()).ceil() as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(right: bool, units: u16) -> Answer {
        let confidence = Confidence::from_units(units).unwrap();
        Answer { truth: usize::from(!right), said: 0, confidence }
    }

    fn at(units: u16) -> Threshold {
        Threshold::At(Confidence::from_units(units).unwrap())
    }

    #[test]
    fn the_bound_is_the_exact_one() {
        // Without an error it is 1 - 0.05^(1/n).
        assert!((upper_bound(0, 59) - (1.0 - 0.05_f64.powf(1.0 / 59.0))).abs() < 1e-6);
        assert!(upper_bound(0, 58) > 0.05 && upper_bound(0, 59) < 0.05);
        assert!((upper_bound(5, 100) - 0.1022).abs() < 1e-3);
        assert_eq!(upper_bound(0, 0), 1.0);
        assert_eq!(answers_needed(0.05), 59);
    }

    #[test]
    fn a_threshold_stops_where_errors_begin() {
        let mut own: Vec<Answer> = (0..100).map(|_| answer(true, 9000)).collect();
        own.extend((0..20).map(|_| answer(false, 5000)));
        assert_eq!(threshold(&own, 0.05), at(5100));
        assert_eq!(threshold(&own[..40], 0.05), Threshold::Never);
    }

    #[test]
    fn what_is_missing_is_what_suffices() {
        assert_eq!(answers_missing(&[], 0.05), 59);
        assert_eq!(answers_missing(&vec![answer(true, 8000); 40], 0.05), 19);
        assert_eq!(answers_missing(&[answer(false, 10_000)], 0.05), 92);
        // What is not sure does not count against what is.
        assert_eq!(answers_missing(&vec![answer(false, 3000); 20], 0.05), 59);
    }

    #[test]
    fn what_is_told_of_a_label() {
        let mut answers: Vec<Answer> = (0..100).map(|_| answer(true, 9000)).collect();
        answers.push(answer(false, 9500));
        answers.extend((0..27).map(|_| answer(false, 5000)));
        let found = found(&answers, &[at(9000), Threshold::Never], 0.05);
        assert_eq!((found[0].answers, found[0].accepted, found[0].wrong), (128, 101, 1));
        assert_eq!((found[0].coverage, found[0].upper_bound), (0.7891, Some(0.0462)));
        assert_eq!((found[1].answers, found[1].coverage), (0, 0.0));
        assert_eq!((found[1].upper_bound, found[1].answers_missing), (None, Some(59)));
    }

    /// Answers whose confidence says little: right with the probability that a curve gives.
    struct World {
        right: fn(f64) -> f64,
    }

    impl World {
        fn draw(&self, random: &mut fastrand::Rng) -> Vec<Answer> {
            let draw = |_| {
                let confidence = Confidence::from_units(random.u16(0..=10_000)).unwrap();
                let truth = usize::from(random.f64() >= (self.right)(confidence.probability()));
                Answer { truth, said: 0, confidence }
            };
            (0..300).map(draw).collect()
        }

        /// The true share of wrong answers at and above a threshold.
        fn error(&self, threshold: Threshold) -> f64 {
            let Threshold::At(least) = threshold else { return 0.0 };
            let units = least.units()..=10_000;
            let wrong = |units| 1.0 - (self.right)(f64::from(units) / 10_000.0);
            let count = units.clone().count() as f64;
            units.map(wrong).sum::<f64>() / count
        }

        /// How often, of 2,000 calibrations on fresh data, the promise of a rule is broken.
        fn broken(&self, rule: fn(&[Answer], f64) -> Threshold) -> usize {
            let mut random = fastrand::Rng::with_seed(6);
            let trial = |_| self.error(rule(&own(&self.draw(&mut random), 0), 0.1)) > 0.1;
            (0..2000).map(trial).filter(|broken| *broken).count()
        }
    }

    /// Surer answers are better; all are just too bad; the surest are worst.
    const WORLDS: [World; 3] = [
        World { right: |confidence| 0.75 + 0.25 * confidence },
        World { right: |_| 0.899 },
        World { right: |confidence| if confidence > 0.9 { 0.85 } else { 0.95 } },
    ];

    /// 5% of 2,000, and three standard deviations.
    const MOST_BROKEN: usize = 100 + 30;

    #[test]
    fn the_promise_is_broken_as_seldom_as_it_says() {
        for world in WORLDS {
            let broken = world.broken(threshold);
            assert!(broken <= MOST_BROKEN, "{broken} of 2000");
        }
        // And it is not kept by never giving a label.
        let mut random = fastrand::Rng::with_seed(6);
        let given = |_| threshold(&own(&WORLDS[0].draw(&mut random), 0), 0.1) != Threshold::Never;
        assert!((0..200).map(given).filter(|given| *given).count() > 100);
    }

    /// What the test above would say of rules that promise too much.
    #[test]
    fn naive_rules_break_the_promise() {
        /// The lowest confidence from which on the answers seen are right often enough.
        fn by_share(own: &[Answer], target: f64) -> Threshold {
            search(own, target, |wrong, all| wrong as f64 / all as f64)
        }
        /// The same with the exact bound, but without an order of tests: the luckiest one counts.
        fn by_luck(own: &[Answer], target: f64) -> Threshold {
            search(own, target, upper_bound)
        }
        fn search(own: &[Answer], target: f64, error: fn(usize, usize) -> f64) -> Threshold {
            for units in (0..100).map(|step| step * 100) {
                let least = Confidence::from_units(units).unwrap();
                let accepted = &own[..own.partition_point(|answer| answer.confidence >= least)];
                let wrong = accepted.iter().filter(|answer| !answer.is_right()).count();
                if !accepted.is_empty() && error(wrong, accepted.len()) <= target {
                    return Threshold::At(least);
                }
            }
            Threshold::Never
        }
        for rule in [by_share, by_luck] {
            let broken = WORLDS.map(|world| world.broken(rule));
            assert!(broken.iter().any(|broken| *broken > 2 * MOST_BROKEN), "{broken:?}");
        }
    }
}
