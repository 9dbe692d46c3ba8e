//! The cache: what the model said of a template.

use std::num::NonZeroUsize;

use lru::LruCache;

use crate::semantic::Prediction;
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

    pub(crate) fn get(&mut self, id: TemplateId, template: &str) -> Option<Prediction> {
        let entry = self.entries.get(&id)?;
        equal(entry.template.as_bytes(), template.as_bytes()).then_some(entry.prediction)
    }

    pub(crate) fn put(&mut self, id: TemplateId, template: &str, prediction: Prediction) {
        self.entries.put(id, Entry { template: template.into(), prediction });
    }

    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_collision_is_a_miss() {
        let mut cache = Cache::new(2);
        cache.put(TemplateId(7), "one", Prediction::default());
        assert!(cache.get(TemplateId(7), "one").is_some());
        assert!(cache.get(TemplateId(7), "two").is_none());
    }

    #[test]
    fn the_least_recently_used_goes_first() {
        let mut cache = Cache::new(2);
        for (id, template) in [(1, "a"), (2, "b")] {
            cache.put(TemplateId(id), template, Prediction::default());
        }
        assert!(cache.get(TemplateId(1), "a").is_some());
        cache.put(TemplateId(3), "c", Prediction::default());
        assert!(cache.get(TemplateId(2), "b").is_none());
        assert!(cache.get(TemplateId(1), "a").is_some());
        assert_eq!(cache.len(), 2);
    }
}
