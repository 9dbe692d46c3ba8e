//! Values of several tokens: paths, URLs, addresses with a name, fractions.

use super::chars::{Class, DIGIT, at, class, in_token, in_word, part, run};
use super::scan::Scan;
use super::value::{self, Mask, Value};
use super::words::{self, Cue};

impl Scan<'_> {
    /// A token that goes on behind a slash: a path, a fraction, a version, two words.
    #[inline(never)]
    pub(super) fn compound(&mut self, start: usize, first: usize, seen: u8) {
        let has_digit = seen & DIGIT != 0;
        let length = run(self.o.text, start, |b| in_token(b) || matches!(b, b'/' | b'\\'));
        let mut end = start + length;
        while end > first && !in_word(at(self.o.text, end - 1)) {
            end -= 1;
        }
        let whole = part(self.o.text, start, end);
        if has_digit
            && let Value::Masked(mask @ (Mask::Time | Mask::Ip), end) =
                value::classify(self.o.text, &mut self.o.original, start, first, seen)
        {
            return self.mask(mask, end);
        }
        if let Some(address) = self.inet_address(start, end) {
            return self.mask(Mask::Ip, address);
        }
        let slashes = whole.iter().filter(|b| matches!(b, b'/' | b'\\')).count();
        let rest = part(self.o.text, first + 1, end);
        let rest_is_number = rest.iter().all(|b| b.is_ascii_digit() || *b == b'.');
        if slashes == 1 && !has_digit && rest_is_number {
            let is_request = part(self.o.text, start, first) == b"HTTP";
            self.plain(start, first, seen);
            self.keep_mark();
            self.mask(Mask::Number, end);
            self.cue = if is_request { Cue::Request } else { Cue::None };
            return;
        }
        let numbers = whole.iter().all(|b| b.is_ascii_digit() || matches!(b, b'/' | b'.'));
        if slashes == 1 && numbers {
            self.mask(Mask::Number, first);
            self.keep_mark();
            return self.mask(Mask::Number, end);
        }
        let has_digit = whole.iter().any(u8::is_ascii_digit);
        let is_file = || {
            let extension = words::last_part(whole);
            whole.contains(&b'.') && words::is_data_extension(extension, || extension)
        };
        if has_digit || slashes >= 3 || whole.contains(&b'\\') || is_file() {
            self.mask(Mask::Path, end);
        } else {
            self.keep(end);
            self.cue = Cue::None;
        }
    }

    /// `name/10.1.2.3:80`, as Java prints an address.
    fn inet_address(&self, start: usize, end: usize) -> Option<usize> {
        let slash = part(self.o.text, start, end).iter().rposition(|b| *b == b'/')?;
        let address = value::ipv4(self.o.text, start + slash + 1)?;
        Some(value::with_port(self.o.text, address))
    }

    /// `name@example.com`, `ada@host`, `Object@1f2e3d`, `Class@765`.
    #[inline(never)]
    pub(super) fn at_sign(&mut self, start: usize, sign: usize, seen: u8) {
        let length = run(self.o.text, sign + 1, in_token);
        let mut end = sign + 1 + length;
        while end > sign + 2 && class(at(self.o.text, end - 1)) == Class::Joint {
            end -= 1;
        }
        let right = part(self.o.text, sign + 1, end);
        if right.iter().all(u8::is_ascii_hexdigit) && right.iter().any(u8::is_ascii_digit) {
            self.plain(start, sign, seen);
            if self.o.at != sign {
                // A value ended before the sign: the rest is a token of its own.
                return;
            }
            self.keep(sign + 1);
            let number = right.iter().all(u8::is_ascii_digit);
            self.mask(if number { Mask::Number } else { Mask::Hex }, end);
        } else {
            self.mask(Mask::Email, end);
        }
    }

    #[inline(never)]
    pub(super) fn url(&mut self, scheme: usize) {
        let length = run(self.o.text, scheme, |b| {
            class(b) != Class::Space
                && !matches!(b, b'"' | b'\'' | b'<' | b'>' | b')' | b']' | b',' | b'}')
        });
        let end = self.without_trailing_marks(scheme + 3, scheme + length);
        self.mask(Mask::Url, self.without_escape(end));
    }

    #[inline(never)]
    pub(super) fn slash(&mut self) {
        let next = at(self.o.text, self.o.at + 1);
        let previous = self.o.at.checked_sub(1).map_or(0, |i| at(self.o.text, i));
        let path_starts = in_word(next) || matches!(next, b'.' | b'*' | b'-');
        if !path_starts || self.o.is_glued() || matches!(previous, b'<' | b'/') {
            return self.punctuation();
        }
        if let Some(address) = value::ipv4(self.o.text, self.o.at + 1) {
            return self.mask(Mask::Ip, value::with_port(self.o.text, address));
        }
        if let Some((Mask::Ip, end)) = value::colon_address(self.o.text, self.o.at + 1) {
            return self.mask(Mask::Ip, end);
        }
        self.path(self.o.at);
    }

    #[inline(never)]
    pub(super) fn path(&mut self, start: usize) {
        let windows = at(self.o.text, start + 1) == b':';
        let from = start + if windows { 2 } else { 1 };
        let mut end = from
            + run(self.o.text, from, |b| {
                class(b) != Class::Space
                    && !matches!(
                        b,
                        b'"' | b'\''
                            | b'<'
                            | b'>'
                            | b')'
                            | b']'
                            | b','
                            | b';'
                            | b'}'
                            | b'|'
                            | b':'
                            | b'('
                    )
            });
        if part(self.o.text, from, end).contains(&b'?') {
            end += run(self.o.text, end, |b| {
                class(b) != Class::Space && !matches!(b, b'"' | b'\'' | b'<')
            });
        }
        let end = self.without_trailing_marks(from, end);
        self.mask(Mask::Path, self.without_escape(end));
    }

    /// In JSON inside JSON the backslash before a quotation mark belongs to the mark.
    fn without_escape(&self, end: usize) -> usize {
        let escapes =
            matches!(at(self.o.text, end), b'"' | b'\'') && at(self.o.text, end - 1) == b'\\';
        end - usize::from(escapes)
    }

    fn without_trailing_marks(&self, from: usize, mut end: usize) -> usize {
        while end > from
            && matches!(at(self.o.text, end - 1), b'.' | b':' | b',' | b';' | b'!' | b'=')
        {
            end -= 1;
        }
        end
    }
}
