//! A record in, a record out: labelled if that can be, else as it was.

use std::path::PathBuf;

use logtriage_engine::record::{Keys, OnExisting, Record};
use logtriage_engine::{Annotated, Config};
use logtriage_files::{Agent, CONFIG, FileError, Loaded, Reports, RuleForm};

use crate::{BUILTIN, repair};

/// New templates per second, unless the config says otherwise: the host's one thread must not be
/// kept from its other work by lines that were never seen before.
const NEW_TEMPLATES_PER_SECOND: u32 = 500;

/// After this many calls that trapped, records pass unlabelled.
const MOST_TRAPS: u32 = 3;

/// A longer answer's memory is given back after the call.
const KEPT_ANSWER: usize = 1 << 20;

/// What an answer needs beside the record, at most: our object with all its fields.
const OBJECT: usize = 16 << 10;

/// For a record this long labelling may take memory that is worth asking for first.
const MUCH: usize = 64 << 10;

/// Labels records; whatever is wrong, they pass.
#[derive(Debug)]
pub struct Filter {
    agent: Option<Box<Agent>>,
    /// What records pass by where there is no agent.
    keys: Keys,
    reports: Reports,
    /// The answer, ended by a zero.
    answer: Vec<u8>,
}

/// How the call before this one ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trapped {
    /// Reading config, rules or model; that would happen again.
    WhileConfiguring,
    /// Labelling.
    WhileLabelling {
        /// How often a call trapped.
        times: u32,
    },
}

impl Filter {
    /// Reads the config in the first of `directories` that has one, else takes the built-in one.
    /// Where something is wrong with it, that is reported, and records pass unlabelled.
    pub fn open(directories: &[PathBuf], now: u64) -> Self {
        let mut reports = Reports::default();
        let agent = open(directories);
        if let Err(problem) = &agent {
            reports.tell("config", now, || format!("{problem}; records pass unlabelled"));
        }
        Self::new(agent.ok(), reports)
    }

    fn new(agent: Option<Agent>, reports: Reports) -> Self {
        let keys = Keys::new(&[], &[], &Config::default().output_key);
        Self { agent: agent.map(Box::new), keys, reports, answer: Vec::with_capacity(OBJECT) }
    }

    /// A filter in the place of one whose last call trapped.
    pub fn after(trapped: Trapped, directories: impl Fn() -> Vec<PathBuf>, now: u64) -> Self {
        let passing = |message: &str| {
            let mut reports = Reports::default();
            reports.tell("config", now, || message.to_owned());
            Self::new(None, reports)
        };
        match trapped {
            Trapped::WhileConfiguring => passing(
                "reading the config trapped, so records pass unlabelled; \
                 set wasm_stack_size to 65536 or more",
            ),
            Trapped::WhileLabelling { times } if times >= MOST_TRAPS => passing(
                "labelling trapped again, so records pass unlabelled from now on; \
                 set wasm_stack_size to 65536 or more",
            ),
            Trapped::WhileLabelling { .. } => {
                let mut filter = Self::open(&directories(), now);
                let message = "labelling a record trapped, and the record is lost; starting anew";
                filter.reports.tell("trap", now, || message.to_owned());
                filter
            }
        }
    }

    /// The record to go on with, ended by a zero; `None` if it must be the record as it is, because
    /// there is no memory for another.
    pub fn answer(&mut self, record: &[u8], now: u64) -> Option<&[u8]> {
        self.answer.clear();
        self.answer.shrink_to(KEPT_ANSWER);
        if !self.fill(record, now) {
            let message = || format!("no memory to label a record of {} bytes", record.len());
            self.reports.tell("memory", now, message);
            self.answer.clear();
            if is_harmless(record, &self.keys) {
                return None;
            }
            self.lose(record.len());
        }
        self.answer.push(0);
        Some(&self.answer)
    }

