//! The header of CSV input: which columns are read, which are added.

use logtriage_engine::Field;

use super::csv_rows::{FieldReader, Found, RowFinder};
use super::render::write_cell;
use crate::failure::Failure;

/// Which CSV columns are read, and what the added ones are called.
#[derive(Clone, Debug)]
pub struct Columns {
    /// Between two fields.
    pub delimiter: u8,
    /// The column with the message.
    pub message: String,
    /// The column with the source.
    pub source: String,
    /// Before the names of the added columns.
    pub prefix: String,
}

/// A header that was understood.
#[derive(Debug)]
pub struct Header {
    /// With its line end.
    raw: Vec<u8>,
    /// Between two fields.
    pub delimiter: u8,
    /// How many columns there are.
    pub width: usize,
    /// The place of the message.
    pub message: usize,
    /// The place of the source, if there is one.
    pub source: Option<usize>,
    /// The names of our columns.
    pub added: Vec<String>,
}

impl Header {
    /// Understands the first row of `file`.
    pub fn read(
        file: &str,
        raw: &[u8],
        columns: &Columns,
        fields: &[Field],
    ) -> Result<Self, Failure> {
        let names = names(raw, columns.delimiter);
        let place = |name: &str| names.iter().position(|known| known == name);
        let Some(message) = place(&columns.message) else {
            return Err(Failure::other(no_message_column(file, raw, columns, &names)));
        };
        let added: Vec<String> = ["target_label", "tier", "confidence", "template_id"]
            .into_iter()
            .chain(fields.iter().map(|field| field.name()))
            .map(|name| format!("{}{name}", columns.prefix))
            .collect();
        if let Some(taken) = added.iter().find(|name| place(name).is_some()) {
            return Err(Failure::other(format!(
                "{file} already has a column \"{taken}\"; choose other names for the added \
                 columns with --prefix, e.g. --prefix triage_"
            )));
        }
        Ok(Self {
            raw: raw.to_vec(),
            delimiter: columns.delimiter,
            width: names.len(),
            message,
            source: place(&columns.source),
            added,
        })
    }

    /// Whether another file has the same columns.
    pub fn is_same(&self, raw: &[u8]) -> bool {
        names(&self.raw, self.delimiter) == names(raw, self.delimiter)
    }

    /// The header with our columns.
    pub fn extended(&self) -> Vec<u8> {
        let ends = self.raw.iter().rev().take_while(|b| matches!(b, b'\n' | b'\r')).count();
        let (content, end) = self.raw.split_at(self.raw.len() - ends);
        let mut extended = content.to_vec();
        for name in &self.added {
            extended.push(self.delimiter);
            write_cell(name, self.delimiter, &mut extended);
        }
        extended.extend_from_slice(if end.is_empty() { b"\n" } else { end });
        extended
    }
}

/// A quotation mark that is never closed would hide the columns after it.
pub fn refuse_unclosed(file: &str, raw: &[u8], delimiter: u8) -> Result<(), Failure> {
    let row = raw.strip_prefix(b"\xef\xbb\xbf").unwrap_or(raw).trim_ascii_start();
    match RowFinder::new(delimiter).find(row, true) {
        Found::Unclosed => Err(Failure::other(format!(
            "{file}: its header opens a quotation mark and never closes it"
        ))),
        Found::Row(_) | Found::More => Ok(()),
    }
}

fn names(raw: &[u8], delimiter: u8) -> Vec<String> {
    let raw = raw.strip_prefix(b"\xef\xbb\xbf").unwrap_or(raw);
    let fields = FieldReader::new(delimiter).read(raw);
    (0..fields.len())
        .map(|place| String::from_utf8_lossy(fields.get(place).unwrap_or_default()).into_owned())
        .collect()
}

fn no_message_column(file: &str, raw: &[u8], columns: &Columns, names: &[String]) -> String {
    let other = [b',', b';', b'\t', b'|']
        .into_iter()
        .filter(|delimiter| *delimiter != columns.delimiter)
        .find(|delimiter| {
            let others = self::names(raw, *delimiter);
            others.contains(&columns.message) || (names.len() == 1 && others.len() > 1)
        });
    let advice = match other {
        Some(b'\t') => "it seems to be separated by tabs: use --delimiter tab".to_owned(),
        Some(other) => {
            let other = char::from(other);
            format!("it seems to be separated by \"{other}\": use --delimiter '{other}'")
        }
        None => format!(
            "it has: {}. Name the one with the message with --message-column",
            names.join(", ")
        ),
    };
    format!("{file} has no column \"{}\"; {advice}", columns.message)
}
