//! The one pass over the message.
//!
//! The scanner walks the line once and writes the template as it goes. What it decides about a
//! token depends on the token, on a few bytes after it, and on the words and masks before it; a
//! mask in the input counts as the value that it stands for, so that a template masks to itself.

use super::chars::{
    Class, DIGIT, DOT, LETTER, at, chunk, class, ends_word, in_token, in_word, leading_letters,
    letters_in, part, run, spaces, token_kind,
};
use super::output::{LONGEST_WORD, Output};
use super::value::{self, Mask, Value};
use super::words::{self, Cue, Meaning, Unit, Worth};

/// The first line with anything on it, and whether it holds an escape: what follows in a stack
/// trace does not count.
pub(super) fn first_line(message: &[u8]) -> (&[u8], bool) {
    let from = message
        .iter()
        .position(|b| class(*b) != Class::Space || *b == ESCAPE)
        .unwrap_or(message.len());
    let line = part(message, from, message.len());
    let end_of_line = || memchr::memchr(b'\n', line).unwrap_or(line.len());
    match memchr::memchr2(b'\n', ESCAPE, line) {
        Some(end) if at(line, end) == b'\n' => (part(line, 0, end), false),
        Some(_) => (part(line, 0, end_of_line()), true),
        None => (line, false),
    }
}

