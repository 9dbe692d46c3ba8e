//! The one pass over the message.
//!
//! The scanner walks the line once and writes the template as it goes. What it decides about a
//! token depends on the token, on a few bytes after it, and on the words before it ([`Cue`]), never
//! on anything it has masked, so that a template masks to itself.

use super::MAX_TEMPLATE;
use super::chars::{
    Class, DIGIT, DOT, at, class, digits, in_token, in_word, part, run, spaces, token_kind,
};
use super::value::{self, Mask, Value};
use super::words::{self, Cue, Unit, Worth};

/// Room for the mark that says that a template was cut.
const LIMIT: usize = MAX_TEMPLATE - 4;

/// Brackets that never close are looked into this often in one line.
const UNCLOSED_BRACKETS: u8 = 4;

/// A run of letters longer than this is data (base64, a blob), not a word.
const LONGEST_WORD: usize = 64;

/// The first line with anything on it: what follows in a stack trace does not count.
pub(super) fn first_line(message: &[u8]) -> &[u8] {
    let from = message
        .iter()
        .position(|b| class(*b) != Class::Space || *b == ESCAPE)
        .unwrap_or(message.len());
    let line = message.get(from..).unwrap_or_default();
    line.get(..memchr::memchr(b'\n', line).unwrap_or(line.len())).unwrap_or_default()
}

/// Appends the template of `line`, which holds no escape sequences, to `out`, which is empty.
/// Says whether it was cut.
pub(super) fn mask_into(line: &[u8], out: &mut Vec<u8>) -> bool {
    let mut scan = Scan {
        text: line,
        at: 0,
        out,
        space: false,
        last_mask: None,
        joins_list: false,
        cue: Cue::None,
        json_value: None,
        closing: [0; 2],
        unclosed: [false; 2],
        unclosed_brackets: 0,
        full: false,
    };
    while scan.at < line.len() && !scan.full {
        scan.step();
    }
    scan.finish()
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

struct Scan<'a> {
    text: &'a [u8],
    at: usize,
    out: &'a mut Vec<u8>,
    /// White space was read and not yet written.
    space: bool,
    /// The mask written last, and where it ends in `out`.
    last_mask: Option<(Mask, usize)>,
    /// The mask written last may be the first of a list.
    joins_list: bool,
    cue: Cue,
    /// What the key of a JSON member said of the string that follows.
    json_value: Option<Worth>,
    /// Where the `"` and `'` that were opened last close; marks before that open nothing.
    closing: [usize; 2],
    /// No `"` or `'` closes in the rest of the line.
    unclosed: [bool; 2],
    unclosed_brackets: u8,
    /// The template has its greatest length.
    full: bool,
}

