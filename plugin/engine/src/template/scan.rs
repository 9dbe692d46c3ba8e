//! The one pass over the message.
//!
//! The scanner walks the line once and writes the template as it goes. What it decides about a
//! token depends on the token, on a few bytes after it, and on the words and masks before it; a
//! mask in the input counts as the value that it stands for, so that a template masks to itself.

use std::ops::Range;

use super::chars::{
    Class, DIGIT, DOT, JOINT, LETTER, at, class, ends_word, in_list_item, in_token, in_word,
    is_mark, leading_letters, part, run, spaces, swallows_space, token_kind,
};
use super::output::{Buffer, LONGEST_WORD, Output};
use super::pins::Original;
use super::value::{self, Mask, Numbers, Value};
use super::words::{self, Cue, Meaning, Unit, Worth};
use crate::swar::{before_mark, chunk, non_digits, non_letters};

/// The first line with anything on it, and whether it holds an escape: what follows in a stack
/// trace does not count.
pub(super) fn first_line(message: &[u8]) -> (Range<usize>, bool) {
    let start = line_start(message);
    let text = part(message, start, message.len());
    // Most messages are one line.
    let Some(place) = memchr::memchr2(b'\n', ESCAPE, text) else {
        return (start..message.len(), false);
    };
    let rest = part(text, place, text.len());
    let end = memchr::memchr(b'\n', rest).unwrap_or(rest.len());
    (start..start + place + end, end > 0)
}

/// Where the first line with anything on it begins.
pub(super) fn line_start(message: &[u8]) -> usize {
    run(message, 0, |b| class(b) == Class::Space && b != ESCAPE)
}

/// Writes the template of a line which holds no escape sequences. Gives its length, and whether it
/// was cut.
pub(super) fn mask_into<'a>(original: Original<'a>, out: &'a mut Buffer) -> (usize, bool) {
    let mut scan = Scan {
        o: Output::new(original, out),
        cue: Cue::None,
        json_value: None,
        closing: [0; 2],
        unclosed: [false; 2],
        unclosed_brackets: 0,
    };
    scan.run();
    scan.o.finish()
}

/// The line without ANSI control sequences (`ESC [ … m`) and lone escapes.
pub(super) fn without_escapes(line: &[u8]) -> Vec<u8> {
    let mut plain = Vec::with_capacity(line.len());
    let mut from = 0;
    while from < line.len() {
        let kept = run(line, from, |b| b != ESCAPE);
        plain.extend_from_slice(part(line, from, from + kept));
        from += kept + 1;
        if at(line, from) == b'[' {
            from += 1 + run(line, from + 1, |b| b.is_ascii_digit() || matches!(b, b';' | b'?'));
            from += usize::from(at(line, from).is_ascii_alphabetic());
        }
    }
    plain
}

/// The byte that begins an ANSI control sequence.
pub(super) const ESCAPE: u8 = 0x1b;

/// The state of the pass. Its methods stand in this file, and by topic in `name`, `pair` and
/// `compound`.
pub(super) struct Scan<'a> {
    /// What was read, and what it became.
    pub(super) o: Output<'a>,
    pub(super) cue: Cue,
    /// What the key of a JSON member said of the string that follows.
    pub(super) json_value: Option<Worth>,
    /// Where the `"` and `'` that were opened last close; marks before that open nothing.
    pub(super) closing: [usize; 2],
    /// No `"` or `'` closes in the rest of the line.
    pub(super) unclosed: [bool; 2],
    /// Brackets that never close.
    pub(super) unclosed_brackets: u8,
}

/// What the words before a number make of it.
pub(super) enum Cued {
    /// Nothing.
    No,
    /// It stays as it is.
    Kept,
    /// It gets this mask.
    Masked(Mask),
}

