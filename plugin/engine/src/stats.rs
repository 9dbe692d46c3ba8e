//! What the engine counted.

use crate::labels::LabelId;
use crate::outcome::Tier;

/// Counts since the engine was made.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    /// Events labelled, `Unclassified` ones among them.
    pub events: u64,
    /// Events per tier, in the order of [`Tier::ALL`].
    pub tiers: [u64; 5],
    /// Events per label, in the order of the label set.
    pub labels: Vec<u64>,
    /// Events without a message.
    pub no_message: u64,
    /// Records that are JSON but no object: passed unlabelled.
    pub not_records: u64,
    /// Lines that are not JSON where a record was expected: passed unlabelled.
    pub malformed: u64,
    /// Events whose template the cache held.
    pub cache_hits: u64,
    /// Events whose template the model had to see.
    pub cache_misses: u64,
    /// Templates in the cache now.
    pub cached: u64,
    /// Events that passed as `none`, or without their group, because too many new templates came at
    /// once.
    pub shed: u64,
    /// Templates that wait for a verdict now.
    pub pending: u64,
    /// Events whose template found the pending queue full.
    pub pending_let_go: u64,
    /// Events on which the transformer failed: they passed without the semantic tier. A model of a
    /// table has none.
    pub encoder_failures: u64,
}

impl Stats {
    /// Events of one tier.
    pub fn tier(&self, tier: Tier) -> u64 {
        Tier::ALL.iter().zip(self.tiers).find(|(known, _)| **known == tier).map_or(0, |(_, n)| n)
    }

    /// Share of the events that rules, persons and the model labelled.
    pub fn coverage(&self) -> f64 {
        let known = self.tier(Tier::Rule) + self.tier(Tier::Reviewed) + self.tier(Tier::Semantic);
        known as f64 / self.events.max(1) as f64
    }

    /// Counts one event, once it has a tier.
    pub(crate) fn count(&mut self, tier: Tier, label: Option<LabelId>) {
        if let Some(count) = self.tiers.get_mut(tier as usize) {
            *count += 1;
        }
        if let Some(count) = label.and_then(|label| self.labels.get_mut(usize::from(label.0))) {
            *count += 1;
        }
    }

    /// Adds the counts of another engine with the same label set.
    pub fn add(&mut self, other: &Stats) {
        self.events += other.events;
        for (sum, count) in self.tiers.iter_mut().zip(other.tiers) {
            *sum += count;
        }
        self.labels.resize(self.labels.len().max(other.labels.len()), 0);
        for (sum, count) in self.labels.iter_mut().zip(&other.labels) {
            *sum += count;
        }
        self.no_message += other.no_message;
        self.not_records += other.not_records;
        self.malformed += other.malformed;
        self.cache_hits += other.cache_hits;
        self.cache_misses += other.cache_misses;
        self.encoder_failures += other.encoder_failures;
        self.cached += other.cached;
        self.shed += other.shed;
        self.pending += other.pending;
        self.pending_let_go += other.pending_let_go;
    }
}
