//! A scanner for one JSON object: without recursion, so that no nesting is too deep, and without
//! copies.

use std::borrow::Cow;

/// What is wrong with a line that should be JSON.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no valid JSON at byte {offset}: expected {expected}")]
pub struct Malformed {
    /// Counted from 0.
    pub offset: usize,
    /// What should stand there.
    pub expected: &'static str,
}

/// The members of an object, in order.
pub(super) struct Members<'r> {
    pub(super) list: Vec<Member<'r>>,
    /// Where the closing brace is.
    pub(super) close: usize,
}

/// A member of an object.
#[derive(Clone, Copy)]
pub(super) struct Member<'r> {
    /// The key between its quotation marks, as written.
    pub(super) key: &'r [u8],
    /// Where that ends.
    pub(super) key_end: usize,
    pub(super) value: Value<'r>,
    /// The value's bytes.
    pub(super) raw: &'r [u8],
}

/// A value, as far as the splice looks into it.
#[derive(Clone, Copy)]
pub(super) enum Value<'r> {
    /// Between its quotation marks, as written.
    String(&'r [u8]),
    /// A number, `true`, `false`, `null`.
    Scalar(&'r [u8]),
    /// With its braces.
    Object(&'r [u8]),
    Array,
}

impl<'r> Members<'r> {
    /// The value of the last member called `key`.
    pub(super) fn last(&self, key: &str) -> Option<Value<'r>> {
        self.list.iter().rev().find(|member| member.is(key)).map(|member| member.value)
    }
}

impl Member<'_> {
    fn is(&self, key: &str) -> bool {
        self.key == key.as_bytes()
            || (self.key.len() > key.len()
                && self.key.contains(&b'\\')
                && decode(self.key) == key.as_bytes())
    }
}

/// Scans the object that `record` is, with nothing but white space around it.
pub(super) fn members(record: &[u8]) -> Result<Members<'_>, super::NotARecord> {
    let mut scan = Scan { text: record, at: 0 };
    scan.spaces();
    match scan.peek() {
        Some(b'{') => {}
        Some(b'[' | b'"' | b'-' | b'0'..=b'9' | b't' | b'f' | b'n') if scan.value().is_ok() => {
            scan.end()?;
            return Err(super::NotARecord::OtherJson);
        }
        _ => return Err(scan.expected("a JSON object").into()),
    }
    let members = scan.object()?;
    scan.end()?;
    Ok(members)
}

struct Scan<'r> {
    text: &'r [u8],
    at: usize,
}

impl<'r> Scan<'r> {
    fn object(&mut self) -> Result<Members<'r>, Malformed> {
        let mut list = Vec::new();
        self.at += 1;
        self.spaces();
        if self.peek() != Some(b'}') {
            loop {
                list.push(self.member()?);
                match self.peek() {
                    Some(b',') => self.at += 1,
                    Some(b'}') => break,
                    _ => return Err(self.expected("`,` or `}`")),
                }
                self.spaces();
            }
        }
        self.at += 1;
        Ok(Members { list, close: self.at - 1 })
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
                Ok(Value::Array)
            }
            _ => Ok(Value::Scalar(self.scalar()?)),
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

    /// Gives what stands between the quotation marks.
    fn string(&mut self, expected: &'static str) -> Result<&'r [u8], Malformed> {
        if self.peek() != Some(b'"') {
            return Err(self.expected(expected));
        }
        let from = self.at + 1;
        let mut end = from;
        loop {
            let rest = self.text.get(end..).unwrap_or_default();
            let Some(next) = memchr::memchr2(b'"', b'\\', rest) else {
                self.at = self.text.len();
                return Err(self.expected("the end of a string"));
            };
            end += next;
            if self.text.get(end) == Some(&b'"') {
                self.at = end + 1;
                return Ok(self.text.get(from..end).unwrap_or_default());
            }
            end += 2;
        }
    }

    fn scalar(&mut self) -> Result<&'r [u8], Malformed> {
        let from = self.at;
        while self
            .peek()
            .is_some_and(|b| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'-' | b'.'))
        {
            self.at += 1;
        }
        let scalar = self.since(from);
        let number = scalar.iter().find(|b| **b != b'-').is_some_and(u8::is_ascii_digit)
            && scalar
                .iter()
                .all(|b| b.is_ascii_digit() || matches!(b, b'+' | b'-' | b'.' | b'e' | b'E'));
        if number || matches!(scalar, b"true" | b"false" | b"null") {
            Ok(scalar)
        } else {
            self.at = from;
            Err(self.expected("a value"))
        }
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
/// bytes stay, UTF-8 or not.
pub(super) fn decode(raw: &[u8]) -> Cow<'_, [u8]> {
    let Some(first) = memchr::memchr(b'\\', raw) else { return Cow::Borrowed(raw) };
    let mut text = Vec::with_capacity(raw.len());
    let (mut rest, mut escape) = (raw, Some(first));
    while let Some(at) = escape {
        text.extend_from_slice(rest.get(..at).unwrap_or_default());
        let (decoded, length) = unescape(rest.get(at..).unwrap_or_default());
        text.extend_from_slice(decoded.encode_utf8(&mut [0; 4]).as_bytes());
        rest = rest.get(at + length..).unwrap_or_default();
        escape = memchr::memchr(b'\\', rest);
    }
    text.extend_from_slice(rest);
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
