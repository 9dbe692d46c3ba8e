//! The labeller: the three tiers in their order.

use std::borrow::Cow;
use std::sync::Arc;

use crate::cache::{Cache, Known};
use crate::config::{Config, Field, OnExisting, Share};
use crate::labels::{LabelId, Labels};
use crate::location::TextError;
use crate::outcome::{Outcome, Tier};
use crate::pending::{Pending, PendingQueue, Unknown};
use crate::record::{Keys, NotARecord, Record};
use crate::rules::{RuleScratch, Rules};
use crate::semantic::{Confidence, EncodeError, Model, Prediction, Scratch, Threshold};
use crate::shapes::{Holds, RuleHolds, Seen, Shapes};
use crate::stats::Stats;
use crate::template::Masker;
use crate::verdicts::{Kind, Learned, Verdict, Verdicts};

/// In milliseconds: before that, the model is not asked again about a template that it failed on. A
/// transformer that fails may take as long as one that answers.
const RETRY_AFTER: u64 = 10_000;

/// What the engine looks at.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Event<'e> {
    /// The message; need not be UTF-8.
    pub message: Option<Cow<'e, [u8]>>,
    /// Who printed it.
    pub source: Option<Cow<'e, str>>,
}

/// What became of a record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Annotated {
    /// It carries our object now, or carried it before.
    Labelled {
        /// A reader that is stricter than the splice may refuse it: see [`Record::is_doubtful`].
        is_doubtful: bool,
    },
    /// It passed as it was, byte for byte.
    Passed(NotARecord),
}

/// Labels events. It does no I/O: hosts hand it bytes and the time, and take out what it wants
/// asked.
///
/// Order of calls: [`label`](Self::label) or [`annotate`](Self::annotate) for each event, from time
/// to time [`take_pending`](Self::take_pending); [`learn`](Self::learn) whenever there are
/// verdicts. No order is wrong. `now` is in milliseconds of any clock that does not run backwards;
/// one that does costs only the accuracy of limits.
///
/// The outcome of an event depends on config, rules, model, verdicts and the event alone: not on
/// the events before it, nor on the size of the cache. Two things are exempt: `pending`, and tier
/// `none` for templates beyond `max_new_templates_per_second`.
#[derive(Debug)]
pub struct Engine {
    setup: Arc<Setup>,
    rule_scratch: RuleScratch,
    masker: Masker,
    shapes: Shapes,
    /// What rules and mask said of the present message.
    seen: Arc<Seen>,
    cache: Cache,
    scratch: Scratch,
    persons: Verdicts,
    machines: Verdicts,
    pending: PendingQueue,
    new_templates: Window,
    candidates: Vec<(LabelId, Confidence)>,
    group: Option<u16>,
    object: Vec<u8>,
    stats: Stats,
    failure: Option<EncodeError>,
}

/// Config, rules and model, checked against each other. Immutable: engines on several threads share
/// one.
#[derive(Clone, Debug)]
pub struct Setup {
    rules: Arc<Rules>,
    model: Arc<Model>,
    labels: Labels,
    thresholds: Vec<Threshold>,
    keys: Keys,
    on_existing: OnExisting,
    fields: Vec<Field>,
    wants_group: bool,
    cache_size: usize,
    max_new: u32,
    share: Share,
}

impl Setup {
    /// Puts config, rules and model together. The label set is the model's.
    ///
    /// # Errors
    /// A threshold for a label that the model does not have; `group` among the fields and a model
    /// without groups; rules that were read with other labels than the model's.
    pub fn new(config: &Config, rules: Rules, model: Arc<Model>) -> Result<Self, TextError> {
        let labels = Labels::new(model.labels().iter().map(String::as_str));
        Ok(Self {
            rules: matching(rules, &labels)?,
            thresholds: config.thresholds(&labels, model.thresholds())?,
            wants_group: config.wants_group(model.groups())?,
            labels,
            model,
            keys: Keys::new(&config.message_keys, &config.source_keys, &config.output_key),
            on_existing: config.on_existing,
            fields: config.fields.clone(),
            cache_size: config.cache_size,
            max_new: config.max_new_templates_per_second.unwrap_or(0),
            share: config.reasoning.as_ref().map_or(Share::default(), |reasoning| reasoning.share),
        })
    }

