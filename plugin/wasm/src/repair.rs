//! What Fluent Bit writes that is not JSON becomes JSON, with the least change.
//!
//! | Fluent Bit writes | for | and it becomes |
//! | --- | --- | --- |
//! | `nan`, `-nan`, `inf`, `-inf` | a float that is no number | `null` |
//! | `1.797693134862316e+308` | the greatest floats, rounded out of range | `±1.7976931348623157e+308` |
//! | `"\x61\xffffff80"` | bytes of an extension type | `"\\x61\\xffffff80"`: the text, not the bytes |
//! | `{1:…}`, `{nan:…}`, `{[1]:…}`, `{{"a":1}:…}` | a key that is no string | the key's text as a string |
//! | a control character in a string | (never, but readers differ) | `\u00…` |
//!
//! Everything else stays byte for byte. What is no object even so, or what is not closed, is
//! hopeless: it would be dropped, and it can crash Fluent Bit, which frees a block twice then.

use memchr::memmem;

/// The object that `record` was meant to be: the record itself, byte for byte, if a strict reader
/// takes it. `None` if it cannot be repaired, or there is no memory for it.
pub fn repair(record: &[u8]) -> Option<Vec<u8>> {
    let mut repair = Repair { text: record, at: 0, out: Vec::new() };
    repair.out.try_reserve(record.len().checked_add(record.len() / 2)?).ok()?;
    repair.spaces();
    repair.object()?;
    repair.spaces();
    (repair.at == record.len()).then_some(repair.out)
}

/// An object in which `record` is the text of one member: for what cannot be repaired. `None` if
/// there is no memory for it.
pub fn quote(record: &[u8]) -> Option<Vec<u8>> {
    let mut out = Vec::new();
    out.try_reserve(record.len().checked_mul(6)?.checked_add(64)?).ok()?;
    out.extend_from_slice(b"{\"logtriage_unreadable\":\"");
    for chunk in record.utf8_chunks() {
        chunk.valid().bytes().for_each(|byte| push_quoted(byte, &mut out));
        if !chunk.invalid().is_empty() {
            out.extend_from_slice("\u{fffd}".as_bytes());
        }
    }
    out.extend_from_slice(b"\"}");
    Some(out)
}

/// The least magnitude that is out of range when it is read, as Fluent Bit prints the greatest
/// floats (`%.16g`).
const ROUNDED_OUT_OF_RANGE: &[u8] = b"1.797693134862316e+308";

/// The greatest float there is.
const GREATEST: &[u8] = b"1.7976931348623157e+308";

/// One pass over the record. A stack of its own instead of recursion: no nesting is too deep.
struct Repair<'r> {
    text: &'r [u8],
    at: usize,
    out: Vec<u8>,
}

/// An open bracket.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Open {
    Object,
    Array,
}

