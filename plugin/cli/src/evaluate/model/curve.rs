//! The learning curve: what would more data bring?

use fastrand::Rng;
use indicatif::ProgressBar;

use super::bootstrap::Resamples;
use super::contestants::{Contest, Means};
use super::report::{Report, Table};
use super::trial::{Said, Split, Sure, Trial, sure, targets};
use super::{charts, tables};
use crate::failure::Failure;
use crate::labelled::Labelled;
use crate::train::confusion::Confusion;
use crate::train::folds::Task;

/// Shares of the training templates, before all of them.
pub(super) const SHARES: [f64; 3] = [0.125, 0.25, 0.5];
/// Which templates are left out is the same in every run.
const SEED: u64 = 20_260_102;

/// Adds the curve: models of a part of each fold's training templates, tested on all of the fold.
pub(super) fn report(
    report: &mut Report,
    data: &Labelled,
    split: &Split,
    (contest, trial): (&Contest<'_>, &Trial),
    bar: &ProgressBar,
) -> Result<(), Failure> {
    let first = contest.contestants.first().map(|contestant| &contestant.means);
    let (Some(Means::Regression { features, embedder, .. }), Some((whole, settings))) =
        (first, trial.ours())
    else {
        return Ok(());
    };
    let (targets, labels) = (targets(data), data.labels.len());
    let ranks = ranks(&targets, labels);
    let task = Task { features, targets: &targets, labels, embedder: *embedder, c: settings.c };
    let mut steps = Vec::new();
    for share in SHARES {
        bar.set_message(format!("this model, of {}% of the templates", share * 100.0));
        let part = sure(split, task, Some(settings.temperature), |row| ranks[row] < share)?;
        steps.push((share, step(split, labels, &part)));
        bar.inc(1);
    }
    show(report, data, &steps, whole)
}

/// Where each template stands among those of its label, in an order by lot: from 0 on, below 1. So
/// a share takes as much of each label, at least one, and more of it contains less of it.
fn ranks(targets: &[usize], labels: usize) -> Vec<f64> {
    let mut random = Rng::with_seed(SEED);
    let mut ranks = vec![0.0; targets.len()];
    for label in 0..labels {
        let mut own: Vec<usize> = (0..targets.len()).filter(|&row| targets[row] == label).collect();
        random.shuffle(&mut own);
        for (place, &row) in own.iter().enumerate() {
            ranks[row] = place as f64 / own.len() as f64;
        }
    }
    ranks
}

fn step(split: &Split, labels: usize, part: &Sure) -> (Confusion, Resamples) {
    let answers = part.answers.iter();
    let pairs: Vec<_> = answers.map(|answer| (answer.truth, Some(answer.said))).collect();
    let confusion = Confusion::of(labels, pairs.iter().copied());
    (confusion, Resamples::draw(&split.units, labels, &pairs))
}

fn show(
    report: &mut Report,
    data: &Labelled,
    steps: &[(f64, (Confusion, Resamples))],
    whole: &Said,
) -> Result<(), Failure> {
    let all = (1.0, (&whole.confusion, &whole.resamples));
    let steps = steps.iter().map(|(share, (confusion, drawn))| (*share, (confusion, drawn)));
    let steps: Vec<_> = steps.chain([all]).collect();
    let mut table = Table::new(["share", "templates", "accuracy", "macro-F1"]);
    for (share, (confusion, drawn)) in &steps {
        table.row([
            format!("{}%", share * 100.0),
            ((share * data.rows.len() as f64).round() as usize).to_string(),
            tables::figure(confusion, drawn, Confusion::accuracy),
            tables::figure(confusion, drawn, Confusion::macro_f1),
        ]);
    }
    report.heading("Learning curve");
    report.text("models of a share of the templates that each fold trains on");
    report.table(table);
    if let [.., (_, (half, half_drawn)), (_, (full, drawn))] = steps.as_slice() {
        let gain = full.macro_f1() - half.macro_f1();
        let interval = drawn.difference(half_drawn, Confusion::macro_f1);
        report.text(format!(
            "the last doubling brought {gain:+.4} of macro-F1 ({:+.4} to {:+.4}); expect less of \
             the next",
            interval.low, interval.high
        ));
    }
    let point =
        |(share, (confusion, _)): &(f64, (&Confusion, &Resamples))| (*share, confusion.macro_f1());
    let points = steps.iter().map(point).collect();
    let axes = charts::Axes {
        across: "share of the templates",
        up: "macro-F1",
        top: 1.0,
        diagonal: false,
    };
    let svg = charts::lines("Learning curve", &axes, &[(whole.name.to_owned(), points)])?;
    report.chart("learning-curve", "Learning curve", svg);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_has_its_part_of_each_label_and_grows() {
        let targets: Vec<usize> = (0..100).map(|row| usize::from(row % 10 == 0)).collect();
        let ranks = ranks(&targets, 2);
        let taken = |share: f64, label| {
            (0..100).filter(|&row| ranks[row] < share && targets[row] == label).count()
        };
        assert_eq!((taken(0.5, 0), taken(0.5, 1)), (45, 5));
        assert_eq!((taken(0.05, 1), taken(1.0, 0)), (1, 90), "one at least, and all at the end");
    }
}
