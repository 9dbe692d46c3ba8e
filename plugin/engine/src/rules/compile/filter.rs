//! The filter's tables, from the literals that rules need.

use std::collections::HashMap;

use super::super::filter::{CASE, MULTIPLIER, PASS, PASSES};
use super::{push, span};

/// Literals from this length on are in the first pass: four places, four bytes at each.
const LONG: usize = 7;

/// At most this many bits of a gram's hash: buckets have 16 bits, and one number is for none.
const MAX_SLOT_BITS: u32 = 15;

/// `needs`: for each rule the literals of which a match holds at least one.
pub(in super::super) fn tables(needs: &[Option<Vec<Vec<u8>>>]) -> Vec<u8> {
    let mut literals: Vec<&[u8]> = Vec::new();
    let mut owners: Vec<Vec<u32>> = Vec::new();
    let mut places: HashMap<&[u8], usize> = HashMap::new();
    let mut unfiltered = Vec::new();
    for (rule, need) in (0u32..).zip(needs) {
        let Some(need) = need else {
            unfiltered.push(rule);
            continue;
        };
        for literal in need {
            let place = *places.entry(literal).or_insert_with(|| {
                literals.push(literal);
                owners.push(Vec::new());
                owners.len() - 1
            });
            owners[place].push(rule);
        }
    }
    let mut section = Section::new();
    for long in [true, false] {
        let of_pass = literals.iter().enumerate().filter(|(_, l)| (l.len() >= LONG) == long);
        section
            .pass(&of_pass.map(|(number, literal)| (number as u32, *literal)).collect::<Vec<_>>());
    }
    section.literals(&literals, &owners);
    section.part(&bytes_of(&unfiltered));
    section.finish()
}

/// The section as it grows: the words at its start and the parts that they speak of.
struct Section {
    header: Vec<u8>,
    parts: Vec<u8>,
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
            _ => 2.min(shortest),
        };
        Self { gram, stride: (shortest + 1).saturating_sub(gram).clamp(1, 4) }
    }

    /// Places in a literal of which a sample meets one, wherever the literal stands.
    fn places(self, literal: &[u8]) -> std::ops::Range<usize> {
        let free = literal.len() + 1 - (self.gram + self.stride - 1);
        let first = (0..free)
            .min_by_key(|first| common(&literal[*first..*first + self.stride + self.gram - 1]));
        let first = first.unwrap_or_default();
        first..first + self.stride
    }

    fn mask(self) -> u32 {
        u32::MAX >> (32 - 8 * self.gram)
    }
}

/// How much of a text is small letters and spaces, which most of a log is made of.
fn common(text: &[u8]) -> usize {
    text.iter().filter(|byte| byte.is_ascii_lowercase() || **byte == b' ').count()
}

impl Section {
    fn new() -> Self {
        Self { header: Vec::new(), parts: Vec::new() }
    }

    fn part(&mut self, bytes: &[u8]) {
        let header = 4 * (PASS * PASSES + 8);
        push(&mut self.header, &span(header + self.parts.len(), bytes.len()));
        self.parts.extend(bytes);
    }

    fn pass(&mut self, literals: &[(u32, &[u8])]) {
        let Some(shortest) = literals.iter().map(|(_, literal)| literal.len()).min() else {
            push(&mut self.header, &[0; 3]);
            (0..3).for_each(|_| self.part(&[]));
            return;
        };
        let sampling = Sampling::of(shortest);
        let mut grams = Vec::new();
        for (number, literal) in literals {
            for place in sampling.places(literal) {
                let mut gram = [0; 4];
                gram[..sampling.gram].copy_from_slice(&literal[place..place + sampling.gram]);
                let gram = (u32::from_le_bytes(gram) | CASE) & sampling.mask();
                grams.push([gram, *number, place as u32]);
            }
        }
        let bits = (grams.len() * 8).next_power_of_two().ilog2().min(MAX_SLOT_BITS);
        let shift = 32 - bits;
        let slot = |gram: u32| (gram.wrapping_mul(MULTIPLIER) >> shift) as usize;
        grams.sort_by_key(|[gram, ..]| slot(*gram));
        let mut slots = vec![0u16; 1 << bits];
        let mut buckets = vec![0u32];
        for (entry, [gram, ..]) in (0u32..).zip(&grams) {
            let slot = &mut slots[slot(*gram)];
            if *slot == 0 {
                *slot = buckets.len() as u16;
                buckets.push(entry);
            }
        }
        buckets.push(grams.len() as u32);
        push(&mut self.header, &[sampling.stride as u32, sampling.mask(), shift]);
        self.part(&slots.iter().flat_map(|slot| slot.to_le_bytes()).collect::<Vec<_>>());
        self.part(&bytes_of(&buckets));
        self.part(&bytes_of(grams.as_flattened()));
    }

    fn literals(&mut self, literals: &[&[u8]], owners: &[Vec<u32>]) {
        let (mut table, mut texts, mut rules) = (Vec::new(), Vec::new(), Vec::new());
        for (literal, owners) in literals.iter().zip(owners) {
            let owners = bytes_of(owners);
            push(&mut table, &span(texts.len(), literal.len()));
            push(&mut table, &span(rules.len(), owners.len()));
            texts.extend(*literal);
            rules.extend(owners);
        }
        for part in [table, texts, rules] {
            self.part(&part);
        }
    }

    fn finish(self) -> Vec<u8> {
        [self.header, self.parts].concat()
    }
}

fn bytes_of(numbers: &[u32]) -> Vec<u8> {
    let mut bytes = Vec::new();
    push(&mut bytes, numbers);
    bytes
}
