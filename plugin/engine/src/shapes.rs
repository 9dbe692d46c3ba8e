//! The cache of shapes: what is known of a message before any rule or mask looks at it.
//!
//! Most messages differ from one seen before in their digits alone. Such messages have the same
//! template and the same rule, unless a digit's value matters somewhere: where the mask looks at
//! one it says so (a *pin*), and a rule that tells digits apart is known by its pattern. So a shape
//! is a message with every ASCII digit as `0`, and what is known of it holds for each message of
//! that shape which has the same digits at the pins.

use std::num::NonZeroUsize;
use std::sync::{Arc, OnceLock};

use lru::LruCache;

use crate::redact::redact_template;
use crate::rules::RuleMatch;
use crate::swar;
use crate::template::{Pin, TemplateId};

/// Longer messages have no shape, in bytes.
const LONGEST: usize = 512;

/// Of one shape, this many messages with other digits at their pins are known, at most.
const VARIANTS: usize = 4;

/// What rules and mask say of a message.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    pub(crate) template: Box<str>,
    pub(crate) id: TemplateId,
    pub(crate) rule: Option<RuleMatch>,
    /// The template without secrets, where it has any: see [`known_by`](Self::known_by).
    redacted: OnceLock<Option<(TemplateId, Box<str>)>>,
}

impl Seen {
    pub(crate) fn new(template: &str, rule: Option<RuleMatch>) -> Self {
        let id = TemplateId::of(template);
        Self { template: template.into(), id, rule, redacted: OnceLock::new() }
    }

    /// What leaves the process and what verdicts are known by: the template without secrets.
    pub(crate) fn known_by(&self) -> (TemplateId, &str) {
        let redacted = self.redacted.get_or_init(|| {
            let redacted = redact_template(&self.template)?;
            Some((TemplateId::of(&redacted), redacted.into()))
        });
        redacted.as_ref().map_or((self.id, &self.template), |(id, template)| (*id, template))
    }
}

/// Under which conditions that holds for other messages of the shape.
#[derive(Debug)]
pub(crate) struct Holds {
    /// The same digits at these places.
    pub(crate) pins: Box<[Pin]>,
    /// The same source, if any was asked for.
    pub(crate) source: Option<Option<Box<str>>>,
}

/// The shapes seen last.
#[derive(Debug)]
pub(crate) struct Shapes {
    entries: LruCache<u64, Shape>,
    /// The present message with every digit as `0`.
    blind: Vec<u8>,
    hash: u64,
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
        Self { entries, blind: Vec::new(), hash: 0 }
    }

    /// What is known of a message. If it is nothing, [`put`](Self::put) may be next.
    pub(crate) fn get(&mut self, message: &[u8], source: Option<&str>) -> Option<Arc<Seen>> {
        if message.len() > LONGEST {
            return None;
        }
        swar::blind(message, &mut self.blind);
        self.hash = swar::hash(&self.blind);
        let shape = self.entries.get(&self.hash)?;
        if !swar::equal(&shape.blind, &self.blind) {
            return None;
        }
        let mut variants = shape.variants.iter();
        variants
            .find(|(holds, _)| holds.for_message(message, source))
            .map(|(_, seen)| Arc::clone(seen))
    }

    /// The message that [`get`](Self::get) was asked for last, with every digit as `0`; not for one
    /// that is too long.
    pub(crate) fn blind(&self, message: &[u8]) -> Option<&[u8]> {
        (message.len() <= LONGEST).then_some(&self.blind)
    }

    /// Keeps what is known of the message that [`get`](Self::get) was asked for last, which is not
    /// too long.
    pub(crate) fn put(&mut self, holds: Holds, seen: Arc<Seen>) {
        let new = || Shape { blind: self.blind.as_slice().into(), variants: Vec::new() };
        let shape = self.entries.get_or_insert_mut(self.hash, new);
        if !swar::equal(&shape.blind, &self.blind) {
            *shape = Shape { blind: self.blind.as_slice().into(), variants: Vec::new() };
        }
        shape.variants.truncate(VARIANTS - 1);
        shape.variants.insert(0, (holds, seen));
    }

    /// Forgets everything: the rules are others.
    pub(crate) fn clear(&mut self) {
        self.entries.clear();
    }
}

impl Holds {
    fn for_message(&self, message: &[u8], source: Option<&str>) -> bool {
        self.pins.iter().all(|pin| message.get(pin.place as usize) == Some(&pin.digit))
            && self.source.as_ref().is_none_or(|known| known.as_deref() == source)
    }
}
