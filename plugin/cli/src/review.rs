//! `logtriage review`: a person's word on what machines said, and on what nobody knows.

use std::collections::HashMap;
use std::io::BufRead;
use std::path::PathBuf;

use logtriage_engine::{Kind, Labels, Masker, TemplateId, UNCLASSIFIED};
use logtriage_files::{HUMAN_VERDICTS, Loaded, State, VERDICTS};

use crate::failure::{Ended, Failure};
use crate::reason::journal::{Entry, append, counts};
use crate::reason::queue::{Queue, Waiting, by_impact};
use crate::reason::seconds;
use crate::screen;

/// Confirm or change what the LLM said
///
/// Shows templates with the label that the LLM gave, and those that still wait, the most frequent
/// first, and asks for each what to do. Your word goes to verdicts.human.jsonl at once, and wins
/// over the model's and the LLM's from then on.
#[derive(clap::Args, Debug)]
#[command(after_help = "\
Examples:
  logtriage review --config logtriage.toml
  logtriage review --config logtriage.toml --by ada
  logtriage review --state-dir /var/lib/logtriage/state

Answers: Enter or `a` accepts the label, a number gives that label instead, `s` skips, `q` ends.")]
pub struct Args {
    #[command(flatten)]
    setup: crate::setup::SetupArgs,

    /// State directory instead of the config's
    #[arg(long, value_name = "DIR")]
    state_dir: Option<PathBuf>,

    /// Your name, as verdicts will say [default: the name you are logged in with]
    #[arg(long, value_name = "NAME")]
    by: Option<String>,
}

/// A template that a person may say something of.
#[derive(Debug)]
struct Proposal {
    waiting: Waiting,
    /// What the LLM said.
    label: String,
    by: String,
    reason: String,
}

/// What a person answers.
#[derive(Debug, PartialEq)]
enum Answer {
    Label(String),
    Skip,
    Quit,
    /// Not understood: why.
    What(String),
}

/// Runs the command.
pub fn run(args: &Args) -> Result<Ended, Failure> {
    let loaded = args.setup.load()?;
    let state = match &args.state_dir {
        Some(directory) => State::new(directory.clone()),
        None => loaded.state().ok_or_else(|| {
            Failure::other("there is no [reasoning] in the config; name a --state-dir")
        })?,
    };
    let model = loaded.model()?;
    let labels = Labels::new(model.labels().iter().map(String::as_str));
    let by = name(args.by.as_deref());
    let proposals = proposals(&loaded, &state, &labels)?;
    let (mut said, all) = (0, proposals.len());
    let mut input = std::io::stdin().lock();
    for (place, proposal) in (1..).zip(&proposals) {
        show(place, all, proposal, &labels)?;
        match ask(&mut input, &labels, proposal)? {
            Answer::Quit => break,
            Answer::Label(label) => {
                write(&state, proposal, &label, &by)?;
                said += 1;
            }
            Answer::Skip | Answer::What(_) => {}
        }
    }
    screen::tell(&format!(
        "logtriage: {said} of {all} templates reviewed, in {}",
        state.directory().join(HUMAN_VERDICTS).display()
    ));
    Ok(Ended::Clean)
}

fn name(given: Option<&str>) -> String {
    let from = |variable| std::env::var(variable).ok().filter(|name| !name.is_empty());
    given
        .map(str::to_owned)
        .or_else(|| from("USER"))
        .or_else(|| from("USERNAME"))
        .unwrap_or_else(|| "a person".to_owned())
}

