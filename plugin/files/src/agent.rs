//! An engine that keeps up with its files while records pass through it.

use std::sync::Arc;

use logtriage_engine::{Annotated, Config, Engine, Event, LabelId, Labels, Outcome, Setup, Tier};

use crate::error::FileError;
use crate::journal::Follower;
use crate::loaded::Loaded;
use crate::report::Reports;
use crate::rules::RuleForm;
use crate::state::State;
use crate::watch::Watched;

/// Files are looked at this often, in milliseconds.
const LOOK_EVERY: u64 = 2000;

/// Templates that are appended to `pending.jsonl` during one event, at most.
const APPENDED_AT_ONCE: usize = 64;

/// Pieces of the journals that are read before the first event, at most.
const PIECES_AT_START: usize = 4;

/// An engine and its files, for a host that hands over one record at a time and has no thread to
/// spare: each event pays for at most one small step of the work with files, and labelling goes on
/// whatever they do.
///
/// * Rules are read again when one of their files changes; rules that are wrong are reported, and
///   the old ones stay.
/// * Verdicts are followed while the journals grow.
/// * Templates that nobody knows are appended to `pending.jsonl`.
///
/// `now` is in milliseconds of a clock that does not run backwards; one that does delays the work.
#[derive(Debug)]
pub struct Agent {
    engine: Engine,
    files: Files,
    reports: Reports,
    next_look: u64,
    /// The last look found more work than one step.
    busy: bool,
}

#[derive(Debug)]
struct Files {
    loaded: Loaded,
    form: RuleForm,
    rules: Vec<Watched>,
    journals: Vec<Follower>,
    state: Option<State>,
}

impl Agent {
    /// Reads rules, model and verdicts. Compiled rules that cannot be used are reported, and the
    /// built-in ones apply.
    ///
    /// # Errors
    /// A model that cannot be used; rules in text form that cannot; thresholds for labels that the
    /// model does not have.
    pub fn open(loaded: Loaded, form: RuleForm) -> Result<Self, FileError> {
        let mut reports = Reports::default();
        let model = loaded.model()?;
        let labels = Labels::new(model.labels().iter().map(String::as_str));
        let rules = match loaded.rules(form, &labels) {
            Err(problem) if matches!(form, RuleForm::Compiled { .. }) => {
                let so = "the built-in rules apply";
                reports.tell("rules", 0, || format!("{problem}; {so}"));
                form.builtin(&labels)?
            }
            rules => rules?,
        };
        let setup = Setup::new(&loaded.config, rules, Arc::new(model))?;
        let mut agent = Self {
            engine: Engine::new(Arc::new(setup)),
            files: Files::of(loaded, form),
            reports,
            next_look: 0,
            busy: false,
        };
        agent.files.look();
        for _ in 0..PIECES_AT_START {
            agent.files.read_journals(&mut agent.engine, 0, &mut agent.reports);
        }
        Ok(agent)
    }

    /// Labels the event in `record`, as [`Engine::annotate`] does, and then works on the files.
    pub fn annotate(&mut self, record: &[u8], now: u64, out: &mut Vec<u8>) -> Annotated {
        let annotated = self.engine.annotate(record, now, out);
        self.keep_up(now);
        annotated
    }

