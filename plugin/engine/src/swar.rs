//! Eight bytes at a time, in one 64-bit word: what a WebAssembly interpreter pays is operations,
//! and there are no wider ones.

const TOPS: u64 = each(0x80);

/// One byte, eight times.
pub(crate) const fn each(byte: u8) -> u64 {
    u64::from_le_bytes([byte; 8])
}

/// The top bit of the byte at this place.
pub(crate) const fn mark(place: u32) -> u64 {
    0x80 << (8 * place)
}

/// How many bytes, 0 to 8, stand before the first one whose top bit is set.
#[inline]
pub(crate) fn before_mark(marks: u64) -> usize {
    (marks.trailing_zeros() / 8) as usize
}

/// The eight bytes from `from` on, the first one lowest; zeros beyond the end.
#[inline]
pub(crate) fn chunk(text: &[u8], from: usize) -> u64 {
    match text.get(from..).and_then(<[u8]>::first_chunk) {
        Some(bytes) => u64::from_le_bytes(*bytes),
        None => last_chunk(text, from),
    }
}

/// Fewer than eight bytes, at the end of the text.
#[inline(never)]
fn last_chunk(text: &[u8], from: usize) -> u64 {
    let length = text.len().saturating_sub(from);
    match text.last_chunk() {
        Some(_) if length == 0 => 0,
        Some(bytes) => u64::from_le_bytes(*bytes) >> (64 - 8 * length),
        None => {
            let bytes = text.get(from..).unwrap_or_default().iter();
            bytes.rev().fold(0, |word, byte| word << 8 | u64::from(*byte))
        }
    }
}

/// Where the next quotation mark, backslash or control character stands, from `from` on; the end if
/// there is none.
pub(crate) fn next_special(text: &[u8], from: usize) -> usize {
    // With one bit turned, the quotation mark (0x22) is right behind the control characters.
    let specials = |word| below(word ^ each(0x02), 0x21) | equal_to(word, b'\\');
    let is_special = |b: &u8| matches!(b, b'"' | b'\\') || *b < 0x20;
    next(text, from, specials, is_special)
}

/// As [`next_special`], or where the next byte stands that is not ASCII, or a delete character.
pub(crate) fn next_not_plain(text: &[u8], from: usize) -> usize {
    let specials = |word| {
        let marks = equal_to(word, b'"') | equal_to(word, b'\\') | equal_to(word, 0x7f);
        below(word, 0x20) | marks | word
    };
    next(text, from, specials, |b| matches!(b, b'"' | b'\\' | 0x7f..) || *b < 0x20)
}

/// Where the next of two bytes stands, from `from` on; the end if there is none.
pub(crate) fn next_of(text: &[u8], from: usize, one: u8, other: u8) -> usize {
    let either = |word| equal_to(word, one) | equal_to(word, other);
    next(text, from, either, |b| *b == one || *b == other)
}

/// Whether two texts are equal. (The C library of WebAssembly compares byte by byte.)
pub(crate) fn equal(a: &[u8], b: &[u8]) -> bool {
    let ((a, a_rest), (b, b_rest)) = (a.as_chunks::<8>(), b.as_chunks::<8>());
    let word = |chunk: &[u8; 8]| u64::from_le_bytes(*chunk);
    a.len() == b.len()
        && a_rest.len() == b_rest.len()
        && a.iter().zip(b).all(|(a, b)| word(a) == word(b))
        && a_rest.iter().zip(b_rest).all(|(a, b)| a == b)
}

/// A hash for tables that compare what they find: fast, and easy to make collide.
pub(crate) fn hash(text: &[u8]) -> u64 {
    // The odd number nearest to 2^64 divided by the golden ratio (Knuth, vol. 3, 6.4).
    const GOLDEN: u64 = 0x9e37_79b9_7f4a_7c15;
    let mix = |hash: u64, word: u64| (hash.rotate_left(23) ^ word).wrapping_mul(GOLDEN);
    let (chunks, tail) = text.as_chunks::<8>();
    let mut hash = text.len() as u64;
    for chunk in chunks {
        hash = mix(hash, u64::from_le_bytes(*chunk));
    }
    for byte in tail {
        hash = mix(hash, u64::from(*byte));
    }
    hash ^ (hash >> 32)
}

/// Sets the top bit of bytes that are ASCII digits, and no other.
#[inline]
pub(crate) fn digits(word: u64) -> u64 {
    !non_digits_and_more(word) & TOPS
}

/// Sets the top bit of bytes that are no ASCII digits, and no other.
#[inline]
pub(crate) fn non_digits(word: u64) -> u64 {
    non_digits_and_more(word) & TOPS
}

/// As [`non_digits`], and other bits than the top one.
#[inline]
fn non_digits_and_more(word: u64) -> u64 {
    // The value of a digit, and more than 9 for any other byte.
    let value = word ^ each(b'0');
    ((value & !TOPS) + each(0x7f - 9)) | value
}

