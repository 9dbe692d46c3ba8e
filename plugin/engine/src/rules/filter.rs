//! The filter before the automata: which rules can match a message at all.
//!
//! A rule is a candidate when one of the literals that every match of it must hold is in the
//! message. Most bytes need not be looked at for that: a literal of `n` bytes covers every place
//! that is a multiple of `n - k + 1` with `k` bytes of its own (a *gram*), so the message is sampled
//! at such places only, and a sample that is the gram of no literal ends there. Long literals and
//! short ones have a pass each: one short literal must not make all samples closer.
//!
//! The section in the file, in words: the two passes, then spans (from the start of the section) of
//! the literals, their texts, their owners and the unfiltered rules.
//!
//! | part | words |
//! | --- | --- |
//! | pass | stride (1 to 4, or 0 for no pass), mask (which bytes of a sample are the gram), shift; spans of slots, buckets and entries |
//! | slots | `u16`, by `(gram * MULTIPLIER) >> shift`: 0, or a bucket |
//! | buckets | the first entry of each bucket; one more at the end |
//! | entries | gram, literal, place of the gram in the literal |
//! | literals | span of the text, span of the owners |
//! | owners, unfiltered | rules |

use std::ops::Range;

use super::image::{Word, span_at, word, words};

/// Spreads grams over slots.
pub(super) const MULTIPLIER: u32 = 0x9E37_79B1;

/// What makes ASCII letters lower-case in a gram. It makes other bytes equal, too: a gram that is
/// there is only a hint.
pub(super) const CASE: u32 = 0x2020_2020;

/// The words of a pass.
pub(super) const PASS: usize = 9;

/// The passes: long literals, short ones.
pub(super) const PASSES: usize = 2;

/// The places of the tables in the message bytes' companion: see the head of this file.
#[derive(Clone, Debug, Default)]
pub(super) struct Filter {
    passes: [Pass; PASSES],
    literals: Range<usize>,
    texts: Range<usize>,
    owners: Range<usize>,
    unfiltered: Range<usize>,
}

#[derive(Clone, Debug, Default)]
struct Pass {
    stride: usize,
    mask: u32,
    shift: u32,
    slots: Range<usize>,
    buckets: Range<usize>,
    entries: Range<usize>,
}

/// One pass's tables.
struct Tables<'b> {
    mask: u32,
    shift: u32,
    slots: &'b [[u8; 2]],
    buckets: &'b [Word],
    entries: &'b [[Word; 3]],
}

impl Filter {
    /// The filter whose section is at `section` of `bytes`.
    pub(super) fn read(bytes: &[u8], section: Range<usize>) -> Option<Self> {
        let header = words(bytes.get(section.clone())?);
        let mut passes: [Pass; PASSES] = Default::default();
        for (pass, first) in passes.iter_mut().zip((0..).step_by(PASS)) {
            *pass = Pass {
                stride: word(header, first)?,
                mask: u32::try_from(word(header, first + 1)?).ok()?,
                shift: u32::try_from(word(header, first + 2)?).ok()?,
                slots: span_at(header, first + 3, &section)?,
                buckets: span_at(header, first + 5, &section)?,
                entries: span_at(header, first + 7, &section)?,
            };
        }
        let after = PASS * PASSES;
        Some(Self {
            passes,
            literals: span_at(header, after, &section)?,
            texts: span_at(header, after + 2, &section)?,
            owners: span_at(header, after + 4, &section)?,
            unfiltered: span_at(header, after + 6, &section)?,
        })
    }

    /// Calls `candidate` for each rule that can match, in no order, some more than once.
    pub(super) fn candidates(
        &self,
        bytes: &[u8],
        message: &[u8],
        mut candidate: impl FnMut(usize),
    ) {
        for rule in words(at(bytes, &self.unfiltered)) {
            candidate(u32::from_le_bytes(*rule) as usize);
        }
        let hit = |literal: usize, start: usize| {
            self.literal(bytes, message, literal, start)
                .into_iter()
                .flatten()
                .for_each(|rule| candidate(u32::from_le_bytes(*rule) as usize));
        };
        let mut hit = hit;
        for pass in &self.passes {
            let tables = Tables {
                mask: pass.mask,
                shift: pass.shift,
                slots: at(bytes, &pass.slots).as_chunks().0,
                buckets: words(at(bytes, &pass.buckets)),
                entries: words(at(bytes, &pass.entries)).as_chunks().0,
            };
            match pass.stride {
                1 => tables.scan::<1>(message, &mut hit),
                2 => tables.scan::<2>(message, &mut hit),
                3 => tables.scan::<3>(message, &mut hit),
                4 => tables.scan::<4>(message, &mut hit),
                _ => {}
            }
        }
    }

    /// The owners of `literal`, if it is at `start` of the message.
    fn literal<'b>(
        &self,
        bytes: &'b [u8],
        message: &[u8],
        literal: usize,
        start: usize,
    ) -> Option<&'b [Word]> {
        let literals = words(at(bytes, &self.literals));
        let first = literal.checked_mul(4)?;
        let text = bytes.get(span_at(literals, first, &self.texts)?)?;
        let there = message.get(start..)?.get(..text.len())?;
        if !there.eq_ignore_ascii_case(text) {
            return None;
        }
        Some(words(bytes.get(span_at(literals, first + 2, &self.owners)?)?))
    }
}

impl Tables<'_> {
    /// Calls `hit` with a literal and the place where it would start, for each sample that is a
    /// gram of it.
    fn scan<const STRIDE: usize>(&self, message: &[u8], hit: &mut impl FnMut(usize, usize)) {
        let mut rest = message;
        while let Some(sample) = rest.first_chunk() {
            self.sample(u32::from_le_bytes(*sample), || message.len() - rest.len(), hit);
            rest = rest.get(STRIDE..).unwrap_or_default();
        }
        let gram = (self.mask.count_ones() / 8).max(1) as usize;
        while rest.len() >= gram {
            let mut sample = [0; 4];
            sample.iter_mut().zip(rest).for_each(|(to, from)| *to = *from);
            self.sample(u32::from_le_bytes(sample), || message.len() - rest.len(), hit);
            rest = rest.get(STRIDE..).unwrap_or_default();
        }
    }

    #[inline(always)]
    fn sample(&self, bytes: u32, place: impl Fn() -> usize, hit: &mut impl FnMut(usize, usize)) {
        let gram = (bytes | CASE) & self.mask;
        let slot = gram.wrapping_mul(MULTIPLIER).wrapping_shr(self.shift) as usize;
        match self.slots.get(slot) {
            None | Some([0, 0]) => {}
            Some(bucket) => self.bucket(u16::from_le_bytes(*bucket), gram, place(), hit),
        }
    }

    #[inline(never)]
    fn bucket(&self, bucket: u16, gram: u32, place: usize, hit: &mut impl FnMut(usize, usize)) {
        let bucket = usize::from(bucket);
        let (Some(first), Some(end)) = (word(self.buckets, bucket), word(self.buckets, bucket + 1))
        else {
            return;
        };
        for [own, literal, back] in self.entries.get(first..end).unwrap_or_default() {
            let back = u32::from_le_bytes(*back) as usize;
            if u32::from_le_bytes(*own) == gram && back <= place {
                hit(u32::from_le_bytes(*literal) as usize, place - back);
            }
        }
    }
}

fn at<'b>(bytes: &'b [u8], range: &Range<usize>) -> &'b [u8] {
    bytes.get(range.clone()).unwrap_or_default()
}
