//! How well groups follow meaning: precision and recall on pairs of messages that a person judged.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::{Path, PathBuf};

use logtriage_engine::semantic::{BundleParts, MAX_GROUPS, Prediction, Scratch};
use logtriage_engine::{Masker, Model};

use crate::failure::{Ended, Failure};
use crate::screen;
use crate::train::groups::find_so_many;

/// Measure groups: precision and recall on pairs of messages
///
/// Reads a CSV file with the columns `first` and `second`, two messages, `same`, which is `yes` or
/// `no`, and, if it is there, `part`: parts are measured apart.
#[derive(clap::Args, Debug)]
#[command(after_help = "\
Examples:
  logtriage evaluate groups models/groups/pairs.csv
  logtriage evaluate groups pairs.csv --model bundle --number 32,64,128

Precision: of the pairs in one group, the share that is the same kind of event. Recall: of the pairs
that are, the share in one group. Together: the share of all pairs of templates that the model was
trained on which are in one group; hardly any of these are the same kind of event.")]
pub(super) struct Args {
    /// CSV file with a header
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Bundle to measure [default: the built-in model]
    #[arg(long, value_name = "DIR")]
    model: Option<PathBuf>,
    /// Groups to make anew of what the model was trained on, for comparison
    #[arg(long, value_name = "N", value_delimiter = ',', value_parser = clap::value_parser!(u16).range(1..=MAX_GROUPS as i64))]
    number: Vec<u16>,
}

/// Two messages as their templates.
struct Pair {
    part: String,
    templates: [String; 2],
    is_same: bool,
}

/// Runs the command.
pub(super) fn run(args: &Args) -> Result<Ended, Failure> {
    let pairs = read(&args.file)?;
    let parts = crate::setup::bundle(args.model.as_deref())?;
    let model = Model::load(parts.clone()).map_err(sentence)?;
    let mut page = format!(
        "{:<14}  {:<8}  {:>5}  {:>9}  {:>6}  {:>6}  {:>8}\n",
        "together by", "part", "pairs", "precision", "recall", "F1", "together"
    );
    measure(&mut page, "label", &pairs, &model, |said| Some(said.label)).map_err(sentence)?;
    if model.groups() > 0 {
        let name = format!("{} groups", model.groups());
        measure(&mut page, &name, &pairs, &model, |said| said.group).map_err(sentence)?;
    }
    for number in &args.number {
        let model = made_anew(&parts, usize::from(*number))?;
        let name = format!("{} made anew", model.groups());
        measure(&mut page, &name, &pairs, &model, |said| said.group).map_err(sentence)?;
    }
    screen::print(screen::safe(&page).as_bytes())?;
    Ok(Ended::Clean)
}

fn made_anew(parts: &BundleParts, number: usize) -> Result<Model, Failure> {
    let parts = find_so_many(parts.clone(), number).map_err(sentence)?;
    Model::load(parts).map_err(sentence)
}

fn sentence(error: impl std::fmt::Display) -> Failure {
    Failure::other(error.to_string())
}

/// What was counted of the pairs of one part.
#[derive(Debug, Default, PartialEq)]
struct Counts {
    /// The same kind of event, and together.
    found: usize,
    /// The same kind of event.
    same: usize,
    /// Together.
    together: usize,
    pairs: usize,
}

impl Counts {
    fn add(&mut self, is_same: bool, is_together: bool) {
        self.found += usize::from(is_same && is_together);
        self.same += usize::from(is_same);
        self.together += usize::from(is_together);
        self.pairs += 1;
    }

    fn precision(&self) -> f64 {
        self.found as f64 / self.together.max(1) as f64
    }

    fn recall(&self) -> f64 {
        self.found as f64 / self.same.max(1) as f64
    }

    fn f1(&self) -> f64 {
        2.0 * self.found as f64 / (self.same + self.together).max(1) as f64
    }
}

/// Adds a line for each part; two templates are together where `of` says the same of both.
fn measure(
    page: &mut String,
    name: &str,
    pairs: &[Pair],
    model: &Model,
    of: fn(&Prediction) -> Option<u16>,
) -> std::fmt::Result {
    let mut scratch = Scratch::default();
    let mut say = |template: &str| {
        model.predict_with_group(template, &mut scratch).ok().and_then(|said| of(&said))
    };
    let mut parts: BTreeMap<&str, Counts> = BTreeMap::new();
    for Pair { part, templates: [first, second], is_same } in pairs {
        let is_together = say(first) == say(second);
        parts.entry(part).or_default().add(*is_same, is_together);
    }
    let examples = model.examples().iter().map(|example| say(&example.template));
    let share = share_together(examples);
    for (part, counts) in parts {
        writeln!(
            page,
            "{name:<14}  {part:<8}  {:>5}  {:>9.4}  {:>6.4}  {:>6.4}  {share:>8.4}",
            counts.pairs,
            counts.precision(),
            counts.recall(),
            counts.f1()
        )?;
    }
    Ok(())
}

/// The share of all pairs that are together.
fn share_together(all: impl Iterator<Item = Option<u16>>) -> f64 {
    let mut sizes: BTreeMap<Option<u16>, usize> = BTreeMap::new();
    all.for_each(|group| *sizes.entry(group).or_default() += 1);
    let pairs = |n: usize| (n * n.saturating_sub(1)) as f64;
    let all = pairs(sizes.values().sum());
    sizes.values().map(|&size| pairs(size)).sum::<f64>() / all.max(1.0)
}

fn read(file: &Path) -> Result<Vec<Pair>, Failure> {
    #[derive(serde::Deserialize)]
    struct Row {
        first: String,
        second: String,
        same: Same,
        #[serde(default)]
        part: String,
    }
    #[derive(serde::Deserialize, PartialEq)]
    #[serde(rename_all = "lowercase")]
    enum Same {
        Yes,
        No,
    }
    let failed = |error: csv::Error| Failure::other(format!("{}: {error}", file.display()));
    let mut masker = Masker::default();
    let mut template = |message: &str| masker.mask(message.as_bytes()).to_owned();
    let mut reader = csv::Reader::from_path(file).map_err(failed)?;
    let pair = |row: Result<Row, csv::Error>| {
        let Row { first, second, same, part } = row.map_err(failed)?;
        let templates = [template(&first), template(&second)];
        Ok(Pair { part, templates, is_same: same == Same::Yes })
    };
    reader.deserialize().map(pair).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_of_a_small_case() {
        let mut counts = Counts::default();
        for (is_same, is_together) in
            [(true, true), (true, false), (true, false), (false, true), (false, false)]
        {
            counts.add(is_same, is_together);
        }
        assert_eq!((counts.precision(), counts.pairs), (0.5, 5));
        assert!((counts.recall() - 1.0 / 3.0).abs() < 1e-12);
        assert!((counts.f1() - 0.4).abs() < 1e-12);
        let groups = [Some(1), Some(1), Some(2), Some(1)];
        assert_eq!(share_together(groups.into_iter()), 0.5);
    }
}
