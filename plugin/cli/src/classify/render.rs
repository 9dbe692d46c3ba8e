//! From rows to labelled rows.

use std::borrow::Cow;
use std::fmt;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use logtriage_engine::{
    Annotated, Confidence, Engine, Event, Field, LabelId, Labels, Outcome, write_string,
};

use super::csv_header::Header;
use super::csv_rows::FieldReader;
use super::pipeline::{Batch, NOW, Part, Row};
use crate::screen;

/// What comes in and what goes out.
pub enum Shape {
    /// CSV in, CSV out.
    Csv(Header),
    /// Records in, the same records out.
    Jsonl,
    /// Lines in, records out.
    PlainJsonl,
    /// Lines in, a table out.
    Table(Screen),
}

/// The terminal on which a table is shown.
pub struct Screen {
    /// In characters; no limit where it is no terminal.
    pub width: usize,
    /// Whether it shows colours.
    pub colour: bool,
}

impl Screen {
    /// Characters that are left for the message.
    fn room(&self) -> usize {
        self.width.saturating_sub(20 + 1 + 10 + 1 + 6 + 1).max(20)
    }
}

/// Turns batches into output. Shared by all workers.
pub struct Renderer {
    /// What comes in and what goes out.
    pub shape: Shape,
    /// What is said beside label, tier, confidence and template id.
    pub fields: Vec<Field>,
}

/// A row that could not be read.
pub struct Problem {
    file: String,
    line: u64,
    message: String,
    /// How much of the batch's output comes before it.
    pub output_before: usize,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}", self.file, self.line, self.message)
    }
}

impl Renderer {
    /// What stands before the first row.
    pub fn head(&self) -> Vec<u8> {
        match &self.shape {
            Shape::Csv(header) => header.extended(),
            Shape::Table(_) => b"LABEL                TIER       CONF   MESSAGE\n".to_vec(),
            Shape::Jsonl | Shape::PlainJsonl => Vec::new(),
        }
    }

    /// Whether output has the line ends of its input, or its own.
    pub fn keeps_line_ends(&self) -> bool {
        matches!(self.shape, Shape::Csv(_) | Shape::Jsonl)
    }

    fn delimiter(&self) -> u8 {
        match &self.shape {
            Shape::Csv(header) => header.delimiter,
            Shape::Jsonl | Shape::PlainJsonl | Shape::Table(_) => b',',
        }
    }

    /// Labels every row of a batch.
    pub fn batch(
        &self,
        batch: &Batch,
        engine: &mut Engine,
        out: &mut Vec<u8>,
        problems: &mut Vec<Problem>,
    ) {
        let mut reader = FieldReader::new(self.delimiter());
        // The engine is borrowed while its outcome is written.
        let labels = engine.setup().labels().clone();
        for row in batch.rows() {
            let output_before = out.len();
            let read = match &self.shape {
                _ if matches!(row.part, Part::Piece { .. }) => self.piece(&row, out),
                Shape::Csv(header) => self.csv_row(header, &row, &mut reader, engine, &labels, out),
                Shape::Jsonl => record(&row, engine, out),
                Shape::PlainJsonl => {
                    self.plain_record(&row, engine, &labels, out);
                    Ok(())
                }
                Shape::Table(screen) => {
                    self.table_row(screen, &row, engine, &labels, out);
                    Ok(())
                }
            };
            if let Err(message) = read {
                let (file, line) = (batch.name.clone(), row.line);
                problems.push(Problem { file, line, message, output_before });
            }
        }
    }

