//! What Fluent Bit's `wasm` filter makes of an answer.

use serde::de::IgnoredAny;

use crate::Lost;

/// The exported function that shipped configs name.
pub const FUNCTION: &str = "logtriage";

/// The record that goes on, if the filter takes the answer for one.
///
/// # Errors
/// The filter would drop the record.
pub fn record(answer: Vec<u8>) -> Result<Vec<u8>, Lost> {
    if answer.is_empty() {
        return Err(Lost::NoAnswer);
    }
    if is_object(&answer) { Ok(answer) } else { Err(Lost::NotAnObject(answer)) }
}

/// One JSON object and nothing after it, whose numbers have a 64-bit float near them. Control
/// characters in strings are taken, as the filter's reader does.
pub fn is_object(answer: &[u8]) -> bool {
    let readable: Vec<u8> = answer.iter().map(|byte| readable(*byte)).collect();
    let begins = readable.trim_ascii_start().starts_with(b"{");
    begins
        && serde_json::from_slice::<IgnoredAny>(&readable).is_ok()
        && numbers(&readable).all(|number| number.parse().is_ok_and(f64::is_finite))
}

/// The numbers of a JSON text.
fn numbers(json: &[u8]) -> impl Iterator<Item = &str> {
    let (mut in_string, mut escaped) = (false, false);
    let tokens = json.split(move |byte| {
        let quote = *byte == b'"' && !escaped;
        escaped = in_string && *byte == b'\\' && !escaped;
        in_string ^= quote;
        in_string || !(byte.is_ascii_alphanumeric() || b"+-.".contains(byte))
    });
    let is_number = |token: &&[u8]| matches!(token.first(), Some(b'-' | b'0'..=b'9'));
    tokens.filter(is_number).filter_map(|token| std::str::from_utf8(token).ok())
}

/// Keeps what is white space outside of strings, and makes other control characters letters, which
/// are an error there.
fn readable(byte: u8) -> u8 {
    match byte {
        b'\t' | b'\n' | b'\r' => b' ',
        0..0x20 => b'x',
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn objects_are_kept_and_everything_else_is_lost() {
        for kept in [
            "{}",
            " {\"a\":[1,{\"b\":null}]}\n",
            "{\"a\":\"tab\there\"}",
            r#"{"a":"\" 1e400","b":-1.5e+308}"#,
        ] {
            assert_eq!(record(kept.into()), Ok(kept.into()), "{kept}");
        }
        assert_eq!(record(Vec::new()), Err(Lost::NoAnswer));
        let lost = [
            "[]",
            "1",
            " ",
            "{",
            "{}{}",
            "{\"a\":nan}",
            "{\"a\":\"\\x61\"}",
            "{1:2}",
            "\u{1}{}",
            "{\"a\":[\"\\\\\",1e400]}",
            "{\"a\":-1.797693134862316e+308}",
        ];
        for lost in lost {
            assert_eq!(record(lost.into()), Err(Lost::NotAnObject(lost.into())), "{lost}");
        }
    }

    #[test]
    fn depth_does_not_matter() {
        let deep = format!("{{\"a\":{}1{}}}", "[".repeat(100_000), "]".repeat(100_000));
        assert!(is_object(deep.as_bytes()));
        assert!(!is_object(&deep.as_bytes()[..deep.len() - 1]));
    }
}