impl Repair<'_> {
    fn object(&mut self) -> Option<()> {
        if self.peek() != Some(b'{') {
            return None;
        }
        let mut open = Vec::new();
        // Each round begins where a value begins.
        loop {
            match self.peek()? {
                b'{' => {
                    self.keep(1);
                    self.spaces();
                    if self.peek() != Some(b'}') {
                        open.push(Open::Object);
                        self.key()?;
                        continue;
                    }
                    self.keep(1);
                }
                b'[' => {
                    self.keep(1);
                    self.spaces();
                    if self.peek() != Some(b']') {
                        open.push(Open::Array);
                        continue;
                    }
                    self.keep(1);
                }
                b'"' => self.string()?,
                _ => self.scalar()?,
            }
            if self.after_value(&mut open)? {
                return Some(());
            }
        }
    }

    /// Goes on to where the next value begins. Says whether the outermost object is closed.
    fn after_value(&mut self, open: &mut Vec<Open>) -> Option<bool> {
        loop {
            let Some(last) = open.last().copied() else { return Some(true) };
            self.spaces();
            match (self.peek()?, last) {
                (b',', _) => {
                    self.keep(1);
                    self.spaces();
                    if last == Open::Object {
                        self.key()?;
                    }
                    return Some(false);
                }
                (b'}', Open::Object) | (b']', Open::Array) => {
                    self.keep(1);
                    open.pop();
                }
                _ => return None,
            }
        }
    }

    /// A key and its colon, up to where the value begins.
    fn key(&mut self) -> Option<()> {
        match self.peek()? {
            b'"' => self.string()?,
            _ => self.bare_key()?,
        }
        self.spaces();
        if self.peek() != Some(b':') {
            return None;
        }
        self.keep(1);
        self.spaces();
        Some(())
    }

    /// A key that is no string: everything up to its colon, as a string.
    fn bare_key(&mut self) -> Option<()> {
        let end = self.at + bare_key_length(self.text.get(self.at..)?)?;
        self.out.push(b'"');
        for byte in self.text.get(self.at..end)? {
            push_quoted(*byte, &mut self.out);
        }
        self.out.push(b'"');
        self.at = end;
        Some(())
    }

    /// A string. Escapes that JSON does not have become their own text.
    fn string(&mut self) -> Option<()> {
        self.keep(1);
        loop {
            match self.peek()? {
                b'"' => {
                    self.keep(1);
                    return Some(());
                }
                b'\\' => match self.text.get(self.at + 1)? {
                    b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't' => self.keep(2),
                    b'u' if self.is_code_unit() => self.keep(6),
                    _ => {
                        self.out.extend_from_slice(b"\\\\");
                        self.at += 1;
                    }
                },
                byte if byte < 0x20 => {
                    push_quoted(byte, &mut self.out);
                    self.at += 1;
                }
                _ => self.keep(self.plain()),
            }
        }
    }

    /// `\uXXXX`.
    fn is_code_unit(&self) -> bool {
        let digits = self.text.get(self.at + 2..self.at + 6);
        digits.is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit))
    }

    /// How many bytes of a string stay as they are.
    fn plain(&self) -> usize {
        let rest = self.text.get(self.at..).unwrap_or_default();
        let special = |b: &u8| matches!(b, b'"' | b'\\') || *b < 0x20;
        rest.iter().position(special).unwrap_or(rest.len()).max(1)
    }

    fn scalar(&mut self) -> Option<()> {
        let rest = self.text.get(self.at..)?;
        let end = rest.iter().position(|b| !is_scalar(*b)).unwrap_or(rest.len());
        let scalar = rest.get(..end)?;
        let unsigned = scalar.strip_prefix(b"-").unwrap_or(scalar);
        match unsigned {
            b"true" | b"false" | b"null" if scalar == unsigned => self.keep(end),
            b"nan" | b"inf" => self.replace(end, b"null"),
            _ if !is_number(unsigned) => return None,
            _ if is_out_of_range(unsigned) => {
                self.keep(scalar.len() - unsigned.len());
                self.replace(unsigned.len(), GREATEST);
            }
            _ => self.keep(end),
        }
        Some(())
    }

    fn spaces(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.keep(1);
        }
    }

    fn peek(&self) -> Option<u8> {
        self.text.get(self.at).copied()
    }

    /// The next `count` bytes stay.
    fn keep(&mut self, count: usize) {
        let end = self.at.saturating_add(count);
        self.out.extend_from_slice(self.text.get(self.at..end).unwrap_or_default());
        self.at = end;
    }

    /// The next `count` bytes become `other`.
    fn replace(&mut self, count: usize, other: &[u8]) {
        self.out.extend_from_slice(other);
        self.at += count;
    }
}

/// One byte of a text between quotation marks.
fn push_quoted(byte: u8, out: &mut Vec<u8>) {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    match byte {
        b'"' | b'\\' => out.extend_from_slice(&[b'\\', byte]),
        0..0x20 | 0x7f => {
            let digit = |four: u8| DIGITS.get(usize::from(four)).copied().unwrap_or(b'0');
            out.extend_from_slice(&[b'\\', b'u', b'0', b'0', digit(byte >> 4), digit(byte & 15)]);
        }
        _ => out.push(byte),
    }
}

