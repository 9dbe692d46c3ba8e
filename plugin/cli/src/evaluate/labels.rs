//! How often the configured engine is right: rules, verdicts, model and thresholds as they would
//! label a stream, on messages whose labels are known.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};
use std::fmt::Write;
use std::path::PathBuf;
use std::sync::Arc;

use logtriage_engine::{Engine, Event, Tier, UNCLASSIFIED};
use logtriage_files::RuleForm;

use crate::failure::{Ended, Failure};
use crate::labelled::{Columns, each_message};
use crate::screen::{self, one_line};
use crate::setup::{self, SetupArgs};
use crate::train::sentence;

/// Sources with a row of their own; the others share one.
const SOURCES: usize = 20;

/// Measure labels: how often they are right, given as a stream would get them
///
/// Reads CSV files as `train` does. Every message gets its label as `classify` would give it: by
/// rules, verdicts, model and thresholds of the config.
#[derive(clap::Args, Debug)]
#[command(after_help = "\
Examples:
  logtriage evaluate labels labelled.csv
  logtriage evaluate labels labelled.csv --config logtriage.toml --mistakes 50

Labelled: the share that is not Unclassified. Right: of these, the share with the known label. A
template counts once for each label that is known of it, however often it came. On messages that the
model was trained on, or rules were made for, all of this looks better than it is.")]
pub(super) struct Args {
    /// CSV files with a header
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// How many mistakes to show, the most frequent first
    #[arg(long, default_value_t = 10, value_name = "N")]
    mistakes: usize,
    #[command(flatten)]
    columns: Columns,
    #[command(flatten)]
    setup: SetupArgs,
}

/// Runs the command.
pub(super) fn run(args: &Args) -> Result<Ended, Failure> {
    let mut loaded = args.setup.load()?;
    // The limit protects a stream that must not wait.
    loaded.config.max_new_templates_per_second = Some(0);
    let setup = Arc::new(loaded.setup(RuleForm::Text)?);
    let journals = loaded.journals();
    let (mut engine, _) = setup::engine(&setup, &journals);
    let cases = label(args, &mut engine)?;
    let page = page(&cases, args.mistakes).map_err(sentence)?;
    screen::print(screen::safe(&page).as_bytes())?;
    for problem in &journals.problems {
        screen::tell(&format!("logtriage: {problem}"));
    }
    if let Some(failure) = engine.take_failure() {
        return Err(sentence(failure));
    }
    Ok(if journals.problems.is_empty() { Ended::Clean } else { Ended::WithProblems })
}

/// Messages of one source and template that have one label and got one.
#[derive(Debug)]
struct Case {
    source: String,
    known: String,
    said: String,
    tier: Tier,
    /// The first of them.
    message: String,
    events: usize,
}

impl Case {
    fn is_labelled(&self) -> bool {
        self.said != UNCLASSIFIED
    }

    fn is_right(&self) -> bool {
        self.said == self.known
    }
}

/// Labels every message of the files.
fn label(args: &Args, engine: &mut Engine) -> Result<Vec<Case>, Failure> {
    let labels = engine.setup().labels().clone();
    let mut cases: Vec<Case> = Vec::new();
    let mut places = HashMap::new();
    let mut unknown = None;
    let read = each_message(&args.files, &args.columns, true, |row| {
        if labels.find(row.label).is_none() {
            unknown.get_or_insert_with(|| format!("{}: {:?}", row.place, row.label));
            return;
        }
        let message = Some(Cow::Borrowed(row.message.as_bytes()));
        let event = Event { message, source: row.source.map(Cow::Borrowed) };
        let outcome = engine.label(&event, 0);
        let source = row.source.unwrap_or(&row.place.file);
        let key = [source, row.template, row.label, outcome.label].map(str::to_owned);
        let place = *places.entry((key, outcome.tier)).or_insert(cases.len());
        if place == cases.len() {
            cases.push(Case {
                source: source.to_owned(),
                known: row.label.to_owned(),
                said: outcome.label.to_owned(),
                tier: outcome.tier,
                message: row.message.to_owned(),
                events: 0,
            });
        }
        cases[place].events += 1;
    });
    read.map_err(sentence)?;
    match unknown {
        None => Ok(cases),
        Some(what) => Err(Failure::other(format!(
            "{what} is not a label of the config; its labels are: {labels}"
        ))),
    }
}

/// How many there are, how many of them are labelled, and how many of these rightly.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Count {
    all: usize,
    labelled: usize,
    right: usize,
}

impl Count {
    fn add(&mut self, case: &Case, weight: usize) {
        self.all += weight;
        self.labelled += if case.is_labelled() { weight } else { 0 };
        self.right += if case.is_right() { weight } else { 0 };
    }

    fn cells(self) -> String {
        let labelled = percent(self.labelled, self.all);
        format!("{:>9}  {labelled:>8}  {:>7}", self.all, percent(self.right, self.labelled))
    }
}

fn percent(part: usize, whole: usize) -> String {
    match whole {
        0 => "-".to_owned(),
        whole => format!("{:.1}%", 100.0 * part as f64 / whole as f64),
    }
}

/// Cases counted by event, and by template.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Counts {
    events: Count,
    templates: Count,
}

impl Counts {
    fn of<'c>(cases: impl Iterator<Item = &'c Case>) -> Self {
        let mut counts = Self::default();
        for case in cases {
            counts.events.add(case, case.events);
            counts.templates.add(case, 1);
        }
        counts
    }
}