    /// The row's bytes, then our cells before its line end. A row that cannot be read gets empty
    /// cells.
    fn csv_row(
        &self,
        header: &Header,
        row: &Row<'_>,
        reader: &mut FieldReader,
        engine: &mut Engine,
        labels: &Labels,
        out: &mut Vec<u8>,
    ) -> Result<(), String> {
        let (content, end) = split_line_end(row.bytes);
        let fields = reader.read(content);
        if fields.is_empty() && row.part == Part::Whole {
            // Nothing but line ends.
            out.extend_from_slice(row.bytes);
            return Ok(());
        }
        let unclosed = row.part == Part::Unclosed;
        let problem = if unclosed {
            Some("a quotation mark is opened here and never closed".to_owned())
        } else if fields.len() != header.width {
            Some(format!("{} fields where the header has {}", fields.len(), header.width))
        } else {
            None
        };
        out.extend_from_slice(content);
        if let Some(problem) = problem {
            // As many empty cells as it takes to reach our columns, and as we have.
            let missing = if unclosed { 0 } else { header.width.saturating_sub(fields.len()) };
            out.extend(std::iter::repeat_n(header.delimiter, missing + header.added.len()));
            out.extend_from_slice(end);
            return Err(problem);
        }
        let source = header.source.and_then(|place| fields.get(place)).unwrap_or_default();
        let event = Event {
            message: fields.get(header.message).map(Cow::Borrowed),
            source: (!source.is_empty()).then(|| String::from_utf8_lossy(source)),
        };
        let outcome = engine.label(&event, NOW);
        self.csv_cells(header.delimiter, &outcome, labels, out);
        out.extend_from_slice(end);
        Ok(())
    }

    /// A piece of a row that is too long to be held: its bytes, with the empty cells after the last
    /// one in CSV; from a plain line an event of its own without a label.
    fn piece(&self, row: &Row<'_>, out: &mut Vec<u8>) -> Result<(), String> {
        let Part::Piece { first, last } = row.part else { return Ok(()) };
        match &self.shape {
            Shape::Csv(header) if last => {
                let (content, end) = split_line_end(row.bytes);
                out.extend_from_slice(content);
                out.extend(std::iter::repeat_n(header.delimiter, header.added.len()));
                out.extend_from_slice(end);
            }
            Shape::Csv(_) | Shape::Jsonl => out.extend_from_slice(row.bytes),
            Shape::PlainJsonl => {
                write_message(message(row), out);
                out.extend_from_slice(b"}\n");
            }
            Shape::Table(screen) => {
                let text = String::from_utf8_lossy(message(row));
                let text = screen::one_line(&text, screen.room());
                out.extend_from_slice(format!("{:<38} {text}\n", "").as_bytes());
            }
        }
        if first { Err("longer than 64 MiB".to_owned()) } else { Ok(()) }
    }

    fn csv_cells(&self, delimiter: u8, outcome: &Outcome<'_>, labels: &Labels, out: &mut Vec<u8>) {
        let mut cell = |text: &str| {
            out.push(delimiter);
            write_cell(text, delimiter, out);
        };
        cell(outcome.label);
        cell(outcome.tier.name());
        cell(&outcome.confidence.to_string());
        cell(&outcome.template_id.map(|id| id.to_string()).unwrap_or_default());
        for field in &self.fields {
            match field {
                Field::Template => cell(outcome.template),
                Field::Rule => cell(outcome.rule.unwrap_or_default()),
                Field::By => cell(outcome.by.unwrap_or_default()),
                Field::Reason => cell(outcome.reason.unwrap_or_default()),
                Field::Pending => cell(if outcome.pending { "true" } else { "false" }),
                Field::Candidates => cell(&candidates(outcome.candidates, labels)),
                Field::Group => cell(outcome.group.unwrap_or_default()),
            }
        }
    }

    /// `{"message":…,"triage":{…}}`.
    fn plain_record(&self, row: &Row<'_>, engine: &mut Engine, labels: &Labels, out: &mut Vec<u8>) {
        let message = message(row);
        let outcome = engine.label(&plain_event(message), NOW);
        write_message(message, out);
        out.extend_from_slice(b",\"triage\":");
        outcome.write_json(&self.fields, labels, out);
        out.extend_from_slice(b"}\n");
    }

    fn table_row(
        &self,
        screen: &Screen,
        row: &Row<'_>,
        engine: &mut Engine,
        labels: &Labels,
        out: &mut Vec<u8>,
    ) {
        let message = message(row);
        let outcome = engine.label(&plain_event(message), NOW);
        let confidence = if outcome.candidates.is_empty() {
            String::new()
        } else {
            outcome.confidence.to_string()
        };
        let label = paint(screen, screen::label_style(outcome.label), &fit(outcome.label, 20));
        let tier = paint(screen, screen::tier_style(outcome.tier), &fit(outcome.tier.name(), 10));
        let text = screen::one_line(&String::from_utf8_lossy(message), screen.room());
        let extra = self.table_fields(&outcome, labels);
        out.extend_from_slice(format!("{label} {tier} {confidence:<6} {text}{extra}\n").as_bytes());
    }