/// Bytes up to the colon behind a key that is no string: brackets in it are balanced, and strings
/// are closed.
fn bare_key_length(text: &[u8]) -> Option<usize> {
    let (mut depth, mut at) = (0_usize, 0);
    loop {
        match text.get(at)? {
            b'{' | b'[' => depth += 1,
            b'}' | b']' => depth = depth.checked_sub(1)?,
            b'"' => at += string_length(text.get(at..)?)? - 1,
            b':' | b',' if depth == 0 => break,
            _ => {}
        }
        at += 1;
    }
    (at > 0 && text.get(at) == Some(&b':')).then_some(at)
}

/// Bytes of the string at the beginning of `text`, with its quotation marks.
fn string_length(text: &[u8]) -> Option<usize> {
    let mut at = 1;
    loop {
        match text.get(at)? {
            b'"' => return Some(at + 1),
            b'\\' => at += 2,
            _ => at += 1,
        }
    }
}

fn is_scalar(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.')
}

/// A number as RFC 8259 writes it, without its sign.
fn is_number(text: &[u8]) -> bool {
    let (whole, rest) = digits(text);
    let (fraction, rest) = match rest.strip_prefix(b".") {
        Some(rest) => digits(rest),
        None => (1, rest),
    };
    let (exponent, rest) = match rest.strip_prefix(b"e").or_else(|| rest.strip_prefix(b"E")) {
        Some(rest) => digits(rest.strip_prefix(b"+").or(rest.strip_prefix(b"-")).unwrap_or(rest)),
        None => (1, rest),
    };
    let leading_zero = whole > 1 && text.starts_with(b"0");
    whole > 0 && !leading_zero && fraction > 0 && exponent > 0 && rest.is_empty()
}

/// How many digits `text` begins with, and what follows them.
fn digits(text: &[u8]) -> (usize, &[u8]) {
    let count = text.iter().position(|b| !b.is_ascii_digit()).unwrap_or(text.len());
    (count, text.get(count..).unwrap_or_default())
}