/// What nobody has reviewed, the most frequent first.
fn proposals(loaded: &Loaded, state: &State, labels: &Labels) -> Result<Vec<Proposal>, Failure> {
    let share = loaded.config.reasoning.as_ref().map(|r| r.share).unwrap_or_default();
    let mut queue = Queue::new(state, share);
    queue.peek()?;
    let counts = counts(&state.directory().join(VERDICTS))?;
    let mut masker = Masker::default();
    let mut known: HashMap<String, Proposal> = HashMap::new();
    for waiting in queue.waiting() {
        let candidate = waiting.candidates.iter().find(|c| labels.find(&c.label).is_some());
        let label = candidate.map_or(UNCLASSIFIED, |candidate| &candidate.label).to_owned();
        let by = "the model, which is not sure".to_owned();
        let proposal = Proposal { waiting: waiting.clone(), label, by, reason: String::new() };
        known.insert(waiting.template.clone(), proposal);
    }
    let journals = state.journals();
    let of = |wanted: Kind| {
        let journals = journals.verdicts.iter().filter(move |(kind, _)| *kind == wanted);
        journals.flat_map(|(_, verdicts)| verdicts)
    };
    for verdict in of(Kind::Machine) {
        let template = masker.mask_and_redact(verdict.template.as_bytes()).into_owned();
        let count = counts.get(&template).copied().unwrap_or(1);
        let waiting = Waiting {
            template_id: TemplateId::of(&template).to_string(),
            template: template.clone(),
            count,
            ..Waiting::default()
        };
        let proposal = Proposal {
            waiting,
            label: verdict.label.clone(),
            by: verdict.by.clone().unwrap_or_default(),
            reason: verdict.reason.clone().unwrap_or_default(),
        };
        known.insert(template, proposal);
    }
    for verdict in of(Kind::Person) {
        known.remove(masker.mask_and_redact(verdict.template.as_bytes()).as_ref());
    }
    for problem in &journals.problems {
        screen::tell(&format!("logtriage: {problem}"));
    }
    let mut proposals: Vec<_> = known.into_values().collect();
    proposals.sort_by(|a, b| by_impact(&a.waiting, &b.waiting));
    Ok(proposals)
}

fn show(place: usize, all: usize, proposal: &Proposal, labels: &Labels) -> Result<(), Failure> {
    let line = |text: &str| screen::one_line(text, 600);
    let numbered: Vec<_> =
        (1..).zip(labels.names()).map(|(n, name): (usize, _)| format!("{n} {name}")).collect();
    let page = format!(
        "\n[{place}/{all}] {} events\n  {}\n  {} (by {}){}\n  {}\n",
        screen::grouped(proposal.waiting.count),
        line(&proposal.waiting.template),
        line(&proposal.label),
        line(&proposal.by),
        if proposal.reason.is_empty() {
            String::new()
        } else {
            format!(": {}", line(&proposal.reason))
        },
        line(&numbered.join("  ")),
    );
    screen::print(page.as_bytes())
}

/// Asks until it understands. The end of the input is the end of the review.
fn ask(input: &mut impl BufRead, labels: &Labels, proposal: &Proposal) -> Result<Answer, Failure> {
    loop {
        screen::print(b"  [a]ccept, number, [s]kip, [q]uit: ")?;
        let mut line = String::new();
        let read = input.read_line(&mut line);
        let read = read.map_err(|problem| Failure::Io { file: "input".to_owned(), problem })?;
        if read == 0 {
            return Ok(Answer::Quit);
        }
        match answer(line.trim(), labels, &proposal.label) {
            Answer::What(why) => screen::print(format!("  {why}\n").as_bytes())?,
            answer => return Ok(answer),
        }
    }
}

fn answer(line: &str, labels: &Labels, proposed: &str) -> Answer {
    match line {
        "q" => Answer::Quit,
        "s" => Answer::Skip,
        "" | "a" if labels.find(proposed).is_some() => Answer::Label(proposed.to_owned()),
        "" | "a" => Answer::What("there is no label to accept; give its number".to_owned()),
        number => {
            let place = number.parse::<usize>().ok().and_then(|n| n.checked_sub(1));
            match place.and_then(|place| labels.names().nth(place)) {
                Some(label) => Answer::Label(label.to_owned()),
                None => Answer::What(format!("a number is 1 to {}", labels.len())),
            }
        }
    }
}

fn write(state: &State, proposal: &Proposal, label: &str, by: &str) -> Result<(), Failure> {
    let accepted = label == proposal.label;
    let entry = Entry {
        template: &proposal.waiting.template,
        template_id: &proposal.waiting.template_id,
        label,
        by,
        reason: if accepted { &proposal.reason } else { "" },
        prompt: None,
        time: seconds(),
        count: proposal.waiting.count,
    };
    append(state, HUMAN_VERDICTS, &[entry])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_few() {
        let labels = Labels::default();
        let of = |line| answer(line, &labels, "Error");
        assert_eq!(of(""), Answer::Label("Error".to_owned()));
        assert_eq!(of("a"), Answer::Label("Error".to_owned()));
        assert_eq!(of("2"), Answer::Label("Security Alert".to_owned()));
        assert_eq!((of("s"), of("q")), (Answer::Skip, Answer::Quit));
        for wrong in ["0", "10", "x", "-1"] {
            assert!(matches!(of(wrong), Answer::What(_)), "{wrong}");
        }
        assert!(matches!(answer("a", &labels, UNCLASSIFIED), Answer::What(_)));
    }
}
