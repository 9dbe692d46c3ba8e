//! Appending to a journal so that nothing is lost and nothing half-read.

use std::collections::HashMap;
use std::fs::{File, OpenOptions};
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::Path;

use logtriage_engine::Masker;
use logtriage_files::{State, json_line};
use serde::{Deserialize, Serialize};

use crate::failure::Failure;

/// Who holds it appends.
const LOCK: &str = "verdicts.lock";

/// A verdict: a line of `verdicts.jsonl` and `verdicts.human.jsonl`.
#[derive(Clone, Debug, Serialize)]
pub struct Entry<'e> {
    /// Masked and redacted.
    pub template: &'e str,
    /// Its id.
    pub template_id: &'e str,
    /// One of the labels.
    pub label: &'e str,
    /// The model or the person.
    pub by: &'e str,
    /// Why.
    #[serde(skip_serializing_if = "str::is_empty")]
    pub reason: &'e str,
    /// The prompt's digest.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub prompt: Option<&'e str>,
    /// In seconds since 1970.
    pub time: u64,
    /// Events that had the template.
    pub count: u64,
}

/// How many events each template of a journal had when its verdict was given.
pub fn counts(journal: &Path) -> Result<HashMap<String, u64>, Failure> {
    #[derive(Deserialize)]
    struct Line {
        template: String,
        #[serde(default)]
        count: u64,
    }
    let bytes = match std::fs::read(journal) {
        Ok(bytes) => bytes,
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => Vec::new(),
        Err(e) => return Err(Failure::io(journal, e)),
    };
    let mut masker = Masker::default();
    let lines = bytes.split(|b| *b == b'\n').filter_map(|line| serde_json::from_slice(line).ok());
    let count = |Line { template, count }: Line| {
        (masker.mask_and_redact(template.as_bytes()).into_owned(), count)
    };
    Ok(lines.map(count).collect())
}

/// Appends a line for each of `lines` to the file `name` of a state directory: all of them in one
/// write under the lock, on disk when this returns. A torn line before them is ended first, and a
/// write that fails halfway is taken back.
pub fn append(state: &State, name: &str, lines: &[impl Serialize]) -> Result<(), Failure> {
    if lines.is_empty() {
        return Ok(());
    }
    let path = state.directory().join(name);
    let failed = |e: std::io::Error| Failure::io(&path, e);
    let mut text = String::new();
    for line in lines {
        text.push_str(&json_line(line).map_err(|e| failed(e.into()))?);
        text.push('\n');
    }
    std::fs::create_dir_all(state.directory()).map_err(failed)?;
    let _lock = lock(state)?;
    let is_new = !path.exists();
    let mut file = open(&path).map_err(failed)?;
    write(&mut file, &text).map_err(failed)?;
    if is_new {
        sync_directory(state.directory());
    }
    Ok(())
}

/// Waits for the lock of a state directory's journals; it goes with the file.
fn lock(state: &State) -> Result<File, Failure> {
    let path = state.directory().join(LOCK);
    let failed = |e| Failure::io(&path, e);
    let file = open(&path).map_err(failed)?;
    file.lock().map_err(failed)?;
    Ok(file)
}

/// Opens a file for reading and appending, for its owner alone.
pub fn open(path: &Path) -> std::io::Result<File> {
    let mut options = OpenOptions::new();
    options.create(true).read(true).append(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

fn write(file: &mut File, text: &str) -> std::io::Result<()> {
    let length = file.metadata()?.len();
    let mut last = [b'\n'];
    if length > 0 {
        file.seek(SeekFrom::Start(length - 1))?;
        file.read_exact(&mut last)?;
    }
    let end = if last == [b'\n'] { "" } else { "\n" };
    let written = file.write_all(format!("{end}{text}").as_bytes()).and_then(|()| file.sync_all());
    if written.is_err() {
        // Nobody else writes while the lock is held.
        let _ = file.set_len(length);
    }
    written
}

/// A new file is there after a power failure only if its directory is on disk, too. Systems that
/// cannot do it are none on which it is needed.
fn sync_directory(directory: &Path) {
    if let Ok(directory) = File::open(directory) {
        let _ = directory.sync_all();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(template: &str) -> Entry<'_> {
        Entry {
            template,
            template_id: "0000000000000000",
            label: "Error",
            by: "m",
            reason: "because\u{1b}[2J",
            prompt: None,
            time: 1,
            count: 1,
        }
    }

    #[test]
    fn a_torn_line_is_ended_first() {
        let directory = tempfile::tempdir().expect("a directory");
        let state = State::new(directory.path().join("new"));
        append(&state, "j", &[entry("a")]).expect("appended");
        let path = state.directory().join("j");
        let mut text = std::fs::read_to_string(&path).expect("read");
        assert!(text.ends_with("}\n") && !text.contains('\u{1b}'));
        text.push_str("{\"template\":\"to");
        std::fs::write(&path, &text).expect("written");
        append(&state, "j", &[entry("b"), entry("c")]).expect("appended");
        let after = std::fs::read_to_string(&path).expect("read");
        let added = after.strip_prefix(&text).expect("nothing was changed");
        assert_eq!(added.matches("\n{\"template\":").count(), 2, "{added}");
        let (verdicts, problems) = logtriage_engine::read_journal(after.as_bytes());
        assert_eq!((verdicts.len(), problems.len()), (3, 1));
    }

    #[test]
    fn writers_wait_for_each_other() {
        let directory = tempfile::tempdir().expect("a directory");
        let state = State::new(directory.path().to_owned());
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for _ in 0..50 {
                        append(&state, "j", &[entry("a"), entry("b")]).expect("appended");
                    }
                });
            }
        });
        let journal = std::fs::read(directory.path().join("j")).expect("read");
        let (verdicts, problems) = logtriage_engine::read_journal(&journal);
        assert_eq!((verdicts.len(), problems.len()), (400, 0));
        assert!(verdicts.chunks(2).all(|pair| pair[0].template == "a" && pair[1].template == "b"));
    }
}
