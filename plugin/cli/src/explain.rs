//! `logtriage explain`: the whole way of one message.

use std::borrow::Cow;
use std::sync::Arc;

use logtriage_engine::semantic::Scratch;
use logtriage_engine::{Event, Model, Outcome, Setup, Threshold};
use logtriage_files::RuleForm;

use crate::failure::{Ended, Failure};
use crate::screen;
use crate::setup::{self, SetupArgs};

/// Show how a message gets its label
///
/// Prints its template, the rule that matches or none, the labels with their probabilities and
/// thresholds, its group, the tokens that weighed most, and the known templates that are nearest.
#[derive(clap::Args, Debug)]
#[command(after_help = "\
Examples:
  logtriage explain 'Failed password for root from 203.0.113.7 port 4711 ssh2'
  logtriage explain --source billing 'invoice run 7 aborted: 3 of 90 posted'
  logtriage explain \"$(tail -n 1 app.log)\"")]
pub struct Args {
    /// The message, as one argument
    #[arg(allow_hyphen_values = true)]
    message: String,

    /// Its source, for rules that ask for one
    #[arg(long, value_name = "NAME")]
    source: Option<String>,

    /// How many labels, tokens and known templates to show
    #[arg(long, default_value_t = 5, value_name = "N")]
    top: usize,

    #[command(flatten)]
    setup: SetupArgs,
}

/// Runs the command.
pub fn run(args: &Args) -> Result<Ended, Failure> {
    let loaded = args.setup.load()?;
    let setup = Arc::new(loaded.setup(RuleForm::Text)?);
    let journals = loaded.journals();
    let (mut engine, _) = setup::engine(&setup, &journals);
    let event = Event {
        message: Some(Cow::Borrowed(args.message.as_bytes())),
        source: args.source.as_deref().map(Cow::Borrowed),
    };
    let outcome = engine.label(&event, 0);
    let mut page = Page::default();
    verdict(&outcome, &mut page);
    if !outcome.template.is_empty() {
        opinion(&setup, outcome.template, args.top, &mut page);
    }
    screen::print(page.0.as_bytes())?;
    for problem in &journals.problems {
        screen::tell(&format!("logtriage: {problem}"));
    }
    Ok(if journals.problems.is_empty() { Ended::Clean } else { Ended::WithProblems })
}

/// What the engine says.
fn verdict(outcome: &Outcome<'_>, page: &mut Page) {
    page.line("label", outcome.label);
    page.line("tier", outcome.tier.name());
    page.line("confidence", &outcome.confidence.to_string());
    page.line("template", outcome.template);
    page.line("template_id", &outcome.template_id.map(|id| id.to_string()).unwrap_or_default());
    page.line("rule", outcome.rule.unwrap_or("none matches"));
    if let Some(by) = outcome.by {
        page.line("verdict by", by);
    }
    if let Some(reason) = outcome.reason {
        page.line("reason", reason);
    }
}

/// What the model thinks of the template, whether it was asked or not.
fn opinion(setup: &Setup, template: &str, top: usize, page: &mut Page) {
    let model = setup.model();
    group(model, template, page);
    let explanation = match model.explain(template) {
        Ok(explanation) => explanation,
        Err(failure) => return page.line("semantic", &failure.to_string()),
    };
    page.head("labels of the semantic tier", "probability  threshold");
    for (place, (label, probability)) in explanation.labels.iter().take(top).enumerate() {
        let label = usize::from(*label);
        let name = model.labels().get(label).map_or("", String::as_str);
        let threshold = threshold(setup.thresholds().get(label));
        let mark = if place == 0 { "*" } else { " " };
        page.text(&format!("{mark} {name:<26} {probability:>11.4}  {threshold:>9}"));
    }
    page.head("tokens that weighed most for the best label", "share of the logit");
    if let Some(whole) = explanation.whole {
        page.text(&format!("  {:<26} {whole:>+11.4}", "(the transformer)"));
    }
    for token in explanation.tokens.iter().take(top) {
        page.text(&format!("  {:<26} {:>+11.4}", screen::one_line(&token.token, 26), token.share));
    }
    nearest(model, template, top, page);
}

/// The group by its name, and the template that stands for it.
fn group(model: &Model, template: &str, page: &mut Page) {
    let said = model.predict_with_group(template, &mut Scratch::default());
    let Some(group) = said.ok().and_then(|said| said.group) else { return };
    let name = model.group_name(group).unwrap_or_default();
    page.line("group", &format!("{name}, as: {}", model.group_title(group)));
}

fn nearest(model: &Model, template: &str, top: usize, page: &mut Page) {
    page.head("nearest known templates", "similarity  label");
    for neighbour in model.nearest(template, top) {
        let label = model.labels().get(usize::from(neighbour.label)).map_or("", String::as_str);
        let similarity = neighbour.similarity;
        page.text(&format!("  {similarity:>10.3}  {label:<20} {}", neighbour.template));
    }
}

fn threshold(threshold: Option<&Threshold>) -> String {
    match threshold {
        Some(Threshold::At(least)) => least.to_string(),
        Some(Threshold::Never) | None => "never".to_owned(),
    }
}

/// Collects what is printed: log text must not act on the terminal.
#[derive(Default)]
struct Page(String);

impl Page {
    fn line(&mut self, name: &str, text: &str) {
        self.0.push_str(&format!("{name:<12} {}\n", screen::one_line(text, usize::MAX)));
    }

    fn head(&mut self, title: &str, columns: &str) {
        self.0.push_str(&format!("\n{title} ({columns})\n"));
    }

    fn text(&mut self, text: &str) {
        self.0.push_str(&format!("{}\n", screen::one_line(text, usize::MAX)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_threshold_is_a_number_or_never() {
        assert_eq!(threshold(Some(&Threshold::Never)), "never");
        assert_eq!(threshold(None), "never");
        let least = Threshold::At(logtriage_engine::Confidence::ONE);
        assert_eq!(threshold(Some(&least)), "1");
    }
}
