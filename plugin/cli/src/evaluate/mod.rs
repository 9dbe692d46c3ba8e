//! `logtriage evaluate`: how good the parts are, measured on data with known answers.

mod grouping;
mod groups;
mod labels;
mod model;

use std::path::{Path, PathBuf};

use clap::Subcommand;

use crate::failure::{Ended, Failure};
use crate::screen;
use grouping::Grouping;

/// Measure the engine on data with known answers
#[derive(clap::Args, Debug)]
pub struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(Subcommand, Debug)]
enum What {
    Templates(TemplateArgs),
    Labels(labels::Args),
    Model(Box<model::Args>),
    Groups(groups::Args),
}

/// Measure template masking: grouping accuracy and keys per true template
///
/// Reads CSV files with a message column and a column that says which template is the true one, as
/// Loghub's *_structured.csv files have them.
#[derive(clap::Args, Debug)]
#[command(after_help = "\
Example:
  logtriage evaluate templates loghub/*/*_2k.log_structured.csv

Grouping accuracy: the share of messages whose group (same template) is exactly the true group.")]
struct TemplateArgs {
    /// CSV files
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,

    /// Column with the message
    #[arg(long, default_value = "Content", value_name = "NAME")]
    message_column: String,

    /// Column with the true template, or its id
    #[arg(long, default_value = "EventTemplate", value_name = "NAME")]
    truth_column: String,
}

/// Runs the command.
pub fn run(args: &Args) -> Result<Ended, Failure> {
    match &args.what {
        What::Templates(args) => templates(args),
        What::Labels(args) => labels::run(args),
        What::Model(args) => model::run(args),
        What::Groups(args) => groups::run(args),
    }
}

fn templates(args: &TemplateArgs) -> Result<Ended, Failure> {
    let mut measured = Vec::new();
    for file in &args.files {
        let pairs = read_pairs(file, &args.message_column, &args.truth_column)?;
        let pairs = pairs.iter().map(|(message, truth)| (message.as_str(), truth.as_str()));
        measured.push((name(file), grouping::measure(pairs)));
    }
    screen::print(table(&measured).as_bytes())?;
    Ok(Ended::Clean)
}

fn table(measured: &[(String, Grouping)]) -> String {
    let width = measured.iter().map(|(name, _)| name.chars().count()).max().unwrap_or(4).max(4);
    let row = |name: &str, counts: [String; 3], keys_per_truth: f64, accuracy: f64| {
        let [messages, truths, keys] = counts;
        format!(
            "{name:<width$}  {messages:>8}  {truths:>9}  {keys:>4}  {keys_per_truth:>13.3}  \
             {accuracy:>8.3}\n"
        )
    };
    let mut text =
        format!("{:<width$}  messages  templates  keys  keys/template  accuracy\n", "file");
    for (name, grouping) in measured {
        let counts = [grouping.messages, grouping.truths, grouping.keys].map(|n| n.to_string());
        text += &row(name, counts, grouping.keys_per_truth(), grouping.accuracy());
    }
    let mean = |of: fn(&Grouping) -> f64| {
        measured.iter().map(|(_, grouping)| of(grouping)).sum::<f64>() / measured.len() as f64
    };
    let no_counts = [const { String::new() }; 3];
    text + &row("mean", no_counts, mean(Grouping::keys_per_truth), mean(Grouping::accuracy))
}

fn name(file: &Path) -> String {
    file.file_name().unwrap_or(file.as_os_str()).to_string_lossy().into_owned()
}

fn read_pairs(file: &Path, message: &str, truth: &str) -> Result<Vec<(String, String)>, Failure> {
    let failed = |e: csv::Error| Failure::other(format!("{}: {e}", file.display()));
    let mut reader = csv::Reader::from_path(file).map_err(failed)?;
    let header = reader.byte_headers().map_err(failed)?.clone();
    let place = |name: &str| {
        header.iter().position(|column| column == name.as_bytes()).ok_or_else(|| {
            let columns: Vec<_> = header.iter().map(String::from_utf8_lossy).collect();
            let columns = columns.join(", ");
            Failure::other(format!(
                "{} has no column \"{name}\"; it has: {columns}",
                file.display()
            ))
        })
    };
    let (message, truth) = (place(message)?, place(truth)?);
    let text =
        |bytes: Option<&[u8]>| String::from_utf8_lossy(bytes.unwrap_or_default()).into_owned();
    reader
        .byte_records()
        .map(|record| {
            let record = record.map_err(failed)?;
            Ok((text(record.get(message)), text(record.get(truth))))
        })
        .collect()
}