impl Scan<'_> {
    /// The pass. What most of a line is made of, words and what merely stands between them, is read
    /// here, with the place and the cue in local variables; the rest in [`Self::step`].
    fn run(&mut self) {
        let text = self.o.text;
        let (mut at, mut cue) = (self.o.at, self.cue);
        let mut ahead = self.o.ahead();
        loop {
            let Some(&byte) = ahead.get(at) else {
                self.o.at = at;
                if !self.o.goes_on() {
                    return;
                }
                ahead = self.o.ahead();
                continue;
            };
            let token;
            let class = class(byte);
            match class {
                Class::Letter if cue.awaits_name() || self.after_time() => {
                    token = Some(at + leading_letters(text, at));
                }
                Class::Letter => {
                    (at, cue, token) = self.words(at, cue, ahead.len());
                }
                Class::Space
                    if byte == b' ' && at > 0 && !swallows_space(self::at(text, at + 1)) =>
                {
                    at += 1;
                    continue;
                }
                Class::Other if byte != b'+' => {
                    self.o.end_white_space();
                    if byte != b':' {
                        cue = Cue::None;
                    }
                    at += 1;
                    continue;
                }
                Class::Digit => {
                    (self.o.at, self.cue) = (at, cue);
                    self.number();
                    (at, cue, ahead) = (self.o.at, self.cue, self.o.ahead());
                    continue;
                }
                _ => {
                    (self.o.at, self.cue) = (at, cue);
                    self.step(byte, class);
                    (at, cue, ahead) = (self.o.at, self.cue, self.o.ahead());
                    continue;
                }
            }
            if let Some(letters) = token {
                (self.o.at, self.cue) = (at, cue);
                self.token(at, letters);
                (at, cue, ahead) = (self.o.at, self.cue, self.o.ahead());
            }
        }
    }

    /// Words of letters from `start` on, with a space or a mark behind each: most of a line.
    /// Nothing but their meaning counts; a word that may be more is a token. Gives the end of what
    /// stays, the cue behind it, and where the letters of the token end that begins there.
    #[inline]
    fn words(&mut self, start: usize, mut cue: Cue, until: usize) -> (usize, Cue, Option<usize>) {
        let text = self.o.text;
        // Everything before `end` stays; the next word may begin one space behind it.
        let (mut end, mut from) = (start, start);
        let token = loop {
            let chunk = chunk(text, from);
            let marks = non_letters(chunk);
            let bits = marks.trailing_zeros() & !7;
            let mut word_end = from + bits as usize / 8;
            let (meaning, next) = match bits {
                0 => break (from == start).then_some(start),
                64 => {
                    word_end += leading_letters(text, word_end);
                    let word = part(text, from, word_end);
                    (words::meaning_from(chunk, word), at(text, word_end))
                }
                _ => (words::short_meaning(chunk, bits), (chunk >> bits) as u8),
            };
            // Most words say nothing.
            if next == b' ' && meaning == Meaning::Plain && word_end - from <= LONGEST_WORD {
                cue = Cue::None;
                end = word_end;
                from = end + 1;
                if from >= until {
                    break None;
                }
                continue;
            }
            if meaning == Meaning::DayOrMonth || word_end - from > LONGEST_WORD {
                break Some(word_end);
            }
            let colon = next == b':' && self.is_plain_colon(word_end);
            if !colon && !ends_word(next) {
                break Some(word_end);
            }
            cue = meaning.cue_after(cue);
            end = word_end + usize::from(colon);
            if is_mark(next) {
                end += 1;
                cue = Cue::None;
            }
            from = end + usize::from(at(text, end) == b' ');
            if from >= until || cue.awaits_name() {
                break None;
            }
        };
        if end > start {
            self.o.end_white_space();
        }
        if from > end && !swallows_space(at(text, from)) {
            end = from;
        }
        (end, cue, token)
    }

    /// Reads what is neither words nor a plain mark.
    #[inline]
    fn step(&mut self, byte: u8, class: Class) {
        match class {
            Class::Space => self.o.blank(self.o.at + spaces(self.o.text, self.o.at)),
            Class::Joint if byte == b'-' && self.starts_negative_number() => {
                self.token_with_digit(self.o.at + 1);
            }
            Class::OpenAngle => self.existing_mask(),
            Class::Quote => self.quote(),
            Class::Slash => self.slash(),
            Class::OpenBracket => self.open_bracket(),
            Class::CloseBracket => {
                self.o.leave_out(self.o.at);
                self.punctuation();
            }
            Class::Other if byte == b'+' && self.is_zone_offset(self.o.at) => {
                self.mask(Mask::Time, self.o.at + 5);
            }
            Class::Equals if self.o.is_glued() && self.is_pair(self.o.at) => {
                self.pair(self.o.at, self.o.at);
            }
            _ => self.punctuation(),
        }
    }

    /// A colon behind a word that is neither part of an address nor the key of a secret.
    fn is_plain_colon(&self, colon: usize) -> bool {
        at(self.o.text, colon + 1) == b' ' && !words::may_end_secret(at(self.o.text, colon - 1))
    }

    /// Reads the token that begins here with the letters up to `letters`.
    fn token(&mut self, start: usize, letters: usize) {
        let seen = if letters > start { LETTER } else { 0 };
        let (end, seen) = self.rest_of_token(start, letters, seen);
        self.read_token(start, end, seen);
    }

    /// A token that begins with a digit. Plain numbers, times and addresses are told by their first
    /// bytes, if the words before them promise nothing.
    fn number(&mut self) {
        let (text, start) = (self.o.text, self.o.at);
        let chunk = chunk(text, start);
        let digits = before_mark(non_digits(chunk));
        let next =
            if digits < 8 { (chunk >> (8 * digits)) as u8 } else { at(text, start + digits) };
        if matches!(self.cue, Cue::None | Cue::Auth)
            && let Some((mask, end)) = self.plain_value(start, digits, next)
        {
            return self.mask(mask, end);
        }
        self.token_with_digit(start);
    }

    /// What the token at `start` is that begins with so many digits, if its first bytes tell.
    #[inline]
    fn plain_value(&mut self, start: usize, digits: usize, next: u8) -> Option<(Mask, usize)> {
        let text = self.o.text;
        let after_time = self.after_time();
        let value = match next {
            b':' if digits <= 2 => (Mask::Time, value::time(text, start)?),
            _ if after_time => return None,
            b'-' | b'/' => (Mask::Time, value::date_time(text, start)?),
            b'.' => {
                let numbers = Numbers::behind(text, digits, start + digits);
                if numbers.count == 2 {
                    let ends = ends_word(at(text, numbers.end));
                    return ends.then(|| self.with_unit(numbers.end));
                }
                match numbers.ipv4(text) {
                    Some(end) => (Mask::Ip, value::with_port(text, end)),
                    None => (Mask::Time, value::date_time(text, start)?),
                }
            }
            _ if digits == 8 => return None,
            _ if class(next) == Class::Space => {
                let end = start + digits;
                if digits == 1 && self.failures_follow(end) && self.is_zero(start, end) {
                    return None;
                }
                return Some(self.with_unit(end));
            }
            _ => (Mask::Number, start + digits),
        };
        // Behind a date a colon may begin what makes a URL of it.
        let ends = match at(text, value.1) {
            b':' => value.0 == Mask::Time && at(text, value.1 + 1) != b'/',
            behind => ends_word(behind),
        };
        ends.then_some(value)
    }

    /// Reads the token whose first digit is at `from`; `self.o.at` may be a sign before it.
    fn token_with_digit(&mut self, from: usize) {
        let (end, seen) = self.rest_of_token(from, from + 1, DIGIT);
        self.read_token(self.o.at, end, seen);
    }

    #[inline]
    fn read_token(&mut self, start: usize, end: usize, seen: u8) {
        let text = self.o.text;
        match at(text, end) {
            b' ' => self.simple(start, end, seen),
            b'=' if self.is_pair(end) && seen & DIGIT == 0 => self.pair(start, end),
            b':' if part(text, end, text.len()).starts_with(b"://") => self.url(end),
            b':' if at(text, end + 1) == b'\\' && end - start == 1 => self.path(start),
            b'/' | b'\\' if in_word(at(text, end + 1)) => self.compound(start, end, seen),
            b'@' if in_word(at(text, end + 1)) => self.at_sign(start, end, seen),
            _ => self.simple(start, end, seen),
        }
    }

    /// The end of a token that goes on after its first letters, and what is in it. Joints at its
    /// end are punctuation.
    #[inline]
    fn rest_of_token(&self, from: usize, mut end: usize, mut seen: u8) -> (usize, u8) {
        let text = self.o.text;
        loop {
            let kind = token_kind(at(text, end));
            if kind == 0 {
                break;
            }
            seen |= kind;
            end += 1;
        }
        if seen & JOINT != 0 {
            while end > from && class(at(text, end - 1)) == Class::Joint {
                end -= 1;
            }
        }
        (end, seen)
    }

    #[inline]
    fn simple(&mut self, start: usize, end: usize, seen: u8) {
        if self.after_time() && self.is_header_host(end) {
            self.mask(Mask::Host, end);
        } else if self.is_name(start, end) {
            self.mask(Mask::Any, end);
        } else {
            self.plain(start, end, seen);
        }
    }

    pub(super) fn plain(&mut self, start: usize, end: usize, seen: u8) {
        if seen & DIGIT != 0 {
            self.value(start, end, seen);
        } else {
            self.word(start, end, seen);
        }
    }

    /// A token without a digit.
    fn word(&mut self, start: usize, end: usize, seen: u8) {
        let text = self.o.text;
        let word = part(text, start, end);
        let meaning = words::meaning(text, start, end);
        if let Some((mask, end)) = self.masked_word(start, end, seen, meaning) {
            return self.mask(mask, end);
        }
        self.keep(end);
        self.cue = meaning.cue_after(self.cue);
        if at(text, end) == b':' && words::is_secret(word) {
            self.secret(end);
        }
    }

    fn masked_word(
        &self,
        start: usize,
        end: usize,
        seen: u8,
        meaning: Meaning,
    ) -> Option<(Mask, usize)> {
        let word = part(self.o.text, start, end);
        if meaning == Meaning::DayOrMonth && at(word, 0).is_ascii_uppercase() {
            return Some((Mask::Time, self.calendar_end(end)?));
        }
        if self.after_time() && words::is_zone(word) {
            return Some((Mask::Time, end));
        }
        if seen & DOT != 0
            && let Some(found) = self.dotted_word(start, end)
        {
            return Some(found);
        }
        if at(self.o.text, end) == b':' && word.len() <= 4 {
            return value::colon_address(self.o.text, start);
        }
        (word.len() > LONGEST_WORD && word.is_ascii()).then_some((Mask::Id, end))
    }

    /// File names and host names.
    #[inline(never)]
    fn dotted_word(&self, start: usize, end: usize) -> Option<(Mask, usize)> {
        let word = part(self.o.text, start, end);
        let last = words::last_part(word);
        if words::is_data_extension(last, || last) {
            return Some((Mask::Path, end));
        }
        let is_called = at(self.o.text, end) == b'(';
        let has_dots = || word.iter().filter(|b| **b == b'.').count() >= 2;
        (words::is_host_ending(last) && !is_called && (last.len() >= 3 || has_dots()))
            .then(|| (Mask::Host, value::with_port(self.o.text, end)))
    }

    /// A token with a digit.
    fn value(&mut self, start: usize, end: usize, seen: u8) {
        match self.cued_number(start, end) {
            Cued::Masked(mask) => return self.mask(mask, end),
            Cued::Kept => return self.keep_number(end),
            Cued::No => {}
        }
        if (self.after_time() && self.is_year(start, end)) || self.is_zone_offset(start) {
            return self.mask(Mask::Time, end);
        }
        match value::classify(self.o.text, &mut self.o.original, start, end, seen) {
            Value::Masked(Mask::Number, end) => {
                let (mask, end) = self.with_unit(end);
                self.mask(mask, end);
            }
            Value::Masked(mask, end) => self.mask(mask, end),
            Value::Numbered(letters) => {
                self.word(start, start + letters, 0);
                self.mask(Mask::Number, end);
            }
            Value::Word => self.keep_number(end),
        }
    }

    /// Numbers whose meaning is more than their size: a status, an exit code, no failures.
    pub(super) fn cued_number(&mut self, start: usize, end: usize) -> Cued {
        let (token, cue) = (part(self.o.text, start, end), self.cue);
        match cue {
            Cue::Status | Cue::Request if token == b"000" => self.status(start),
            Cue::Exit | Cue::Failures if self.is_zero(start, end) => Cued::Kept,
            Cue::Exit
                if token.strip_prefix(b"-").unwrap_or(token).iter().all(u8::is_ascii_digit) =>
            {
                Cued::Masked(Mask::NonZero)
            }
            _ if token == b"0" && self.failures_follow(end) && self.is_zero(start, end) => {
                Cued::Kept
            }
            _ => Cued::No,
        }
    }

    /// A number of three digits where a status is expected.
    fn status(&mut self, start: usize) -> Cued {
        match self.o.original.digit(start) {
            b'1'..=b'4' if self.cue == Cue::Request => Cued::Masked(Mask::Status),
            class => Mask::status_class(class).map_or(Cued::No, Cued::Masked),
        }
    }

    /// Whether the token is just a `0`, and no other digit.
    fn is_zero(&mut self, start: usize, end: usize) -> bool {
        part(self.o.text, start, end) == b"0" && self.o.original.digit(start) == b'0'
    }

    /// `0 errors`, `0 failed`.
    #[inline(never)]
    fn failures_follow(&self, end: usize) -> bool {
        self.next_word_alone(end)
            .is_some_and(|(from, to)| words::counts_failures(part(self.o.text, from, to)))
    }

    /// What the number that ends at `end` is with what follows it, and where that ends.
    #[inline]
    fn with_unit(&self, end: usize) -> (Mask, usize) {
        self.spaced_unit(end).unwrap_or((Mask::Number, end))
    }

    /// `93.0 KB`, `20 ms`: the unit is part of the value.
    #[inline]
    fn spaced_unit(&self, end: usize) -> Option<(Mask, usize)> {
        let first = match at(self.o.text, end) {
            b' ' => at(self.o.text, end + 1),
            _ => at(self.o.text, end + spaces(self.o.text, end)),
        };
        // Behind more than one space the first byte says nothing.
        if !words::may_begin_unit(first) && class(first) != Class::Space {
            return None;
        }
        self.unit_behind(end)
    }

    #[inline(never)]
    fn unit_behind(&self, end: usize) -> Option<(Mask, usize)> {
        let (from, to) = self.next_word(end)?;
        let word = part(self.o.text, from, to);
        let mask = match words::unit(word)? {
            // A lone letter is a word more often than a unit.
            Unit::Bytes if word.len() == 1 && word != b"B" => return None,
            Unit::Bytes => Mask::Size,
            Unit::Time if word.len() == 1 && word != b"s" => return None,
            Unit::Time => Mask::Duration,
        };
        Some((mask, to))
    }

    /// The word of letters that stands behind white space, if the token is just that word.
    pub(super) fn next_word(&self, end: usize) -> Option<(usize, usize)> {
        let gap = spaces(self.o.text, end);
        let from = end + gap;
        let to = from + run(self.o.text, from, |b| class(b) == Class::Letter);
        let alone = match class(at(self.o.text, to)) {
            // A mask may stand for digits.
            Class::Digit | Class::OpenAngle => false,
            Class::Joint => !in_word(at(self.o.text, to + 1)),
            _ => true,
        };
        (gap > 0 && to > from && alone).then_some((from, to))
    }

    /// The same, unless it begins a path or an address: a template has a mask in its place.
    pub(super) fn next_word_alone(&self, end: usize) -> Option<(usize, usize)> {
        self.next_word(end).filter(|&(_, to)| {
            let next = at(self.o.text, to + 1);
            match class(at(self.o.text, to)) {
                Class::Slash => !in_word(next) && class(next) != Class::OpenAngle,
                _ => at(self.o.text, to) != b'@',
            }
        })
    }

    /// A list of words in brackets is one value; its length must not matter. White space behind
    /// the bracket goes.
    fn open_bracket(&mut self) {
        if self.is_address_note() {
            return;
        }
        let list = self.o.at + 1;
        if at(self.o.text, self.o.at) == b'['
            && !one_word_follows(self.o.text, list)
            && let Some(close) = word_list_end(self.o.text, list)
        {
            self.keep_mark();
            return self.mask(Mask::Any, close);
        }
        self.punctuation();
        self.o.leave_out(self.o.at + spaces(self.o.text, self.o.at));
    }

    /// `<ip> (name.example.com)`, `<ip> ()`: the name of an address is part of it.
    #[inline(never)]
    fn is_address_note(&mut self) -> bool {
        let text = self.o.text;
        let is_address = matches!(self.o.mask_before(), Some(Mask::Ip | Mask::Host));
        if !is_address || at(text, self.o.at) != b'(' {
            return false;
        }
        // White space inside the brackets does not reach the template.
        let from = self.o.at + 1 + spaces(text, self.o.at + 1);
        let end = from + run(text, from, |b| in_token(b) || b == b':');
        let note = part(text, from, end);
        let is_name = note.is_empty() || note.contains(&b'.') || note.contains(&b':');
        let close = end + spaces(text, end);
        if at(text, close) != b')' || !is_name {
            return false;
        }
        self.o.leave_out(close + 1);
        true
    }

    #[inline(never)]
    fn existing_mask(&mut self) {
        match self.mask_at(self.o.at) {
            Some(mask) => self.mask(mask, self.o.at + mask.length()),
            None => self.punctuation(),
        }
    }

    /// The mask that the input holds at `at`.
    #[inline]
    pub(super) fn mask_at(&mut self, at: usize) -> Option<Mask> {
        Mask::starting(self.o.text, &mut self.o.original, at)
    }

    fn starts_negative_number(&self) -> bool {
        class(at(self.o.text, self.o.at + 1)) == Class::Digit
            && !self.o.is_glued()
            && class(self.o.before()) != Class::Joint
    }

    /// Keeps one mark. A colon keeps the cue (`status: 200`), others end it.
    pub(super) fn punctuation(&mut self) {
        if !matches!(at(self.o.text, self.o.at), b':' | b'=') {
            self.cue = Cue::None;
        }
        self.keep_mark();
    }

    /// Keeps one mark and the cue.
    pub(super) fn keep_mark(&mut self) {
        self.keep(self.o.at + 1);
    }

    /// Keeps everything up to `end`.
    #[inline]
    pub(super) fn keep(&mut self, end: usize) {
        self.o.keep(end);
    }

    /// Keeps everything up to `end` with its digits.
    pub(super) fn keep_number(&mut self, end: usize) {
        self.cue = Cue::None;
        self.o.keep_digits(end);
    }

    /// Writes a mask for everything up to `end`.
    pub(super) fn mask(&mut self, mask: Mask, end: usize) {
        self.cue = Cue::None;
        self.o.mask(mask, end);
    }
}

/// Whether the bracket closes behind a word or a number: the common case, and no list.
#[inline]
fn one_word_follows(text: &[u8], from: usize) -> bool {
    let chunk = chunk(text, from);
    let word = before_mark(non_letters(chunk)).max(before_mark(non_digits(chunk)));
    at(text, from + word) == b']'
}

/// Where the bracket closes around `a, b, c`: at least two items of one word each.
fn word_list_end(text: &[u8], from: usize) -> Option<usize> {
    let mut end = from;
    let mut items = 0;
    loop {
        end += spaces(text, end);
        let item = run(text, end, in_list_item);
        end += item;
        end += spaces(text, end);
        items += 1;
        match at(text, end) {
            b',' if item > 0 => end += 1,
            b']' if item > 0 && items > 1 => return Some(end),
            _ => return None,
        }
    }
}
