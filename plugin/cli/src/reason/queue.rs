//! The templates that wait in one state directory.
//!
//! Hosts append to `pending.jsonl` whenever they like, so it is taken away by a rename, and read a
//! moment later, when who had it open is done. What it says is merged into `waiting.jsonl`, which
//! is replaced at once; a process that is stopped anywhere in between loses nothing, and at worst
//! counts some events twice.

use std::collections::HashMap;
use std::fs;
use std::io::{BufRead, BufReader, ErrorKind, Read, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use logtriage_engine::{Masker, Share, TemplateId, redact};
use logtriage_files::{PENDING, State, json_line};
use serde::{Deserialize, Serialize};

use super::neighbours::Neighbour;
use crate::failure::Failure;

/// Templates that wait in one directory, at most; those that came least often go first.
const MOST: usize = 65_536;

/// A line may be this long, in bytes.
const LONGEST_LINE: usize = 64 << 10;

/// How long a host may still write to a file that it has opened.
const SETTLES: Duration = Duration::from_millis(500);

/// Where templates stay until they are answered.
const WAITING: &str = "waiting.jsonl";

/// What a file of pending templates is called once it is taken away.
const TAKEN: (&str, &str) = ("pending-", ".taken.jsonl");

/// A template that waits for a verdict: a line of `pending.jsonl`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Waiting {
    /// Masked and redacted.
    pub template: String,
    /// Its id.
    #[serde(default)]
    pub template_id: String,
    /// The source of the first event, redacted.
    pub source: Option<String>,
    /// The message of the first event, redacted, if it may be shared.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// Events that had it.
    #[serde(default)]
    pub count: u64,
    /// The semantic tier's best labels, best first.
    #[serde(default)]
    pub candidates: Vec<Candidate>,
    /// When it was first written down, in seconds since 1970.
    #[serde(default)]
    pub time: u64,
    /// When its first event came, in milliseconds since 1970, if that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first_seen_ms: Option<u64>,
    /// What else came then.
    #[serde(skip)]
    pub neighbours: Vec<Neighbour>,
}

/// A label that the semantic tier thought of.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Candidate {
    /// Its name.
    pub label: String,
    /// 0 to 1.
    pub confidence: f64,
}

/// The templates that wait in one directory, each once.
#[derive(Debug)]
pub struct Queue {
    directory: PathBuf,
    share: Share,
    waiting: HashMap<String, Waiting>,
}

impl Queue {
    /// A queue of which nothing was read yet.
    pub fn new(state: &State, share: Share) -> Self {
        Self { directory: state.directory().to_owned(), share, waiting: HashMap::new() }
    }

    /// Reads what waits, and takes nothing away.
    pub fn peek(&mut self) -> Result<(), Failure> {
        self.waiting.clear();
        let files = [WAITING, PENDING].map(|name| self.directory.join(name));
        for path in files.into_iter().chain(self.taken()?) {
            self.read(&path)?;
        }
        self.bound();
        Ok(())
    }

    /// Takes what hosts have appended since, and keeps it.
    pub fn take(&mut self) -> Result<(), Failure> {
        if self.take_away()? {
            std::thread::sleep(SETTLES);
        }
        let taken = self.taken()?;
        self.waiting.clear();
        self.read(&self.directory.join(WAITING))?;
        for path in &taken {
            self.read(path)?;
        }
        if !taken.is_empty() {
            self.keep()?;
        }
        for path in taken {
            fs::remove_file(&path).map_err(|e| Failure::io(&path, e))?;
        }
        Ok(())
    }

    /// What waits, in no order.
    pub fn waiting(&self) -> impl Iterator<Item = &Waiting> {
        self.waiting.values()
    }

    /// Whether a template waits.
    pub fn holds(&self, template: &str) -> bool {
        self.waiting.contains_key(template)
    }

    /// Lets a template go.
    pub fn settle(&mut self, template: &str) {
        self.waiting.remove(template);
    }

