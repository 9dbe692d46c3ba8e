//! Cross-validation: every template is predicted by a model that has not seen its group.

use std::thread;

use logtriage_engine::semantic::Embedder;

use super::calibrate::HeldOut;
use super::features::{Features, Sample};
use super::logistic::{Weights, fit};

/// Folds at most.
const FOLDS: usize = 10;
/// Folds are by source from this many sources on.
pub(super) const MIN_SOURCES: usize = 10;

/// What is held out together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum By {
    /// All templates of a source: how well a system is labelled that was never seen.
    Source,
    /// Each template for itself: how well new lines of known systems are labelled.
    Template,
}

impl By {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Source => "source",
            Self::Template => "template",
        }
    }
}

/// The fold of each sample: groups go, the largest first, to the fold that is smallest by then.
pub(super) fn by_group(groups: &[usize]) -> Vec<usize> {
    let count = groups.iter().max().map_or(0, |&last| last + 1);
    let mut sizes = vec![0_usize; count];
    groups.iter().for_each(|&group| sizes[group] += 1);
    let mut order: Vec<usize> = (0..count).collect();
    order.sort_by_key(|&group| std::cmp::Reverse(sizes[group]));

    let mut loads = [0_usize; FOLDS];
    let mut fold_of = vec![0; count];
    for group in order {
        let fold = (0..FOLDS).min_by_key(|&fold| loads[fold]).unwrap_or_default();
        fold_of[group] = fold;
        loads[fold] += sizes[group];
    }
    groups.iter().map(|&group| fold_of[group]).collect()
}

/// Within each label one sample after the other goes to the next fold, so that all labels are in
/// all folds.
pub(super) fn by_template(targets: &[usize], labels: usize) -> Vec<usize> {
    let mut next: Vec<usize> = (0..labels).collect();
    let fold = |&target: &usize| {
        next[target] += 1;
        next[target] % FOLDS
    };
    targets.iter().map(fold).collect()
}

/// A model of all folds but one.
struct Fold {
    weights: Weights,
    /// Whether each token of the vocabulary was in its training data.
    known: Vec<bool>,
}

impl Fold {
    fn say(&self, embedder: &Embedder, features: &Features, sample: &Sample) -> HeldOut {
        let trust = embedder.trust(&sample.ids, |id| self.known[id as usize]);
        HeldOut { logits: self.weights.logits(features, sample), trust }
    }
}

/// What the model of the other folds says of each sample.
pub(super) fn out_of_fold(
    embedder: &Embedder,
    features: &Features,
    targets: &[usize],
    folds: &[usize],
    labels: usize,
    c: f64,
) -> Result<Vec<HeldOut>, argmin::core::Error> {
    let train = |fold: usize| -> Result<Option<Fold>, argmin::core::Error> {
        let rows: Vec<usize> = (0..folds.len()).filter(|&row| folds[row] != fold).collect();
        if rows.is_empty() || rows.len() == folds.len() {
            return Ok(None);
        }
        let weights = fit(features, targets, &rows, labels, c)?;
        Ok(Some(Fold { weights, known: features.known(&rows) }))
    };
    let models = in_parallel(train)?;
    let said = |(row, &fold): (usize, &usize)| match &models[fold] {
        Some(model) => model.say(embedder, features, &features.samples[row]),
        None => HeldOut { logits: vec![0.0; labels], trust: 1.0 },
    };
    Ok(folds.iter().enumerate().map(said).collect())
}

/// One result for each fold; the number of threads does not change them.
fn in_parallel<T: Send, E: Send>(work: impl Fn(usize) -> Result<T, E> + Sync) -> Result<Vec<T>, E> {
    let threads = thread::available_parallelism().map_or(1, |count| count.get()).min(FOLDS);
    let work = &work;
    let mut results: Vec<(usize, Result<T, E>)> = thread::scope(|scope| {
        let share = move |first: usize| {
            let folds = (first..FOLDS).step_by(threads);
            folds.map(|fold| (fold, work(fold))).collect::<Vec<_>>()
        };
        let spawned: Vec<_> = (0..threads).map(|first| scope.spawn(move || share(first))).collect();
        let joined = spawned
            .into_iter()
            .map(|thread| thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)));
        joined.flatten().collect()
    });
    results.sort_by_key(|(fold, _)| *fold);
    results.into_iter().map(|(_, result)| result).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_group_is_in_one_fold_and_folds_are_even() {
        let groups: Vec<usize> = (0..400).map(|row| row % 40).collect();
        let folds = by_group(&groups);
        for (group, fold) in groups.iter().zip(&folds) {
            assert_eq!(folds[*group], *fold);
        }
        for fold in 0..FOLDS {
            assert_eq!(folds.iter().filter(|f| **f == fold).count(), 40);
        }
    }
}
