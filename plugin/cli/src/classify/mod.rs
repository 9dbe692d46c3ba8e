//! `logtriage classify`: files in, the same events with their labels out.
//!
//! ```text
//! reader ──batches──► workers (an engine each) ──► writer, in the order of the input
//! ```

mod csv_header;
mod csv_rows;
mod format;
mod pending;
mod pipeline;
mod render;
mod streams;
mod summary;

use std::io::IsTerminal;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use clap::ValueEnum;
use clap::builder::{PossibleValuesParser, TypedValueParser};
use logtriage_engine::{Config, Field, Setup};
use logtriage_files::{Journals, Loaded, RuleForm};

use crate::failure::{Ended, Failure};
use crate::setup::{SetupArgs, engine};
use csv_header::{Columns, Header};
use format::InputFormat;
use pipeline::{Report, Rows};
use render::{Renderer, Screen, Shape};
use streams::Output;

/// Label log events in files or standard input
///
/// Reads CSV, JSONL or plain lines. CSV keeps its columns and rows and gets target_label, tier,
/// confidence and template_id; JSONL keeps its bytes and gets one object per record; plain lines
/// give a table on a terminal and JSONL otherwise. A summary goes to standard error.
#[derive(clap::Args, Debug)]
#[command(after_help = "\
Examples:
  logtriage classify app.log                         a table on the terminal
  logtriage classify app.log > app.jsonl             JSONL
  logtriage classify events.jsonl -o labelled.jsonl  the records, each with its label
  logtriage classify tickets.csv --message-column text --source-column system -o out.csv
  journalctl -o json | logtriage classify --format jsonl -
  logtriage classify app.log --fields template,candidates | jq .triage
  logtriage classify app.log --config logtriage.toml --reason -o app.jsonl

Exit status: 0 done; 1 some rows could not be read (they passed unlabelled); 2 could not run.")]
pub struct Args {
    /// Files to read, in this order; `-` is standard input
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,

    /// Write here instead of standard output
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,

    /// Format of the input; without it by the file's extension (.csv, .tsv, .jsonl, .ndjson,
    /// .json), else plain lines
    #[arg(long, value_enum)]
    format: Option<FormatArg>,

    /// What plain lines become
    #[arg(long, value_enum, default_value_t = PlainOutput::Auto)]
    plain_output: PlainOutput,

    /// CSV column with the message [default: log_message]
    #[arg(long, value_name = "NAME")]
    message_column: Option<String>,

    /// CSV column with the source; it may be absent [default: source]
    #[arg(long, value_name = "NAME")]
    source_column: Option<String>,

    /// CSV delimiter: one character, or `tab`
    #[arg(long, value_parser = format::delimiter, value_name = "CHAR")]
    delimiter: Option<u8>,

    /// Put this before the names of the CSV columns that are added
    #[arg(long, value_name = "TEXT")]
    prefix: Option<String>,

    /// More to say of each event, in this order, instead of the config's `fields`
    #[arg(long, value_delimiter = ',', value_parser = field_parser(), value_name = "FIELD")]
    fields: Option<Vec<Field>>,

    /// Stop at the first row that cannot be read
    #[arg(long)]
    strict: bool,

    /// No summary and no progress bar
    #[arg(short, long)]
    quiet: bool,

    /// First ask the LLM of the config about what nobody knows; the input is read twice
    #[arg(long, requires = "config")]
    reason: bool,

