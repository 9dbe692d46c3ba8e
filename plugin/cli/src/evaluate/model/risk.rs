//! Risk and coverage: how often answers are wrong when only the surest are taken (El-Yaniv and
//! Wiener, JMLR 2010).

use logtriage_engine::Confidence;

use crate::train::calibrate::Answer;

/// All answers from a confidence on.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Point {
    pub(super) least: Confidence,
    /// Share of the templates that are answered.
    pub(super) coverage: f64,
    /// Share of wrong ones among these answers.
    pub(super) risk: f64,
}

/// A point for each confidence that occurs, the surest first: answers that are equally sure are
/// taken together.
pub(super) fn curve(answers: &[Answer]) -> Vec<Point> {
    let mut sorted = answers.to_vec();
    sorted.sort_by_key(|answer| std::cmp::Reverse(answer.confidence));
    let (mut taken, mut wrong) = (0, 0);
    let mut points = Vec::new();
    for equal in sorted.chunk_by(|a, b| a.confidence == b.confidence) {
        taken += equal.len();
        wrong += equal.iter().filter(|answer| !answer.is_right()).count();
        points.extend(equal.first().map(|answer| Point {
            least: answer.confidence,
            coverage: taken as f64 / answers.len() as f64,
            risk: wrong as f64 / taken as f64,
        }));
    }
    points
}

/// The first point that covers so much.
pub(super) fn at(points: &[Point], coverage: f64) -> Option<Point> {
    points.iter().copied().find(|point| point.coverage >= coverage - 1e-9)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn points_are_those_worked_out_by_hand() {
        let answer = |right: bool, units| Answer {
            truth: 0,
            said: usize::from(!right),
            confidence: Confidence::from_units(units).unwrap(),
        };
        let answers =
            [answer(true, 5000), answer(false, 8000), answer(true, 9000), answer(true, 8000)];
        let points = curve(&answers);
        let numbers: Vec<_> = points.iter().map(|point| (point.coverage, point.risk)).collect();
        assert_eq!(numbers, [(0.25, 0.0), (0.75, 1.0 / 3.0), (1.0, 0.25)]);
        assert_eq!(at(&points, 0.5).map(|point| point.coverage), Some(0.75));
        assert_eq!(at(&points, 1.0).map(|point| point.least.units()), Some(5000));
        assert!(curve(&[]).is_empty());
    }
}
