//! Which format the input has.

use std::path::Path;

use super::{Args, FormatArg, PlainOutput};
use crate::failure::Failure;

/// The format of all inputs of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InputFormat {
    /// Rows with a header.
    Csv {
        /// Between two fields.
        delimiter: u8,
    },
    /// One JSON object a line.
    Jsonl,
    /// One message a line.
    Plain,
}

impl InputFormat {
    fn name(self) -> &'static str {
        match self {
            Self::Csv { .. } => "CSV",
            Self::Jsonl => "JSONL",
            Self::Plain => "plain lines",
        }
    }
}

/// The one format of all files.
pub(super) fn of_all(args: &Args) -> Result<InputFormat, Failure> {
    let formats: Vec<_> = args.files.iter().map(|file| of_file(args, file)).collect();
    let first = formats[0];
    match formats.iter().position(|format| *format != first) {
        None => Ok(first),
        Some(other) => Err(Failure::other(format!(
            "{} and {} have different formats; label them in two runs, or name one with --format",
            args.files[0].display(),
            args.files[other].display()
        ))),
    }
}

/// An option that the format does not know would be overlooked in silence.
pub(super) fn refuse_idle_options(args: &Args, format: InputFormat) -> Result<(), Failure> {
    let refuse = |option: &str, of: &str, instead: &str| {
        let file = args.files[0].display();
        let kind = format.name();
        let message = format!("{option} is for {of}, and {file} is read as {kind}; {instead}");
        Err(Failure::other(message))
    };
    if format != InputFormat::Plain && args.plain_output != PlainOutput::Auto {
        return refuse("--plain-output", "plain lines", "leave it out, or use --format plain");
    }
    let (message, source, output) = match format {
        InputFormat::Csv { .. } => return Ok(()),
        InputFormat::Jsonl => ("message_keys", "source_keys", "output_key"),
        InputFormat::Plain => ("", "", ""),
    };
    let idle = [
        ("--message-column", args.message_column.is_some(), message),
        ("--source-column", args.source_column.is_some(), source),
        ("--prefix", args.prefix.is_some(), output),
        ("--delimiter", args.delimiter.is_some(), ""),
    ];
    match idle.iter().find(|(_, given, _)| *given) {
        None => Ok(()),
        Some((option, _, "")) => refuse(option, "CSV", "leave it out, or use --format csv"),
        Some((option, _, key)) => {
            refuse(option, "CSV", &format!("use {key} in logtriage.toml, or --format csv"))
        }
    }
}

fn of_file(args: &Args, file: &Path) -> InputFormat {
    let csv = |delimiter| InputFormat::Csv { delimiter: args.delimiter.unwrap_or(delimiter) };
    match args.format {
        Some(FormatArg::Csv) => return csv(b','),
        Some(FormatArg::Jsonl) => return InputFormat::Jsonl,
        Some(FormatArg::Plain) => return InputFormat::Plain,
        None => {}
    }
    let extension = file.extension().unwrap_or_default().to_string_lossy().to_lowercase();
    match extension.as_str() {
        "csv" => csv(b','),
        "tsv" => csv(b'\t'),
        "jsonl" | "ndjson" | "json" => InputFormat::Jsonl,
        _ => InputFormat::Plain,
    }
}

/// Reads `--delimiter`.
pub(super) fn delimiter(text: &str) -> Result<u8, String> {
    match text.as_bytes() {
        b"tab" | b"\\t" => Ok(b'\t'),
        [byte] if byte.is_ascii() && !matches!(byte, b'"' | b'\n' | b'\r') => Ok(*byte),
        _ => Err("one ASCII character, or `tab`".to_owned()),
    }
}
