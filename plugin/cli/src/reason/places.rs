//! The state directories of the hosts for which one process asks.

use std::collections::HashMap;
use std::fs::File;
use std::path::PathBuf;

use logtriage_engine::{Kind, Masker, Share, Verdict};
use logtriage_files::{Loaded, State, VERDICTS};

use super::asker::Asker;
use super::declined::{Declined, Memory};
use super::desk::Settled;
use super::journal::{self, Entry, open};
use super::neighbours;
use super::queue::{Queue, Waiting, by_impact};
use crate::failure::Failure;

/// Who holds it asks.
const LOCK: &str = "reason.lock";

/// One state directory.
#[derive(Debug)]
struct Place {
    state: State,
    queue: Queue,
    memory: Memory,
    /// Verdicts of machines and people by template.
    known: HashMap<String, Verdict>,
    /// Holds the lock of those who ask.
    _lock: Option<File>,
}

/// All of them. A template that waits in several is asked about once.
#[derive(Debug)]
pub struct Places {
    places: Vec<Place>,
    /// What was wrong with the journals when they were read last.
    pub problems: Vec<String>,
}

impl Places {
    /// The directories that `patterns` match, else the config's. `lock`: nobody else may ask for
    /// them meanwhile.
    ///
    /// # Errors
    /// A pattern that is none, or matches nothing; somebody else is asking.
    pub fn open(
        loaded: &Loaded,
        patterns: &[String],
        share: Share,
        lock: bool,
    ) -> Result<Self, Failure> {
        let mut places = Vec::new();
        for state in states(loaded, patterns)? {
            let lock = if lock { Some(lock_for_asking(&state)?) } else { None };
            places.push(Place {
                queue: Queue::new(&state, share),
                memory: Memory::default(),
                known: HashMap::new(),
                state,
                _lock: lock,
            });
        }
        Ok(Self { places, problems: Vec::new() })
    }

    /// The directories.
    pub fn states(&self) -> impl Iterator<Item = &State> {
        self.places.iter().map(|place| &place.state)
    }

    /// Reads everything anew. Gives what is to be asked, the most frequent first; what one
    /// directory has a verdict for and another waits for is copied. With `take`, hosts' files are
    /// taken away.
    pub fn collect(
        &mut self,
        asker: &Asker<'_>,
        take: bool,
        now: u64,
    ) -> Result<Vec<Waiting>, Failure> {
        self.read(take)?;
        if take {
            self.share_known(asker, now)?;
        }
        let mut all: HashMap<String, Waiting> = HashMap::new();
        for place in &self.places {
            let mut neighbours =
                neighbours::find(place.queue.waiting(), asker.reasoning.neighbours as usize);
            for waiting in place.queue.waiting() {
                if place.known.contains_key(&waiting.template) || place.rests(waiting, asker, now) {
                    continue;
                }
                let neighbours = neighbours.remove(&waiting.template).unwrap_or_default();
                let known = all.entry(waiting.template.clone());
                let known = known.or_insert_with(|| Waiting { count: 0, ..waiting.clone() });
                known.count = known.count.saturating_add(waiting.count);
                if known.neighbours.is_empty() {
                    known.neighbours = neighbours;
                }
            }
        }
        let mut all: Vec<_> = all.into_values().collect();
        all.sort_by(by_impact);
        Ok(all)
    }

    fn read(&mut self, take: bool) -> Result<(), Failure> {
        self.problems.clear();
        let mut masker = Masker::default();
        for place in &mut self.places {
            if take {
                place.queue.take()?
            } else {
                place.queue.peek()?
            }
            place.memory = Memory::read(&place.state)?;
            let journals = place.state.journals();
            self.problems.extend(journals.problems);
            place.known.clear();
            // People last: their word wins.
            let mut kinds = journals.verdicts;
            kinds.sort_by_key(|(kind, _)| *kind == Kind::Person);
            for verdict in kinds.into_iter().flat_map(|(_, verdicts)| verdicts) {
                let template = masker.mask_and_redact(verdict.template.as_bytes()).into_owned();
                place.known.insert(template, verdict);
            }
            if take {
                place.let_known_go()?;
            }
        }
        Ok(())
    }

    /// A verdict in one directory answers all of them.
    fn share_known(&mut self, asker: &Asker<'_>, now: u64) -> Result<(), Failure> {
        let mut found: Vec<(usize, Waiting, Verdict)> = Vec::new();
        for (at, place) in self.places.iter().enumerate() {
            for waiting in place.queue.waiting() {
                let others = self.places.iter().filter_map(|p| p.known.get(&waiting.template));
                let mut usable = others.filter(|v| asker.labels.find(&v.label).is_some());
                if let Some(verdict) = usable.next() {
                    found.push((at, waiting.clone(), verdict.clone()));
                }
            }
        }
        for (at, waiting, verdict) in found {
            let Some(place) = self.places.get_mut(at) else { continue };
            let entry = Entry {
                template: &waiting.template,
                template_id: &waiting.template_id,
                label: &verdict.label,
                by: verdict.by.as_deref().unwrap_or("another directory"),
                reason: verdict.reason.as_deref().unwrap_or_default(),
                prompt: None,
                time: now,
                count: waiting.count,
            };
            journal::append(&place.state, VERDICTS, &[entry])?;
            place.queue.settle(&waiting.template);
            place.known.insert(waiting.template.clone(), verdict);
        }
        Ok(())
    }