    /// Writes down what still waits.
    pub fn keep(&mut self) -> Result<(), Failure> {
        self.bound();
        let path = self.directory.join(WAITING);
        let mut waiting: Vec<_> = self.waiting.values().collect();
        waiting.sort_by(|a, b| a.template.cmp(&b.template));
        if waiting.is_empty() && !path.exists() {
            return Ok(());
        }
        replace(&path, |file| {
            waiting.iter().try_for_each(|waiting| writeln!(file, "{}", json_line(waiting)?))
        })
    }

    /// Whether there was something.
    fn take_away(&self) -> Result<bool, Failure> {
        let from = self.directory.join(PENDING);
        let id: String = std::iter::repeat_with(fastrand::alphanumeric).take(12).collect();
        let to = self.directory.join(format!("{}{id}{}", TAKEN.0, TAKEN.1));
        match fs::rename(&from, &to) {
            Ok(()) => Ok(true),
            Err(e) if e.kind() == ErrorKind::NotFound => Ok(false),
            Err(e) => Err(Failure::io(&from, e)),
        }
    }

    fn taken(&self) -> Result<Vec<PathBuf>, Failure> {
        let entries = match fs::read_dir(&self.directory) {
            Ok(entries) => entries,
            Err(e) if e.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
            Err(e) => return Err(Failure::io(&self.directory, e)),
        };
        let mut taken = Vec::new();
        for entry in entries {
            let entry = entry.map_err(|e| Failure::io(&self.directory, e))?;
            let name = entry.file_name();
            let name = name.to_string_lossy();
            if name.starts_with(TAKEN.0) && name.ends_with(TAKEN.1) {
                taken.push(entry.path());
            }
        }
        taken.sort();
        Ok(taken)
    }

    /// Merges the lines of a file, which need not exist. What is no template is passed over: other
    /// programs write it, and a line may be torn.
    fn read(&mut self, path: &Path) -> Result<(), Failure> {
        let file = match fs::File::open(path) {
            Ok(file) => file,
            Err(e) if e.kind() == ErrorKind::NotFound => return Ok(()),
            Err(e) => return Err(Failure::io(path, e)),
        };
        let mut reader = BufReader::new(file);
        let mut masker = Masker::default();
        let mut line = Vec::new();
        while read_line(&mut reader, &mut line).map_err(|e| Failure::io(path, e))? {
            if let Ok(waiting) = serde_json::from_slice(&line) {
                self.merge(waiting, &mut masker);
            }
            if self.waiting.len() > 2 * MOST {
                self.bound();
            }
        }
        Ok(())
    }

    fn merge(&mut self, new: Waiting, masker: &mut Masker) {
        let template = masker.mask_and_redact(new.template.as_bytes()).into_owned();
        if template.is_empty() {
            return;
        }
        if let Some(known) = self.waiting.get_mut(&template) {
            known.count = known.count.saturating_add(new.count.max(1));
            known.time = known.time.min(new.time);
            known.first_seen_ms = known.first_seen_ms.into_iter().chain(new.first_seen_ms).min();
            return;
        }
        let message = new.message.filter(|_| self.share == Share::Message);
        let waiting = Waiting {
            template_id: TemplateId::of(&template).to_string(),
            source: new.source.map(|source| redact(&source).into_owned()),
            message: message.map(|message| redact(&message).into_owned()),
            count: new.count.max(1),
            candidates: new.candidates,
            time: new.time,
            first_seen_ms: new.first_seen_ms,
            neighbours: Vec::new(),
            template: template.clone(),
        };
        self.waiting.insert(template, waiting);
    }

    fn bound(&mut self) {
        if self.waiting.len() > MOST {
            let mut all: Vec<_> = self.waiting.drain().collect();
            all.sort_by(|(_, a), (_, b)| by_impact(a, b));
            self.waiting = all.into_iter().take(MOST).collect();
        }
    }
}

/// The most frequent first; of equals, the one that came first.
pub fn by_impact(a: &Waiting, b: &Waiting) -> std::cmp::Ordering {
    let key = |waiting: &Waiting| (std::cmp::Reverse(waiting.count), waiting.time);
    key(a).cmp(&key(b)).then_with(|| a.template.cmp(&b.template))
}

