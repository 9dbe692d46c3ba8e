//! From out-of-fold logits to a temperature, and to answers with a confidence.

use argmin::core::{CostFunction, Error, Executor, State};
use argmin::solver::brent::BrentOpt;
use logtriage_engine::Confidence;
use logtriage_engine::semantic::shrink;

use super::logistic::log_softmax;

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

#[cfg(test)]
mod tests {
    use super::*;

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
