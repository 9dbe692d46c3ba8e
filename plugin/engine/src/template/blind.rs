//! The blind line: a message in which neither digits count nor what hexadecimal ids are made of.
//!
//! ```text
//! req-38101a0b-c611 took 17 ms
//! req-0a0a0a0a-0a0a took 00 ms
//! ```
//!
//! An *id* is made of hexadecimal digits in groups that hyphens join: at least six of them, two
//! letters among them, one right behind a decimal digit. Nothing that belongs to a word touches it.
//! (So `db01`, `decade`, `2026-11-20`, `1.5e-07` and `40C` are none.)

use super::chars::{at, in_word, run};
use crate::swar::{self, before_mark, chunk};

/// Fewer hexadecimal digits may be many things.
const SHORTEST_ID: u64 = 6;

/// A text, blind, and what was seen in it.
#[derive(Debug, Default)]
pub(crate) struct Blind {
    pub(crate) text: Vec<u8>,
    pub(crate) has_id: bool,
    /// There are bytes below the space: it may be more than one line, or hold escapes.
    pub(crate) has_control: bool,
}

impl Blind {
    /// Makes `text` blind, in the place of the one before.
    pub(crate) fn make(&mut self, text: &[u8]) {
        self.text.clear();
        self.text.extend_from_slice(text);
        let digits = blind_digits(&mut self.text);
        self.has_control = digits.has_control;
        self.has_id = digits.mixed.is_some_and(|from| blind_ids(&mut self.text, from));
    }
}

/// What was seen while digits were blinded.
struct Digits {
    has_control: bool,
    /// Before the first letter of a hexadecimal number that stands right behind a digit.
    mixed: Option<usize>,
}

/// Blinds the digits of a line, eight bytes at a time.
#[inline]
fn blind_digits(line: &mut [u8]) -> Digits {
    let (chunks, tail) = line.as_chunks_mut::<8>();
    let (mut controls, mut digit_before, mut mixed) = (0, 0, None);
    for (place, chunk) in chunks.iter_mut().enumerate() {
        let word = u64::from_le_bytes(*chunk);
        controls |= swar::controls(word);
        let digits = swar::digits(word);
        if digits | digit_before != 0 {
            // A digit has `0` in its high and its value in its low four bits.
            *chunk = (word & !((digits >> 7) * 0x0f)).to_le_bytes();
            let behind_digits = digits << 8 | digit_before;
            digit_before = digits >> 56;
            // Most lines have nothing of the kind, and to tell letters from letters costs more.
            if swar::letters_and_more(word) & behind_digits != 0
                && mixed.is_none()
                && swar::hex_letters(word) & behind_digits != 0
            {
                mixed = Some(8 * place);
            }
        }
    }
    let (tail_at, mut has_control) = (8 * chunks.len(), controls != 0);
    let mut behind_digit = digit_before != 0;
    for byte in tail {
        has_control |= *byte < b' ';
        if byte.is_ascii_digit() {
            *byte = b'0';
            behind_digit = true;
        } else if std::mem::take(&mut behind_digit) && byte.is_ascii_hexdigit() {
            mixed = mixed.or(Some(tail_at));
        }
    }
    Digits { has_control, mixed }
}

/// Blinds the ids of a line in which digits are blind, from `from` on. Says whether there are any.
#[inline(never)]
fn blind_ids(line: &mut [u8], mut from: usize) -> bool {
    let mut any = false;
    while from < line.len() {
        let word = chunk(line, from);
        let digit_before = u64::from(before(line, from) == b'0') << 7;
        let behind_digits = swar::digits(word) << 8 | digit_before;
        let mixed = before_mark(swar::hex_letters(word) & behind_digits);
        from += mixed;
        if mixed < 8 {
            (from, any) = blind_id(line, from, any);
        }
    }
    any
}

/// Whether the byte at `at` of a blind line may have been another than it is.
pub(super) fn is_blinded(blind: &[u8], at: usize) -> bool {
    let byte = |at| super::chars::at(blind, at);
    byte(at) == b'0' || (byte(at) == b'a' && at > 0 && byte(at - 1) == b'0')
}

/// Blinds the id in which the letter at `place` stands, if it is in one. Gives where the digits and
/// letters around it end, and whether there is an id now: `any`, or this one.
fn blind_id(line: &mut [u8], place: usize, any: bool) -> (usize, bool) {
    let (mut start, mut end) = (place, place);
    let mut count = Count(0);
    while count.add(before(line, start)) {
        start -= 1;
    }
    while count.add(at(line, end)) {
        end += 1;
    }
    let behind = end;
    if !count.is_enough() {
        return (behind, any);
    }
    // A group that goes on as something else is none.
    let is_cut = (in_word(before(line, start)), in_word(at(line, end)));
    if is_cut.0 {
        start += run(line, start, |b| b != b'-');
    }
    if is_cut.1 {
        let group = line.get(start..end).unwrap_or_default().rsplit(|b| *b == b'-').next();
        end -= group.map_or(0, <[u8]>::len);
    }
    let is_fraction = before(line, start) == b'.';
    let Some(id) = line.get_mut(start..end) else { return (behind, any) };
    let is_whole = is_cut == (false, false);
    let is_id = is_whole || ((start..end).contains(&place) && Count::of(id).is_enough());
    if !is_id || is_fraction {
        return (behind, any);
    }
    blind_groups(id);
    (behind, true)
}

