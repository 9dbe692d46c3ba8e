//! What a token with a digit in it is: a time, an address, a number, an id, or a word after all.

use super::chars::{DIGIT, DOT, at, digits, in_token, in_word, part, run};
use super::pins::Original;
use super::words::{self, Unit};
use crate::swar::{chunk, each, mark, non_digits};

/// What stands in the template for a value.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Mask {
    /// A value that only its place gives away.
    Any,
    Number,
    /// A number of bytes with its unit.
    Size,
    /// A number with its unit of time.
    Duration,
    Time,
    Ip,
    Mac,
    Host,
    Email,
    Url,
    Path,
    Uuid,
    Hex,
    Id,
    /// An exit code other than zero.
    NonZero,
    /// The status of a request that the server answered as it should: 1xx to 4xx in an access log.
    Status,
    // The class of an HTTP status.
    Status1xx,
    Status2xx,
    Status3xx,
    Status4xx,
    Status5xx,
}

/// Every mask, in the order of the enum, and its text.
const MASKS: [(Mask, &str); 21] = [
    (Mask::Any, "<*>"),
    (Mask::Number, "<num>"),
    (Mask::Size, "<size>"),
    (Mask::Duration, "<dur>"),
    (Mask::Time, "<time>"),
    (Mask::Ip, "<ip>"),
    (Mask::Mac, "<mac>"),
    (Mask::Host, "<host>"),
    (Mask::Email, "<email>"),
    (Mask::Url, "<url>"),
    (Mask::Path, "<path>"),
    (Mask::Uuid, "<uuid>"),
    (Mask::Hex, "<hex>"),
    (Mask::Id, "<id>"),
    (Mask::NonZero, "<nonzero>"),
    (Mask::Status, "<status>"),
    (Mask::Status1xx, "<1xx>"),
    (Mask::Status2xx, "<2xx>"),
    (Mask::Status3xx, "<3xx>"),
    (Mask::Status4xx, "<4xx>"),
    (Mask::Status5xx, "<5xx>"),
];

/// A mask is written as this many bytes, of which its length counts: one store of a fixed size.
pub(super) const LONGEST_MASK: usize = 16;

static PADDED: [[u8; LONGEST_MASK]; MASKS.len()] = {
    let mut padded = [[0; LONGEST_MASK]; MASKS.len()];
    let mut mask = 0;
    while mask < MASKS.len() {
        assert!(MASKS[mask].0 as usize == mask, "the order of the enum");
        let text = MASKS[mask].1.as_bytes();
        padded[mask].split_at_mut(text.len()).0.copy_from_slice(text);
        mask += 1;
    }
    padded
};

static LENGTHS: [u8; MASKS.len()] = {
    let mut lengths = [0; MASKS.len()];
    let mut mask = 0;
    while mask < MASKS.len() {
        lengths[mask] = MASKS[mask].1.len() as u8;
        mask += 1;
    }
    lengths
};

impl Mask {
    /// The text, with zeros behind it.
    #[inline]
    pub(super) fn padded(self) -> &'static [u8; LONGEST_MASK] {
        &PADDED[self as usize]
    }

    /// How long the text is.
    #[inline]
    pub(super) fn length(self) -> usize {
        usize::from(LENGTHS[self as usize])
    }

    /// The mask of a status by its first digit.
    pub(super) fn status_class(class: u8) -> Option<Self> {
        match class {
            b'1' => Some(Self::Status1xx),
            b'2' => Some(Self::Status2xx),
            b'3' => Some(Self::Status3xx),
            b'4' => Some(Self::Status4xx),
            b'5' => Some(Self::Status5xx),
            _ => None,
        }
    }

    /// The mask that stands at `at`: templates are masked again when they are loaded.
    #[inline]
    pub(super) fn starting(text: &[u8], original: &mut Original<'_>, at: usize) -> Option<Self> {
        if text.get(at) != Some(&b'<') {
            return None;
        }
        Self::behind_angle(part(text, at, text.len()), original, at)
    }

    #[inline(never)]
    fn behind_angle(text: &[u8], original: &mut Original<'_>, at: usize) -> Option<Self> {
        if text.starts_with(b"<0xx>") {
            return Self::status_class(original.digit(at + 1));
        }
        MASKS.iter().find(|(_, name)| text.starts_with(name.as_bytes())).map(|(mask, _)| *mask)
    }
}

