//! The filter's tables, from the literals that rules need.

use std::collections::BTreeMap;
use std::ops::Range;

use super::super::BUILTIN_RULES;
use super::super::filter::{CASE, PASS, PASSES, SLOTS, mask, slot};
use super::literals::Set;
use super::{Span, push, span};

/// From this length on a literal is found by four bytes at every fourth place.
pub(super) const LONG: usize = 7;

/// Where the shortest literal has this length, one pass for all has few enough samples.
const ONE_PASS: usize = 5;

/// A literal with the parts that need it.
type Owned<'n> = (&'n [u8], Vec<u32>);

/// `needs`: for each part the literals of which a match holds at least one.
pub(in super::super) fn tables(needs: &[Option<Set>]) -> Vec<u8> {
    let mut literals: BTreeMap<&[u8], Vec<u32>> = BTreeMap::new();
    let mut unfiltered = Vec::new();
    for (part, need) in (0u32..).zip(needs) {
        match need {
            None => unfiltered.push(part),
            Some(need) => {
                for literal in need {
                    literals.entry(literal).or_default().push(part);
                }
            }
        }
    }
    let literals: Vec<Owned<'_>> = literals.into_iter().collect();
    let long = |(literal, _): &Owned<'_>| literal.len() >= LONG;
    let passes = match literals.iter().map(|(literal, _)| literal.len()).min() {
        Some(0..ONE_PASS) => literals.into_iter().partition(long),
        _ => (literals, Vec::new()),
    };
    Section::default().finish(passes.into(), &unfiltered)
}

/// Which samples find a literal: `gram` bytes at every place that is a multiple of `stride`.
#[derive(Clone, Copy)]
struct Sampling {
    gram: usize,
    stride: usize,
}

impl Sampling {
    /// The one for literals of at least `shortest` bytes.
    fn of(shortest: usize) -> Self {
        let gram = match shortest {
            LONG.. => 4,
            4.. => 3,
            _ => 2,
        };
        Self { gram, stride: (shortest + 1).saturating_sub(gram).clamp(1, 4) }
    }

    fn gram(self, text: &[u8]) -> Option<u32> {
        let mut gram = [0; 4];
        gram[..self.gram].copy_from_slice(text.get(..self.gram)?);
        Some((u32::from_le_bytes(gram) | CASE) & mask(self.gram))
    }

    fn grams(self, text: &[u8]) -> Vec<u32> {
        text.windows(self.gram).filter_map(|gram| self.gram(gram)).collect()
    }
}

/// How often grams are in logs, for which the examples of the built-in rules stand, and in
/// literals.
struct Frequency(Vec<u32>);

/// A sample that finds a literal costs as much as these in an example.
const PER_LITERAL: u32 = 4;

impl Frequency {
    fn new(sampling: Sampling) -> Self {
        let mut counts = vec![0; SLOTS];
        for gram in sampling.grams(BUILTIN_RULES.as_bytes()) {
            counts[slot(gram)] += 1;
        }
        Self(counts)
    }

    /// Of all runs of places of which a sample meets one, wherever the literal stands, the run
    /// whose grams are rarest.
    fn rarest(&mut self, literal: &[u8], sampling: Sampling) -> Range<usize> {
        let grams = sampling.grams(literal);
        let cost = |run: &[u32]| run.iter().map(|gram| self.0[slot(*gram)]).sum::<u32>();
        let runs = grams.windows(sampling.stride).enumerate();
        let first = runs.min_by_key(|(_, run)| cost(run)).map_or(0, |(first, _)| first);
        let places = first..first + sampling.stride;
        grams[places.clone()].iter().for_each(|gram| self.0[slot(*gram)] += PER_LITERAL);
        places
    }
}

/// The section as it grows: the words at its start and the parts that they speak of.
#[derive(Default)]
struct Section {
    header: Vec<u8>,
    parts: Vec<u8>,
    texts: Vec<u8>,
    owners: Vec<u8>,
}

impl Section {
    fn finish(mut self, passes: [Vec<Owned<'_>>; PASSES], unfiltered: &[u32]) -> Vec<u8> {
        passes.iter().for_each(|literals| self.pass(literals));
        let (texts, owners) = (std::mem::take(&mut self.texts), std::mem::take(&mut self.owners));
        for part in [texts, owners, bytes_of(unfiltered)] {
            self.part(&part);
        }
        [self.header, self.parts].concat()
    }

    fn part(&mut self, bytes: &[u8]) {
        let header = 4 * (PASS * PASSES + 6);
        push(&mut self.header, &span(header + self.parts.len(), bytes.len()));
        self.parts.extend(bytes);
    }

    fn pass(&mut self, literals: &[Owned<'_>]) {
        let Some(shortest) = literals.iter().map(|(literal, _)| literal.len()).min() else {
            push(&mut self.header, &[0; PASS]);
            return;
        };
        let sampling = Sampling::of(shortest);
        let mut frequency = Frequency::new(sampling);
        let mut entries = Vec::new();
        for (literal, owners) in literals {
            let [text, owners] = self.literal(literal, owners);
            let places = frequency.rarest(literal, sampling);
            for (gram, back) in sampling.grams(literal).into_iter().zip(0..) {
                if places.contains(&(back as usize)) {
                    entries.push([gram, back, text[0], text[1], owners[0], owners[1]]);
                }
            }
        }
        entries.sort_by_key(|[gram, ..]| slot(*gram));
        let mut slots = vec![0u16; SLOTS];
        // Number 0 is for slots without a bucket.
        let mut buckets = vec![0];
        for (entry, [gram, ..]) in (0..).zip(&entries) {
            let slot = &mut slots[slot(*gram)];
            if *slot == 0 {
                *slot = buckets.len() as u16;
                buckets.push(entry);
            }
        }
        buckets.push(entries.len() as u32);
        push(&mut self.header, &[sampling.gram as u32, sampling.stride as u32]);
        self.part(&slots.iter().flat_map(|slot| slot.to_le_bytes()).collect::<Vec<_>>());
        self.part(&bytes_of(&buckets));
        self.part(&bytes_of(entries.as_flattened()));
    }

    /// Where text and owners are.
    fn literal(&mut self, literal: &[u8], owners: &[u32]) -> [Span; 2] {
        let text = span(self.texts.len(), literal.len());
        self.texts.extend(literal);
        let at = self.owners.len();
        push(&mut self.owners, owners);
        [text, span(at, self.owners.len() - at)]
    }
}

fn bytes_of(numbers: &[u32]) -> Vec<u8> {
    let mut bytes = Vec::new();
    push(&mut bytes, numbers);
    bytes
}
