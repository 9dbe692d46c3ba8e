//! The compiled form of a list of rules: flat tables, read where they lie.
//!
//! All numbers are little-endian. A *span* is two `u32`, a place and a length in bytes; places
//! count from the start of the section that they point into. The file is:
//!
//! | at | size | what |
//! | --- | --- | --- |
//! | 0 | 8 | `LTRULES` and a zero byte |
//! | 8 | 4 | [`VERSION`] |
//! | 12 | 4 | the size of the file |
//! | 16 | 8 | XXH3-64 of everything after it |
//! | 24 | 16 | digest of the sources: [`digest`] |
//! | 40 | 56 | spans of the sections, from the start of the file, in the order of [`Section`] |
//!
//! | section | what |
//! | --- | --- |
//! | labels | a span into the strings for each label of the set that the rules were compiled with |
//! | rules | [`RULE`] bytes for each rule, in file order: spans of id and source glob (strings), then the label's place as a `u32`; a span at [`NONE`] stands for nothing |
//! | parts | [`PART`] bytes for each part of a rule, in the order of the rules: the rule's place as a `u32`, spans of table and machine (automata), 1 as a `u32` if it tells one digit from another, else 0; the rule matches where one of its parts does |
//! | strings | UTF-8 |
//! | filter | see `filter.rs` |
//! | automata | tables (`dfa.rs`) and machines (`nfa.rs`) |
//! | word | `u32` pairs: the ranges of characters that `\w` means, if a rule's `\b` needs them |
//!
//! Whatever the bytes say, reading them ends and never panics: every access is checked.

use std::ops::Range;

use xxhash_rust::xxh3::{Xxh3Default, xxh3_64};

/// The first bytes of the file.
pub(super) const MAGIC: [u8; 8] = *b"LTRULES\0";

/// The version of the form. Another one is refused, and the rules are compiled again.
pub(super) const VERSION: u32 = 1;

/// Where the checksummed part begins.
pub(super) const CHECKED_FROM: usize = 24;

/// Where the sections' spans begin.
const SECTIONS_AT: usize = 40;

/// Where the sections begin.
#[cfg(feature = "regex")]
pub(super) const HEADER: usize = SECTIONS_AT + 8 * SECTIONS;

/// The size of one rule's entry.
pub(super) const RULE: usize = 20;

/// The size of one part's entry.
pub(super) const PART: usize = 24;

/// The place of a span that stands for nothing.
pub(super) const NONE: u32 = u32::MAX;

/// A part of the file; the number is its place in the list of sections.
#[derive(Clone, Copy)]
pub(super) enum Section {
    Labels,
    Rules,
    Parts,
    Strings,
    Filter,
    Automata,
    Word,
}

/// How many sections there are.
pub(super) const SECTIONS: usize = 7;

/// Compiled rules that cannot be used. Each says what to do.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CompiledRulesError {
    /// The file is something else.
    #[error("this is no file of compiled rules; make one with `logtriage compile-rules`")]
    Foreign,
    /// Another version of the program made it.
    #[error(
        "compiled rules of format {found}, and this program reads format {VERSION}; compile them \
         again with `logtriage compile-rules` of the same release"
    )]
    Version {
        /// The format that the file has.
        found: u32,
    },
    /// The checksum or a table is wrong.
    #[error(
        "the compiled rules are damaged or cut short; compile them again with `logtriage compile-rules`"
    )]
    Damaged,
    /// A rule's label is not one of the model's.
    #[error(
        "compiled rule \"{rule}\" has the unknown label \"{label}\"; compile the rules again with \
         the config that names this model"
    )]
    Label {
        /// The rule's id.
        rule: String,
        /// Its label.
        label: String,
    },
}

/// Identifies the sources of a list of rules: XXH3-128 over each file's length and content, in
/// order. Names do not count, because a file has another path on another machine.
pub(super) fn digest<'f>(contents: impl IntoIterator<Item = &'f [u8]>) -> u128 {
    let mut hash = Xxh3Default::new();
    for content in contents {
        hash.update(&(content.len() as u64).to_le_bytes());
        hash.update(content);
    }
    hash.digest128()
}

/// A file of compiled rules whose checksum is right.
pub(super) struct Image<'b> {
    pub(super) bytes: &'b [u8],
    pub(super) digest: u128,
    sections: [Range<usize>; SECTIONS],
}

impl<'b> Image<'b> {
    pub(super) fn open(bytes: &'b [u8]) -> Result<Self, CompiledRulesError> {
        if !bytes.starts_with(&MAGIC) {
            return Err(CompiledRulesError::Foreign);
        }
        match array(bytes, MAGIC.len()).map(u32::from_le_bytes) {
            Some(VERSION) => Self::checked(bytes).ok_or(CompiledRulesError::Damaged),
            Some(found) => Err(CompiledRulesError::Version { found }),
            None => Err(CompiledRulesError::Damaged),
        }
    }

    fn checked(bytes: &'b [u8]) -> Option<Self> {
        let size = u32::from_le_bytes(array(bytes, 12)?) as usize;
        let sum = u64::from_le_bytes(array(bytes, 16)?);
        if size != bytes.len() || sum != xxh3_64(bytes.get(CHECKED_FROM..)?) {
            return None;
        }
        let digest = u128::from_le_bytes(array(bytes, CHECKED_FROM)?);
        let spans = words(bytes.get(SECTIONS_AT..)?);
        let mut sections: [Range<usize>; SECTIONS] = Default::default();
        for (section, place) in sections.iter_mut().zip((0..).step_by(2)) {
            *section = span_at(spans, place, &(0..bytes.len()))?;
        }
        Some(Self { bytes, digest, sections })
    }

    pub(super) fn section(&self, section: Section) -> Range<usize> {
        self.sections.get(section as usize).cloned().unwrap_or_default()
    }

    /// The numbers of a section.
    pub(super) fn words(&self, section: Section) -> &'b [Word] {
        words(self.bytes.get(self.section(section)).unwrap_or_default())
    }

    /// The span at the word `place` of `words`, seen from the start of the file.
    pub(super) fn span(
        &self,
        words: &[Word],
        place: usize,
        within: Section,
    ) -> Option<Range<usize>> {
        span_at(words, place, &self.section(within))
    }

    pub(super) fn text(&self, words: &[Word], place: usize) -> Option<&'b str> {
        let span = self.span(words, place, Section::Strings)?;
        std::str::from_utf8(self.bytes.get(span)?).ok()
    }
}

/// A little-endian `u32`.
pub(super) type Word = [u8; 4];

/// The whole words of `bytes`.
pub(super) fn words(bytes: &[u8]) -> &[Word] {
    bytes.as_chunks().0
}

/// The number at the word `place`.
pub(super) fn word(words: &[Word], place: usize) -> Option<usize> {
    words.get(place).map(|word| u32::from_le_bytes(*word) as usize)
}

/// The span whose place stands at the word `place` and counts from the start of `section`, which
/// it does not leave.
pub(super) fn span_at(
    words: &[Word],
    place: usize,
    section: &Range<usize>,
) -> Option<Range<usize>> {
    let start = section.start.checked_add(word(words, place)?)?;
    let end = start.checked_add(word(words, place.checked_add(1)?)?)?;
    (end <= section.end).then_some(start..end)
}

fn array<const N: usize>(bytes: &[u8], at: usize) -> Option<[u8; N]> {
    bytes.get(at..)?.first_chunk().copied()
}
