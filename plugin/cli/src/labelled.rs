//! Labelled messages from CSV files, as distinct templates.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use logtriage_engine::{DEFAULT_LABELS, Masker};

/// Which columns of a CSV file hold what.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Columns {
    /// Column of the system that wrote the message; a file without it is one source
    #[arg(long, default_value = "source", value_name = "NAME")]
    pub source_column: String,
    /// Column of the message
    #[arg(long, default_value = "log_message", value_name = "NAME")]
    pub message_column: String,
    /// Column of the label
    #[arg(long, default_value = "target_label", value_name = "NAME")]
    pub label_column: String,
    /// Column of the group that the message's template is filed under, which may be empty; a file
    /// without it has none
    #[arg(long, default_value = "group", value_name = "NAME")]
    pub group_column: String,
}

/// Why labelled data cannot be read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum DataError {
    /// The file cannot be read or is not CSV.
    #[error("{}: {error}", path.display())]
    Csv {
        /// The file.
        path: PathBuf,
        /// What is wrong, with line and byte.
        error: csv::Error,
    },
    /// There is no such column.
    #[error("{}: no column {wanted:?}; it has {}", path.display(), quoted(found))]
    Column {
        /// The file.
        path: PathBuf,
        /// The column asked for.
        wanted: String,
        /// The columns that are there.
        found: Vec<String>,
    },
    /// There is nothing in it.
    #[error("{}: no rows", path.display())]
    Empty {
        /// The file.
        path: PathBuf,
    },
}

fn quoted(names: &[String]) -> String {
    let names: Vec<String> = names.iter().map(|name| format!("{name:?}")).collect();
    names.join(", ")
}

/// A distinct template with its label.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Row {
    /// As the mask made it.
    pub template: String,
    /// Number of the label in [`Labelled::labels`].
    pub label: usize,
    /// Number of the first source that had it in [`Labelled::sources`].
    pub source: usize,
    /// The first group that it came with.
    pub group: Option<String>,
    /// The first message with this template and label; the template itself, if there is none.
    pub message: String,
    /// Where that message stands; none for what came from no file.
    pub place: Option<Place>,
}

/// A row of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Place {
    /// The file as it was named.
    pub file: String,
    /// Its line, from 1 on, the header's.
    pub line: u64,
}

impl std::fmt::Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}:{}", self.file, self.line)
    }
}

/// Distinct templates, in the order in which they first came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Labelled {
    /// The templates.
    pub rows: Vec<Row>,
    /// The default labels first, in their order, then others by name.
    pub labels: Vec<String>,
    /// By name.
    pub sources: Vec<String>,
    /// Messages read.
    pub messages: usize,
    /// Templates that came with more than one label, with the number of messages of each label;
    /// the most frequent one won, of equals the first by name.
    pub conflicts: Vec<(String, BTreeMap<String, usize>)>,
}

/// What was seen of one template.
struct Seen {
    template: String,
    source: String,
    group: Option<String>,
    votes: BTreeMap<String, Votes>,
}

/// The messages of one template and label.
struct Votes {
    count: usize,
    message: String,
    place: Place,
}

/// One row, as it is read.
pub(crate) struct Cells<'a> {
    /// The message's, as the mask makes it.
    pub template: &'a str,
    pub message: &'a str,
    /// None where there is no such column.
    pub source: Option<&'a str>,
    /// Empty if none was asked for.
    pub label: &'a str,
    group: &'a str,
    pub place: Place,
}

impl Labelled {
    /// Reads the files one after the other.
    ///
    /// # Errors
    /// If a file cannot be read, lacks a column, or holds no row.
    pub(crate) fn read(paths: &[PathBuf], columns: &Columns) -> Result<Self, DataError> {
        let mut seen: Vec<Seen> = Vec::new();
        let mut places: BTreeMap<String, usize> = BTreeMap::new();
        let mut messages = 0;
        each_message(paths, columns, true, |row| {
            messages += 1;
            let template = row.template.to_owned();
            let at = *places.entry(template.clone()).or_insert_with(|| {
                let source = row.source.unwrap_or(&row.place.file).to_owned();
                seen.push(Seen { template, source, group: None, votes: BTreeMap::new() });
                seen.len() - 1
            });
            if seen[at].group.is_none() && !row.group.is_empty() {
                seen[at].group = Some(row.group.to_owned());
            }
            let votes = seen[at].votes.entry(row.label.to_owned());
            let first = || Votes { count: 0, message: row.message.to_owned(), place: row.place };
            votes.or_insert_with(first).count += 1;
        })?;
        Ok(Self::settle(seen, messages))
    }

    /// What was read, in numbers.
    pub(crate) fn counts(&self) -> String {
        format!(
            "{} messages, {} templates, {} sources, {} labels",
            self.messages,
            self.rows.len(),
            self.sources.len(),
            self.labels.len()
        )
    }

    /// The distinct templates of files that need no labels, in the order in which they first came.
    ///
    /// # Errors
    /// As [`Labelled::read`].
    pub(crate) fn templates(
        paths: &[PathBuf],
        columns: &Columns,
    ) -> Result<Vec<String>, DataError> {
        let mut known = std::collections::HashSet::new();
        let mut templates = Vec::new();
        each_message(paths, columns, false, |row| {
            if known.insert(row.template.to_owned()) {
                templates.push(row.template.to_owned());
            }
        })?;
        Ok(templates)
    }

    /// The source of each template: what evaluation holds out together.
    pub(crate) fn row_sources(&self) -> Vec<usize> {
        self.rows.iter().map(|row| row.source).collect()
    }