/// What a value turned out to be.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Value {
    /// Masked up to this end, which may lie beyond the token.
    Masked(Mask, usize),
    /// A word with a number behind it (`eth0`): the word's length.
    Numbered(usize),
    /// A word although it has a digit (`ssh2`, `Http2Stream`).
    Word,
}

/// Decides what the token `part(text, start, end)` is. It holds at least one digit.
pub(super) fn classify(
    text: &[u8],
    original: &mut Original<'_>,
    start: usize,
    end: usize,
    seen: u8,
) -> Value {
    let token = part(text, start, end);
    let masked = |mask| Value::Masked(mask, end);
    if seen == DIGIT && !matches!(at(text, end), b':' | b'/') {
        return masked(Mask::Number);
    }
    if at(token, 0).is_ascii_digit() {
        let separator = at(text, start + digits(text, start));
        if matches!(separator, b':' | b'-' | b'/' | b'.' | b'T')
            && let Some(end) = date_time(text, start)
        {
            return Value::Masked(Mask::Time, end);
        }
        if separator == b'.'
            && let Some(end) = ipv4(text, start)
        {
            return Value::Masked(Mask::Ip, with_port(text, end));
        }
    }
    if at(text, end) == b':'
        && let Some((mask, end)) = colon_address(text, start)
    {
        return Value::Masked(mask, end);
    }
    if let Some(mask) = number(token) {
        return masked(mask);
    }
    if at(token, 0).is_ascii_alphabetic() && words::is_term(token, || original.part(start, end)) {
        return Value::Word;
    }
    if let Some(mask) = fixed_shape(token, || original.digit(start)) {
        return masked(mask);
    }
    if let Some(prefix) = numbered(token) {
        return Value::Numbered(prefix);
    }
    if seen & DOT != 0
        && token.contains(&b'.')
        && let Some(value) = dotted(text, original, start, end)
    {
        return value;
    }
    if is_identifier(token) { Value::Word } else { Value::Masked(Mask::Id, with_port(text, end)) }
}

/// `-12`, `1.5`, `2.4.1`, `1e9`, `3rd`, `64KB`, `1h30m`: digits with at most a unit.
fn number(token: &[u8]) -> Option<Mask> {
    let sign = usize::from(at(token, 0) == b'-');
    let body = sign
        + run(part(token, sign, token.len()), 0, |b| b.is_ascii_digit() || b == b'.' || b == b'-');
    if body == sign {
        return None;
    }
    let rest = part(token, body, token.len());
    if rest.is_empty() {
        return Some(Mask::Number);
    }
    match words::unit(rest) {
        Some(Unit::Bytes) => return Some(Mask::Size),
        Some(Unit::Time) => return Some(Mask::Duration),
        None => {}
    }
    if matches!(rest, b"st" | b"nd" | b"rd" | b"th" | b"x" | b"X" | b"L" | b"d" | b"bit" | b"bits")
    {
        return Some(Mask::Number);
    }
    if is_exponent(rest) {
        return Some(Mask::Number);
    }
    is_compound_duration(part(token, sign, token.len())).then_some(Mask::Duration)
}

fn is_exponent(rest: &[u8]) -> bool {
    rest.len() > 1
        && matches!(at(rest, 0), b'e' | b'E')
        && part(rest, 1, rest.len()).iter().enumerate().all(|(i, b)| {
            b.is_ascii_digit() || (i == 0 && matches!(b, b'-' | b'+') && rest.len() > 2)
        })
}