fn blind_groups(id: &mut [u8]) {
    let mut next = b'0';
    for byte in id {
        if *byte == b'-' {
            next = b'0';
        } else {
            *byte = next;
            next ^= b'0' ^ b'a';
        }
    }
}

/// What an id may be made of: hexadecimal digits, letters among them in the high half.
#[derive(Clone, Copy)]
struct Count(u64);

impl Count {
    const LETTER: u64 = 1 << 32;

    fn of(text: &[u8]) -> Self {
        let mut count = Self(0);
        text.iter().for_each(|b| _ = count.add(*b));
        count
    }

    /// Counts one more; not if it is part of no id.
    #[inline]
    fn add(&mut self, byte: u8) -> bool {
        static KINDS: [u64; 256] = {
            let mut kinds = [u64::MAX; 256];
            let mut byte = 0;
            while byte < 256 {
                match byte as u8 {
                    b'0'..=b'9' => kinds[byte] = 1,
                    b'a'..=b'f' | b'A'..=b'F' => kinds[byte] = 1 + Count::LETTER,
                    b'-' => kinds[byte] = 0,
                    _ => {}
                }
                byte += 1;
            }
            kinds
        };
        let kind = KINDS[usize::from(byte)];
        if kind == u64::MAX {
            return false;
        }
        self.0 += kind;
        true
    }

    fn is_enough(self) -> bool {
        self.0 >= 2 * Self::LETTER && self.0 % Self::LETTER >= SHORTEST_ID
    }
}

/// The byte before the one at `place`, or 0.
fn before(line: &[u8], place: usize) -> u8 {
    place.checked_sub(1).map_or(0, |before| at(line, before))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn blinded(text: &str) -> (String, bool) {
        let mut blind = Blind::default();
        blind.make(text.as_bytes());
        (String::from_utf8(blind.text).unwrap(), blind.has_id)
    }

    #[test]
    fn ids_are_blind() {
        for (text, expected) in [
            ("4f1a2b", "0a0a0a"),
            ("(deadbeef42ff)", "(0a0a0a0a0a0a)"),
            ("id=7F-9Ac0e1 17", "id=0a-0a0a0a 00"),
            (
                "req-38101a0b-2d4f-44a5-aaaa-931a7d4c6d4b: up",
                "req-0a0a0a0a-0a0a-0a0a-0a0a-0a0a0a0a0a0a: up",
            ),
            ("x-12ab34-cd-z9 y", "x-0a0a0a-0a-z0 y"),
            ("a /4f1a2b/1234ab, 9a8b7c6d5e4f", "a /0a0a0a/0a0a0a, 0a0a0a0a0a0a"),
        ] {
            assert_eq!(blinded(text), (expected.to_owned(), true), "{text}");
        }
    }

    #[test]
    fn what_may_be_something_else_is_not() {
        for text in [
            "db01 decade 2026-11-20 1.5e-07 6.62607015e-34 40C 12d 10b 1e5 1e1000",
            "0x7f3ac9 blk_4f1a2b 4f1a2bx sha256 é4f1a2b $4f1a2b 4f1a2b_ mp3-h264",
            "123456 cafe-babe-dead 12-ab-34 02:42:ac:11:00:02 fe80::1ff:fe23",
        ] {
            let digits: String =
                text.chars().map(|c| if c.is_ascii_digit() { '0' } else { c }).collect();
            assert_eq!(blinded(text), (digits, false), "{text}");
        }
    }

    proptest! {
        #[test]
        fn what_was_blinded_is_known_by_what_is_blind(text in "([0-9a-fA-F]{1,9}|[ -~é])[-. _]?{0,12}") {
            let (blind, ids) = blinded(&text);
            prop_assert_eq!(blind.len(), text.len());
            let bytes = text.bytes().zip(blind.bytes()).enumerate();
            for (at, (original, blinded)) in bytes {
                let same = original == blinded && !original.is_ascii_digit();
                prop_assert!(same || is_blinded(blind.as_bytes(), at));
                prop_assert!(original == blinded || original.is_ascii_hexdigit());
            }
            let digits = |c: char| if c.is_ascii_digit() { '0' } else { c };
            prop_assert!(ids || text.chars().map(digits).eq(blind.chars()));
        }

        #[test]
        fn what_is_blind_stays(text in "([0-9a-fA-F]{1,9}[-. _:]?){0,8}") {
            let (once, ids) = blinded(&text);
            prop_assert_eq!(blinded(&once), (once.clone(), ids));
        }

        /// Where a text stands in eight bytes does not matter, nor what stands in lines around it.
        #[test]
        fn lines_are_blinded_apart(
            lines in prop::collection::vec("([0-9a-fA-F]{1,9}[-. _:]?){0,6}", 1..5),
        ) {
            let apart: Vec<_> = lines.iter().map(|line| blinded(line).0).collect();
            prop_assert_eq!(blinded(&lines.join("\n")).0, apart.join("\n"));
        }
    }
}
