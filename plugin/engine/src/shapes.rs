//! The cache of shapes: what is known of a message before any rule or mask looks at it.
//!
//! Most messages differ from one seen before in digits alone, or in hexadecimal ids. Such messages
//! have the same template, unless one of these bytes matters somewhere: where the mask looks at one
//! it says so (a *pin*). So a shape is a message with its digits and ids blinded, and the template
//! that is known of it is that of each message of the shape which has the same bytes at the pins.
//!
//! Without an id the same rule matches, too, unless a rule tells digits apart: that is known by its
//! pattern. Letters matter to most rules. So where there is an id, or such a rule, rules are asked
//! again, but not the mask.
//!
//! Messages that differ in a name have shapes of their own. Rules and mask look at each; what was
//! said of their template, where the same rule matched, holds for them too.

use std::num::NonZeroUsize;
use std::sync::{Arc, OnceLock};

use lru::LruCache;

use crate::labels::LabelId;
use crate::outcome::{Outcome, Tier};
use crate::redact::redact_template;
use crate::rules::RuleMatch;
use crate::semantic::Confidence;
use crate::swar;
use crate::template::{Blind, Pin, TemplateId};

/// Longer messages have no shape, and longer outcomes are not kept, in bytes.
const LONGEST: usize = 512;

/// Of one shape, this many messages with other digits at their pins are known, at most.
const VARIANTS: usize = 4;

/// What rules and mask say of a message.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    pub(crate) template: Box<str>,
    pub(crate) id: TemplateId,
    pub(crate) rule: Option<RuleMatch>,
    /// See [`known_by`](Self::known_by).
    redacted: OnceLock<Redacted>,
    /// What came of that, once it has.
    said: OnceLock<Said>,
}

/// A template without its secrets, where it has any.
pub(crate) type Redacted = Option<(TemplateId, Box<str>)>;

/// An outcome that stays the same until rules or verdicts change; of tier `none`, as long as the
/// confidence is the same.
#[derive(Debug)]
pub(crate) struct Said {
    pub(crate) tier: Tier,
    pub(crate) label: Option<LabelId>,
    pub(crate) confidence: Confidence,
    /// As the host wants it.
    pub(crate) written: Box<[u8]>,
}

impl Seen {
    pub(crate) fn new(template: &str, id: TemplateId, rule: Option<RuleMatch>) -> Self {
        Self { template: template.into(), id, rule, ..Self::default() }
    }

    fn is_of(&self, template: &str, id: TemplateId, rule: Option<RuleMatch>) -> bool {
        self.id == id
            && self.rule == rule
            && swar::equal(self.template.as_bytes(), template.as_bytes())
    }

    /// What came of it when a message like this one was there before.
    pub(crate) fn said(&self) -> Option<&Said> {
        self.said.get()
    }

    /// Keeps what came of it, if that is short. (Without any confidence the model was not asked:
    /// the next time it may be.)
    pub(crate) fn keep(&self, outcome: &Outcome<'_>, written: &[u8]) {
        let (tier, label, confidence) = (outcome.tier, outcome.label_id, outcome.confidence);
        let is_short = written.len() <= LONGEST;
        if is_short && confidence > Confidence::ZERO {
            self.said.get_or_init(|| Said { tier, label, confidence, written: written.into() });
        }
    }

    /// What leaves the process and what verdicts are known by: the template without secrets.
    pub(crate) fn known_by(&self) -> (TemplateId, &str) {
        let redacted = self.redacted().as_ref();
        redacted.map_or((self.id, &self.template), |(id, template)| (*id, template))
    }

    /// The template without its secrets. To find them is slow.
    pub(crate) fn redacted(&self) -> &Redacted {
        self.redact(|| {
            let redacted = redact_template(&self.template)?;
            Some((TemplateId::of(&redacted), redacted.into()))
        })
    }

    /// The template without its secrets, from somebody who may know.
    pub(crate) fn redact(&self, redacted: impl FnOnce() -> Redacted) -> &Redacted {
        self.redacted.get_or_init(redacted)
    }
}

/// Under which conditions that holds for other messages of the shape.
#[derive(Debug)]
pub(crate) struct Holds {
    /// The same bytes at these places.
    pub(crate) pins: Box<[Pin]>,
    pub(crate) rule: RuleHolds,
}

/// For which other messages of the shape the rule is the same.
#[derive(Debug)]
pub(crate) enum RuleHolds {
    All,
    /// Those of the same source: rules asked for it.
    OfSource(Option<Box<str>>),
    /// Not even for those with the same pins: rules look at more than these.
    None,
}

/// How many shapes are remembered that came once.
const NEWCOMERS: usize = 1 << 14;

/// Of so many templates it is remembered what came of them, at most.
const TEMPLATES: usize = 1 << 10;

