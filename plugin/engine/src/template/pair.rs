//! Values that a key or quotation marks give away: `key=value`, `"key": "value"`, `'value'`.

use super::chars::{Class, at, class, in_token, in_value, in_word, part, run, spaces};
use super::scan::{Cued, Scan};
use super::value::Mask;
use super::words::{self, Cue, Worth};
use crate::swar;

/// Brackets that never close are looked into this often in one line.
const UNCLOSED_BRACKETS: u8 = 4;

impl Scan<'_> {
    /// `key=value`, but not `==`, `=>` or `key= next`.
    pub(super) fn is_pair(&self, equals: usize) -> bool {
        let next = at(self.o.text, equals + 1);
        equals + 1 < self.o.text.len()
            && class(next) != Class::Space
            && !matches!(next, b'=' | b'>' | b'~' | b',' | b';' | b')' | b']' | b'}')
    }

    /// The key is `text[start..end]`, or empty where it is masked.
    #[inline(never)]
    pub(super) fn pair(&mut self, start: usize, end: usize) {
        let text = self.o.text;
        self.keep(end + 1);
        self.cue = words::meaning(text, start, end).cue_of_value();
        if words::worth(part(text, start, end)) == Worth::Text {
            return;
        }
        let end = self.pair_value_end(self.o.at);
        if end == self.o.at {
            return;
        }
        let value = part(text, self.o.at, end);
        let counts = self.cue != Cue::None;
        if counts && value.iter().all(u8::is_ascii_digit) {
            match self.cued_number(self.o.at, end) {
                Cued::Kept => return self.keep_number(end),
                Cued::Masked(mask) => self.mask(mask, end),
                Cued::No => self.mask(Mask::Number, end),
            }
        } else {
            let known = if counts { self.exactly_one_mask(self.o.at, end) } else { None };
            self.mask(known.unwrap_or(Mask::Any), end);
        }
        // What follows may be glued to the next value: `a=1 2x` is no list.
        self.o.end_list();
    }

    /// Where the value that begins at `from` ends: not behind the quotation that the pair stands
    /// in.
    fn pair_value_end(&mut self, from: usize) -> usize {
        let outer = self.enclosing_quote(from);
        let close = match at(self.o.text, from) {
            b'"' | b'\'' => self.closing_quote(from),
            b'[' | b'{' | b'(' => self.closing_bracket(from),
            _ => None,
        };
        if outer.is_some_and(|outer| outer <= close.unwrap_or(from)) {
            return from;
        }
        let mut end = self.bare_value_end(close.map_or(from, |close| close + 1), close.is_none());
        // A list of values is one value.
        while at(self.o.text, end) == b','
            && in_word(at(self.o.text, end + 1))
            && !self.key_follows(end + 1)
        {
            end = self.bare_value_end(end + 1, true);
        }
        while end > from + 1 && matches!(at(self.o.text, end - 1), b'.' | b':') {
            end -= 1;
        }
        end
    }

    /// The mark that closes the quotation which `place` is in.
    fn enclosing_quote(&self, place: usize) -> Option<usize> {
        self.closing.into_iter().filter(|close| *close >= place).min()
    }

    /// Where the value goes on to; masks in it are part of it. The first byte of a value belongs
    /// to it whatever it is.
    fn bare_value_end(&mut self, from: usize, at_start: bool) -> usize {
        let mut end = from;
        loop {
            end += run(self.o.text, end, in_value);
            let first = at_start && end == from;
            match (self.mask_at(end), self.o.text.get(end)) {
                (Some(mask), _) => end += mask.length(),
                (None, Some(b'\\')) if class(at(self.o.text, end + 1)) == Class::Quote => {
                    return end;
                }
                (None, Some(byte)) if first || !ends_pair(*byte) => end += 1,
                _ => return end,
            }
        }
    }

    /// A key, in which a number may be masked already, and its `=`.
    fn key_follows(&mut self, from: usize) -> bool {
        let mut end = from;
        loop {
            end += run(self.o.text, end, in_token);
            match self.mask_at(end) {
                Some(mask) => end += mask.length(),
                None => return at(self.o.text, end) == b'=',
            }
        }
    }

    #[inline(never)]
    pub(super) fn quote(&mut self) {
        let opened = self.o.at;
        let json_value = self.json_value.take();
        let glued = self.o.is_glued();
        let Some(close) = (if glued { None } else { self.closing_quote(opened) }) else {
            return self.keep_mark();
        };
        let inner = part(self.o.text, opened + 1, close);
        if at(self.o.text, opened) == b'"' && at(self.o.text, close + 1) == b':' && is_key(inner) {
            return self.json_key(opened, close);
        }
        let is_text = match json_value {
            Some(worth) => worth == Worth::Text,
            None => !is_one_value(inner) || (opened > 0 && at(self.o.text, opened - 1) == b'='),
        };
        let can_be_mask = is_text || json_value.is_none();
        let known = if can_be_mask { self.exactly_one_mask(opened + 1, close) } else { None };
        if is_text && known.is_none() {
            return self.keep_mark();
        }
        self.keep_mark();
        self.mask(known.unwrap_or(Mask::Any), close);
        self.keep_mark();
    }

    /// `"key":` and what it says of the value behind it.
    fn json_key(&mut self, opened: usize, close: usize) {
        let text = self.o.text;
        let key = part(text, opened + 1, close);
        let worth = words::worth(key);
        self.keep(close + 2);
        self.cue = words::meaning(text, opened + 1, close).cue_of_value();
        let value = self.o.at + spaces(text, self.o.at);
        if at(text, value) == b'"' {
            self.json_value = Some(worth);
        } else if worth == Worth::Secret && in_token(at(text, value)) {
            self.o.blank(value);
            self.mask(Mask::Any, value + run(text, value, in_token));
        }
    }

    /// After `password:`, `token:`: the next token, whatever it is.
    #[inline(never)]
    pub(super) fn secret(&mut self, colon: usize) {
        let text = self.o.text;
        self.keep(colon + 1);
        let value = self.o.at + spaces(text, self.o.at);
        let is_secret = |b: u8| !ends_pair(b) && !matches!(b, b'<' | b'[' | b'(' | b'{');
        let mut end = value + run(text, value, is_secret);
        // `authorization: Bearer abc`: the scheme is a word of its own.
        let scheme = part(text, value, end);
        if scheme.eq_ignore_ascii_case(b"bearer") || scheme.eq_ignore_ascii_case(b"basic") {
            let next = end + spaces(text, end);
            end = next + run(text, next, is_secret);
        }
        if end > value {
            self.o.blank(value);
            self.mask(Mask::Any, end);
        }
    }

    /// Where the quotation that opens at `opened` closes. Each byte is looked at once per kind of
    /// mark: a mark before the known end opens nothing, and one search may fail.
    fn closing_quote(&mut self, opened: usize) -> Option<usize> {
        let quote = at(self.o.text, opened);
        let kind = usize::from(quote == b'\'');
        if opened <= self.closing[kind] && self.closing[kind] > 0 || self.unclosed[kind] {
            return None;
        }
        let mut end = opened + 1;
        loop {
            let found = swar::next_of(self.o.text, end, quote, b'\\');
            if found >= self.o.text.len() {
                break;
            }
            let closes = at(self.o.text, found) == quote;
            if closes && (quote == b'"' || self.closes_apostrophe(found)) {
                self.closing[kind] = found;
                return Some(found);
            }
            // What stands behind a backslash closes nothing.
            end = found + if closes { 1 } else { 2 };
        }
        self.unclosed[kind] = true;
        None
    }

    /// The mask that the input holds from `from` to `to`, and nothing else.
    fn exactly_one_mask(&mut self, from: usize, to: usize) -> Option<Mask> {
        self.mask_at(from).filter(|mask| from + mask.length() == to)
    }

    /// Where the bracket that opens at `opened` closes.
    fn closing_bracket(&mut self, opened: usize) -> Option<usize> {
        if self.unclosed_brackets == UNCLOSED_BRACKETS {
            return None;
        }
        let mut depth = 0usize;
        for (end, byte) in self.o.text.iter().enumerate().skip(opened) {
            match byte {
                b'[' | b'{' | b'(' => depth += 1,
                b']' | b'}' | b')' => depth -= 1,
                _ => {}
            }
            if depth == 0 {
                return Some(end);
            }
        }
        self.unclosed_brackets += 1;
        None
    }

    /// An apostrophe inside a word (`don't`) closes nothing.
    fn closes_apostrophe(&self, end: usize) -> bool {
        let next = at(self.o.text, end + 1);
        class(next) == Class::Space || b",.;:)]}>\"=!?|".contains(&next)
    }
}

fn ends_pair(byte: u8) -> bool {
    !in_value(byte) && !matches!(byte, b'<' | b'\\')
}

/// The name of a JSON member. One with a digit may itself be a value (a map by id).
fn is_key(inner: &[u8]) -> bool {
    !inner.is_empty()
        && inner.len() <= 64
        && inner.iter().all(|b| (in_token(*b) && !b.is_ascii_digit()) || *b == b'@')
}

/// Between quotation marks: one value, not a phrase.
fn is_one_value(inner: &[u8]) -> bool {
    !inner.is_empty()
        && !inner.iter().any(|b| match class(*b) {
            Class::Space | Class::OpenBracket | Class::CloseBracket | Class::OpenAngle => true,
            _ => matches!(b, b'{' | b'}' | b'"'),
        })
}
