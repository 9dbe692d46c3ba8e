//! A request in, the same request with every log labelled out.

use logtriage_engine::record::{Keys, OnExisting};
use logtriage_engine::{Event, LabelId, Labels, Stats, Tier};
use logtriage_files::{Agent, FileError, Loaded, RuleForm};

use crate::MAX_MESSAGE;
use crate::log::{OurEntry, Scanned, Wrapped, Written};
use crate::outcome::Members;
use crate::value::put_map;
use crate::wire::{Field, Fields, Malformed, Value as Wire};

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
    /// The entry for the present log, and the entries of the map in it.
    entry: Vec<u8>,
    entries: Vec<u8>,
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
    /// Events per tier, in the order of [`logtriage_engine::Tier::ALL`], and in each per label, in
    /// the order of the label set, `Unclassified` last.
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
            members: Members::new(&config.fields, &labels),
            tally: Tally::of(&labels),
            labels,
            agent,
            entry: Vec::new(),
            entries: Vec::new(),
        })
    }

    /// The request with its logs labelled; `None` where that is the request as it came. `now` is in
    /// milliseconds of a clock that does not run backwards.
    ///
    /// A request that is no protobuf stays as it came, even where only its end is none; the engine
    /// has seen the events before that. One that got larger than [`MAX_MESSAGE`] is not labelled to
    /// its end: nobody takes it.
    pub fn label(&mut self, request: &[u8], now: u64) -> Option<Vec<u8>> {
        let before = self.tally.clone();
        let labelled = self.label_events(request, now);
        if labelled.is_err() {
            self.tally = before;
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
        let mut written = Written::of(request);
        for field in Fields::of(request) {
            let field = field?;
            if field.number != EVENT {
                continue;
            }
            let Wire::Bytes(_) = field.value else { return Err(Malformed) };
            if self.label_event(request, &field, now, &mut written).is_err() {
                self.tally.malformed += 1;
            }
            if written.size() > MAX_MESSAGE {
                break;
            }
        }
        Ok(written.end())
    }

    /// Writes the event, if it gets a label.
    fn label_event<'r>(
        &mut self,
        request: &'r [u8],
        event: &Field<'r>,
        now: u64,
        written: &mut Written<'r>,
    ) -> Result<(), Malformed> {
        let mut scanned = Scanned::default();
        let log = match Wrapped::parse(request, event, &self.keys, &mut scanned)? {
            Wrapped::Log(log) => log,
            Wrapped::Rootless => {
                self.tally.logs += 1;
                self.tally.rootless += 1;
                return Ok(());
            }
            Wrapped::Metric => {
                self.tally.metrics += 1;
                return Ok(());
            }
            Wrapped::Trace => {
                self.tally.traces += 1;
                return Ok(());
            }
            Wrapped::Unknown => {
                self.tally.unknown += 1;
                return Ok(());
            }
        };
        self.label_log(&scanned.event(&self.keys), now);
        let ours =
            OurEntry { key: self.keys.output(), entry: &self.entry, on_existing: self.on_existing };
        log.splice(&scanned, &ours, written);
        Ok(())
    }

    /// Writes the entry for a log.
    fn label_log(&mut self, event: &Event<'_>, now: u64) {
        let Self { agent, keys, members, entries, entry, tally, .. } = self;
        entry.clear();
        let (tier, label) = agent.write_outcome_with(event, now, entry, |outcome, setup, entry| {
            entries.clear();
            members.put(outcome, setup.labels(), entries);
            put_map(keys.output(), entries, entry);
        });
        tally.count(tier, label);
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

    fn count(&mut self, tier: Tier, label: Option<LabelId>) {
        self.logs += 1;
        let Some(counts) = self.outcomes.get_mut(tier as usize) else { return };
        let unclassified = counts.len().saturating_sub(1);
        let place = label.map_or(unclassified, |id| usize::from(id.0));
        if let Some(count) = counts.get_mut(place) {
            *count += 1;
        }
    }
}