/// `1h30m`, `2m3.5s`, `1d2h`: what Go and systemd print.
fn is_compound_duration(token: &[u8]) -> bool {
    let mut from = 0;
    while from < token.len() {
        let number = run(token, from, |b| b.is_ascii_digit() || b == b'.');
        let unit = run(token, from + number, |b| b.is_ascii_alphabetic());
        let name = part(token, from + number, from + number + unit);
        if number == 0
            || !matches!(name, b"d" | b"h" | b"m" | b"min" | b"s" | b"ms" | b"us" | b"ns")
        {
            return false;
        }
        from += number + unit;
    }
    true
}

/// Shapes without a joint of their own, and UUIDs.
fn fixed_shape(token: &[u8], first: impl FnOnce() -> u8) -> Option<Mask> {
    let hex = |b: &u8| b.is_ascii_hexdigit();
    if let [b'0', b'x' | b'X', digits @ ..] = token
        && digits.iter().all(hex)
        && first() == b'0'
    {
        return Some(Mask::Hex);
    }
    if is_uuid(token) {
        return Some(Mask::Uuid);
    }
    (token.len() >= 6 && token.iter().all(hex)).then_some(Mask::Hex)
}

fn is_uuid(token: &[u8]) -> bool {
    token.len() == 36
        && token.iter().enumerate().all(|(i, b)| {
            if matches!(i, 8 | 13 | 18 | 23) { *b == b'-' } else { b.is_ascii_hexdigit() }
        })
}

/// `eth0`, `worker12`: letters, then digits, nothing else. Gives the length of the letters.
fn numbered(token: &[u8]) -> Option<usize> {
    let letters = run(token, 0, |b| b.is_ascii_alphabetic());
    (letters >= 2 && letters + digits(token, letters) == token.len()).then_some(letters)
}

/// Tokens with dots: versions, file names, host names, class names.
fn dotted(text: &[u8], original: &mut Original<'_>, start: usize, end: usize) -> Option<Value> {
    let token = part(text, start, end);
    let last = words::last_part(token);
    if words::is_data_extension(last, || original.part(end - last.len(), end)) {
        return Some(Value::Masked(Mask::Path, end));
    }
    if matches!(at(token, 0), b'v' | b'V') && at(token, 1).is_ascii_digit() {
        return Some(Value::Masked(Mask::Number, end));
    }
    let class_name = last.first().is_some_and(u8::is_ascii_uppercase)
        && last.iter().any(u8::is_ascii_lowercase)
        && !last.iter().any(u8::is_ascii_digit);
    if class_name {
        return Some(Value::Word);
    }
    let dots = token.iter().filter(|b| **b == b'.').count();
    let host =
        words::is_host_ending(last) || (dots >= 2 && last.iter().all(u8::is_ascii_lowercase));
    host.then(|| Value::Masked(Mask::Host, with_port(text, end)))
}

/// A name from source code that merely holds a digit (`Log4jLogger`, `jk2_init`, `v1beta1`): at
/// most two digits in a row, once, with letters after them and enough letters in all.
fn is_identifier(token: &[u8]) -> bool {
    if at(token, 0).is_ascii_digit() || at(token, token.len().wrapping_sub(1)).is_ascii_digit() {
        return false;
    }
    let before = run(token, 0, |b| !b.is_ascii_digit());
    let number = digits(token, before);
    let after = part(token, before + number, token.len());
    before > 0
        && number <= 2
        && !after.is_empty()
        && !after.iter().any(|b| b.is_ascii_digit())
        && !token.contains(&b'-')
        && token.iter().filter(|b| b.is_ascii_alphabetic()).count() >= 5
}

/// Numbers that dots join: `1.5`, `2.4.1`, `10.0.0.1`.
pub(super) struct Numbers {
    /// How many there are; more than five count as five.
    pub(super) count: usize,
    /// How many digits the longest one has.
    longest: usize,
    pub(super) end: usize,
}