    /// The answer for a record that the host could not hand over.
    pub fn without_record(&mut self, length: usize, now: u64) -> &[u8] {
        self.reports.tell("record", now, || {
            format!(
                "the host handed over no record where one of {length} bytes was due; \
                 it is out of memory, or its version needs a larger wasm_heap_size"
            )
        });
        self.answer.clear();
        self.lose(length);
        self.answer.push(0);
        &self.answer
    }

    /// An answer in the place of a record that cannot go on.
    fn lose(&mut self, length: usize) {
        let lost = format!("{{\"logtriage_lost\":\"a record of {length} bytes\"}}");
        self.answer.extend_from_slice(lost.as_bytes());
    }

    /// What a person should be told.
    pub fn reports(&mut self) -> Vec<String> {
        let mut told = self.reports.take();
        if let Some(agent) = &mut self.agent {
            told.append(&mut agent.reports().take());
        }
        told
    }

    /// Fills the answer. Says whether there is one; there is none where memory is short.
    fn fill(&mut self, record: &[u8], now: u64) -> bool {
        let labelled = self.label(record, now);
        if labelled == Labelled::Sound {
            return true;
        }
        match repair::repair(record) {
            // Every reader takes it as it is.
            Some(repaired) if repaired == record => labelled == Labelled::Doubtful,
            Some(repaired) => {
                self.answer.clear();
                self.label(&repaired, now) != Labelled::Not
            }
            None => {
                self.reports.tell("record", now, || "a record is no JSON object".to_owned());
                self.answer.clear();
                repair::quote(record)
                    .is_some_and(|quoted| self.label(&quoted, now) != Labelled::Not)
            }
        }
    }

    /// Appends the record to the answer, labelled if that can be.
    fn label(&mut self, record: &[u8], now: u64) -> Labelled {
        if !self.has_room(record.len()) {
            return Labelled::Not;
        }
        let annotated = match &mut self.agent {
            Some(agent) => agent.annotate(record, now, &mut self.answer),
            None => pass(record, &self.keys, &mut self.answer),
        };
        match annotated {
            Annotated::Labelled { is_doubtful: false } => Labelled::Sound,
            Annotated::Labelled { is_doubtful: true } => Labelled::Doubtful,
            Annotated::Passed(_) => Labelled::Not,
        }
    }

    /// Whether there is memory for the answer to a record of that length, and for the work.
    fn has_room(&mut self, length: usize) -> bool {
        self.answer.try_reserve(length.saturating_add(OBJECT)).is_ok()
            && (length < MUCH || Vec::<u8>::new().try_reserve(length.saturating_mul(2)).is_ok())
    }
}

/// What a record is after labelling.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Labelled {
    /// In the answer, and JSON for every reader.
    Sound,
    /// In the answer; a strict reader may refuse it.
    Doubtful,
    /// No JSON object, or there is no memory for it.
    Not,
}

/// Without an engine: the record with the object that says so. What stands under our key already
/// may be forged, and must not be taken for a label.
fn pass(record: &[u8], keys: &Keys, out: &mut Vec<u8>) -> Annotated {
    let object = br#"{"label":"Unclassified","tier":"none","confidence":0}"#;
    match Record::parse(record, keys) {
        Ok(parsed) => {
            parsed.splice(object, OnExisting::Replace, out);
            Annotated::Labelled { is_doubtful: parsed.is_doubtful() }
        }
        Err(reason) => Annotated::Passed(reason),
    }
}

/// Whether every reader takes the record as it is, and nothing in it looks like our key.
fn is_harmless(record: &[u8], keys: &Keys) -> bool {
    Record::parse(record, keys).is_ok_and(|record| !record.is_doubtful() && !record.has_our_keys())
}

fn open(directories: &[PathBuf]) -> Result<Agent, FileError> {
    let config = directories.iter().map(|directory| directory.join(CONFIG)).find(|c| c.exists());
    let mut loaded = config.map_or_else(|| Ok(Loaded::default()), |path| Loaded::read(&path))?;
    loaded.config.max_new_templates_per_second.get_or_insert(NEW_TEMPLATES_PER_SECOND);
    Agent::open(loaded, RuleForm::Compiled { builtin: BUILTIN })
}
