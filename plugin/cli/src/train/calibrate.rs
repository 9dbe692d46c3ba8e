//! From out-of-fold logits to a temperature and to thresholds with a guarantee.

use argmin::core::{CostFunction, Error, Executor, State};
use argmin::solver::brent::BrentOpt;
use logtriage_engine::semantic::shrink;
use logtriage_engine::{Confidence, Threshold};
use statrs::distribution::{Beta, ContinuousCDF};

use super::logistic::log_softmax;

/// Probability that a threshold's promise does not hold.
const DELTA: f64 = 0.05;

/// What a model says of a template that it has not seen.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct HeldOut {
    pub(crate) logits: Vec<f64>,
    /// As [`Embedder::trust`](logtriage_engine::semantic::Embedder::trust) by the tokens of that
    /// model's training data.
    pub(crate) trust: f64,
}

impl HeldOut {
    /// The probability of each label at a temperature, as the engine would have it.
    pub(crate) fn probabilities(&self, temperature: f64) -> Vec<f64> {
        let scaled: Vec<f64> = self.logits.iter().map(|logit| logit / temperature).collect();
        let mut probabilities: Vec<f64> = log_softmax(&scaled).into_iter().map(f64::exp).collect();
        shrink(&mut probabilities, self.trust);
        probabilities
    }
}

/// A held-out template: what is right, and what the model says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Answer {
    pub(crate) truth: usize,
    pub(crate) said: usize,
    pub(crate) confidence: Confidence,
}

impl Answer {
    pub(crate) fn is_right(&self) -> bool {
        self.truth == self.said
    }
}

/// The temperature that makes the truth likeliest (Guo et al., ICML 2017), 0.05 to 20.
pub(crate) fn temperature(held_out: &[HeldOut], targets: &[usize]) -> Result<f64, Error> {
    struct Loss<'a>(&'a [HeldOut], &'a [usize]);
    impl CostFunction for Loss<'_> {
        type Param = f64;
        type Output = f64;
        fn cost(&self, log_temperature: &f64) -> Result<f64, Error> {
            let temperature = log_temperature.exp();
            let losses = self.0.iter().zip(self.1).map(|(held_out, &target)| {
                // Never the logarithm of 0, however low the temperature.
                -held_out.probabilities(temperature)[target].max(f64::MIN_POSITIVE).ln()
            });
            Ok(losses.sum())
        }
    }
    let solver = BrentOpt::new(0.05_f64.ln(), 20.0_f64.ln());
    let result = Executor::new(Loss(held_out, targets), solver)
        .configure(|state| state.max_iters(100))
        .timer(false)
        .run()?;
    Ok(result.state().get_best_param().map_or(1.0, |log| log.exp()))
}

/// What the model says of each sample at a temperature.
pub(crate) fn answers(held_out: &[HeldOut], targets: &[usize], temperature: f64) -> Vec<Answer> {
    let answer = |(held_out, &truth): (&HeldOut, &usize)| {
        let probabilities = held_out.probabilities(temperature);
        let mut said = 0;
        for (label, probability) in probabilities.iter().enumerate() {
            if *probability > probabilities[said] {
                said = label;
            }
        }
        Answer { truth, said, confidence: Confidence::from_probability(probabilities[said]) }
    };
    held_out.iter().zip(targets).map(answer).collect()
}

/// The threshold of each label: the lowest confidence from which on the answers of that label are
/// wrong at most `target` of the time, with probability 95%; never, if there is none.
pub(crate) fn thresholds(answers: &[Answer], labels: usize, target: f64) -> Vec<Threshold> {
    (0..labels)
        .map(|label| {
            let mut own: Vec<Answer> =
                answers.iter().copied().filter(|answer| answer.said == label).collect();
            own.sort_by_key(|answer| std::cmp::Reverse(answer.confidence));
            threshold(&own, target)
        })
        .collect()
}

/// Learn then test (Angelopoulos et al., 2021) with fixed-sequence testing: going down in steps of
/// 0.01, each confidence is tested at the full level until one fails; the last that passed is the
/// threshold. The first test is where there are answers enough to bear two errors (or one, or none,
/// if there are too few altogether), so that one wrong answer at the top does not end it; where
/// that is depends on no answer being right. `own` is sorted, the surest first.
fn threshold(own: &[Answer], target: f64) -> Threshold {
    let bears = |errors: &usize| upper_bound(*errors, own.len()) <= target;
    let Some(spare) = [2, 1, 0].into_iter().find(bears) else { return Threshold::Never };
    let mut passed = Threshold::Never;
    for units in (0..100).rev().map(|step| step * 100) {
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

/// The exact one-sided upper bound on an error rate of which `wrong` of `all` were seen (Clopper
/// and Pearson, Biometrika 1934), at 95%.
pub(crate) fn upper_bound(wrong: usize, all: usize) -> f64 {
    if wrong >= all {
        return 1.0;
    }
    Beta::new(wrong as f64 + 1.0, (all - wrong) as f64)
        .map_or(1.0, |beta| beta.inverse_cdf(1.0 - DELTA))
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
        let at = |units| Threshold::At(Confidence::from_units(units).unwrap());
        assert_eq!(threshold(&own, 0.05), at(5100));
        assert_eq!(threshold(&own[..40], 0.05), Threshold::Never);
    }

    #[test]
    fn unknown_words_make_an_answer_unsure() {
        let held_out = [1.0, 0.5, 0.0].map(|trust| HeldOut { logits: vec![0.0, 50.0], trust });
        let answers = answers(&held_out, &[1, 1, 1], 1.0);
        let units: Vec<u16> = answers.iter().map(|answer| answer.confidence.units()).collect();
        assert_eq!(units, [10_000, 7500, 5000]);
    }

    #[test]
    fn overconfident_logits_get_a_temperature_above_one() {
        let held_out = vec![HeldOut { logits: vec![8.0, 0.0], trust: 1.0 }; 10];
        let targets = [0, 0, 0, 0, 0, 0, 0, 1, 1, 1];
        let temperature = temperature(&held_out, &targets).unwrap();
        // Seven of ten are right: softmax(8 / T) = 0.7.
        assert!((temperature - 8.0 / (0.7_f64 / 0.3).ln()).abs() < 0.05, "{temperature}");
    }
}