impl Numbers {
    /// Those of which the first has so many digits, at least one, and ends at `end`.
    #[inline]
    pub(super) fn behind(text: &[u8], digits: usize, end: usize) -> Self {
        let mut numbers = Self { count: 1, longest: digits, end };
        while numbers.count < 5 && at(text, numbers.end) == b'.' {
            let digits = self::digits(text, numbers.end + 1);
            if digits == 0 {
                break;
            }
            numbers.count += 1;
            numbers.longest = numbers.longest.max(digits);
            numbers.end += 1 + digits;
        }
        numbers
    }

    /// Where they end, if they are a dotted quad with an optional prefix length.
    pub(super) fn ipv4(&self, text: &[u8]) -> Option<usize> {
        if self.count != 4 || self.longest > 3 {
            return None;
        }
        let prefix = if at(text, self.end) == b'/' { digits(text, self.end + 1) } else { 0 };
        let end = self.end + if matches!(prefix, 1 | 2) { 1 + prefix } else { 0 };
        let ends =
            !in_token(at(text, end)) || (at(text, end) == b'.' && !in_word(at(text, end + 1)));
        ends.then_some(end)
    }
}

/// A dotted quad with an optional prefix length.
pub(super) fn ipv4(text: &[u8], start: usize) -> Option<usize> {
    let digits = digits(text, start);
    if digits == 0 { None } else { Numbers::behind(text, digits, start + digits).ipv4(text) }
}

/// A port behind an address belongs to it.
pub(super) fn with_port(text: &[u8], end: usize) -> usize {
    let length = digits(text, end + 1);
    if at(text, end) == b':' && (1..=5).contains(&length) && !in_word(at(text, end + 1 + length)) {
        end + 1 + length
    } else {
        end
    }
}

/// IPv6 and MAC addresses: hexadecimal groups joined by colons.
pub(super) fn colon_address(text: &[u8], start: usize) -> Option<(Mask, usize)> {
    let mut end = start;
    let (mut groups, mut colons, mut pairs, mut digit) = (0, 0, 0, false);
    loop {
        let group = run(text, end, |b| b.is_ascii_hexdigit());
        if group > 4 {
            return None;
        }
        digit |= part(text, end, end + group).iter().any(u8::is_ascii_digit);
        groups += usize::from(group > 0);
        pairs += usize::from(group == 2);
        end += group;
        let next = at(text, end + 1);
        if at(text, end) != b':' || !(next.is_ascii_hexdigit() || next == b':') || colons == 8 {
            break;
        }
        colons += 1;
        end += 1;
    }
    if in_word(at(text, end)) {
        return None;
    }
    let length = end - start;
    // Before a mask these are the first of many groups: what was too long to be an address.
    let goes_on = at(text, end) == b':' && at(text, end + 1) == b'<';
    if groups == 6 && pairs == 6 && colons == 5 && length == 17 && !goes_on {
        return Some((Mask::Mac, end));
    }
    let shortened = part(text, start, end).windows(2).any(|pair| pair == b"::");
    let whole = colons == 7 && groups == 8;
    // Eight groups and a port, as Java prints a socket address.
    let with_port = colons == 8 && groups == 9;
    (digit && (whole || with_port || (shortened && colons >= 2 && groups >= 1)))
        .then_some((Mask::Ip, end))
}

/// A date, a time of day, or both, as loggers and standards write them.
#[inline(never)]
pub(super) fn date_time(text: &[u8], start: usize) -> Option<usize> {
    let Some(date) = date(text, start) else {
        return time(text, start);
    };
    let glued = match at(text, date) {
        b'T' | b't' | b' ' | b'_' | b'-' | b':' => time_of_day(text, date + 1),
        _ => None,
    };
    let end = glued.unwrap_or(date);
    ends_value(text, end).then_some(end)
}

/// A time of day.
pub(super) fn time(text: &[u8], start: usize) -> Option<usize> {
    time_of_day(text, start).filter(|end| ends_value(text, *end))
}

fn ends_value(text: &[u8], end: usize) -> bool {
    !in_word(at(text, end))
}

