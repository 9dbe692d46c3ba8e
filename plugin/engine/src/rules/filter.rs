//! The filter before the automata: which rules can match a message at all.
//!
//! A part of a rule is a candidate when one of the literals that every match of it must hold is in
//! the message. Most bytes need not be looked at for that: wherever a literal of `n` bytes stands,
//! one place that is a multiple of `n - k + 1` has `k` bytes of it (a *gram*) behind it. So the
//! message is sampled at such places only, and where a sample is the gram of no literal nothing
//! more is done. Where a literal is very short, long literals and short ones have a pass each.
//!
//! The section in the file, in words: the two passes, then spans (from the start of the section) of
//! the literals' texts, their owners and the unfiltered parts.
//!
//! | part | words |
//! | --- | --- |
//! | pass | size of a gram, places from sample to sample (both 0: no pass); spans of slots, buckets and entries |
//! | slots | a `u16` for each [`slot`]: 0, or a bucket |
//! | buckets | the first entry of each bucket; one more at the end |
//! | entries | gram, its place in the literal, span of the literal's text, span of its owners |
//! | owners, unfiltered | parts of rules |

use std::ops::Range;

use super::image::{Word, span_at, word, words};

/// What makes ASCII letters lower-case in a gram. It makes other bytes equal, too: a gram that is
/// there is only a hint.
pub(super) const CASE: u32 = 0x2020_2020;

/// The number of slots. Every one of them can have a bucket whose number a `u16` holds.
pub(super) const SLOTS: usize = 1 << 15;

/// The words of a pass.
pub(super) const PASS: usize = 8;

/// The passes: long literals, short ones.
pub(super) const PASSES: usize = 2;

/// Which bytes of a sample are the gram.
pub(super) const fn mask(gram: usize) -> u32 {
    u32::MAX >> (32 - 8 * gram)
}

/// The slot of a gram, below [`SLOTS`].
pub(super) fn slot(gram: u32) -> usize {
    (gram.wrapping_mul(0x9E37_79B1) >> (32 - SLOTS.ilog2())) as usize
}

/// The places of the tables in the message bytes' companion: see the head of this file.
#[derive(Clone, Debug, Default)]
pub(super) struct Filter {
    passes: [Pass; PASSES],
    texts: Range<usize>,
    owners: Range<usize>,
    unfiltered: Range<usize>,
}

#[derive(Clone, Debug, Default)]
struct Pass {
    gram: usize,
    stride: usize,
    slots: Range<usize>,
    buckets: Range<usize>,
    entries: Range<usize>,
}

/// See the head of this file.
type Entry = [Word; 6];

/// One pass's tables.
struct Tables<'b> {
    slots: &'b [[u8; 2]; SLOTS],
    buckets: &'b [Word],
    entries: &'b [Entry],
    texts: &'b [u8],
    owners: &'b [u8],
}

impl Filter {
    /// The filter whose section is at `section` of `bytes`.
    pub(super) fn read(bytes: &[u8], section: Range<usize>) -> Option<Self> {
        let header = words(bytes.get(section.clone())?);
        let mut passes: [Pass; PASSES] = Default::default();
        for (pass, first) in passes.iter_mut().zip((0..).step_by(PASS)) {
            *pass = Pass {
                gram: word(header, first)?,
                stride: word(header, first + 1)?,
                slots: span_at(header, first + 2, &section)?,
                buckets: span_at(header, first + 4, &section)?,
                entries: span_at(header, first + 6, &section)?,
            };
        }
        let after = PASS * PASSES;
        Some(Self {
            passes,
            texts: span_at(header, after, &section)?,
            owners: span_at(header, after + 2, &section)?,
            unfiltered: span_at(header, after + 4, &section)?,
        })
    }