/// Reads a line; one that is too long is left empty. `false` at the end.
fn read_line(reader: &mut impl BufRead, line: &mut Vec<u8>) -> std::io::Result<bool> {
    line.clear();
    reader.by_ref().take(LONGEST_LINE as u64).read_until(b'\n', line)?;
    if line.len() == LONGEST_LINE && !line.ends_with(b"\n") {
        reader.skip_until(b'\n')?;
        line.clear();
        return Ok(true);
    }
    Ok(!line.is_empty())
}

/// Writes a file anew, for its owner alone, and puts it in place at once.
pub fn replace(
    path: &Path,
    write: impl FnOnce(&mut std::io::BufWriter<&mut tempfile::NamedTempFile>) -> std::io::Result<()>,
) -> Result<(), Failure> {
    let failed = |e| Failure::io(path, e);
    let directory = path.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(directory).map_err(failed)?;
    let mut file = tempfile::NamedTempFile::new_in(directory).map_err(failed)?;
    let mut buffer = std::io::BufWriter::new(&mut file);
    write(&mut buffer).and_then(|()| buffer.flush()).map_err(failed)?;
    drop(buffer);
    file.as_file().sync_all().map_err(failed)?;
    file.persist(path).map_err(|e| failed(e.error))?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(template: &str, count: u64) -> String {
        let waiting = Waiting { template: template.to_owned(), count, ..Waiting::default() };
        format!("\n{}\n", json_line(&waiting).expect("JSON"))
    }

    fn found(queue: &Queue) -> Vec<(String, u64)> {
        let mut found: Vec<_> = queue.waiting().map(|w| (w.template.clone(), w.count)).collect();
        found.sort();
        found
    }

    #[test]
    fn what_is_taken_is_kept_merged_and_not_read_twice() {
        let directory = tempfile::tempdir().expect("a directory");
        let pending = directory.path().join(PENDING);
        let state = State::new(directory.path().to_owned());
        let text = [line("job 7 ended", 2), "{\"torn".to_owned(), line("job <num> ended", 3)];
        fs::write(&pending, text.concat() + &line("kettle boils", 1)).expect("written");
        let mut queue = Queue::new(&state, Share::Template);
        queue.take().expect("taken");
        let expected = [("job <num> ended".to_owned(), 5), ("kettle boils".to_owned(), 1)];
        assert_eq!(found(&queue), expected);
        assert!(!pending.exists());
        for _ in 0..2 {
            let mut again = Queue::new(&state, Share::Template);
            again.take().expect("taken");
            assert_eq!(found(&again), expected);
        }
        queue.settle("kettle boils");
        queue.keep().expect("kept");
        fs::write(&pending, line("kettle boils", 9)).expect("written");
        queue.take().expect("taken");
        assert_eq!(found(&queue).last(), Some(&("kettle boils".to_owned(), 9)));
    }

    #[test]
    fn a_process_that_stopped_in_between_lost_nothing() {
        let directory = tempfile::tempdir().expect("a directory");
        let state = State::new(directory.path().to_owned());
        let left = directory.path().join("pending-x.taken.jsonl");
        fs::write(&left, line("kettle boils", 1)).expect("written");
        let mut queue = Queue::new(&state, Share::Template);
        queue.take().expect("taken");
        assert_eq!(found(&queue), [("kettle boils".to_owned(), 1)]);
        assert!(!left.exists());
    }

    #[test]
    fn long_lines_and_hostile_ones_cost_only_themselves() {
        let directory = tempfile::tempdir().expect("a directory");
        let state = State::new(directory.path().to_owned());
        let long = format!("{{\"template\":\"{}\"}}\n", "x".repeat(10 << 20));
        let deep = "[".repeat(50_000);
        let text = [&long, "\0\0\n", &deep, "\n", &line("password hunter2 is old", 1)].concat();
        fs::write(directory.path().join(PENDING), text).expect("written");
        let mut queue = Queue::new(&state, Share::Template);
        queue.take().expect("taken");
        assert_eq!(found(&queue), [("password <*> is old".to_owned(), 1)]);
    }
}
