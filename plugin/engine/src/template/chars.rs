//! What a byte is to the scanner.

use crate::swar::{before_mark, chunk, non_digits, non_letters};

/// The role of a byte, decided by one table look-up.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub(super) enum Class {
    /// Every punctuation mark that has no role of its own.
    Other,
    /// White space and every control character.
    Space,
    /// ASCII letters, `_`, `$` and every byte of a non-ASCII character.
    Letter,
    Digit,
    /// `-` and `.`: inside a token they join, at its ends they are punctuation.
    Joint,
    Quote,
    Slash,
    Equals,
    OpenAngle,
    /// `[` and `(`.
    OpenBracket,
    /// `]` and `)`.
    CloseBracket,
}

const CLASSES: [Class; 256] = table();
static CLASS: [Class; 256] = CLASSES;

const fn table() -> [Class; 256] {
    let mut classes = [Class::Other; 256];
    let mut byte = 0;
    while byte < 256 {
        classes[byte] = match byte as u8 {
            0..=b' ' | 0x7f => Class::Space,
            b'a'..=b'z' | b'A'..=b'Z' | b'_' | b'$' | 0x80..=0xff => Class::Letter,
            b'0'..=b'9' => Class::Digit,
            b'-' | b'.' => Class::Joint,
            b'"' | b'\'' => Class::Quote,
            b'/' | b'\\' => Class::Slash,
            b'=' => Class::Equals,
            b'<' => Class::OpenAngle,
            b'[' | b'(' => Class::OpenBracket,
            b']' | b')' => Class::CloseBracket,
            _ => Class::Other,
        };
        byte += 1;
    }
    classes
}

#[inline]
pub(super) fn class(byte: u8) -> Class {
    CLASS[byte as usize]
}

/// What [`token_kind`] says of a digit.
pub(super) const DIGIT: u8 = 1;
/// What [`token_kind`] says of a dot.
pub(super) const DOT: u8 = 2;

/// What [`token_kind`] says of a letter.
pub(super) const LETTER: u8 = 8;

/// What [`token_kind`] says of a dot or a hyphen.
pub(super) const JOINT: u8 = DOT | 4;

static TOKEN_KIND: [u8; 256] = token_kinds();

const fn token_kinds() -> [u8; 256] {
    let mut kinds = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        kinds[byte] = match CLASSES[byte] {
            Class::Digit => DIGIT,
            Class::Joint if byte as u8 == b'.' => DOT,
            Class::Joint => 4,
            Class::Letter => LETTER,
            _ => 0,
        };
        byte += 1;
    }
    kinds
}

/// One bit for what a byte is in a token; 0 outside.
#[inline]
pub(super) fn token_kind(byte: u8) -> u8 {
    TOKEN_KIND[byte as usize]
}

/// What follows a word without having a say in what the word is.
static ENDS_WORD: [bool; 256] = {
    let mut ends = [true; 256];
    let mut byte = 0;
    while byte < 256 {
        let goes_on = matches!(byte as u8, b'=' | b':' | b'/' | b'\\' | b'@');
        ends[byte] = TOKEN_KIND[byte] == 0 && !goes_on;
        byte += 1;
    }
    ends
};

static SWALLOWS_SPACE: [bool; 256] = {
    let mut swallows = [false; 256];
    let mut byte = 0;
    while byte < 256 {
        swallows[byte] = matches!(CLASSES[byte], Class::Space | Class::CloseBracket);
        byte += 1;
    }
    swallows
};

/// White space before this byte goes, or is one with it.
#[inline]
pub(super) fn swallows_space(byte: u8) -> bool {
    SWALLOWS_SPACE[byte as usize]
}

static IN_LIST_ITEM: [bool; 256] = {
    let mut items = [false; 256];
    let mut byte = 0;
    while byte < 256 {
        items[byte] = TOKEN_KIND[byte] != 0 || matches!(byte as u8, b':' | b'/' | b'@' | b'*');
        byte += 1;
    }
    items
};

/// What the items of a list in brackets are made of.
#[inline]
pub(super) fn in_list_item(byte: u8) -> bool {
    IN_LIST_ITEM[byte as usize]
}

static IN_VALUE: [bool; 256] = {
    let mut values = [true; 256];
    let mut byte = 0;
    while byte < 256 {
        let ends = matches!(
            byte as u8,
            b',' | b';' | b'|' | b')' | b']' | b'}' | b'"' | b'\'' | b'>' | b'&'
        );
        let may_end = matches!(byte as u8, b'<' | b'\\');
        values[byte] = !ends && !may_end && !matches!(CLASSES[byte], Class::Space);
        byte += 1;
    }
    values
};

/// What the value of a pair is made of, whatever follows: a mask or a backslash may end it.
#[inline]
pub(super) fn in_value(byte: u8) -> bool {
    IN_VALUE[byte as usize]
}

/// What is kept as it is, and ends what the words before it promised.
static MARK: [bool; 256] = {
    let mut marks = [false; 256];
    let mut byte = 0;
    while byte < 256 {
        marks[byte] = matches!(CLASSES[byte], Class::Other) && byte as u8 != b':';
        byte += 1;
    }
    marks
};

/// Whether this byte is a mark of no role, except perhaps behind a time.
#[inline]
pub(super) fn is_mark(byte: u8) -> bool {
    MARK[byte as usize]
}

/// Whether a word before this byte is one whatever follows the byte.
#[inline]
pub(super) fn ends_word(byte: u8) -> bool {
    ENDS_WORD[byte as usize]
}

/// Letters, digits and joints: what a token is made of.
#[inline]
pub(super) fn in_token(byte: u8) -> bool {
    token_kind(byte) != 0
}

/// Letters and digits: what a quote inside a word (`don't`) stands between.
#[inline]
pub(super) fn in_word(byte: u8) -> bool {
    token_kind(byte) & (LETTER | DIGIT) != 0
}

/// The byte at `at`, or 0 beyond the end (0 is white space to the scanner).
#[inline]
pub(super) fn at(text: &[u8], at: usize) -> u8 {
    text.get(at).copied().unwrap_or(0)
}

/// How many bytes from `from` on satisfy `test`.
#[inline]
pub(super) fn run(text: &[u8], from: usize, test: impl Fn(u8) -> bool) -> usize {
    // Most runs are short: an index is cheaper to set up than a slice and its iterator.
    let mut end = from;
    while text.get(end).is_some_and(|b| test(*b)) {
        end += 1;
    }
    end - from
}

/// How many ASCII digits start at `from`, eight at a time.
#[inline]
pub(super) fn digits(text: &[u8], from: usize) -> usize {
    let mut end = from;
    loop {
        let digits = before_mark(non_digits(chunk(text, end)));
        end += digits;
        if digits < 8 {
            return end - from;
        }
    }
}

/// How many bytes of white space start at `from`.
#[inline]
pub(super) fn spaces(text: &[u8], from: usize) -> usize {
    run(text, from, |b| class(b) == Class::Space)
}

/// `text[from..to]`, or nothing where that does not exist.
#[inline]
pub(super) fn part(text: &[u8], from: usize, to: usize) -> &[u8] {
    text.get(from..to).unwrap_or_default()
}

/// How many ASCII letters and bytes of non-ASCII characters start at `from`, eight at a time.
#[inline]
pub(super) fn leading_letters(text: &[u8], from: usize) -> usize {
    let mut end = from;
    loop {
        let letters = before_mark(non_letters(chunk(text, end)));
        end += letters;
        if letters < 8 {
            return end - from;
        }
    }
}