impl Scan<'_> {
    fn step(&mut self) {
        let byte = at(self.text, self.at);
        match class(byte) {
            Class::Letter | Class::Digit => self.token(self.at),
            Class::Space => {
                self.space = true;
                self.at += 1;
            }
            Class::Joint if byte == b'-' && self.starts_negative_number() => {
                self.token(self.at + 1)
            }
            Class::OpenAngle => self.existing_mask(),
            Class::Quote => self.quote(),
            Class::Slash => self.slash(),
            Class::OpenBracket => self.open_bracket(),
            Class::CloseBracket => {
                self.space = false;
                self.punctuation();
            }
            Class::Other if byte == b'+' && self.is_zone_offset(self.at) => {
                self.mask(Mask::Time, self.at + 5);
            }
            Class::Equals if self.is_glued() && self.is_pair(self.at) => {
                self.pair(self.at, self.at)
            }
            Class::Joint | Class::Equals | Class::Other => self.punctuation(),
        }
    }

    // Tokens

    /// Reads the token whose letters and digits begin at `from`; `self.at` may be a sign before it.
    fn token(&mut self, from: usize) {
        let start = self.at;
        let (mut end, mut seen) = (from, 0);
        loop {
            let kind = token_kind(at(self.text, end));
            if kind == 0 {
                break;
            }
            seen |= kind;
            end += 1;
        }
        while end > from && class(at(self.text, end - 1)) == Class::Joint {
            end -= 1;
        }
        match at(self.text, end) {
            b'=' if self.is_pair(end) && seen & DIGIT == 0 => self.pair(start, end),
            b':' if part(self.text, end, self.text.len()).starts_with(b"://") => self.url(end),
            b':' if at(self.text, end + 1) == b'\\' && end - start == 1 => self.path(start),
            b'/' | b'\\' if in_word(at(self.text, end + 1)) => self.compound(start, end, seen),
            b'@' if in_word(at(self.text, end + 1)) => self.at_sign(start, end, seen),
            _ => self.simple(start, end, seen),
        }
    }

    fn simple(&mut self, start: usize, end: usize, seen: u8) {
        if self.is_header_host(end) {
            self.mask(Mask::Host, end);
        } else if self.is_name(start, end) {
            self.mask(Mask::Any, end);
        } else {
            self.plain(start, end, seen);
        }
    }

    fn plain(&mut self, start: usize, end: usize, seen: u8) {
        if seen & DIGIT != 0 {
            self.value(start, end);
        } else {
            self.word(start, end, seen);
        }
    }

    /// A token without a digit.
    fn word(&mut self, start: usize, end: usize, seen: u8) {
        let text = self.text;
        let word = part(text, start, end);
        if let Some((mask, end)) = self.masked_word(start, end, seen) {
            return self.mask(mask, end);
        }
        self.copy(end);
        self.cue = words::cue_after(word, self.cue);
        if at(text, end) == b':' && words::is_secret(word) {
            self.secret(end);
        }
    }

    fn masked_word(&self, start: usize, end: usize, seen: u8) -> Option<(Mask, usize)> {
        let word = part(self.text, start, end);
        if at(word, 0).is_ascii_uppercase() {
            if words::is_day_or_month(word)
                && let Some(end) = self.calendar_end(end)
            {
                return Some((Mask::Time, end));
            }
            if self.after_time() && words::is_zone(word) {
                return Some((Mask::Time, end));
            }
        }
        if seen & DOT != 0
            && let Some(found) = self.dotted_word(start, end)
        {
            return Some(found);
        }
        if at(self.text, end) == b':' && word.len() <= 4 {
            return value::colon_address(self.text, start);
        }
        (word.len() > LONGEST_WORD && word.is_ascii()).then_some((Mask::Id, end))
    }

    /// File names and host names.
    fn dotted_word(&self, start: usize, end: usize) -> Option<(Mask, usize)> {
        let word = part(self.text, start, end);
        let last = words::last_part(word);
        if words::is_data_extension(last) {
            return Some((Mask::Path, end));
        }
        let dots = word.iter().filter(|b| **b == b'.').count();
        let called = at(self.text, end) == b'(';
        (words::is_host_ending(last) && !called && (dots >= 2 || last.len() >= 3))
            .then(|| (Mask::Host, value::with_port(self.text, end)))
    }

    /// A token with a digit.
    fn value(&mut self, start: usize, end: usize) {
        if let Some(mask) = self.cued_number(start, end) {
            return match mask {
                Some(mask) => self.mask(mask, end),
                None => self.copy(end),
            };
        }
        if (self.after_time() && self.is_year(start, end)) || self.is_zone_offset(start) {
            return self.mask(Mask::Time, end);
        }
        match value::classify(self.text, start, end) {
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
                self.copy(end);
                self.cue = Cue::None;
            }
        }
    }

    /// Numbers whose meaning is more than their size: a status, an exit code, no failures.
    /// `Some(None)` keeps the number as it is.
    #[expect(clippy::option_option, reason = "not cued, cued and masked, cued and kept")]
    fn cued_number(&self, start: usize, end: usize) -> Option<Option<Mask>> {
        let token = part(self.text, start, end);
        match self.cue {
            Cue::Status | Cue::Request if is_status(token) => Some(Some(match at(token, 0) {
                b'1'..=b'4' if self.cue == Cue::Request => Mask::Status,
                class => Mask::StatusClass(class - b'0'),
            })),
            Cue::Exit if token == b"0" => Some(None),
            Cue::Exit => {
                let unsigned = token.strip_prefix(b"-").unwrap_or(token);
                unsigned.iter().all(u8::is_ascii_digit).then_some(Some(Mask::NonZero))
            }
            Cue::Failures if token == b"0" => Some(None),
            _ if token == b"0" && self.failures_follow(end) => Some(None),
            _ => None,
        }
    }

    /// `0 errors`, `0 failed`.
    fn failures_follow(&self, end: usize) -> bool {
        self.next_word(end)
            .is_some_and(|(from, to)| words::counts_failures(part(self.text, from, to)))
    }

    /// `93.0 KB`, `20 ms`: the unit is part of the value.
    fn spaced_unit(&self, end: usize) -> Option<(Mask, usize)> {
        let (from, to) = self.next_word(end)?;
        let word = part(self.text, from, to);
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
    fn next_word(&self, end: usize) -> Option<(usize, usize)> {
        let gap = spaces(self.text, end);
        let from = end + gap;
        let to = from + run(self.text, from, |b| class(b) == Class::Letter);
        let alone = match class(at(self.text, to)) {
            Class::Digit => false,
            Class::Joint => !in_word(at(self.text, to + 1)),
            _ => true,
        };
        (gap > 0 && to > from && alone).then_some((from, to))
    }

    // Names and headers

    /// After `user`, and after `password for`: a name, if what follows it allows one.
    fn is_name(&self, start: usize, end: usize) -> bool {
        let word = part(self.text, start, end);
        match self.cue {
            Cue::User => !words::not_a_name(word) && self.name_ends(end),
            Cue::AuthFor => {
                !word.eq_ignore_ascii_case(b"invalid")
                    && !word.eq_ignore_ascii_case(b"user")
                    && !words::not_a_name(word)
                    && self.name_ends(end)
            }
            _ => false,
        }
    }

    fn name_ends(&self, end: usize) -> bool {
        let next = end + spaces(self.text, end);
        if next == self.text.len() || matches!(at(self.text, next), b'[' | b'(' | b')' | b']') {
            return true;
        }
        if next > end {
            return self
                .next_word(end)
                .is_some_and(|(from, to)| words::follows_a_name(part(self.text, from, to)));
        }
        matches!(at(self.text, end), b',' | b';' | b'.' | b'\'' | b'"')
    }

    /// Syslog: the time, then the host, then the program and `:` or `[pid]`.
    fn is_header_host(&self, end: usize) -> bool {
        let Some((Mask::Time, time_end)) = self.last_mask else { return false };
        let alone = time_end == Mask::Time.text().len()
            || (time_end <= 16 && self.out.starts_with(b"<<num>>"));
        let gap = spaces(self.text, end);
        if time_end != self.out.len() || !alone || gap == 0 {
            return false;
        }
        let host = part(self.text, self.at, end);
        let program = end + gap;
        let length = run(self.text, program, |b| in_token(b) || matches!(b, b'(' | b')' | b'/'));
        let after = program + length;
        length > 0
            && !words::is_level(host)
            && !words::is_zone(host)
            && match at(self.text, after) {
                b'[' => true,
                b':' => spaces(self.text, after + 1) > 0,
                _ => false,
            }
    }

    fn after_time(&self) -> bool {
        self.last_mask == Some((Mask::Time, self.out.len()))
    }

    /// `+0100` behind a time.
    fn is_zone_offset(&self, start: usize) -> bool {
        self.after_time()
            && matches!(at(self.text, start), b'+' | b'-')
            && digits(self.text, start + 1) == 4
            && !in_word(at(self.text, start + 5))
    }

    fn is_year(&self, start: usize, end: usize) -> bool {
        let token = part(self.text, start, end);
        matches!(token, [b'1', b'9', ..] | [b'2', b'0', ..])
            && token.len() == 4
            && token.iter().all(u8::is_ascii_digit)
    }

    /// Where a date that began with the name of a day or month goes on to: behind the day of the
    /// month or the year, or before another such name.
    fn calendar_end(&self, end: usize) -> Option<usize> {
        let comma = end + usize::from(at(self.text, end) == b',');
        self.day_end(comma).or_else(|| {
            // A day and a month at most: a line may hold nothing but names of days.
            let (from, to) = self.next_word(comma)?;
            let named = words::is_day_or_month(part(self.text, from, to))
                && self.day_end(to + usize::from(at(self.text, to) == b',')).is_some();
            named.then_some(comma)
        })
    }

    /// A number of one, two or four digits behind white space: a day or a year.
    fn day_end(&self, end: usize) -> Option<usize> {
        let gap = spaces(self.text, end);
        let number = digits(self.text, end + gap);
        let end = end + gap + number;
        (gap > 0 && matches!(number, 1 | 2 | 4) && !in_token(at(self.text, end))).then_some(end)
    }

    // Pairs and quotes

    /// `key=value`, but not `==`, `=>` or `key= next`.
    fn is_pair(&self, equals: usize) -> bool {
        let next = at(self.text, equals + 1);
        equals + 1 < self.text.len()
            && class(next) != Class::Space
            && !matches!(next, b'=' | b'>' | b'~' | b',' | b';' | b')' | b']' | b'}')
    }

    /// The key is `text[start..end]`, or empty where it is masked.
    fn pair(&mut self, start: usize, end: usize) {
        let text = self.text;
        let key = part(text, start, end);
        self.copy(end + 1);
        self.cue = cue_of_key(key);
        if words::worth(key) == Worth::Text {
            return;
        }
        let end = self.pair_value_end(self.at);
        let value = part(text, self.at, end);
        let counts = self.cue != Cue::None && !value.is_empty();
        if counts && value.iter().all(u8::is_ascii_digit) {
            match self.cued_number(self.at, end) {
                Some(None) => return self.copy(end),
                Some(Some(mask)) => self.mask(mask, end),
                None => self.mask(Mask::Number, end),
            }
        } else {
            let known = if counts { exactly_one_mask(value) } else { None };
            self.mask(known.unwrap_or(Mask::Any), end);
        }
        // What follows may be glued to the next value: `a=1 2x` is no list.
        self.joins_list = false;
    }

    /// Where the value that begins at `from` ends.
    fn pair_value_end(&mut self, from: usize) -> usize {
        let close = match at(self.text, from) {
            b'"' | b'\'' => self.closing_quote(from),
            b'[' | b'{' | b'(' => self.closing_bracket(from),
            _ => None,
        };
        let mut end = self.bare_value_end(close.map_or(from, |close| close + 1), close.is_none());
        // A list of values is one value.
        while at(self.text, end) == b','
            && in_word(at(self.text, end + 1))
            && !self.key_follows(end + 1)
        {
            end = self.bare_value_end(end + 1, true);
        }
        while end > from + 1 && matches!(at(self.text, end - 1), b'.' | b':') {
            end -= 1;
        }
        end
    }

    /// Where the value goes on to; masks in it are part of it. The first byte of a value belongs
    /// to it whatever it is.
    fn bare_value_end(&self, from: usize, at_start: bool) -> usize {
        let mut end = from;
        loop {
            let rest = part(self.text, end, self.text.len());
            let first = at_start && end == from;
            match Mask::starting(rest) {
                Some(mask) => end += mask.text().len(),
                None if rest.is_empty() || (!first && ends_pair(at(rest, 0))) => return end,
                None => end += 1,
            }
        }
    }

    /// A key, in which a number may be masked already, and its `=`.
    fn key_follows(&self, from: usize) -> bool {
        let mut end = from;
        loop {
            end += run(self.text, end, in_token);
            match Mask::starting(part(self.text, end, self.text.len())) {
                Some(mask) => end += mask.text().len(),
                None => return at(self.text, end) == b'=',
            }
        }
    }

    fn quote(&mut self) {
        let opened = self.at;
        let json_value = self.json_value.take();
        let glued = self.is_glued();
        let Some(close) = (if glued { None } else { self.closing_quote(opened) }) else {
            return self.keep_mark();
        };
        let inner = part(self.text, opened + 1, close);
        if at(self.text, opened) == b'"' && at(self.text, close + 1) == b':' && is_key(inner) {
            return self.json_key(opened, close);
        }
        let is_text = match json_value {
            Some(worth) => worth == Worth::Text,
            None => !is_one_value(inner) || (opened > 0 && at(self.text, opened - 1) == b'='),
        };
        if is_text && exactly_one_mask(inner).is_none() {
            return self.keep_mark();
        }
        self.keep_mark();
        self.mask(
            exactly_one_mask(inner).filter(|_| json_value.is_none()).unwrap_or(Mask::Any),
            close,
        );
        self.keep_mark();
    }

    /// `"key":` and what it says of the value behind it.
    fn json_key(&mut self, opened: usize, close: usize) {
        let text = self.text;
        let key = part(text, opened + 1, close);
        let worth = words::worth(key);
        self.copy(close + 2);
        self.cue = cue_of_key(key);
        let value = self.at + spaces(text, self.at);
        if at(text, value) == b'"' {
            self.json_value = Some(worth);
        } else if worth == Worth::Secret && in_token(at(text, value)) {
            self.space = value > self.at;
            let end = value + run(text, value, in_token);
            self.mask(Mask::Any, end);
        }
    }

    /// After `password:`, `token:`: the next token, whatever it is.
    fn secret(&mut self, colon: usize) {
        let text = self.text;
        self.copy(colon + 1);
        let gap = spaces(text, self.at);
        let value = self.at + gap;
        let is_secret = |b: u8| !ends_pair(b) && !matches!(b, b'<' | b'[' | b'(' | b'{');
        let mut end = value + run(text, value, is_secret);
        // `authorization: Bearer abc`: the scheme is a word of its own.
        let scheme = part(text, value, end);
        if scheme.eq_ignore_ascii_case(b"bearer") || scheme.eq_ignore_ascii_case(b"basic") {
            let next = end + spaces(text, end);
            end = next + run(text, next, is_secret);
        }
        if end > value {
            self.space = gap > 0;
            self.mask(Mask::Any, end);
        }
    }

    /// Where the quotation that opens at `opened` closes. Each byte is looked at once per kind of
    /// mark: a mark before the known end opens nothing, and one search may fail.
    fn closing_quote(&mut self, opened: usize) -> Option<usize> {
        let quote = at(self.text, opened);
        let kind = usize::from(quote == b'\'');
        if opened <= self.closing[kind] && self.closing[kind] > 0 || self.unclosed[kind] {
            return None;
        }
        let mut end = opened + 1;
        while end < self.text.len() {
            match at(self.text, end) {
                b'\\' => end += 1,
                b if b == quote && (b == b'"' || self.closes_apostrophe(end)) => {
                    self.closing[kind] = end;
                    return Some(end);
                }
                _ => {}
            }
            end += 1;
        }
        self.unclosed[kind] = true;
        None
    }

    /// An apostrophe inside a word (`don't`) closes nothing.
    fn closes_apostrophe(&self, end: usize) -> bool {
        let next = at(self.text, end + 1);
        class(next) == Class::Space || b",.;:)]}>\"=!?|".contains(&next)
    }

    /// Whether what stands right before is a word or a mask.
    fn is_glued(&self) -> bool {
        if self.space {
            return false;
        }
        let after_mask = self.last_mask.is_some_and(|(_, end)| end == self.out.len());
        after_mask || self.out.last().is_some_and(|b| in_word(*b))
    }

    // Compounds

    /// A token that goes on behind a slash: a path, a fraction, a version, two words.
    fn compound(&mut self, start: usize, first: usize, seen: u8) {
        let has_digit = seen & DIGIT != 0;
        let length = run(self.text, start, |b| in_token(b) || matches!(b, b'/' | b'\\'));
        let mut end = start + length;
        while end > first && !in_word(at(self.text, end - 1)) {
            end -= 1;
        }
        let whole = part(self.text, start, end);
        if has_digit
            && let Value::Masked(mask @ (Mask::Time | Mask::Ip), end) =
                value::classify(self.text, start, first)
        {
            return self.mask(mask, end);
        }
        if let Some(address) = self.inet_address(start, end) {
            return self.mask(Mask::Ip, address);
        }
        let slashes = whole.iter().filter(|b| matches!(b, b'/' | b'\\')).count();
        let rest = part(self.text, first + 1, end);
        let rest_is_number = rest.iter().all(|b| b.is_ascii_digit() || *b == b'.');
        if slashes == 1 && !has_digit && rest_is_number {
            let is_request = part(self.text, start, first) == b"HTTP";
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
        let extension = whole.rsplit(|b| *b == b'.').next().unwrap_or_default();
        let file = whole.contains(&b'.') && words::is_data_extension(extension);
        if has_digit || file || slashes >= 3 || whole.contains(&b'\\') {
            self.mask(Mask::Path, end);
        } else {
            self.copy(end);
            self.cue = Cue::None;
        }
    }

    /// `name/10.1.2.3:80`, as Java prints an address.
    fn inet_address(&self, start: usize, end: usize) -> Option<usize> {
        let slash = part(self.text, start, end).iter().rposition(|b| *b == b'/')?;
        let address = value::ipv4(self.text, start + slash + 1)?;
        Some(value::with_port(self.text, address))
    }

    /// `name@example.com`, `ada@host`, `Object@1f2e3d`, `Class@765`.
    fn at_sign(&mut self, start: usize, sign: usize, seen: u8) {
        let length = run(self.text, sign + 1, in_token);
        let mut end = sign + 1 + length;
        while end > sign + 2 && class(at(self.text, end - 1)) == Class::Joint {
            end -= 1;
        }
        let right = part(self.text, sign + 1, end);
        if right.iter().all(u8::is_ascii_hexdigit) && right.iter().any(u8::is_ascii_digit) {
            self.plain(start, sign, seen);
            if self.at != sign {
                // A value ended before the sign: the rest is a token of its own.
                return;
            }
            self.copy(sign + 1);
            let number = right.iter().all(u8::is_ascii_digit);
            self.mask(if number { Mask::Number } else { Mask::Hex }, end);
        } else {
            self.mask(Mask::Email, end);
        }
    }

    fn url(&mut self, scheme: usize) {
        let length = run(self.text, scheme, |b| {
            class(b) != Class::Space
                && !matches!(b, b'"' | b'\'' | b'<' | b'>' | b')' | b']' | b',' | b'}')
        });
        let end = self.without_trailing_marks(scheme + 3, scheme + length);
        self.mask(Mask::Url, end);
    }

    fn slash(&mut self) {
        let next = at(self.text, self.at + 1);
        let previous = self.at.checked_sub(1).map_or(0, |i| at(self.text, i));
        let path_starts = in_word(next) || matches!(next, b'.' | b'*' | b'-');
        if !path_starts || self.is_glued() || matches!(previous, b'<' | b'/') {
            return self.punctuation();
        }
        if let Some(address) = value::ipv4(self.text, self.at + 1) {
            return self.mask(Mask::Ip, value::with_port(self.text, address));
        }
        if let Some((Mask::Ip, end)) = value::colon_address(self.text, self.at + 1) {
            return self.mask(Mask::Ip, end);
        }
        self.path(self.at);
    }

    fn path(&mut self, start: usize) {
        let windows = at(self.text, start + 1) == b':';
        let from = start + if windows { 2 } else { 1 };
        let mut end = from
            + run(self.text, from, |b| {
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
        if part(self.text, from, end).contains(&b'?') {
            end += run(self.text, end, |b| {
                class(b) != Class::Space && !matches!(b, b'"' | b'\'' | b'<')
            });
        }
        let end = self.without_trailing_marks(from, end);
        self.mask(Mask::Path, end);
    }

    fn without_trailing_marks(&self, from: usize, mut end: usize) -> usize {
        while end > from
            && matches!(at(self.text, end - 1), b'.' | b':' | b',' | b';' | b'!' | b'=')
        {
            end -= 1;
        }
        end
    }

    // Marks

    /// A list of words in brackets is one value; its length must not matter. White space behind
    /// the bracket goes.
    fn open_bracket(&mut self) {
        if self.is_address_note() {
            return;
        }
        let list = self.at + 1;
        if self.text[self.at] == b'['
            && let Some(close) = word_list_end(self.text, list)
        {
            self.keep_mark();
            return self.mask(Mask::Any, close);
        }
        self.punctuation();
        self.at += spaces(self.text, self.at);
    }

    /// `<ip> (name.example.com)`, `<ip> ()`: the name of an address is part of it.
    fn is_address_note(&mut self) -> bool {
        let Some((Mask::Ip | Mask::Host, address_end)) = self.last_mask else { return false };
        if self.text[self.at] != b'(' || address_end != self.out.len() {
            return false;
        }
        // White space inside the brackets does not reach the template.
        let from = self.at + 1 + spaces(self.text, self.at + 1);
        let end = from + run(self.text, from, |b| in_token(b) || b == b':');
        let note = part(self.text, from, end);
        let is_name = note.is_empty() || note.contains(&b'.') || note.contains(&b':');
        let close = end + spaces(self.text, end);
        if at(self.text, close) != b')' || !is_name {
            return false;
        }
        self.space = false;
        self.at = close + 1;
        true
    }

    fn closing_bracket(&mut self, opened: usize) -> Option<usize> {
        if self.unclosed_brackets == UNCLOSED_BRACKETS {
            return None;
        }
        let mut depth = 0usize;
        for (end, byte) in self.text.iter().enumerate().skip(opened) {
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

    fn existing_mask(&mut self) {
        match Mask::starting(part(self.text, self.at, self.text.len())) {
            Some(mask) => self.mask(mask, self.at + mask.text().len()),
            None => self.punctuation(),
        }
    }

    fn starts_negative_number(&self) -> bool {
        class(at(self.text, self.at + 1)) == Class::Digit
            && !self.is_glued()
            && !self.out.last().is_some_and(|b| class(*b) == Class::Joint && !self.space)
    }

    /// Copies one mark. A colon keeps the cue (`status: 200`), others end it.
    fn punctuation(&mut self) {
        if !matches!(self.text[self.at], b':' | b'=') {
            self.cue = Cue::None;
        }
        self.keep_mark();
    }

    /// Copies one mark and keeps the cue.
    fn keep_mark(&mut self) {
        self.copy(self.at + 1);
    }

    // Output

    /// Copies everything up to `end`.
    fn copy(&mut self, end: usize) {
        let text = self.text;
        self.put(part(text, self.at, end));
        self.at = end;
    }

    /// Writes a mask for everything up to `end`; a list of the same mask stays one.
    fn mask(&mut self, mask: Mask, end: usize) {
        self.at = end;
        self.cue = Cue::None;
        if let Some((last, last_end)) = self.last_mask
            && last == mask
            && self.joins_list
            && is_list_gap(part(self.out, last_end, self.out.len()))
        {
            self.out.truncate(last_end);
            self.space = false;
            return;
        }
        self.put(mask.text().as_bytes());
        if !self.full {
            self.joins_list = true;
            self.last_mask = Some((mask, self.out.len()));
        }
    }

    fn put(&mut self, text: &[u8]) {
        let space = self.space && !self.out.is_empty();
        let room = LIMIT.saturating_sub(self.out.len() + usize::from(space));
        if text.len() > room {
            self.full = true;
            // A script without spaces may have no word that fits.
            if text.len() <= LONGEST_WORD {
                return;
            }
        }
        if std::mem::take(&mut self.space) && space {
            self.out.push(b' ');
        }
        self.out.extend_from_slice(up_to_boundary(text, room));
    }

    /// A template that was cut ends in a mask: more followed.
    fn finish(&mut self) -> bool {
        if self.full {
            self.out.extend_from_slice(if self.space { b" <*>" } else { b"<*>" });
        }
        self.full
    }
}

/// The longest beginning of at most `room` bytes that ends between two characters.
fn up_to_boundary(text: &[u8], room: usize) -> &[u8] {
    let mut end = room.min(text.len());
    while end < text.len() && end > 0 && at(text, end) & 0xc0 == 0x80 {
        end -= 1;
    }
    part(text, 0, end)
}

/// Between two values of a list.
fn is_list_gap(gap: &[u8]) -> bool {
    matches!(
        gap,
        b"" | b"," | b", " | b" " | b"\",\"" | b"\", \"" | b"','" | b"', '" | b"\" \"" | b"' '"
    )
}

fn ends_pair(byte: u8) -> bool {
    class(byte) == Class::Space
        || matches!(byte, b',' | b';' | b'|' | b')' | b']' | b'}' | b'"' | b'\'' | b'>' | b'&')
}

fn cue_of_key(key: &[u8]) -> Cue {
    if words::counts_failures(key) { Cue::Failures } else { words::cue_after(key, Cue::None) }
}

fn is_status(token: &[u8]) -> bool {
    token.len() == 3 && matches!(at(token, 0), b'1'..=b'5') && token.iter().all(u8::is_ascii_digit)
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

fn exactly_one_mask(inner: &[u8]) -> Option<Mask> {
    Mask::starting(inner).filter(|mask| mask.text().len() == inner.len())
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