    /// The same with other rules.
    ///
    /// # Errors
    /// Rules that were read with other labels than the model's.
    pub fn with_rules(&self, rules: Rules) -> Result<Self, TextError> {
        Ok(Self { rules: matching(rules, &self.labels)?, ..self.clone() })
    }

    /// The label set.
    pub fn labels(&self) -> &Labels {
        &self.labels
    }

    /// The model.
    pub fn model(&self) -> &Model {
        &self.model
    }

    /// The threshold of each label, in the order of the label set.
    pub fn thresholds(&self) -> &[Threshold] {
        &self.thresholds
    }

    fn reaches_threshold(&self, prediction: &Prediction) -> bool {
        let threshold = self.thresholds.get(usize::from(prediction.label));
        threshold.is_some_and(|threshold| threshold.admits(prediction.confidence))
    }
}

/// The rules, if they speak of the same labels as the model.
fn matching(rules: Rules, labels: &Labels) -> Result<Arc<Rules>, TextError> {
    if rules.is_empty() || *rules.labels() == *labels {
        return Ok(Arc::new(rules));
    }
    let message = format!("rules with the labels {} for a model with {labels}", rules.labels());
    Err(TextError { file: "rules".to_owned(), line: 1, column: 1, message })
}

impl Engine {
    /// An engine with an empty cache and no verdicts.
    pub fn new(setup: Arc<Setup>) -> Self {
        Self {
            rule_scratch: RuleScratch::default(),
            masker: Masker::default(),
            shapes: Shapes::new(setup.cache_size),
            seen: Arc::new(Seen::default()),
            cache: Cache::new(setup.cache_size),
            scratch: Scratch::default(),
            persons: Verdicts::default(),
            machines: Verdicts::default(),
            pending: PendingQueue::new(),
            new_templates: Window::default(),
            candidates: Vec::new(),
            group: None,
            object: Vec::new(),
            stats: Stats { labels: vec![0; setup.labels.len()], ..Stats::default() },
            failure: None,
            setup,
        }
    }

    /// What this engine was made of.
    pub fn setup(&self) -> &Setup {
        &self.setup
    }

    /// Goes on with other rules; cache, verdicts, queue and counts stay.
    ///
    /// # Errors
    /// As [`Setup::with_rules`]; the old rules stay.
    pub fn set_rules(&mut self, rules: Rules) -> Result<(), TextError> {
        self.setup = Arc::new(self.setup.with_rules(rules)?);
        self.shapes.clear();
        Ok(())
    }

