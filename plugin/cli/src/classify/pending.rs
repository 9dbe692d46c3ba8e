//! The templates of one run that wait for a verdict.

use std::collections::HashMap;

use logtriage_engine::{Pending, TemplateId};

/// Templates that one run hands over, at most: at 1 KiB each about as much as the file takes.
const MAX_LISTED: usize = 16_384;

/// Templates of several engines, each once, in the order in which they came. Bounded: those that
/// find it full are let go and counted.
#[derive(Default)]
pub struct PendingList {
    list: Vec<Pending>,
    let_go: u64,
    places: HashMap<TemplateId, usize>,
}

impl PendingList {
    /// Adds the templates of one batch; batches come in order.
    pub fn add(&mut self, batch: Vec<Pending>) {
        for pending in batch {
            match self.places.get(&pending.template_id) {
                Some(place) => self.list[*place].count += pending.count,
                None if self.list.len() >= MAX_LISTED => self.let_go += pending.count,
                None => {
                    self.places.insert(pending.template_id, self.list.len());
                    self.list.push(pending);
                }
            }
        }
    }

    /// Events whose template found the list full.
    pub fn let_go(&self) -> u64 {
        self.let_go
    }

    /// The templates.
    pub fn list(&self) -> &[Pending] {
        &self.list
    }
}
