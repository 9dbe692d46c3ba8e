//! `logtriage suggest-rules`: regular expressions for the busiest templates with a verdict.

use std::collections::HashMap;
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::sync::Arc;

use logtriage_engine::{Engine, Event, Labels, Masker, Rules, TemplateId, Tier};
use logtriage_files::{RuleForm, json_line};
use regex::bytes::{Regex, RegexBuilder};

use crate::failure::{Ended, Failure};
use crate::screen;
use crate::setup::{self, SetupArgs};

/// Longer templates may be cut, and no expression is made of them, in bytes.
const LONGEST: usize = 512;

/// A compiled expression may be this large, in bytes.
const LARGEST: usize = 1 << 20;

/// Turn frequent verdicts into rules
///
/// Writes regular expressions for the busiest templates with a verdict. Each is proven on the log
/// that you give: it matches every line of its template, and no line with another label. Look them
/// over and put them into your rules file; a rule costs less than any other tier.
#[derive(clap::Args, Debug)]
#[command(after_help = "\
Examples:
  logtriage suggest-rules --config logtriage.toml app.log
  logtriage suggest-rules --config logtriage.toml --top 5 /var/log/app/*.log > suggested.toml")]
pub struct Args {
    /// Plain log files, one message a line, to prove the rules on
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,

    /// Rules at most
    #[arg(long, default_value_t = 20, value_name = "N")]
    top: usize,

    #[command(flatten)]
    setup: SetupArgs,
}

/// A template that has a verdict.
#[derive(Debug)]
struct Wanted {
    /// Without secrets: a rules file is kept and handed on.
    template: String,
    label: String,
    by: String,
    events: u64,
    /// The expressions that are left, the strictest first.
    expressions: Vec<Regex>,
}

/// Runs the command.
pub fn run(args: &Args) -> Result<Ended, Failure> {
    let loaded = args.setup.load()?;
    let setup = Arc::new(loaded.setup(RuleForm::Text)?);
    let (mut engine, _) = setup::engine(&setup, &loaded.journals());
    let mut wanted = busiest(args, &mut engine)?;
    prove(args, &mut engine, &mut wanted)?;
    let mut page = String::new();
    let mut rules = 0;
    for wanted in &wanted {
        if let Some(rule) = rule(wanted, setup.labels()) {
            page.push_str(&rule);
            rules += 1;
        }
    }
    screen::print(page.as_bytes())?;
    screen::tell(&format!(
        "logtriage: {rules} rules; {} of the busiest templates have no expression that could be proven",
        wanted.len() - rules
    ));
    Ok(Ended::Clean)
}

/// Calls `take` with every line that has a message.
fn each_line(
    args: &Args,
    mut take: impl FnMut(&[u8]) -> Result<(), Failure>,
) -> Result<(), Failure> {
    for path in &args.files {
        let failed = |e| Failure::io(path, e);
        let mut reader = BufReader::new(File::open(path).map_err(failed)?);
        let mut line = Vec::new();
        while reader.read_until(b'\n', &mut line).map_err(failed)? > 0 {
            let message = line.trim_ascii_end();
            if !message.is_empty() {
                take(message)?;
            }
            line.clear();
        }
    }
    Ok(())
}

fn event(message: &[u8]) -> Event<'_> {
    Event { message: Some(message.into()), source: None }
}

/// The most frequent templates whose label comes from a verdict.
fn busiest(args: &Args, engine: &mut Engine) -> Result<Vec<Wanted>, Failure> {
    let mut found: HashMap<String, Wanted> = HashMap::new();
    let mut masker = Masker::default();
    each_line(args, |message| {
        let outcome = engine.label(&event(message), 0);
        if !matches!(outcome.tier, Tier::Reviewed | Tier::Reasoning) {
            return Ok(());
        }
        let template = masker.mask_and_redact(message);
        if let Some(known) = found.get_mut(template.as_ref()) {
            known.events += 1;
        } else if template.len() <= LONGEST {
            let wanted = Wanted {
                template: template.clone().into_owned(),
                label: outcome.label.to_owned(),
                by: outcome.by.unwrap_or_default().to_owned(),
                events: 1,
                expressions: Vec::new(),
            };
            found.insert(template.into_owned(), wanted);
        }
        Ok(())
    })?;
    let mut busiest: Vec<_> = found.into_values().collect();
    busiest.sort_by(|a, b| b.events.cmp(&a.events).then_with(|| a.template.cmp(&b.template)));
    busiest.truncate(args.top);
    for wanted in &mut busiest {
        let compile = |hidden: &&str| {
            let pattern = expression(&wanted.template, hidden);
            RegexBuilder::new(&pattern).size_limit(LARGEST).build().ok()
        };
        wanted.expressions = [r"\S+", r".+?"].iter().filter_map(compile).collect();
    }
    Ok(busiest)
}

/// Leaves the expressions that match each line of their template, and no line with another label or
/// none.
fn prove(args: &Args, engine: &mut Engine, wanted: &mut [Wanted]) -> Result<(), Failure> {
    let mut masker = Masker::default();
    each_line(args, |message| {
        let template = masker.mask_and_redact(message);
        let label = engine.label(&event(message), 0).label;
        for wanted in wanted.iter_mut() {
            let own = wanted.template == template;
            let may = own || wanted.label == label;
            wanted.expressions.retain(|expression| match expression.is_match(message) {
                true => may,
                false => !own,
            });
        }
        Ok(())
    })
}

/// The template as an expression, with `hidden` for what a mask hides.
fn expression(template: &str, hidden: &str) -> String {
    let mut pattern = "^".to_owned();
    let mut rest = template;
    while let Some((before, mask, behind)) = next_mask(rest) {
        literal(before, &mut pattern);
        match mask.as_bytes() {
            [class @ b'1'..=b'5', b'x', b'x'] => {
                pattern.push_str(&format!("{}[0-9][0-9]", char::from(*class)));
            }
            _ => pattern.push_str(hidden),
        }
        rest = behind;
    }
    literal(rest, &mut pattern);
    pattern.push('$');
    pattern
}

/// The first mask: what stands before it, its name, and what stands behind it.
fn next_mask(text: &str) -> Option<(&str, &str, &str)> {
    let is_name = |name: &str| {
        let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'*';
        (1..=12).contains(&name.len()) && name.bytes().all(plain)
    };
    text.match_indices('<').find_map(|(start, _)| {
        let (name, behind) = text.get(start + 1..)?.split_once('>')?;
        is_name(name).then_some((text.get(..start)?, name, behind))
    })
}

/// Any white space stands for any other.
fn literal(text: &str, pattern: &mut String) {
    let mut words = text.split(char::is_whitespace).peekable();
    while let Some(word) = words.next() {
        pattern.push_str(&regex::escape(word));
        if words.peek().is_some() && !pattern.ends_with(r"\s+") {
            pattern.push_str(r"\s+");
        }
    }
}

/// A rule as it stands in a rules file, if it is one.
fn rule(wanted: &Wanted, labels: &Labels) -> Option<String> {
    let pattern = wanted.expressions.first()?.as_str();
    // A JSON string is a TOML string.
    let text = format!(
        "# {} events; {}; {}\n[[rule]]\nid = \"suggested-{}\"\nlabel = {}\npattern = {}\n\n",
        screen::grouped(wanted.events),
        screen::one_line(&wanted.by, 60),
        screen::one_line(&wanted.template, 120),
        TemplateId::of(&wanted.template),
        json_line(&wanted.label).ok()?,
        json_line(&pattern).ok()?,
    );
    Rules::parse(&[("suggested", text.as_bytes())], labels).is_ok().then_some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_template_becomes_an_expression() {
        assert_eq!(expression("a.b <num> c", r"\S+"), r"^a\.b\s+\S+\s+c$");
        assert_eq!(expression("GET <path> <5xx>", r"\S+"), r"^GET\s+\S+\s+5[0-9][0-9]$");
        assert_eq!(expression("if a < b > c", r"\S+"), r"^if\s+a\s+<\s+b\s+>\s+c$");
    }
}
