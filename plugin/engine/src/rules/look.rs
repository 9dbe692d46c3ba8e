//! Assertions about a place in a message: the edges of text, line and word.
//!
//! They hold where those of the `regex` crate hold, on bytes that are not UTF-8, too.

use super::image::Word;

// What an assertion asks for. Those of words: whether "word" means ASCII, plus `UNICODE` if not.
pub(super) const START: u8 = 0;
pub(super) const END: u8 = 1;
pub(super) const LINE_START: u8 = 2;
pub(super) const LINE_END: u8 = 3;
pub(super) const CRLF_LINE_START: u8 = 4;
pub(super) const CRLF_LINE_END: u8 = 5;
pub(super) const WORD_EDGE: u8 = 6;
pub(super) const NO_WORD_EDGE: u8 = 7;
pub(super) const WORD_START: u8 = 8;
pub(super) const WORD_END: u8 = 9;
pub(super) const NO_WORD_BEFORE: u8 = 10;
pub(super) const NO_WORD_AFTER: u8 = 11;
pub(super) const UNICODE: u8 = 16;

/// The characters that words are made of: sorted ranges.
pub(super) type WordRanges<'w> = &'w [[Word; 2]];

/// Whether an assertion holds before the byte at `place`.
pub(super) fn holds(assertion: u8, message: &[u8], place: usize, word: WordRanges<'_>) -> bool {
    let (before, after) = message.split_at_checked(place).unwrap_or((message, &[]));
    let line = |byte: Option<&u8>, end: u8| byte.is_none_or(|byte| *byte == end);
    match assertion {
        START => before.is_empty(),
        END => after.is_empty(),
        LINE_START => line(before.last(), b'\n'),
        LINE_END => line(after.first(), b'\n'),
        CRLF_LINE_START => {
            line(before.last(), b'\n')
                || before.last() == Some(&b'\r') && after.first() != Some(&b'\n')
        }
        CRLF_LINE_END => {
            line(after.first(), b'\r')
                || after.first() == Some(&b'\n') && before.last() != Some(&b'\r')
        }
        _ if assertion & UNICODE == 0 => {
            let is_word = |byte: Option<&u8>| match byte {
                Some(byte) if byte.is_ascii_alphanumeric() || *byte == b'_' => Side::Word,
                Some(_) | None => Side::Other,
            };
            words(assertion, is_word(before.last()), is_word(after.first()))
        }
        _ => {
            let side = |text: &[u8], decoded: Option<char>| match decoded {
                Some(c) if is_word(c, word) => Side::Word,
                None if !text.is_empty() => Side::Broken,
                Some(_) | None => Side::Other,
            };
            let (last, first) = (last_char(before), first_char(after));
            words(assertion & !UNICODE, side(before, last), side(after, first))
        }
    }
}

/// What is on one side of a place.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Side {
    Word,
    Other,
    /// No UTF-8. It is no word, and no assertion that there is no word holds beside it.
    Broken,
}

fn words(assertion: u8, before: Side, after: Side) -> bool {
    let (word_before, word_after) = (before == Side::Word, after == Side::Word);
    let (sound_before, sound_after) = (before != Side::Broken, after != Side::Broken);
    match assertion {
        WORD_EDGE => word_before != word_after,
        NO_WORD_EDGE => sound_before && sound_after && word_before == word_after,
        WORD_START => !word_before && word_after,
        WORD_END => word_before && !word_after,
        NO_WORD_BEFORE => sound_before && !word_before,
        NO_WORD_AFTER => sound_after && !word_after,
        _ => false,
    }
}

fn is_word(c: char, ranges: WordRanges<'_>) -> bool {
    let c = u32::from(c);
    let after = ranges.partition_point(|[first, _]| u32::from_le_bytes(*first) <= c);
    let range = after.checked_sub(1).and_then(|at| ranges.get(at));
    range.is_some_and(|[_, last]| c <= u32::from_le_bytes(*last))
}

fn first_char(text: &[u8]) -> Option<char> {
    let length = match text.first()? {
        0..0x80 => 1,
        0xC0..0xE0 => 2,
        0xE0..0xF0 => 3,
        0xF0..0xF8 => 4,
        _ => return None,
    };
    std::str::from_utf8(text.get(..length)?).ok()?.chars().next()
}

/// The character that begins at the last byte that can begin one, even if it ends before the text
/// does: what the `regex` crate decodes.
fn last_char(text: &[u8]) -> Option<char> {
    let nearest = text.len().saturating_sub(4);
    let tail = text.get(nearest..)?;
    let start = tail.iter().rposition(|byte| byte & 0xC0 != 0x80).unwrap_or(0);
    first_char(tail.get(start..)?)
}