    /// Calls `candidate` for each part that can match, in no order, some more than once.
    pub(super) fn candidates(
        &self,
        bytes: &[u8],
        message: &[u8],
        mut candidate: impl FnMut(usize),
    ) {
        for part in words(at(bytes, &self.unfiltered)) {
            candidate(u32::from_le_bytes(*part) as usize);
        }
        let mut hit = |part: &Word| candidate(u32::from_le_bytes(*part) as usize);
        let (texts, owners) = (at(bytes, &self.texts), at(bytes, &self.owners));
        for pass in &self.passes {
            let Some(slots) = at(bytes, &pass.slots).as_chunks().0.first_chunk() else { continue };
            let buckets = words(at(bytes, &pass.buckets));
            let entries = words(at(bytes, &pass.entries)).as_chunks().0;
            let tables = Tables { slots, buckets, entries, texts, owners };
            match (pass.gram, pass.stride) {
                (2, 1) => tables.scan::<2, 1>(message, &mut hit),
                (2, 2) => tables.scan::<2, 2>(message, &mut hit),
                (3, 2) => tables.scan::<3, 2>(message, &mut hit),
                (3, 3) => tables.scan::<3, 3>(message, &mut hit),
                (3, 4) => tables.scan::<3, 4>(message, &mut hit),
                (4, 4) => tables.scan::<4, 4>(message, &mut hit),
                _ => {}
            }
        }
    }
}

impl Tables<'_> {
    /// Calls `hit` with the owners of each literal that seems to be in the message.
    fn scan<const GRAM: usize, const STRIDE: usize>(
        &self,
        message: &[u8],
        hit: &mut impl FnMut(&Word),
    ) {
        let mut rest = message;
        while let Some(sample) = rest.first_chunk() {
            self.sample::<GRAM>(*sample, rest, message, hit);
            rest = rest.get(STRIDE..).unwrap_or_default();
        }
        while rest.len() >= GRAM {
            let mut sample = [0; 4];
            sample.iter_mut().zip(rest).for_each(|(to, from)| *to = *from);
            self.sample::<GRAM>(sample, rest, message, hit);
            rest = rest.get(STRIDE..).unwrap_or_default();
        }
    }

    #[inline(always)]
    fn sample<const GRAM: usize>(
        &self,
        sample: [u8; 4],
        rest: &[u8],
        message: &[u8],
        hit: &mut impl FnMut(&Word),
    ) {
        let gram = (u32::from_le_bytes(sample) | CASE) & const { mask(GRAM) };
        let bucket = u16::from_le_bytes(self.slots[slot(gram)]);
        if bucket != 0 {
            self.bucket(bucket, gram, message.len() - rest.len(), message, hit);
        }
    }

    #[inline(never)]
    fn bucket(
        &self,
        bucket: u16,
        gram: u32,
        place: usize,
        message: &[u8],
        hit: &mut impl FnMut(&Word),
    ) {
        let bucket = usize::from(bucket);
        let (Some(first), Some(end)) = (word(self.buckets, bucket), word(self.buckets, bucket + 1))
        else {
            return;
        };
        for entry in self.entries.get(first..end).unwrap_or_default() {
            if u32::from_le_bytes(entry[0]) == gram && self.is_there(entry, place, message) {
                let owners = span_at(entry, 4, &(0..self.owners.len()));
                let owners = owners.and_then(|owners| self.owners.get(owners));
                words(owners.unwrap_or_default()).iter().for_each(&mut *hit);
            }
        }
    }

    /// Whether an entry's literal seems to be in the message, with its gram at `place`.
    fn is_there(&self, entry: &Entry, place: usize, message: &[u8]) -> bool {
        let back = u32::from_le_bytes(entry[1]) as usize;
        let text = span_at(entry, 2, &(0..self.texts.len())).and_then(|text| self.texts.get(text));
        let there = place.checked_sub(back).and_then(|start| message.get(start..));
        text.zip(there).is_some_and(|(text, there)| {
            there.get(..text.len()).is_some_and(|there| similar(there, text))
        })
    }
}

/// Whether two texts of one length begin and end alike, in the coarse way of grams. With the gram
/// between them that is enough for a filter.
fn similar(one: &[u8], other: &[u8]) -> bool {
    let alike = |a: Option<&[u8; 4]>, b: Option<&[u8; 4]>| match (a, b) {
        (Some(a), Some(b)) => u32::from_le_bytes(*a) | CASE == u32::from_le_bytes(*b) | CASE,
        _ => one.eq_ignore_ascii_case(other),
    };
    alike(one.last_chunk(), other.last_chunk()) && alike(one.first_chunk(), other.first_chunk())
}

fn at<'b>(bytes: &'b [u8], range: &Range<usize>) -> &'b [u8] {
    bytes.get(range.clone()).unwrap_or_default()
}
