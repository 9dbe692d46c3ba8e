//! A request in, the same request with every log labelled out.

use logtriage_engine::record::{Keys, OnExisting};
use logtriage_engine::{Labels, Outcome, Stats};
use logtriage_files::{Agent, FileError, Loaded, RuleForm};

use crate::log::{Log, OurEntry, Wrapped};
use crate::outcome::Members;
use crate::value::{map_value_size, put_entry_head, put_map_value};
use crate::wire::{Fields, Malformed, Value as Wire};

/// The field of a request's events.
const EVENT: u32 = 1;

/// Labels the logs in the message `vector.PushEventsRequest`. What is no log, and what is no
/// protobuf, stays as it is.
pub struct Labeller {
    agent: Agent,
    keys: Keys,
    on_existing: OnExisting,
    labels: Labels,
    members: Members,
    /// The present outcome: the entries of its map, and the whole entry under our key.
    outcome: Vec<u8>,
    entry: Vec<u8>,
    tally: Tally,
}

/// What was counted in requests.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Logs, of which those below were not labelled.
    pub logs: u64,
    /// Metrics.
    pub metrics: u64,
    /// Traces.
    pub traces: u64,
    /// Events that are none of these: of a newer Vector.
    pub unknown: u64,
    /// Logs that passed unlabelled because their root is no object.
    pub rootless: u64,
    /// Events that passed unlabelled because they are no protobuf, or one that readers differ on.
    pub malformed: u64,
    /// Requests that passed unlabelled for the same reason; their events are not counted.
    pub malformed_requests: u64,
    /// Events per tier, in the order of [`logtriage_engine::Tier::ALL`], and in each per label, in the order of the
    /// label set, `Unclassified` last.
    pub outcomes: [Vec<u64>; 5],
}

impl Labeller {
    /// Reads rules, model and verdicts.
    ///
    /// # Errors
    /// As [`Agent::open`].
    pub fn open(loaded: Loaded) -> Result<Self, FileError> {
        let agent = Agent::open(loaded, RuleForm::Text)?;
        let config = agent.config();
        let labels = agent.engine().setup().labels().clone();
        Ok(Self {
            keys: Keys::new(&config.message_keys, &config.source_keys, &config.output_key),
            on_existing: config.on_existing,
            members: Members::new(&config.fields),
            tally: Tally::of(&labels),
            labels,
            agent,
            outcome: Vec::new(),
            entry: Vec::new(),
        })
    }

    /// The request with its logs labelled; `None` where that is the request as it came. `now` is in
    /// milliseconds of a clock that does not run backwards.
    pub fn label(&mut self, request: &[u8], now: u64) -> Option<Vec<u8>> {
        let labelled = self.label_events(request, now);
        if labelled.is_err() {
            self.tally.malformed_requests += 1;
        }
        labelled.ok().flatten()
    }

    /// Works on the files where no event comes.
    pub fn keep_up(&mut self, now: u64) {
        self.agent.keep_up(now);
    }

    /// What a person should be told.
    pub fn reports(&mut self) -> Vec<String> {
        self.agent.reports().take()
    }

    /// The label set.
    pub fn labels(&self) -> &Labels {
        &self.labels
    }

    /// What the engine counted.
    pub fn stats(&self) -> Stats {
        self.agent.engine().stats()
    }

    /// What was counted since this was last asked.
    pub fn take_tally(&mut self) -> Tally {
        std::mem::replace(&mut self.tally, Tally::of(&self.labels))
    }

    fn label_events(&mut self, request: &[u8], now: u64) -> Result<Option<Vec<u8>>, Malformed> {
        // Nothing is labelled before all of it was seen to be sound.
        for field in Fields::of(request) {
            let field = field?;
            if field.number == EVENT && !matches!(field.value, Wire::Bytes(_)) {
                return Err(Malformed);
            }
        }
        let mut out = Vec::new();
        let mut from = 0;
        for field in Fields::of(request).flatten() {
            let (EVENT, Wire::Bytes(wrapper)) = (field.number, field.value) else { continue };
            let before = request.get(from..field.tag_end).unwrap_or_default();
            if out.is_empty() {
                out.reserve(request.len() + request.len() / 2);
            }
            match self.label_event(wrapper, before, now, &mut out) {
                Ok(true) => from = field.end,
                Ok(false) => {}
                Err(Malformed) => self.tally.malformed += 1,
            }
        }
        if from == 0 {
            return Ok(None);
        }
        out.extend_from_slice(request.get(from..).unwrap_or_default());
        Ok(Some(out))
    }

    /// Appends `before` and the event, if it gets a label.
    fn label_event(
        &mut self,
        wrapper: &[u8],
        before: &[u8],
        now: u64,
        out: &mut Vec<u8>,
    ) -> Result<bool, Malformed> {
        let log = match Wrapped::parse(wrapper)? {
            Wrapped::Log(log) => log,
            Wrapped::Rootless => {
                self.tally.logs += 1;
                self.tally.rootless += 1;
                return Ok(false);
            }
            Wrapped::Metric => {
                self.tally.metrics += 1;
                return Ok(false);
            }
            Wrapped::Trace => {
                self.tally.traces += 1;
                return Ok(false);
            }
            Wrapped::Unknown => {
                self.tally.unknown += 1;
                return Ok(false);
            }
        };
        self.label_log(&log, before, now, out)
    }

    fn label_log(
        &mut self,
        log: &Log<'_>,
        before: &[u8],
        now: u64,
        out: &mut Vec<u8>,
    ) -> Result<bool, Malformed> {
        let scanned = log.scan(&self.keys)?;
        let outcome = self.agent.label(&scanned.event(&self.keys), now);
        self.tally.count(&outcome, &self.labels);
        self.outcome.clear();
        self.members.put(&outcome, &self.labels, &mut self.outcome);
        let size = map_value_size(&self.outcome);
        self.entry.clear();
        put_entry_head(self.keys.output(), size, &mut self.entry);
        let value_at = self.entry.len();
        put_map_value(&self.outcome, &mut self.entry);
        let ours = OurEntry {
            key: self.keys.output(),
            entry: &self.entry,
            value_at,
            on_existing: self.on_existing,
        };
        Ok(log.splice(&scanned, &ours, before, out))
    }
}

impl Tally {
    fn of(labels: &Labels) -> Self {
        let outcomes = std::array::from_fn(|_| vec![0; labels.len() + 1]);
        Self { outcomes, ..Self::default() }
    }

    /// All events.
    pub fn events(&self) -> u64 {
        self.logs + self.metrics + self.traces + self.unknown + self.malformed
    }

    fn count(&mut self, outcome: &Outcome<'_>, labels: &Labels) {
        self.logs += 1;
        let place = outcome.label_id.map_or(labels.len(), |id| usize::from(id.0));
        let counts = self.outcomes.get_mut(outcome.tier as usize);
        if let Some(count) = counts.and_then(|counts| counts.get_mut(place)) {
            *count += 1;
        }
    }
}