/// `2026-11-23` and other forms.
fn date(text: &[u8], start: usize) -> Option<usize> {
    let chunk = chunk(text, start);
    let (first, second) = (chunk >> 32 & 0xff, chunk >> 56);
    let is_iso = non_digits(chunk) == mark(4) | mark(7)
        && first == second
        && matches!(first as u8, b'-' | b'/');
    if !is_iso {
        return other_date(text, start);
    }
    let day = digits(text, start + 8);
    matches!(day, 1 | 2).then_some(start + 8 + day)
}

/// `2026.1.23`, `26/11/23`, `23.11.2026`, `23/Nov/2026`, `23-Nov-2026`, `20261123-` before a time.
#[inline(never)]
fn other_date(text: &[u8], start: usize) -> Option<usize> {
    let first = digits(text, start);
    let separator = at(text, start + first);
    if first == 8 && matches!(separator, b'-' | b'T') {
        let time = start + first + 1;
        return time_of_day(text, time).map(|_| start + first);
    }
    if !matches!(separator, b'-' | b'/' | b'.') || !matches!(first, 1 | 2 | 4) {
        return None;
    }
    let middle_at = start + first + 1;
    let middle = digits(text, middle_at);
    let month = run(text, middle_at, |b| b.is_ascii_alphabetic());
    let named = month == 3 && words::is_day_or_month(part(text, middle_at, middle_at + 3));
    let middle = if named { 3 } else { middle };
    if middle == 0
        || middle > 3
        || (!named && middle > 2)
        || at(text, middle_at + middle) != separator
    {
        return None;
    }
    let last_at = middle_at + middle + 1;
    let last = digits(text, last_at);
    let plausible = match (first, last) {
        (4, 1 | 2) | (1 | 2, 4) => true,
        (2, 2) => separator == b'/',
        _ => false,
    };
    let end = last_at + last;
    (plausible && !(separator == b'.' && at(text, end) == b'.')).then_some(end)
}

/// `18:06:18`, `18:06:18,045`, `18:06:18.045Z`, `18:06:18+02:00`, `18:06`.
#[inline(never)]
fn time_of_day(text: &[u8], start: usize) -> Option<usize> {
    let chunk = chunk(text, start);
    let colons = 0xff << 16 | 0xff << 40;
    let is_clock = non_digits(chunk) == mark(2) | mark(5)
        && chunk & colons == each(b':') & colons
        && !at(text, start + 8).is_ascii_digit();
    if is_clock { Some(behind_seconds(text, start + 8)) } else { other_time(text, start) }
}

/// `8:06:18`, `18:06`.
#[inline(never)]
fn other_time(text: &[u8], start: usize) -> Option<usize> {
    let hours = digits(text, start);
    if !(1..=2).contains(&hours) || at(text, start + hours) != b':' {
        return None;
    }
    let minutes_at = start + hours + 1;
    if digits(text, minutes_at) != 2 {
        return None;
    }
    let end = minutes_at + 2;
    if at(text, end) == b':' && digits(text, end + 1) == 2 {
        Some(behind_seconds(text, end + 3))
    } else if hours != 2 || at(text, end) == b':' {
        None
    } else {
        Some(with_zone(text, end))
    }
}

/// Fractions of a second and a zone belong to the time.
#[inline]
fn behind_seconds(text: &[u8], end: usize) -> usize {
    let fraction = match at(text, end) {
        b'.' | b',' | b':' => digits(text, end + 1),
        _ => 0,
    };
    with_zone(text, if fraction > 0 { end + 1 + fraction } else { end })
}

#[inline]
fn with_zone(text: &[u8], end: usize) -> usize {
    match at(text, end) {
        b'Z' | b'z' if !in_word(at(text, end + 1)) => end + 1,
        b'+' | b'-' => {
            let hours = digits(text, end + 1);
            match hours {
                4 => end + 5,
                2 if at(text, end + 3) == b':' && digits(text, end + 4) == 2 => end + 6,
                2 => end + 3,
                _ => end,
            }
        }
        _ => end,
    }
}
