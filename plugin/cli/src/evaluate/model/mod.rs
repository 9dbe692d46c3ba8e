//! `logtriage evaluate model`: how good a model of these labels is on what it has not seen, beside
//! simpler and dearer ones.
//!
//! ```text
//! CSV ──► templates ──► folds by source, folds by template
//!                              │  every contestant answers for what its training did not have
//!                              ▼
//!       accuracy, F1, intervals · calibration · risk and coverage · confusion · suspects
//!                              └──► text on the screen; Markdown and SVG in a directory
//! ```

mod bootstrap;
mod charts;
mod contestants;
mod cost;
mod curve;
mod report;
mod risk;
mod rivals;
mod suspects;
mod tables;
mod tfidf;
mod trial;

use std::path::PathBuf;
use std::sync::Arc;

use indicatif::{ProgressBar, ProgressStyle};
use logtriage_engine::semantic::{Embedder, Encoder};

use crate::failure::{Ended, Failure};
use crate::labelled::{Columns, Labelled};
use crate::train::guarantee::Target;
use crate::transformer::EmbedderArgs;
use crate::{screen, setup, train};
use contestants::Contest;
use report::Report;
use trial::{Split, Trial};

/// Measure a model of your labels on templates and systems that it has not seen, beside baselines
///
/// Nothing is written but the report: models are trained as `train` does, once per fold, and thrown
/// away. Systems are left out whole (by source), then single templates (by template).
#[derive(clap::Args, Debug)]
#[command(after_help = "\
Examples:
  logtriage evaluate model tickets.csv
  logtriage evaluate model tickets.csv --learning-curve --report tickets-report/
  logtriage evaluate model tickets.csv --teacher model.onnx --tokenizer tokenizer.json
  logtriage evaluate model tickets.csv --embedder onnx --onnx model.onnx --tokenizer tokenizer.json

Baselines, where they apply: TF-IDF and a sentence transformer, each under logistic regression with
the best of four C (ours has one); the built-in rules alone; a grep for fail|error. Intervals
are of 95%, by a bootstrap over systems or templates with a fixed seed: two runs print the same.")]
pub(super) struct Args {
    /// CSV files with a header
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// Directory for the report: report.md and its charts as SVG; made if it is not there
    #[arg(long, value_name = "DIR")]
    report: Option<PathBuf>,
    /// Also measure models of 12.5, 25 and 50% of the training templates: what would more bring?
    #[arg(long)]
    learning_curve: bool,
    /// Folds of whole systems, 2 to 1000; as many as there are systems leaves out each alone.
    /// Templates have 10 at most
    #[arg(long, default_value_t = train::folds::FOLDS, value_name = "N")]
    folds: usize,
    /// Inverse strength of regularisation, as `train` prints it; the default is the built-in
    /// model's
    #[arg(long, default_value_t = 6.0, value_name = "C")]
    c: f64,
    #[command(flatten)]
    target: Target,
    /// Table or bundle whose embedding is used [default: the built-in model's]
    #[arg(long, value_name = "DIR")]
    table: Option<PathBuf>,
    /// Sentence transformer to compare with, beside its --tokenizer: the mean over its tokens'
    /// vectors
    #[arg(long, requires = "tokenizer", value_name = "FILE")]
    teacher: Option<PathBuf>,
    #[command(flatten)]
    embedder: EmbedderArgs,
    #[command(flatten)]
    columns: Columns,
}

/// Runs the command.
///
/// # Errors
/// If options, data, table or teacher cannot be used, or the report cannot be written.
pub(super) fn run(args: &Args) -> Result<Ended, Failure> {
    args.target.check()?;
    train::check_c(args.c)?;
    if !(2..=1000).contains(&args.folds) {
        return Err(Failure::other(format!("--folds is {}, expected 2 to 1000", args.folds)));
    }
    let data = Labelled::read(&args.files, &args.columns).map_err(train::sentence)?;
    train::check(&data)?;
    if let Some(dir) = &args.report {
        std::fs::create_dir_all(dir).map_err(|problem| Failure::io(dir, problem))?;
    }
    let report = evaluate(args, &data)?;
    screen::print(report.on_screen().as_bytes())?;
    if let Some(dir) = &args.report {
        report.write(dir)?;
    }
    Ok(Ended::Clean)
}

fn evaluate(args: &Args, data: &Labelled) -> Result<Report, Failure> {
    let embedder = embedder(args)?;
    let contest = Contest::enter(args, data, &embedder)?;
    let splits = Split::all(data, args.folds);
    let curve = if args.learning_curve { curve::SHARES.len() } else { 0 };
    let bar = progress(contest.contestants.len() * splits.len() + curve);

    let mut report = Report::default();
    tables::data(&mut report, data, &contest);
    let mut trials: Vec<Trial> = Vec::new();
    for split in &splits {
        let trial = Trial::run(&contest, data, split, trials.first(), args.target.error, &bar)?;
        tables::trial(&mut report, data, split, &trial)?;
        if split.is_by_template() {
            suspects::report(&mut report, data, trial.ours());
        }
        trials.push(trial);
    }
    if let (true, Some(split), Some(trial)) = (args.learning_curve, splits.first(), trials.first())
    {
        curve::report(&mut report, data, split, (&contest, trial), &bar)?;
    }
    bar.finish_and_clear();
    if let Some(theirs) = contest.transformer_cost {
        cost::report(&mut report, data, theirs)?;
    }
    Ok(report)
}

fn embedder(args: &Args) -> Result<Embedder, Failure> {
    let parts = setup::bundle(args.table.as_deref())?;
    let encoder = args.embedder.open()?.map(|transformer| transformer as Arc<dyn Encoder>);
    Ok(train::embedder(parts, encoder)?.0)
}

fn progress(steps: usize) -> ProgressBar {
    let style = ProgressStyle::with_template("{bar:40} {pos}/{len} {msg}");
    ProgressBar::new(steps as u64)
        .with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
}
