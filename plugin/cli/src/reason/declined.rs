//! Templates for which nobody had a label: they are asked about again, but less and less often.

use std::collections::HashMap;
use std::io::Write;

use logtriage_engine::Masker;
use logtriage_files::{State, json_line};
use serde::{Deserialize, Serialize};

use super::journal;
use super::queue::replace;
use crate::failure::Failure;

const DECLINED: &str = "declined.jsonl";

/// After the first time, in seconds; each time twice as long.
const FIRST_REST: u64 = 24 * 3600;

/// At most.
const LONGEST_REST: u64 = 30 * 24 * 3600;

/// A file longer than this, in bytes, is written anew with what still counts.
const LONG: usize = 4 << 20;

/// A line of `declined.jsonl`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Declined {
    /// Masked and redacted.
    pub template: String,
    /// Why.
    pub reason: String,
    /// The model.
    pub by: String,
    /// The prompt's digest.
    pub prompt: String,
    /// When, in seconds since 1970.
    pub time: u64,
    /// How often in a row.
    pub times: u32,
}

/// What was declined in one state directory.
#[derive(Debug, Default)]
pub struct Memory {
    known: HashMap<String, Declined>,
}

impl Memory {
    /// Reads it. Lines that cannot be read are passed over: at worst a template is asked about
    /// again.
    pub fn read(state: &State) -> Result<Self, Failure> {
        let path = state.directory().join(DECLINED);
        let bytes = match std::fs::read(&path) {
            Ok(bytes) => bytes,
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(Self::default()),
            Err(e) => return Err(Failure::io(&path, e)),
        };
        let mut memory = Self::default();
        let mut masker = Masker::default();
        for line in bytes.split(|b| *b == b'\n') {
            if let Ok(declined) = serde_json::from_slice::<Declined>(line) {
                let template = masker.mask_and_redact(declined.template.as_bytes()).into_owned();
                memory.known.insert(template, declined);
            }
        }
        if bytes.len() > LONG {
            let mut lines: Vec<_> = memory.known.values().collect();
            lines.sort_by(|a, b| a.time.cmp(&b.time).then_with(|| a.template.cmp(&b.template)));
            replace(&path, |file| {
                lines.iter().try_for_each(|line| writeln!(file, "{}", json_line(line)?))
            })?;
        }
        Ok(memory)
    }

    /// Whether a template rests at `now`, in seconds since 1970. Another model or prompt may know
    /// better at once.
    pub fn rests(&self, template: &str, by: &str, prompt: &str, now: u64) -> bool {
        self.known.get(template).is_some_and(|declined| {
            let rest = FIRST_REST << declined.times.saturating_sub(1).min(8);
            let rest = rest.min(LONGEST_REST);
            declined.by == by && declined.prompt == prompt && now.abs_diff(declined.time) < rest
        })
    }

    /// The templates that rest at `now`.
    pub fn resting(&self, by: &str, prompt: &str, now: u64) -> usize {
        self.known.keys().filter(|template| self.rests(template, by, prompt, now)).count()
    }

    /// Remembers templates that were declined, on disk when this returns.
    pub fn add(&mut self, state: &State, mut new: Vec<Declined>) -> Result<(), Failure> {
        for declined in &mut new {
            let before = self.known.get(&declined.template);
            let before = before.filter(|b| b.by == declined.by && b.prompt == declined.prompt);
            declined.times = before.map_or(1, |before| before.times.saturating_add(1));
        }
        journal::append(state, DECLINED, &new)?;
        self.known.extend(new.into_iter().map(|declined| (declined.template.clone(), declined)));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn declined(time: u64) -> Declined {
        Declined {
            template: "a <num>".to_owned(),
            reason: String::new(),
            by: "m".to_owned(),
            prompt: "p".to_owned(),
            time,
            times: 0,
        }
    }

    #[test]
    fn what_was_declined_rests_longer_each_time() {
        let directory = tempfile::tempdir().expect("a directory");
        let state = State::new(directory.path().to_owned());
        let mut now = 1_000_000;
        for days in [1, 2, 4, 8, 16, 30, 30] {
            let mut memory = Memory::read(&state).expect("read");
            assert!(!memory.rests("a <num>", "m", "p", now));
            memory.add(&state, vec![declined(now)]).expect("added");
            let memory = Memory::read(&state).expect("read");
            let end = now + days * FIRST_REST;
            assert!(memory.rests("a <num>", "m", "p", end - 1), "{days}");
            assert!(!memory.rests("a <num>", "other", "p", end - 1));
            assert!(!memory.rests("a <num>", "m", "other", end - 1));
            now = end;
        }
    }

    #[test]
    fn a_long_file_is_written_anew() {
        let directory = tempfile::tempdir().expect("a directory");
        let state = State::new(directory.path().to_owned());
        let mut memory = Memory::default();
        let long = Declined { reason: "x".repeat(LONG), ..declined(1) };
        memory.add(&state, vec![long]).expect("added");
        memory.add(&state, vec![declined(2)]).expect("added");
        let memory = Memory::read(&state).expect("read");
        assert_eq!(memory.known["a <num>"].times, 2);
        let path = directory.path().join(DECLINED);
        assert!(std::fs::metadata(path).expect("there").len() < 200);
    }
}
