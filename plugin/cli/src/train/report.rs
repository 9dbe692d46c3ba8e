//! What `train` prints.

use std::fmt::{self, Write};

use logtriage_engine::Threshold;
use logtriage_engine::semantic::Calibration;

use super::folds::By;
use super::metrics::Scores;
use crate::labelled::Labelled;
use crate::screen::one_line;

/// Conflicts shown in full; the others are only counted.
const CONFLICTS_SHOWN: usize = 10;

/// What was read.
pub(crate) fn data(data: &Labelled) -> Result<String, fmt::Error> {
    let mut out = data.counts() + "\n";
    if !data.conflicts.is_empty() {
        writeln!(
            out,
            "{} templates have more than one label; the most frequent one is used:",
            data.conflicts.len()
        )?;
    }
    for (template, votes) in data.conflicts.iter().take(CONFLICTS_SHOWN) {
        let votes: Vec<String> = votes.iter().map(|(label, n)| format!("{label} {n}")).collect();
        writeln!(out, "  {}: {}", one_line(template, usize::MAX), votes.join(", "))?;
    }
    Ok(out)
}

/// The figures of one way to hold out.
pub(super) fn scores(
    by: By,
    scores: &Scores,
    labels: &[String],
    thresholds: &[Threshold],
) -> Result<String, fmt::Error> {
    let mut out = String::new();
    writeln!(out, "\nHeld out by {}:", by.name())?;
    writeln!(
        out,
        "accuracy {:.4}, macro-F1 {:.4}, expected calibration error {:.4}",
        scores.accuracy, scores.macro_f1, scores.calibration_error
    )?;
    writeln!(
        out,
        "coverage {:.4}, accuracy of what is covered {:.4}",
        scores.coverage, scores.accuracy_when_covered
    )?;
    table(&mut out, scores, labels, thresholds)?;
    reliability(&mut out, scores)?;
    Ok(out)
}

/// What each threshold promises, and what a label without one lacks.
pub(crate) fn promise(
    labels: &[String],
    thresholds: &[Threshold],
    calibration: &Calibration,
) -> Result<String, fmt::Error> {
    let mut out = String::new();
    let width = labels.iter().map(|label| label.chars().count()).max().unwrap_or(0).max(5);
    writeln!(
        out,
        "\n{:width$}  threshold  answers  accepted  wrong  coverage  error at most  target",
        "label"
    )?;
    for ((label, threshold), found) in labels.iter().zip(thresholds).zip(&calibration.labels) {
        let bound = found.upper_bound.map_or("-".to_owned(), |bound| format!("{bound:.4}"));
        writeln!(
            out,
            "{:width$}  {:>9}  {:7}  {:8}  {:5}  {:8.4}  {bound:>13}  {:6}",
            one_line(label, usize::MAX),
            threshold.to_string(),
            found.answers,
            found.accepted,
            found.wrong,
            found.coverage,
            found.target_error
        )?;
    }
    writeln!(
        out,
        "Each error is at most that with probability {}%, for each label by itself, one vote per\n\
         template, and on logs like those that were calibrated on: on others it is no promise.",
        calibration.probability * 100.0
    )?;
    for (label, found) in labels.iter().zip(&calibration.labels) {
        if let Some(missing) = found.answers_missing {
            writeln!(
                out,
                "{} is never given and always left to the reasoning tier: about {missing} more \
                 answers without an error are needed",
                one_line(label, usize::MAX)
            )?;
        }
    }
    Ok(out)
}

fn table(
    out: &mut String,
    scores: &Scores,
    labels: &[String],
    thresholds: &[Threshold],
) -> fmt::Result {
    let width = labels.iter().map(|label| label.chars().count()).max().unwrap_or(0).max(5);
    writeln!(
        out,
        "{:width$}  precision  recall      F1  templates  threshold  coverage   error",
        "label"
    )?;
    for ((label, score), threshold) in labels.iter().zip(&scores.labels).zip(thresholds) {
        writeln!(
            out,
            "{label:width$}  {:9.4}  {:6.4}  {:6.4}  {:9}  {:>9}  {:8.4}  {:6.4}",
            score.precision,
            score.recall,
            score.f1,
            score.support,
            threshold.to_string(),
            score.coverage,
            score.error
        )?;
    }
    Ok(())
}

fn reliability(out: &mut String, scores: &Scores) -> fmt::Result {
    writeln!(out, "confidence   templates    mean  accuracy")?;
    let bins = scores.bins.len() as f64;
    for (at, bin) in scores.bins.iter().enumerate().filter(|(_, bin)| bin.count > 0) {
        let (from, to) = (at as f64 / bins, (at + 1) as f64 / bins);
        writeln!(
            out,
            "{from:.1} to {to:.1}  {:11}  {:6.4}    {:6.4}",
            bin.count, bin.confidence, bin.accuracy
        )?;
    }
    Ok(())
}