    /// Labels one event.
    pub fn label(&mut self, event: &Event<'_>, now: u64) -> Outcome<'_> {
        self.look_at(event);
        let decided = self.decide_on(event, now);
        self.outcome(decided.as_ref())
    }

    /// Labels one event, and appends the outcome to `out` as JSON, as [`Outcome::write_json`] does.
    pub fn write_outcome(&mut self, event: &Event<'_>, now: u64, out: &mut Vec<u8>) {
        self.write_outcome_with(event, now, out, |outcome, setup, out| {
            outcome.write_json(&setup.fields, &setup.labels, out);
        });
    }

    /// Labels one event, and appends the outcome to `out` in the form of its host: as `write`
    /// writes it, or wrote it of an equal one before. So one engine writes one form alone, with the
    /// config's `fields` in it; [`write_outcome`](Self::write_outcome) and
    /// [`annotate`](Self::annotate) write JSON. Gives tier and label.
    pub fn write_outcome_with(
        &mut self,
        event: &Event<'_>,
        now: u64,
        out: &mut Vec<u8>,
        write: impl FnOnce(&Outcome<'_>, &Setup, &mut Vec<u8>),
    ) -> (Tier, Option<LabelId>) {
        self.look_at(event);
        if let Some(said) = self.seen.said()
            && said.tier != Tier::None
        {
            self.stats.cache_hits += u64::from(said.tier != Tier::Rule || self.setup.wants_group);
            self.stats.count(said.tier, said.label);
            out.extend_from_slice(&said.written);
            return (said.tier, said.label);
        }
        let decided = self.decide_on(event, now);
        let confidence = decided.as_ref().map(|decided| decided.confidence);
        if let Some(said) = self.seen.said()
            && Some(said.confidence) == confidence
        {
            // Nobody knows the template, as before.
            out.extend_from_slice(&said.written);
            return (said.tier, said.label);
        }
        let (start, outcome) = (out.len(), self.outcome(decided.as_ref()));
        write(&outcome, &self.setup, out);
        let is_whole = outcome.group.is_some() || !self.setup.wants_group;
        let may_wait = outcome.tier == Tier::None && self.setup.fields.contains(&Field::Pending);
        if is_whole && !may_wait {
            self.seen.keep(&outcome, out.get(start..).unwrap_or_default());
        }
        (outcome.tier, outcome.label_id)
    }

    /// Labels the event that `record`, a JSON object, holds, and appends the record with our object
    /// to `out`. What is no JSON object is appended as it is.
    pub fn annotate(&mut self, record: &[u8], now: u64, out: &mut Vec<u8>) -> Annotated {
        let setup = Arc::clone(&self.setup);
        let parsed = match Record::parse(record, &setup.keys) {
            Ok(parsed) => parsed,
            Err(reason) => {
                match reason {
                    NotARecord::OtherJson => self.stats.not_records += 1,
                    NotARecord::Malformed(_) => self.stats.malformed += 1,
                }
                out.extend_from_slice(record);
                return Annotated::Passed(reason);
            }
        };
        let fields = parsed.fields();
        let event = Event { message: fields.message, source: fields.source };
        let mut object = std::mem::take(&mut self.object);
        object.clear();
        self.write_outcome(&event, now, &mut object);
        parsed.splice(&object, setup.on_existing, out);
        self.object = object;
        Annotated::Labelled { is_doubtful: parsed.is_doubtful() }
    }

    /// Takes up to `most` templates that wait for a verdict. One that stays unknown is offered
    /// again after ten minutes.
    pub fn take_pending(&mut self, most: usize, now: u64) -> Vec<Pending> {
        self.pending.take(most, now)
    }

    /// Learns verdicts. A later one beats an earlier one of the same kind; a person's comes before
    /// the model, an LLM's after it.
    pub fn learn(&mut self, kind: Kind, verdicts: &[Verdict]) -> Learned {
        let mut learned = Learned::default();
        let mut masker = Masker::default();
        for verdict in verdicts {
            let setup = Arc::clone(&self.setup);
            match self.verdicts(kind).learn(verdict, &setup.labels, &mut masker) {
                Some(id) => {
                    self.pending.settle(id);
                    learned.taken += 1;
                }
                None => learned.refused += 1,
            }
        }
        if learned.taken > 0 {
            self.shapes.clear();
        }
        learned
    }

    /// Begins to read the verdicts of one kind anew. Those that are known stay until
    /// [`end_relearning`](Self::end_relearning), and go then if they were not learnt again.
    pub fn begin_relearning(&mut self, kind: Kind) {
        self.verdicts(kind).begin_relearning();
    }

    /// Forgets the verdicts of one kind that were not learnt since
    /// [`begin_relearning`](Self::begin_relearning).
    pub fn end_relearning(&mut self, kind: Kind) {
        self.verdicts(kind).end_relearning();
        self.shapes.clear();
    }

    fn verdicts(&mut self, kind: Kind) -> &mut Verdicts {
        match kind {
            Kind::Person => &mut self.persons,
            Kind::Machine => &mut self.machines,
        }
    }

    /// Takes the first failure of the transformer since the last call, for people to be told;
    /// [`Stats::encoder_failures`] has how many there were.
    pub fn take_failure(&mut self) -> Option<EncodeError> {
        self.failure.take()
    }

    /// Counts since the engine was made.
    pub fn stats(&self) -> Stats {
        Stats {
            cached: self.cache.len() as u64,
            pending: self.pending.len() as u64,
            pending_let_go: self.pending.let_go(),
            ..self.stats.clone()
        }
    }

    /// Asks rules and mask.
    fn look_at(&mut self, event: &Event<'_>) {
        self.stats.events += 1;
        self.seen = match event.message.as_deref() {
            Some(message) => self.look(message, event.source.as_deref()),
            None => {
                self.stats.no_message += 1;
                Arc::default()
            }
        };
    }

    /// Asks the other tiers about the event that was looked at; none without a message.
    fn decide_on(&mut self, event: &Event<'_>, now: u64) -> Option<Decided> {
        if event.message.is_none() {
            self.stats.count(Tier::None, None);
            return None;
        }
        self.candidates.clear();
        self.group = None;
        let decided = self.decide(&Arc::clone(&self.seen), event, now);
        self.stats.count(decided.tier, decided.label);
        Some(decided)
    }

    /// What rules and mask say of a message.
    fn look(&mut self, message: &[u8], source: Option<&str>) -> Arc<Seen> {
        let known = self.shapes.get(message, source);
        if let Some((seen, true)) = known {
            return seen;
        }
        // `$` in a pattern means the end of the text, not of the line that carried it.
        let text = message.trim_ascii_end();
        let found = self.setup.rules.find(text, source, &mut self.rule_scratch);
        if let Some((seen, _)) = known {
            return match seen.rule == found.rule {
                true => seen,
                false => self.shapes.of_template(&seen.template, found.rule),
            };
        }
        let blind = self.shapes.blind(message);
        let template = match blind {
            Some(blind) => self.masker.mask_blind(message, blind),
            None => self.masker.mask(message),
        };
        let has_shape = blind.is_some();
        let seen = self.shapes.of_template(template, found.rule);
        if has_shape
            && let Some(pins) = self.masker.pins()
            && self.shapes.came_before()
        {
            let rule = if found.saw_digits || self.shapes.has_id() {
                RuleHolds::None
            } else if found.saw_source {
                RuleHolds::OfSource(source.map(Box::from))
            } else {
                RuleHolds::All
            };
            self.shapes.put(Holds { pins: pins.into(), rule }, Arc::clone(&seen));
        }
        seen
    }

    fn decide(&mut self, seen: &Seen, event: &Event<'_>, now: u64) -> Decided {
        if let Some(rule) = seen.rule {
            if self.setup.wants_group && !seen.template.is_empty() {
                self.predict(seen, now);
                self.candidates.clear();
            }
            return Decided::of(Tier::Rule, rule.label, Confidence::ONE).by_rule(rule.place);
        }
        // First, because the cache knows by which name the others know the template.
        let opinion =
            if seen.template.is_empty() { Opinion::NotAsked } else { self.predict(seen, now) };
        let prediction = opinion.prediction();
        if let Some(verdict) = self.persons.of(seen) {
            self.candidates.clear();
            return Decided::of(Tier::Reviewed, verdict.label, Confidence::ONE);
        }
        let confidence = prediction.map_or(Confidence::ZERO, |p| p.confidence);
        if let Some(prediction) = prediction.filter(|p| self.setup.reaches_threshold(p)) {
            return Decided::of(Tier::Semantic, LabelId(prediction.label), confidence);
        }
        if let Some(verdict) = self.machines.of(seen) {
            return Decided::of(Tier::Reasoning, verdict.label, confidence);
        }
        let pending = opinion != Opinion::NotAsked && self.queue(seen, event, now);
        Decided { tier: Tier::None, label: None, confidence, rule: None, pending }
    }

    /// Queues a template that nobody knows. Says whether it waits.
    fn queue(&mut self, seen: &Seen, event: &Event<'_>, now: u64) -> bool {
        let (id, template) = seen.known_by();
        let unknown = Unknown {
            id,
            template,
            source: event.source.as_deref(),
            message: event.message.as_deref().filter(|_| self.setup.share == Share::Message),
            candidates: &self.candidates,
        };
        self.pending.note(&unknown, now)
    }

    /// What the model says of the template; it is not asked beyond the limit on new templates.
    fn predict(&mut self, seen: &Seen, now: u64) -> Opinion {
        let has_verdicts = !(self.persons.is_empty() && self.machines.is_empty());
        let prediction = match self.cache.get(seen, has_verdicts) {
            Some(Known::Said(prediction)) => {
                self.stats.cache_hits += 1;
                prediction
            }
            Some(Known::Failed(then)) if now.abs_diff(then) < RETRY_AFTER => {
                self.stats.encoder_failures += 1;
                return Opinion::Failed;
            }
            // A template with a verdict is not new: a storm must not cost it its label.
            _ if self.machines.of(seen).is_none()
                && self.persons.of(seen).is_none()
                && !self.new_templates.admits(self.setup.max_new, now) =>
            {
                self.stats.shed += 1;
                return Opinion::NotAsked;
            }
            _ => {
                self.stats.cache_misses += 1;
                match self.ask_model(&seen.template) {
                    Ok(prediction) => {
                        let is_told = has_verdicts || !self.setup.reaches_threshold(&prediction);
                        self.cache.put(seen, Known::Said(prediction), is_told);
                        prediction
                    }
                    Err(failure) => {
                        self.stats.encoder_failures += 1;
                        self.failure.get_or_insert(failure);
                        self.cache.put(seen, Known::Failed(now), true);
                        return Opinion::Failed;
                    }
                }
            }
        };
        let candidates = prediction.candidates.iter().filter(|(_, c)| *c > Confidence::ZERO);
        self.candidates.extend(candidates.map(|(label, c)| (LabelId(*label), *c)));
        self.group = prediction.group;
        Opinion::Said(prediction)
    }

    fn ask_model(&mut self, template: &str) -> Result<Prediction, EncodeError> {
        let (model, scratch) = (&self.setup.model, &mut self.scratch);
        if self.setup.wants_group {
            model.predict_with_group(template, scratch)
        } else {
            model.predict(template, scratch)
        }
    }

    fn outcome(&self, decided: Option<&Decided>) -> Outcome<'_> {
        let unclassified = Outcome::unclassified();
        let Some(decided) = decided else { return unclassified };
        let (id, template) = (self.seen.id, &*self.seen.template);
        let verdict = match decided.tier {
            Tier::Reviewed => self.persons.of(&self.seen),
            Tier::Reasoning => self.machines.of(&self.seen),
            Tier::Rule | Tier::Semantic | Tier::None => None,
        };
        Outcome {
            label_id: decided.label,
            label: decided.label.map_or(unclassified.label, |id| self.setup.labels.name(id)),
            tier: decided.tier,
            confidence: decided.confidence,
            template_id: Some(id),
            template,
            rule: decided.rule.and_then(|place| self.setup.rules.id(place)),
            by: verdict.and_then(|known| known.by.as_deref()),
            reason: verdict.and_then(|known| known.reason.as_deref()),
            pending: decided.pending,
            candidates: &self.candidates,
            group: self.group.and_then(|group| self.setup.model.group_name(group)),
        }
    }
}

/// What the semantic tier says of a template.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Opinion {
    Said(Prediction),
    /// Its transformer failed: the template is as unknown as one that it is not sure of.
    Failed,
    NotAsked,
}

impl Opinion {
    fn prediction(self) -> Option<Prediction> {
        match self {
            Self::Said(prediction) => Some(prediction),
            Self::Failed | Self::NotAsked => None,
        }
    }
}

/// A decision, without what it borrows.
struct Decided {
    tier: Tier,
    label: Option<LabelId>,
    confidence: Confidence,
    rule: Option<usize>,
    pending: bool,
}

impl Decided {
    fn of(tier: Tier, label: LabelId, confidence: Confidence) -> Self {
        Self { tier, label: Some(label), confidence, rule: None, pending: false }
    }

    fn by_rule(self, place: usize) -> Self {
        Self { rule: Some(place), ..self }
    }
}

/// New templates in the present second.
#[derive(Debug, Default)]
struct Window {
    began: u64,
    count: u32,
}

impl Window {
    /// Counts one more, if `limit` (0: none) allows it.
    fn admits(&mut self, limit: u32, now: u64) -> bool {
        if limit == 0 {
            return true;
        }
        if now.abs_diff(self.began) >= 1000 {
            *self = Self { began: now, count: 0 };
        }
        if self.count == limit {
            return false;
        }
        self.count += 1;
        true
    }
}
