//! `logtriage reason`: an LLM is asked about the templates that nobody knows.
//!
//! ```text
//! pending.jsonl ──► queue ──► desk ──► client ──► answer ──► journal ──► verdicts.jsonl
//!                    │         │ limits, breaker, retries       │ declined.jsonl
//!               waiting.jsonl  usage.json
//! ```

mod answer;
mod asker;
mod breaker;
mod client;
mod declined;
mod desk;
mod dry_run;
mod endpoint;
mod form;
pub mod journal;
mod neighbours;
mod places;
mod prompt;
pub mod queue;
mod round;
mod status;
mod usage;

use std::io::IsTerminal;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};
use logtriage_engine::semantic::Example;
use logtriage_engine::{Kind, Labels, Masker};
use logtriage_files::{Loaded, Reports};

use crate::failure::{Ended, Failure};
use crate::screen;
use asker::Asker;
use client::Client;
use desk::{Report, Stop};
use endpoint::{Endpoint, Key};
use places::Places;
use usage::Ledger;

/// How often `--watch` looks for templates.
const LOOK_EVERY: Duration = Duration::from_secs(5);

/// Ask an LLM about the templates that nobody knows
///
/// Takes what hosts left in pending.jsonl of the state directory, asks an OpenAI-compatible server
/// for labels, several templates per request, and appends its verdicts to verdicts.jsonl, where
/// every host picks them up. Each template is asked about once. Only the masked template and its
/// source leave the machine, with secrets redacted, unless the config says share = "message".
#[derive(clap::Args, Debug)]
#[command(after_help = "\
Examples:
  logtriage reason --config logtriage.toml --dry-run    what would be sent, and what it costs
  logtriage reason --config logtriage.toml --once       ask about what waits, and end (cron)
  logtriage reason --config logtriage.toml --watch      ask whenever there is something (a service)
  logtriage reason --config logtriage.toml --status     limits, and what is used of them
  logtriage reason --config l.toml --once --state-dir '/var/lib/logtriage/*/state'
  logtriage reason --config l.toml --print-prompt > prompt.md    a prompt to change

The server is named by [reasoning] base_url and model, the key by api_key_env or api_key_file. It goes
to that server alone: not after a redirect, not unencrypted over a network, and not for a config that
was found in the working directory, which is why --config is needed.

Exit status: 0 done; 1 something is left to ask or was wrong with the server or a journal; 2 could
not run.")]
#[command(group = clap::ArgGroup::new("what").required(true))]
pub struct Args {
    /// Config file
    #[arg(long, value_name = "FILE", required = true)]
    config: PathBuf,

    /// Ask about what waits, then end
    #[arg(long, group = "what")]
    once: bool,

    /// Go on asking whenever there is something
    #[arg(long, group = "what")]
    watch: bool,

    /// Print the requests instead of sending them
    #[arg(long, group = "what")]
    dry_run: bool,

    /// Print limits, counts and the state of the server
    #[arg(long, group = "what")]
    status: bool,

    /// Print the built-in prompt, to write one of one's own
    #[arg(long, group = "what")]
    print_prompt: bool,

    /// State directory instead of the config's; may hold `*` and be given again
    #[arg(long, value_name = "DIR")]
    state_dir: Vec<String>,

    /// No summary
    #[arg(short, long)]
    quiet: bool,
}

/// Runs the command.
pub fn run(args: &Args) -> Result<Ended, Failure> {
    let loaded = Loaded::read(&args.config)?;
    if args.print_prompt {
        screen::print(prompt::BUILTIN.as_bytes())?;
        return Ok(Ended::Clean);
    }
    let mode = match (args.once, args.watch, args.dry_run) {
        (true, ..) => Mode::Once { quiet: args.quiet },
        (_, true, _) => Mode::Watch { quiet: args.quiet },
        (_, _, true) => Mode::DryRun,
        _ => Mode::Status,
    };
    begin(&loaded, &args.state_dir, mode)
}

/// Seconds since 1970.
pub fn seconds() -> u64 {
    round::now() / 1000
}