    /// No template at all: what [`Self::add`] begins with where there are no files.
    pub(crate) fn empty() -> Self {
        Self::settle(Vec::new(), 0)
    }

    /// Adds templates with their labels as the messages of one source. Those that are there already
    /// keep their label; of two new ones that are the same, the later wins.
    pub(crate) fn add(&mut self, source: &str, new: impl Iterator<Item = (String, String)>) {
        let name = |names: &[String], at: usize| names.get(at).cloned().unwrap_or_default();
        let mut rows: Vec<(Row, String, String)> = std::mem::take(&mut self.rows)
            .into_iter()
            .map(|row| {
                let label = name(&self.labels, row.label);
                let source = name(&self.sources, row.source);
                (row, label, source)
            })
            .collect();
        let known = rows.len();
        let mut places: BTreeMap<String, usize> =
            (0..).zip(&rows).map(|(place, row)| (row.0.template.clone(), place)).collect();
        for (template, label) in new {
            match places.get(&template) {
                Some(place) if *place < known => {}
                Some(place) => rows[*place].1 = label,
                None => {
                    places.insert(template.clone(), rows.len());
                    let message = template.clone();
                    let row =
                        Row { template, label: 0, source: 0, group: None, message, place: None };
                    rows.push((row, label, source.to_owned()));
                }
            }
        }
        self.messages += rows.len() - known;
        self.labels = label_order(rows.iter().map(|(_, label, _)| label.clone()));
        self.sources = distinct(rows.iter().map(|(.., source)| source.clone()));
        let row = |(row, label, source): (Row, String, String)| Row {
            label: self.labels.iter().position(|known| *known == label).unwrap_or_default(),
            source: self.sources.binary_search(&source).unwrap_or_default(),
            ..row
        };
        self.rows = rows.into_iter().map(row).collect();
    }

    fn settle(seen: Vec<Seen>, messages: usize) -> Self {
        let labels = label_order(seen.iter().flat_map(|seen| seen.votes.keys().cloned()));
        let sources = distinct(seen.iter().map(|seen| seen.source.clone()));
        let mut conflicts = Vec::new();
        let mut rows = Vec::with_capacity(seen.len());
        for Seen { template, source, group, votes } in seen {
            if votes.len() > 1 {
                let counts = votes.iter().map(|(label, votes)| (label.clone(), votes.count));
                conflicts.push((template.clone(), counts.collect()));
            }
            let Some((winner, first)) = winner(votes) else { continue };
            rows.push(Row {
                label: labels.iter().position(|label| *label == winner).unwrap_or_default(),
                source: sources.binary_search(&source).unwrap_or_default(),
                template,
                group,
                message: first.message,
                place: Some(first.place),
            });
        }
        Self { rows, labels, sources, messages, conflicts }
    }
}

fn winner(votes: BTreeMap<String, Votes>) -> Option<(String, Votes)> {
    votes.into_iter().max_by(|a, b| a.1.count.cmp(&b.1.count).then(b.0.cmp(&a.0)))
}

fn distinct(names: impl Iterator<Item = String>) -> Vec<String> {
    let mut names: Vec<String> = names.collect();
    names.sort_unstable();
    names.dedup();
    names
}

fn label_order(names: impl Iterator<Item = String>) -> Vec<String> {
    let place = |name: &String| DEFAULT_LABELS.iter().position(|(known, _)| known == name);
    let mut names = distinct(names);
    // Stable: what has no place stays in the order of the names.
    names.sort_by_key(|name| place(name).unwrap_or(usize::MAX));
    names
}

/// Calls `take` with every row.
///
/// # Errors
/// As [`Labelled::read`].
pub(crate) fn each_message(
    paths: &[PathBuf],
    columns: &Columns,
    labelled: bool,
    mut take: impl FnMut(Cells<'_>),
) -> Result<(), DataError> {
    let mut masker = Masker::default();
    for path in paths {
        let fail = |error| DataError::Csv { path: path.clone(), error };
        let mut reader = csv::Reader::from_path(path).map_err(fail)?;
        let header = reader.headers().map_err(fail)?.clone();
        if header.is_empty() {
            return Err(DataError::Empty { path: path.clone() });
        }
        let message = column(path, &header, &columns.message_column)?;
        let label =
            if labelled { Some(column(path, &header, &columns.label_column)?) } else { None };
        let place = |wanted: &str| header.iter().position(|name| name == wanted);
        let (source, group) = (place(&columns.source_column), place(&columns.group_column));
        let file = path.display().to_string();
        let mut rows = 0;
        for record in reader.records() {
            let record = record.map_err(fail)?;
            let cell = |at: usize| record.get(at).unwrap_or_default();
            let line = record.position().map_or(0, csv::Position::line);
            take(Cells {
                template: masker.mask(cell(message).as_bytes()),
                message: cell(message),
                source: source.map(cell),
                label: label.map_or("", cell),
                group: group.map_or("", cell),
                place: Place { file: file.clone(), line },
            });
            rows += 1;
        }
        if rows == 0 {
            return Err(DataError::Empty { path: path.clone() });
        }
    }
    Ok(())
}

fn column(path: &Path, header: &csv::StringRecord, wanted: &str) -> Result<usize, DataError> {
    header.iter().position(|name| name == wanted).ok_or_else(|| DataError::Column {
        path: path.to_owned(),
        wanted: wanted.to_owned(),
        found: header.iter().map(str::to_owned).collect(),
    })
}
