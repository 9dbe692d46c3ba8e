//! What the report says of the data and of one way to hold out.

use logtriage_engine::DEFAULT_LABELS;

use super::bootstrap::{Interval, Resamples};
use super::report::{Report, Table};
use super::risk::{self, Point};
use super::trial::{Said, Split, Sure, Trial};
use super::{charts, contestants::Contest};
use crate::failure::Failure;
use crate::labelled::Labelled;
use crate::screen::one_line;
use crate::train::confusion::Confusion;
use crate::train::folds::By;
use crate::train::metrics::{Bin, Scores};

/// Default labels of which nobody need do anything.
const ROUTINE: [&str; 3] = ["System Notification", "HTTP Status", "User Action"];
/// Systems from which on what is drawn of them tells how much systems differ.
const MANY_SYSTEMS: usize = 20;
/// Steps of the table of risk and coverage.
const STEPS: usize = 10;

/// What was read, and who is not measured.
pub(super) fn data(report: &mut Report, data: &Labelled, contest: &Contest<'_>) {
    report.text(data.counts());
    if !data.conflicts.is_empty() {
        report.text(format!(
            "{} templates have more than one label; the most frequent one counts",
            data.conflicts.len()
        ));
    }
    for why in &contest.absent {
        report.text(format!("not measured: {why}"));
    }
}

/// All figures of one way to hold out.
pub(super) fn trial(
    report: &mut Report,
    data: &Labelled,
    split: &Split,
    trial: &Trial,
) -> Result<(), Failure> {
    report.heading(title(data, split));
    report.text(drawn(data, split));
    if trial.said.iter().any(|said| said.confusion.answered() < 1.0) {
        report.text("where there is no answer it counts as a wrong one");
    }
    if routine(data).is_some() {
        report.text(format!(
            "routine or not: balanced accuracy between {} and the rest",
            ROUTINE.join(", ")
        ));
    }
    report.table(ranking(data, trial));
    let Some((ours, sure)) = trial.ours() else { return Ok(()) };
    let name = split.by.name();
    let scores = Scores::of(&sure.answers, &trial.thresholds);

    report.heading(format!("Labels, by {name}"));
    report.table(labels(data, ours, trial, &scores));
    report.text(format!(
        "at these thresholds: coverage {:.4}, accuracy of what is covered {:.4}",
        scores.coverage, scores.accuracy_when_covered
    ));
    report.heading(format!("Reliability, by {name}"));
    let error = scores.calibration_error;
    report.text(format!(
        "expected calibration error {error:.4}; temperature {:.4}, chosen on the first way to hold out",
        sure.temperature
    ));
    report.table(reliability(&scores.bins));
    report.heading(format!("Risk and coverage, by {name}"));
    report.table(risks(trial));
    report.heading(format!("Confusion, by {name}"));
    report.table(confusion(data, &ours.confusion));
    draw(report, data, name, trial, &scores)
}

fn title(data: &Labelled, split: &Split) -> String {
    let (folds, systems) = (split.count(), data.sources.len());
    match split.by {
        By::Template => format!("Held out by template: single templates, {folds} folds"),
        By::Source if folds == systems => {
            format!("Held out by source: each of {systems} systems alone")
        }
        By::Source => format!("Held out by source: {systems} whole systems, {folds} folds"),
    }
}

fn drawn(data: &Labelled, split: &Split) -> &'static str {
    match split.by {
        By::Source if data.sources.len() < MANY_SYSTEMS => {
            "95% intervals by a bootstrap over systems; so few systems make them too narrow"
        }
        By::Source => "95% intervals by a bootstrap over systems",
        By::Template => "95% intervals by a bootstrap over templates",
    }
}

/// Every contestant in a row.
fn ranking(data: &Labelled, trial: &Trial) -> Table {
    let routine = routine(data);
    let mut head = vec!["model", "accuracy", "macro-F1", "minus this model's"];
    head.extend(routine.as_ref().map(|_| "routine or not"));
    head.extend(["answered", "calibration error", "C"]);
    let mut table = Table::new(head);
    for said in &trial.said {
        let with = |of: &dyn Fn(&Confusion) -> f64| figure(&said.confusion, &said.resamples, of);
        let mut row = vec![said.name.to_owned()];
        row.push(with(&Confusion::accuracy));
        row.push(with(&Confusion::macro_f1));
        row.push(beside(trial, said));
        row.extend(routine.as_ref().map(|side| with(&|confusion| confusion.balanced(side))));
        row.push(format!("{:.4}", said.confusion.answered()));
        row.push(said.sure.as_ref().map_or("-".to_owned(), |sure| {
            format!("{:.4}", Scores::of(&sure.answers, &trial.thresholds).calibration_error)
        }));
        row.push(said.sure.as_ref().map_or("-".to_owned(), |sure| sure.c.to_string()));
        table.row(row);
    }
    table
}

/// Macro-F1 less our model's, on the same draws.
fn beside(trial: &Trial, said: &Said) -> String {
    let Some((ours, _)) = trial.ours().filter(|(ours, _)| ours.name != said.name) else {
        return "-".to_owned();
    };
    let difference = said.confusion.macro_f1() - ours.confusion.macro_f1();
    let interval = said.resamples.difference(&ours.resamples, Confusion::macro_f1);
    format!("{difference:+.4} ({:+.4} to {:+.4})", interval.low, interval.high)
}

