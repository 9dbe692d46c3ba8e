//! Multinomial logistic regression with L2, by L-BFGS in f64.
//!
//! ```text
//! minimise  Σ weight(y) · -log softmax(W x + b)[y]  +  |W|² / (2 C)
//! ```
//! with `weight(y) = N / (labels · N(y))`, so that each label counts alike however rare; the bias
//! is free. Convex; starts from zero; nothing is random.

use argmin::core::{CostFunction, Error, Executor, Gradient, State};
use argmin::solver::linesearch::MoreThuenteLineSearch;
use argmin::solver::quasinewton::LBFGS;
use logtriage_engine::semantic::WIDTH;

use super::features::{Features, Sample};

/// Steps that the optimiser looks back.
const HISTORY: usize = 10;
/// Steps at most; on the default corpus it stops by itself before.
const STEPS: u64 = 300;
/// Stops when a step gains less than this share of the cost.
const GAIN: f64 = 1e-6;

/// Weights: for each feature, in the order embedding, words, bias, a run of labels.
#[derive(Debug, Clone)]
pub(super) struct Weights {
    pub(super) labels: usize,
    pub(super) values: Vec<f64>,
}

impl Weights {
    /// The weights of a feature, one for each label.
    pub(super) fn row(&self, feature: usize) -> &[f64] {
        &self.values[feature * self.labels..][..self.labels]
    }

    /// One logit for each label.
    pub(super) fn logits(&self, sample: &Sample) -> Vec<f64> {
        let bias = self.values.len() / self.labels - 1;
        let mut logits = self.row(bias).to_vec();
        for (feature, value) in entries(sample) {
            for (logit, weight) in logits.iter_mut().zip(self.row(feature)) {
                *logit += value * weight;
            }
        }
        logits
    }
}

/// `(feature, value)` of a sample, without the bias.
fn entries(sample: &Sample) -> impl Iterator<Item = (usize, f64)> + '_ {
    let words = sample.words.iter().map(|&(place, value)| (WIDTH + place, value));
    sample.embedding.iter().copied().enumerate().chain(words)
}

/// What is minimised, over the samples of one fold.
struct Problem<'a> {
    features: &'a Features,
    targets: &'a [usize],
    rows: &'a [usize],
    class_weights: Vec<f64>,
    labels: usize,
    c: f64,
}

/// Fits `rows` of `features`; `targets` has the label of every sample.
pub(super) fn fit(
    features: &Features,
    targets: &[usize],
    rows: &[usize],
    labels: usize,
    c: f64,
) -> Result<Weights, Error> {
    let class_weights = class_weights(targets, rows, labels);
    let problem = Problem { features, targets, rows, class_weights, labels, c };
    let solver = LBFGS::new(MoreThuenteLineSearch::new(), HISTORY)
        .with_tolerance_grad(1e-3)?
        .with_tolerance_cost(GAIN * rows.len() as f64)?;
    let start = vec![0.0; features.width() * labels];
    let result = Executor::new(problem, solver)
        .configure(|state| state.param(start.clone()).max_iters(STEPS))
        .timer(false)
        .run()?;
    let values = result.state().get_best_param().cloned().unwrap_or(start);
    Ok(Weights { labels, values })
}

/// `N / (labels · N(label))`; 0 for a label that is not among the rows.
fn class_weights(targets: &[usize], rows: &[usize], labels: usize) -> Vec<f64> {
    let mut counts = vec![0.0_f64; labels];
    for &row in rows {
        counts[targets[row]] += 1.0;
    }
    let present = counts.iter().filter(|&&count| count > 0.0).count() as f64;
    let weight = |count: f64| rows.len() as f64 / (present * count);
    counts.into_iter().map(|count| if count > 0.0 { weight(count) } else { 0.0 }).collect()
}

impl Problem<'_> {
    /// The penalty leaves the bias, which comes last, alone.
    fn penalised(&self) -> usize {
        (self.features.width() - 1) * self.labels
    }
}

impl CostFunction for Problem<'_> {
    type Param = Vec<f64>;
    type Output = f64;

    fn cost(&self, values: &Vec<f64>) -> Result<f64, Error> {
        let weights = Weights { labels: self.labels, values: values.clone() };
        let mut cost = 0.0;
        for &row in self.rows {
            let target = self.targets[row];
            let logits = weights.logits(&self.features.samples[row]);
            cost -= self.class_weights[target] * log_softmax(&logits)[target];
        }
        let square: f64 = values[..self.penalised()].iter().map(|value| value * value).sum();
        Ok(cost + square / (2.0 * self.c))
    }
}

impl Gradient for Problem<'_> {
    type Param = Vec<f64>;
    type Gradient = Vec<f64>;

    fn gradient(&self, values: &Vec<f64>) -> Result<Vec<f64>, Error> {
        let weights = Weights { labels: self.labels, values: values.clone() };
        let penalised = self.penalised();
        let mut gradient: Vec<f64> = values.iter().map(|value| value / self.c).collect();
        gradient[penalised..].fill(0.0);
        for &row in self.rows {
            let sample = &self.features.samples[row];
            let target = self.targets[row];
            let mut slopes: Vec<f64> =
                log_softmax(&weights.logits(sample)).iter().map(|log| log.exp()).collect();
            slopes[target] -= 1.0;
            slopes.iter_mut().for_each(|slope| *slope *= self.class_weights[target]);
            let bias = (self.features.width() - 1, 1.0);
            for (feature, value) in entries(sample).chain([bias]) {
                let sums = &mut gradient[feature * self.labels..][..self.labels];
                for (sum, slope) in sums.iter_mut().zip(&slopes) {
                    *sum += value * slope;
                }
            }
        }
        Ok(gradient)
    }
}

/// Logarithms of the probabilities.
pub(super) fn log_softmax(logits: &[f64]) -> Vec<f64> {
    let highest = logits.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let total: f64 = logits.iter().map(|logit| (logit - highest).exp()).sum();
    logits.iter().map(|logit| logit - highest - total.ln()).collect()
}