    /// Writes down what was settled, on disk when this returns, wherever its template waits.
    pub fn settle(
        &mut self,
        settled: &[Settled],
        templates: &[Waiting],
        asker: &Asker<'_>,
        now: u64,
    ) -> Result<(), Failure> {
        for place in &mut self.places {
            let here: Vec<(&Settled, &Waiting)> = settled
                .iter()
                .filter_map(|settled| Some((settled, templates.get(settled.template)?)))
                .filter(|(_, waiting)| place.queue.holds(&waiting.template))
                .collect();
            place.write_verdicts(&here, asker, now)?;
            place.write_declined(&here, asker, now)?;
            here.iter().for_each(|(_, waiting)| place.queue.settle(&waiting.template));
        }
        Ok(())
    }

    /// Writes down what still waits.
    pub fn keep(&mut self) -> Result<(), Failure> {
        self.places.iter_mut().try_for_each(|place| place.queue.keep())
    }

    /// Templates that rest because they were declined.
    pub fn resting(&self, asker: &Asker<'_>, now: u64) -> usize {
        let (by, prompt) = (&asker.reasoning.model, &asker.prompt.digest);
        self.places.iter().map(|place| place.memory.resting(by, prompt, now)).sum()
    }

    /// Templates with a verdict, the same in several directories as often as it is there.
    pub fn known(&self) -> usize {
        self.places.iter().map(|place| place.known.len()).sum()
    }
}

impl Place {
    fn rests(&self, waiting: &Waiting, asker: &Asker<'_>, now: u64) -> bool {
        let (by, prompt) = (&asker.reasoning.model, &asker.prompt.digest);
        self.memory.rests(&waiting.template, by, prompt, now)
    }

    /// What has its verdict waits no longer.
    fn let_known_go(&mut self) -> Result<(), Failure> {
        let waiting: Vec<_> = self.queue.waiting().map(|w| w.template.clone()).collect();
        let known: Vec<_> =
            waiting.into_iter().filter(|template| self.known.contains_key(template)).collect();
        if known.is_empty() {
            return Ok(());
        }
        known.iter().for_each(|template| self.queue.settle(template));
        self.queue.keep()
    }

    fn write_verdicts(
        &mut self,
        settled: &[(&Settled, &Waiting)],
        asker: &Asker<'_>,
        now: u64,
    ) -> Result<(), Failure> {
        let mut entries = Vec::new();
        for (settled, waiting) in settled {
            let Some(label) = settled.label else { continue };
            entries.push(Entry {
                template: &waiting.template,
                template_id: &waiting.template_id,
                label: asker.labels.name(label),
                by: &asker.reasoning.model,
                reason: &settled.reason,
                prompt: Some(&asker.prompt.digest),
                time: now,
                count: waiting.count,
            });
        }
        journal::append(&self.state, VERDICTS, &entries)
    }

    fn write_declined(
        &mut self,
        settled: &[(&Settled, &Waiting)],
        asker: &Asker<'_>,
        now: u64,
    ) -> Result<(), Failure> {
        let declined = settled.iter().filter(|(settled, _)| settled.label.is_none());
        let declined = declined.map(|(settled, waiting)| Declined {
            template: waiting.template.clone(),
            reason: settled.reason.clone(),
            by: asker.reasoning.model.clone(),
            prompt: asker.prompt.digest.clone(),
            time: now,
            times: 0,
        });
        self.memory.add(&self.state, declined.collect())
    }
}

fn states(loaded: &Loaded, patterns: &[String]) -> Result<Vec<State>, Failure> {
    if patterns.is_empty() {
        return Ok(loaded.state().into_iter().collect());
    }
    let mut directories: Vec<PathBuf> = Vec::new();
    for pattern in patterns {
        let wrong =
            |e: &dyn std::fmt::Display| Failure::other(format!("--state-dir {pattern}: {e}"));
        let before = directories.len();
        for path in glob::glob(pattern).map_err(|e| wrong(&e))? {
            let path = path.map_err(|e| wrong(&e))?;
            if path.is_dir() && !directories.contains(&path) {
                directories.push(path);
            }
        }
        if directories.len() == before {
            return Err(wrong(&"there is no such directory"));
        }
    }
    Ok(directories.into_iter().map(State::new).collect())
}

fn lock_for_asking(state: &State) -> Result<File, Failure> {
    let path = state.directory().join(LOCK);
    std::fs::create_dir_all(state.directory()).map_err(|e| Failure::io(&path, e))?;
    let file = open(&path).map_err(|e| Failure::io(&path, e))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(std::fs::TryLockError::WouldBlock) => Err(Failure::other(format!(
            "{}: another `logtriage reason` asks for this state directory",
            path.display()
        ))),
        Err(std::fs::TryLockError::Error(e)) => Err(Failure::io(&path, e)),
    }
}
