//! A scanner for one JSON object: without recursion, so that no nesting is too deep, and without
//! copies.

use std::borrow::Cow;

use super::Node;
use crate::swar::next_special;

/// A longer number may be out of range without an exponent.
const LONGEST_NUMBER: usize = 300;

/// What is wrong with a line that should be JSON.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no valid JSON at byte {offset}: expected {expected}")]
pub struct Malformed {
    /// Counted from 0.
    pub offset: usize,
    /// What should stand there.
    pub expected: &'static str,
}

/// A member of an object.
#[derive(Clone, Copy)]
pub(super) struct Member<'r> {
    pub(super) key: Text<'r>,
    /// Where the key ends: at its closing quotation mark.
    pub(super) key_end: usize,
    pub(super) value: Value<'r>,
    /// The value's bytes.
    pub(super) raw: &'r [u8],
}

/// A string between its quotation marks, as written.
#[derive(Clone, Copy)]
pub(super) struct Text<'r> {
    raw: &'r [u8],
    escaped: bool,
}

/// A value, as far as the splice looks into it.
#[derive(Clone, Copy)]
pub(super) enum Value<'r> {
    String(Text<'r>),
    /// A number, `true`, `false`.
    Scalar(&'r [u8]),
    /// With its braces.
    Object(&'r [u8]),
    /// An array or `null`.
    Other,
}

/// What a scan found out about an object beside its members.
#[derive(Clone, Copy, Debug)]
pub(super) struct Scanned {
    /// Where the closing brace is.
    pub(super) close: usize,
    /// It has no members.
    pub(super) is_empty: bool,
    /// A strict reader may refuse it: see [`super::Record::is_doubtful`].
    pub(super) is_doubtful: bool,
}

impl<'r> Text<'r> {
    pub(super) fn decode(self) -> Cow<'r, [u8]> {
        if self.escaped { decode(self.raw) } else { Cow::Borrowed(self.raw) }
    }
}

impl<'r> Node<'r> for Value<'r> {
    fn text(self) -> Option<Cow<'r, [u8]>> {
        match self {
            Value::String(text) => Some(text.decode()),
            Value::Scalar(raw) => Some(Cow::Borrowed(raw)),
            Value::Object(_) | Value::Other => None,
        }
    }

    fn member(self, name: &str) -> Option<Self> {
        match self {
            Value::Object(object) => last(object, name),
            Value::String(_) | Value::Scalar(_) | Value::Other => None,
        }
    }
}

/// Scans the object that `record` is, with nothing but white space around it, and shows each member
/// to `visit`.
pub(super) fn scan<'r>(
    record: &'r [u8],
    visit: impl FnMut(Member<'r>),
) -> Result<Scanned, super::NotARecord> {
    let mut scan = Scan { text: record, at: 0, doubtful: false };
    scan.spaces();
    match scan.peek() {
        Some(b'{') => {}
        Some(b'[' | b'"' | b'-' | b'0'..=b'9' | b't' | b'f' | b'n') if scan.value().is_ok() => {
            scan.end()?;
            return Err(super::NotARecord::OtherJson);
        }
        _ => return Err(scan.expected("a JSON object").into()),
    }
    let (close, is_empty) = scan.object(visit)?;
    scan.end()?;
    Ok(Scanned { close, is_empty, is_doubtful: scan.doubtful })
}

/// The value of the last member of `object` that is called `key`.
fn last<'r>(object: &'r [u8], key: &str) -> Option<Value<'r>> {
    let mut value = None;
    let scanned = scan(object, |member| {
        if *member.key.decode() == *key.as_bytes() {
            value = Some(member.value);
        }
    });
    scanned.ok().and(value)
}

struct Scan<'r> {
    text: &'r [u8],
    at: usize,
    doubtful: bool,
}

impl<'r> Scan<'r> {
    /// Gives where the object closes, and whether it is empty.
    fn object(&mut self, mut visit: impl FnMut(Member<'r>)) -> Result<(usize, bool), Malformed> {
        self.at += 1;
        self.spaces();
        let is_empty = self.peek() == Some(b'}');
        if !is_empty {
            loop {
                visit(self.member()?);
                match self.peek() {
                    Some(b',') => self.at += 1,
                    Some(b'}') => break,
                    _ => return Err(self.expected("`,` or `}`")),
                }
                self.spaces();
            }
        }
        self.at += 1;
        Ok((self.at - 1, is_empty))
    }

    fn member(&mut self) -> Result<Member<'r>, Malformed> {
        let key = self.string("a key in quotation marks")?;
        let key_end = self.at - 1;
        self.colon()?;
        let from = self.at;
        let value = self.value()?;
        let raw = self.since(from);
        self.spaces();
        Ok(Member { key, key_end, value, raw })
    }