    /// Works on the files, and then labels an event that its host has taken apart, as
    /// [`Engine::label`] does.
    pub fn label(&mut self, event: &Event<'_>, now: u64) -> Outcome<'_> {
        self.keep_up(now);
        self.engine.label(event, now)
    }

    /// Works on the files, and then labels an event as [`Engine::write_outcome_with`] does.
    pub fn write_outcome_with(
        &mut self,
        event: &Event<'_>,
        now: u64,
        out: &mut Vec<u8>,
        write: impl FnOnce(&Outcome<'_>, &Setup, &mut Vec<u8>),
    ) -> (Tier, Option<LabelId>) {
        self.keep_up(now);
        self.engine.write_outcome_with(event, now, out, write)
    }

    /// What a person should be told; the host takes it out and prints it.
    pub fn reports(&mut self) -> &mut Reports {
        &mut self.reports
    }

    /// What the config says. It was read when the agent was opened.
    pub fn config(&self) -> &Config {
        &self.files.loaded.config
    }

    /// The engine.
    pub fn engine(&self) -> &Engine {
        &self.engine
    }

    /// One step of the work with files, if it is time for one. When there is no more to do, the
    /// next look is a while away. For a host with time to spare while no event comes; else each
    /// event does it.
    pub fn keep_up(&mut self, now: u64) {
        self.tell_failure(now);
        let clock_went_back = self.next_look > now.saturating_add(LOOK_EVERY);
        if now < self.next_look && !clock_went_back {
            return;
        }
        let Self { engine, files, reports, busy, .. } = self;
        if !*busy {
            files.look();
            files.reload_rules(engine, now, reports);
        }
        *busy =
            files.read_journals(engine, now, reports) || files.append_pending(engine, now, reports);
        if !*busy {
            self.next_look = now.saturating_add(LOOK_EVERY);
        }
    }

    /// Tells that the transformer failed. Its events passed without the semantic tier.
    fn tell_failure(&mut self, now: u64) {
        if let Some(failure) = self.engine.take_failure() {
            self.reports.tell("transformer", now, || {
                format!("{failure}; events pass without the semantic tier")
            });
        }
    }
}

impl Files {
    fn of(loaded: Loaded, form: RuleForm) -> Self {
        let state = loaded.state();
        let journals = state.iter().flat_map(State::journal_paths);
        Self {
            rules: loaded.rule_paths(form).into_iter().map(Watched::new).collect(),
            journals: journals.map(|(kind, path)| Follower::new(kind, path)).collect(),
            state,
            loaded,
            form,
        }
    }

    fn look(&mut self) {
        self.journals.iter_mut().for_each(Follower::look);
    }

    /// Reads a piece of the first journal that has more. Says whether there was one.
    fn read_journals(&mut self, engine: &mut Engine, now: u64, reports: &mut Reports) -> bool {
        let Some(journal) = self.journals.iter_mut().find(|j| j.is_reading()) else { return false };
        match journal.step(engine) {
            Ok(problems) => {
                problems.into_iter().for_each(|p| reports.tell("verdicts", now, || p));
            }
            Err(problem) => {
                reports.tell("verdicts", now, || format!("verdicts are not read: {problem}"));
            }
        }
        true
    }

    /// Appends some of the templates that wait. Says whether there may be more.
    fn append_pending(&self, engine: &mut Engine, now: u64, reports: &mut Reports) -> bool {
        let Some(state) = &self.state else { return false };
        let pending = engine.take_pending(APPENDED_AT_ONCE, now);
        match state.append_pending(&pending, engine.setup().labels(), Some(now)) {
            Ok(appended) if appended < pending.len() => {
                reports.tell("pending", now, || {
                    "pending.jsonl has its greatest size: templates are not added to it".to_owned()
                });
            }
            Ok(_) => {}
            Err(problem) => {
                reports.tell("pending", now, || format!("templates are not kept: {problem}"));
            }
        }
        pending.len() == APPENDED_AT_ONCE
    }

    fn reload_rules(&mut self, engine: &mut Engine, now: u64, reports: &mut Reports) {
        // Each is looked at, so that one change is one reload.
        let changed = self.rules.iter_mut().filter_map(|file| file.changed().then_some(())).count();
        if changed == 0 {
            return;
        }
        let labels = engine.setup().labels().clone();
        let read = self.loaded.rules(self.form, &labels);
        if let Err(problem) = read.and_then(|rules| Ok(engine.set_rules(rules)?)) {
            reports.tell("rules", now, || format!("{problem}; the rules stay as they were"));
        }
    }
}
