//! Rows whose label is most likely wrong: confident learning (Northcutt, Jiang and Chuang, JAIR
//! 2021) on out-of-fold probabilities.
//!
//! A template is suspect if, of the labels that are as probable as they are on average where they
//! are given, the most probable is another than the given one. Where a label is easy that average
//! is close to 1, so [`SURE`] is enough in any case.

use super::report::{Report, Table};
use super::trial::{Said, Sure};
use crate::labelled::Labelled;
use crate::screen::one_line;

/// Suspects on the screen; the report has them all.
const SHOWN: usize = 10;
/// A probability that is enough for any label.
const SURE: f64 = 0.75;
/// Characters of a template.
const LONGEST: usize = 160;

/// A template with a doubtful label.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Suspect {
    row: usize,
    /// Probability of the given label.
    given: f64,
    suggested: usize,
    /// Probability of the suggested one.
    probability: f64,
}

/// Adds the list, the most doubtful first.
pub(super) fn report(report: &mut Report, data: &Labelled, ours: Option<(&Said, &Sure)>) {
    let Some((_, sure)) = ours else { return };
    let probabilities: Vec<Vec<f64>> =
        sure.held_out.iter().map(|held_out| held_out.probabilities(sure.temperature)).collect();
    let targets: Vec<usize> = data.rows.iter().map(|row| row.label).collect();
    let found = find(&probabilities, &targets, data.labels.len());

    report.heading("Labels to look at again");
    if found.is_empty() {
        return report.text("no label looks wrong");
    }
    let mut table = Table::new(["row", "given", "suggested", "template"]);
    for suspect in &found {
        table.rows.extend(line(data, suspect));
    }
    table.on_screen = Some(SHOWN);
    report.text(format!(
        "may be wrong, the likeliest first: {} of {}, with the probability of each label{}",
        found.len(),
        data.rows.len(),
        if found.len() > SHOWN { "; the page of --report has all" } else { "" }
    ));
    report.table(table);
}

fn line(data: &Labelled, suspect: &Suspect) -> Option<Vec<String>> {
    let row = data.rows.get(suspect.row)?;
    let name = |label: usize, probability: f64| {
        data.labels.get(label).map(|name| format!("{name} {probability:.2}"))
    };
    Some(vec![
        row.place.as_ref().map_or_else(String::new, |place| one_line(&place.to_string(), LONGEST)),
        name(row.label, suspect.given)?,
        name(suspect.suggested, suspect.probability)?,
        one_line(&row.template, LONGEST),
    ])
}

fn find(probabilities: &[Vec<f64>], targets: &[usize], labels: usize) -> Vec<Suspect> {
    let usual = usual(probabilities, targets, labels);
    let judge = |(row, (of, &given)): (usize, (&Vec<f64>, &usize))| {
        let confident = (0..labels).filter(|&label| of[label] >= usual[label].min(SURE));
        let suggested = confident.max_by(|&a, &b| of[a].total_cmp(&of[b]).then(b.cmp(&a)))?;
        let suspect = Suspect { row, given: of[given], suggested, probability: of[suggested] };
        (suggested != given).then_some(suspect)
    };
    let mut found: Vec<Suspect> =
        probabilities.iter().zip(targets).enumerate().filter_map(judge).collect();
    found.sort_by(|a, b| a.given.total_cmp(&b.given).then(a.row.cmp(&b.row)));
    found
}

/// The mean probability of each label where it is given.
fn usual(probabilities: &[Vec<f64>], targets: &[usize], labels: usize) -> Vec<f64> {
    let mut sums = vec![(0.0, 0.0); labels];
    for (of, &given) in probabilities.iter().zip(targets) {
        sums[given].0 += of[given];
        sums[given].1 += 1.0;
    }
    sums.into_iter().map(|(sum, count): (f64, f64)| sum / count.max(1.0)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn suspects_are_those_worked_out_by_hand() {
        let of = |first: f64| vec![first, 1.0 - first];
        // Where 0 is given it has 0.65 on average, where 1 is given 1 has 0.7.
        let probabilities = [of(0.9), of(0.8), of(0.25), of(0.1), of(0.5), of(0.35), of(0.65)];
        let targets = [0, 0, 0, 1, 1, 1, 0];
        let found = find(&probabilities, &targets, 2);
        // 1 is sure of the third; 0 is not sure of the fifth.
        let expected = Suspect { row: 2, given: 0.25, suggested: 1, probability: 0.75 };
        assert_eq!(found, [expected]);
    }

    #[test]
    fn three_quarters_are_enough_however_easy_a_label_is() {
        let easy = vec![0.01, 0.99];
        let probabilities = [vec![0.2, 0.8], vec![0.9, 0.1], easy.clone(), easy];
        let rows = |given| -> Vec<usize> {
            find(&probabilities, given, 2).iter().map(|suspect| suspect.row).collect()
        };
        assert_eq!(rows(&[0, 0, 1, 1]), [0]);
        assert!(rows(&[1, 0, 1, 1]).is_empty());
    }

    #[test]
    fn the_least_probable_label_comes_first() {
        let probabilities = [vec![0.3, 0.7], vec![0.1, 0.9], vec![0.9, 0.1], vec![0.6, 0.4]];
        let found = find(&probabilities, &[0, 0, 0, 1], 2);
        let rows: Vec<usize> = found.iter().map(|suspect| suspect.row).collect();
        assert_eq!(rows, [1, 0, 3]);
    }
}