/// The shapes seen last, of those that came more than once. (Most of those that vary in letters
/// never come again; to keep them costs more than to look at them, and others would have to go.
/// TinyLFU calls it a doorkeeper: Einziger, Friedman, Manes, ACM Transactions on Storage 2017.)
#[derive(Debug)]
pub(crate) struct Shapes {
    entries: LruCache<u64, Shape>,
    /// The present message, blind.
    blind: Blind,
    hash: u64,
    /// Of the hashes of shapes that came, the high half, each where the low half says.
    newcomers: Vec<u32>,
    /// What is known of templates, each where its id says: messages that vary in letters have no
    /// shape that comes again, but their templates do.
    templates: Vec<Option<Arc<Seen>>>,
}

/// A shape, and the messages that are known to have it.
#[derive(Debug)]
struct Shape {
    blind: Box<[u8]>,
    /// The latest first.
    variants: Vec<(Holds, Arc<Seen>)>,
}

impl Shapes {
    /// Holds at most half of `cache_size` shapes; memory grows as they come.
    pub(crate) fn new(cache_size: usize) -> Self {
        let size = NonZeroUsize::new(cache_size.div_ceil(2)).unwrap_or(NonZeroUsize::MIN);
        let mut entries = LruCache::unbounded();
        entries.resize(size);
        let newcomers = vec![0; NEWCOMERS];
        let templates = vec![None; size.get().min(TEMPLATES)];
        Self { entries, blind: Blind::default(), hash: 0, newcomers, templates }
    }

    /// What is known of a message, and whether its rule is among that. If it is nothing,
    /// [`put`](Self::put) may be next.
    pub(crate) fn get(
        &mut self,
        message: &[u8],
        source: Option<&str>,
    ) -> Option<(Arc<Seen>, bool)> {
        if message.len() > LONGEST {
            return None;
        }
        self.blind.make(message);
        self.hash = swar::hash(&self.blind.text);
        let shape = self.entries.get(&self.hash)?;
        if !swar::equal(&shape.blind, &self.blind.text) {
            return None;
        }
        let mut variants = shape.variants.iter();
        variants
            .find(|(holds, _)| holds.for_message(message, source))
            .map(|(holds, seen)| (Arc::clone(seen), !matches!(holds.rule, RuleHolds::None)))
    }

    /// The message that [`get`](Self::get) was asked for last, blind; not for one that is too long.
    pub(crate) fn blind(&self, message: &[u8]) -> Option<&Blind> {
        (message.len() <= LONGEST).then_some(&self.blind)
    }

    /// Whether there are ids in the message that [`get`](Self::get) was asked for last.
    pub(crate) fn has_id(&self) -> bool {
        self.blind.has_id
    }

    /// Whether a message of the shape that [`get`](Self::get) was asked for last came before it:
    /// then the shape is worth keeping.
    pub(crate) fn came_before(&mut self) -> bool {
        let (place, high) = (self.hash as usize % NEWCOMERS, (self.hash >> 32) as u32);
        let newcomer = self.newcomers.get_mut(place);
        newcomer.is_some_and(|known| std::mem::replace(known, high) == high)
    }

    /// What is known of a template, of messages that this rule matches.
    pub(crate) fn of_template(&mut self, template: &str, rule: Option<RuleMatch>) -> Arc<Seen> {
        let id = TemplateId::of(template);
        let place = id.0 as usize % self.templates.len().max(1);
        let known = self.templates.get_mut(place);
        if let Some(Some(seen)) = &known
            && seen.is_of(template, id, rule)
        {
            return Arc::clone(seen);
        }
        let seen = Arc::new(Seen::new(template, id, rule));
        if let Some(known) = known {
            *known = Some(Arc::clone(&seen));
        }
        seen
    }

    /// Keeps what is known of the message that [`get`](Self::get) was asked for last, which is not
    /// too long.
    pub(crate) fn put(&mut self, holds: Holds, seen: Arc<Seen>) {
        let new = || Shape { blind: self.blind.text.as_slice().into(), variants: Vec::new() };
        let shape = self.entries.get_or_insert_mut(self.hash, new);
        if !swar::equal(&shape.blind, &self.blind.text) {
            *shape = Shape { blind: self.blind.text.as_slice().into(), variants: Vec::new() };
        }
        shape.variants.truncate(VARIANTS - 1);
        shape.variants.insert(0, (holds, seen));
    }

    /// Forgets everything: rules or verdicts are others.
    pub(crate) fn clear(&mut self) {
        self.entries.clear();
        self.templates.fill(None);
    }
}

impl Holds {
    fn for_message(&self, message: &[u8], source: Option<&str>) -> bool {
        self.pins.iter().all(|pin| message.get(pin.place as usize) == Some(&pin.byte))
            && match &self.rule {
                RuleHolds::OfSource(known) => known.as_deref() == source,
                RuleHolds::All | RuleHolds::None => true,
            }
    }
}