/// Sets the top bit of bytes that are neither ASCII letters nor at least 0x80, and no other.
#[inline]
pub(crate) fn non_letters(word: u64) -> u64 {
    // Neither the sum nor the difference carries into the next byte.
    let lower = (word | each(0x20)) & !TOPS;
    let beyond_z = lower + each(0x7f - b'z');
    let before_a = each(0x7f + b'a') - lower;
    (beyond_z | before_a) & !word & TOPS
}

/// Sets the top bit of bytes that are letters of hexadecimal numbers, and no other.
#[inline]
pub(crate) fn hex_letters(word: u64) -> u64 {
    // 1 to 6 for a letter in either case.
    let value = (word | each(0x20)) ^ each(0x60);
    let low = value & !TOPS;
    !((low + each(0x7f - 6)) | value) & (low + each(0x7f)) & TOPS
}

/// Not 0 if there are control characters among the bytes.
#[inline]
pub(crate) fn controls(word: u64) -> u64 {
    below(word, b' ') & TOPS
}

/// Sets the top bit of bytes from `@` to DEL, and of some that are not ASCII, and no other.
#[inline]
pub(crate) fn letters_and_more(word: u64) -> u64 {
    word << 1 & TOPS
}

#[inline]
fn next(
    text: &[u8],
    from: usize,
    specials: impl Fn(u64) -> u64,
    is_special: impl Fn(&u8) -> bool,
) -> usize {
    let rest = text.get(from..).unwrap_or_default();
    let (chunks, tail) = rest.as_chunks::<8>();
    for (place, chunk) in chunks.iter().enumerate() {
        let found = specials(u64::from_le_bytes(*chunk)) & TOPS;
        if found != 0 {
            return from + 8 * place + found.trailing_zeros() as usize / 8;
        }
    }
    from + 8 * chunks.len() + tail.iter().position(is_special).unwrap_or(tail.len())
}

/// Sets the top bit of bytes below `limit`, at most 0x80. Only the lowest one set is sure to be
/// right: a borrow may set others above it.
#[inline]
fn below(word: u64, limit: u8) -> u64 {
    word.wrapping_sub(each(limit)) & !word
}

/// As [`below`], of bytes equal to `byte`.
#[inline]
fn equal_to(word: u64, byte: u8) -> u64 {
    below(word ^ each(byte), 1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn bytes() -> impl Strategy<Value = Vec<u8>> {
        let byte =
            prop_oneof![3 => Just(b'a'), 1 => any::<u8>(), 1 => 0x1e..0x24_u8, 1 => 0x7d..0x82_u8];
        prop::collection::vec(byte, 0..40)
    }

    proptest! {
        #[test]
        fn what_is_found_is_what_a_loop_over_bytes_finds(text in bytes(), from in 0..50_usize) {
            let from = from.min(text.len());
            let first = |is: fn(u8) -> bool| (from..text.len()).find(|at| is(text[*at])).unwrap_or(text.len());
            let special = |b| b < 0x20 || b == b'"' || b == b'\\';
            prop_assert_eq!(next_special(&text, from), first(special));
            prop_assert_eq!(next_of(&text, from, b'a', 0x80), first(|b| b == b'a' || b == 0x80));
            let bytes = (from..from + 8).map(|at| text.get(at).copied().unwrap_or(0));
            prop_assert_eq!(chunk(&text, from).to_le_bytes().to_vec(), bytes.collect::<Vec<_>>());
            let not_plain = |b| b < 0x20 || b == b'"' || b == b'\\' || b >= 0x7f;
            prop_assert_eq!(next_not_plain(&text, from), first(not_plain));
        }

        #[test]
        fn marks_are_where_a_loop_over_bytes_finds_them(bytes in any::<[u8; 8]>()) {
            let marks = |is: fn(&u8) -> bool| u64::from_le_bytes(bytes.map(|b| if is(&b) { 0x80 } else { 0 }));
            let word = u64::from_le_bytes(bytes);
            prop_assert_eq!(controls(word) != 0, bytes.iter().any(|b| *b < b' '));
            prop_assert_eq!(digits(word), marks(u8::is_ascii_digit));
            prop_assert_eq!(non_digits(word), marks(|b| !b.is_ascii_digit()));
            prop_assert_eq!(non_letters(word), marks(|b| b.is_ascii() && !b.is_ascii_alphabetic()));
            prop_assert_eq!(letters_and_more(word), marks(|b| b & 0x40 != 0));
            prop_assert_eq!(hex_letters(word), marks(|b| b.is_ascii_hexdigit() && !b.is_ascii_digit()));
        }

        #[test]
        fn texts_are_equal_where_all_bytes_are(a in bytes(), place in any::<prop::sample::Index>()) {
            let mut b = a.clone();
            prop_assert!(equal(&a, &b));
            if !b.is_empty() {
                let place = place.index(b.len());
                b[place] ^= 0x40;
                prop_assert!(!equal(&a, &b));
                b.truncate(place);
                prop_assert!(!equal(&a, &b));
            }
        }
    }
}