/// Appends the template of `line`, which holds no escape sequences, to `out`, which is empty.
/// Says whether it was cut.
pub(super) fn mask_into(line: &[u8], out: &mut Vec<u8>) -> bool {
    let mut scan = Scan {
        o: Output::new(line, out),
        cue: Cue::None,
        json_value: None,
        closing: [0; 2],
        unclosed: [false; 2],
        unclosed_brackets: 0,
    };
    while scan.o.goes_on() {
        scan.step();
    }
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
    #[inline]
    fn step(&mut self) {
        let byte = at(self.o.text, self.o.at);
        match class(byte) {
            Class::Letter => self.words(),
            Class::Digit => self.token_with_digit(self.o.at),
            Class::Space => self.space(),
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
            Class::Joint | Class::Equals | Class::Other => self.punctuation(),
        }
    }

    /// White space becomes one space. The common case, one space between two words, costs nothing.
    #[inline]
    fn space(&mut self) {
        let next = at(self.o.text, self.o.at + 1);
        let plain = at(self.o.text, self.o.at) == b' '
            && self.o.at > 0
            && !matches!(class(next), Class::Space | Class::CloseBracket);
        if plain {
            self.o.keep_space();
        } else {
            self.o.blank(self.o.at + spaces(self.o.text, self.o.at));
        }
    }

    /// Words of letters, with one space behind each: most of a line. Nothing but their meaning
    /// counts, unless a name is awaited; a word that may be more is read as a token.
    fn words(&mut self) {
        let text = self.o.text;
        let (start, until) = (self.o.at, self.o.until());
        let (mut end, mut cue) = (start, self.cue);
        let mut letters = None;
        while end < until {
            let Some(word) = Word::read(text, end) else { break };
            letters = Some(word.end);
            if !word.is_plain(end) || cue.awaits_name() || self.after_time() {
                break;
            }
            let Some(space) = gap_behind(text, word.end) else { break };
            end = word.end + space;
            // Most words say nothing.
            cue = match word.meaning {
                Meaning::Plain => Cue::None,
                meaning => meaning.cue_after(cue),
            };
            if space == 0 {
                break;
            }
        }
        if end == start {
            let letters = letters.unwrap_or_else(|| start + leading_letters(text, start));
            return self.token(start, letters);
        }
        self.keep(end);
        self.cue = cue;
    }

    /// Reads the token that begins here with the letters up to `letters`.
    fn token(&mut self, start: usize, letters: usize) {
        let seen = if letters > start { LETTER } else { 0 };
        let (end, seen) = self.rest_of_token(start, letters, seen);
        self.read_token(start, end, seen);
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

    /// The end of a token that goes on after its first letters, and what is in it. Joints at its end are punctuation.
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
        while end > from && class(at(text, end - 1)) == Class::Joint {
            end -= 1;
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
        if words::is_data_extension(last) {
            return Some((Mask::Path, end));
        }
        let dots = word.iter().filter(|b| **b == b'.').count();
        let called = at(self.o.text, end) == b'(';
        (words::is_host_ending(last) && !called && (dots >= 2 || last.len() >= 3))
            .then(|| (Mask::Host, value::with_port(self.o.text, end)))
    }

    /// A token with a digit.
    fn value(&mut self, start: usize, end: usize, seen: u8) {
        match self.cued_number(start, end) {
            Cued::Masked(mask) => return self.mask(mask, end),
            Cued::Kept => return self.keep(end),
            Cued::No => {}
        }
        if (self.after_time() && self.is_year(start, end)) || self.is_zone_offset(start) {
            return self.mask(Mask::Time, end);
        }
        match value::classify(self.o.text, start, end, seen) {
            Value::Masked(Mask::Number, end) => match self.spaced_unit(end) {
                Some((mask, end)) => self.mask(mask, end),
                None => self.mask(Mask::Number, end),
            },
            Value::Masked(mask, end) => self.mask(mask, end),
            Value::Numbered(letters) => {
                self.word(start, start + letters, 0);
                self.mask(Mask::Number, end);
            }
            Value::Word => {
                self.keep(end);
                self.cue = Cue::None;
            }
        }
    }

    /// Numbers whose meaning is more than their size: a status, an exit code, no failures.
    pub(super) fn cued_number(&self, start: usize, end: usize) -> Cued {
        let token = part(self.o.text, start, end);
        match self.cue {
            Cue::Status | Cue::Request if is_status(token) => Cued::Masked(match at(token, 0) {
                b'1'..=b'4' if self.cue == Cue::Request => Mask::Status,
                class => Mask::StatusClass(class - b'0'),
            }),
            Cue::Exit | Cue::Failures if token == b"0" => Cued::Kept,
            Cue::Exit
                if token.strip_prefix(b"-").unwrap_or(token).iter().all(u8::is_ascii_digit) =>
            {
                Cued::Masked(Mask::NonZero)
            }
            _ if token == b"0" && self.failures_follow(end) => Cued::Kept,
            _ => Cued::No,
        }
    }

    /// `0 errors`, `0 failed`.
    #[inline(never)]
    fn failures_follow(&self, end: usize) -> bool {
        self.next_word(end)
            .is_some_and(|(from, to)| words::counts_failures(part(self.o.text, from, to)))
    }

    /// `93.0 KB`, `20 ms`: the unit is part of the value.
    fn spaced_unit(&self, end: usize) -> Option<(Mask, usize)> {
        if at(self.o.text, end) != b' ' && spaces(self.o.text, end) == 0 {
            return None;
        }
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
            Class::Digit => false,
            Class::Joint => !in_word(at(self.o.text, to + 1)),
            _ => true,
        };
        (gap > 0 && to > from && alone).then_some((from, to))
    }

    /// A list of words in brackets is one value; its length must not matter. White space behind
    /// the bracket goes.
    fn open_bracket(&mut self) {
        if self.is_address_note() {
            return;
        }
        let list = self.o.at + 1;
        if at(self.o.text, self.o.at) == b'['
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
        match Mask::starting(part(self.o.text, self.o.at, self.o.text.len())) {
            Some(mask) => self.mask(mask, self.o.at + mask.text().len()),
            None => self.punctuation(),
        }
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

    /// Writes a mask for everything up to `end`.
    pub(super) fn mask(&mut self, mask: Mask, end: usize) {
        self.cue = Cue::None;
        self.o.mask(mask, end);
    }
}

/// A word of letters.
struct Word {
    end: usize,
    meaning: Meaning,
}

impl Word {
    #[inline]
    fn read(text: &[u8], start: usize) -> Option<Self> {
        let chunk = chunk(text, start)?;
        let letters = letters_in(chunk);
        let mut end = start + letters;
        if letters < 8 {
            return Some(Self { end, meaning: words::short_meaning(chunk, letters) });
        }
        end += leading_letters(text, end);
        Some(Self { end, meaning: words::meaning(text, start, end) })
    }

    /// It is no value, whatever stands before or behind it.
    #[inline]
    fn is_plain(&self, start: usize) -> bool {
        let length = self.end - start;
        length > 0 && length <= LONGEST_WORD && self.meaning != Meaning::DayOrMonth
    }
}

/// How many spaces stand behind a word, 0 or 1, if what follows does not matter to the word and no
/// more than to copy the space is to be done.
#[inline]
fn gap_behind(text: &[u8], end: usize) -> Option<usize> {
    let next = at(text, end);
    if next != b' ' {
        return ends_word(next).then_some(0);
    }
    let behind = class(at(text, end + 1));
    (!matches!(behind, Class::Space | Class::CloseBracket)).then_some(1)
}

fn is_status(token: &[u8]) -> bool {
    token.len() == 3 && matches!(at(token, 0), b'1'..=b'5') && token.iter().all(u8::is_ascii_digit)
}

/// Where the bracket closes around `a, b, c`: at least two items of one word each.
fn word_list_end(text: &[u8], from: usize) -> Option<usize> {
    let is_item = |b: u8| in_token(b) || matches!(b, b':' | b'/' | b'@' | b'*');
    let mut end = from;
    let mut items = 0;
    loop {
        end += spaces(text, end);
        let item = run(text, end, is_item);
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
