//! The cache: what the model said of a template, and what is told of it.

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
    redacted: Redacted,
    prediction: Prediction,
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

    /// What the model said of a message's template. The message learns how the template is told.
    pub(crate) fn get(&mut self, seen: &Seen) -> Option<Prediction> {
        let entry = self.entries.get(&seen.id)?;
        if !equal(entry.template.as_bytes(), seen.template.as_bytes()) {
            return None;
        }
        seen.redact(|| entry.redacted.clone());
        Some(entry.prediction)
    }

    /// Keeps what the model said, and gives it back.
    pub(crate) fn put(&mut self, seen: &Seen, prediction: Prediction) -> Prediction {
        let (template, redacted) = (seen.template.clone(), seen.redacted().clone());
        self.entries.put(seen.id, Entry { template, redacted, prediction });
        prediction
    }

    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(id: u64, template: &str) -> Seen {
        Seen::new(template, TemplateId(id), None)
    }

    #[test]
    fn a_collision_is_a_miss() {
        let mut cache = Cache::new(2);
        cache.put(&seen(7, "one"), Prediction::default());
        assert!(cache.get(&seen(7, "one")).is_some());
        assert!(cache.get(&seen(7, "two")).is_none());
    }

    #[test]
    fn the_least_recently_used_goes_first() {
        let mut cache = Cache::new(2);
        for (id, template) in [(1, "a"), (2, "b")] {
            cache.put(&seen(id, template), Prediction::default());
        }
        assert!(cache.get(&seen(1, "a")).is_some());
        cache.put(&seen(3, "c"), Prediction::default());
        assert!(cache.get(&seen(2, "b")).is_none());
        assert!(cache.get(&seen(1, "a")).is_some());
        assert_eq!(cache.len(), 2);
    }
}