/// Whether a number has no 64-bit float near it.
fn is_out_of_range(number: &[u8]) -> bool {
    let has_exponent = memmem::find(number, b"e").or(memmem::find(number, b"E")).is_some();
    number == ROUNDED_OUT_OF_RANGE
        || (has_exponent || number.len() > 308)
            && std::str::from_utf8(number)
                .ok()
                .and_then(|text| text.parse::<f64>().ok())
                .is_none_or(f64::is_infinite)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn repaired(record: &str) -> Option<String> {
        repair(record.as_bytes()).map(|out| String::from_utf8(out).expect("UTF-8"))
    }

    #[test]
    fn what_fluent_bit_writes_becomes_json() {
        let cases = [
            (r#"{"a":nan,"b":-nan,"c":[inf,-inf]}"#, r#"{"a":null,"b":null,"c":[null,null]}"#),
            (r#"{"a":1.797693134862316e+308}"#, r#"{"a":1.7976931348623157e+308}"#),
            (r#"{"a":-1.797693134862316e+308}"#, r#"{"a":-1.7976931348623157e+308}"#),
            (r#"{"a":1e400}"#, r#"{"a":1.7976931348623157e+308}"#),
            (r#"{"a":"\x61\xffffff80"}"#, r#"{"a":"\\x61\\xffffff80"}"#),
            (
                r#"{1:"a",-1.5:2,null:3,true:4,nan:5}"#,
                r#"{"1":"a","-1.5":2,"null":3,"true":4,"nan":5}"#,
            ),
            (r#"{[1,"a:,}\""]:1}"#, r#"{"[1,\"a:,}\\\"\"]":1}"#),
            (r#"{{"a":1}:{{}:2}}"#, r#"{"{\"a\":1}":{"{}":2}}"#),
            (r#"{"\x01":1}"#, r#"{"\\x01":1}"#),
            ("{\"a\":\"\u{1}\n\"}", r#"{"a":"\u0001\u000a"}"#),
            (r#"{"a":"\u12"}"#, r#"{"a":"\\u12"}"#),
        ];
        for (record, expected) in cases {
            assert_eq!(repaired(record).as_deref(), Some(expected), "{record}");
        }
    }

    #[test]
    fn json_stays_byte_for_byte() {
        for record in [
            "{}",
            " {\t\"a\" : [ ] , \"b\" : { } } \n",
            r#"{"a":"\u0041\ud800\"\\\/\b\f\n\r\t","a":-0.0,"b":1e-400,"c":1.5E+3,"d":[1,[2,{}]]}"#,
            r#"{"a":123456789012345678901234567890,"ü":"é"}"#,
        ] {
            assert_eq!(repaired(record).as_deref(), Some(record));
        }
    }

    #[test]
    fn what_is_no_object_is_hopeless() {
        for record in [
            "",
            " ",
            "[]",
            "1",
            "null",
            "{",
            "}",
            "{}}",
            "{}{}",
            "{,}",
            "{\"a\"}",
            "{\"a\":}",
            "{\"a\":1,}",
            "{\"a\":01}",
            "{\"a\":+1}",
            "{\"a\":.5}",
            "{\"a\":1.}",
            "{\"a\":NaN}",
            "{\"a\":tru}",
            "{\"a\":-true}",
            "{\"a\":\"}",
            "{\"a\":[1}",
            "{a,b:1}",
            "{:1}",
            "{]:1}",
        ] {
            assert_eq!(repaired(record), None, "{record}");
        }
    }

    #[test]
    fn the_hopeless_can_be_quoted() {
        let quoted = quote(b"[1,\"\\x\0\xff\xe2\x82").expect("memory");
        let read: serde_json::Value = serde_json::from_slice(&quoted).expect("JSON");
        assert_eq!(read["logtriage_unreadable"], "[1,\"\\x\0\u{fffd}\u{fffd}");
    }

    #[test]
    fn no_nesting_is_too_deep() {
        let deep = format!("{{\"a\":{}nan{}}}", "[".repeat(100_000), "]".repeat(100_000));
        assert_eq!(repaired(&deep), Some(deep.replace("nan", "null")));
    }

    proptest! {
        /// Whatever comes in, what comes out is an object for a strict reader, and stays as it is.
        #[test]
        fn what_is_repaired_is_json(record in soup()) {
            if let Some(out) = repaired(&record) {
                let read: Result<serde_json::Value, _> = serde_json::from_str(&out);
                prop_assert!(read.is_ok_and(|value| value.is_object()), "{out}");
                prop_assert_eq!(repaired(&out), Some(out));
            }
        }

        #[test]
        fn arbitrary_bytes_can_be_quoted(record in prop::collection::vec(any::<u8>(), 0..60)) {
            let quoted = quote(&record).expect("memory");
            let read: serde_json::Value = serde_json::from_slice(&quoted).expect("JSON");
            prop_assert_eq!(&read["logtriage_unreadable"], &*String::from_utf8_lossy(&record));
        }
    }

    /// Pieces of records in any order; more often than not nothing that can be repaired.
    fn soup() -> impl Strategy<Value = String> {
        let piece = prop::sample::select(vec![
            "{",
            "}",
            "[",
            "]",
            ",",
            ":",
            "\"a\":",
            "\"b\"",
            "nan",
            "-inf",
            "1",
            "-2.5e-3",
            "1.797693134862316e+308",
            "\"\\x61\"",
            "\"\\u00\"",
            "1:",
            "[1]:",
            "{}:",
            " ",
            "null",
        ]);
        prop::collection::vec(piece, 0..12).prop_map(|pieces| format!("{{{}}}", pieces.concat()))
    }
}
