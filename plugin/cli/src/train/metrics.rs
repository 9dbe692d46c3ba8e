//! What is measured on held-out answers.

use logtriage_engine::Threshold;
use logtriage_engine::semantic::Quality;

use super::calibrate::Answer;
use super::confusion::Confusion;

/// Bins of the reliability table.
const BINS: usize = 10;

/// One label's figures; shares are 0 where there is nothing to share.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(crate) struct LabelScore {
    pub(crate) precision: f64,
    pub(crate) recall: f64,
    pub(crate) f1: f64,
    /// Templates of this label.
    pub(crate) support: usize,
    /// Share of the templates of this label that get a label, this or another.
    pub(crate) coverage: f64,
    /// Share of wrong ones among the answers of this label that reach the threshold.
    pub(crate) error: f64,
}

/// One bin of confidences.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(crate) struct Bin {
    pub(crate) count: usize,
    pub(crate) confidence: f64,
    pub(crate) accuracy: f64,
}

/// All figures of one set of answers.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Scores {
    pub(crate) labels: Vec<LabelScore>,
    pub(crate) bins: Vec<Bin>,
    pub(crate) accuracy: f64,
    pub(crate) macro_f1: f64,
    pub(crate) calibration_error: f64,
    pub(crate) coverage: f64,
    pub(crate) accuracy_when_covered: f64,
}

pub(super) fn share(part: usize, whole: usize) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 / whole as f64 }
}

fn count(answers: &[Answer], is: impl Fn(&Answer) -> bool) -> usize {
    answers.iter().filter(|answer| is(answer)).count()
}

impl Scores {
    pub(crate) fn of(answers: &[Answer], thresholds: &[Threshold]) -> Self {
        let covered = |answer: &Answer| thresholds[answer.said].admits(answer.confidence);
        let pairs = answers.iter().map(|answer| (answer.truth, Some(answer.said)));
        let confusion = Confusion::of(thresholds.len(), pairs);
        let label_score = |label| label_score(answers, &confusion, label, covered);
        let bins = bins(answers);
        let gap = |bin: &Bin| bin.count as f64 * (bin.confidence - bin.accuracy).abs();
        let covered_count = count(answers, covered);
        Self {
            accuracy: confusion.accuracy(),
            macro_f1: confusion.macro_f1(),
            calibration_error: bins.iter().map(gap).sum::<f64>() / answers.len().max(1) as f64,
            coverage: share(covered_count, answers.len()),
            accuracy_when_covered: share(
                count(answers, |answer| covered(answer) && answer.is_right()),
                covered_count,
            ),
            labels: (0..thresholds.len()).map(label_score).collect(),
            bins,
        }
    }

    /// For the manifest, four decimals.
    pub(crate) fn quality(&self, folds_by: &str) -> Quality {
        let round = |value: f64| (value * 10_000.0).round() / 10_000.0;
        Quality {
            folds_by: folds_by.to_owned(),
            accuracy: round(self.accuracy),
            macro_f1: round(self.macro_f1),
            calibration_error: round(self.calibration_error),
            coverage: round(self.coverage),
            accuracy_when_covered: round(self.accuracy_when_covered),
        }
    }
}

fn label_score(
    answers: &[Answer],
    confusion: &Confusion,
    label: usize,
    covered: impl Fn(&Answer) -> bool,
) -> LabelScore {
    let support = confusion.support(label);
    let given = count(answers, |answer| answer.said == label && covered(answer));
    let wrong = |answer: &Answer| answer.said == label && covered(answer) && !answer.is_right();
    LabelScore {
        precision: confusion.precision(label),
        recall: confusion.recall(label),
        f1: confusion.f1(label),
        support,
        coverage: share(count(answers, |answer| answer.truth == label && covered(answer)), support),
        error: share(count(answers, wrong), given),
    }
}

/// Equal steps of confidence (Naeini et al., AAAI 2015).
fn bins(answers: &[Answer]) -> Vec<Bin> {
    let mut bins = vec![Bin::default(); BINS];
    for answer in answers {
        let at = (usize::from(answer.confidence.units()) * BINS / 10_000).min(BINS - 1);
        let bin = &mut bins[at];
        bin.count += 1;
        bin.confidence += answer.confidence.probability();
        bin.accuracy += f64::from(u8::from(answer.is_right()));
    }
    for bin in &mut bins {
        let count = bin.count.max(1) as f64;
        bin.confidence /= count;
        bin.accuracy /= count;
    }
    bins
}

#[cfg(test)]
mod tests {
    use super::*;
    use logtriage_engine::Confidence;

    #[test]
    fn figures_of_a_small_case() {
        let answer = |truth, said, units| {
            let confidence = Confidence::from_units(units).unwrap();
            Answer { truth, said, confidence }
        };
        let answers =
            [answer(0, 0, 9000), answer(0, 1, 6000), answer(1, 1, 8000), answer(1, 1, 5000)];
        let at = Threshold::At(Confidence::from_units(7000).unwrap());
        let scores = Scores::of(&answers, &[at, at]);
        assert_eq!(scores.accuracy, 0.75);
        assert_eq!((scores.coverage, scores.accuracy_when_covered), (0.5, 1.0));
        assert!((scores.labels[0].f1 - 2.0 / 3.0).abs() < 1e-12);
        assert!((scores.labels[1].f1 - 0.8).abs() < 1e-12);
        let expected = (0.1 + 0.2 + 0.6 + 0.5) / 4.0;
        assert!((scores.calibration_error - expected).abs() < 1e-9);
    }
}
