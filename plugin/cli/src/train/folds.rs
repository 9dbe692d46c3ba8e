//! Cross-validation: every template is predicted by a model that has not seen its group.

use std::thread;

use logtriage_engine::semantic::Embedder;

use super::calibrate::HeldOut;
use super::features::{Features, Sample};
use super::logistic::fit;

/// Folds of `train`.
pub(crate) const FOLDS: usize = 10;
/// Folds are by source from this many sources on.
pub(crate) const MIN_SOURCES: usize = 10;

/// What is held out together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum By {
    /// All templates of a source: how well a system is labelled that was never seen.
    Source,
    /// Each template for itself: how well new lines of known systems are labelled.
    Template,
}

impl By {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Source => "source",
            Self::Template => "template",
        }
    }
}

/// The fold of each sample: groups go, the largest first, to the fold that is smallest by then.
/// With as many folds as groups each is left out alone.
pub(crate) fn by_group(groups: &[usize], folds: usize) -> Vec<usize> {
    let count = groups.iter().max().map_or(0, |&last| last + 1);
    let mut sizes = vec![0_usize; count];
    groups.iter().for_each(|&group| sizes[group] += 1);
    let mut order: Vec<usize> = (0..count).collect();
    order.sort_by_key(|&group| std::cmp::Reverse(sizes[group]));

    let mut loads = vec![0_usize; folds];
    let mut fold_of = vec![0; count];
    for group in order {
        let fold = (0..folds).min_by_key(|&fold| loads[fold]).unwrap_or_default();
        fold_of[group] = fold;
        loads[fold] += sizes[group];
    }
    groups.iter().map(|&group| fold_of[group]).collect()
}

/// Within each label one sample after the other goes to the next fold, so that all labels are in
/// all folds.
pub(crate) fn by_template(targets: &[usize], labels: usize, folds: usize) -> Vec<usize> {
    let mut next: Vec<usize> = (0..labels).collect();
    let fold = |&target: &usize| {
        next[target] += 1;
        next[target] % folds
    };
    targets.iter().map(fold).collect()
}

/// What models are fitted to, and how.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Task<'a> {
    pub(crate) features: &'a Features,
    /// The label of every sample.
    pub(crate) targets: &'a [usize],
    pub(crate) labels: usize,
    /// Says how far a model is trusted; without it, wholly.
    pub(crate) embedder: Option<&'a Embedder>,
    /// Inverse strength of regularisation.
    pub(crate) c: f64,
}

impl Task<'_> {
    /// What the model of the other folds says of each sample; it learns from those that `learns`
    /// lets through.
    pub(crate) fn out_of_fold(
        &self,
        folds: &[usize],
        learns: impl Fn(usize) -> bool + Sync,
    ) -> Result<Vec<HeldOut>, argmin::core::Error> {
        let count = folds.iter().max().map_or(0, |last| last + 1);
        let one = |fold: usize| {
            let seen = |row: &usize| folds[*row] != fold && learns(*row);
            let rows: Vec<usize> = (0..folds.len()).filter(seen).collect();
            let unseen = (0..folds.len()).filter(|&row| folds[row] == fold);
            self.say(&rows, unseen)
        };
        let mut said: Vec<(usize, HeldOut)> =
            in_parallel(count, one)?.into_iter().flatten().collect();
        said.sort_by_key(|(row, _)| *row);
        Ok(said.into_iter().map(|(_, held_out)| held_out).collect())
    }

    /// What a model of `rows` says of the samples that it has not seen.
    fn say(
        &self,
        rows: &[usize],
        unseen: impl Iterator<Item = usize>,
    ) -> Result<Vec<(usize, HeldOut)>, argmin::core::Error> {
        if rows.is_empty() {
            let nothing = HeldOut { logits: vec![0.0; self.labels], trust: 1.0 };
            return Ok(unseen.map(|row| (row, nothing.clone())).collect());
        }
        let weights = fit(self.features, self.targets, rows, self.labels, self.c)?;
        let known = self.features.known(rows);
        let trust = |sample: &Sample| {
            let by = |embedder: &Embedder| {
                embedder.trust(&sample.ids, sample.unreadable, |id| known[id as usize])
            };
            self.embedder.map_or(1.0, by)
        };
        let say = |row: usize| {
            let sample = &self.features.samples[row];
            (row, HeldOut { logits: weights.logits(sample), trust: trust(sample) })
        };
        Ok(unseen.map(say).collect())
    }
}

/// One result for each of `count` jobs; the number of threads does not change them.
fn in_parallel<T: Send, E: Send>(
    count: usize,
    work: impl Fn(usize) -> Result<T, E> + Sync,
) -> Result<Vec<T>, E> {
    let threads = thread::available_parallelism().map_or(1, |threads| threads.get()).min(count);
    let work = &work;
    let mut results: Vec<(usize, Result<T, E>)> = thread::scope(|scope| {
        let share = move |first: usize| {
            let jobs = (first..count).step_by(threads);
            jobs.map(|job| (job, work(job))).collect::<Vec<_>>()
        };
        let spawned: Vec<_> = (0..threads).map(|first| scope.spawn(move || share(first))).collect();
        let joined = spawned
            .into_iter()
            .map(|thread| thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)));
        joined.flatten().collect()
    });
    results.sort_by_key(|(job, _)| *job);
    results.into_iter().map(|(_, result)| result).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_group_is_in_one_fold_and_folds_are_even() {
        let groups: Vec<usize> = (0..400).map(|row| row % 40).collect();
        let folds = by_group(&groups, FOLDS);
        for (group, fold) in groups.iter().zip(&folds) {
            assert_eq!(folds[*group], *fold);
        }
        for fold in 0..FOLDS {
            assert_eq!(folds.iter().filter(|f| **f == fold).count(), 40);
        }
    }

    #[test]
    fn with_a_fold_for_each_group_it_is_left_out_alone() {
        let groups = [0, 0, 0, 1, 2, 2];
        let folds = by_group(&groups, 3);
        for (a, b) in (0..6).flat_map(|a| (0..6).map(move |b| (a, b))) {
            assert_eq!(folds[a] == folds[b], groups[a] == groups[b]);
        }
        // Folds that stay empty are no folds.
        assert_eq!(by_group(&groups, 10).iter().max(), Some(&2));
    }
}
