//! What a byte is to the scanner.

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

/// Whether a word before this byte is one whatever follows the byte.
#[inline]
pub(super) fn ends_word(byte: u8) -> bool {
    ENDS_WORD[byte as usize]
}

/// Letters, digits and joints: what a token is made of.
#[inline]
pub(super) fn in_token(byte: u8) -> bool {
    matches!(class(byte), Class::Letter | Class::Digit | Class::Joint)
}

/// Letters and digits: what a quote inside a word (`don't`) stands between.
#[inline]
pub(super) fn in_word(byte: u8) -> bool {
    matches!(class(byte), Class::Letter | Class::Digit)
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

/// How many ASCII digits start at `from`.
#[inline]
pub(super) fn digits(text: &[u8], from: usize) -> usize {
    run(text, from, |b| b.is_ascii_digit())
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

/// The eight bytes from `from` on, the first one lowest.
#[inline]
pub(super) fn chunk(text: &[u8], from: usize) -> Option<u64> {
    let bytes = text.get(from..)?.first_chunk()?;
    Some(u64::from_le_bytes(*bytes))
}

/// How many ASCII letters and bytes of non-ASCII characters a chunk begins with.
#[inline]
pub(super) fn letters_in(chunk: u64) -> usize {
    ((!letters(chunk) & HIGH_BITS).trailing_zeros() / 8) as usize
}

/// How many ASCII letters and bytes of non-ASCII characters start at `from`, eight at a time.
#[inline]
pub(super) fn leading_letters(text: &[u8], from: usize) -> usize {
    let mut end = from;
    while let Some(chunk) = chunk(text, end) {
        let letters = letters_in(chunk);
        end += letters;
        if letters < 8 {
            return end - from;
        }
    }
    end - from + run(text, end, |b| b.is_ascii_alphabetic() || b >= 0x80)
}

const HIGH_BITS: u64 = 0x8080_8080_8080_8080;

/// The high bit of each byte that is an ASCII letter or at least 0x80.
fn letters(chunk: u64) -> u64 {
    const fn each(byte: u8) -> u64 {
        byte as u64 * 0x0101_0101_0101_0101
    }
    let lower = (chunk | each(0x20)) & !HIGH_BITS;
    // Adding carries into the high bit from the letter on; no byte carries into the next.
    let from_a = lower + each(0x80 - b'a');
    let beyond_z = lower + each(0x80 - b'z' - 1);
    (from_a & !beyond_z) | chunk
}