/// Whether each label is routine: the default labels only, and of both kinds.
fn routine(data: &Labelled) -> Option<Vec<bool>> {
    let known = |label: &String| DEFAULT_LABELS.iter().any(|(name, _)| name == label);
    let side: Vec<bool> =
        data.labels.iter().map(|label| ROUTINE.contains(&label.as_str())).collect();
    let both = side.contains(&true) && side.contains(&false);
    (both && data.labels.iter().all(known)).then_some(side)
}

/// A figure with its interval.
pub(super) fn figure(
    confusion: &Confusion,
    resamples: &Resamples,
    of: impl Fn(&Confusion) -> f64,
) -> String {
    let Interval { low, high } = resamples.interval(&of);
    format!("{:.4} ({low:.4} to {high:.4})", of(confusion))
}

fn labels(data: &Labelled, ours: &Said, trial: &Trial, scores: &Scores) -> Table {
    let head =
        ["label", "templates", "precision", "recall", "F1", "threshold", "coverage", "error"];
    let mut table = Table::new(head);
    let all = data.labels.iter().zip(&scores.labels).zip(&trial.thresholds);
    for (at, ((label, score), threshold)) in all.enumerate() {
        let with = |of: fn(&Confusion, usize) -> f64| {
            figure(&ours.confusion, &ours.resamples, |confusion| of(confusion, at))
        };
        table.row([
            label.clone(),
            score.support.to_string(),
            with(Confusion::precision),
            with(Confusion::recall),
            with(Confusion::f1),
            threshold.to_string(),
            format!("{:.4}", score.coverage),
            format!("{:.4}", score.error),
        ]);
    }
    table
}

fn reliability(bins: &[Bin]) -> Table {
    let mut table = Table::new(["confidence", "templates", "mean confidence", "accuracy"]);
    let count = bins.len() as f64;
    for (at, bin) in bins.iter().enumerate().filter(|(_, bin)| bin.count > 0) {
        table.row([
            format!("{:.1} to {:.1}", at as f64 / count, (at + 1) as f64 / count),
            bin.count.to_string(),
            format!("{:.4}", bin.confidence),
            format!("{:.4}", bin.accuracy),
        ]);
    }
    table
}

/// Who has confidences, with the curve.
fn curves(trial: &Trial) -> Vec<(&'static str, Vec<Point>)> {
    let curve = |said: &Said| {
        let sure: &Sure = said.sure.as_ref()?;
        Some((said.name, risk::curve(&sure.answers)))
    };
    trial.said.iter().filter_map(curve).collect()
}

fn risks(trial: &Trial) -> Table {
    let curves = curves(trial);
    let names = curves.iter().map(|(name, _)| format!("error of {name}"));
    let mut table =
        Table::new(["coverage".to_owned(), "least confidence".to_owned()].into_iter().chain(names));
    for step in 1..=STEPS {
        let coverage = step as f64 / STEPS as f64;
        let least = curves.first().and_then(|(_, points)| risk::at(points, coverage));
        let risk = |points: &Vec<Point>| {
            risk::at(points, coverage).map_or("-".to_owned(), |point| format!("{:.4}", point.risk))
        };
        let mut row = vec![format!("{coverage:.1}")];
        row.push(least.map_or("-".to_owned(), |point| point.least.to_string()));
        row.extend(curves.iter().map(|(_, points)| risk(points)));
        table.row(row);
    }
    table
}

/// A row for each label, a column for each answer, by number.
fn confusion(data: &Labelled, confusion: &Confusion) -> Table {
    let numbers = 1..=data.labels.len();
    let head = numbers.map(|number| format!("said {number}"));
    let mut table = Table::new(["label".to_owned()].into_iter().chain(head));
    for (at, label) in data.labels.iter().enumerate() {
        // The last count is that of no answer, which a regression always has.
        let counts = confusion.row(at).iter().take(data.labels.len());
        let name = format!("{} {label}", at + 1);
        table.row([name].into_iter().chain(counts.map(usize::to_string)));
    }
    table
}

fn draw(
    report: &mut Report,
    data: &Labelled,
    name: &str,
    trial: &Trial,
    scores: &Scores,
) -> Result<(), Failure> {
    let Some((ours, _)) = trial.ours() else { return Ok(()) };
    let filled = scores.bins.iter().filter(|bin| bin.count > 0);
    let points = filled.map(|bin| (bin.confidence, bin.accuracy)).collect();
    let axes = charts::Axes { across: "confidence", up: "accuracy", top: 1.0, diagonal: true };
    let title = format!("Reliability, by {name}");
    let svg = charts::lines(&title, &axes, &[(ours.name.to_owned(), points)])?;
    report.chart(&format!("reliability-{name}"), &title, svg);

    let curves = curves(trial);
    let risks = curves.iter().flat_map(|(_, points)| points.iter().map(|point| point.risk));
    let top = (risks.fold(0.1_f64, f64::max) * 10.0).ceil() / 10.0;
    let line = |(name, points): &(&str, Vec<Point>)| {
        let points = points.iter().map(|point| (point.coverage, point.risk));
        (name.to_string(), points.collect())
    };
    let series: Vec<charts::Series> = curves.iter().map(line).collect();
    let axes = charts::Axes { across: "coverage", up: "error", top, diagonal: false };
    let title = format!("Risk and coverage, by {name}");
    let svg = charts::lines(&title, &axes, &series)?;
    report.chart(&format!("risk-coverage-{name}"), &title, svg);

    let title = format!("Confusion, by {name}: rows are the truth, columns the answers");
    let names: Vec<String> = data.labels.iter().map(|label| one_line(label, 24)).collect();
    let svg = charts::matrix(&title, &names, &ours.confusion)?;
    report.chart(&format!("confusion-{name}"), &title, svg);
    Ok(())
}
