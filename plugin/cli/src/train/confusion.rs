//! Who was taken for whom: counts of truth and answer, and what follows from them.

use super::metrics::share;

/// Counts by truth and answer; no answer is an answer of its own, and a wrong one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Confusion {
    labels: usize,
    /// For each label a run of `labels + 1`: what was said of its templates, no answer last.
    counts: Vec<usize>,
}

impl Confusion {
    /// Of pairs of truth and answer.
    pub(crate) fn of(labels: usize, pairs: impl Iterator<Item = (usize, Option<usize>)>) -> Self {
        let mut counts = vec![0; labels * (labels + 1)];
        for (truth, said) in pairs {
            counts[truth * (labels + 1) + said.unwrap_or(labels)] += 1;
        }
        Self { labels, counts }
    }

    /// What was said of the templates of a label: a count for each label, then that of no answer.
    pub(crate) fn row(&self, truth: usize) -> &[usize] {
        &self.counts[truth * (self.labels + 1)..][..=self.labels]
    }

    /// Templates of a label.
    pub(crate) fn support(&self, label: usize) -> usize {
        self.row(label).iter().sum()
    }

    /// Answers of a label.
    fn given(&self, label: usize) -> usize {
        (0..self.labels).map(|truth| self.row(truth)[label]).sum()
    }

    fn right(&self, label: usize) -> usize {
        self.row(label)[label]
    }

    /// Share of right ones among the answers of a label.
    pub(crate) fn precision(&self, label: usize) -> f64 {
        share(self.right(label), self.given(label))
    }

    /// Share of a label's templates that get it.
    pub(crate) fn recall(&self, label: usize) -> f64 {
        share(self.right(label), self.support(label))
    }

    /// Harmonic mean of precision and recall.
    pub(crate) fn f1(&self, label: usize) -> f64 {
        share(2 * self.right(label), self.given(label) + self.support(label))
    }

    /// The mean F1 of the labels that occur, as truth or as answer.
    pub(crate) fn macro_f1(&self) -> f64 {
        let occurs = |label: &usize| self.support(*label) + self.given(*label) > 0;
        let scores: Vec<f64> =
            (0..self.labels).filter(occurs).map(|label| self.f1(label)).collect();
        scores.iter().sum::<f64>() / scores.len().max(1) as f64
    }

    /// Share of right answers among all templates.
    pub(crate) fn accuracy(&self) -> f64 {
        let right = (0..self.labels).map(|label| self.right(label)).sum();
        share(right, self.counts.iter().sum())
    }

    /// Share of the templates that get an answer.
    pub(crate) fn answered(&self) -> f64 {
        let none: usize = (0..self.labels).map(|truth| self.row(truth)[self.labels]).sum();
        let all: usize = self.counts.iter().sum();
        share(all - none, all)
    }

    /// How well one side of the labels is told from the other: the mean of both sides' shares of
    /// templates that get a label of their side.
    pub(crate) fn balanced(&self, is_on_one_side: &[bool]) -> f64 {
        let recall = |side: bool| {
            let on = |label: &usize| is_on_one_side[*label] == side;
            let own = (0..self.labels).filter(on);
            let kept = own.clone().flat_map(|truth| {
                (0..self.labels).filter(on).map(move |said| self.row(truth)[said])
            });
            share(kept.sum(), own.map(|truth| self.support(truth)).sum())
        };
        (recall(true) + recall(false)) / 2.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Ten templates of three labels:
    ///
    /// ```text
    ///          said 0  1  2  none
    /// truth 0       3  1  0  0
    ///       1       1  2  0  1
    ///       2       0  1  1  0
    /// ```
    fn small() -> Confusion {
        let pairs = [(0, Some(0)), (0, Some(0)), (0, Some(0)), (0, Some(1))];
        let more =
            [(1, Some(0)), (1, Some(1)), (1, Some(1)), (1, None), (2, Some(1)), (2, Some(2))];
        Confusion::of(3, pairs.into_iter().chain(more))
    }

    fn close(a: f64, b: f64) {
        assert!((a - b).abs() < 1e-12, "{a} is not {b}");
    }

    #[test]
    fn figures_are_those_worked_out_by_hand() {
        let small = small();
        assert_eq!(small.row(1), [1, 2, 0, 1]);
        close(small.accuracy(), 0.6);
        close(small.answered(), 0.9);
        // Label 1: 2 of 4 answers are right, 2 of 4 templates are found.
        close(small.precision(1), 0.5);
        close(small.recall(1), 0.5);
        close(small.precision(2), 1.0);
        close(small.recall(2), 0.5);
        // 2 · 3 / (4 + 4), 2 · 2 / (4 + 4), 2 · 1 / (1 + 2).
        close(small.macro_f1(), (0.75 + 0.5 + 2.0 / 3.0) / 3.0);
        // Labels 1 and 2 on one side: 4 of 6 stay there, 3 of 4 on the other.
        close(small.balanced(&[false, true, true]), (4.0 / 6.0 + 0.75) / 2.0);
    }

    #[test]
    fn a_label_that_does_not_occur_is_no_part_of_the_mean() {
        let pairs = [(0, Some(0)), (1, Some(1)), (1, Some(1))];
        close(Confusion::of(3, pairs.into_iter()).macro_f1(), 1.0);
        // One that is only said is.
        close(Confusion::of(3, [(0, Some(0)), (0, Some(2))].into_iter()).macro_f1(), 1.0 / 3.0);
    }

    #[test]
    fn nothing_at_all_is_no_division_by_zero() {
        let nothing = Confusion::of(2, std::iter::empty());
        close(nothing.accuracy() + nothing.macro_f1() + nothing.balanced(&[true, false]), 0.0);
    }
}
