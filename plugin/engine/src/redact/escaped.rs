//! Secrets with a name whose separators are escaped: `password%3Dhunter2`,
//! `\u0022password\u0022:\u0022hunter2\u0022`.

use super::names::{self, Name};
use super::{byte, is_delimiter, mask_end, part};

/// Where the first secret stands that is named, and separated from its name by an escape, in the
/// token `text[start..end]`.
pub(super) fn value_inside(text: &str, start: usize, end: usize) -> Option<(usize, usize)> {
    let (mut name, mut at) = (start, start);
    while at < end {
        let Some((_, behind)) = separator(text, at) else {
            at += 1;
            continue;
        };
        if let Some(found) = value_behind(text, part(text, name, at), at) {
            return Some(found);
        }
        (name, at) = (behind, behind);
    }
    None
}

/// The secret that `name`, which ends at `at`, gives away.
fn value_behind(text: &str, name: &str, mut at: usize) -> Option<(usize, usize)> {
    let name = names::kind(name)?;
    let mut is_assigned = false;
    loop {
        let (mark, behind) = match byte(text, at) {
            raw @ (b'=' | b':' | b' ' | b'"' | b'\'') => (raw, at + 1),
            _ => match separator(text, at) {
                Some(escaped) => escaped,
                None => break,
            },
        };
        if matches!(mark, b'&' | b',' | b';' | b'}' | b']' | b')') {
            return None;
        }
        is_assigned |= matches!(mark, b'=' | b':');
        at = behind;
    }
    let to = value_end(text, at, name);
    let found = part(text, at, to);
    let is_mask = mask_end(text, at) == Some(to);
    (is_assigned && at < to && !is_mask && name.is_secret(true, found)).then_some((at, to))
}

/// A value ends at the next separator, escaped or not, a header's with its line.
fn value_end(text: &str, mut at: usize, name: Name) -> usize {
    let ends = |mark: u8| match (name, mark) {
        (Name::Header, mark) => matches!(mark, b'"' | b'\'' | b'&') || mark.is_ascii_control(),
        // The padding of base64.
        (_, b'=' | b':') => false,
        (_, mark) => is_delimiter(mark),
    };
    while let Some(raw) = text.as_bytes().get(at) {
        if let Some(behind) = mask_end(text, at) {
            at = behind;
        } else if let Some((mark, behind)) = separator(text, at) {
            if ends(mark) {
                break;
            }
            at = behind;
        } else if is_delimiter(*raw) {
            break;
        } else {
            at += 1;
        }
    }
    at
}

/// The separator whose escape begins at `at`, and where that ends: `%3D`, `%253D`, `\u003d`,
/// `\x3d`.
fn separator(text: &str, at: usize) -> Option<(u8, usize)> {
    let first = byte(text, at);
    if first != b'%' && first != b'\\' {
        return None;
    }
    let rest = text.as_bytes().get(at..)?;
    let digits = ["%25", "%", "\\u00", "\\\\u00", "\\x"].iter().find_map(|begin| {
        let digits = rest.strip_prefix(begin.as_bytes())?.first_chunk::<2>()?;
        // No separator begins with a letter, and `+` begins no digits.
        let [b'0'..=b'9', _] = digits else { return None };
        let number = u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()?;
        Some((number, at + begin.len() + 2))
    });
    digits.filter(|(mark, _)| is_delimiter(*mark) || *mark == b':')
}