fn page(cases: &[Case], mistakes: usize) -> Result<String, std::fmt::Error> {
    let mut page = String::new();
    by_source(&mut page, cases)?;
    by_tier(&mut page, cases)?;
    by_label(&mut page, cases)?;
    show_mistakes(&mut page, cases, mistakes)?;
    Ok(page)
}

/// The sources with the most events, the others together, and all.
fn by_source(page: &mut String, cases: &[Case]) -> std::fmt::Result {
    let mut sources: BTreeMap<&str, Vec<&Case>> = BTreeMap::new();
    cases.iter().for_each(|case| sources.entry(&case.source).or_default().push(case));
    let counts = |cases: &[&Case]| Counts::of(cases.iter().copied());
    let mut sources: Vec<(&str, Counts)> =
        sources.iter().map(|(source, cases)| (*source, counts(cases))).collect();
    // Stable: of equals the first by name.
    sources.sort_by_key(|(_, counts)| std::cmp::Reverse(counts.events.all));
    let (shown, others) = sources.split_at(sources.len().min(SOURCES));
    let shown: Vec<&str> = shown.iter().map(|(source, _)| *source).collect();
    let rest = Counts::of(cases.iter().filter(|case| !shown.contains(&case.source.as_str())));
    let others_name = format!("{} others", others.len());

    head(page, "source")?;
    for (name, counts) in &sources[..shown.len()] {
        row(page, name, counts)?;
    }
    if !others.is_empty() {
        row(page, &others_name, &rest)?;
    }
    row(page, "all", &Counts::of(cases.iter()))
}

/// Who gave the labels.
fn by_tier(page: &mut String, cases: &[Case]) -> std::fmt::Result {
    page.push('\n');
    head(page, "tier")?;
    for tier in Tier::ALL {
        let counts = Counts::of(cases.iter().filter(|case| case.tier == tier));
        if counts.events.all > 0 {
            row(page, tier.name(), &counts)?;
        }
    }
    Ok(())
}

fn head(page: &mut String, what: &str) -> std::fmt::Result {
    let columns = |unit| format!("{unit:>9}  labelled    right");
    writeln!(page, "{what:<20}  {}  {}", columns("events"), columns("templates"))
}

fn row(page: &mut String, name: &str, counts: &Counts) -> std::fmt::Result {
    let name = one_line(name, 20);
    writeln!(page, "{name:<20}  {}  {}", counts.events.cells(), counts.templates.cells())
}

/// Precision: of those that got the label, the share that has it. Recall: of those that have it,
/// the share that got it.
fn by_label(page: &mut String, cases: &[Case]) -> std::fmt::Result {
    let columns = |unit| format!("{unit:>9}  precision   recall");
    let units = [columns("events"), columns("templates")];
    writeln!(page, "\n{:<20}  {}  {}", "label", units[0], units[1])?;
    let mut labels: Vec<&str> = cases.iter().map(|case| case.known.as_str()).collect();
    labels.extend(cases.iter().filter(|case| case.is_labelled()).map(|case| case.said.as_str()));
    labels.sort_unstable();
    labels.dedup();
    for label in labels {
        let known = Counts::of(cases.iter().filter(|case| case.known == label));
        let said = Counts::of(cases.iter().filter(|case| case.said == label));
        let cells = |known: Count, said: Count| {
            let precision = percent(said.right, said.all);
            format!("{:>9}  {precision:>9}  {:>7}", known.all, percent(known.right, known.all))
        };
        let (events, templates) =
            (cells(known.events, said.events), cells(known.templates, said.templates));
        writeln!(page, "{:<20}  {events}  {templates}", one_line(label, 20))?;
    }
    Ok(())
}

fn show_mistakes(page: &mut String, cases: &[Case], count: usize) -> std::fmt::Result {
    let is_mistake = |case: &&Case| case.is_labelled() && !case.is_right();
    let mut mistakes: Vec<&Case> = cases.iter().filter(is_mistake).collect();
    mistakes.sort_by_key(|case| std::cmp::Reverse(case.events));
    if count == 0 || mistakes.is_empty() {
        return Ok(());
    }
    let shown = mistakes.len().min(count);
    writeln!(page, "\n{shown} of {} mistakes, the most frequent first:", mistakes.len())?;
    for case in mistakes.into_iter().take(count) {
        let (said, known, tier) = (&case.said, &case.known, case.tier.name());
        writeln!(
            page,
            "{:>9}  {said} ({tier}), is {known}: {}",
            case.events,
            one_line(&case.message, 120)
        )?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn case(known: &str, said: &str, events: usize) -> Case {
        let [source, known, said, message] = ["s", known, said, "m"].map(str::to_owned);
        Case { source, known, said, tier: Tier::Semantic, message, events }
    }

    #[test]
    fn figures_of_a_small_case() {
        let cases = [case("A", "A", 6), case("A", "B", 2), case("B", UNCLASSIFIED, 8)];
        let counts = Counts::of(cases.iter());
        assert_eq!(counts.events, Count { all: 16, labelled: 8, right: 6 });
        assert_eq!(counts.templates, Count { all: 3, labelled: 2, right: 1 });
        assert_eq!(counts.events.cells(), "       16     50.0%    75.0%");
        let mut page = String::new();
        by_label(&mut page, &cases).unwrap();
        let cells = |line: &str| line.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
        let rows: Vec<_> = page.lines().skip(2).map(cells).collect();
        assert_eq!(rows[0], ["A", "8", "100.0%", "75.0%", "2", "100.0%", "50.0%"]);
        assert_eq!(rows[1], ["B", "8", "0.0%", "0.0%", "1", "0.0%", "0.0%"]);
    }
}