    /// Worker threads; without it one per core, at most 8
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=256))]
    threads: Option<u16>,

    #[command(flatten)]
    setup: SetupArgs,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum FormatArg {
    Csv,
    Jsonl,
    Plain,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum PlainOutput {
    /// A table on a terminal, else JSONL
    Auto,
    Table,
    Jsonl,
}

/// Reads a name of `--fields`.
fn field_parser() -> impl TypedValueParser<Value = Field> {
    PossibleValuesParser::new(Field::ALL.map(|(name, _)| name)).try_map(|name| {
        let known = Field::ALL.into_iter().find(|(known, _)| *known == name);
        known.map(|(_, field)| field).ok_or("no field of this name")
    })
}

/// Runs the command.
pub fn run(args: &Args) -> Result<Ended, Failure> {
    let began = Instant::now();
    let format = format::of_all(args)?;
    format::refuse_idle_options(args, format)?;
    let mut loaded = args.setup.load()?;
    apply(args, &mut loaded.config);
    let setup = Arc::new(loaded.setup(RuleForm::Text)?);
    let state = loaded.state();
    let mut journals = loaded.journals();
    let mut asked = Ended::Clean;
    if args.reason {
        asked = reason(args, format, &loaded, (&setup, &journals))?;
        journals = loaded.journals();
    }
    let output = || streams::open_output(args.output.as_deref());
    let (report, refused) = label(args, format, &loaded, (&setup, &journals), output)?;

    let mut problems = journals.problems;
    problems.extend(
        (refused > 0).then(|| {
            format!("{refused} verdicts are not used; the labels are: {}", setup.labels())
        }),
    );
    let appended = state
        .filter(|_| !args.reason)
        .map(|state| state.append_pending(report.pending.list(), setup.labels(), None))
        .transpose()
        .unwrap_or_else(|failure| {
            problems.push(format!("pending templates are not kept: {failure}"));
            None
        });
    finish(args, &report, &setup, &problems, appended, began);
    let clean =
        report.bad_rows == 0 && !report.has_failed && problems.is_empty() && asked == Ended::Clean;
    Ok(if clean { Ended::Clean } else { Ended::WithProblems })
}

/// Labels all inputs once; the output is opened when the inputs are. Gives the report, and how many
/// verdicts an engine refused.
fn label(
    args: &Args,
    format: InputFormat,
    loaded: &Loaded,
    (setup, journals): (&Arc<Setup>, &Journals),
    output: impl FnOnce() -> Result<Output, Failure>,
) -> Result<(Report, usize), Failure> {
    let mut inputs = rows(args, format)?;
    let fields = loaded.config.fields.clone();
    let header = header(args, format, &fields, &mut inputs)?;
    let output = output()?;
    let renderer = Arc::new(Renderer { shape: shape(args, format, header, &output), fields });
    let (engines, refused): (Vec<_>, Vec<_>) =
        (0..threads(args)).map(|_| engine(setup, journals)).unzip();
    let report = pipeline::run(inputs, &renderer, engines, output.writer, &options(args))?;
    Ok((report, refused.into_iter().next().unwrap_or(0)))
}

/// Finds what nobody knows in the inputs, and asks about it. The inputs are read again afterwards.
fn reason(
    args: &Args,
    format: InputFormat,
    loaded: &Loaded,
    known: (&Arc<Setup>, &Journals),
) -> Result<Ended, Failure> {
    if args.files.iter().any(|file| file.as_os_str() == "-") {
        let message = "--reason reads its input twice, so it takes no standard input; name a file";
        return Err(Failure::other(message));
    }
    let Some(state) = loaded.state() else {
        let message = "--reason needs [reasoning] in the config, which says who is asked";
        return Err(Failure::other(message));
    };
    let nowhere = || Ok(Output { writer: Box::new(std::io::sink()), is_terminal: false });
    let (report, _) = label(args, format, loaded, known, nowhere)?;
    state.append_pending(report.pending.list(), known.0.labels(), None)?;
    // Who cannot be asked costs only their own answers.
    Ok(crate::reason::ask(loaded, args.quiet).unwrap_or_else(|failure| {
        crate::screen::tell(&format!("logtriage: {failure}"));
        Ended::WithProblems
    }))
}

fn apply(args: &Args, config: &mut Config) {
    // The limit protects a stream that must not wait. A file waits.
    config.max_new_templates_per_second = Some(0);
    if let Some(fields) = &args.fields {
        let mut wanted: Vec<Field> = Vec::new();
        for field in fields.iter().copied() {
            if !wanted.contains(&field) {
                wanted.push(field);
            }
        }
        config.fields = wanted;
    }
}

fn rows(args: &Args, format: InputFormat) -> Result<Vec<Rows>, Failure> {
    let delimiter = match format {
        InputFormat::Csv { delimiter } => Some(delimiter),
        InputFormat::Jsonl | InputFormat::Plain => None,
    };
    let inputs = streams::open_all(&args.files, args.output.as_deref())?;
    Ok(inputs.into_iter().map(|input| Rows::new(input, delimiter)).collect())
}

/// Takes the header off every CSV input. All must have the same.
fn header(
    args: &Args,
    format: InputFormat,
    fields: &[Field],
    inputs: &mut [Rows],
) -> Result<Option<Header>, Failure> {
    let InputFormat::Csv { delimiter } = format else { return Ok(None) };
    let columns = Columns {
        delimiter,
        message: args.message_column.clone().unwrap_or_else(|| "log_message".to_owned()),
        source: args.source_column.clone().unwrap_or_else(|| "source".to_owned()),
        prefix: args.prefix.clone().unwrap_or_default(),
    };
    let mut header: Option<Header> = None;
    for rows in inputs {
        let Some(raw) = rows.first()? else {
            let name = rows.name();
            return Err(Failure::other(format!(
                "{name} is empty; a CSV file begins with a header"
            )));
        };
        csv_header::refuse_unclosed(rows.name(), &raw, delimiter)?;
        match &header {
            None => header = Some(Header::read(rows.name(), &raw, &columns, fields)?),
            Some(first) if first.is_same(&raw) => {}
            Some(_) => {
                return Err(Failure::other(format!(
                    "{} has other columns than {}; label them in two runs",
                    rows.name(),
                    args.files[0].display()
                )));
            }
        }
    }
    Ok(header)
}

fn shape(args: &Args, format: InputFormat, header: Option<Header>, output: &Output) -> Shape {
    if let Some(header) = header {
        return Shape::Csv(header);
    }
    let table = match args.plain_output {
        PlainOutput::Table => true,
        PlainOutput::Auto => output.is_terminal,
        PlainOutput::Jsonl => false,
    };
    match format {
        InputFormat::Plain if table => Shape::Table(screen(output)),
        InputFormat::Plain => Shape::PlainJsonl,
        InputFormat::Csv { .. } | InputFormat::Jsonl => Shape::Jsonl,
    }
}

fn screen(output: &Output) -> Screen {
    let size = terminal_size::terminal_size().filter(|_| output.is_terminal);
    let choice = anstream::AutoStream::choice(&std::io::stdout());
    Screen {
        width: size.map_or(usize::MAX, |(width, _)| usize::from(width.0)),
        colour: output.is_terminal && choice != anstream::ColorChoice::Never,
    }
}

fn options(args: &Args) -> pipeline::Options {
    pipeline::Options {
        strict: args.strict,
        progress: !args.quiet && std::io::stderr().is_terminal(),
        output: match &args.output {
            Some(file) => file.display().to_string(),
            None => "standard output".to_owned(),
        },
    }
}

fn threads(args: &Args) -> usize {
    match args.threads {
        Some(threads) => usize::from(threads),
        None => std::thread::available_parallelism().map_or(1, |n| n.get().min(8)),
    }
}

fn finish(
    args: &Args,
    report: &Report,
    setup: &Setup,
    problems: &[String],
    appended: Option<usize>,
    began: Instant,
) {
    for problem in problems {
        crate::screen::tell(&format!("logtriage: {problem}"));
    }
    if !args.quiet && !report.stopped {
        summary::print(report, setup.labels(), appended, began.elapsed());
    }
}