    /// What `--fields` asks for stands below the row.
    fn table_fields(&self, outcome: &Outcome<'_>, labels: &Labels) -> String {
        let mut lines = String::new();
        for field in &self.fields {
            let text = match field {
                Field::Template => outcome.template.to_owned(),
                Field::Rule => outcome.rule.unwrap_or_default().to_owned(),
                Field::By => outcome.by.unwrap_or_default().to_owned(),
                Field::Reason => outcome.reason.unwrap_or_default().to_owned(),
                Field::Pending => outcome.pending.to_string(),
                Field::Candidates => candidates(outcome.candidates, labels),
                Field::Group => outcome.group.unwrap_or_default().to_owned(),
            };
            if !text.is_empty() {
                let text = screen::one_line(&text, usize::MAX);
                lines.push_str(&format!("\n    {}: {text}", field.name()));
            }
        }
        lines
    }
}

/// `{"message":…`; bytes that are not UTF-8 stay in `raw_base64`.
fn write_message(message: &[u8], out: &mut Vec<u8>) {
    out.extend_from_slice(b"{\"message\":");
    write_string(&String::from_utf8_lossy(message), out);
    if std::str::from_utf8(message).is_err() {
        out.extend_from_slice(b",\"raw_base64\":\"");
        out.extend_from_slice(BASE64_STANDARD.encode(message).as_bytes());
        out.push(b'"');
    }
}

fn record(row: &Row<'_>, engine: &mut Engine, out: &mut Vec<u8>) -> Result<(), String> {
    let (content, end) = split_line_end(row.bytes);
    if content.trim_ascii().is_empty() {
        out.extend_from_slice(row.bytes);
        return Ok(());
    }
    // A byte order mark is no part of the record.
    let (mark, content) = match content.strip_prefix(b"\xef\xbb\xbf") {
        Some(rest) => (&content[..3], rest),
        None => (&content[..0], content),
    };
    out.extend_from_slice(mark);
    let annotated = engine.annotate(content, NOW, out);
    out.extend_from_slice(end);
    match annotated {
        Annotated::Labelled { .. } => Ok(()),
        Annotated::Passed(reason) => Err(reason.to_string()),
    }
}

fn plain_event(message: &[u8]) -> Event<'_> {
    Event { message: Some(Cow::Borrowed(message)), source: None }
}

/// The row without its line end, and that.
fn split_line_end(bytes: &[u8]) -> (&[u8], &[u8]) {
    let ends = bytes.iter().rev().take_while(|b| matches!(b, b'\n' | b'\r')).count();
    bytes.split_at(bytes.len() - ends)
}

/// A plain line without its `\n` or `\r\n`, and without the byte order mark of its file.
fn message<'b>(row: &Row<'b>) -> &'b [u8] {
    let line = row.bytes.strip_suffix(b"\n").unwrap_or(row.bytes);
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    line.strip_prefix(b"\xef\xbb\xbf").filter(|_| row.begins).unwrap_or(line)
}

/// `label=probability`, best first, joined by `;`.
fn candidates(candidates: &[(LabelId, Confidence)], labels: &Labels) -> String {
    let pairs: Vec<_> = candidates
        .iter()
        .map(|(label, confidence)| format!("{}={confidence}", labels.name(*label)))
        .collect();
    pairs.join(";")
}

/// Quoted where RFC 4180 asks for it.
pub(super) fn write_cell(text: &str, delimiter: u8, out: &mut Vec<u8>) {
    let special = |b: &u8| *b == delimiter || matches!(b, b'"' | b'\n' | b'\r');
    if text.as_bytes().iter().any(special) {
        out.push(b'"');
        out.extend_from_slice(text.replace('"', "\"\"").as_bytes());
        out.push(b'"');
    } else {
        out.extend_from_slice(text.as_bytes());
    }
}

fn fit(text: &str, width: usize) -> String {
    format!("{:<width$}", screen::one_line(text, width))
}

fn paint(screen: &Screen, style: anstyle::Style, text: &str) -> String {
    if screen.colour { format!("{style}{text}{style:#}") } else { text.to_owned() }
}
