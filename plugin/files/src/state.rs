//! The state directory: templates that wait for a verdict, and the verdicts.

use std::fs::OpenOptions;
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use logtriage_engine::{
    Confidence, JournalProblem, Kind, LabelId, Labels, Pending, Verdict, read_journal,
};
use serde::Serialize;

use crate::error::FileError;
use crate::line::json_line;

/// Templates that wait for a verdict.
pub const PENDING: &str = "pending.jsonl";

/// What machines said.
pub const VERDICTS: &str = "verdicts.jsonl";

/// What people said.
pub const HUMAN_VERDICTS: &str = "verdicts.human.jsonl";

/// `pending.jsonl` grows no further than this, in bytes.
const MAX_PENDING_FILE: u64 = 16 << 20;

/// A journal is read up to this size, in bytes.
const MAX_JOURNAL: u64 = 256 << 20;

/// Lines of a journal that are reported one by one.
const REPORTED: usize = 20;

/// The state directory of a config.
#[derive(Debug)]
pub struct State {
    directory: PathBuf,
}

/// The verdicts of both journals, and what was wrong with them.
#[derive(Debug, Default)]
pub struct Journals {
    /// In the order in which they are to be learnt.
    pub verdicts: Vec<(Kind, Vec<Verdict>)>,
    /// Lines passed over, with file and line, and journals that cannot be read.
    pub problems: Vec<String>,
}

impl State {
    /// The directory need not exist.
    pub fn new(directory: PathBuf) -> Self {
        Self { directory }
    }

    /// Where it is.
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// The journals, in the order in which they are to be learnt.
    pub(crate) fn journal_paths(&self) -> [(Kind, PathBuf); 2] {
        [(Kind::Person, HUMAN_VERDICTS), (Kind::Machine, VERDICTS)]
            .map(|(kind, name)| (kind, self.directory.join(name)))
    }

    /// Reads what people and machines said. A journal that does not exist is empty, and one that
    /// cannot be read keeps nothing from being labelled.
    pub fn journals(&self) -> Journals {
        let mut journals = Journals::default();
        for (kind, path) in self.journal_paths() {
            match read_if_there(&path) {
                Ok(bytes) => {
                    let (verdicts, problems) = read_journal(&bytes);
                    journals.problems.extend(passed_over(&path, &problems));
                    journals.verdicts.push((kind, verdicts));
                }
                Err(failure) => {
                    journals.problems.push(format!("verdicts are not used: {failure}"));
                }
            }
        }
        journals
    }

    /// Appends templates to `pending.jsonl`: each a line of its own in one write, so that writers
    /// do not mix. Gives how many were appended; fewer where the file has its greatest size.
    ///
    /// `now` is the time of the clock that events are labelled with, in milliseconds, where they
    /// are labelled as they come: when each template first came is then kept.
    ///
    /// # Errors
    /// What the system says.
    pub fn append_pending(
        &self,
        pending: &[Pending],
        labels: &Labels,
        now: Option<u64>,
    ) -> Result<usize, FileError> {
        if pending.is_empty() {
            return Ok(0);
        }
        let path = self.directory.join(PENDING);
        let failed = |e| FileError::io(&path, e);
        std::fs::create_dir_all(&self.directory).map_err(failed)?;
        let mut options = OpenOptions::new();
        options.create(true).append(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let mut file = options.open(&path).map_err(failed)?;
        let mut size = file.metadata().map_err(failed)?.len();
        for (count, waiting) in pending.iter().enumerate() {
            let line = pending_line(waiting, labels, now).map_err(|e| failed(e.into()))?;
            let line = format!("\n{line}\n");
            size += line.len() as u64;
            if size > MAX_PENDING_FILE {
                return Ok(count);
            }
            file.write_all(line.as_bytes()).map_err(failed)?;
        }
        Ok(pending.len())
    }
}

/// The first lines one by one, the others as a count.
fn passed_over(path: &Path, problems: &[JournalProblem]) -> Vec<String> {
    let path = path.display();
    let mut said: Vec<String> = problems
        .iter()
        .take(REPORTED)
        // A line of a journal is a text of one line to its reader.
        .map(|p| {
            format!("{path}:{}: {}", p.line, p.message.replace(" at line 1 column ", " at column "))
        })
        .collect();
    if let Some(more) = problems.len().checked_sub(REPORTED).filter(|more| *more > 0) {
        said.push(format!("{path}: and {more} more lines that could not be read"));
    }
    said
}

/// A line of `pending.jsonl`.
#[derive(Serialize)]
struct Line<'p> {
    template: &'p str,
    template_id: String,
    source: Option<&'p str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<&'p str>,
    count: u64,
    candidates: Vec<Candidate<'p>>,
    /// When it was appended, in seconds since 1970.
    time: u64,
    /// When its first event came, in milliseconds since 1970.
    #[serde(skip_serializing_if = "Option::is_none")]
    first_seen_ms: Option<u64>,
}

#[derive(Serialize)]
struct Candidate<'p> {
    label: &'p str,
    confidence: f64,
}

fn pending_line(
    pending: &Pending,
    labels: &Labels,
    now: Option<u64>,
) -> serde_json::Result<String> {
    let today = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let first_seen = |now: u64| {
        let age = now.saturating_sub(pending.first_seen);
        u64::try_from(today.as_millis()).unwrap_or(u64::MAX).saturating_sub(age)
    };
    let candidate = |(label, confidence): &(LabelId, Confidence)| Candidate {
        label: labels.name(*label),
        confidence: confidence.probability(),
    };
    json_line(&Line {
        template: &pending.template,
        template_id: pending.template_id.to_string(),
        source: pending.source.as_deref(),
        message: pending.message.as_deref(),
        count: pending.count,
        candidates: pending.candidates.iter().map(candidate).collect(),
        time: today.as_secs(),
        first_seen_ms: now.map(first_seen),
    })
}

fn read_if_there(path: &Path) -> Result<Vec<u8>, FileError> {
    match std::fs::metadata(path) {
        Err(e) if e.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        Err(e) => return Err(FileError::io(path, e)),
        Ok(metadata) if metadata.len() > MAX_JOURNAL => {
            let message = format!(
                "{}: {} bytes; at most {MAX_JOURNAL} are read. Keep the last verdict of each template",
                path.display(),
                metadata.len()
            );
            return Err(FileError::Other(message));
        }
        Ok(_) => {}
    }
    std::fs::read(path).map_err(|e| FileError::io(path, e))
}
