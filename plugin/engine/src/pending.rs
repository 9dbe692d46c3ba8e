//! Templates that wait for a verdict.

use std::collections::{HashMap, VecDeque};
use std::num::NonZeroUsize;

use lru::LruCache;

use crate::labels::LabelId;
use crate::redact::redact;
use crate::semantic::Confidence;
use crate::template::TemplateId;

/// Templates that wait at once, at most; with [`crate::MAX_TEMPLATE`] at most about 6 MiB, with
/// messages 14 MiB.
pub const MAX_PENDING: usize = 4096;

/// A template that is still unknown is offered again after this many milliseconds.
pub const OFFER_AGAIN_AFTER: u64 = 10 * 60 * 1000;

/// A source is cut after this many bytes.
const MAX_SOURCE: usize = 256;

/// A message is cut after this many bytes.
const MAX_MESSAGE: usize = 2048;

/// Of a longer message only this much is looked at, in bytes.
const LONGEST_REDACTED: usize = 2 * MAX_MESSAGE;

/// A template that no tier is sure of: what the reasoning tier is asked.
#[derive(Clone, Debug, PartialEq)]
pub struct Pending {
    /// The template, redacted.
    pub template: String,
    /// Its id.
    pub template_id: TemplateId,
    /// The source of the first event, redacted.
    pub source: Option<String>,
    /// The message of the first event, redacted: only with `share = "message"`.
    pub message: Option<String>,
    /// How many events had this template since it was queued.
    pub count: u64,
    /// The model's best labels, best first.
    pub candidates: Vec<(LabelId, Confidence)>,
    /// When the first event came: the `now` that it was labelled with.
    pub first_seen: u64,
}

/// An event whose template nobody knows.
pub(crate) struct Unknown<'e> {
    /// Of the redacted template.
    pub(crate) id: TemplateId,
    /// Redacted.
    pub(crate) template: &'e str,
    pub(crate) source: Option<&'e str>,
    /// Where it is to be kept.
    pub(crate) message: Option<&'e [u8]>,
    pub(crate) candidates: &'e [(LabelId, Confidence)],
}

/// The queue. A template is in it once; after it was taken it rests for [`OFFER_AGAIN_AFTER`].
#[derive(Debug)]
pub(crate) struct PendingQueue {
    queue: VecDeque<Pending>,
    places: HashMap<TemplateId, usize>,
    /// When a template was taken: bounded, the longest untouched is forgotten.
    offered: LruCache<TemplateId, u64>,
    let_go: u64,
}

impl PendingQueue {
    pub(crate) fn new() -> Self {
        let mut offered = LruCache::unbounded();
        offered.resize(NonZeroUsize::new(4 * MAX_PENDING).unwrap_or(NonZeroUsize::MIN));
        Self { queue: VecDeque::new(), places: HashMap::new(), offered, let_go: 0 }
    }

    /// Notes an event of an unknown template. Says whether the template waits for a verdict, here
    /// or because it was taken: `false` only for one that the full queue let go.
    pub(crate) fn note(&mut self, unknown: &Unknown<'_>, now: u64) -> bool {
        let id = unknown.id;
        if let Some(waiting) = self.places.get(&id).and_then(|place| self.queue.get_mut(*place)) {
            waiting.count += 1;
            return true;
        }
        if let Some(taken) = self.offered.get(&id)
            && now.saturating_sub(*taken) < OFFER_AGAIN_AFTER
        {
            return true;
        }
        if self.queue.len() >= MAX_PENDING {
            self.let_go += 1;
            return false;
        }
        self.offered.pop(&id);
        self.places.insert(id, self.queue.len());
        self.queue.push_back(Pending {
            template: unknown.template.to_owned(),
            template_id: id,
            source: unknown.source.map(|source| cut(&redact(source), MAX_SOURCE)),
            message: unknown.message.map(redacted_message),
            count: 1,
            candidates: unknown.candidates.to_vec(),
            first_seen: now,
        });
        true
    }

    /// Takes up to `most` templates, in the order in which they came.
    pub(crate) fn take(&mut self, most: usize, now: u64) -> Vec<Pending> {
        let taken: Vec<_> = (0..most).map_while(|_| self.queue.pop_front()).collect();
        for pending in &taken {
            self.offered.put(pending.template_id, now);
        }
        self.places = self.queue.iter().zip(0..).map(|(p, place)| (p.template_id, place)).collect();
        taken
    }

    /// Forgets a template that has become known.
    pub(crate) fn settle(&mut self, id: TemplateId) {
        self.offered.pop(&id);
        if let Some(place) = self.places.remove(&id) {
            self.queue.remove(place);
            for later in self.places.values_mut().filter(|later| **later > place) {
                *later -= 1;
            }
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.queue.len()
    }

    /// Events whose template found the queue full.
    pub(crate) fn let_go(&self) -> u64 {
        self.let_go
    }
}

/// A secret that the cut would halve is redacted before it.
fn redacted_message(message: &[u8]) -> String {
    let message = message.get(..LONGEST_REDACTED).unwrap_or(message);
    cut(&redact(&String::from_utf8_lossy(message)), MAX_MESSAGE)
}

fn cut(text: &str, most: usize) -> String {
    let end = text.char_indices().map(|(at, c)| at + c.len_utf8());
    let end = end.take_while(|end| *end <= most).last().unwrap_or(0);
    text.get(..end).unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn note(queue: &mut PendingQueue, id: u64, now: u64) -> bool {
        let unknown = Unknown {
            id: TemplateId(id),
            template: "t",
            source: Some("s"),
            message: None,
            candidates: &[],
        };
        queue.note(&unknown, now)
    }

    #[test]
    fn a_template_is_queued_once_and_counted() {
        let mut queue = PendingQueue::new();
        assert!(note(&mut queue, 1, 7) && note(&mut queue, 1, 8));
        let taken = queue.take(10, 0);
        assert_eq!((taken.len(), taken[0].count, taken[0].first_seen), (1, 2, 7));
        assert!(note(&mut queue, 1, OFFER_AGAIN_AFTER - 1));
        assert_eq!(queue.len(), 0);
        assert!(note(&mut queue, 1, OFFER_AGAIN_AFTER));
        assert_eq!(queue.len(), 1);
    }

    #[test]
    fn a_full_queue_lets_go_and_says_so() {
        let mut queue = PendingQueue::new();
        for id in 0..MAX_PENDING as u64 {
            assert!(note(&mut queue, id, 0));
        }
        assert!(!note(&mut queue, u64::MAX, 0));
        assert_eq!((queue.len(), queue.let_go()), (MAX_PENDING, 1));
    }

    #[test]
    fn taking_a_part_keeps_the_rest() {
        let mut queue = PendingQueue::new();
        for id in 0..5 {
            note(&mut queue, id, 0);
        }
        assert_eq!(queue.take(2, 0).len(), 2);
        queue.settle(TemplateId(3));
        note(&mut queue, 4, 0);
        let rest: Vec<_> =
            queue.take(9, 0).into_iter().map(|p| (p.template_id.0, p.count)).collect();
        assert_eq!(rest, [(2, 1), (4, 2)]);
    }
}