    fn colon(&mut self) -> Result<(), Malformed> {
        self.spaces();
        if self.peek() != Some(b':') {
            return Err(self.expected("`:`"));
        }
        self.at += 1;
        self.spaces();
        Ok(())
    }

    fn value(&mut self) -> Result<Value<'r>, Malformed> {
        let from = self.at;
        match self.peek() {
            Some(b'"') => Ok(Value::String(self.string("a string")?)),
            Some(b'{') => {
                self.nested()?;
                Ok(Value::Object(self.since(from)))
            }
            Some(b'[') => {
                self.nested()?;
                Ok(Value::Other)
            }
            _ => Ok(match self.scalar()? {
                b"null" => Value::Other,
                scalar => Value::Scalar(scalar),
            }),
        }
    }

    /// An object or array with everything in it. Which brackets are open is kept as one bit each.
    fn nested(&mut self) -> Result<(), Malformed> {
        let mut open = Open::default();
        loop {
            // A value begins here.
            match self.peek() {
                Some(b'{') => {
                    self.at += 1;
                    self.spaces();
                    if self.peek() != Some(b'}') {
                        open.push(true);
                        self.key()?;
                        continue;
                    }
                    self.at += 1;
                }
                Some(b'[') => {
                    self.at += 1;
                    self.spaces();
                    if self.peek() != Some(b']') {
                        open.push(false);
                        continue;
                    }
                    self.at += 1;
                }
                Some(b'"') => {
                    self.string("a string")?;
                }
                _ => {
                    self.scalar()?;
                }
            }
            // A value ended here.
            loop {
                let Some(in_object) = open.last() else { return Ok(()) };
                self.spaces();
                match (self.peek(), in_object) {
                    (Some(b','), _) => {
                        self.at += 1;
                        self.spaces();
                        if in_object {
                            self.key()?;
                        }
                        break;
                    }
                    (Some(b'}'), true) | (Some(b']'), false) => {
                        self.at += 1;
                        open.pop();
                    }
                    (_, true) => return Err(self.expected("`,` or `}`")),
                    (_, false) => return Err(self.expected("`,` or `]`")),
                }
            }
        }
    }

    fn key(&mut self) -> Result<(), Malformed> {
        self.string("a key in quotation marks")?;
        self.colon()
    }

    fn string(&mut self, expected: &'static str) -> Result<Text<'r>, Malformed> {
        if self.peek() != Some(b'"') {
            return Err(self.expected(expected));
        }
        let from = self.at + 1;
        let (mut end, mut escaped) = (from, false);
        loop {
            end = next_special(self.text, end);
            match self.text.get(end) {
                Some(b'"') => {
                    self.at = end + 1;
                    return Ok(Text { raw: self.text.get(from..end).unwrap_or_default(), escaped });
                }
                Some(b'\\') => {
                    escaped = true;
                    self.doubtful |= !self.is_escape(end);
                    end += 2;
                }
                Some(_) => {
                    self.doubtful = true;
                    end += 1;
                }
                None => {
                    self.at = self.text.len();
                    return Err(self.expected("the end of a string"));
                }
            }
        }
    }

    /// Whether the backslash at `at` begins an escape that JSON has.
    fn is_escape(&self, at: usize) -> bool {
        match self.text.get(at + 1) {
            Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => true,
            Some(b'u') => {
                let digits = self.text.get(at + 2..at + 6);
                digits.is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit))
            }
            _ => false,
        }
    }

    fn scalar(&mut self) -> Result<&'r [u8], Malformed> {
        let from = self.at;
        match self.peek() {
            Some(b'-' | b'0'..=b'9') => self.number()?,
            Some(b'a'..=b'z') => {
                while self.peek().is_some_and(|b| b.is_ascii_lowercase()) {
                    self.at += 1;
                }
                if !matches!(self.since(from), b"true" | b"false" | b"null") {
                    self.at = from;
                    return Err(self.expected("a value"));
                }
            }
            _ => return Err(self.expected("a value")),
        }
        Ok(self.since(from))
    }

    /// A number as RFC 8259 writes it.
    fn number(&mut self) -> Result<(), Malformed> {
        let from = self.at;
        self.at += usize::from(self.peek() == Some(b'-'));
        match self.peek() {
            Some(b'0') => self.at += 1,
            _ => self.digits()?,
        }
        if self.peek() == Some(b'.') {
            self.at += 1;
            self.digits()?;
        }
        if matches!(self.peek(), Some(b'e' | b'E')) {
            self.doubtful = true;
            self.at += 1;
            self.at += usize::from(matches!(self.peek(), Some(b'+' | b'-')));
            self.digits()?;
        }
        self.doubtful |= self.at - from > LONGEST_NUMBER;
        Ok(())
    }

    fn digits(&mut self) -> Result<(), Malformed> {
        let from = self.at;
        while self.peek().is_some_and(|b| b.is_ascii_digit()) {
            self.at += 1;
        }
        if self.at > from { Ok(()) } else { Err(self.expected("a digit")) }
    }

    fn end(&mut self) -> Result<(), Malformed> {
        self.spaces();
        if self.at == self.text.len() { Ok(()) } else { Err(self.expected("the end of the line")) }
    }

    fn spaces(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
    }

    fn peek(&self) -> Option<u8> {
        self.text.get(self.at).copied()
    }

    fn since(&self, from: usize) -> &'r [u8] {
        self.text.get(from..self.at).unwrap_or_default()
    }

    fn expected(&self, expected: &'static str) -> Malformed {
        Malformed { offset: self.at, expected }
    }
}