/// Asks about everything that waits in the config's state directory, for a command that waits for
/// the verdicts. The user must have named the config.
pub fn ask(loaded: &Loaded, quiet: bool) -> Result<Ended, Failure> {
    begin(loaded, &[], Mode::Once { quiet })
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mode {
    Once { quiet: bool },
    Watch { quiet: bool },
    DryRun,
    Status,
}

fn begin(loaded: &Loaded, patterns: &[String], mode: Mode) -> Result<Ended, Failure> {
    let Some(reasoning) = loaded.config.reasoning.clone() else {
        return Err(Failure::other(
            "the config has no [reasoning], which says where templates wait and who is asked",
        ));
    };
    let model = loaded.model()?;
    let labels = Labels::new(model.labels().iter().map(String::as_str));
    let asks = matches!(mode, Mode::Once { .. } | Mode::Watch { .. });
    let mut places = Places::open(loaded, patterns, reasoning.share, asks)?;
    let reviewed = reviewed(&places, &labels);
    let asker = Asker::new(loaded, &reasoning, &model, &reviewed)?;
    let endpoint = Endpoint::parse(&reasoning.base_url)?;
    let key = Key::read(&reasoning, loaded, &endpoint)?;
    let Some(first) = places.states().next() else {
        return Err(Failure::other("there is no state directory"));
    };
    let ledger = Ledger::new(first);
    if !asks {
        return look(mode, &asker, &mut places, &ledger, key.is_some());
    }
    let client = Client::new(endpoint, key, &reasoning.timeouts)?;
    let mut session = Session { asker: &asker, client: &client, ledger: &ledger, places };
    match mode {
        Mode::Watch { quiet } => session.watch(quiet),
        mode => session.once(mode != Mode::Once { quiet: false }),
    }
}

/// People's verdicts are the best examples.
fn reviewed(places: &Places, labels: &Labels) -> Vec<Example> {
    let mut masker = Masker::default();
    let journals = places.states().flat_map(|state| state.journals().verdicts);
    let verdicts = journals.filter(|(kind, _)| *kind == Kind::Person).flat_map(|(_, v)| v);
    verdicts
        .filter_map(|verdict| {
            let label = labels.find(&verdict.label)?.0;
            let template = masker.mask_and_redact(verdict.template.as_bytes()).into_owned();
            Some(Example { template, label })
        })
        .collect()
}

/// `--dry-run` and `--status`: nothing is changed.
fn look(
    mode: Mode,
    asker: &Asker<'_>,
    places: &mut Places,
    ledger: &Ledger,
    has_key: bool,
) -> Result<Ended, Failure> {
    let now = round::now();
    let waiting = places.collect(asker, false, now / 1000)?;
    let mut usage = ledger.read()?;
    if mode == Mode::DryRun {
        let form = usage.server(&asker.server(), now).form;
        dry_run::print(asker, &waiting, form)?;
    } else {
        let page = status::page(asker, places, &waiting, &usage, has_key, now);
        screen::print(page.as_bytes())?;
    }
    tell_all(&places.problems);
    Ok(if places.problems.is_empty() { Ended::Clean } else { Ended::WithProblems })
}

fn tell_all(problems: &[String]) {
    for problem in problems {
        screen::tell(&format!("logtriage: {problem}"));
    }
}

/// Everything that asking needs.
struct Session<'s, 'm> {
    asker: &'s Asker<'m>,
    client: &'s Client,
    ledger: &'s Ledger,
    places: Places,
}

impl Session<'_, '_> {
    fn once(&mut self, quiet: bool) -> Result<Ended, Failure> {
        let (report, left) = self.round(&progress_bar(quiet))?;
        tell_all(&self.places.problems);
        tell_all(&report.problems);
        if !quiet {
            screen::tell(&self.summary(&report, left));
        }
        match report.stopped {
            Some(Stop::Fatal(why)) => return Err(Failure::other(why)),
            Some(stop) => screen::tell(&format!("logtriage: {}", words(&stop))),
            None => {}
        }
        let is_clean = left == 0 && self.places.problems.is_empty();
        Ok(if is_clean { Ended::Clean } else { Ended::WithProblems })
    }

    /// Never ends by itself: what is wrong today may be right tomorrow.
    fn watch(&mut self, quiet: bool) -> Result<Ended, Failure> {
        let began = Instant::now();
        let mut reports = Reports::default();
        loop {
            let now = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
            match self.round(&ProgressBar::hidden()) {
                Ok((report, left)) => {
                    for problem in self.places.problems.drain(..) {
                        reports.tell("journal", now, || problem);
                    }
                    for problem in &report.problems {
                        reports.tell("server", now, || problem.clone());
                    }
                    if let Some(stop) = &report.stopped {
                        reports.tell("stopped", now, || words(stop));
                    }
                    if report.spent.requests > 0 && !quiet {
                        screen::tell(&self.summary(&report, left));
                    }
                }
                Err(failure) => reports.tell("state", now, || failure.to_string()),
            }
            tell_all(&reports.take());
            std::thread::sleep(LOOK_EVERY);
        }
    }

    /// Asks about what waits now. Gives what was done, and how many templates are left.
    fn round(&mut self, bar: &ProgressBar) -> Result<(Report, usize), Failure> {
        let Self { asker, client, ledger, places } = self;
        let waiting = places.collect(asker, true, round::now() / 1000)?;
        let all = waiting.len();
        if all == 0 {
            return Ok((Report::default(), 0));
        }
        bar.set_length(all as u64);
        let mut settled_in_all = 0;
        let written = round::run(asker, client, ledger, waiting, |settled, templates| {
            settled_in_all += settled.len();
            bar.inc(settled.len() as u64);
            places.settle(settled, templates, asker, round::now() / 1000)
        });
        bar.finish_and_clear();
        self.places.keep()?;
        Ok((written?, all.saturating_sub(settled_in_all)))
    }

    fn summary(&self, report: &Report, left: usize) -> String {
        let spent = status::spent_words(&report.spent, &self.asker.reasoning.price);
        let left = match left {
            0 => "nothing waits any more".to_owned(),
            left => format!("{} templates still wait", screen::grouped(left as u64)),
        };
        format!("logtriage: {spent}; {left}")
    }
}

/// Shown on a terminal only.
fn progress_bar(quiet: bool) -> ProgressBar {
    if quiet || !std::io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let style = "{wide_bar} {pos}/{len} templates {elapsed_precise}";
    match ProgressStyle::with_template(style) {
        Ok(style) => ProgressBar::new(0).with_style(style),
        Err(_) => ProgressBar::hidden(),
    }
}

fn words(stop: &Stop) -> String {
    match stop {
        Stop::Until(until, why) => {
            let seconds = until.saturating_sub(round::now()).div_ceil(1000);
            format!("{}; it goes on in {} s", why.words(), screen::grouped(seconds))
        }
        Stop::Fatal(why) => why.clone(),
    }
}
