//! The cache: what the model said of a template, or that it failed on it, and what is told of it.

use std::num::NonZeroUsize;

use lru::LruCache;

use crate::semantic::Prediction;
use crate::shapes::{Redacted, Seen};
use crate::swar::equal;
use crate::template::TemplateId;

/// Least recently used templates go first. Keyed by id, but a hit needs the same text: ids can
/// collide, and a collision must not lend one template the label of another.
#[derive(Debug)]
pub(crate) struct Cache {
    entries: LruCache<TemplateId, Entry>,
}

#[derive(Debug)]
struct Entry {
    template: Box<str>,
    /// Once somebody has wanted to tell it.
    redacted: Option<Redacted>,
    known: Known,
}

/// What is known of a template.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Known {
    Said(Prediction),
    /// When the model failed on it, in milliseconds.
    Failed(u64),
}

impl Cache {
    /// Holds at most `size` templates; memory grows as they come.
    pub(crate) fn new(size: usize) -> Self {
        let size = NonZeroUsize::new(size).unwrap_or(NonZeroUsize::MIN);
        // `LruCache::new` would reserve all of it now.
        let mut entries = LruCache::unbounded();
        entries.resize(size);
        Self { entries }
    }

    /// What is known of a message's template. The message learns how the template is told, if
    /// that is known or `is_told`.
    pub(crate) fn get(&mut self, seen: &Seen, is_told: bool) -> Option<Known> {
        let entry = self.entries.get_mut(&seen.id)?;
        if !equal(entry.template.as_bytes(), seen.template.as_bytes()) {
            return None;
        }
        if is_told && entry.redacted.is_none() {
            entry.redacted = Some(seen.redacted().clone());
        } else if let Some(redacted) = &entry.redacted {
            seen.redact(|| redacted.clone());
        }
        Some(entry.known)
    }

    /// Keeps what is known of a template, and how it is told if it `is_told`: to find that is slow.
    pub(crate) fn put(&mut self, seen: &Seen, known: Known, is_told: bool) {
        let redacted = is_told.then(|| seen.redacted().clone());
        let template = seen.template.clone();
        self.entries.put(seen.id, Entry { template, redacted, known });
    }

    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KNOWN: Known = Known::Failed(0);

    fn seen(id: u64, template: &str) -> Seen {
        Seen::new(template, TemplateId(id), None)
    }

    #[test]
    fn a_collision_is_a_miss() {
        let mut cache = Cache::new(2);
        cache.put(&seen(7, "one"), KNOWN, false);
        assert!(cache.get(&seen(7, "one"), false).is_some());
        assert!(cache.get(&seen(7, "two"), false).is_none());
    }

    #[test]
    fn the_least_recently_used_goes_first() {
        let mut cache = Cache::new(2);
        for (id, template) in [(1, "a"), (2, "b")] {
            cache.put(&seen(id, template), KNOWN, false);
        }
        assert!(cache.get(&seen(1, "a"), false).is_some());
        cache.put(&seen(3, "c"), KNOWN, false);
        assert!(cache.get(&seen(2, "b"), false).is_none());
        assert!(cache.get(&seen(1, "a"), false).is_some());
        assert_eq!(cache.len(), 2);
    }
}