/// A stack of brackets: a set bit for an object.
#[derive(Default)]
struct Open {
    words: Vec<u64>,
    depth: usize,
}

impl Open {
    fn push(&mut self, object: bool) {
        if self.depth.is_multiple_of(64) {
            self.words.push(0);
        }
        if let Some(word) = self.words.last_mut() {
            *word = (*word << 1) | u64::from(object);
        }
        self.depth += 1;
    }

    fn pop(&mut self) {
        if let Some(word) = self.words.last_mut() {
            *word >>= 1;
        }
        self.depth = self.depth.saturating_sub(1);
        if self.depth.is_multiple_of(64) {
            self.words.pop();
        }
    }

    fn last(&self) -> Option<bool> {
        self.words.last().map(|word| word & 1 == 1)
    }
}

/// Decodes the escapes of a JSON string. Lone surrogates and unknown escapes become U+FFFD; other
/// bytes stay, UTF-8 or not. (Few strings hold any: what reads the others stays small.)
#[inline(never)]
fn decode(raw: &[u8]) -> Cow<'_, [u8]> {
    let mut text = Vec::with_capacity(raw.len());
    let (mut kept, mut at) = (0, 0);
    loop {
        at = next_special(raw, at);
        match raw.get(at) {
            Some(b'\\') => {
                text.extend_from_slice(raw.get(kept..at).unwrap_or_default());
                let (decoded, length) = unescape(raw.get(at..).unwrap_or_default());
                text.extend_from_slice(decoded.encode_utf8(&mut [0; 4]).as_bytes());
                at += length;
                kept = at;
            }
            Some(_) => at += 1,
            None => break,
        }
    }
    text.extend_from_slice(raw.get(kept..).unwrap_or_default());
    Cow::Owned(text)
}

/// The character that an escape stands for, and the escape's length.
fn unescape(escape: &[u8]) -> (char, usize) {
    let simple = |c| (c, 2);
    match escape.get(1) {
        Some(b'n') => simple('\n'),
        Some(b't') => simple('\t'),
        Some(b'r') => simple('\r'),
        Some(b'b') => simple('\u{8}'),
        Some(b'f') => simple('\u{c}'),
        Some(c @ (b'"' | b'\\' | b'/')) => simple(char::from(*c)),
        Some(b'u') => unicode(escape),
        _ => (char::REPLACEMENT_CHARACTER, 2),
    }
}

fn unicode(escape: &[u8]) -> (char, usize) {
    let Some(first) = code_unit(escape) else { return (char::REPLACEMENT_CHARACTER, 2) };
    if (0xd800..0xdc00).contains(&first)
        && let Some(second @ 0xdc00..0xe000) = escape.get(6..).and_then(code_unit)
    {
        let code = 0x1_0000 + ((first - 0xd800) << 10) + (second - 0xdc00);
        return (char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER), 12);
    }
    (char::from_u32(first).unwrap_or(char::REPLACEMENT_CHARACTER), 6)
}

/// `\uXXXX` at the beginning of `escape`.
fn code_unit(escape: &[u8]) -> Option<u32> {
    let [b'\\', b'u', digits @ ..] = escape else { return None };
    digits
        .get(..4)?
        .iter()
        .try_fold(0, |code, digit| Some(code * 16 + char::from(*digit).to_digit(16)?))
}
