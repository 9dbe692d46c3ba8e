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
use ndarray::{Array2, ArrayView2, ArrayViewMut2, Axis};

use super::features::{Features, Sample};

/// Steps that the optimiser looks back.
const HISTORY: usize = 10;
/// Steps at most; on the default corpus it stops by itself before.
const STEPS: u64 = 300;
/// Stops when a step gains less than this for each sample.
const GAIN: f64 = 1e-6;

/// Weights: for each feature, in the order embedding, terms, bias, a run of labels.
#[derive(Debug, Clone)]
pub(super) struct Weights {
    pub(super) labels: usize,
    /// Features of the embedding.
    dense: usize,
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
        let embedding = sample.embedding.iter().copied().enumerate();
        for (feature, value) in embedding.chain(term_features(sample, self.dense)) {
            for (logit, weight) in logits.iter_mut().zip(self.row(feature)) {
                *logit += value * weight;
            }
        }
        logits
    }
}

/// `(feature, value)` of a sample's terms.
fn term_features(sample: &Sample, dense: usize) -> impl Iterator<Item = (usize, f64)> + '_ {
    sample.terms.iter().map(move |&(place, value)| (dense + place, value))
}

/// What is minimised, over the samples of one fold.
struct Problem<'a> {
    samples: Vec<&'a Sample>,
    targets: Vec<usize>,
    /// One row for each sample.
    embeddings: Array2<f64>,
    class_weights: Vec<f64>,
    /// Features of the embedding.
    dense: usize,
    /// Features with the bias.
    width: usize,
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
    let problem = Problem::new(features, targets, rows, labels, c)?;
    let solver = LBFGS::new(MoreThuenteLineSearch::new(), HISTORY)
        .with_tolerance_grad(1e-3)?
        .with_tolerance_cost(GAIN * rows.len() as f64)?;
    let start = vec![0.0; features.width() * labels];
    let result = Executor::new(problem, solver)
        .configure(|state| state.param(start.clone()).max_iters(STEPS))
        .timer(false)
        .run()?;
    let values = result.state().get_best_param().cloned().unwrap_or(start);
    Ok(Weights { labels, dense: features.dense, values })
}

/// `N / (labels · N(label))`; 0 for a label that is not among the targets.
fn class_weights(targets: &[usize], labels: usize) -> Vec<f64> {
    let mut counts = vec![0.0_f64; labels];
    targets.iter().for_each(|&target| counts[target] += 1.0);
    let present = counts.iter().filter(|&&count| count > 0.0).count() as f64;
    let weight = |count: f64| targets.len() as f64 / (present * count);
    counts.into_iter().map(|count| if count > 0.0 { weight(count) } else { 0.0 }).collect()
}

impl<'a> Problem<'a> {
    fn new(
        features: &'a Features,
        targets: &[usize],
        rows: &[usize],
        labels: usize,
        c: f64,
    ) -> Result<Self, Error> {
        let samples: Vec<&Sample> = rows.iter().map(|&row| &features.samples[row]).collect();
        let targets: Vec<usize> = rows.iter().map(|&row| targets[row]).collect();
        let embeddings: Vec<f64> =
            samples.iter().flat_map(|sample| sample.embedding.iter().copied()).collect();
        Ok(Self {
            embeddings: Array2::from_shape_vec((samples.len(), features.dense), embeddings)?,
            class_weights: class_weights(&targets, labels),
            dense: features.dense,
            width: features.width(),
            samples,
            targets,
            labels,
            c,
        })
    }

    /// The penalty leaves the bias, which comes last, alone.
    fn penalised(&self) -> usize {
        (self.width - 1) * self.labels
    }

    /// Logarithms of the probabilities, one row for each sample.
    fn log_probabilities(&self, values: &[f64]) -> Result<Array2<f64>, Error> {
        let dense = &values[..self.dense * self.labels];
        let dense = ArrayView2::from_shape((self.dense, self.labels), dense)?;
        let mut logits = self.embeddings.dot(&dense);
        let row_of = |feature: usize| &values[feature * self.labels..][..self.labels];
        for (mut logits, sample) in logits.axis_iter_mut(Axis(0)).zip(&self.samples) {
            for (feature, value) in term_features(sample, self.dense).chain([(self.width - 1, 1.0)])
            {
                for (logit, weight) in logits.iter_mut().zip(row_of(feature)) {
                    *logit += value * weight;
                }
            }
            let normal = log_total(logits.iter().copied());
            logits -= normal;
        }
        Ok(logits)
    }
}

impl CostFunction for Problem<'_> {
    type Param = Vec<f64>;
    type Output = f64;

    fn cost(&self, values: &Vec<f64>) -> Result<f64, Error> {
        let logs = self.log_probabilities(values)?;
        let losses = self.targets.iter().enumerate();
        let loss: f64 =
            losses.map(|(row, &target)| -self.class_weights[target] * logs[[row, target]]).sum();
        let square: f64 = values[..self.penalised()].iter().map(|value| value * value).sum();
        Ok(loss + square / (2.0 * self.c))
    }
}

impl Gradient for Problem<'_> {
    type Param = Vec<f64>;
    type Gradient = Vec<f64>;

    fn gradient(&self, values: &Vec<f64>) -> Result<Vec<f64>, Error> {
        let mut slopes = self.log_probabilities(values)?.mapv_into(f64::exp);
        for (mut slopes, &target) in slopes.axis_iter_mut(Axis(0)).zip(&self.targets) {
            slopes[target] -= 1.0;
            slopes *= self.class_weights[target];
        }
        let mut gradient: Vec<f64> = values.iter().map(|value| value / self.c).collect();
        gradient[self.penalised()..].fill(0.0);

        let (dense, _) = gradient.split_at_mut(self.dense * self.labels);
        let mut dense = ArrayViewMut2::from_shape((self.dense, self.labels), dense)?;
        dense += &self.embeddings.t().dot(&slopes);
        for (slopes, sample) in slopes.axis_iter(Axis(0)).zip(&self.samples) {
            for (feature, value) in term_features(sample, self.dense).chain([(self.width - 1, 1.0)])
            {
                let sums = &mut gradient[feature * self.labels..][..self.labels];
                for (sum, slope) in sums.iter_mut().zip(slopes) {
                    *sum += value * slope;
                }
            }
        }
        Ok(gradient)
    }
}

/// Logarithm of the sum of exponentials.
fn log_total(logits: impl Iterator<Item = f64> + Clone) -> f64 {
    let highest = logits.clone().fold(f64::NEG_INFINITY, f64::max);
    highest + logits.map(|logit| (logit - highest).exp()).sum::<f64>().ln()
}

/// Logarithms of the probabilities.
pub(super) fn log_softmax(logits: &[f64]) -> Vec<f64> {
    let total = log_total(logits.iter().copied());
    logits.iter().map(|logit| logit - total).collect()
}
